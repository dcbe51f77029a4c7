"""The manual page: all commands and options, as man reads them."""

from __future__ import annotations

import shutil
import subprocess

import click
import pytest
from click.testing import CliRunner

from hashmatch.cli.main import cli


@pytest.fixture(scope="module")
def page() -> str:
    result = CliRunner().invoke(cli, ["manual"])
    assert result.exit_code == 0, result.output
    return result.stdout


def _paths(group: click.Group, words: str) -> list[str]:
    found = []
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            path = f"{words} {name}"
            found += _paths(command, path) if isinstance(command, click.Group) else [path]
    return found


def test_every_command_has_its_place(page: str) -> None:
    headings = [one for one in page.splitlines() if one.startswith(".SS ")]
    for path in _paths(cli, "hashmatch"):
        escaped = path.replace("-", "\\-")
        assert sum(one.startswith(f'.SS "{escaped} ') for one in headings) == 1, path


def test_no_line_of_text_is_taken_for_a_command(page: str) -> None:
    known = {".TH", ".ad", ".nh", ".SH", ".SS", ".TP", ".B", ".I"}
    lines = page.splitlines()
    assert {one.split()[0] for one in lines if one.startswith((".", "'"))} == known
    assert all(lines)


@pytest.mark.skipif(not shutil.which("man"), reason="there is no man")
def test_man_reads_it_without_a_warning(page: str) -> None:
    # Names of commands and options are not broken, which some lines are too short for.
    asked = ["man", "--warnings", "-l", "-"]
    environment = {"PATH": "/usr/bin:/bin", "MANWIDTH": "100", "LC_ALL": "C.UTF-8"}
    read = subprocess.run(
        asked, input=page, capture_output=True, text=True, check=False, env=environment
    )
    warnings = [one for one in read.stderr.splitlines() if "can't break line" not in one]
    assert (read.returncode, warnings) == (0, [])
    assert "hashmatch lists sync [OPTIONS]" in read.stdout
    assert "Screen images against all lists and record matches." in read.stdout
