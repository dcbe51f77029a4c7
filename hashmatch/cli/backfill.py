"""`hashmatch backfill`: screen a large store of images, with a ledger of what is done."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hashmatch.hashes import Level

from .context import App, json_option, level_option, orientations_option, pass_app
from .exit_codes import EXIT_CLEAR, EXIT_MATCHED, EXIT_UNSCREENED
from .output import print_json, print_line, print_rows, progress, say
from .rechecking import recheck_hashes

if TYPE_CHECKING:
    from hashmatch.engines import Ledger
    from hashmatch.store.backfills import BackfillState

_SAY_EVERY_S = 30.0
_SHOWN = 20


@click.command("backfill")
@click.argument("sources", nargs=-1, metavar="SOURCE...")
@click.option(
    "--workers",
    type=click.IntRange(1, 1000),
    help="Decoders; by default intake.workers, or one per processor.",
)
@click.option(
    "--fetches",
    type=click.IntRange(1, 1000),
    help="Images to load and screen at a time; by default two per worker, eight from storage.",
)
@click.option(
    "--outcomes",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder for files with the outcome of each image; by default there are none.",
)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["jsonl", "parquet"]),
    default="jsonl",
    show_default=True,
    help="The format of these files.",
)
@click.option("--show-hashes", is_flag=True, help="Write hash values to them: confidential.")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Use this machine, or the nodes of a cluster of Ray.",
)
@click.option("--address", default="", help="The head of a cluster; by default one started here.")
@click.option("--restart", is_flag=True, help="Begin again instead of going on.")
@click.option(
    "--hashes",
    "is_of_hashes",
    is_flag=True,
    help="Compare retained hashes with new entries, without an image.",
)
@click.option("--jobs", is_flag=True, help="Show the newest back-fills, and screen nothing.")
@level_option
@orientations_option
@json_option
@pass_app
def command(
    app: App,
    /,
    sources: tuple[str, ...],
    *,
    jobs: bool,
    is_of_hashes: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Screen all images of large stores, and go on where it was.

    A SOURCE is a folder or file, an archive (tar, zip), a manifest (.csv, .jsonl, .parquet with
    the columns address, content_id and version), or an address of object storage such as
    s3://bucket/uploads/. Started again after anything, also on several machines with one
    database, it goes on with what is not on record. With --hashes and no SOURCE, the retained
    hashes of past uploads are compared with what lists have got since the last time.
    """
    if jobs:
        _show_jobs(app, as_json=as_json)
        return
    if is_of_hashes:
        if sources or given["outcomes"] or given["engine"] != "local":
            raise click.UsageError("--hashes has no SOURCE, --outcomes or --engine")
        recheck_hashes(app, is_whole=given["restart"], as_json=as_json)
        return
    if not all(sources) or not sources:
        raise click.UsageError("name a SOURCE that is not empty, or --jobs")
    state = _run(app, sources, **given)
    counts: Counter[str] = Counter()
    for (outcome, reason), number in sorted(state.counts.items()):
        counts[outcome] += number
        if as_json:
            print_json({"outcome": outcome, "reason": reason or None, "count": number})
        else:
            print_line(f"{number:>12,}  {outcome}{f'  {reason}' if reason else ''}")
    missing = state.found - state.screened
    if missing > 0:
        say(f"{missing:,} images that were found at first were not there any more")
    if not counts:
        say("nothing to screen")
    elif counts["matched"]:
        say("'hashmatch matches list' shows what matched.")
    code = EXIT_MATCHED if counts["matched"] else EXIT_CLEAR
    code = EXIT_UNSCREENED if counts["unscreened"] or missing > 0 or not counts else code
    click.get_current_context().exit(code)


