"""`hashmatch scan`: images against all lists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from hashmatch.imaging import find_files, path_as_text, too_large
from hashmatch.outcome import Outcome
from hashmatch.pipeline import Scanner

from .context import App, json_option, pass_app, show_hashes_option, standard_input
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

    Without --content-id a file is known by its absolute path, and stdin as "stdin".
    """
    if content_id is not None and (not content_id or len(paths) > 1 or recursive):
        raise click.UsageError("--content-id names one image: one PATH, without --recursive")
    with app.scanner() as scanner:
        outcomes = _scan(app, scanner, paths, recursive=recursive, content_id=content_id or "")
        code = show_outcomes(outcomes, as_json=as_json, show_hashes=show_hashes)
    click.get_current_context().exit(code)


def _scan(
    app: App, scanner: Scanner, paths: tuple[str, ...], *, recursive: bool, content_id: str
) -> Iterator[tuple[str, Outcome]]:
    for path in paths:
        if path == "-":
            yield path, _scan_stdin(app, scanner, content_id or "stdin")
            continue
        for file in find_files(Path(path)) if recursive else (Path(path),):
            yield path_as_text(file), scanner.scan_file(file, content_id=content_id)


def _scan_stdin(app: App, scanner: Scanner, content_id: str) -> Outcome:
    max_bytes = app.settings.intake.max_bytes
    data = standard_input().read(max_bytes + 1)
    if len(data) > max_bytes:
        return scanner.refuse(too_large(max_bytes), content_id=content_id)
    return scanner.scan(data, content_id=content_id)
