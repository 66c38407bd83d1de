"""What the quick checks accept, the careful ones find nothing against."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.payloads.feature_rules import FeatureRule
from tfx_parity.payloads.plain_checks import PlainChecks
from tfx_parity.payloads.signature_shape import SignatureShape
from tfx_parity.payloads.value_checks import ValueChecks
from tfx_parity.serving_api.rest_plain import PlainInputs

FLOAT, INT, STRING = 1, 9, 7


def plain(checks: list[ValueChecks], **options: object) -> PlainChecks:
    shapes = [SignatureShape([-1])] * len(checks)
    given = {"text_has_rule": True, "is_good_example": None}
    return PlainChecks(shapes, checks, **(given | options))


def sent(values: object, inputs: int = 1, *, in_base64: bool = False) -> PlainInputs:
    aliases = tuple("abc"[:inputs])
    return PlainInputs(aliases, values, (len(values) // inputs,), in_base64)


FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(FINITE, FINITE), min_size=1), st.floats(-9, 9), st.booleans())
def test_floats_are_accepted_only_where_none_is_suspect(
    rows: list[tuple[float, float]], bound: float, many: bool
) -> None:
    """Each of two inputs by its own bounds, in a list or in an array."""
    rules = [FeatureRule("a", FLOAT, -bound, bound), FeatureRule("b", FLOAT, maximum=bound)]
    checks = [ValueChecks(rule, marks_missing=False) for rule in rules]
    values = np.array(rows).reshape(-1)

    accepted = plain(checks).accept(sent(values if many else values.tolist(), 2))

    columns = np.array(rows, np.float32).T
    suspects = [
        s for check, column in zip(checks, columns, strict=True) for s in check.suspects(column)
    ]
    assert not (accepted and suspects)


INTEGERS = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-2, 2).map(lambda n: 2**53 + n),
    st.sampled_from([-(2**63), 2**63 - 1, -(2**63) + 1]),
)


@given(
    st.lists(INTEGERS, min_size=1), st.sampled_from([None, 2**53, 9]), st.booleans(), st.booleans()
)
def test_integers_are_compared_as_integers(
    values: list[int], bound: int | None, marks_missing: bool, many: bool
) -> None:
    """Beyond 53 bits too, and the smallest is a missing value where it stands for one."""
    rule = FeatureRule("a", INT, maximum=bound, required=True)
    checks = [ValueChecks(rule, marks_missing=marks_missing)]

    accepted = plain(checks).accept(sent(np.array(values, np.int64) if many else values))

    if accepted:
        assert [] == list(checks[0].suspects(np.array(values, np.int64)))
    elif not marks_missing and bound is None:
        raise AssertionError(values)


@pytest.mark.parametrize(
    ("expected", "values", "marks_missing"),
    [
        (True, ["x", "q", "y", ""], False),
        (False, ["q", "x"], False),
        (True, ["x", "q"], True),
        (False, ["x", ""], True),
    ],
)
def test_texts_are_held_against_their_own_domain(
    expected: bool, values: list[str], marks_missing: bool
) -> None:
    """The first of two inputs has a domain; an empty text may stand for a missing value."""
    rules = [FeatureRule("a", STRING, values=frozenset("xy")), FeatureRule("b", STRING)]
    made = plain([ValueChecks(rule, marks_missing=marks_missing) for rule in rules])

    assert expected == made.accept(sent(values, 2))


@pytest.mark.parametrize("has_rule", [False, True])
def test_bytes_are_accepted_where_they_need_not_be_text(has_rule: bool) -> None:
    """What was sent in base64 may be anything, unless the schema knows the feature."""
    checks = [ValueChecks(FeatureRule("a", STRING), marks_missing=False)]
    made = plain(checks, text_has_rule=has_rule)

    assert has_rule != made.accept(sent([b"\xff", "q"], in_base64=True))


def test_shapes_must_match() -> None:
    """Values of another shape than the signature's are not accepted, whatever they are."""
    made = plain([ValueChecks(FeatureRule("a", FLOAT), marks_missing=False)])

    assert made.accept(PlainInputs(("a",), [1.0], (1,), False))
    assert not made.accept(PlainInputs(("a",), [1.0], (1, 1), False))
    assert not made.accept(PlainInputs(("a",), [1.0], (), False))
