"""Where the answers of one graph part: the tensor, and the words for it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tfx_parity.canary.client import CanaryClient
from tfx_parity.canary.native import NativeBackend
from tfx_parity.canary_validator.answers import Answers
from tfx_parity.canary_validator.check import check_model
from tfx_parity.canary_validator.comparing import Limits, compare_arms
from tfx_parity.canary_validator.localisation import Located, locate
from tfx_parity.canary_validator.observation import PairKind, Question
from tfx_parity.canary_validator.panel import Panel
from tfx_parity.canary_validator.placing import place_first_cause
from tfx_parity.canary_validator.recorded import Recorded, from_logs
from tfx_parity.comparison.tolerance import TolerancePolicy
from tfx_parity.findings import Cause, CauseCode
from tfx_parity.protos import prediction_log_pb2
from tfx_parity.serving_api.tensors import to_proto

pytestmark = [pytest.mark.native, pytest.mark.tensorflow]

X = list(np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32))
TEXTS = [np.array(text, object) for text in (b"a", b"b c", b"c d e f", b"A", b"x y", b"b")]
DEADLINE_S = 120.0


def _locate(models: Path, name: str, kind: PairKind, deadline_s: float = DEADLINE_S) -> Located:
    inputs = {"text": TEXTS} if name.startswith(("padded", "branches")) else {"x": X}
    question = Question(models / name / "1", "serving_default", inputs, kind, TolerancePolicy())
    return locate(question, deadline_s)


@pytest.mark.parametrize(
    ("name", "kind", "sentence"),
    [
        ("keras3_batch_norm", PairKind.GROUPING, "layer norm (op Mean, node .*/moments/mean)"),
        ("keras3_centred", PairKind.GROUPING, "layer centre.* (op Mean, node .*centre.*/Mean)"),
        (
            "keras3_dropout",
            PairKind.REPEAT,
            "layer drop (op ReadVariableOp of variable seed_generator.*, node .*/drop.*)",
        ),
        (
            "keras2_dropout",
            PairKind.REPEAT,
            "layer drop (op RandomUniform, node model.*/drop/dropout/random_uniform/RandomUniform)",
        ),
        ("random_noise", PairKind.REPEAT, "layer noisy (op RandomUniform, node noisy/.*)"),
        ("padded", PairKind.GROUPING, "layer bag (op Sum, node bag/Sum)"),
        ("padded_and_masked", PairKind.GROUPING, "layer scaled (op Max, node scaled/Max)"),
        ("rewritten", PairKind.REWRITER, "layer shifted (op AddV2, node shifted/add_1)"),
        ("v1_rewritten", PairKind.REWRITER, "layer shifted (op AddV2, node shifted/add_1)"),
        (
            "drawn_at_start",
            PairKind.RESTART,
            "layer head (op ReadVariableOp of variable head/drawn, node head/.*)",
        ),
        ("switched", PairKind.GROUPING, "layer centre (op Mean, node centre/Mean)"),
    ],
)
def test_the_first_tensor_that_differs_is_named(
    graph_models: Path, name: str, kind: PairKind, sentence: str
) -> None:
    """The layer, the op and the node where the fault was planted, and nothing before it."""
    located = _locate(graph_models, name, kind)
    pattern = sentence.replace("(", r"\(").replace(")", r"\)")

    assert located.places, located
    assert re.fullmatch(pattern, located.places[0].sentence), located
    assert located.detail.startswith(f"Asked {kind.value}, {located.places[0].path}")


def test_padding_that_counts_is_told(graph_models: Path) -> None:
    """Not the padding itself is the place, but where it begins to count."""
    located = _locate(graph_models, "padded", PairKind.GROUPING)

    assert "whose shape is [6, 4] in the batch and [1, 1] alone" in located.detail


def test_a_value_of_the_whole_batch_is_told(graph_models: Path) -> None:
    """A mean over the batch has no rows."""
    located = _locate(graph_models, "keras3_centred", PairKind.GROUPING)

    assert "one value for all examples" in located.detail


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("nested", PairKind.GROUPING, "the debug copy of the model gave equal answers"),
        ("branches", PairKind.REPEAT, "the debug copy of the model gave equal answers"),
        ("compiled", PairKind.GROUPING, r"the debug copy of the model fails (INTERNAL)"),
    ],
)
def test_what_cannot_be_seen_is_told(
    graph_models: Path, name: str, kind: PairKind, words: str
) -> None:
    """No place is made up where the copy does not show the difference."""
    located = _locate(graph_models, name, kind)

    assert () == located.places
    assert words in located.detail


def test_the_search_ends_in_time(graph_models: Path) -> None:
    """A deadline that passed gives no place, and says so."""
    located = _locate(graph_models, "padded", PairKind.GROUPING, deadline_s=0.0)

    assert (
        Located((), "No place was found: the debug copy of the model did not answer in time.")
        == located
    )


def _recorded(model: Path, rows: list[np.ndarray]) -> Recorded:
    """Record what the model answers one by one."""
    logs = []
    with NativeBackend().start(model) as canary:
        for row in rows:
            log = prediction_log_pb2.PredictionLog()
            log.predict_log.request.inputs["x"].CopyFrom(to_proto(row[np.newaxis]))
            outputs = canary.client.predict("serving_default", {"x": row[np.newaxis]})
            for name, value in outputs.items():
                log.predict_log.response.outputs[name].CopyFrom(to_proto(value))
            logs.append(log.SerializeToString())
    return from_logs(logs, "made for a test")


def test_a_check_names_the_layer(graph_models: Path) -> None:
    """From the arms to the report: the first cause has its place in the graph."""
    model = graph_models / "keras3_centred"
    rows = list(np.random.default_rng(1).normal(size=(40, 4)).astype(np.float32))

    result = check_model(model, _recorded(model, rows))

    first = result.causes[0]
    assert CauseCode.BATCH_DEPENDENT is first.code
    assert first.place.startswith("layer centre")
    assert "Asked in one batch, and one by one" in first.evidence.detail


def test_a_search_that_fails_leaves_the_cause_as_it_was(tmp_path: Path) -> None:
    """The verdict stands without a place; the reason is told beside it."""
    recorded = from_logs([_log(row) for row in X], "made for a test")
    rung = compare_arms(
        ("C", "C1"),
        {"C": _answers(X), "C1": _answers([row + 1 for row in X])},
        TolerancePolicy(),
        Limits(0.01, 0.95),
    )
    cause = Cause(
        CauseCode.BATCH_DEPENDENT, "signature 'serving_default'", rung.evidence("6.", None)
    )
    client = CanaryClient(grpc_address="127.0.0.1:1", rest_address="127.0.0.1:1", model_name="m")
    with client:
        panel = Panel(recorded, {}, client, client, 4)
        told: list[str] = []
        [placed] = place_first_cause(
            [cause], {("C", "C1"): rung}, panel, tmp_path, TolerancePolicy(), told.append
        )

    assert (cause.code, cause.place) == (placed.code, placed.place)
    assert placed.evidence.detail.startswith("6. No place was found: ")
    assert "saved_model.pb" in placed.evidence.message
    assert ["looking for the place of BATCH_DEPENDENT in the graph"] == told


def _answers(rows: list[np.ndarray]) -> Answers:
    return Answers(tuple(range(len(rows))), {"y": rows}, {})


def _log(row: np.ndarray) -> bytes:
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.inputs["x"].CopyFrom(to_proto(row[np.newaxis]))
    log.predict_log.response.outputs["y"].CopyFrom(to_proto(row[np.newaxis]))
    return log.SerializeToString()
