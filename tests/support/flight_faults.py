"""A run_fn of the flights pipeline with a planted fault."""

from __future__ import annotations

from typing import Any

from tfx_parity.pipelines.flights.model import export, train
from tfx_parity.training import record_predictions


def other_weights(fn_args: Any) -> None:
    """Export other weights than those that were judged at the end of training."""
    model = train(fn_args)
    record_predictions(model, fn_args)
    model.set_weights([weights * 0.5 for weights in model.get_weights()])
    export(model, fn_args)
