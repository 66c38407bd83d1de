"""PayloadValidator's executor on real artifacts: report, statistics, anomalies, blessing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.tfx, pytest.mark.tensorflow]
PROPERTIES = {"environment": "SERVING", "fail_on": "suspect"}
ROW = {"colour": "red", "count": 3, "size": 1.5, "tags": ["a"], "vector": [1.0, 2.0, 3.0]}


def _artifact(kind: str, uri: Path) -> Any:
    from tfx.types import standard_artifacts

    artifact = getattr(standard_artifacts, kind)()
    artifact.uri = str(uri)
    return artifact


class _Outputs:
    """The component's four output artifacts in a folder."""

    def __init__(self, folder: Path) -> None:
        from tfx_parity import PayloadReport

        self.report = PayloadReport()
        self.report.uri = str(folder / "report")
        self.payload_statistics = _artifact("ExampleStatistics", folder / "statistics")
        self.anomalies = _artifact("ExampleAnomalies", folder / "anomalies")
        self.blessing = _artifact("InfraBlessing", folder / "blessing")

    @property
    def channels(self) -> dict[str, list[Any]]:
        names = ("report", "payload_statistics", "anomalies", "blessing")
        return {name: [getattr(self, name)] for name in names}


@pytest.fixture
def inputs(
    trained_models: dict[str, Any], toy_transform_graph: Path, tmp_path: Path
) -> dict[str, list[Any]]:
    """Return the artifacts of a trained model and of the schema it was trained by."""
    import toy_data

    shutil.copytree(trained_models["keras 3"].model, tmp_path / "model" / "Format-Serving")
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema" / "schema.pbtxt").write_text(toy_data.SCHEMA)
    return {
        "model": [_artifact("Model", tmp_path / "model")],
        "schema": [_artifact("Schema", tmp_path / "schema")],
        "transform_graph": [_artifact("TransformGraph", toy_transform_graph)],
    }


def _run(inputs: dict[str, list[Any]], folder: Path, **changes: object) -> _Outputs:
    from tfx_parity.payload_validator.executor import Executor

    outputs = _Outputs(folder)
    Executor().Do(inputs, outputs.channels, PROPERTIES | changes)
    return outputs


def _report(outputs: _Outputs) -> dict[str, Any]:
    return json.loads((Path(outputs.report.uri) / "report.json").read_text())


def test_a_training_split_without_its_label_is_what_clients_send(
    inputs: dict[str, list[Any]], tmp_path: Path
) -> None:
    """The examples that the model was trained on pass, are counted and are blessed."""
    import tensorflow_data_validation as tfdv
    import toy_data
    from tfx.components.util import model_utils

    examples = _artifact("Examples", tmp_path / "examples")
    examples.split_names = '["train"]'
    toy_data.write_examples(tmp_path / "examples" / "Split-train")

    outputs = _run({**inputs, "examples": [examples]}, tmp_path / "out")

    report = _report(outputs)
    assert ("PASS", []) == (report["verdict"], report["faults"]), report["sentence"]
    assert model_utils.is_infra_validated(outputs.blessing)
    assert report["files"][0]["payloads"] == outputs.report.get_int_custom_property("payloads") > 0
    folder = Path(outputs.payload_statistics.uri) / "Split-payloads"
    (statistics,) = tfdv.load_stats_binary(str(folder / "FeatureStats.pb")).datasets
    assert outputs.report.get_int_custom_property("payloads") == statistics.num_examples
    assert "label" not in {feature.path.step[0] for feature in statistics.features}


