"""Validators of JSON, measured in an environment of their own: a part of payloads.py.

    python benchmarks/payload_peers.py SCHEMA.json BODY.json SMALL_BODY.json

Each is given what it needs to check types, ranges and the domains of the strings. Prints a JSON
object: seconds for the large body and for the small one, by validator.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastjsonschema
import jsonschema
import jsonschema_rs
import orjson
import pydantic

KINDS: dict[str, Any] = {
    "float": pydantic.confloat(ge=-1000, le=1000, strict=True),
    "int": pydantic.conint(ge=-1000, le=1000, strict=True),
    "string": pydantic.constr(pattern="^(Biscoe|Dream|Torgersen)$"),
}
REPEATS, FEW_REPEATS, SMALL_REPEATS, AT_ONCE = 9, 1, 30, 10


def best(run: Callable[[], object], repeats: int) -> float:
    """Return the shortest time of some runs, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def best_of_small(run: Callable[[], object]) -> float:
    """Return the shortest time of one of many runs, a few at a time, in seconds."""

    def some() -> None:
        for _ in range(AT_ONCE):
            run()

    return best(some, SMALL_REPEATS) / AT_ONCE


def pydantic_model(row: dict[str, object]) -> type[pydantic.BaseModel]:
    """Return a strict pydantic model of a body with rows like this one."""
    fields: dict[str, Any] = {
        name: (pydantic.conlist(KINDS[name.split("_")[0]], min_length=1, max_length=1), ...)
        for name in row
    }
    config = pydantic.ConfigDict(extra="forbid")
    instance: Any = pydantic.create_model("Instance", __config__=config, **fields)
    return pydantic.create_model("Body", instances=(list[instance], ...))


def draft7(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema as fastjsonschema knows it; no word of it is newer than draft 7."""
    return {**schema, "$schema": "http://json-schema.org/draft-07/schema#"}


def main() -> None:
    """Measure and print."""
    schema, big, small = (Path(path).read_bytes() for path in sys.argv[1:])
    document = orjson.loads(schema)
    by_rust = jsonschema_rs.validator_for(document)
    by_python = jsonschema.Draft202012Validator(document)
    compiled = fastjsonschema.compile(draft7(document))
    model = pydantic_model(orjson.loads(small)["instances"][0])
    checks: dict[str, Callable[[bytes], Any]] = {
        "orjson + jsonschema-rs": lambda body: list(by_rust.iter_errors(orjson.loads(body))),
        "orjson + fastjsonschema": lambda body: compiled(orjson.loads(body)),
        "pydantic, strict": model.model_validate_json,
        "orjson + jsonschema": lambda body: list(by_python.iter_errors(orjson.loads(body))),
    }
    found = {}
    for name, check in checks.items():
        repeats = FEW_REPEATS if name.endswith(" jsonschema") else REPEATS
        whole = best(lambda c=check: c(big), repeats)
        found[name] = [whole, best_of_small(lambda c=check: c(small))]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
