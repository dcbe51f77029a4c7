"""Command groups that import a command only when it is called."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import import_module
from keyword import iskeyword
from pathlib import Path
from typing import Any

import click

from .context import App


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
        _accept_config(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or suggest the one that was probably meant."""
        if args and args[0] not in self._commands and not args[0].startswith("-"):
            meant = difflib.get_close_matches(args[0], self._commands, n=1)
            if meant and not ctx.resilient_parsing:
                ctx.fail(f"No such command '{args[0]}'. Did you mean '{meant[0]}'?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._commands.items()))


def _accept_config(command: click.Command) -> None:
    """Let --config be given after the name of a command, too, where people look for it."""
    if not any("--config" in one.opts for one in command.params):
        command.params.append(
            click.Option(
                ["--config"],
                type=click.Path(path_type=Path, dir_okay=False),
                expose_value=False,
                hidden=True,
                help="The configuration file.",
                callback=_use_config,
            )
        )


def _use_config(ctx: click.Context, _: click.Parameter, config: Path | None) -> None:
    app = ctx.find_object(App)
    if app is not None and config is not None:
        app.config = config
