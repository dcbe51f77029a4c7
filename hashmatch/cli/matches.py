"""`hashmatch matches`: what was recorded."""

from __future__ import annotations

from datetime import datetime

import click

from hashmatch.lists import Verdict, queue_feedback
from hashmatch.reports import ReportRow, report_row, report_rows
from hashmatch.store.matches import (
    MatchFilter,
    StoredSuppression,
    read_entry_history,
    read_match,
    read_suppressions,
)
from hashmatch.store.schema import ContentHash

from .context import App, json_option, pass_app, show_hashes_option
from .output import print_json, print_table, say
from .period import period_options


@click.group("matches")
def command() -> None:
    """Show the recorded matches."""


@command.command("list")
@period_options
@click.option("--list", "list_name", help="Only matches of this list.")
@click.option(
    "--limit", type=click.IntRange(1), default=100, show_default=True, help="At most so many."
)
@json_option
@pass_app
def list_(
    app: App,
    since: datetime | None,
    until: datetime | None,
    list_name: str | None,
    limit: int,
    *,
    as_json: bool,
) -> None:
    """Show the newest matches, newest first."""
    wanted = MatchFilter(since, until, list_name, limit)
    with app.database() as database, database.reading() as session:
        rows = list(report_rows(session, wanted))
    if as_json:
        for row in rows:
            print_json(row.as_json())
        return
    names = ("match", "at (UTC)", "content id", "action", "list", "entry", "found by")
    print_table("Matches", names, [_cells(row) for row in rows])
    if not rows:
        say("there is no such match")
    if len(rows) == limit:
        say(f"there may be more than these {limit}; see --limit")


@command.command("suppressed")
@click.option(
    "--limit", type=click.IntRange(1), default=100, show_default=True, help="At most so many."
)
@json_option
@pass_app
def suppressed(app: App, limit: int, *, as_json: bool) -> None:
    """Show the newest matches that allow lists know to be false, newest first."""
    with app.database() as database, database.reading() as session:
        rows = [_suppressed_facts(one) for one in read_suppressions(session, limit=limit)]
    if as_json:
        for row in rows:
            print_json(row)
    elif rows:
        print_table("Suppressed matches", tuple(rows[0]), [tuple(row.values()) for row in rows])
    else:
        say("no match was ever suppressed")


@command.command("feedback")
@click.argument("match_id")
@click.argument("verdict", type=click.Choice([one.value for one in Verdict]))
@pass_app
def feedback(app: App, match_id: str, verdict: str) -> None:
    """Queue what was found of a match for the owner of its list, where it takes feedback."""
    with app.database() as database, database.writing() as session:
        is_new = queue_feedback(session, app.settings, match_id, Verdict(verdict))
    say("queued; 'hashmatch outbox send' or 'lists sync' sends it" if is_new else "queued before")


@command.command("show")
@click.argument("match_id")
@show_hashes_option
@json_option
@pass_app
def show(app: App, match_id: str, *, show_hashes: bool, as_json: bool) -> None:
    """Show one match with all that explains it."""
    with app.database() as database, database.reading() as session:
        stored, hashes = read_match(session, match_id)
        facts = report_row(stored).as_json()
        facts.pop("value")
        facts |= read_entry_history(session, stored)
    found = [_hash_facts(one, show_hashes=show_hashes) for one in hashes]
    if as_json:
        print_json({**facts, "hashes": found})
        return
    print_table(f"Match {match_id}", ("what", "is"), [(k, v) for k, v in facts.items()])
    columns = tuple(found[0]) if found else ("algorithm",)
    print_table("Hashes of the content", columns, [tuple(one.values()) for one in found])


def _cells(row: ReportRow) -> tuple[object, ...]:
    return (
        row.match_id,
        row.matched_at[:16].replace("T", " "),
        row.content_id,
        row.action,
        row.list,
        f"{row.entry_id} ({row.category})" if row.category else row.entry_id,
        f"{row.algorithm} {row.distance_bits}/{row.threshold_bits}"
        if row.threshold_bits
        else row.algorithm,
    )


def _suppressed_facts(one: StoredSuppression) -> dict[str, object]:
    record = one.record
    return {
        "suppressed_at": record.suppressed_at.isoformat(timespec="seconds"),
        "content_id": one.content.content_id,
        "list": one.list_name,
        "generation": record.generation,
        "entry_id": record.entry_id,
        "algorithm": record.algorithm,
        "distance_bits": record.distance_bits,
        "allow_list": one.allow_list_name,
        "allow_entry_id": record.allow_entry_id,
        "reason": record.reason,
        "by": record.person,
    }


def _hash_facts(one: ContentHash, *, show_hashes: bool) -> dict[str, object]:
    return {
        "algorithm": one.algorithm,
        "version": one.version,
        **({"value": one.value.hex()} if show_hashes else {}),
        "quality": one.quality,
        "orientation": one.orientation,
        "frame": one.frame,
        "view": one.view,
        "decode": one.decode,
    }
