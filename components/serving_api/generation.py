"""The two generations of TF Serving's JSON front.

TF Serving 2.18 replaced the parser of 2.16 (commit 6cb01316, 2024-08): it no longer recurses,
it ignores what follows the document, and it echoes values in errors in another form.
"""

from __future__ import annotations

import re
from enum import Enum

_FIRST_ITERATIVE_MINOR = 18
_VERSION = re.compile(r"(\d+)\.(\d+)")


class Generation(Enum):
    """A generation of the JSON front, named for the first release tested or known to have it."""

    V2_16 = "2.16"
    V2_18 = "2.18"

    @classmethod
    def of_tensorflow(cls, version: str) -> Generation:
        """Return the generation that a TF Serving built on TensorFlow `version` has.

        TF Serving's releases carry the version of the TensorFlow they are built on.

        Args:
            version: A TensorFlow version such as "2.16.2" or "2.21.0rc1".

        Raises:
            ValueError: If `version` does not start with two numbers.
        """
        match = _VERSION.match(version)
        if match is None:
            raise ValueError(
                f"Expected a TensorFlow version such as '2.16.2', got {version!r}. Pass "
                "tensorflow.__version__ or the version of the installed distribution."
            )
        major, minor = int(match[1]), int(match[2])
        return cls.V2_18 if (major, minor) >= (2, _FIRST_ITERATIVE_MINOR) else cls.V2_16
