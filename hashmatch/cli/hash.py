"""`hashmatch hash`: compute hashes, without any list."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hashmatch.hashes import Hash, Level, Orientation, View
from hashmatch.outcome import Failure
from hashmatch.wire import hash_as_json

from .choices import ALGORITHMS
from .context import App, json_option, level_option, orientations_option, pass_app
from .exit_codes import EXIT_CLEAR, EXIT_UNSCREENED
from .output import print_json, print_line, printable, say

if TYPE_CHECKING:
    from hashmatch.imaging import Intake


@click.command("hash")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--algorithm",
    "-a",
    "names",
    multiple=True,
    help=f"One of {', '.join(ALGORITHMS)}, or of an installed package; repeatable.",
)
@level_option
@orientations_option
@json_option
@pass_app
def command(
    app: App,
    paths: tuple[str, ...],
    names: tuple[str, ...],
    *,
    level: str | None,
    orientations: bool | None,
    as_json: bool,
) -> None:
    """Compute the hashes of images.

    Nothing is matched or recorded. Without --level, the hashes are those that a list would hold.
    """
    from hashmatch.hashers import ALGORITHMS as INSTALLED
    from hashmatch.hashers import find_algorithm
    from hashmatch.wiring import open_intake

    algorithms = {find_algorithm(name).name for name in names} or set(INSTALLED)
    settings = app.settings_with(orientations=orientations, level=Level(level or Level.PLAIN))
    with closing(open_intake(settings)) as intake:
        complete = [_hash_file(app, intake, path, algorithms, as_json=as_json) for path in paths]
    click.get_current_context().exit(EXIT_CLEAR if all(complete) else EXIT_UNSCREENED)


def _hash_file(app: App, intake: Intake, path: str, algorithms: set[str], *, as_json: bool) -> bool:
    """Print the hashes of one file and return whether all of it could be hashed."""
    from hashmatch.imaging import path_as_text, read_file

    data = read_file(Path(path), app.settings.intake.max_bytes)
    if isinstance(data, Failure):
        say(f"unscreened  {printable(path)}  {data.reason}: {data.detail}")
        return False
    reading = intake.read(data, algorithms)
    for one in reading.hashes:
        if as_json:
            print_json({"path": path_as_text(Path(path)), **hash_as_json(one, show_value=True)})
        else:
            print_line(f"{one.algorithm.name:<6}  {one.value.hex()}  {path}{_notes(one)}")
    if reading.failure is not None:
        failure = reading.failure
        say(f"unscreened  {printable(path)}  {failure.reason}: {failure.detail}")
    return reading.failure is None


def _notes(one: Hash) -> str:
    """Return in words what else there is to know about a hash."""
    quality = "" if one.quality is None else f"  quality {one.quality}"
    frame = f"  frame {one.frame}" if one.frame else ""
    view = "" if one.view is View.FULL else f"  {one.view}"
    turned = "" if one.orientation is Orientation.ORIGINAL else f"  {one.orientation}"
    return quality + frame + view + turned
