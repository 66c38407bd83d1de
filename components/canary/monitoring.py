"""Metrics of a server in Prometheus' text form (--monitoring_config_file).

Names, labels and buckets are TF Serving's (servables/tensorflow/util.cc), the form is that of its
util/prometheus_exporter.cc. TF Serving tells a hundred more, of TensorFlow's own parts.
"""

from __future__ import annotations

import bisect
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tfx_parity.serving_api.status import Code, ServingError

_COUNT = ":tensorflow:serving:request_count"
_LATENCY = ":tensorflow:serving:request_latency"
# Microseconds; the last bucket is for all that is longer (twenty minutes).
_LIMITS = tuple(10 * 1.8**power for power in range(33))
# Names of models come from clients: what they make up must not fill the memory.
_MOST_CELLS = 1_000
_Labels = tuple[tuple[str, str], ...]


class RequestMetrics:
    """How many requests each model got, how they ended, and how long the good ones took."""

    def __init__(self) -> None:
        self._counts: dict[_Labels, int] = {}
        self._times: dict[_Labels, tuple[list[int], float]] = {}
        self._lock = threading.Lock()

    @contextmanager
    def measured(self, model: str, api: str, entrypoint: str) -> Iterator[None]:
        """Count what the block does as a request; a ServingError that it raises is its end.

        Args:
            model: The model's name, as the request has it.
            api: Such as "Predict" over gRPC and "predict" over REST.
            entrypoint: "GRPC" or "REST".
        """
        started = time.perf_counter()
        code = Code.OK
        try:
            yield
        except ServingError as error:
            code = error.code
            raise
        finally:
            micros = (time.perf_counter() - started) * 1e6
            with self._lock:
                self._count((("model_name", model), ("status", code.name)))
                if code is Code.OK:
                    cell = (("model_name", model), ("API", api), ("entrypoint", entrypoint))
                    self._time(cell, micros)

    def _count(self, cell: _Labels) -> None:
        if cell in self._counts or len(self._counts) < _MOST_CELLS:
            self._counts[cell] = self._counts.get(cell, 0) + 1

    def _time(self, cell: _Labels, micros: float) -> None:
        buckets, total = self._times.get(cell, ([0] * (len(_LIMITS) + 1), 0.0))
        buckets[bisect.bisect_right(_LIMITS, micros)] += 1
        self._times[cell] = buckets, total + micros

    def page(self) -> bytes:
        """Return all metrics, sorted by name and labels."""
        with self._lock:
            counts = sorted(self._counts.items())
            times = [(cell, list(found), total) for cell, (found, total) in self._times.items()]
        lines = [f"# TYPE {_COUNT} counter"]
        lines += [f"{_COUNT}{{{_text(cell)}}} {count}" for cell, count in counts]
        lines.append(f"# TYPE {_LATENCY} histogram")
        for cell, buckets, total in sorted(times):
            lines += _histogram(_text(cell), buckets, total)
        return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")


def _histogram(labels: str, buckets: list[int], total: float) -> Iterator[str]:
    below = 0
    for limit, found in zip([*(f"{limit:g}" for limit in _LIMITS), "+Inf"], buckets, strict=True):
        below += found
        yield f'{_LATENCY}_bucket{{{labels},le="{limit}"}} {below}'
    yield f"{_LATENCY}_sum{{{labels}}} {total:g}"
    yield f"{_LATENCY}_count{{{labels}}} {below}"


def _text(cell: _Labels) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in cell)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
