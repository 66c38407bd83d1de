"""The few lines that say why a step failed, out of an error's many."""

from __future__ import annotations

import re
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path

from tfx_parity.errors import TfxParityError

MAX_LINES = 14
_TRACEBACK = "Traceback (most recent call last):"
_USER_CODE = "in user code:"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def describe_failure(error: BaseException) -> str:
    """Return an error's type and message, and the place in the user's own code where it arose.

    Args:
        error: What a step raised. Beam raises a worker's error as the text of its traceback; of
            that the last error is taken.

    Returns:
        At most `MAX_LINES` lines and the place.
    """
    message = _COLOURS.sub("", str(error)).strip()
    if isinstance(error, TfxParityError):
        return message
    if _TRACEBACK in message:
        text = _after_last_traceback(message)
    else:
        text = f"{type(error).__name__}: {message}"
    return "\n".join([*_shortened(text), *_place(error)])


def _after_last_traceback(text: str) -> str:
    """Return what follows the frames of the last traceback in a text: the error itself."""
    lines = text[text.rindex(_TRACEBACK) :].splitlines()[1:]
    while lines and (not lines[0].strip() or lines[0].startswith(" ")):
        lines.pop(0)
    return "\n".join(lines) or text


def _shortened(text: str) -> Iterator[str]:
    """Yield a text's lines; of a long one the start, or the end where TensorFlow shows a trace."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) <= MAX_LINES:
        yield from lines
    elif _USER_CODE in text:
        yield lines[0]
        yield "    ..."
        yield from lines[-(MAX_LINES - 2) :]
    else:
        yield from lines[: MAX_LINES - 1]
        yield "..."


def _place(error: BaseException) -> Iterator[str]:
    """Yield the deepest place of a traceback that lies in no installed package."""
    installed = {sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib")}
    # The first frame is of the function that caught the error.
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)[1:]
        # Compiled modules give paths that are relative, interpreted text gives names in <>.
        if Path(frame.filename).is_absolute()
        and not frame.filename.startswith(tuple(installed))
        and "__autograph_generated_file" not in frame.filename
    ]
    if own:
        yield f"at {own[-1].filename}:{own[-1].lineno} in {own[-1].name}"