def test_faulty_payloads_are_reported_and_not_blessed(
    inputs: dict[str, list[Any]], tmp_path: Path
) -> None:
    """A recorded log's faults stand in the report, the rows that arrive in the statistics."""
    import tensorflow_data_validation as tfdv
    from tfx.components.util import model_utils

    rows = [ROW, {**ROW, "count": 3.0}, {**ROW, "vector": [1.0, 2.0]}, ROW]
    bodies = [json.dumps({"signature_name": "serve_raw", "instances": [row]}) for row in rows]
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "a.jsonl").write_text("\n".join(bodies[:2]))
    (tmp_path / "log" / "b.jsonl").write_text("\n".join(bodies[2:]))

    outputs = _run(inputs, tmp_path / "out", payloads=str(tmp_path / "log"))

    report = _report(outputs)
    assert "FAIL" == report["verdict"]
    assert not model_utils.is_infra_validated(outputs.blessing)
    assert [("WRONG_TYPE", 1), ("WRONG_SHAPE", 0)] == [
        (fault["code"], fault["record"]) for fault in report["faults"]
    ]
    folder = Path(outputs.payload_statistics.uri) / "Split-payloads"
    (statistics,) = tfdv.load_stats_binary(str(folder / "FeatureStats.pb")).datasets
    assert 3 == statistics.num_examples
    assert '["payloads"]' == outputs.anomalies.split_names


def test_skew_between_training_and_serving_is_an_anomaly_that_blocks(
    inputs: dict[str, list[Any]], tmp_path: Path
) -> None:
    """Where the schema has a comparator, TFDV compares the payloads with the training data."""
    import tensorflow_data_validation as tfdv
    import toy_data
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

    schema = text_format.Parse(toy_data.SCHEMA, schema_pb2.Schema())
    colour = next(feature for feature in schema.feature if feature.name == "colour")
    colour.skew_comparator.infinity_norm.threshold = 0.01
    (tmp_path / "schema" / "schema.pbtxt").write_text(text_format.MessageToString(schema))
    toy_data.write_examples(tmp_path / "train")
    trained = tfdv.generate_statistics_from_tfrecord(str(tmp_path / "train" / "*"))
    statistics = _artifact("ExampleStatistics", tmp_path / "statistics")
    statistics.split_names = '["train"]'
    (tmp_path / "statistics" / "Split-train").mkdir(parents=True)
    (tmp_path / "statistics" / "Split-train" / "FeatureStats.pb").write_bytes(
        trained.SerializeToString()
    )
    body = {"signature_name": "serve_raw", "instances": [ROW] * 5}
    (tmp_path / "body.json").write_text(json.dumps(body))

    outputs = _run(
        {**inputs, "statistics": [statistics]},
        tmp_path / "out",
        payloads=str(tmp_path / "body.json"),
    )

    written = Path(outputs.anomalies.uri) / "Split-skew" / "SchemaDiff.pb"
    anomalies = anomalies_pb2.Anomalies.FromString(written.read_bytes())
    assert "colour" in anomalies.anomaly_info
    assert "FAIL" == outputs.report.get_string_custom_property("verdict")
    assert ("SKEW", "colour") in {(f["code"], f["name"]) for f in _report(outputs)["statics"]}


def test_a_damaged_model_is_not_blessed_and_the_component_succeeds(
    inputs: dict[str, list[Any]], tmp_path: Path
) -> None:
    """A model that cannot be read is a result, as it is with CanaryValidator."""
    from tfx.components.util import model_utils

    graph = tmp_path / "model" / "Format-Serving" / "saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:1000])

    outputs = _run(inputs, tmp_path / "out", payloads=str(tmp_path / "model"))

    assert not model_utils.is_infra_validated(outputs.blessing)
    assert ["MODEL_UNREADABLE"] == [found["code"] for found in _report(outputs)["statics"]]


def test_a_component_without_payloads_is_refused() -> None:
    """Nothing to validate is found when the pipeline is built."""
    from tfx import types
    from tfx.types import standard_artifacts

    from tfx_parity import PayloadValidator

    model = types.Channel(type=standard_artifacts.Model)
    schema = types.Channel(type=standard_artifacts.Schema)

    with pytest.raises(ValueError, match="Expected something to validate"):
        PayloadValidator(model=model, schema=schema)
    component = PayloadValidator(model=model, schema=schema, payloads="/log")
    assert {"report", "payload_statistics", "anomalies", "blessing"} == set(component.outputs)
