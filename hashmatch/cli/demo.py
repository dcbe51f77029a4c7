"""`hashmatch demo`: see it work before anything is set up."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import click

from hashmatch.demo import DemoResult, Screened, run_demo
from hashmatch.outcome import Matched, Unscreened, outcome_name

from .context import App, pass_app
from .output import print_table, say
from .verdicts import closeness


@click.command("demo")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("hashmatch-demo"),
    show_default=True,
    help="Where the demo puts its files.",
)
@pass_app
def command(_: App, folder: Path) -> None:
    """Run the whole flow on drawn pictures and a made-up list."""
    say("drawing pictures, listing some of them, screening copies of them and strangers ...")
    result = run_demo(folder)
    columns = ("upload", "what it is", "outcome", "action", "why")
    print_table("Verdicts", columns, [_cells(one) for one in result.screened])
    _say_where(result)


def _cells(one: Screened) -> tuple[str, ...]:
    outcome = one.outcome
    name, story = outcome_name(outcome), one.story
    if isinstance(outcome, Matched):
        why = "; ".join(
            f"{match.entry_id} ({match.category}): {match.algorithm} {closeness(match)}"
            for match in outcome.matches
        )
        return one.file.name, story, name, outcome.action, why
    if isinstance(outcome, Unscreened):
        return one.file.name, story, name, outcome.action, f"{outcome.reason}: {outcome.detail}"
    return one.file.name, story, name, "allow", ""


def _say_where(result: DemoResult) -> None:
    imported, program = result.imported, _program()
    say(
        f"""
The made-up list had {imported.rows} rows and is at generation {imported.generation}.
What the demo wrote, under {result.folder}/:
  uploads/        the pictures: they play the platform's own store
  list.csv        the made-up hash list
  data/           hashmatch's database: hashes, matches and counts, and nothing of a picture
  report.csv      the matches, as a compliance team would hand them on
  hashmatch.toml  the configuration

How to go on:
  {program} --config {result.config} matches list
  {program} --config {result.config} scan --recursive {result.uploads}
  {program} --config {result.config} cases list
  {program} --config {result.config} audit verify
  {program} --config {result.config} lists status
With lists and images of your own:
  {program} init
  {program} lists import NAME FILE.csv
  {program} scan PATH..."""
    )


def _program() -> str:
    """Return how to call hashmatch from here: by its name where the shell finds it."""
    if shutil.which("hashmatch") or not Path(sys.argv[0]).is_file():
        return "hashmatch"
    return os.path.relpath(sys.argv[0])
