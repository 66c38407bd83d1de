"""A signature's shape, to hold many tensors' shapes against."""

from __future__ import annotations

from tfx_parity.protos import TensorInfo


class SignatureShape:
    """The shape of one input."""

    def __init__(self, sizes: list[int]) -> None:
        """Look up once what each comparison needs.

        Args:
            sizes: Of each dimension, below 0 where it is open.
        """
        self._rank = len(sizes)
        self._fixed = [(axis, size) for axis, size in enumerate(sizes) if size >= 0]

    def matches(self, shape: tuple[int, ...], *, is_row: bool = False) -> bool:
        """Whether a shape is one of these; of one row of several the first size says nothing."""
        if len(shape) != self._rank:
            return False
        return all(shape[axis] == size for axis, size in self._fixed if not (is_row and axis == 0))


def signature_shape(info: TensorInfo) -> SignatureShape | None:
    """Return the shape of an input; None where it takes any rank."""
    if info.tensor_shape.unknown_rank:
        return None
    return SignatureShape([int(dim.size) for dim in info.tensor_shape.dim])
