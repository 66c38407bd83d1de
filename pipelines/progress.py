"""What is shown of a run's steps: a spinner while one runs, then a line of how it went."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

_NAME_WIDTH = 22
_REFRESHES_PER_SECOND = 8


class Progress:
    """Shows steps on a screen: with a spinner on a terminal, a plain line a step elsewhere."""

    def __init__(self, screen: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        """Show on a stream.

        Args:
            screen: Where to write.
            clock: Seconds, for the durations.
        """
        self._console = Console(file=screen, highlight=False, soft_wrap=True)
        self._clock = clock
        self._unicode = self._console.is_terminal and self._console.encoding.startswith("utf")
        self._done, self._failed = ("✓", "✗") if self._unicode else ("done", "failed")

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
        """Show a step while the block runs, then how it went.

        Args:
            name: What is done, such as the name of a component.

        Yields:
            A function that takes a remark to show beside the duration.
        """
        start = self._clock()
        remarks: list[str] = []
        try:
            with self._spinner(name, start):
                yield remarks.append
        except BaseException:
            self._line(Text(self._failed, "bold red"), name, start, remarks)
            raise
        self._line(Text(self._done, "green"), name, start, remarks)

    def _spinner(self, name: str, start: float) -> AbstractContextManager[object]:
        """Return a line that moves and then disappears; nothing where there is no terminal."""
        if not self._console.is_terminal:
            return nullcontext()
        spinner = Spinner("dots" if self._unicode else "line")

        def line() -> Spinner:
            spinner.update(text=Text(f"{name:<{_NAME_WIDTH}} {self._clock() - start:6.0f} s"))
            return spinner

        return Live(
            get_renderable=line,
            console=self._console,
            transient=True,
            refresh_per_second=_REFRESHES_PER_SECOND,
            redirect_stdout=False,  # Both go to the log, never through the screen.
            redirect_stderr=False,
        )

    def _line(self, mark: Text, name: str, start: float, remarks: list[str]) -> None:
        text = Text.assemble(mark, f" {name:<{_NAME_WIDTH}} {self._clock() - start:6.1f} s")
        for remark in remarks:
            text.append(f"  {remark}", "dim")
        self._console.print(text)
