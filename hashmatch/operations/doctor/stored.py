"""Checks of the store: the database, the audit log, the index and the lists."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import timedelta

from hashmatch.config import Settings
from hashmatch.errors import HashmatchError
from hashmatch.hashers import ALGORITHMS
from hashmatch.index import IndexFolder, inspect
from hashmatch.lists import ListReach, forecast_words, reach_of_list
from hashmatch.policy import SHORT
from hashmatch.store.engine import Database, read_unsealed
from hashmatch.store.lists import OWN, count_active_entries, read_lists, read_quarantines
from hashmatch.store.schema import utc_now
from hashmatch.wiring import (
    open_policy,
    read_policy,
)

from .findings import Finding, Health

# False matches of a million images above which a list deserves a warning: where it blocks, and
# where people review what it finds.
_MAX_FALSE_BLOCKS = 1.0
_MAX_FALSE_REVIEWS = 100.0
# A record is sealed within about a second.
_MAX_UNSEALED = timedelta(minutes=1)


def look_at_database(_: Settings, database: Database) -> Iterator[Finding]:
    """Say whether a match could be recorded."""
    try:
        database.require_writable()
    except HashmatchError as error:
        yield Finding("database", Health.BAD, error.message, error.hint)
        return
    path = database.sqlite_path()
    if path is not None and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        detail = f"{path}: other users of this machine can read the lists in it"
        yield Finding("database", Health.WARNING, detail, f"Run: chmod 600 {path}")
    else:
        yield Finding("database", Health.GOOD, f"{database.name()}, writable")


def look_at_audit_log(_: Settings, database: Database) -> Iterator[Finding]:
    """Check that records are sealed soon after they are written."""
    with database.reading() as session:
        found = read_unsealed(session)
    if found.oldest is None or utc_now() - found.oldest < _MAX_UNSEALED:
        yield Finding("audit log", Health.GOOD, "its records are sealed")
        return
    detail = (
        f"{found.records} records are not sealed, the oldest since {found.oldest:%Y-%m-%d %H:%M}"
    )
    hint = (
        "Run 'hashmatch audit verify'. If they are intact, the service or the next command that"
        " writes seals them; without a signature, one without audit.signing_key."
    )
    yield Finding("audit log", Health.WARNING, detail, hint)


def look_at_recorded_policy(settings: Settings, database: Database) -> Iterator[Finding]:
    """Check that the policy is on record with its reason."""
    state = read_policy(settings, database)
    if state.is_unexplained:
        health = Health.WARNING
        if not state.is_in_force:  # Nothing has started under it.
            health = Health.BAD if settings.policy.require_reason else Health.GOOD
        yield Finding("policy", health, *state.problem())
    else:
        word = "in force" if state.is_in_force else "in force from the next start on"
        yield Finding("policy", Health.GOOD, f"{state.policy.digest[:SHORT]}, {word}")


def look_at_index(settings: Settings, database: Database) -> Iterator[Finding]:
    """Say whether the index follows the lists."""
    found = inspect(database, IndexFolder(settings.index_dir), ALGORITHMS)
    if found.problem:
        may = "it is rebuilt at the next scan" if settings.index.rebuild else found.hint
        yield Finding("index", Health.WARNING, found.problem, may)
    elif found.manifest is None or found.behind:
        detail = "it is built at the next scan"
        yield Finding("index", Health.GOOD, f"{settings.index_dir}: {detail}")
    else:
        size = found.manifest.size_bytes() / 1e6
        yield Finding("index", Health.GOOD, f"{settings.index_dir}: sound, {size:.1f} MB")


def look_at_lists(settings: Settings, database: Database) -> Iterator[Finding]:
    """Look at each list: its licence, its entries, its quarantined deliveries."""
    today = utc_now().date()
    with database.reading() as session:
        lists = read_lists(session)
        counts = count_active_entries(session)
        quarantined = read_quarantines(session)
    for one in lists:
        subject = f"list {one.name}"
        counted = ", ".join(f"{number} {kind}" for name, kind, number in counts if name == one.name)
        if not counted and one.kind == OWN:
            yield Finding(subject, Health.GOOD, "your own list, which has no entries yet")
        elif not counted:
            hint = f"Import it: hashmatch lists import {one.name} FILE.csv"
            yield Finding(subject, Health.WARNING, "it has no entries", hint)
        elif one.licence_has_ended(today):
            hint = "Nothing is clear until 'lists licence' extends it or 'lists remove' removes it."
            yield Finding(subject, Health.BAD, f"its licence ended {one.licence_end}", hint)
        elif one.licence_ends_soon(today):
            yield Finding(subject, Health.WARNING, f"{counted}; its licence ends {one.licence_end}")
        else:
            yield Finding(subject, Health.GOOD, f"{counted}, generation {one.generation}")
        if one.name in quarantined:
            hint = f"Look at it: hashmatch lists diff {one.name}"
            yield Finding(subject, Health.WARNING, "a delivery of its source is quarantined", hint)
    if not any(one.active_entries for one in lists):
        hint = "Import one: hashmatch lists import NAME FILE.csv"
        yield Finding("lists", Health.BAD, "there is nothing to match against", hint)
    known = {one.name for one in lists}
    named = [(f"policy.lists.{name}", name) for name in open_policy(settings).named_lists()]
    named += [
        (f"webhooks.{key}", name) for key, one in settings.webhooks.items() for name in one.lists
    ]
    for section, name in sorted(named):
        if name not in known:
            detail = f"[{section}] names a list that does not exist: {name}"
            yield Finding("configuration", Health.WARNING, detail)


def look_at_reach(settings: Settings, database: Database) -> Iterator[Finding]:
    """Check that each list is matched, and how many false matches it leads to."""
    policy = open_policy(settings)
    with database.reading() as session:
        counts = count_active_entries(session)
        reaches = [
            (
                one,
                reach_of_list(
                    session, policy, one, {k: n for name, k, n in counts if name == one.name}
                ),
            )
            for one in read_lists(session)
        ]
    for one, reach in reaches:
        subject = f"list {one.name}"
        if reach.not_matched:
            yield _look_at_unmatched(subject, one.name, reach)
        blocks = policy.may_block(one.name)
        limit = _MAX_FALSE_BLOCKS if blocks else _MAX_FALSE_REVIEWS
        if reach.forecast.false_matches > limit:
            consequence = "which are blocked" if blocks else "for people to review"
            detail = (
                f"about {forecast_words(reach.forecast)} false matches are to be expected of a"
                f" million images, {consequence}"
            )
            hint = f"Lower policy.lists.{one.name}.thresholds_bits."
            if blocks:
                hint = f"{hint} Or set policy.lists.{one.name}.action to review."
            yield Finding(subject, Health.WARNING, detail, hint)
        if reach.near_forecast.false_matches > _MAX_FALSE_REVIEWS:
            detail = (
                f"about {forecast_words(reach.near_forecast)} pictures of a million are to be"
                " expected near it that are none of it, for people to review"
            )
            hint = f"Lower policy.lists.{one.name}.review_bits."
            yield Finding(subject, Health.WARNING, detail, hint)


def _look_at_unmatched(subject: str, name: str, reach: ListReach) -> Finding:
    """Return the finding on a list with hashes that are not matched."""
    algorithms = ", ".join(reach.not_matched)
    key = f"policy.lists.{name}.thresholds_bits.{next(iter(reach.not_matched))}"
    if not reach.is_matched:
        detail = f"nothing of it is matched, which has {algorithms} hashes alone"
        hint = f"Nothing is clear until {key} is set or the list is removed."
        return Finding(subject, Health.BAD, detail, hint)
    numbers = ", ".join(f"{number} {one}" for one, number in reach.not_matched.items())
    detail = f"not matched without a threshold: {numbers}"
    if not reach.entries_not_matched:
        return Finding(subject, Health.GOOD, f"{detail}; each entry has another hash")
    detail += f"; {reach.entries_not_matched} entries have no other hash"
    return Finding(subject, Health.WARNING, detail, f"Set {key}, or ask for PDQ or exact hashes.")
