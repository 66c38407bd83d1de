"""What a request's review holds: all refusals, all changes, and the values that fit."""

from __future__ import annotations

from dataclasses import dataclass, field

from tfx_parity.serving_api.dtypes import Array
from tfx_parity.serving_api.reasons import Reason
from tfx_parity.serving_api.status import ServingError

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Refusal:
    """Something for which the server refuses the request.

    Attributes:
        reason: Why.
        path: Names and indices from the request to the place.
        row: The example, None where it is none.
        alias: The input's name; empty where it is none in particular.
        error: What the server answers, were it the first fault.
        sent: What was sent there, shortened; empty where nothing was.
    """

    reason: Reason
    path: Path
    row: int | None
    alias: str
    error: ServingError
    sent: str = ""


@dataclass(frozen=True)
class ValueChange:
    """Something that the server takes and hands on as something else.

    Attributes:
        reason: What becomes of it.
        path: Names and indices from the request to the place.
        row: The example, None where it is none.
        alias: The input's name; empty where it is none in particular.
        sent: What was written.
        received: What reaches the model.
    """

    reason: Reason
    path: Path
    row: int | None
    alias: str
    sent: str
    received: str


@dataclass(frozen=True)
class SentTensor:
    """Values that the server takes: one instance's, or a whole column.

    Attributes:
        path: Names and indices from the request to it; in JSON its elements' indices follow.
        row: The instance; None for a column, whose first index is the row.
        alias: The input's name.
        array: As the model receives it.
    """

    path: Path
    row: int | None
    alias: str
    array: Array


@dataclass
class Review:
    """What the server makes of a request.

    Attributes:
        signature_name: The signature asked for; empty where the request does not get so far.
        row_format: Whether it is a REST body that holds rows: instances or examples.
        of_examples: Whether it is a REST body of `:classify` or `:regress`.
        refusals: Why it is refused, the server's own answer first; none where it is taken.
        changes: What of it is changed.
        tensors: The values that fit, of a refused request too.
        single_values: Where a feature of an example was sent as one value instead of a list.
    """

    signature_name: str = ""
    row_format: bool = False
    of_examples: bool = False
    refusals: list[Refusal] = field(default_factory=list)
    changes: list[ValueChange] = field(default_factory=list)
    tensors: list[SentTensor] = field(default_factory=list)
    single_values: set[Path] = field(default_factory=set)

    def refuse(
        self,
        reason: Reason,
        path: Path,
        error: ServingError,
        alias: str = "",
        row: int | None = None,
        sent: str = "",
    ) -> None:
        """Add a refusal; see `Refusal`."""
        self.refusals.append(Refusal(reason, path, row, alias, error, sent))
