"""`hashmatch manual`."""

from __future__ import annotations

from collections.abc import Iterator

import click

from hashmatch._version import __version__

from .exit_codes import EXIT_CLEAR, EXIT_MATCHED, EXIT_UNSCREENED

_DESCRIPTION = (
    "Finds images that are already known as abuse material, by hash lists licensed from bodies such"
    " as the IWF or NCMEC, without ever keeping an image. Every image is clear, matched, or"
    " unscreened with a reason; whatever was not checked in full is never clear."
)
_EXIT_CODES = {
    EXIT_CLEAR: "Everything is clear, or the command did what was asked for.",
    EXIT_MATCHED: "Something matched. Of scan, backfill and lookup alone.",
    EXIT_UNSCREENED: "Something was not screened, or the command failed.",
}
_FILES = (
    ("hashmatch.toml", "The configuration, in the folder where a command runs."),
    ("~/.config/hashmatch/hashmatch.toml", "The configuration where there is none."),
)
_ENVIRONMENT = (
    ("HASHMATCH_CONFIG", "The configuration file."),
    ("HASHMATCH_DATA_DIR", "The folder of the database and the index."),
    ("HASHMATCH_DATABASE_URL", "The address of the database."),
)


@click.command("manual")
def command() -> None:
    """Write the manual page of all commands, for man.

    To read it: hashmatch manual | man -l -. To install it: hashmatch manual >
    ~/.local/share/man/man1/hashmatch.1
    """
    from .main import cli

    click.echo("\n".join(_page(cli)))


def _page(cli: click.Group) -> Iterator[str]:
    yield f'.TH HASHMATCH 1 "" "hashmatch {__version__}" "User Commands"'
    yield from (".ad l", ".nh")  # Names of commands and options stay whole.
    yield from (".SH NAME", "hashmatch \\- match images against licensed hash lists")
    yield from (".SH SYNOPSIS", ".B hashmatch", "[OPTIONS] COMMAND [ARGS]...")
    yield from (".SH DESCRIPTION", _text(_DESCRIPTION))
    with click.Context(cli, info_name="hashmatch", **cli.context_settings) as context:
        yield ".SH OPTIONS"
        yield from _options(cli, context)
        yield ".SH COMMANDS"
        yield from _commands(cli, context)
    yield ".SH EXIT STATUS"
    for code, meaning in _EXIT_CODES.items():
        yield from (".TP", f".B {code}", _text(meaning))
    for heading, rows in (("ENVIRONMENT", _ENVIRONMENT), ("FILES", _FILES)):
        yield f".SH {heading}"
        for name, meaning in rows:
            yield from (".TP", f".I {_text(name)}", _text(meaning))


def _commands(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None:
            continue
        with click.Context(command, context, name, **command.context_settings) as own:
            if isinstance(command, click.Group):
                yield from _commands(command, own)
                continue
            usage = " ".join(command.collect_usage_pieces(own))
            yield from (
                f'.SS "{_text(own.command_path)} {_text(usage)}"',
                _text(command.help or ""),
            )
            yield from _options(command, own)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for one in command.get_params(context):
        record = one.get_help_record(context)
        if record and record[1]:  # Arguments have no help of their own.
            yield from (".TP", f".B {_text(record[0])}", _text(record[1]))


def _text(text: str) -> str:
    """Return text in one line, in which roff finds no command."""
    line = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    return f"\\&{line}" if line.startswith((".", "'")) else line
