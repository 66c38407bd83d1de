"""Which TFX line these tests run on, and what it lacks."""

from __future__ import annotations

import sys
from importlib.metadata import version

import pytest

LINE = version("tfx").rsplit(".", 1)[0]
OTHER = {"1.16": "1.21", "1.21": "1.16"}[LINE]
# kfp needs protobuf 4, which TFX 1.16 has on Python 3.11 only; TFX 1.21 takes it below 3.12.
WITH_KFP = {"1.16": ((3, 11),), "1.21": ((3, 10), (3, 11))}[LINE]
needs_kfp = pytest.mark.skipif(
    sys.version_info[:2] not in WITH_KFP,
    reason=f"TFX {LINE} has no kfp beside it on this Python",
)
