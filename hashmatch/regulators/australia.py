"""Facts for eSafety's questions about known child sexual abuse material, by subject."""

from __future__ import annotations

from .assembling import Answers, assemble
from .categories import OF_CHILDREN
from .counting import (
    CONFIRMED,
    cases,
    complaint_figures,
    detection_figures,
    measure_figures,
    precision_figures,
    recipient_figures,
    rules_of,
)
from .interface import Answer, RegulatorReport
from .ofcom import list_tables, recall_table, sample_tables, technology_figures
from .record import Circumstances, Periods


def build_australia(periods: Periods, around: Circumstances) -> RegulatorReport:
    """Return the facts; the subjects are those of the template, in their order."""
    answers: Answers = {
        "systems": _systems,
        "detected": _detected,
        "actions": lambda now, about: Answer(tuple(measure_figures(now, about))),
        "referral": lambda now, about: Answer(tuple(recipient_figures(now, about))),
        "complaints": _complaints,
        "effectiveness": _effectiveness,
        "class 1C and class 2": _others,
    }
    return assemble("australia", periods, around, answers)


def _systems(periods: Periods, around: Circumstances) -> Answer:
    text = (
        "Images are compared with lists of hashes of known material, by cryptographic and"
        " perceptual hashing; every match within the threshold of a list opens a case that a person"
        " decides."
    )
    return Answer(tuple(technology_figures(periods)), (text,), list_tables(periods, around))


def _detected(periods: Periods, around: Circumstances) -> Answer:
    rules = rules_of(around, OF_CHILDREN)
    figures = (
        *detection_figures(periods),
        periods.figure(
            "cases of known child sexual abuse material",
            "Cases opened in the period of matches that the rules of [reports.dsa] take for such"
            " material.",
            lambda one: cases(one, rules=rules),
        ),
        periods.figure(
            "confirmed cases of known child sexual abuse material",
            "Of these, cases that people confirmed since.",
            lambda one: cases(one, (CONFIRMED,), rules=rules),
        ),
        periods.figure(
            "median hours to the decision",
            "From the opening of a case to its first decision, of all cases: half took less.",
            lambda one: None if one.median_hours is None else round(one.median_hours, 2),
            reason="no case was decided",
        ),
    )
    return Answer(figures)


def _complaints(periods: Periods, around: Circumstances) -> Answer:
    name = "complaints about decisions"
    return Answer(tuple(complaint_figures(periods, around, "internal", name)))


def _effectiveness(periods: Periods, around: Circumstances) -> Answer:
    tables = sample_tables(periods.now)
    if around.recall:
        tables = (*tables, recall_table(around.recall))
    return Answer(tuple(precision_figures(periods)), tables=tables)


def _others(_: Periods, __: Circumstances) -> Answer:
    return Answer(
        texts=(
            (
                "Not known: age assurance, access controls and the detection of pornography,"
                " self-harm and violence are no part of hash matching."
            ),
        )
    )
