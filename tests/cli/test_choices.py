"""Claims about the values that options take: they are those of the rooms they stand for."""

from __future__ import annotations

import pytest

from hashmatch.cases import (
    ANSWERS,
    DECISIONS,
    Appellant,
    Automation,
    Channel,
    Ground,
    Restriction,
    State,
)
from hashmatch.cli import choices
from hashmatch.hashers import ALGORITHMS
from hashmatch.lists import FORMATS, Verdict
from hashmatch.notices import OUTCOMES, RefusalReason
from hashmatch.regulators import Form, Regulator
from hashmatch.reports import FORMATS as REPORT_FORMATS
from hashmatch.store.matches import FloodAction
from hashmatch.store.schema import NoticeState, RetentionClass
from hashmatch.store.tokens import Scope


@pytest.mark.parametrize(
    ("written_out", "meant"),
    [
        (choices.CASE_STATES, [one.value for one in State]),
        (choices.DECISIONS, [one.value for one in DECISIONS]),
        (choices.RESTRICTIONS, [one.value for one in Restriction]),
        (choices.GROUNDS, [one.value for one in Ground]),
        (choices.AUTOMATIONS, [one.value for one in Automation]),
        (choices.CHANNELS, [one.value for one in Channel]),
        (choices.APPELLANTS, [one.value for one in Appellant]),
        (choices.ANSWERS, [one.value for one in ANSWERS]),
        (choices.RETENTION_CLASSES, [one.value for one in RetentionClass]),
        (choices.NOTICE_STATES, [one.value for one in NoticeState]),
        (choices.NOTICE_OUTCOMES, [one.value for one in OUTCOMES]),
        (choices.REFUSALS, [one.value for one in RefusalReason]),
        (choices.FLOOD_ACTIONS, [one.value for one in FloodAction]),
        (choices.VERDICTS, [one.value for one in Verdict]),
        (choices.SCOPES, [one.value for one in Scope if one is not Scope.PULL]),
        (choices.LIST_FORMATS, [one.name for one in FORMATS]),
        (choices.REPORT_FORMATS, [one.name for one in REPORT_FORMATS]),
        (choices.REGULATORS, [one.value for one in Regulator]),
        (choices.REGULATOR_FORMS, [one.value for one in Form]),
        (choices.ALGORITHMS, list(ALGORITHMS)),
    ],
)
def test_each_choice_is_one_of_its_room(written_out: tuple[str, ...], meant: list[str]) -> None:
    assert list(written_out) == meant
