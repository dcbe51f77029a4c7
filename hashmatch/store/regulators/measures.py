"""Counts of the restrictions that the platform imposed on the content and accounts of cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from ..schema import Case, CaseMeasure, Content, HashList, MatchRecord
from .grouping import CaseClass, MatchRule, Span, first, of_class, rule_of_match


@dataclass(frozen=True, slots=True)
class MeasureCount:
    """Number of measures of one kind; `rule` is the number of the first rule that a match fits.

    The number of rules stands for none, as where the matches were removed.
    """

    rule: int
    ground: str
    restriction: str
    automation: str
    number: int


def count_measures(
    session: Session, span: Span, rules: Sequence[MatchRule], chosen: CaseClass | None = None
) -> list[MeasureCount]:
    """Return the numbers of the measures that were imposed in a period, of each kind.

    A measure counts once, in the first rule that any match of its case fits.
    """
    # Cases that were merged have no id of their own, and the matches of the case of that id.
    opened, evidence = aliased(Content), aliased(Content)
    own = first(
        select(
            CaseMeasure.key,
            CaseMeasure.ground,
            CaseMeasure.restriction,
            CaseMeasure.automation,
            Case.content_key,
        )
        .join(Case, Case.key == CaseMeasure.case_key)
        .where(*span.has(CaseMeasure.imposed_at), *of_class(chosen))
    )
    same = (own.c.ground, own.c.restriction, own.c.automation)
    ruled = (
        select(
            own.c.key,
            *same,
            func.min(func.coalesce(rule_of_match(rules), len(rules))).label("rule"),
        )
        .join(opened, opened.key == own.c.content_key)
        .join(evidence, evidence.content_id == opened.content_id)
        .outerjoin(MatchRecord, MatchRecord.content_key == evidence.key)
        .outerjoin(HashList, HashList.key == MatchRecord.list_key)
        .group_by(own.c.key, *same)
        .subquery()
    )
    kind = (ruled.c.rule, ruled.c.ground, ruled.c.restriction, ruled.c.automation)
    query = select(*kind, func.count()).group_by(*kind).order_by(*kind)
    return [MeasureCount(*row) for row in session.execute(query)]


def count_lifted(session: Session, span: Span, chosen: CaseClass | None = None) -> int:
    """Return how many of the measures that were imposed in a period were lifted since."""
    query = (
        select(func.count())
        .select_from(CaseMeasure)
        .join(Case, Case.key == CaseMeasure.case_key)
        .where(
            *span.has(CaseMeasure.imposed_at), CaseMeasure.lifted_at.is_not(None), *of_class(chosen)
        )
    )
    return session.scalar(query) or 0
