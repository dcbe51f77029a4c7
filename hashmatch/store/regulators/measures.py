"""Counts of the restrictions that the platform imposed on the content and accounts of cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from ..schema import Case, CaseMeasure, Content, HashList, MatchRecord
from .grouping import CaseClass, MatchRule, Span, of_class, rule_of_match


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
    ruled = (
        select(
            CaseMeasure.key.label("key"),
            func.min(func.coalesce(rule_of_match(rules), len(rules))).label("rule"),
        )
        .join(Case, Case.key == CaseMeasure.case_key)
        .join(opened, opened.key == Case.content_key)
        .join(evidence, evidence.content_id == opened.content_id)
        .outerjoin(MatchRecord, MatchRecord.content_key == evidence.key)
        .outerjoin(HashList, HashList.key == MatchRecord.list_key)
        .where(*span.has(CaseMeasure.imposed_at), *of_class(chosen))
        .group_by(CaseMeasure.key)
        .subquery()
    )
    kind = (ruled.c.rule, CaseMeasure.ground, CaseMeasure.restriction, CaseMeasure.automation)
    query = (
        select(*kind, func.count())
        .select_from(ruled)
        .join(CaseMeasure, CaseMeasure.key == ruled.c.key)
        .group_by(*kind)
        .order_by(*kind)
    )
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
