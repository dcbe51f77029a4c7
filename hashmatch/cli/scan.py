"""`hashmatch scan`: screen images against all lists."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click

from hashmatch.hashes import Level
from hashmatch.outcome import Outcome

from .context import (
    App,
    json_option,
    level_option,
    orientations_option,
    pass_app,
    show_hashes_option,
    standard_input,
)
from .verdicts import show_outcomes

if TYPE_CHECKING:
    from hashmatch.screening import Scanner

Job: TypeAlias = Callable[[], tuple[str, Outcome]]


@click.command("scan")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--recursive", "-r", is_flag=True, help="Scan the files in folders, too.")
@click.option(
    "--workers",
    type=click.IntRange(1, 1000),
    help="Images to screen in parallel; by default intake.workers, or one per processor.",
)
@click.option("--content-id", help="The platform's id of the image, if there is only one.")
@level_option
@orientations_option
@show_hashes_option
@json_option
@pass_app
def command(
    app: App,
    paths: tuple[str, ...],
    *,
    recursive: bool,
    workers: int | None,
    content_id: str | None,
    level: str | None,
    orientations: bool | None,
    show_hashes: bool,
    as_json: bool,
) -> None:
    """Screen images against all lists and record matches.

    "-" reads one image from stdin. Without --content-id a file is known by its absolute path,
    and an image on stdin by a number of its own.
    """
    if content_id is not None and (not content_id or len(paths) > 1 or recursive):
        raise click.UsageError("--content-id names one image: one PATH, without --recursive")
    from hashmatch.screening import in_order

    at_a_time = app.decoders(workers)
    wanted = None if level is None else Level(level)
    with app.scanner(workers=at_a_time, orientations=orientations, level=wanted) as scanner:
        jobs = _jobs(app, scanner, paths, recursive=recursive, content_id=content_id or "")
        with closing(in_order(jobs, at_a_time)) as outcomes:
            code = show_outcomes(outcomes, as_json=as_json, show_hashes=show_hashes)
    click.get_current_context().exit(code)


def _jobs(
    app: App, scanner: Scanner, paths: tuple[str, ...], *, recursive: bool, content_id: str
) -> Iterator[Job]:
    """Yield a job for each image, in order, which returns (path, outcome)."""
    from hashmatch.imaging import find_files, path_as_text

    for path in paths:
        if path == "-":
            job = _stdin_job(app, scanner, content_id or f"stdin:{secrets.token_hex(8)}")
            yield partial(_named, path, job)
            continue
        for file in find_files(Path(path)) if recursive else (Path(path),):
            job = partial(scanner.scan_file, file, content_id=content_id)
            yield partial(_named, path_as_text(file), job)


def _named(path: str, job: Callable[[], Outcome]) -> tuple[str, Outcome]:
    return path, job()


def _stdin_job(app: App, scanner: Scanner, content_id: str) -> Callable[[], Outcome]:
    from hashmatch.imaging import too_large

    max_bytes = app.settings.intake.max_bytes
    data = standard_input().read(max_bytes + 1)
    if len(data) > max_bytes:
        return partial(scanner.refuse, too_large(max_bytes), content_id=content_id)
    return partial(scanner.scan, data, content_id=content_id)
