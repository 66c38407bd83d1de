"""How Transform's examples are cut into batches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from absl import flags

# Defined by tfx_bsl/coders/batch_util.py.
_FLAG = "tfxio_use_byte_size_batching"


@contextmanager
def batches_cut_by_size() -> Iterator[None]:
    """Let TFX-BSL cut batches by their bytes in the pipelines that are built meanwhile.

    Its default lets Beam tune the size of a batch by the clock, so that the sums behind a mean or
    a variance are grouped otherwise on a busier machine: the same examples make a graph whose
    constants have other last bits, and training ends with another model. By bytes a file is cut
    alike at every run, and a batch's memory is bounded. (A distributed runner may still merge sums
    in another order.) A flag that was set on the command line is left alone.
    """
    default = flags.FLAGS[_FLAG].default
    flags.FLAGS.set_default(_FLAG, True)
    try:
        yield
    finally:
        flags.FLAGS.set_default(_FLAG, default)
