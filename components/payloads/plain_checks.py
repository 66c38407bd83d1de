"""Values that the server takes as they are, held against shapes and rules, many at a time.

What is accepted here is certain to be without a fault; whatever else is left to the checks that
say where a fault is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from operator import ge, le

import numpy as np

from tfx_parity.payloads.signature_shape import SignatureShape
from tfx_parity.payloads.value_checks import ValueChecks
from tfx_parity.serving_api.dtypes import Array, Dtype
from tfx_parity.serving_api.rest_plain import PlainInputs

_MAX_KNOWN_SHAPES = 64
_INT64 = np.iinfo(np.int64)


class PlainChecks:
    """The checks of inputs of one type that are looked at together."""

    def __init__(
        self,
        shapes: Sequence[SignatureShape | None],
        checks: Sequence[ValueChecks],
        *,
        text_has_rule: bool,
        is_good_example: Callable[[str | bytes, int], bool] | None,
    ) -> None:
        """Look up once what each body needs.

        Args:
            shapes: Of each input, None for any.
            checks: Of the values of each input.
            text_has_rule: Whether texts must be UTF-8; else any bytes may be meant.
            is_good_example: Whether a value with its row is an example without a fault; None where
                the input takes none.
        """
        self._shapes = [shape for shape in shapes if shape is not None]
        self._known: set[tuple[int, ...]] = set()
        self._lows = [checks.low for checks in checks]
        self._highs = [checks.high for checks in checks]
        self._domains = [(i, c.rule.values) for i, c in enumerate(checks) if c.rule.values]
        self._refuses_empty = any(c.marks_missing for c in checks)
        self._text_has_rule = text_has_rule
        self._is_good_example = is_good_example

    def accept(self, sent: PlainInputs) -> bool:
        """Return whether the values are certain to be without a fault."""
        if sent.shape not in self._known and not self._learns(sent.shape):
            return False
        values = sent.values
        if self._is_good_example is not None:
            return all(map(self._is_good_example, values, range(len(values))))
        if not isinstance(values, list):
            return self._in_ranges(values)
        if not values or type(values[0]) is bool:
            return True
        if sent.in_base64 or type(values[0]) is str:
            return self._are_good_texts(sent)
        # Quicker than arrays for a few.
        return all(map(le, cycle(self._lows), values)) and all(map(ge, cycle(self._highs), values))

    def _learns(self, shape: tuple[int, ...]) -> bool:
        """Whether a shape matches; some that do are known from then on."""
        matches = all(expected.matches(shape) for expected in self._shapes)
        if matches and len(self._known) < _MAX_KNOWN_SHAPES:
            self._known.add(shape)
        return matches

    def _in_ranges(self, values: Array) -> bool:
        by_input = values.reshape(-1, len(self._lows))
        low, high = self._lows, self._highs
        if values.dtype == np.int64:  # compared as integers: a double does not hold all of them
            low = [max(_INT64.min, math.ceil(max(bound, _INT64.min))) for bound in low]
            high = [min(_INT64.max, math.floor(min(bound, _INT64.max))) for bound in high]
        return bool((by_input >= np.array(low)).all() and (by_input <= np.array(high)).all())

    def _are_good_texts(self, sent: PlainInputs) -> bool:
        if sent.in_base64:
            return not self._text_has_rule
        if self._refuses_empty and "" in sent.values:
            return False
        step = len(sent.aliases)
        return all(values.issuperset(sent.values[i::step]) for i, values in self._domains)


def columns_of(sent: PlainInputs, dtype: Dtype) -> Iterator[tuple[str, Array]]:
    """Yield each input with the tensor that the model gets for it.

    Args:
        sent: Inputs that are looked at together.
        dtype: Their type.
    """
    if dtype.hasobject:
        flat: Array = np.empty(len(sent.values), object)
        flat[:] = [text.encode("utf-8") if type(text) is str else text for text in sent.values]
    else:
        flat = np.asarray(sent.values).astype(dtype)
    if len(sent.aliases) == 1:
        yield sent.aliases[0], flat.reshape(sent.shape)
        return
    together = flat.reshape(sent.shape[0], len(sent.aliases), *sent.shape[1:])
    for index, alias in enumerate(sent.aliases):
        yield alias, together[:, index]
