"""`hashmatch demo`: the whole flow without any setup."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hashmatch.outcome import Matched, Unscreened, outcome_name

from .context import App, pass_app
from .output import print_table, say
from .verdicts import closeness

if TYPE_CHECKING:
    from hashmatch.operations.demo import DemoResult, Screened


@click.command("demo")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("hashmatch-demo"),
    show_default=True,
    help="Folder for the files of the demo.",
)
@pass_app
def command(_: App, folder: Path) -> None:
    """Run the whole flow on drawn pictures and a made-up list."""
    from hashmatch.operations.demo import run_demo

    say("drawing pictures, importing a list of three, screening copies of them and others ...")
    result = run_demo(folder)
    columns = ("upload", "content", "outcome", "action", "reason")
    print_table("Verdicts", columns, [_cells(one) for one in result.screened])
    _say_where(result)


def _cells(one: Screened) -> tuple[str, ...]:
    outcome = one.outcome
    name, description = outcome_name(outcome), one.description
    if isinstance(outcome, Matched):
        reason = "; ".join(
            f"{match.entry_id} ({match.category}): {match.algorithm} {closeness(match)}"
            for match in outcome.matches
        )
        return one.file.name, description, name, outcome.action, reason
    if isinstance(outcome, Unscreened):
        return (
            one.file.name,
            description,
            name,
            outcome.action,
            f"{outcome.reason}: {outcome.detail}",
        )
    return one.file.name, description, name, "allow", ""


def _say_where(result: DemoResult) -> None:
    imported, program = result.imported, _program()
    say(
        f"""
The made-up list has {imported.rows} rows and is at generation {imported.generation}.
Files in {result.folder}/:
  uploads/        the pictures, in place of a platform's own storage
  list.csv        the made-up hash list
  data/           the database: hashes, matches and counts, no image data
  report.csv      the matches, as a report for a compliance team
  hashmatch.toml  the configuration

Next steps with the demo:
  {program} --config {result.config} matches list
  {program} --config {result.config} scan --recursive {result.uploads}
  {program} --config {result.config} cases list
  {program} --config {result.config} audit verify
  {program} --config {result.config} lists status
With your own lists and images:
  {program} init
  {program} lists import NAME FILE.csv
  {program} scan PATH..."""
    )


def _program() -> str:
    """Return how to call hashmatch from here: by its name where the shell finds it."""
    if shutil.which("hashmatch") or not Path(sys.argv[0]).is_file():
        return "hashmatch"
    return os.path.relpath(sys.argv[0])
