"""Where REST and gRPC part, and the rule of TensorFlow Serving's JSON that parts them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfx_parity.canary_validator.recorded import Rows

_FORMS = {"R": "rows", "Rc": "columns", "Rr": "rows"}


def rest_requests(arms: Sequence[str], signature: str) -> str:
    """Return the requests of REST arms in words.

    Args:
        arms: Of R, Rc and Rr.
        signature: The signature that they ask.
    """
    return f"REST {' and '.join(_FORMS[arm] for arm in arms)} of signature {signature!r}"


def json_rule(inputs: Rows) -> tuple[str, str] | None:
    """Return the input that JSON cannot carry faithfully, and why; None where there is none.

    Args:
        inputs: What is asked, row by row.
    """
    for name, rows in sorted(inputs.items()):
        if rows[0].dtype == np.float64:
            rule = (
                "is a double: RapidJSON reads doubles to some units in the last place, as "
                "TensorFlow Serving does not ask it for full precision (json_tensor.cc)"
            )
            return f"input {name!r}", rule
    return None
