"""Where Kubeflow's launcher keeps its copies of artifacts."""

from __future__ import annotations

LAUNCHER_ROOT = "TFX_PARITY_LAUNCHER_ROOT"
"""The environment variable that names another folder than `/`, where a step runs in no container of
its own."""
