"""Parts 5 and 6 of the DSA's template: measures at the provider's own initiative, by category.

A number is 0 where it could have been another, and blank where it is not known (Annex II, part I,
4): of categories that nothing on record is of, of restrictions that are not imposed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from .counting import known
from .record import Circumstances, PeriodRecord, Periods
from .templates import OTHER_KEYWORD, Row, read_part

ILLEGAL, TERMS = "5_own_initiative_illegal", "6_own_initiative_TC"
_GROUNDS = {ILLEGAL: "illegal", TERMS: "terms"}
_CATEGORY, _FIRST = 3, 5
_TOTAL, _HIGH_LEVEL = "TOTAL", "STATEMENT_CATEGORY_"
_MEASURES = "Number of measures taken at the provider's own initiative "
_DETECTED = "Number of measures taken after detection with solely automated means "
# None: the record does not tell them apart.
_RESTRICTIONS: Mapping[str, tuple[str, ...] | None] = {
    "Visibility restriction Removal": ("removal",),
    "Visibility restriction Disable": ("disabled",),
    "Visibility restriction Demoted": ("demoted",),
    "Visibility restriction Age restricted": ("age_restricted",),
    "Visibility restriction Interaction restricted": None,
    "Visibility restriction Labelled ": ("labelled",),
    "Visibility restriction Other": ("other",),
    "Monetary restriction Suspension": None,
    "Monetary restriction Termination": None,
    "Monetary restriction Other": ("monetary",),
    "Provision of the service Suspension": ("service_suspended",),
    "Provision of the service Termination": ("service_terminated",),
    "Account restriction Suspension": ("account_suspended",),
    "Account restriction Termination": ("account_terminated",),
}
DEFINITIONS: Mapping[str, str] = {
    _MEASURES: "Restrictions on record of content and accounts of cases of hash matching, counted"
    " in the period in which they were imposed; one case may have several. A case that a notice"
    " or an order led to is among them: the record has neither.",
    _DETECTED: "All of them: hash matching detects without people. Who decided is in part 8.",
    "Visibility restriction Interaction restricted": "Not on record as a kind of its own.",
    "Visibility restriction Other": "Restrictions that are recorded as other; they may be others"
    " than of visibility.",
    "Monetary restriction Suspension": "Not on record as a kind of its own.",
    "Monetary restriction Termination": "Not on record as a kind of its own.",
    "Monetary restriction Other": "All monetary restrictions: the record does not tell suspension"
    " from termination.",
}


@dataclass(frozen=True, slots=True)
class _Counts:
    """Measures on one ground by rule and restriction."""

    record: PeriodRecord
    ground: str

    def of(self, rules: Collection[int], restrictions: Sequence[str] | None) -> int:
        """Return the number of measures of some rules and restrictions, or of all."""
        return sum(
            one.number
            for one in self.record.measures
            if one.ground == self.ground
            and one.rule in rules
            and (restrictions is None or one.restriction in restrictions)
        )


def measures_part(name: str, periods: Periods, around: Circumstances, head: Row) -> list[Row]:
    """Return the rows of part 5 or 6; `head` is the service and the reporting period."""
    part, ground = read_part(name), _GROUNDS[name]
    columns = part.columns[_FIRST:]
    figures = columns[: len(columns) // 2]
    groups = _groups(name)
    covered = covered_rules(periods, around)
    counts = [None if one is None else _Counts(one, ground) for one in periods.both]
    rows = []
    for number, row in enumerate(part.rows):
        rules = frozenset(rule for rule in covered if around.keywords[rule] in groups[number])
        values = [
            [None if one is None else _number(one, rules, column, around) for one in counts]
            for column in figures
        ]
        notes = [
            _note(column, now, before, periods, is_total=row[_CATEGORY] == _TOTAL)
            for column, (now, before) in zip(figures, values, strict=True)
        ]
        numbers = ["" if now is None else str(now) for now, _ in values]
        rows.append((row[0], *head, row[_CATEGORY], _description(row), *numbers, *notes))
    return rows


def _groups(name: str) -> list[frozenset[str]]:
    """Return for each row the keywords that it sums: its own, those of its category, or all."""
    codes = [row[_CATEGORY] for row in read_part(name).rows]
    every = frozenset(one for one in codes if not one.startswith((_TOTAL, _HIGH_LEVEL)))
    found: list[set[str]] = []
    category: set[str] = set()
    for code in codes:
        if code == _TOTAL:
            found.append(set(every))
        elif code.startswith(_HIGH_LEVEL):
            category = set()
            found.append(category)
        else:
            category.add(code)
            found.append({code})
    # Other kinds of a category share one word, and no rule can mean one of them.
    return [frozenset(one - {OTHER_KEYWORD}) for one in found]


def covered_rules(periods: Periods, around: Circumstances) -> frozenset[int]:
    """Return the rules that anything on record is of, and others of the same keyword."""
    rules = {
        rule
        for record in periods.both
        if record is not None
        for rule in (
            *(one.rule for one in record.outcomes),
            *(one.rule for one in record.measures),
        )
    }
    seen = {keyword for n, keyword in enumerate(around.keywords) if n in rules}
    return frozenset(n for n, keyword in enumerate(around.keywords) if keyword in seen)


def unruled_measures(record: PeriodRecord, around: Circumstances) -> int:
    """Return the number of measures of a period that are in no row: no rule fits their matches."""
    return sum(one.number for one in record.measures if one.rule >= len(around.keywords))


def _number(
    counts: _Counts, rules: frozenset[int], column: str, around: Circumstances
) -> int | None:
    if not rules:
        return None
    if column in (_MEASURES, _DETECTED):
        return known(around, "measures", counts.of(rules, None))
    restrictions = _RESTRICTIONS[column]
    if restrictions is None:
        return None
    number = counts.of(rules, restrictions)
    if not number and not around.restrictions & set(restrictions):
        return None
    return known(around, "measures", number)


def _note(
    column: str, now: int | None, before: int | None, periods: Periods, *, is_total: bool
) -> str:
    """Return the contextual information: the period before, and once the definition."""
    notes = [DEFINITIONS[column]] if is_total and column in DEFINITIONS else []
    if now is not None:
        if periods.before is None:
            notes.append("Period before: not on record.")
        else:
            notes.append(f"Period before: {'not known' if before is None else before}.")
        if is_total and column == _MEASURES:
            notes.append("Of hash matching alone: other moderation of the provider is to be added.")
    return " ".join(notes)


def _description(row: Row) -> str:
    # The template's words there are a request for a text.
    return "" if row[_CATEGORY] == OTHER_KEYWORD else row[4]
