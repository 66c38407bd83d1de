"""Training on a span of flights, as the retraining job calls it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfx_parity.findings import Verdict
from tfx_parity.pipelines.flights.data import read_span, write_span
from tfx_parity.pipelines.local_runner import run_locally
from tfx_parity.pipelines.retraining.drift import describe_drift, has_statistics
from tfx_parity.pipelines.retraining.job import RUNS_FOLDER, SERVING_FOLDER, Trained
from tfx_parity.pipelines.retraining.ledger import Entry, Ledger
from tfx_parity.pipelines.run_log import run_log
from tfx_parity.pipelines.run_result import read_result
from tfx_parity.pipelines.source_digest import source_digest
from tfx_parity.schemas import schema_path

if TYPE_CHECKING:
    from tfx.orchestration.pipeline import Pipeline


class FlightsTraining:
    """Trains and judges a model of flights; keeps what is worth telling of it.

    Attributes:
        drift: How the span's data differ from those of the served model, once it is trained; None
            where none is served, or nothing was trained.
        verdict: CanaryValidator's verdict, once there is one.
    """

    def __init__(self, root: Path, rows: int | None, train_steps: int, run_fn: str) -> None:
        """Prepare to train.

        Args:
            root: The folder of the served model.
            rows: How many flights of a span to take; all where None.
            train_steps: How many batches to train on.
            run_fn: The import path of the Trainer's function.

        Raises:
            BadInputError: If there is no module behind `run_fn`.
        """
        source_digest(run_fn)  # Refuses a path that leads nowhere before TFX is loaded.
        self.drift: Sequence[str] | None = None
        self.verdict: Verdict | None = None
        self._root = root
        self._rows = rows
        self._train_steps = train_steps
        self._run_fn = run_fn

    def train(self, span: int, run: Path) -> Trained:
        """Train on a span from the weights of the served model, and judge.

        Args:
            span: The span.
            run: An empty folder for the run.

        Raises:
            BadInputError: If there is no such span, or a step fails.
            ServerUnavailableError: If the canary cannot be run.
        """
        write_span(self._root / "data", span, read_span(span, self._rows))
        served = (*Ledger.read(self._root).served(),)
        started = dt.datetime.now(tz=dt.timezone.utc)
        with run_log(self._root / "logs" / f"span-{span}-{started:%Y%m%dT%H%M%SZ}.log") as log:
            outcomes = run_locally(lambda: self._pipeline(span, run, served), log)
            if served:
                self._compare(run, self._root / RUNS_FOLDER / f"span-{served[-1].span}")
        result = read_result(outcomes)
        self.verdict = result.verdict
        return Trained(result.pushed, "; ".join((result.not_pushed, *result.causes)))

    def _pipeline(self, span: int, run: Path, served: Sequence[Entry]) -> Pipeline:
        from tfx_parity.pipelines.flights.pipeline import create_pipeline  # noqa: PLC0415

        destination = self._root / SERVING_FOLDER
        return create_pipeline(
            pipeline_root=str(run / "artifacts"),
            data_root=str(self._root / "data"),
            span=span,
            push_destination=str(run / "pushed"),
            serving_model_dir=str(destination),
            warm_start=str(destination / str(served[-1].version)) if served else "",
            metadata_path=str(run / "metadata.sqlite"),
            run_fn=self._run_fn,
            train_steps=self._train_steps,
        )

    def _compare(self, run: Path, previous: Path) -> None:
        if has_statistics(previous):
            self.drift = describe_drift(run, previous, schema_path("flights"))
