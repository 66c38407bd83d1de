"""What is wrong with a compiled pipeline, and where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that a server would refuse, or that would fail a run.

    Attributes:
        place: Where in the file, as keys joined by dots.
        problem: What was expected and what was found.
        cure: What to do.
        is_error: Whether it must be mended; else it deserves a look.
    """

    place: str
    problem: str
    cure: str
    is_error: bool = True

    def render(self) -> str:
        """Return the fault as a line and its cure as another."""
        kind = "error" if self.is_error else "warning"
        return f"{kind}: {self.place}: {self.problem}\n  {self.cure}"
