"""What is shown while steps run."""

from __future__ import annotations

import io
import itertools
import re
import time

import pytest

from tfx_parity.pipelines.progress import Progress


class _Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:
        """Return what the terminal can show."""
        return self._encoding

    def isatty(self) -> bool:
        """Return that it is a terminal."""
        return True


def test_elsewhere_than_on_a_terminal_a_step_is_one_plain_line() -> None:
    """A log of a scheduled job gets no escape codes, one line a step, with its duration."""
    screen = io.StringIO()
    clock = itertools.count(0, 2.5)

    with Progress(screen, clock=lambda: next(clock)).step("Trainer"):
        pass

    assert re.fullmatch(r"done Trainer +2\.5 s\n", screen.getvalue())


def test_remarks_follow_the_duration() -> None:
    """A step may say something, such as that it came from the cache."""
    screen = io.StringIO()

    with Progress(screen, clock=lambda: 0.0).step("Trainer") as remark:
        remark("from the cache")

    assert re.fullmatch(r"done Trainer +0\.0 s  from the cache\n", screen.getvalue())


def test_a_step_that_raises_is_marked_and_raises() -> None:
    """The line says failed, the error goes on."""
    screen = io.StringIO()

    with pytest.raises(KeyError), Progress(screen).step("Trainer"):
        raise KeyError

    assert screen.getvalue().startswith("failed Trainer")


@pytest.mark.system
def test_on_a_terminal_a_spinner_turns_and_a_tick_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a step runs its elapsed time is shown; afterwards one line is left."""
    monkeypatch.setenv("TERM", "xterm")
    screen = _Terminal("utf-8")

    with Progress(screen).step("Trainer"):
        time.sleep(0.5)

    *moving, last = screen.getvalue().strip().splitlines()
    assert "✓" in last
    assert len(set("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏") & set("".join(moving))) > 1


def test_a_terminal_without_unicode_gets_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a tick cannot be encoded it is spelt out."""
    monkeypatch.setenv("TERM", "xterm")
    screen = _Terminal("ascii")

    with Progress(screen).step("Trainer"):
        pass

    assert "done" in screen.getvalue()
    assert screen.getvalue().isascii()
