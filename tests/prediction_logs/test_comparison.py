"""Predictions compared on Beam: the result is the one in memory, and the documented code runs."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tfx_parity.comparison.batches import BatchStatistics, ExamplePair, compare_batch
from tfx_parity.comparison.tolerance import Tolerance, TolerancePolicy
from tfx_parity.errors import BadInputError
from tfx_parity.prediction_logs.records import example_number, read_prediction, request_key
from tfx_parity.protos import Example, prediction_log_pb2
from tfx_parity.serving_api.tensors import to_proto
from tfx_parity.tfrecord import write_records

if TYPE_CHECKING:
    import apache_beam as beam

pytestmark = pytest.mark.tfx

DOCS = Path(__file__).parents[2] / "docs" / "beam.md"
LABELS = ("species",)
COUNT = 300


def _log(raw: bytes, scores: np.ndarray) -> bytes:  # type: ignore[type-arg]
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.inputs["examples"].CopyFrom(to_proto(np.array([raw], dtype=object)))
    log.predict_log.response.outputs["scores"].CopyFrom(to_proto(scores[np.newaxis]))
    return log.SerializeToString()


def _raw(number: int, *, labelled: bool) -> bytes:
    """Return an example whose features come in another order where it has its label."""
    values = {"mass": [float(number)], "depth": [1.0]}
    example = Example()
    for name in reversed(values) if labelled else values:
        example.features.feature[name].float_list.value.extend(values[name])
    if labelled:
        example.features.feature["species"].bytes_list.value.append(b"Gentoo")
    return example.SerializeToString(deterministic=not labelled)


@pytest.fixture(scope="module")
def sides() -> tuple[list[bytes], list[bytes]]:
    """Return what two models answered: 20 differ, one was asked twice, each side has one alone."""
    random = np.random.default_rng(7)
    scores = random.random((COUNT, 3), np.float32)
    other = scores + np.float32(1e-8)
    other[::15] += np.float32(0.01)
    reference = [_log(_raw(n, labelled=False), scores[n]) for n in [*range(COUNT), 5]]
    candidate = [_log(_raw(n, labelled=True), other[n]) for n in [*range(COUNT), 5]]
    reference.append(_log(_raw(1000, labelled=False), scores[0]))
    candidate.append(_log(_raw(1001, labelled=True), scores[0]))
    random.shuffle(candidate)
    return reference, candidate


def _key(record: bytes) -> bytes:
    return request_key(read_prediction(record, "here").inputs, LABELS)


def _in_memory(sides: tuple[list[bytes], list[bytes]]) -> BatchStatistics:
    """Compare both sides by a dictionary of requests, without Beam."""
    answers: list[dict[int, Any]] = []
    for records in sides:
        found: dict[int, Any] = {}
        for record in sorted(records):
            key = _key(record)
            copy = sum(example_number(key, copy) in found for copy in range(2))
            found[example_number(key, copy)] = read_prediction(record, "here").outputs
        answers.append(found)
    reference, candidate = answers
    both = reference.keys() & candidate.keys()
    pairs = [ExamplePair(number, reference[number], candidate[number]) for number in both]
    alone = BatchStatistics(
        reference_only=len(reference.keys() - both), candidate_only=len(candidate.keys() - both)
    )
    return compare_batch(pairs, TolerancePolicy()).merged(alone)


def _run(transform: beam.PTransform, source: object, folder: Path) -> dict[str, Any]:
    """Return what a transform makes of its input (one list, or one by side), as JSON."""
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

    with beam.Pipeline(options=PipelineOptions(["--runner=DirectRunner"])) as pipeline:
        collections: Any = (
            {side: pipeline | side >> beam.Create(found) for side, found in source.items()}
            if isinstance(source, dict)
            else pipeline | beam.Create(source)
        )
        _ = (
            collections
            | transform
            | "As JSON" >> beam.Map(lambda found: json.dumps(found.to_json(), allow_nan=False))
            | beam.io.WriteToText(str(folder / "found.json"), shard_name_template="")
        )
    (line,) = (folder / "found.json").read_text().splitlines()
    document: dict[str, Any] = json.loads(line)
    return document


def _document(statistics: BatchStatistics) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(statistics.to_json(), allow_nan=False))
    return document


def test_predictions_compared_on_beam_give_the_result_in_memory(
    sides: tuple[list[bytes], list[bytes]], tmp_path: Path
) -> None:
    """Paired by request whatever their order and bytes; what one side alone answered is counted."""
    from tfx_parity import ComparePredictions

    source = dict(zip(("reference", "candidate"), sides, strict=True))

    found = _run(ComparePredictions(label_features=LABELS), source, tmp_path)

    assert _document(_in_memory(sides)) == found
    assert (COUNT + 1, 20, 1, 1) == (
        found["examples"],
        found["mismatching_examples"],
        found["reference_only"],
        found["candidate_only"],
    )
    numbers = {example_number(_key(sides[0][row])) for row in range(0, COUNT, 15)}
    assert {element["row"] for element in found["outputs"]["scores"]["worst"]} <= numbers


def test_batches_compared_on_beam_give_the_result_of_one(tmp_path: Path) -> None:
    """Paired batches of any size go through the same merging."""
    from tfx_parity.prediction_logs.comparison import CompareBatches

    values = np.random.default_rng(1).random((200, 2), np.float32)
    pairs = [
        ExamplePair(number, {"a": row}, {"a": row * np.float32(1 + number * 1e-6)})
        for number, row in enumerate(values)
    ]
    batches = [pairs[begin : begin + 7] for begin in range(0, len(pairs), 7)]

    found = _run(CompareBatches(TolerancePolicy()), batches, tmp_path)

    assert _document(compare_batch(pairs, TolerancePolicy())) == found
    assert 0 < found["mismatching_examples"] < 200


def test_a_tolerance_of_no_output_is_refused_once_all_are_known(
    sides: tuple[list[bytes], list[bytes]], tmp_path: Path
) -> None:
    """A mistyped name fails the pipeline, with the names that there are."""
    from tfx_parity import ComparePredictions

    policy = TolerancePolicy({"score": Tolerance(rtol=1, atol=1)})
    source = {"reference": sides[0][:2], "candidate": sides[0][:2]}

    with pytest.raises(BadInputError, match="'score'; the outputs are 'scores'"):
        _run(ComparePredictions(policy), source, tmp_path)


def test_a_side_of_another_name_is_refused() -> None:
    """Which side is the reference is said, since the tolerance is a part of its magnitude."""
    from tfx_parity import ComparePredictions

    with pytest.raises(ValueError, match=r"got \['a', 'b'\]"):
        ComparePredictions().expand({"a": None, "b": None})


def test_the_documented_code_runs(
    sides: tuple[list[bytes], list[bytes]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Both pieces of code of docs/beam.md, one after the other, on files laid out as they say."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["compare"])  # Beam reads its options there
    write_records(tmp_path / "trainer_predictions" / "predictions.tfrecord", sides[0])
    write_records(tmp_path / "plain", sides[1])
    (tmp_path / "inference_result").mkdir()
    zipped = gzip.compress((tmp_path / "plain").read_bytes())
    (tmp_path / "inference_result" / "prediction_logs-00000-of-00001.gz").write_bytes(zipped)
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)

    assert 2 == len(blocks)
    for block in blocks:
        exec(compile(block, str(DOCS), "exec"), {"__name__": "docs"})  # noqa: S102 - ours

    assert [
        "20 of 301 differ: under 9.51% at 95%",
        "answered by one side alone: 1 and 1",
    ] == capsys.readouterr().out.splitlines()[:2]
