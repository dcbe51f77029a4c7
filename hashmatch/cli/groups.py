"""Command groups that import a command only when it is called."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from keyword import iskeyword
from typing import Any

import click


class LazyGroup(click.Group):
    """Group of commands, each the object `command` of a module of `package`.

    `commands` maps their names to their short help, in the order of the help page, which is
    therefore shown without importing any of them.
    """

    def __init__(
        self, name: str, package: str, summary: str, commands: Mapping[str, str], **options: Any
    ) -> None:
        super().__init__(name, help=summary, **options)
        self._package = package
        self._commands = commands

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help page."""
        return list(self._commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of that command."""
        if cmd_name not in self._commands:
            return None
        module = cmd_name.replace("-", "_")
        if iskeyword(module):
            module += "_"
        command: click.Command = import_module(f"{self._package}.{module}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._commands.items()))
