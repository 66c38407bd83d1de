"""Version folders are read as TF Serving reads them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.canary.versions import find_version, latest_version, single_version, version_number
from tfx_parity.errors import BadInputError


def _folders(base: Path, *names: str) -> Path:
    for name in names:
        (base / name).mkdir()
    return base


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_int64_is_a_version(number: int) -> None:
    """What strtoll reads whole is a version, with zeros in front and blanks around too."""
    digits = f"{'-' if number < 0 else ''}000{abs(number)}"

    assert [number] * 3 == [
        version_number(str(number)),
        version_number(digits),
        version_number(f" {number} "),
    ]


@pytest.mark.parametrize(
    "name", ["", "v1", "1.0", "1e3", "0x1", "\u0661", "--1", "1 2", str(2**63), "variables"]
)
def test_other_names_are_no_versions(name: str) -> None:
    """A name that is no decimal int64 states no version."""
    assert version_number(name) is None


def test_the_highest_number_is_served_not_the_last_name(tmp_path: Path) -> None:
    """Versions are compared as numbers; names that are none are passed over."""
    _folders(tmp_path, "9", "10", "staging", "v11")

    assert (10, tmp_path / "10") == latest_version(tmp_path, "m")


def test_of_two_names_for_one_number_the_last_in_byte_order_is_served(tmp_path: Path) -> None:
    """TF Serving warns of "0001" beside "1" and takes the one that sorts last."""
    _folders(tmp_path, "0001", "1")

    assert (1, tmp_path / "1") == latest_version(tmp_path, "m")


def test_no_version_is_bad_input_with_tf_servings_hint(tmp_path: Path) -> None:
    """A base path without a numbered folder is told as TF Serving tells it."""
    with pytest.raises(BadInputError, match=r"Did you forget to name your leaf directory"):
        latest_version(_folders(tmp_path, "model"), "m")


def test_a_relative_base_path_is_bad_input() -> None:
    """TF Serving asks for an absolute path."""
    with pytest.raises(BadInputError, match=r"Expected model m to have an absolute path or URI"):
        latest_version(Path("models/m"), "m")


def test_a_base_path_that_is_not_there_is_bad_input(tmp_path: Path) -> None:
    """The message says where a folder was expected."""
    with pytest.raises(BadInputError, match=r"no folder at .*/nothing"):
        latest_version(tmp_path / "nothing", "m")


def test_a_saved_model_is_found_itself(tmp_path: Path) -> None:
    """A folder with a SavedModel is served as it is, as the version that its name states."""
    path = _folders(tmp_path, "17") / "17"
    (path / "saved_model.pb").write_bytes(b"")

    assert (17, path) == find_version(path, "m")
    assert (17, path) == find_version(tmp_path, "m")


def test_a_saved_model_whose_name_is_no_number_is_version_one(tmp_path: Path) -> None:
    """A pipeline's `Format-Serving` folder has no version of its own."""
    assert single_version(tmp_path / "Format-Serving").number == 1


def test_a_saved_model_that_lost_its_graph_is_still_one(tmp_path: Path) -> None:
    """A half-copied model must fail to load; it must not read as an empty folder."""
    _folders(tmp_path, "variables")

    assert find_version(tmp_path, "m").path == tmp_path
