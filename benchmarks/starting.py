"""How much a person waits before anything happens, in processor time of whole processes."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from benchmarks.measuring import Table
from benchmarks.photographs import encoded, photograph
from hashmatch.cli.main import cli

_RUNS = 7
_SHOWN = 6


def measure() -> list[Table]:
    """Measure the help of every command, and a scan of one file."""
    bare = _processor_s("-c", "pass")
    pages = {
        f"`hashmatch {' '.join((*words, '--help'))}`": _processor_s(
            "-m", "hashmatch", *words, "--help"
        )
        for words in commands_of(cli)
    }
    slowest = sorted(pages.items(), key=lambda one: -one[1])[:_SHOWN]
    rows = [("`python -c pass` (the comparison)", bare), *slowest, *_scans()]
    what = (
        f"Processor time of whole processes and those that they start, least of {_RUNS} runs: of"
        f" the {len(pages)} help pages the {_SHOWN} slowest, and a scan of one JPEG of 1080p"
        " against a list of three entries. To reach: 0.2 s for any help, 0.7 s for the scan."
    )
    columns = ("command", "time", "ratio")
    shown = [(name, f"{time_s:.2f} s", f"{time_s / bare:.1f}×") for name, time_s in rows]
    return [Table("Starting up", what, columns, shown)]


def _scans() -> Iterator[tuple[str, float]]:
    """Yield a scan of one file by its level, against the list of the demo."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "picture.jpg"
        picture = photograph(1, 1920, 1080, grain=8.0, colours=3)
        file.write_bytes(encoded(picture, "JPEG", quality=90))
        place = {"HASHMATCH_CONFIG": str(folder / "hashmatch.toml")}
        os.environ |= place
        entries = folder / "list.csv"
        entries.write_text(_entries())
        for command in (
            ("init", "--data-dir", str(folder)),
            ("lists", "import", "x", str(entries)),
        ):
            subprocess.run(
                [sys.executable, "-m", "hashmatch", *command],
                check=True,
                capture_output=True,
                cwd=folder,
            )
        for level in ("plain", "standard", "thorough"):
            words = ("scan", "--level", level, str(file))
            yield f"`hashmatch scan --level {level} FILE`", _processor_s("-m", "hashmatch", *words)
        del os.environ["HASHMATCH_CONFIG"]


def _entries() -> str:
    rows = (f"pdq,{bytes(range(first, first + 32)).hex()}" for first in (7, 70, 170))
    return "\n".join(("algorithm,value", *rows, ""))


def commands_of(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words of a command and of all below it."""
    yield words
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None:
                yield from commands_of(found, (*words, name))


def _processor_s(*arguments: str) -> float:
    return min(_once_s([sys.executable, *arguments]) for _ in range(_RUNS))


def _once_s(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
