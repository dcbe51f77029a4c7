"""Terminal as the tables and progress bars of commands see it; import this module lazily."""

from __future__ import annotations

from rich.console import Console


class Terminal(Console):
    """A console that leaves closed pipes to the command line."""

    def on_broken_pipe(self) -> None:
        """Raise; the original would end the program with 1, which means "matched"."""
        raise BrokenPipeError
