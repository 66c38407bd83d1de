"""What TransformGraphGen adds to the transform graph, on a real run."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from feature_order import written_in_order

from tfx_parity.contract import RawFeature, TransformedFeature
from tfx_parity.contract.examples import decode_rows
from tfx_parity.contract.parity_sample import FOLDER_NAME, read_sample, sample_key
from tfx_parity.contract.serving_contract import read_contract
from tfx_parity.protos import Example

pytestmark = [pytest.mark.tfx, pytest.mark.tensorflow]


def test_the_contract_says_what_clients_send(toy_transform_graph: Path) -> None:
    """Raw features that the graph reads are listed with kind, shape and domain; others are not."""
    contract = read_contract(toy_transform_graph)
    assert contract is not None

    raw = {feature.name: feature for feature in contract.raw_features}

    assert {"size", "count", "vector", "colour", "tags"} == set(raw)
    assert _of(raw["count"]) == ("varlen", (1,), False)
    assert _of(raw["tags"]) == ("varlen", (None,), False)
    assert _of(raw["vector"]) == ("fixed", (3,), True)
    assert _of(raw["colour"]) == ("fixed", (), True)
    assert (raw["count"].domain.minimum, raw["count"].domain.maximum) == (0, 90)


def _of(feature: RawFeature) -> tuple[object, ...]:
    return feature.kind, feature.shape, feature.required


def test_the_label_is_kept_apart(toy_transform_graph: Path) -> None:
    """A feature outside the serving environment is a label, and what depends on it is known."""
    contract = read_contract(toy_transform_graph)
    assert contract is not None

    names = {feature.name for feature in contract.transformed_features}

    assert contract.label_features == ("label",)
    assert {"label_id"} == names - {feature.name for feature in contract.serving_features}


def test_each_transformed_feature_knows_its_raw_ones(toy_transform_graph: Path) -> None:
    """The dependencies are those of the graph."""
    contract = read_contract(toy_transform_graph)
    assert contract is not None

    depends = {f.name: f.raw_features for f in contract.transformed_features}

    assert ("size",) == depends["size_z"] == depends["size_log"]
    assert depends["count_z"] == ("count",)
    assert depends["tags_id"] == ("tags",)


def test_every_example_is_sampled_in_the_order_of_its_key(toy_transform_graph: Path) -> None:
    """A sample larger than the data holds all of it, in an order that the seed alone decides."""
    sample = read_sample(toy_transform_graph / FOLDER_NAME)

    keys = [sample_key(pair.raw, sample.seed) for pair in sample.pairs]

    assert (len(sample.pairs), sample.available, sample.seed) == (420, 420, 5)
    assert sorted(keys) == keys


def test_the_pairs_belong_together(toy_transform_graph: Path) -> None:
    """The transformed record beside a raw example is what the graph makes of that one."""
    import tensorflow as tf
    import tensorflow_transform as tft

    sample = read_sample(toy_transform_graph / FOLDER_NAME)
    output = tft.TFTransformOutput(str(toy_transform_graph))
    raw = tf.io.parse_example([p.raw for p in sample.pairs], output.raw_feature_spec())
    made = output.transform_features_layer()(raw)["count_z"].numpy()
    feature = TransformedFeature("count_z", "float32", "fixed", (1,), ("count",))

    rows = decode_rows([pair.transformed for pair in sample.pairs], feature)

    assert made.ravel().tolist() == [row.item() for row in rows]


def test_the_coverage_set_reaches_every_feature(toy_transform_graph: Path) -> None:
    """Every raw feature has its rare values; where the graph raises, that is the outcome."""
    sample = read_sample(toy_transform_graph / FOLDER_NAME)
    rows = {(row.feature, row.value): row for row in sample.coverage}

    for feature in ("size", "count", "vector", "colour", "tags"):
        assert {"missing", "empty"} <= {value for name, value in rows if name == feature}
    assert {"unicode", "very_long", "out_of_vocabulary", "empty_string"} <= {
        value for name, value in rows if name == "colour"
    }
    assert rows["size", "missing"].error is not None
    assert rows["count", "missing"].error is None
    assert rows["count", "missing"].transformed is not None


def test_the_same_graph_and_seed_give_the_same_bytes(
    toy_transform_graph: Path, tmp_path: Path
) -> None:
    """The second job again, of examples whose writer put the features in another order.

    The sample is the same, byte for byte: protobuf 6 writes a map in another order in each process.
    """
    import apache_beam as beam
    import tensorflow as tf
    import tensorflow_transform as tft
    import toy_data
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    from tfx_parity.contract import ParitySample
    from tfx_parity.contract.parity_sample import FILES, write_sample
    from tfx_parity.transform_graph_gen.coverage import coverage_rows
    from tfx_parity.transform_graph_gen.executor import (
        _read_available,
        _read_pairs,
    )
    from tfx_parity.transform_graph_gen.sample_job import read_batches, run_sample_job

    examples = toy_transform_graph.parents[2] / "ImportExampleGen" / "examples"
    with tf.io.TFRecordWriter(str(tmp_path / "examples.gz"), "GZIP") as writer:
        for path in examples.glob("*/Split-*/*"):
            for record in itertools.chain.from_iterable(read_batches(str(path))):
                names = sorted(Example.FromString(record).features.feature, reverse=True)
                writer.write(written_in_order(record, names))
    patterns = [str(tmp_path / "examples.gz")]
    schema = text_format.Parse(toy_data.SCHEMA, schema_pb2.Schema())
    temp = str(tmp_path / "temp")
    run_sample_job(
        beam.Pipeline, patterns, str(toy_transform_graph), schema, seed=5, size=3000, folder=temp
    )
    pairs = tuple(_read_pairs(temp, 5))
    contract = read_contract(toy_transform_graph)
    assert contract is not None
    coverage = coverage_rows(contract, tft.TFTransformOutput(str(toy_transform_graph)), pairs)
    again = ParitySample(pairs, coverage, 5, ("eval", "train"), _read_available(temp))

    write_sample(tmp_path / "again", again)

    for name in FILES:
        first = (toy_transform_graph / FOLDER_NAME / name).read_bytes()
        assert first == (tmp_path / "again" / name).read_bytes(), name
    first_manifest = json.loads((toy_transform_graph / FOLDER_NAME / "manifest.json").read_text())
    assert first_manifest == json.loads((tmp_path / "again" / "manifest.json").read_text())


def test_the_clock_changes_no_constant_of_the_graph(
    toy_transform_graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Beam would tune batches to other sizes, the same examples are transformed the same."""
    import toy_pipeline
    from apache_beam.transforms.util import _BatchSizeEstimator

    sizes, tune = itertools.cycle((3, 17, 8)), _BatchSizeEstimator.next_batch_size

    def tuned_by_another_clock(estimator: _BatchSizeEstimator) -> int:
        fixed = estimator._min_batch_size == estimator._max_batch_size
        return tune(estimator) if fixed else next(sizes)

    monkeypatch.setattr(_BatchSizeEstimator, "next_batch_size", tuned_by_another_clock)

    graph = toy_pipeline.make_transform_graph(tmp_path)

    expected = read_sample(toy_transform_graph / FOLDER_NAME)
    assert read_sample(graph / FOLDER_NAME).pairs == expected.pairs
