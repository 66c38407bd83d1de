"""Where REST and gRPC part, and the rule of TensorFlow Serving's JSON that parts them."""

from __future__ import annotations

import numpy as np

from tfx_parity.canary_validator.comparing import Compared
from tfx_parity.canary_validator.recorded import Rows

_FORMS = {"R": "rows", "Rc": "columns", "Rr": "rows"}
_BYTES = "_bytes"


def rest_requests(arm: str, signature: str) -> str:
    """Return the requests of a REST arm in words.

    Args:
        arm: R, Rc or Rr.
        signature: The signature that it asks.
    """
    return f"REST {_FORMS[arm]} of signature {signature!r}"


def json_rule(inputs: Rows, outputs: Rows | None) -> tuple[str, str] | None:
    """Return the tensor that JSON cannot carry faithfully, and why; None where there is none.

    Args:
        inputs: What is asked, row by row.
        outputs: What is answered over gRPC; None where that is not known.
    """
    for name, rows in sorted((outputs or {}).items()):
        if not name.endswith(_BYTES) and any(map(_is_no_text, rows)):
            rule = (
                f"holds bytes that are no UTF-8 text: they are answered in base64 only where the "
                f"name of the output ends in {_BYTES} (json_tensor.cc)"
            )
            return f"output {name!r}", rule
    for name, rows in sorted(inputs.items()):
        if rows[0].dtype == np.float64:
            rule = (
                "is a double: RapidJSON reads doubles to some units in the last place, as "
                "TensorFlow Serving does not ask it for full precision (json_tensor.cc)"
            )
            return f"input {name!r}", rule
    return None


def differing_outputs(rung: Compared, outputs: Rows) -> Rows:
    """Return the outputs that differ on a rung."""
    if rung.outputs is None:
        return {}
    found = rung.outputs.outputs
    return {name: rows for name, rows in outputs.items() if found[name].mismatching.any()}


def _is_no_text(row: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> bool:
    if row.dtype != object:
        return False
    try:
        for value in row.ravel():
            bytes(value).decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False
