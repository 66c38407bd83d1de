"""Metrics are told as TensorFlow Serving tells them to Prometheus."""

from __future__ import annotations

import re

import pytest

from tfx_parity.canary.monitoring import RequestMetrics
from tfx_parity.serving_api.status import Code, ServingError


def _refused(metrics: RequestMetrics, model: str) -> None:
    with pytest.raises(ServingError), metrics.measured(model, "Predict", "GRPC"):
        raise ServingError(Code.NOT_FOUND, "no")


def test_requests_are_counted_by_model_and_end() -> None:
    """An answer counts as OK and is timed, a refusal counts by its code and is not."""
    metrics = RequestMetrics()
    for _ in range(3):
        with metrics.measured("m", "predict", "REST"):
            pass
    _refused(metrics, "m")
    lines = metrics.page().decode().splitlines()

    counts = [line for line in lines if line.startswith(":tensorflow:serving:request_count")]
    assert [
        ':tensorflow:serving:request_count{model_name="m",status="NOT_FOUND"} 1',
        ':tensorflow:serving:request_count{model_name="m",status="OK"} 3',
    ] == counts
    labels = 'model_name="m",API="predict",entrypoint="REST"'
    assert f":tensorflow:serving:request_latency_count{{{labels}}} 3" in lines
    assert "# TYPE :tensorflow:serving:request_latency histogram" in lines


def test_buckets_grow_and_end_at_infinity() -> None:
    """33 limits from 10 us, each 1.8 times the one before, then the rest; counts are cumulative."""
    metrics = RequestMetrics()
    with metrics.measured("m", "Predict", "GRPC"):
        pass
    found = re.findall(r'le="(.*?)"} (\d+)', metrics.page().decode())

    limits = [limit for limit, _ in found]
    counts = [int(count) for _, count in found]
    assert ["10", "18", "32.4", "58.32"] == limits[:4]
    assert (34, "+Inf", 1) == (len(limits), limits[-1], counts[-1])
    assert sorted(counts) == counts


def test_names_that_clients_make_up_do_not_fill_the_memory() -> None:
    """A thousand cells, then no more; and a name cannot break out of its quotes."""
    metrics = RequestMetrics()
    _refused(metrics, 'a"b\\c\n')
    for number in range(2_000):
        _refused(metrics, f"m{number}")
    lines = metrics.page().decode().splitlines()

    assert 1_002 == len(lines)
    assert any(r'model_name="a\"b\\c\n",status' in line for line in lines)
