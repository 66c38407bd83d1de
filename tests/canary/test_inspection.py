"""What a model shows without a request."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format

from tfx_parity.canary.backend import ModelLoadError
from tfx_parity.canary.client import RequestError
from tfx_parity.canary.inspection import ModelInspection, inspect_model
from tfx_parity.canary.native import NativeBackend
from tfx_parity.errors import BadInputError
from tfx_parity.protos import SavedModel
from tfx_parity.serving_api.status import Code

pytestmark = [pytest.mark.native, pytest.mark.tensorflow]


def _names(inspection: ModelInspection) -> list[str]:
    return [variable.name for variable in inspection.variables]


def test_variables_of_a_module_are_those_of_the_session(models: Path) -> None:
    """Name, key, dtype, shape and the digest of the very bytes."""
    inspection = inspect_model(models / "affine")
    [b, w] = inspection.variables

    assert (
        b.name,
        b.checkpoint_key,
        b.dtype,
        b.shape,
        b.reachable,
    ) == ("b", "b", "float", (2,), True)
    assert hashlib.sha256(struct.pack("<2f", 0.125, -0.5)).hexdigest() == b.sha256_hex
    assert hashlib.sha256(struct.pack("<6f", 1, -2, 0.5, 0.25, 3, 1)).hexdigest() == w.sha256_hex
    assert inspection.tensorflow_version.startswith("2.")
    assert inspection.load_failure is None


def test_a_plain_model_has_nothing_to_tell(models: Path) -> None:
    """Restoring and initialising assign to variables too, and no signature reaches that."""
    for name in ("affine", "keras2", "vocabulary", "dtypes", "estimator"):
        inspection = inspect_model(models / name)

        assert (
            inspection.uninitialised_variables,
            inspection.unservable_ops,
            inspection.random_ops,
            inspection.batch_statistics_ops,
        ) == ((), (), (), ()), name


def test_variables_of_keras_2_carry_their_checkpoint_keys(models: Path) -> None:
    """Names of layers, and paths in the object graph."""
    found = {v.checkpoint_key: v.name for v in inspect_model(models / "keras2").variables}

    assert found["layer_with_weights-0/kernel"] == "dense/kernel"
    assert found["layer_with_weights-1/moving_mean"].endswith("/moving_mean")
    assert len(found) == 8


def test_keras_3_variables_are_told_from_their_copies(models: Path) -> None:
    """Keras 3's exporter saves each variable twice; what the signature reads is marked."""
    inspection = inspect_model(models / "keras3_export")
    served = {v.checkpoint_key: v for v in inspection.variables if v.reachable}
    copies = {v.sha256_hex for v in inspection.variables if not v.reachable}

    assert {(3, 4), (4,), (4, 2), (2,)} == {variable.shape for variable in served.values()}
    assert copies == {variable.sha256_hex for variable in served.values()}
    assert inspection.uninitialised_variables == ()


def test_variables_that_no_server_can_find_are_named(models: Path) -> None:
    """A Keras 3 model saved without its variables: each that the signature reads holds nothing."""
    inspection = inspect_model(models / "keras3_lost")

    assert len(inspection.uninitialised_variables) == 4
    assert not any(variable.reachable for variable in inspection.variables)


def test_a_python_function_is_found_in_nested_functions(models: Path) -> None:
    """An op without a kernel is found below a conditional, in a function that a function calls."""
    [use] = inspect_model(models / "python_function").unservable_ops

    assert (use.op, use.node) == ("EagerPyFunc", "EagerPyFunc")
    assert use.function


@pytest.mark.parametrize(
    ("name", "signatures"),
    [("compiled", 1), ("compiled_below", 2)],
    ids=["inner function", "loop, branch and signature"],
)
def test_what_xla_must_compile_is_found(models: Path, name: str, signatures: int) -> None:
    """It is what every request of the signatures is refused for; jit_compile=False is not."""
    uses = inspect_model(models / name).unservable_ops

    assert {use.op.endswith("PartitionedCall[_XlaMustCompile]") for use in uses} == {True}
    assert len({use.function for use in uses}) >= signatures
    with NativeBackend().start(models / name) as canary:
        for signature in canary.client.signature_defs():
            x = {"x": np.ones((1, 3), np.float32)}
            if signature == "plain":
                assert canary.client.predict(signature, x)["y"].tolist() == [[2, 2, 2]]
                continue
            with pytest.raises(RequestError, match="XLA compilation disabled"):
                canary.client.predict(signature, x)


