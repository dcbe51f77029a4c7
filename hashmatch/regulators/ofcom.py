"""Performance review of hash matching, as Ofcom's codes ask for one at least every six months."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hashmatch.store.lists import MATCH, OWN

from .assembling import Answers, assemble
from .counting import (
    algorithms,
    by_algorithm,
    cases,
    detection_figures,
    error_figures,
    precision_figures,
)
from .interface import Answer, Cell, Figure, RegulatorReport, Table
from .record import DECIDED, Circumstances, PeriodRecord, Periods, RecallLine, share

_HOUR_S = 3600
_CHANGE_COLUMNS = ("when (UTC)", "by", "change", "reason", "evaluation")
_SAMPLE_COLUMNS = (
    "sample", "drawn (UTC)", "of matches", "drawn", "confirmed", "false positives", "open",
    "precision", "from", "to",
)  # fmt: skip
_RECALL_COLUMNS = ("algorithm", "level", "copies", "pictures", "recall", "from", "to")
_LIST_COLUMNS = (
    "list", "kind", "licensor", "entries now", "changes", "added", "withdrawn", "corrected",
    "last change (UTC)", "last sync (UTC)", "age of the sync in hours",
)  # fmt: skip


def build_ofcom(periods: Periods, around: Circumstances) -> RegulatorReport:
    """Return the review; its points are those of the template, in their order."""
    answers: Answers = {
        "technology": _technology,
        "precision": _precision,
        "recall": _recall,
        "balance": _balance,
        "review": _review,
        "currency": _currency,
    }
    return assemble("ofcom", periods, around, answers)


def _technology(periods: Periods, _: Circumstances) -> Answer:
    return Answer((*detection_figures(periods), *technology_figures(periods)))


def technology_figures(periods: Periods) -> Iterator[Figure]:
    """Yield the number of cases that each algorithm matched."""
    for name in algorithms(periods):
        yield periods.figure(
            f"cases matched by {name}",
            f"Cases opened in the period that {name} matched within the threshold of a list; a case"
            " counts with each algorithm that matched it.",
            lambda one, name=name: by_algorithm(one, name),  # type: ignore[misc]
        )


def _precision(periods: Periods, _: Circumstances) -> Answer:
    figures = (*precision_figures(periods), *error_figures(periods))
    return Answer(figures, tables=sample_tables(periods.now))


def sample_tables(record: PeriodRecord | None) -> tuple[Table, ...]:
    """Return the review samples that were drawn in a period."""
    rows = () if record is None else tuple(_sample_row(one) for one in record.samples)
    return (Table("Samples of matches, drawn at random and reviewed", _SAMPLE_COLUMNS, rows),)


def _sample_row(one: Mapping[str, Any]) -> tuple[Cell, ...]:
    return (
        one["sample"], one["drawn_at"][:16].replace("T", " "), one["population"], one["drawn"],
        one["confirmed"], one["false_positives"], one["open"], one["precision"],
        one["precision_low"], one["precision_high"],
    )  # fmt: skip


def _recall(_: Periods, around: Circumstances) -> Answer:
    if not around.recall:
        return Answer(
            texts=(
                (
                    "Not known: no evaluation was named. 'hashmatch evaluate recall --results FILE'"
                    " measures it, and --recall FILE of this report takes its results."
                ),
            )
        )
    return Answer(tables=(recall_table(around.recall),))


def recall_table(lines: tuple[RecallLine, ...]) -> Table:
    """Return the recall of an evaluation by algorithm and group of alterations."""
    rows = tuple(
        (one.algorithm, one.level, one.group, one.pictures, one.share, one.low, one.high)
        for one in lines
    )
    return Table("Recall of altered copies of pictures, measured", _RECALL_COLUMNS, rows)


def _balance(periods: Periods, _: Circumstances) -> Answer:
    changes = None if periods.now is None else periods.now.policy_changes
    rows = tuple(
        (f"{one.at:%Y-%m-%d %H:%M}", one.actor, "; ".join(one.changes), one.reason, one.evaluation)
        for one in changes or ()
    )
    figure = periods.figure(
        "changes of the settings",
        "Changes of thresholds, levels, actions and other settings that decide verdicts, as they"
        " are on record and on the audit log.",
        lambda one: None if one.policy_changes is None else len(one.policy_changes),
        reason="no policy was on record by the end of the period",
    )
    table = Table("Changes and their reasons", _CHANGE_COLUMNS, rows)
    return Answer((figure,), tables=() if changes is None else (table,))


def _review(periods: Periods, _: Circumstances) -> Answer:
    figures = (
        periods.figure(
            "share of detected content that people decided",
            "Of the cases opened in the period, those that a person confirmed or dismissed since:"
            " every match within the threshold of a list opens one.",
            lambda one: share(cases(one, DECIDED), cases(one)),
            reason="nothing was detected",
            is_share=True,
        ),
        periods.figure(
            "cases that people decided",
            "Cases opened in the period with a match within the threshold of a list that a person"
            " confirmed or dismissed since.",
            lambda one: cases(one, DECIDED),
        ),
        periods.figure(
            "near matches that people decided",
            "Cases of matches beyond the threshold alone, near enough for people to look, that they"
            " decided.",
            lambda one: cases(one, DECIDED, within=False),
        ),
        periods.figure(
            "median hours to the decision",
            "From the opening of a case to its first decision: half of the cases took less.",
            lambda one: None if one.median_hours is None else round(one.median_hours, 2),
            reason="no case was decided",
        ),
    )
    return Answer(figures)


def _currency(periods: Periods, around: Circumstances) -> Answer:
    return Answer(figures=tuple(currency_figures(periods)), tables=list_tables(periods, around))


def currency_figures(periods: Periods) -> Iterator[Figure]:
    """Yield the sums of what came to lists, went, and was corrected."""
    definitions = {
        "entries added": ("Hashes that deliveries added to lists that are matched.", "added"),
        "entries withdrawn": (
            "Hashes that the owners of lists, or people here, took out of them: corrections.",
            "withdrawn",
        ),
        "entries corrected": ("Entries of which anything but the hash was changed.", "changed"),
    }
    for name, (definition, key) in definitions.items():
        yield periods.figure(
            name,
            definition,
            lambda one, key=key: sum(  # type: ignore[misc]
                getattr(each, key) for each in one.list_changes if each.kind in (MATCH, OWN)
            ),
        )


def list_tables(periods: Periods, around: Circumstances) -> tuple[Table, ...]:
    """Return the lists with their changes in the period, and how current they are now."""
    states = {one.name: one for one in around.lists}
    rows = []
    for one in () if periods.now is None else periods.now.list_changes:
        state = states.get(one.name)
        synced = None if state is None else state.synced_at
        rows.append(
            (
                one.name,
                one.kind,
                one.licensor,
                None if state is None else state.active_entries,
                one.generations,
                one.added,
                one.withdrawn,
                one.changed,
                None if state is None else f"{state.changed_at:%Y-%m-%d %H:%M}",
                None if synced is None else f"{synced:%Y-%m-%d %H:%M}",
                None
                if synced is None
                else round((around.made_at - synced).total_seconds() / _HOUR_S, 1),
            )
        )
    return (Table("Lists", _LIST_COLUMNS, tuple(rows)),)