def _run(
    app: App,
    addresses: tuple[str, ...],
    *,
    workers: int | None,
    fetches: int | None,
    outcomes: Path | None,
    file_format: str,
    show_hashes: bool,
    engine: str,
    address: str,
    restart: bool,
    level: str | None,
    orientations: bool | None,
) -> BackfillState:
    from hashmatch.engines import (
        ItemScreener,
        Ledger,
        NodeJob,
        open_outcome_files,
        open_sources,
        run_locally,
        run_on_ray,
    )
    from hashmatch.wiring import open_scanner_with, read_digest_key

    if address and engine != "ray":
        raise click.UsageError("--address is for --engine ray")
    decoders = app.decoders(workers)
    settings = app.settings_with(
        workers=decoders,
        orientations=orientations,
        level=None if level is None else Level(level),
    )
    sources = open_sources(settings, addresses)
    files = None
    if outcomes is not None:
        files = open_outcome_files(outcomes, file_format, show_hashes=show_hashes)
    key = read_digest_key(settings, settings.backfill.digest_key, "backfill")
    options = f"{settings.intake.level} {settings.intake.orientations}"
    if fetches is None and any("://" in one for one in addresses):
        fetches = decoders * 8
    with app.database() as database, _reporting() as report:
        ledger = _begin(lambda: Ledger(database, sources, options, key), restart=restart)
        if engine == "ray":
            folder = None if outcomes is None else outcomes.absolute()
            job = NodeJob(
                ledger.key, settings, _wherever_it_runs(addresses), fetches, folder, file_format,
                show_hashes=show_hashes, configured=app.settings,
            )  # fmt: skip
            return run_on_ray(ledger, job, address, workers, report)
        with open_scanner_with(settings, is_counted=False, configured=app.settings) as scanner:
            return run_locally(
                database,
                ledger,
                sources,
                ItemScreener(scanner),
                threads=fetches or decoders * 2,
                outcome_files=files,
                report=report,
            )


def _wherever_it_runs(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Return addresses that mean the same to a process in another folder."""
    return tuple(one if "://" in one else str(Path(one).absolute()) for one in addresses)


def _begin(open_ledger: Callable[[], Ledger], *, restart: bool) -> Ledger:
    """Begin a back-fill or, unless there is to be a `restart`, go on with it and say so."""
    ledger = open_ledger()
    if restart and not ledger.is_new:
        ledger.end(is_whole=False)
        ledger = open_ledger()
    if not ledger.is_new:
        begun = ledger.state()
        say(
            f"going on with the back-fill of {begun.started_at:%Y-%m-%d %H:%M} UTC:"
            f" {begun.screened:,} images are on record"
        )
    return ledger


@contextmanager
def _reporting() -> Iterator[Callable[[BackfillState], None]]:
    """Show the state on a terminal as it moves, and elsewhere a line now and then."""
    said_s = begun_s = time.monotonic()
    done_before: int | None = None
    with progress("screened", total=0) as bar:

        def report(state: BackfillState) -> None:
            nonlocal said_s, done_before
            done = state.screened
            done_before = done if done_before is None else done_before
            bar.update(bar.task_ids[0], total=state.found, completed=done)
            if bar.disable and time.monotonic() - said_s > _SAY_EVERY_S:
                said_s = time.monotonic()
                rate = (done - done_before) / (said_s - begun_s)
                say(_words(state, done, rate))

        yield report


def _words(state: BackfillState, done: int, rate: float) -> str:
    known = f"{state.found:,}" if state.is_planned else f"{state.found:,} so far"
    line = f"{done:,} of {known} screened, {rate:,.0f} a second"
    if not state.is_planned or not rate:
        return line
    left_min = (state.found - done) / rate / 60
    return f"{line}, about {left_min:,.0f} minutes left"


def _show_jobs(app: App, *, as_json: bool) -> None:
    from hashmatch.store.backfills import read_backfills

    with app.database() as database, database.reading() as session:
        states = read_backfills(session, limit=_SHOWN)
    rows = []
    for one in states:
        counts: Counter[str] = Counter()
        for (outcome, _), number in one.counts.items():
            counts[outcome] += number
        rows.append(
            {
                "job": one.key,
                "started_at": one.started_at.isoformat(),
                "ended_at": None if one.ended_at is None else one.ended_at.isoformat(),
                "sources": " ".join(one.sources),
                "found": one.found,
                **{name: counts[name] for name in ("clear", "matched", "unscreened")},
            }
        )
    print_rows("Back-fills", rows, as_json=as_json)
    if not rows:
        say("no back-fill yet")
