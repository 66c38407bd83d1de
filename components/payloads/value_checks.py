"""Values of one feature against its rule."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tfx_parity.findings import FaultCode
from tfx_parity.payloads.feature_rules import FeatureRule
from tfx_parity.serving_api.dtypes import Array
from tfx_parity.tfx_lines import number_text

_SHOWN = 60
_DOMAIN_SHOWN = 5
_MISSING_INTEGER = -(2**63)


@dataclass(frozen=True)
class SuspectValue:
    """A value that the model takes and the rule does not allow.

    Attributes:
        index: Its number among the values.
        code: What is wrong.
        expected: What the rule allows.
        found: The value.
    """

    index: int
    code: FaultCode
    expected: str
    found: str


class ValueChecks:
    """The checks of the values of one feature, made once and used for every payload.

    Attributes:
        rule: The feature's rule.
        marks_missing: Whether NaN, the empty string and the smallest int64 stand for a missing
            value, as in `serve_raw`.
        low: The smallest number that is certain to be allowed.
        high: The largest.
    """

    def __init__(self, rule: FeatureRule, *, marks_missing: bool) -> None:
        """Work out the bounds.

        Args:
            rule: The feature's rule.
            marks_missing: Whether some values stand for a missing one.
        """
        self.rule = rule
        self.marks_missing = marks_missing
        low = -np.inf if rule.minimum is None else rule.minimum
        high = np.inf if rule.maximum is None else rule.maximum
        # A float32 stands for every number that rounds to it: the narrower bound is certain.
        with np.errstate(over="ignore"):
            self.low = max(low, float(np.float32(low)))
            self.high = min(high, float(np.float32(high)))
        if marks_missing:
            self.low = max(self.low, _MISSING_INTEGER + 1)

    def surely_allows(self, values: Sequence[float | bytes]) -> bool:
        """Whether a quick look at a few values proves them allowed.

        An example holds few values of a feature, and nearly all are: they need no array.

        Args:
            values: As a `tf.Example` lists them.
        """
        try:
            return all(map(self._surely_allows, values))
        except UnicodeDecodeError:
            return False

    def _surely_allows(self, value: float | bytes) -> bool:
        if not isinstance(value, bytes):
            return self.low <= value <= self.high and math.isfinite(value)
        text, known = value.decode("utf-8"), self.rule.values
        return (not known or text in known) and bool(value or not self.marks_missing)

    def suspects(self, array: Array) -> Iterator[SuspectValue]:
        """Yield the values that are not allowed.

        Args:
            array: The values as the model receives them; any shape.
        """
        flat = array.reshape(-1)
        if flat.dtype == object:
            yield from self._strings(flat)
        elif flat.dtype.kind == "f":
            yield from self._floats(flat)
        elif flat.dtype.kind in "iu":
            present = flat != _MISSING_INTEGER if self.marks_missing else np.ones(len(flat), bool)
            yield from self._missing(~present)
            yield from self._range(flat, present)

    def _floats(self, flat: Array) -> Iterator[SuspectValue]:
        missing = np.isnan(flat)
        if self.marks_missing:
            yield from self._missing(missing)
        bad = np.isinf(flat) & (not self.rule.allow_infinity)
        if not self.marks_missing and not self.rule.allow_nan:
            bad |= missing
        for index in np.flatnonzero(bad):
            yield SuspectValue(
                int(index), FaultCode.NOT_FINITE, "a finite number", number_text(flat[index])
            )
        yield from self._range(flat, np.isfinite(flat))

    def _range(self, flat: Array, looked_at: Array) -> Iterator[SuspectValue]:
        rule = self.rule
        kind = flat.dtype.type if flat.dtype.kind == "f" else float
        outside = np.zeros(len(flat), bool)
        if rule.minimum is not None:
            outside |= flat < kind(rule.minimum)
        if rule.maximum is not None:
            outside |= flat > kind(rule.maximum)
        for index in np.flatnonzero(outside & looked_at):
            yield SuspectValue(
                int(index), FaultCode.OUT_OF_RANGE, self._span(), number_text(flat[index])
            )

    def _span(self) -> str:
        low, high = self.rule.minimum, self.rule.maximum
        if low is None:
            return f"at most {high:g}"
        return f"at least {low:g}" if high is None else f"{low:g} to {high:g}"

    def _missing(self, missing: Array) -> Iterator[SuspectValue]:
        if not self.rule.required:
            return
        for index in np.flatnonzero(missing):
            yield SuspectValue(
                int(index), FaultCode.MISSING_VALUE, "a value in every example", "none"
            )

    def _strings(self, flat: Array) -> Iterator[SuspectValue]:
        for index, value in enumerate(flat):
            if not value and self.marks_missing:
                if self.rule.required:
                    yield SuspectValue(
                        index, FaultCode.MISSING_VALUE, "a value in every example", "none"
                    )
                continue
            try:
                text = value.decode("utf-8")
            except UnicodeDecodeError:
                shown = repr(value[:_SHOWN])
                yield SuspectValue(index, FaultCode.NOT_UTF8, "UTF-8 text", shown)
                continue
            if self.rule.values and text not in self.rule.values:
                shown = repr(text[:_SHOWN])
                yield SuspectValue(index, FaultCode.NOT_IN_DOMAIN, self._domain(), shown)

    def _domain(self) -> str:
        shown = ", ".join(sorted(self.rule.values)[:_DOMAIN_SHOWN])
        more = len(self.rule.values) - _DOMAIN_SHOWN
        return f"one of {shown}" + (f" and {more:,} more" if more > 0 else "")
