"""`hashmatch lists status`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from hashmatch.forecast import Forecast

from ..context import App, json_option, pass_app
from ..output import numbered, print_json, print_table, say


@click.command("status")
@json_option
@pass_app
def command(app: App, *, as_json: bool) -> None:
    """Show every list with its licence, entries and last sync.

    False matches are those to expect of a million images, from the size of a list and its
    thresholds; those that are near, from the distance up to which anything is.
    """
    from hashmatch.lists import list_facts
    from hashmatch.wiring import open_policy

    with app.database() as database:
        rows = list_facts(database, open_policy(app.settings))
    if as_json:
        for row in rows:
            print_json(row)
    else:
        _show(rows)


def _show(rows: Sequence[dict[str, Any]]) -> None:
    from hashmatch.store.lists import QUARANTINED

    if not rows:
        say("there is no list yet; next: hashmatch lists import NAME FILE.csv")
        return
    flooding = [(row["list"], one) for row in rows for one in row["flooding"] if not one["set_to"]]
    for name, one in flooding:
        say(
            f"list {name}: entry {one['entry_id']} floods: {one['contents']} content items on"
            f" {one['day']}; see 'hashmatch lists flooding'"
        )
    for name, one in [(row["list"], one) for row in rows for one in row["limited"]]:
        say(
            f"list {name}: entry {one['entry_id']} reached the limit of look-ups by near-equal"
            f" hashes on {one['day']}; somebody may be trying to find its hash out"
        )
    columns = (
        "list",
        "licensor",
        "licence ends",
        "generation",
        "changed_at",
        "entries",
        "false matches",
        "false near",
        "unsupported",
        "degenerate",
        "disabled",
        "last sync",
        "synced_at",
    )
    print_table("Lists", columns, [_shown(row) for row in rows])
    for row in rows:
        if row["not_matched"]:
            say(_not_matched(row))
        if row["sync"] and row["sync"]["cause"]:
            is_quarantined = row["sync"]["outcome"] == QUARANTINED
            words = "a delivery is quarantined" if is_quarantined else "the last sync failed"
            say(f"list {row['list']}: {words}: {row['sync']['cause']}")


def _shown(row: dict[str, Any]) -> tuple[object, ...]:
    from hashmatch.store.lists import ALLOW, OWN, TERMS

    kinds = {ALLOW: " (allow list)", OWN: " (own list)", TERMS: " (terms)"}
    sync = row["sync"]
    return (
        f"{row['list']}{kinds.get(row['kind'], '')}",
        row["licensor"],
        f"{row['licence_end'] or 'no end'}{_urgency(row)}",
        row["generation"],
        row["changed_at"],
        numbered(row["entries"]) or "none",
        _false_matches(row["forecast"]),
        _false_near(row["forecast"]),
        numbered(row["unsupported"]),
        numbered(row["degenerate"]),
        row["disabled"],
        sync["outcome"] if sync else "",
        sync["ended_at"] if sync else None,
    )


def _false_matches(by_algorithm: dict[str, dict[str, Any]]) -> str:
    """Return the false matches to expect of a list in words, "none" for exact hashes alone."""
    return _in_words(by_algorithm, "false_matches_per_million", "is_extrapolated")


def _false_near(by_algorithm: dict[str, dict[str, Any]]) -> str:
    """Return the same of what is near, "none" where nothing is."""
    near = {key: one for key, one in by_algorithm.items() if one["review_bits"] is not None}
    return _in_words(near, "false_near_per_million", "is_near_extrapolated")


def _in_words(
    by_algorithm: dict[str, dict[str, Any]], number_key: str, is_extrapolated_key: str
) -> str:
    from hashmatch.lists import forecast_words

    if not by_algorithm:
        return "none"
    numbers = {name: one[number_key] for name, one in by_algorithm.items()}
    known = [one for one in numbers.values() if one is not None]
    is_extrapolated = any(one[is_extrapolated_key] for one in by_algorithm.values())
    not_measured = [name for name, one in numbers.items() if one is None]
    total = Forecast(sum(known), is_extrapolated) if known else None
    return forecast_words(total, not_measured)


def _not_matched(row: dict[str, Any]) -> str:
    """Return in words which hashes of a list are not matched, and how to match them."""
    keys = ", ".join(
        f"policy.lists.{row['list']}.thresholds_bits.{one}" for one in row["not_matched"]
    )
    words = f"list {row['list']}: not matched without a threshold: {numbered(row['not_matched'])}"
    if row["entries_not_matched"]:
        words += f"; {row['entries_not_matched']} entries have no other hash"
    return f"{words}; see {keys}"


def _urgency(row: dict[str, Any]) -> str:
    return " ENDED" if row["licence_has_ended"] else " SOON" if row["licence_ends_soon"] else ""
