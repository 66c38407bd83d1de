"""Where Kubeflow Pipelines' SDK is among the pinned packages."""

from __future__ import annotations

import sys

import pytest

needs_kfp = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="kfp needs Python 3.11 beside TFX 1.16"
)
