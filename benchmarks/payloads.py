"""Payload validation measured against peers in one run: 1,000 instances of 18 features.

Peers are given what they need to check: types, ranges and the domains of the strings; only
PayloadGuard knows TensorFlow Serving's rules. Run it alone on the machine:

    python benchmarks/payloads.py
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastjsonschema
import jsonschema
import jsonschema_rs
import orjson
import pydantic

from tfx_parity import PayloadGuard
from tfx_parity.contract import Digests, Domain, RawFeature, ServingContract
from tfx_parity.payloads.json_schema import body_schema
from tfx_parity.protos import DataType, SavedModel

ROWS = 1_000
REPEATS = 15
ISLANDS = ("Biscoe", "Dream", "Torgersen")
FEATURES = {
    **{f"float_{i}": "float32" for i in range(12)},
    **{f"int_{i}": "int64" for i in range(4)},
    **{f"string_{i}": "string" for i in range(2)},
}
TYPES = {"float32": DataType.DT_FLOAT, "int64": DataType.DT_INT64, "string": DataType.DT_STRING}


def write_model(folder: Path) -> None:
    """Write a SavedModel with one signature of 18 inputs, and its contract."""
    saved = SavedModel()
    graph = saved.meta_graphs.add()
    graph.meta_info_def.tags.append("serve")
    graph.meta_info_def.tensorflow_version = "2.16.2"
    for name, kind in FEATURES.items():
        info = graph.signature_def["serving_default"].inputs[name]
        info.dtype, info.name = TYPES[kind], f"{name}:0"
        info.tensor_shape.dim.add(size=-1)
        info.tensor_shape.dim.add(size=1)
    contract = ServingContract(
        raw_features=tuple(
            RawFeature(
                name,
                kind,  # type: ignore[arg-type]
                "fixed",
                (1,),
                required=True,
                domain=Domain(values=ISLANDS) if kind == "string" else Domain(-1000, 1000),
            )
            for name, kind in FEATURES.items()
        ),
        label_features=(),
        transformed_features=(),
        signatures={},
        missing_values={},
        digests=Digests("", "", "", {}),
        versions={},
    )
    (folder / "assets.extra").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(saved.SerializeToString())
    (folder / "assets.extra" / "serving_contract.json").write_bytes(contract.to_json())


def row(source: random.Random) -> dict[str, list[object]]:
    """Return one instance."""
    values: dict[str, Callable[[], object]] = {
        "float32": lambda: source.uniform(-900, 900),
        "int64": lambda: source.randint(-900, 900),
        "string": lambda: source.choice(ISLANDS),
    }
    return {name: [values[kind]()] for name, kind in FEATURES.items()}


def best(run: Callable[[], object], repeats: int) -> float:
    """Return the shortest time of some runs, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def pydantic_model() -> type[pydantic.BaseModel]:
    """Return a strict pydantic model of a body."""
    kinds: dict[str, Any] = {
        "float32": pydantic.confloat(ge=-1000, le=1000, strict=True),
        "int64": pydantic.conint(ge=-1000, le=1000, strict=True),
        "string": pydantic.constr(pattern="^(Biscoe|Dream|Torgersen)$"),
    }
    fields: dict[str, Any] = {
        name: (pydantic.conlist(kinds[kind], min_length=1, max_length=1), ...)
        for name, kind in FEATURES.items()
    }
    config = pydantic.ConfigDict(extra="forbid")
    instance: Any = pydantic.create_model("Instance", __config__=config, **fields)
    return pydantic.create_model("Body", instances=(list[instance], ...))


def main() -> None:
    """Measure and print."""
    source = random.Random(7)  # noqa: S311 - a reproducible choice, no secret
    big = json.dumps({"instances": [row(source) for _ in range(ROWS)]}).encode("utf-8")
    small = json.dumps({"instances": [row(source)]}).encode("utf-8")
    with tempfile.TemporaryDirectory() as folder:
        write_model(Path(folder) / "1")
        guard = PayloadGuard.from_model(Path(folder) / "1")
    schema = body_schema(guard.model, guard.rules)
    by_rust, by_python = (
        jsonschema_rs.validator_for(schema),
        jsonschema.Draft202012Validator(schema),
    )
    compiled = fastjsonschema.compile(_draft7(schema))
    model = pydantic_model()
    peers: dict[str, Callable[[bytes], object]] = {
        "orjson.loads, no check": orjson.loads,
        "PayloadGuard, full report": guard.check_rest,
        "orjson + jsonschema-rs": lambda body: list(by_rust.iter_errors(orjson.loads(body))),
        "orjson + fastjsonschema": lambda body: compiled(orjson.loads(body)),
        "pydantic, strict": model.model_validate_json,
        "orjson + jsonschema": lambda body: list(by_python.iter_errors(orjson.loads(body))),
    }
    assert guard.check_rest(big) == ()  # noqa: S101 - the good way is what is measured
    print(f"{'validator':28}{'ms / 1,000':>12}{'instances/s':>14}{'one request':>14}")
    for name, check in peers.items():
        whole = best(lambda c=check: c(big), 3 if name.endswith(" jsonschema") else REPEATS)
        one = best(lambda c=check: c(small), 200)
        print(f"{name:28}{whole * 1e3:12.1f}{ROWS / whole:14,.0f}{one * 1e6:11.1f} us")
    code = "from tfx_parity import PayloadGuard"
    imported = best(lambda: subprocess.run([sys.executable, "-c", code], check=True), 5)
    bare = best(lambda: subprocess.run([sys.executable, "-c", ""], check=True), 5)
    print(f"import of PayloadGuard: {imported - bare:.2f} s beyond the interpreter's own start")


def _draft7(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema as fastjsonschema knows it; no word of it is newer than draft 7."""
    return {**schema, "$schema": "http://json-schema.org/draft-07/schema#"}


if __name__ == "__main__":
    main()
