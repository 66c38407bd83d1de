"""Requests of plain numbers as one table, a column a feature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfx_parity.canary_validator.recorded import Rows

_Float = NDArray[np.float64]


@dataclass(frozen=True)
class FeatureTable:
    """The float inputs of requests that hold nothing else of rank over one.

    Attributes:
        inputs: Names of the float inputs.
        names: Of the columns, such as `x[2]`.
        features: float64 [examples, columns].
        recorded: All inputs, row by row.
    """

    inputs: tuple[str, ...]
    names: list[str]
    features: _Float
    recorded: Rows

    @classmethod
    def of(cls, inputs: Rows) -> FeatureTable | None:
        """Return the table of requests; None where no input is a number or vector of one length."""
        names, columns = [], []
        floats = sorted(name for name, rows in inputs.items() if rows[0].dtype.kind == "f")
        for name in floats:
            shapes = {row.shape for row in inputs[name]}
            if len(shapes) > 1 or len(next(iter(shapes))) > 1:
                return None
            values = np.stack([row.reshape(-1) for row in inputs[name]]).astype(np.float64)
            is_one = values.shape[1] == 1
            names += [name if is_one else f"{name}[{i}]" for i in range(values.shape[1])]
            columns.append(values)
        return cls(tuple(floats), names, np.hstack(columns), inputs) if columns else None

    def rows(self, features: _Float) -> Rows:
        """Return requests with other features, row by row, each in its dtype and shape.

        Args:
            features: [examples, columns]; may hold fewer examples than were recorded, from the
                first on.
        """
        found: dict[str, list[NDArray[np.generic]]] = {}
        column = 0
        for name in self.inputs:
            first = self.recorded[name][0]
            width = first.size
            part = features[:, column : column + width]
            found[name] = [row.reshape(first.shape).astype(first.dtype) for row in part]
            column += width
        others = {n: rows[: len(features)] for n, rows in self.recorded.items() if n not in found}
        return {**others, **found}
