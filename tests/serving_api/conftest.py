"""The recorded answers, and the two models that they were recorded on."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from tfx_parity.protos import DataType, SignatureDef

GOLDEN = Path(__file__).parent / "data" / "rest_golden.jsonl"
DTYPES = {
    "float32": DataType.DT_FLOAT,
    "float64": DataType.DT_DOUBLE,
    "int8": DataType.DT_INT8,
    "uint8": DataType.DT_UINT8,
    "int16": DataType.DT_INT16,
    "uint16": DataType.DT_UINT16,
    "int32": DataType.DT_INT32,
    "uint32": DataType.DT_UINT32,
    "int64": DataType.DT_INT64,
    "uint64": DataType.DT_UINT64,
    "bool": DataType.DT_BOOL,
    "string": DataType.DT_STRING,
    "half": DataType.DT_HALF,
    "bfloat16": DataType.DT_BFLOAT16,
    "complex64": DataType.DT_COMPLEX64,
}
FLOAT_SIGNATURES = ("scalar_out", "inconsistent", "scalar_in", "serving_default", "multi_out")


def _signature(**inputs: int) -> SignatureDef:
    signature = SignatureDef(method_name="tensorflow/serving/predict")
    for alias, data_type in inputs.items():
        signature.inputs[alias].dtype = data_type
        signature.inputs[alias].name = f"serving_default_{alias}:0"
    return signature


@pytest.fixture(scope="session")
def signature_of() -> Callable[..., SignatureDef]:
    """Return a function that makes a signature from DataTypes by alias."""
    return _signature


@pytest.fixture(scope="session")
def models() -> dict[str, dict[str, SignatureDef]]:
    """Return the signatures of each recorded model."""
    types = {f"t_{name}": _signature(v=data_type) for name, data_type in DTYPES.items()}
    types |= {name: _signature(v=DataType.DT_FLOAT) for name in FLOAT_SIGNATURES}
    multi = _signature(x=DataType.DT_FLOAT, n=DataType.DT_INT64, s=DataType.DT_STRING)
    return {"sm_types": types, "sm_multi": {"serving_default": multi}}


@pytest.fixture(scope="session")
def golden() -> list[dict]:
    """Return the recorded answers."""
    return [json.loads(line) for line in GOLDEN.read_text("utf-8").splitlines()]


@pytest.fixture(scope="session")
def run_model() -> Callable[[str, Mapping[str, np.ndarray]], dict[str, np.ndarray]]:
    """Return a function that computes what the recorded models' graphs compute."""
    return _run


def _run(signature_name: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    if "x" in inputs:
        return _run_multi(inputs)
    value = inputs["v"]
    if signature_name == "scalar_out":
        return {"o": value.sum()}
    if signature_name == "inconsistent":
        return {"a": value, "b": np.concatenate([value, value])}
    if signature_name == "multi_out":
        texts = np.empty(value.shape, object)
        texts[...] = np.vectorize(lambda item: b"%f" % item, otypes=[object])(value)
        return {"o": value, "p": value, "img_bytes": texts}
    return {"o": value}


def _run_multi(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    doubled = np.empty(inputs["s"].shape, object)
    doubled[...] = inputs["s"] + inputs["s"]
    weights = np.linspace(-1, 1, 8).reshape(4, 2).astype(np.float32)
    with np.errstate(all="ignore"):
        logits = inputs["x"] @ weights + inputs["n"].astype(np.float32)
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return {
            "prob": powers / powers.sum(axis=-1, keepdims=True),
            "label": doubled,
            "raw_bytes": inputs["s"],
            "d": inputs["x"].astype(np.float64) * np.float64(0.1),
        }
