"""Counts of cases by the result of their review, by rule and by algorithm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import CTE, distinct, func, select
from sqlalchemy.orm import Session

from ..evaluations import IS_NEAR
from ..schema import Case, Content, HashList, MatchRecord, ReviewResult
from .grouping import CaseClass, MatchRule, Span, first, is_within, of_class, rule_of_match


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    """Number of cases with one result; `within` says that a match is within its threshold.

    `rule` is the number of the first rule that a match of them fits, the number of rules for none.
    """

    rule: int
    within: bool
    result: ReviewResult
    number: int


@dataclass(frozen=True, slots=True)
class TechnologyCount:
    """Number of cases with one result that an algorithm matched within its threshold."""

    algorithm: str
    result: ReviewResult
    number: int


def count_outcomes(
    session: Session, span: Span, rules: Sequence[MatchRule], chosen: CaseClass | None = None
) -> list[OutcomeCount]:
    """Return the numbers of the cases that were opened in a period, by rule and result."""
    own = _opened(span, chosen)
    ruled = (
        select(
            own.c.key,
            own.c.result,
            func.min(rule_of_match(rules)).label("rule"),
            func.max(is_within()).label("within"),
        )
        .join(Content, Content.content_id == own.c.content_id)
        .join(MatchRecord, MatchRecord.content_key == Content.key)
        .join(HashList, HashList.key == MatchRecord.list_key)
        .group_by(own.c.key, own.c.result)
        .subquery()
    )
    kind = (ruled.c.rule, ruled.c.within, ruled.c.result)
    query = select(*kind, func.count()).group_by(*kind).order_by(*kind)
    return [
        OutcomeCount(rule, bool(within), ReviewResult(result), number)
        for rule, within, result, number in session.execute(query)
    ]


def count_by_algorithm(
    session: Session, span: Span, chosen: CaseClass | None = None
) -> list[TechnologyCount]:
    """Return the numbers of the cases that were opened in a period, by algorithm and result.

    A case counts once with each algorithm that matched it within the threshold of a list.
    """
    own = _opened(span, chosen)
    kind = (MatchRecord.algorithm, own.c.result)
    query = (
        select(*kind, func.count(distinct(own.c.key)))
        .select_from(own)
        .join(Content, Content.content_id == own.c.content_id)
        .join(MatchRecord, MatchRecord.content_key == Content.key)
        .where(~IS_NEAR)
        .group_by(*kind)
        .order_by(*kind)
    )
    return [
        TechnologyCount(algorithm, ReviewResult(result), number)
        for algorithm, result, number in session.execute(query)
    ]


def _opened(span: Span, chosen: CaseClass | None) -> CTE:
    """Return the cases that were opened in a period; those that were merged have no content id."""
    query = select(Case.key, Case.content_id, Case.result)
    return first(query.where(*span.has(Case.opened_at), *of_class(chosen)))