def test_random_ops_are_told_seeded_or_not(models: Path) -> None:
    """A stateless op with a fixed seed is not random; the others are, seeded or not."""
    uses = inspect_model(models / "random").random_ops

    assert sorted((use.op, use.seeded, use.masks) for use in uses) == [
        ("RandomUniform", False, False),
        ("RandomUniform", True, False),
    ]


def test_dropout_of_keras_3_is_found(models: Path) -> None:
    """It draws with a stateless op whose seed is a variable that it writes back, and masks."""
    inspection = inspect_model(models / "keras3_dropout")

    assert [(u.op, u.masks) for u in inspection.random_ops] == [("StatelessRandomUniformV2", True)]
    assert () == inspection.batch_statistics_ops


def test_batch_normalisation_in_training_mode_is_found(models: Path) -> None:
    """By the op's attribute, absent where it has its default, and by its assignments."""
    uses = inspect_model(models / "batch_norm").batch_statistics_ops

    assert [use.op for use in uses] == ["AssignVariableOp", "AssignVariableOp", "FusedBatchNormV3"]


def test_a_model_that_cannot_be_loaded_still_shows_its_ops(copied: Callable[[str], Path]) -> None:
    """A lost asset fails the load; what the graph shows is told all the same."""
    path = copied("vocabulary")
    (path / "assets" / "vocabulary.txt").unlink()
    inspection = inspect_model(path)

    assert inspection.load_failure is not None
    assert inspection.load_failure.code == Code.NOT_FOUND
    assert inspection.tensorflow_version.startswith("2.")
    assert inspection.variables == ()


def test_an_unregistered_op_is_found(copied: Callable[[str], Path]) -> None:
    """An op that no library brings fails the load, and is named."""
    file = copied("affine") / "saved_model.pb"
    graph = file.read_bytes()
    assert graph.count(b"BiasAdd") + graph.count(b"AddV2") > 0
    file.write_bytes(graph.replace(b"\x05AddV2", b"\x05NoOpX"))
    inspection = inspect_model(file.parent)

    assert {"NoOpX"} == {use.op for use in inspection.unservable_ops}
    assert inspection.load_failure is not None
    assert "Op type not registered 'NoOpX'" in inspection.load_failure.message


def test_a_hanging_load_ends_at_the_deadline(models: Path) -> None:
    """The graph's facts are there, and the load's failure is its lateness."""
    inspection = inspect_model(models / "endless", deadline_s=15)

    assert inspection.load_failure is not None
    assert inspection.load_failure.code == Code.DEADLINE_EXCEEDED


def test_a_graph_that_cannot_be_read_is_a_load_error(copied: Callable[[str], Path]) -> None:
    """A truncated graph gives neither facts nor a model."""
    file = copied("affine") / "saved_model.pb"
    file.write_bytes(file.read_bytes()[:1000])

    with pytest.raises(ModelLoadError):
        inspect_model(file.parent)


def test_a_model_in_text_form_is_inspected(models: Path, copied: Callable[[str], Path]) -> None:
    """A `saved_model.pbtxt` shows what its binary form shows."""
    file = copied("keras3_dropout") / "saved_model.pb"
    graph = SavedModel.FromString(file.read_bytes())
    file.with_suffix(".pbtxt").write_text(text_format.MessageToString(graph))
    file.unlink()

    assert inspect_model(models / "keras3_dropout") == inspect_model(file.parent)


def test_no_model_is_bad_input(tmp_path: Path) -> None:
    """Nothing is started for an empty folder."""
    with pytest.raises(BadInputError):
        inspect_model(tmp_path)
