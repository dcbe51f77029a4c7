"""Groups of cases: by the rule that one of their matches fits, and by their retention class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CTE, ColumnElement, Select, case, func, literal, select

from ..evaluations import IS_NEAR
from ..schema import Case, CaseRetention, HashList, MatchRecord


@dataclass(frozen=True, slots=True)
class Span:
    """A period with two ends; `until` is not part of it."""

    since: datetime
    until: datetime

    def has(self, column: Any) -> list[ColumnElement[bool]]:
        """Return the conditions for rows of the period."""
        return [column >= self.since, column < self.until]


@dataclass(frozen=True, slots=True)
class MatchRule:
    """Kinds of matches that belong together: of these lists and categories; none means any."""

    lists: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseClass:
    """Cases of a retention class; those without one of their own are of the `default`."""

    wanted: str
    default: str

    def condition(self) -> ColumnElement[bool]:
        """Return the condition for a case."""
        own = (
            select(CaseRetention.retention_class)
            .where(CaseRetention.case_key == Case.key)
            .scalar_subquery()
        )
        return func.coalesce(own, self.default) == self.wanted


def of_class(chosen: CaseClass | None) -> list[ColumnElement[bool]]:
    """Return the condition for cases of a class, none for all."""
    return [] if chosen is None else [chosen.condition()]


def first(query: Select[*tuple[Any, ...]]) -> CTE:
    """Return the rows of a period as a table that is made before it is joined with anything.

    SQLite without statistics would otherwise walk through all rows, in the order to group by.
    """
    return query.cte().prefix_with("MATERIALIZED")


def rule_of_match(rules: Sequence[MatchRule]) -> ColumnElement[int]:
    """Return the number of the first rule that a match fits, or the number of rules."""
    branches = [
        (fits, literal(number))
        for number, one in enumerate(rules)
        if (fits := _fits(one)) is not None
    ]
    return case(*branches, else_=literal(len(rules))) if branches else literal(len(rules))


def is_within() -> ColumnElement[int]:
    """Return 1 for a match within the threshold of its list, 0 for a near one."""
    return case((IS_NEAR, 0), else_=1)


def _fits(rule: MatchRule) -> ColumnElement[bool] | None:
    lists, categories = HashList.name.in_(rule.lists), MatchRecord.category.in_(rule.categories)
    if rule.lists and rule.categories:
        return lists & categories
    return lists if rule.lists else categories if rule.categories else None
