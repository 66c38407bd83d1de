"""What the package of findings offers."""

from __future__ import annotations

import importlib

import pytest

from tfx_parity import contract, findings


@pytest.mark.parametrize("package", [findings, contract])
def test_every_name_can_be_had(package: object) -> None:
    """What is loaded when it is asked for is there, and nothing else."""
    names = importlib.import_module(package.__name__).__all__

    assert all(getattr(package, name) is not None for name in names)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = package.nothing
