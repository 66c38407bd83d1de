"""The lock on a folder of runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfx_parity.errors import BadInputError
from tfx_parity.pipelines.run_lock import sole_run


def test_a_second_run_is_refused_while_the_first_is_under_way(tmp_path: Path) -> None:
    """The message names the folder; afterwards it is free again."""
    root = tmp_path / "runs"
    with sole_run(root):
        with pytest.raises(BadInputError, match=f"no other run in {root}"), sole_run(root):
            pass
        with sole_run(tmp_path / "elsewhere"):
            pass

    with sole_run(root):
        assert root.is_dir()
