"""Yearly report of voluntary detection in messages, of the interim regulation of the EU."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .assembling import Answers, assemble
from .categories import OF_CHILDREN
from .counting import (
    CONFIRMED,
    cases,
    complaint_figures,
    detection_figures,
    error_figures,
    recipient_figures,
    rules_of,
)
from .interface import Answer, Figure, RegulatorReport
from .record import Circumstances, Periods

# What was found is stored for twelve months at most.
_LONGEST_DAYS = 366


def build_interim(periods: Periods, around: Circumstances) -> RegulatorReport:
    """Return the report; its points are those of the template, in their order."""
    answers: Answers = {
        "1": _volumes,
        "2": _words("ground"),
        "3": _words("transfers"),
        "4": _identified,
        "5": _complaints,
        "6": _errors,
        "7": _error_limits,
        "8": _retention,
        "9": _recipients,
    }
    return assemble("interim", periods, around, answers)


def _volumes(periods: Periods, around: Circumstances) -> Answer:
    figures = tuple(detection_figures(periods))
    if not around.of_messages:
        # They may be of anything that the platform screens.
        why = "images are counted as a whole, and the platform screens more than messages"
        figures = tuple(
            Figure(one.name, one.definition, None, None, why) if "images" in one.name else one
            for one in figures
        )
    text = (
        "Images, and hashes of images, that were sent to be compared. An image is in memory only;"
        " of one that matches, the content id, a reference, its hashes and what matched are stored."
    )
    return Answer(figures, (text,))


def _words(key: str) -> Callable[[Periods, Circumstances], Answer]:
    def section(_: Periods, around: Circumstances) -> Answer:
        return Answer(texts=tuple(filter(None, (around.words[key],))))

    return section


def _identified(periods: Periods, around: Circumstances) -> Answer:
    rules = rules_of(around, OF_CHILDREN)
    others = frozenset(range(len(around.keywords) + 1)) - rules
    return Answer(
        (
            periods.figure(
                "online child sexual abuse material",
                "Cases opened in the period that people confirmed since, of matches that the rules"
                " of [reports.dsa] take for such material.",
                lambda one: cases(one, (CONFIRMED,), rules=rules),
            ),
            periods.figure(
                "solicitation of children",
                "Not looked for.",
                lambda _: None,
                reason="hash matching cannot find it",
            ),
            periods.figure(
                "other confirmed cases",
                "Confirmed cases of matches that those rules take for something else, or that no"
                " rule fits.",
                lambda one: cases(one, (CONFIRMED,), rules=others),
            ),
        ),
    )


def _complaints(periods: Periods, around: Circumstances) -> Answer:
    channels = {
        "internal": "complaints to the internal mechanism",
        "court": "complaints to a judicial authority",
        "out_of_court": "complaints to bodies for disputes out of court",
    }
    figures = [
        one
        for channel, name in channels.items()
        for one in complaint_figures(periods, around, channel, name)
    ]
    return Answer(tuple(figures))


def _errors(periods: Periods, _: Circumstances) -> Answer:
    return Answer(tuple(error_figures(periods)))


def _error_limits(periods: Periods, around: Circumstances) -> Answer:
    (_, ratio), *_rest = _pairs(error_figures(periods))
    texts = (
        (
            "Every match within the threshold of a list opens a case, and a person decides it."
            " Deliveries of lists pass guards; known false positives are on allow lists; matches"
            " are sampled and reviewed."
        ),
        around.words["error_limits"],
    )
    return Answer((ratio,), tuple(filter(None, texts)))


def _pairs(figures: Iterator[Figure]) -> list[tuple[Figure, Figure]]:
    found = list(figures)
    return list(zip(found[::2], found[1::2], strict=True))


def _retention(_: Periods, around: Circumstances) -> Answer:
    days = around.retention_days.get("messaging_days") or around.retention_days["closed_days"]
    if not days:
        kept = "No retention is configured: what was found stays until somebody removes it."
    else:
        kept = f"Cases of messages are removed {days:g} days after they were last changed."
        if days > _LONGEST_DAYS:
            kept += " That is longer than twelve months."
    safeguards = (
        "Uploader details are encrypted, and each look at them is recorded; the audit log is"
        " chained, and signed where a key is configured; no image is stored."
    )
    return Answer(texts=tuple(filter(None, (kept, safeguards, around.words["safeguards"]))))


def _recipients(periods: Periods, around: Circumstances) -> Answer:
    return Answer(tuple(recipient_figures(periods, around)))
