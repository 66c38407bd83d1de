"""The C++ session through ctypes: values in and out, errors, threads, memory."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from tfx_parity.canary.session import INIT_OP_SIGNATURE, SavedModelSession
from tfx_parity.protos import DataType, TensorProto
from tfx_parity.serving_api.dtypes import Array
from tfx_parity.serving_api.status import Code, ServingError

pytestmark = [pytest.mark.native, pytest.mark.tensorflow]

VALUES = {
    "float32": np.array([[1.5, -0.0], [np.nan, np.inf]], np.float32),
    "float64": np.array([1e300, 5e-324]),
    "int8": np.array([-128, 127], np.int8),
    "uint8": np.array([0, 255], np.uint8),
    "int16": np.array([-32768, 32767], np.int16),
    "uint16": np.array([0, 65535], np.uint16),
    "int32": np.array([-(2**31), 2**31 - 1], np.int32),
    "uint32": np.array([0, 2**32 - 1], np.uint32),
    "int64": np.array([-(2**63), 2**63 - 1], np.int64),
    "uint64": np.array([0, 2**64 - 1], np.uint64),
    "bool": np.array([[True], [False]]),
    "string": np.array([[b"", b"a\x00b"], [b"\xff\x00", b"x" * 100]], object),
    "half": np.array([0.1, 65504], np.float16),
    "bfloat16": np.array([0.1, 3e38], ml_dtypes.bfloat16),
}


@pytest.fixture(scope="module")
def dtypes(models: Path) -> SavedModelSession:
    """A session of the model that has an identity for each dtype."""
    return SavedModelSession(models / "dtypes" / "1")


@pytest.fixture(scope="module")
def affine_session(models: Path) -> SavedModelSession:
    """A session of the model `affine`."""
    return SavedModelSession(models / "affine" / "1")


def _ask(session: SavedModelSession, signature: str, value: Array | TensorProto) -> Array:
    definition = session.signature_defs[signature]
    [feed], [fetch] = definition.inputs.values(), definition.outputs.values()
    [answer] = session.run({feed.name: value}, [fetch.name])
    return answer


def _same(expected: Array, actual: Array) -> None:
    assert (expected.dtype, expected.shape) == (actual.dtype, actual.shape)
    if expected.dtype == object:
        assert expected.tolist() == actual.tolist()
    else:
        assert expected.tobytes() == actual.tobytes()


@pytest.mark.parametrize("name", VALUES)
def test_a_value_of_each_dtype_comes_back_bit_for_bit(dtypes: SavedModelSession, name: str) -> None:
    """What is fed to an identity is what is fetched: extremes, NaN, NULs, invalid UTF-8."""
    value = VALUES[name]

    _same(value, _ask(dtypes, f"t_{name}", value))


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3)], ids=["scalar", "empty", "empty axis"])
def test_scalars_and_empty_tensors_keep_their_shape(
    dtypes: SavedModelSession, name: str, shape: tuple[int, ...]
) -> None:
    """A scalar stays a scalar, an empty tensor keeps its axes."""
    flat = VALUES[name].reshape(-1)[:1]
    value = np.array(flat[0], flat.dtype) if shape == () else np.empty(shape, flat.dtype)

    _same(value, _ask(dtypes, f"t_{name}", value))


def test_layout_and_byte_order_in_memory_do_not_matter(dtypes: SavedModelSession) -> None:
    """Transposed, strided and big-endian arrays mean their values."""
    value = np.arange(12, dtype=">i4").reshape(3, 4).T[::2]

    _same(value.astype("<i4", order="C"), _ask(dtypes, "t_int32", value))


def test_str_and_bytes_arrays_are_strings(dtypes: SavedModelSession) -> None:
    """Text is sent as UTF-8."""
    assert ["é".encode(), b"b"] == _ask(dtypes, "t_string", np.array(["é", "b"])).tolist()
    assert _ask(dtypes, "t_string", np.array([b"a", b"bc"])).tolist() == [b"a", b"bc"]


def test_a_tensor_proto_goes_through_tensorflows_own_conversion(
    dtypes: SavedModelSession,
) -> None:
    """A short list of values repeats the last one, as Tensor::FromProto does it."""
    proto = TensorProto(dtype=DataType.DT_FLOAT, float_val=[1, 2])
    proto.tensor_shape.dim.add(size=4)

    assert _ask(dtypes, "t_float32", proto).tolist() == [1, 2, 2, 2]


def test_a_tensor_proto_that_cannot_be_parsed_is_refused(dtypes: SavedModelSession) -> None:
    """Content of the wrong size is an error, and leaves the session whole."""
    proto = TensorProto(dtype=DataType.DT_FLOAT, tensor_content=b"abc")
    proto.tensor_shape.dim.add(size=4)

    with pytest.raises(ServingError) as raised:
        _ask(dtypes, "t_float32", proto)

    assert raised.value.code == Code.INVALID_ARGUMENT
    _same(VALUES["float32"], _ask(dtypes, "t_float32", VALUES["float32"]))


def test_errors_carry_tensorflows_code_and_text(affine_session: SavedModelSession) -> None:
    """Another dtype, a missing feed and an unknown tensor are told as DirectSession tells them."""
    definition = affine_session.signature_defs["serving_default"]
    feed, fetch = definition.inputs["x"].name, definition.outputs["y"].name
    asked = [
        ({feed: np.ones((1, 3))}, [fetch]),
        ({}, [fetch]),
        ({feed: np.ones((1, 2), np.float32)}, [fetch]),
        ({"nothing:0": np.ones(1)}, [fetch]),
        ({}, [f"{feed[:-1]}9"]),
    ]

    told = []
    for feeds, fetches in asked:
        with pytest.raises(ServingError) as raised:
            affine_session.run(feeds, fetches)
        told.append((raised.value.code, raised.value.message.partition("\n")[0]))

    assert [
        (Code.INVALID_ARGUMENT, "Expects arg[0] to be float but double is provided"),
        (
            Code.INVALID_ARGUMENT,
            "You must feed a value for placeholder tensor 'serving_default_x' with dtype float "
            "and shape [?,3]",
        ),
        (Code.INVALID_ARGUMENT, "Matrix size-incompatible: In[0]: [1,2], In[1]: [3,2]"),
        (Code.NOT_FOUND, "FeedInputs: unable to find feed output nothing:0"),
        (Code.NOT_FOUND, f"FetchOutputs: unable to find {feed[:-1]}9"),
    ] == told


def test_a_run_ends_at_its_timeout(affine_session: SavedModelSession) -> None:
    """RunOptions.timeout_in_ms ends a run that would last for hours; the session stays usable."""
    definition = affine_session.signature_defs["spin"]
    feeds = {definition.inputs["turns"].name: np.array(10**15)}
    fetches = [definition.outputs["turns"].name]
    with pytest.raises(ServingError) as raised:
        affine_session.run(feeds, fetches, timeout_ms=200)

    assert raised.value.code == Code.DEADLINE_EXCEEDED
    assert _ask(affine_session, "spin", np.array(3)) == 3


def test_runs_from_many_threads_do_not_mix(dtypes: SavedModelSession) -> None:
    """Each thread gets its own value or its own error."""

    def ask(number: int) -> object:
        if number % 5 == 0:
            with pytest.raises(ServingError) as raised:
                _ask(dtypes, "t_float32", np.array([number], np.float64))
            return raised.value.message
        return _ask(dtypes, "t_int64", np.array([number])).tolist()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(400)))

    refusal = "Expects arg[0] to be float but double is provided"
    assert [refusal if number % 5 == 0 else [number] for number in range(400)] == answers


def test_memory_does_not_grow_with_requests(dtypes: SavedModelSession) -> None:
    """Hundreds of requests of megabytes, refused ones too, leave no tensor behind."""

    def resident_kib() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4

    def ask() -> None:
        _ask(dtypes, "t_float32", numbers)
        _ask(dtypes, "t_string", strings)
        with pytest.raises(ServingError):
            _ask(dtypes, "t_float64", numbers)

    numbers = np.ones(1_000_000, np.float32)
    strings = np.array([b"x" * 100_000] * 10, object)
    for _ in range(20):
        ask()
    before = resident_kib()
    for _ in range(100):
        ask()

    assert resident_kib() - before < 100_000  # leaking one of them would take 100 MB and more


def test_a_closed_session_refuses_and_closing_waits_for_runs(models: Path) -> None:
    """A run under way ends well before the session is freed; later ones are refused."""
    session = SavedModelSession(models / "affine" / "1")
    definition = session.signature_defs["spin"]
    feeds = {definition.inputs["turns"].name: np.array(20_000)}
    fetches = [definition.outputs["turns"].name]
    answers: list[int] = []
    run = threading.Thread(target=lambda: answers.append(int(session.run(feeds, fetches)[0])))
    run.start()
    while not session._runs and run.is_alive():
        pass
    session.close()
    run.join()

    assert answers == [20_000]
    with pytest.raises(ServingError, match="Session has been closed"):
        session.run(feeds, fetches)


def test_the_initialisation_op_is_no_signature(affine_session: SavedModelSession) -> None:
    """It is in the MetaGraphDef as one, and no client may call it."""
    assert INIT_OP_SIGNATURE in affine_session.meta_graph.signature_def
    assert sorted(affine_session.signature_defs) == ["chatter", "crash", "serving_default", "spin"]


def test_a_model_that_is_not_there_is_told_in_tensorflows_words(tmp_path: Path) -> None:
    """The loader's own code and text."""
    with pytest.raises(ServingError, match=r"Could not find SavedModel \.pb or \.pbtxt") as raised:
        SavedModelSession(tmp_path)

    assert raised.value.code == Code.NOT_FOUND
