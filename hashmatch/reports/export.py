"""Export of matches and cases: report rows, and the record of each export."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from sqlalchemy.orm import Session

from hashmatch.outcome import band_end, nearness
from hashmatch.store.cases import (
    StoredCase,
    read_matched_lists,
    read_report_ids,
)
from hashmatch.store.engine import Database, audit
from hashmatch.store.matches import (
    MatchColumns,
    MatchFilter,
    StoredMatch,
    moment_text,
    read_match_columns,
    read_match_page,
    read_matches,
)

from .interface import CaseRow, ReportRow, Values

# Matches and reports are read once per batch, not once per case.
_CASES_A_BATCH = 1_000


def report_rows(
    session: Session,
    wanted: MatchFilter,
    *,
    show_hashes: bool = False,
    show_distances: bool = True,
) -> Iterator[ReportRow]:
    """Yield the wanted matches as report rows, oldest first; see `report_row`."""
    for one in read_matches(session, wanted):
        yield report_row(one, show_hashes=show_hashes, show_distances=show_distances)


def report_values(
    session: Session, wanted: MatchFilter, *, show_hashes: bool = False
) -> Iterator[Values]:
    """Yield all matches of a period and a list as values of `ReportRow`, in its order.

    The same as `report_rows` without a limit, in a fraction of the time: objects with names took
    five times as long as everything else of an export.
    """
    for one in read_match_columns(session, wanted):
        yield _values(one, show_hashes=show_hashes)


def report_page(
    session: Session,
    wanted: MatchFilter,
    last: MatchColumns | None,
    *,
    limit: int,
    show_hashes: bool = False,
) -> tuple[list[Values], MatchColumns | None]:
    """Return some of `report_values`, after the `last` match of those before, and their last one.

    None at the end. For a reader that keeps no connection between two pages.
    """
    page = read_match_page(session, wanted, last, limit=limit)
    values = [_values(one, show_hashes=show_hashes) for one in page]
    return values, page[-1] if len(page) == limit else None


def _values(one: MatchColumns, *, show_hashes: bool) -> Values:
    key, matched_at, *others, value, case, entries, declared, evidence, c2pa, issuer = one
    return (
        str(key),
        moment_text(matched_at),
        *others,
        value.hex() if show_hashes else "",
        "" if case is None else str(case),
        nearness(one.distance_bits, one.threshold_bits).value,
        entries,
        declared,
        evidence,
        c2pa,
        issuer or "",
    )


def case_rows(session: Session, cases: Iterable[StoredCase]) -> Iterator[CaseRow]:
    """Yield cases as report rows, in their order."""
    for batch in _batches(iter(cases)):
        ids = [one.row.content_id for one in batch if one.row.content_id is not None]
        matches = read_matched_lists(session, ids)
        reports = read_report_ids(session, [one.row.key for one in batch])
        for one in batch:
            # One that was merged has none: the case that it was merged into has them.
            own = matches[one.row.content_id] if one.row.content_id is not None else []
            yield _case_row(one, own, reports[one.row.key])


def _batches(cases: Iterator[StoredCase]) -> Iterator[list[StoredCase]]:
    while batch := list(islice(cases, _CASES_A_BATCH)):
        yield batch


def _case_row(
    one: StoredCase, matches: Sequence[tuple[str, str]], reports: Sequence[str]
) -> CaseRow:
    row = one.row
    decided = row.decided_at
    hours = None if decided is None else (decided - row.opened_at).total_seconds() / 3600
    return CaseRow(
        case=str(row.key),
        content_id=one.content.content_id,
        reference=one.content.reference,
        state=row.state,
        priority=row.priority,
        opened_at=row.opened_at.isoformat(timespec="seconds"),
        due_at=row.due_at.isoformat(timespec="seconds"),
        decided_at="" if decided is None else decided.isoformat(timespec="seconds"),
        hours_to_decision=None if hours is None else round(hours, 2),
        assignee=row.assignee,
        reopened=row.reopened,
        legal_hold=row.legal_hold,
        matches=len(matches),
        lists=_joined(name for name, _ in matches),
        categories=_joined(category for _, category in matches),
        ncmec_reports=_joined(reports),
    )


def _joined(values: Iterable[str]) -> str:
    return " | ".join(sorted(set(values) - {""}))


def record_export(database: Database, actor: str, facts: Mapping[str, object]) -> None:
    """Record the export of a report in the audit log, before any of it is written.

    Raises `StoreError`.
    """
    with database.writing(actor) as session:
        audit(session, "report.exported", None, facts)


def report_row(
    one: StoredMatch, *, show_hashes: bool = False, show_distances: bool = True
) -> ReportRow:
    """Return one match as a report row; with `show_hashes` it has the hash value that matched.

    Without `show_distances`, its distance is the largest of its band.
    """
    record, content = one.record, one.content
    distance_bits = record.distance_bits
    if not show_distances:
        distance_bits = band_end(distance_bits, record.threshold_bits)
    return ReportRow(
        match_id=str(record.key),
        matched_at=record.matched_at.isoformat(timespec="seconds"),
        content_id=content.content_id,
        reference=content.reference,
        list=one.list.name,
        licensor=record.licensor,
        generation=record.generation,
        entry_id=record.entry_id,
        category=record.category,
        action=record.action,
        algorithm=record.algorithm,
        hasher_version=record.hasher_version,
        distance_bits=distance_bits,
        threshold_bits=record.threshold_bits,
        quality=record.quality,
        frame=record.frame,
        orientation=record.orientation,
        view=record.view,
        decode=record.decode,
        media_format=content.format,
        width=content.width,
        height=content.height,
        frames=content.frames,
        value=record.value.hex() if show_hashes else "",
        case="" if one.case is None else str(one.case),
        nearness=nearness(record.distance_bits, record.threshold_bits).value,
        entries=record.entries,
        declared=content.declared,
        evidence=content.evidence,
        c2pa=content.c2pa,
        issuer=content.issuer or "",
    )
