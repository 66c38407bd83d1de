"""The review of `:classify` and `:regress` bodies against the canary's answers."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from rest_posts import post

from tfx_parity import PayloadGuard
from tfx_parity.canary.backend import RunningCanary
from tfx_parity.canary.native import NativeBackend
from tfx_parity.findings import FaultKind

pytestmark = pytest.mark.native
OK = 200
BODIES = 120
ODD = [None, 1, [1, 2], [0.5], [0.5, 1], [0.5, "a"], "ab", [], [0.5, None], {"b64": "*"}, 2**64, {}]


@pytest.fixture(scope="module")
def canary(models: Path) -> Iterator[RunningCanary]:
    """Serve a model with a signature for each of the three methods."""
    with NativeBackend().start(models / "estimator") as running:
        yield running


def random_body(source: random.Random) -> bytes:
    """Return examples of which some have an odd value, lack one or hold one too many."""
    rows: list = [{"x": [0.5, 0.25]} for _ in range(source.randint(1, 3))]
    for _ in range(source.choice([0, 0, 1, 2])):
        row = source.randrange(len(rows))
        rows[row] = source.choice([{"x": source.choice(ODD)}, {"y": 1}, 7, {"x": [1e39, 0.5]}])
    document = {"signature_name": source.choice(["classify", "regress", "other"]), "examples": rows}
    if source.random() < 0.2:
        document["context"] = source.choice([{"x": [1.5, 2.5]}, {"c": 1}, 1])
    body = json.dumps(document).encode("utf-8")
    return body[: source.randint(1, len(body))] if source.random() < 0.1 else body


@pytest.mark.parametrize("method", ["classify", "regress"])
def test_random_bodies_are_refused_where_the_guard_says_so(
    canary: RunningCanary, models: Path, method: str
) -> None:
    """Refused means an error whose text begins as quoted; anything else is answered."""
    guard = PayloadGuard.from_model(models / "estimator")
    source = random.Random(20161116)  # noqa: S311 - a reproducible choice, no secret
    refused = taken = 0
    for _ in range(BODIES):
        body = random_body(source)
        faults = guard.check_rest(body, method)
        told = [fault.server for fault in faults if fault.kind is FaultKind.REFUSED]
        status, text = post(canary, method, body)
        assert (OK == status) == (not told), body
        assert text.startswith(told[0] if told else ""), body
        refused += bool(told)
        taken += not told

    assert refused > BODIES / 4
    assert taken > BODIES / 10
