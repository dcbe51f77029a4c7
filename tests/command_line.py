"""The command line as the tests call it, through click and never through patches."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from click.testing import CliRunner, Result

from hashmatch.cli.main import cli
from tests.pictures import list_of


@dataclass(frozen=True)
class CommandLine:
    """Runs commands in a folder that `hashmatch init` has prepared."""

    folder: Path

    @classmethod
    def initialised(cls, folder: Path, data: Path | None = None) -> CommandLine:
        """Return one in a new folder with a configuration, over a copy of `data` if given."""
        folder.mkdir()
        if data is not None:
            shutil.copytree(data, folder / "data")
        (folder / "hashmatch.toml").write_text(f'data_dir = "{folder}/data"\n')
        return cls(folder)

    def run(self, *arguments: str | Path, stdin: str | bytes | None = None) -> Result:
        """Run one command and return its exit code and output."""
        return CliRunner().invoke(cli, [str(one) for one in arguments], input=stdin)

    def json(self, *arguments: str | Path, stdin: str | bytes | None = None) -> list[Any]:
        """Run one command with --json and return the lines that it wrote."""
        result = self.run(*arguments, "--json", stdin=stdin)
        return [json.loads(line) for line in result.stdout.splitlines()]

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file into the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def import_pictures(
        self, name: str, *seeds: int, algorithms: tuple[str, ...] = ("pdq",)
    ) -> None:
        """Import a list that holds drawn pictures."""
        file = self.write(f"{name}.csv", list_of(*seeds, algorithms=algorithms))
        result = self.run("lists", "import", name, file)
        assert result.exit_code == 0, result.output


class Ran(NamedTuple):
    """What a command that ran in another process left behind."""

    exit_code: int
    stdout: str
    stderr: str


class Run(Protocol):
    """Runs one command in another process; fails where its exit code is not the expected one."""

    def __call__(self, *arguments: str, expected: int = 0) -> Ran:
        """Return what it leaves behind."""


_COMMANDS = """
import json, sys
from click.testing import CliRunner
from hashmatch.cli.main import cli

answers = sys.stdout
for line in sys.stdin:
    result = CliRunner().invoke(cli, json.loads(line))
    answer = result.exit_code, result.stdout, result.stderr
    print(json.dumps(answer), file=answers, flush=True)
"""


@contextmanager
def one_process(folder: Path, environment: Mapping[str, str]) -> Iterator[Run]:
    """Run commands one after another in one process, with an environment of its own.

    Each has to load the program when each is a process.
    """
    with subprocess.Popen(
        [sys.executable, "-c", _COMMANDS],
        env=environment, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        orders, answers = process.stdin, process.stdout
        assert orders is not None
        assert answers is not None

        def run(*arguments: str, expected: int = 0) -> Ran:
            print(json.dumps(arguments), file=orders, flush=True)
            ran = Ran(*json.loads(answers.readline()))
            assert ran.exit_code == expected, ran.stdout + ran.stderr
            return ran

        yield run
