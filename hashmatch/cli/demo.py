"""`hashmatch demo`: the whole flow without any setup."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hashmatch.errors import HashmatchError
from hashmatch.outcome import Matched, Unscreened, outcome_name

from .context import App, pass_app
from .output import print_line, print_table, say
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
@click.option(
    "--generator", "is_generator", is_flag=True, help="Put a gate before a small image generator."
)
@click.option("--serve", "is_served", is_flag=True, help="Serve the console over made-up cases.")
@click.option(
    "--port",
    type=click.IntRange(1, 65_535),
    default=8765,
    show_default=True,
    help="Port of the console.",
)
@pass_app
def command(_: App, folder: Path, *, is_generator: bool, is_served: bool, port: int) -> None:
    """Run the whole flow on drawn pictures and a made-up list."""
    if is_generator and is_served:
        raise click.UsageError("--generator and --serve are two demos")
    if is_served:
        _serve(folder, port)
        return
    if is_generator:
        _show_generator(folder)
        return
    from hashmatch.operations.demo import run_demo

    say("drawing pictures, importing a list of three, screening copies of them and others ...")
    result = run_demo(folder)
    columns = ("upload", "content", "outcome", "action", "reason")
    print_table("Verdicts", columns, [_cells(one) for one in result.screened])
    _say_where(result)


def _serve(folder: Path, port: int) -> None:
    """Serve the console over a demo until a signal ends it."""
    from hashmatch.operations.console_demo import prepare_console_demo, serve_console_demo

    say("drawing pictures, screening copies of some of them, opening cases ...")
    demo = prepare_console_demo(folder, port)
    say(f"\nOpen http://127.0.0.1:{port}/console/ and sign in with this token, valid for a day:")
    print_line(demo.token)
    say("Ctrl-C ends it.\n")
    serve_console_demo(demo)


def _show_generator(folder: Path) -> None:
    """Show what comes out of a guarded generator, and fail if anything listed does."""
    from hashmatch.operations.generator_demo import run_generator_demo

    say("drawing pictures behind a gate; one in ten is a copy of a picture on a made-up list ...")
    result = run_generator_demo(folder)
    columns = ("how they are asked for", "made", "of them listed", "came out", "of them listed")
    rows = [(one.form, one.made, one.listed, one.came_out, one.leaked) for one in result.forms]
    print_table("Pictures of the generator", columns, rows)
    say(f"\nThe gate's own record:\n  {_program()} --config {result.config} gate report")
    if any(one.leaked for one in result.forms):
        raise HashmatchError("a listed picture came out", hint="Please report it.")


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
  {program} demo --serve
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
