"""`hashmatch scan`: images against all lists."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from hashmatch.imaging import find_files
from hashmatch.outcome import Outcome
from hashmatch.pipeline import Scanner

from .context import App, json_option, pass_app, show_hashes_option
from .verdicts import show_outcomes


@click.command("scan")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--recursive", "-r", is_flag=True, help="Scan what is in folders, too.")
@click.option("--content-id", help="The platform's name for the image, if there is only one.")
@show_hashes_option
@json_option
@pass_app
def command(
    app: App,
    paths: tuple[str, ...],
    *,
    recursive: bool,
    content_id: str | None,
    show_hashes: bool,
    as_json: bool,
) -> None:
    """Screen images against all lists and record the matches; "-" reads one from stdin.

    Without --content-id an image is known by its absolute path.
    """
    if content_id is not None and (len(paths) > 1 or recursive):
        raise click.UsageError("--content-id names one image; give one PATH without --recursive")
    with app.scanner() as scanner:
        outcomes = _scan(app, scanner, paths, recursive=recursive, content_id=content_id or "")
        code = show_outcomes(outcomes, as_json=as_json, show_hashes=show_hashes)
    click.get_current_context().exit(code)


def _scan(
    app: App, scanner: Scanner, paths: tuple[str, ...], *, recursive: bool, content_id: str
) -> Iterator[tuple[str, Outcome]]:
    for path in paths:
        if path == "-":
            # One byte over the limit is enough for the scanner to say "too large".
            data = sys.stdin.buffer.read(app.settings.intake.max_bytes + 1)
            yield path, scanner.scan(data, content_id=content_id or "stdin")
            continue
        for file in find_files(Path(path)) if recursive else (Path(path),):
            yield str(file), scanner.scan_file(file, content_id=content_id)
