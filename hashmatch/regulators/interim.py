"""Yearly report of voluntary detection in messages, of the interim regulation of the EU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

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
from .ofcom import sample_tables
from .record import Circumstances, Periods

# What was found is stored for twelve months at most.
_LONGEST_DAYS = 366
_REMOVED = (
    "retention removes dismissed cases of messages at once; samples keep the results of their"
    " matches, and show a ratio"
)


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
    if not around.screens_messages_only:
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
    return Answer(tuple(_error_figures(periods)), tables=sample_tables(periods.now))


def _error_figures(periods: Periods) -> Iterator[Figure]:
    """Yield the errors that are on record: dismissed cases of messages are removed at once.

    So a ratio of what is left would flatter, and none left says nothing.
    """
    for one in error_figures(periods):
        if one.is_share:
            yield replace(one, now=None, before=None, reason=_REMOVED)
            continue
        now, before = (
            amount if amount is not None and amount.value else None
            for amount in (one.now, one.before)
        )
        yield replace(
            one,
            name=one.name.replace("false positives", "false positives, at least", 1),
            definition=f"{one.definition} Those that retention has not removed yet.",
            now=now,
            before=before,
            reason="" if now is not None else one.reason or _REMOVED,
        )


def _error_limits(periods: Periods, around: Circumstances) -> Answer:
    ratio = next(one for one in _error_figures(periods) if one.is_share)
    texts = (
        (
            "Every match within the threshold of a list opens a case, and a person decides it."
            " Deliveries of lists pass guards; known false positives are on allow lists; matches"
            " are sampled and reviewed."
        ),
        around.words["error_limits"],
    )
    return Answer((ratio,), tuple(filter(None, texts)))


def _retention(_: Periods, around: Circumstances) -> Answer:
    days = around.retention_days["messaging_days"]
    removal = f"Cases of messages are removed {days:g} days after they were opened at the latest."
    if days > _LONGEST_DAYS:
        removal += " That is longer than twelve months."
    safeguards = (
        "Uploader details are encrypted, and each look at them is recorded; the audit log is"
        " chained, and signed where a key is configured; no image is stored."
    )
    return Answer(texts=tuple(filter(None, (removal, safeguards, around.words["safeguards"]))))


def _recipients(periods: Periods, around: Circumstances) -> Answer:
    return Answer(tuple(recipient_figures(periods, around)))
