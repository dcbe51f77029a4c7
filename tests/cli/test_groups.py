"""The short help of commands, which help pages show without importing them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from hashmatch.cli.groups import LazyGroup
from hashmatch.cli.main import cli


def _commands(group: LazyGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every command and group below a group."""
    context = click.Context(group)
    for name in group.list_commands(context):
        yield (*path, name)
        command = group.get_command(context, name)
        if isinstance(command, LazyGroup):
            yield from _commands(command, (*path, name))


def _run(*words: str) -> str:
    # As wide as no line is, so that none is wrapped.
    result = CliRunner().invoke(
        cli, [*words, "--help"], terminal_width=1000, max_content_width=1000
    )
    assert result.exit_code == 0
    return result.stdout


@pytest.mark.parametrize("path", list(_commands(cli)), ids=" ".join)
def test_the_short_help_is_the_first_sentence_of_the_help(path: tuple[str, ...]) -> None:
    (short,) = re.findall(rf"^  {path[-1]}  +(.+)$", _run(*path[:-1]), re.MULTILINE)
    paragraph = _run(*path).split("\n\n")[1]
    sentence = re.match(r".*?\.(?=\s|$)", " ".join(paragraph.split()))
    assert sentence is not None
    assert short == sentence.group()
