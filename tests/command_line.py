"""The command line as the tests call it, through click and never through patches."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from hashmatch.cli.main import cli
from tests.pictures import list_of


@dataclass(frozen=True)
class CommandLine:
    """Runs commands in a folder that `hashmatch init` has prepared."""

    folder: Path

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
