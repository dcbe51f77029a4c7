"""Every error ends in a message, a hint and exit code 2, and shows no secret."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from hashmatch import errors
from hashmatch.cli.main import HashmatchGroup, cli
from hashmatch.errors import HashmatchError


def _all_errors(root: type[HashmatchError] = HashmatchError) -> list[type[HashmatchError]]:
    return [root, *(one for child in root.__subclasses__() for one in _all_errors(child))]


@pytest.mark.parametrize("error", _all_errors())
def test_every_error_becomes_a_message_and_exit_code_2(error: type[HashmatchError]) -> None:
    result = _run_command_that_raises(error("it broke", hint="repair it"))
    assert result.exit_code == 2
    assert result.stderr == "hashmatch: it broke\n  repair it\n"
    assert result.stdout == ""


@pytest.mark.parametrize("error", _all_errors())
def test_every_error_stands_in_the_tree(error: type[HashmatchError]) -> None:
    assert error.__name__ in (errors.__doc__ or "")


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("oops"), KeyboardInterrupt(), click.ClickException("no")]
)
def test_no_failure_ends_in_the_exit_code_that_means_matched(error: BaseException) -> None:
    assert _run_command_that_raises(error).exit_code == 2


@pytest.mark.parametrize(
    "arguments", [["scna"], ["scan"], ["scan", "--nope", "x"], ["lists", "add"], ["--config"]]
)
def test_wrong_arguments_end_in_exit_code_2(arguments: list[str]) -> None:
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert "Usage:" in result.stderr or "Error:" in result.stderr


def _run_command_that_raises(error: BaseException) -> click.testing.Result:
    class Group(HashmatchGroup):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            return click.Command(cmd_name, callback=self._raise)

        def _raise(self) -> None:
            raise error

    return CliRunner().invoke(Group("hashmatch", help=""), ["scan"])
