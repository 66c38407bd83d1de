"""A quick look at a few values against the checks that name what is wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.payloads.feature_rules import FeatureRule
from tfx_parity.payloads.value_checks import ValueChecks

_NUMBERS = st.one_of(
    st.floats(width=32), st.sampled_from([0.0, -1.5, 2.5, 1e38, math.inf, -math.inf, math.nan])
)
_BOUNDS = st.one_of(st.none(), st.sampled_from([-1.5, 0.0, 2.5, 0.1]))
_TEXTS = st.sampled_from([b"", b"red", b"blue", "rot, grün".encode(), b"\xff"])


@given(values=st.lists(_NUMBERS, max_size=4), low=_BOUNDS, high=_BOUNDS, marks=st.booleans())
def test_numbers_that_pass_the_quick_look_are_allowed(
    values: list[float], low: float | None, high: float | None, *, marks: bool
) -> None:
    """Whatever the bounds, as float32 holds them."""
    rule = FeatureRule("x", 1, minimum=low, maximum=high, required=True)
    checks = ValueChecks(rule, marks_missing=marks)

    if checks.surely_allows(values):
        assert [] == list(checks.suspects(np.array(values, np.float32)))


@given(
    values=st.lists(_TEXTS, max_size=3),
    known=st.sampled_from([(), ("red", "")]),
    marks=st.booleans(),
)
def test_texts_that_pass_the_quick_look_are_allowed(
    values: list[bytes], known: tuple[str, ...], *, marks: bool
) -> None:
    """With a domain and without, where the empty text stands for a missing value and where not."""
    rule = FeatureRule("x", 7, values=frozenset(known), required=True)
    checks = ValueChecks(rule, marks_missing=marks)

    if checks.surely_allows(values):
        assert [] == list(checks.suspects(np.array(values, object)))


@pytest.mark.parametrize("values", [[0.5, 2.5], [-1, 2], [b"red"], []])
def test_what_is_plainly_allowed_passes_the_quick_look(values: list[float | bytes]) -> None:
    """Numbers within the bounds, the bounds included, and texts of the domain."""
    rule = FeatureRule("x", None, minimum=-1, maximum=2.5, values=frozenset({"red"}))

    assert ValueChecks(rule, marks_missing=False).surely_allows(values)
