"""`python -m tests.conform`: hold drawn or given files against viewers; see `--help`.

What disagrees is made simpler, named by its features, and left in the folder `conform-findings`.
"""

from __future__ import annotations

import secrets
import sys
import time
import warnings
from itertools import count
from pathlib import Path
from random import Random

import click

from hashmatch.imaging.decoding.recognition import recognise

from . import viewers
from .browser import Browser
from .formats import FORMATS, OTHER_FORMATS
from .run import Run

# Of every so many files the last one has its headers and chunks changed.
_CHANGED_EACH = 4
# The share of files that browsers do not show: asking about these takes long.
_OTHER_SHARE = 0.05


@click.command()
@click.option("--files", type=int, default=1000, help="Number of files to draw.")
@click.option("--seconds", type=float, default=0.0, help="Go on for so long instead.")
@click.option("--seed", type=int, help="Number that the files follow from; by default any.")
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Draw nothing: hold every image of this folder against viewers.",
)
@click.argument("names", nargs=-1)
def main(
    files: int, seconds: float, seed: int | None, folder: Path | None, names: tuple[str, ...]
) -> None:
    """Draw files, change every fourth, and hold them against a browser and other viewers.

    NAMES are formats, by default all.
    """
    warnings.simplefilter("ignore")  # Decoders warn about damaged files.
    seed = secrets.randbelow(10**6) if seed is None else seed
    with Browser() as browser:
        run = Run(browser, Random(seed))
        if folder is not None:
            _try_folder(run, folder, names)
        else:
            click.echo(f"seed {seed}")
            _try_drawn(run, files, seconds, names)
    click.echo("\n".join(run.report()))
    sys.exit(bool(run.found))


def _try_drawn(run: Run, files: int, seconds: float, names: tuple[str, ...]) -> None:
    shown, others = (
        [one for one in formats if not names or one.name in names]
        for formats in (FORMATS, OTHER_FORMATS)
    )
    if others and not viewers.are_installed():
        click.echo(f"without {', '.join(one.name for one in others)}: needs {viewers.PROGRAMS}")
        others = []
    end = time.monotonic() + seconds
    for number in count():
        if time.monotonic() > end if seconds else number >= files:
            break
        is_other = bool(others) and (not shown or run.random.random() < _OTHER_SHARE)
        one = run.random.choice(others if is_other else shown)
        if number % _CHANGED_EACH == _CHANGED_EACH - 1:
            run.try_changed(one)
        else:
            run.try_drawn(one)


def _try_folder(run: Run, folder: Path, names: tuple[str, ...]) -> None:
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        image_format = recognise(path.read_bytes())
        if image_format is not None and (not names or image_format in names):
            run.try_given(path, image_format)


if __name__ == "__main__":
    main()
