"""The rule that a model answers one row an example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tfx_parity.errors import BadInputError


def check_row_counts(shapes: Mapping[str, Sequence[int | None]], count: int) -> None:
    """Check that every output has one row an example.

    Args:
        shapes: The shape of each output.
        count: How many examples the model was asked for.

    Raises:
        BadInputError: If an output has another number of rows, or no batch dimension at all.
    """
    if not shapes:
        raise BadInputError("Expected at least one output of the model, found none.")
    for name, shape in shapes.items():
        rows = shape[0] if len(shape) else None
        if rows != count:
            found = f"{rows} rows" if len(shape) else "a scalar"
            raise BadInputError(
                f"Expected {count} rows of the output {name!r} for {count} examples, found "
                f"{found}. "
                "Let the model answer one row an example: no mean over the batch, no flattening "
                "of the first axis."
            )
