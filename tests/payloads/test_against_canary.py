"""The validator's word against the canary's answer."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from rest_posts import post

from tfx_parity import PayloadGuard
from tfx_parity.canary.backend import RunningCanary
from tfx_parity.canary.client import RequestError
from tfx_parity.canary.native import NativeBackend
from tfx_parity.findings import FaultKind
from tfx_parity.protos import Example

pytestmark = [pytest.mark.tensorflow, pytest.mark.tfx, pytest.mark.native]

ROW = {"colour": "red", "count": 3, "size": 1.5, "tags": ["a"], "vector": [1.0, 2.0, 3.0]}
ODD = [None, True, "x", "3", 1e39, 3.0, 2**63, -1, 16777217, [], [1], {"b64": "eA=="}, {"b64": "*"}]
BODIES = 150
OK = 200


class Served(NamedTuple):
    """A model that is served, and its guard."""

    guard: PayloadGuard
    canary: RunningCanary


@pytest.fixture(scope="module")
def served(toy_transform_graph: Path, trained_models: dict) -> Iterator[Served]:
    """Serve the toy model."""
    model = trained_models["keras 3"].model
    with NativeBackend().start(model) as canary:
        yield Served(PayloadGuard.from_model(model), canary)


def random_body(source: random.Random) -> bytes:
    """Return rows of which some have an odd value, lack one or hold one too many."""
    rows = [dict(ROW) for _ in range(source.randint(1, 3))]
    for _ in range(source.randint(0, 2)):
        row, name = source.choice(rows), source.choice(sorted(ROW))
        kind = source.randrange(4)
        if kind == 0:
            row.pop(name, None)
        elif kind == 1:
            row["other"] = 1
        else:
            row[name] = source.choice(ODD)
    document: dict = {"signature_name": "serve_raw", "instances": rows}
    if source.random() < 0.2:
        document["inputs" if source.random() < 0.5 else "id"] = 1
    body = json.dumps(document).encode("utf-8")
    return body[: source.randint(1, len(body))] if source.random() < 0.1 else body


def test_random_bodies_are_refused_by_the_canary_where_the_guard_says_so(served: Served) -> None:
    """Refused means an error with the very text; anything else is answered, shapes apart."""
    source = random.Random(20161116)  # noqa: S311 - a reproducible choice, no secret
    refused = taken = 0
    for _ in range(BODIES):
        body = random_body(source)
        faults = served.guard.check_rest(body)
        status, text = post(served.canary, "predict", body)
        told = [fault.server for fault in faults if fault.kind is FaultKind.REFUSED]
        if told:
            assert status != OK, body
            assert told[0] == text, body
            refused += 1
        elif not any(fault.code.value == "WRONG_SHAPE" for fault in faults):
            assert (OK, "") == (status, text), body
            taken += 1

    assert refused > BODIES / 4
    assert taken > BODIES / 4


def example_with(name: str, field: str, values: list) -> bytes:
    """Return a good example in which one feature is replaced."""
    made = Example()
    for key, value in ROW.items():
        feature = made.features.feature[key]
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str):
                feature.bytes_list.value.append(item.encode())
            elif isinstance(item, float):
                feature.float_list.value.append(item)
            else:
                feature.int64_list.value.append(item)
    if field:
        made.features.feature[name].Clear()
        getattr(made.features.feature[name], field).value.extend(values)
        getattr(made.features.feature[name], field).SetInParent()
    else:
        del made.features.feature[name]
    return made.SerializeToString(deterministic=True)


@pytest.mark.parametrize(
    ("name", "field", "values"),
    [
        ("colour", "", []),
        ("colour", "bytes_list", [b"a", b"b"]),
        ("colour", "bytes_list", []),
        ("colour", "int64_list", [1]),
        ("count", "", []),
        ("count", "float_list", [1.0]),
        ("tags", "int64_list", [1]),
        ("tags", "bytes_list", [b"a", b"b"]),
        ("size", "int64_list", [1]),
        ("vector", "float_list", [1.0, 2.0]),
        ("vector", "float_list", [1.0, 2.0, 3.0, 4.0]),
    ],
)
def test_examples_are_refused_in_the_words_of_the_graph(
    served: Served, name: str, field: str, values: list
) -> None:
    """What the parsing op says is what the guard quotes."""
    record = example_with(name, field, values)
    expected = [f.server for f in served.guard.check_example(record) if f.server]
    message = ""
    try:
        served.canary.client.predict("serving_default", {"examples": np.array([record], object)})
    except RequestError as error:
        message = error.message

    assert bool(expected) == bool(message)
    assert message.startswith(expected[0] if expected else "")
