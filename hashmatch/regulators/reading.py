"""Reading of the record for reports: a period, the one before, and what surrounds them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from hashmatch.config import Settings
from hashmatch.errors import InputError
from hashmatch.evaluate import sample_line
from hashmatch.reports import Figures, read_figures
from hashmatch.store.evaluations import read_samples
from hashmatch.store.regulators import (
    CaseClass,
    PolicyDeed,
    Span,
    count_appeals,
    count_by_algorithm,
    count_finished_reports,
    count_lifted,
    count_list_changes,
    count_measures,
    count_outcomes,
    count_references,
    read_appeal_times,
    read_beginning,
    read_policy_changes,
)
from hashmatch.store.schema import utc_now

from .categories import KeywordRule, keyword_rules
from .record import Circumstances, PeriodRecord, Periods, PolicyChange, RecallLine

MESSAGING = "messaging"
_MOST_SAMPLES = 1_000
# What retention removes, and the name of what is then missing.
_REMOVED = {
    "closed_days": "closed cases, with their measures and appeals",
    "false_positive_days": "dismissed cases, with their measures and appeals",
    "daily_count_days": "counts of images that were clear or unscreened",
}
_REMOVED_MESSAGES = {"messaging_days": "cases of messages, with their measures and appeals"}


def read_periods(
    session: Session, settings: Settings, span: Span, *, of_messages: bool = False
) -> Periods:
    """Return the record of a period and of the one before; cases of messages alone on request.

    Raises `InputError` for a period that ends before it begins.
    """
    if span.since >= span.until:
        raise InputError("the period ends before it begins")
    rules = keyword_rules(settings)
    chosen = CaseClass(MESSAGING, settings.cases.retention_class) if of_messages else None
    beginning = read_beginning(session)
    now, before = (
        None
        if beginning is None or one is None or one.until <= beginning
        else _read_period(session, one, rules, chosen)
        for one in (span, span_before(span))
    )
    return Periods(span, now, before)


def span_before(span: Span) -> Span | None:
    """Return the period before: as many months where it is one of whole months, else as long."""
    since, until = span.since.astimezone(UTC), span.until.astimezone(UTC)
    try:
        if _begins_month(since) and _begins_month(until):
            months = (until.year - since.year) * 12 + until.month - since.month
            number = since.year * 12 + since.month - 1 - months
            return Span(since.replace(year=number // 12, month=number % 12 + 1), since)
        return Span(since - (until - since), since)
    except (OverflowError, ValueError):  # Before the first year that there is.
        return None


def _begins_month(moment: datetime) -> bool:
    return moment == moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _read_period(
    session: Session, span: Span, rules: tuple[KeywordRule, ...], chosen: CaseClass | None
) -> PeriodRecord:
    matched = tuple(one.rule for one in rules)
    figures = read_figures(session, span.since, span.until)
    return PeriodRecord(
        span=span,
        screened=figures.screened,
        unscreened=dict(figures.unscreened),
        matches=figures.matches,
        measures=tuple(count_measures(session, span, matched, chosen)),
        lifted=count_lifted(session, span, chosen),
        appeals=tuple(count_appeals(session, span, chosen)),
        appeal_times=read_appeal_times(session, span, chosen),
        outcomes=tuple(count_outcomes(session, span, matched, chosen)),
        technologies=tuple(count_by_algorithm(session, span, chosen)),
        median_hours=figures.median_hours,
        ncmec_reports=count_finished_reports(session, span, chosen),
        references=count_references(session, span, chosen),
        list_changes=tuple(count_list_changes(session, span)),
        policy_changes=_policy_changes_of(session, span),
        samples=tuple(_samples_of(session, span)),
    )


def _policy_changes_of(session: Session, span: Span) -> tuple[PolicyChange, ...] | None:
    found = read_policy_changes(session, span)
    return None if found is None else tuple(_policy_change(one) for one in found)


def _policy_change(one: PolicyDeed) -> PolicyChange:
    changes = tuple(
        f"{key}: {_shown(before)} to {_shown(after)}"
        for key, (before, after) in one.changes.items()
    )
    cited = one.evaluation or {}
    words = (str(cited.get(key, "")) for key in ("kind", "date", "sha256"))
    return PolicyChange(one.at, one.actor, one.reason, " ".join(filter(None, words)), changes)


def _shown(value: object) -> str:
    return "not set" if value is None else json.dumps(value, ensure_ascii=False)


def _samples_of(session: Session, span: Span) -> Iterator[Mapping[str, Any]]:
    """Yield the samples that were drawn in a period, oldest first."""
    for one in reversed(read_samples(session, limit=_MOST_SAMPLES)):
        if span.since <= one.drawn_at < span.until:
            yield sample_line(session, one)


def read_circumstances(
    session: Session,
    settings: Settings,
    periods: Periods,
    *,
    recall: tuple[RecallLine, ...] = (),
    of_messages: bool = False,
) -> Circumstances:
    """Return what a report needs beside the counts; `of_messages` as for those."""
    made_at, reports = utc_now(), settings.reports
    # The state of the lists alone, of a period of no length.
    figures: Figures = read_figures(session, made_at, made_at)
    registers = {
        "measures": periods.has_any(lambda one: one.measures),
        "appeals": periods.has_any(lambda one: one.appeals),
        "references": periods.has_any(lambda one: tuple(one.references)),
    }
    seen = {one.restriction for record in periods.both if record for one in record.measures}
    interim = reports.interim
    return Circumstances(
        provider=reports.provider,
        service=reports.service or settings.console.platform,
        made_at=made_at,
        keywords=tuple(one.keyword for one in keyword_rules(settings)),
        complete=frozenset(reports.registers)
        | {name for name, is_used in registers.items() if is_used},
        restrictions=frozenset(reports.dsa.restrictions) | seen,
        removed_before=_removed_before(settings, made_at, of_messages=of_messages),
        lists=tuple(figures.lists),
        retention_days=settings.retention.model_dump(),
        words={**interim.model_dump()},
        recall=recall,
        screens_messages_only=settings.cases.retention_class == MESSAGING,
    )


def _removed_before(settings: Settings, now: datetime, *, of_messages: bool) -> dict[str, datetime]:
    days = settings.retention.model_dump()
    removed = {**_REMOVED, **(_REMOVED_MESSAGES if of_messages else {})}
    found = {words: days[key] for key, words in removed.items() if days[key]}
    return {words: now - timedelta(days=number) for words, number in found.items()}
