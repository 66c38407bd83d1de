"""Payload validation measured against peers in one run: 1,000 instances of 18 features.

    python benchmarks/payloads.py [--environment FOLDER]

PayloadGuard, orjson alone and TFDV's validate_instance run here; validators of JSON in an
environment of their own that is made from payload-requirements.txt (--environment keeps it for
another run). All are given the same types, ranges and domains; only PayloadGuard knows TensorFlow
Serving's rules. Run it alone on the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path

import orjson
import pyarrow as pa
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.api.validation_api import validate_instance
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_parity import PayloadGuard
from tfx_parity.contract import Digests, Domain, RawFeature, ServingContract
from tfx_parity.payloads.json_schema import body_schema
from tfx_parity.protos import DataType, SavedModel

ROWS = 1_000
ROUNDS = 6
REPEATS, SMALL_REPEATS, AT_ONCE, TFDV_REPEATS = 9, 50, 10, 5
HERE = Path(__file__).parent
ISLANDS = ("Biscoe", "Dream", "Torgersen")
FEATURES = {
    **{f"float_{i}": "float32" for i in range(12)},
    **{f"int_{i}": "int64" for i in range(4)},
    **{f"string_{i}": "string" for i in range(2)},
}
TFMD_TYPES = {"float32": schema_pb2.FLOAT, "int64": schema_pb2.INT, "string": schema_pb2.BYTES}
ARROW_TYPES = {
    "float32": pa.list_(pa.float32()),
    "int64": pa.list_(pa.int64()),
    "string": pa.list_(pa.binary()),
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


def tfdv_times(instances: list[dict[str, list[object]]]) -> dict[str, list[float]]:
    """Return the seconds that TFDV takes by the same schema, as for payload_peers.py."""
    schema = schema_pb2.Schema(default_environment=["SERVING"])
    for name, kind in FEATURES.items():
        feature = schema.feature.add(name=name, type=TFMD_TYPES[kind])
        feature.presence.min_fraction = 1
        feature.shape.dim.add(size=1)
        if kind == "float32":
            feature.float_domain.min, feature.float_domain.max = -1000, 1000
        elif kind == "int64":
            feature.int_domain.min, feature.int_domain.max = -1000, 1000
        else:
            feature.string_domain.value.extend(ISLANDS)
    options = tfdv.StatsOptions(schema=schema)

    def check(rows: list[dict[str, list[object]]]) -> None:
        arrays = [
            pa.array([row[name] for row in rows], ARROW_TYPES[k]) for name, k in FEATURES.items()
        ]
        batch = pa.RecordBatch.from_arrays(arrays, list(FEATURES))
        assert not validate_instance(batch, options, "SERVING").anomaly_info  # noqa: S101

    one = best(lambda: check(instances[:1]), TFDV_REPEATS)
    whole = best(lambda: check(instances), TFDV_REPEATS)
    return {
        "TFDV validate_instance": [one * len(instances), one],
        "  all at once, no row told": [whole, one],
    }


def peer_times(folder: Path, environment: Path) -> dict[str, list[float]]:
    """Return the seconds of the validators in an environment, which is made if it is not there."""
    python = environment / "bin" / "python"
    if not python.exists():
        venv.create(environment, with_pip=True)
        requirements = str(HERE / "payload-requirements.txt")
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", requirements], check=True)
    files = [folder / name for name in ("schema.json", "big.json", "small.json")]
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [python, HERE / "payload_peers.py", *files], check=True, capture_output=True, env=clean
    )
    return dict(json.loads(done.stdout))


def own_times(check: Callable[[bool], object]) -> list[float]:
    """Return the seconds for the large body and for the small one."""

    def some() -> None:
        for _ in range(AT_ONCE):
            check(False)

    return [best(lambda: check(True), REPEATS), best(some, SMALL_REPEATS) / AT_ONCE]


def keep_best(times: dict[str, list[float]], found: dict[str, list[float]]) -> None:
    """Keep the shorter of what was measured before and now."""
    for name, seconds in found.items():
        times[name] = [min(pair) for pair in zip(times.get(name, seconds), seconds, strict=True)]


def spoilt(instances: list[dict[str, list[object]]], at: int) -> bytes:
    """Return a body in which one value is of another type."""
    rows = [{**found, "float_3": ["x"]} if i == at else found for i, found in enumerate(instances)]
    return json.dumps({"instances": rows}).encode("utf-8")


def import_seconds() -> float:
    """Return what importing PayloadGuard adds to the interpreter's own start, compiled before."""
    code = "from tfx_parity import PayloadGuard"
    kept = {name: v for name, v in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    runs = [
        lambda c=c: subprocess.run([sys.executable, "-c", c], check=True, env=kept)
        for c in (code, "")
    ]
    return best(runs[0], 11) - best(runs[1], 11)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--environment", type=Path, help="folder of the peers' environment")
    flags = parser.parse_args()
    source = random.Random(7)  # noqa: S311 - a reproducible choice, no secret
    instances = [row(source) for _ in range(ROWS)]
    bodies = {"big": instances, "small": instances[:1]}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for name, rows in bodies.items():
            (folder / f"{name}.json").write_text(json.dumps({"instances": rows}))
        write_model(folder / "1")
        guard = PayloadGuard.from_model(folder / "1")
        (folder / "schema.json").write_bytes(orjson.dumps(body_schema(guard.model, guard.rules)))
        big, small = ((folder / f"{name}.json").read_bytes() for name in bodies)
        assert guard.check_rest(big) == guard.check_rest(small) == ()  # noqa: S101
        faulty = {"big": spoilt(instances, ROWS // 2), "small": spoilt(instances[:1], 0)}
        assert len(guard.check_rest(faulty["big"])) == 1  # noqa: S101
        own: dict[str, Callable[[bool], object]] = {
            "orjson.loads, no check": lambda is_big: orjson.loads(big if is_big else small),
            "PayloadGuard": lambda is_big: guard.check_rest(big if is_big else small),
            "  one value refused": lambda is_big: guard.check_rest(
                faulty["big" if is_big else "small"]
            ),
        }
        environment = flags.environment or folder / "environment"
        times: dict[str, list[float]] = {}
        for _ in range(ROUNDS):  # others may use the machine: the best of moments far apart counts
            keep_best(times, {name: own_times(check) for name, check in own.items()})
            keep_best(times, peer_times(folder, environment))
        times |= tfdv_times(instances)
    print(f"{'validator':28}{'ms / 1,000':>12}{'instances/s':>14}{'one request':>14}")
    for name, (whole, one) in times.items():
        print(f"{name:28}{whole * 1e3:12.1f}{ROWS / whole:14,.0f}{one * 1e6:11.1f} us")
    print(f"import of PayloadGuard: {import_seconds():.2f} s beyond the interpreter's own start")


if __name__ == "__main__":
    main()
