"""The flights out of New York in 2013: which arrive late, retrained month by month."""

from __future__ import annotations

PIPELINE_NAME = "flights"
RUN_FN = "tfx_parity.pipelines.flights.model.run_fn"
PREPROCESSING_FN = "tfx_parity.pipelines.flights.preprocessing.preprocessing_fn"
DEFAULT_TRAIN_STEPS = 150
DEFAULT_SEED = 13
DEFAULT_ROWS = 3000
