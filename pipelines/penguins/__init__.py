"""The Palmer penguins pipeline: which of three species, from a penguin's measures."""

from __future__ import annotations

PIPELINE_NAME = "penguins"
RUN_FN = "tfx_parity.pipelines.penguins.model.run_fn"
PREPROCESSING_FN = "tfx_parity.pipelines.penguins.preprocessing.preprocessing_fn"
DEFAULT_TRAIN_STEPS = 300
DEFAULT_SEED = 20
