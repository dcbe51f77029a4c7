"""The state machine of cases, in any order of decisions and matches."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select, update

from hashmatch.audit import verify
from hashmatch.cases import (
    Actor,
    CaseAction,
    State,
    add_note,
    apply_retention,
    assign,
    escalate,
    hold,
)
from hashmatch.config import Settings
from hashmatch.errors import CaseStateError, ForbiddenError
from hashmatch.outbox import Sender, send_due
from hashmatch.store.engine import Database, audit
from hashmatch.store.outbox import Message
from hashmatch.store.schema import Case, MatchRecord, OutboxMessage, utc_now
from tests.cases.making import ADMINISTRATOR, OTHER, REVIEWER, act, make_match
from tests.cases.test_states import TABLE
from tests.pictures import list_of
from tests.store.importing import DatabaseFactory, import_text

_CONTENTS = ("post/1", "post/2")
_DECISIONS = tuple(
    CaseAction(one) for one in ("review", "confirm", "dismiss", "reported", "close", "reopen")
)
_SETTINGS = Settings.model_validate(
    {
        "cases": {"four_eyes": ["dismiss"]},
        "retention": {"closed_days": 30},
        "escalations": {
            "desk": {"to": "webhook", "url": "https://desk.example/", "secret": {"env": "X"}}
        },
    }
)


@dataclass
class _Model:
    """What a case has to be."""

    key: int
    state: State
    entries: set[int]
    proposed_by: str = ""
    is_held: bool = False
    is_notified: bool = False


def _leads(state: State, action: CaseAction) -> State | None:
    return TABLE[action][list(State).index(state)]


class _Life(RuleBasedStateMachine):
    """Does to a store what may happen to it, and to a model what has to come of it."""

    def __init__(self, make: DatabaseFactory) -> None:
        super().__init__()
        self._opened = ExitStack()
        self.database: Database = self._opened.enter_context(make())
        self.models: dict[str, _Model] = {}

    def teardown(self) -> None:
        self._opened.close()

    @initialize()
    def begin(self) -> None:
        import_text(self.database, "one", list_of(1, 2, 3))

    @rule(content=st.sampled_from(_CONTENTS), entry=st.integers(1, 3))
    def match(self, content: str, entry: int) -> None:
        key = make_match(self.database, content, entries=(entry,))
        model = self.models.setdefault(content, _Model(key, State.OPEN, {entry}))
        assert model.key == key
        if entry not in model.entries:
            model.entries.add(entry)
            if (state := _leads(model.state, CaseAction.MATCH)) is not model.state:
                model.is_notified = False
            model.state, model.proposed_by = state or model.state, ""

    @rule(
        content=st.sampled_from(_CONTENTS),
        action=st.sampled_from(_DECISIONS),
        actor=st.sampled_from([REVIEWER, OTHER, ADMINISTRATOR]),
    )
    def decide(self, content: str, action: CaseAction, actor: Actor) -> None:
        if (model := self.models.get(content)) is None:
            return
        expected = _leads(model.state, action)
        if action is CaseAction.CLOSE and model.state is State.ESCALATED and not model.is_notified:
            expected = None
        try:
            done = act(self.database, model.key, action, actor, settings=_SETTINGS.cases)
        except ForbiddenError:
            assert actor is ADMINISTRATOR or model.proposed_by == actor.name
            return
        except CaseStateError:
            assert expected is None
            return
        assert expected is not None
        if done.needs_second_approval:
            assert action is CaseAction.DISMISS
            model.proposed_by = actor.name
            return
        if action is CaseAction.DISMISS:
            assert model.proposed_by not in ("", actor.name)
        model.state, model.proposed_by = expected, ""
        model.is_notified = (model.is_notified or action is CaseAction.REPORTED) and (
            action is not CaseAction.REOPEN
        )

    @rule()
    def arrive(self) -> None:
        def take(message: Message) -> None:
            case = int(message.body["data"]["case"])
            with self.database.writing() as session:
                session.get_one(Case, case).notified_at = utc_now()
                audit(session, "escalation.sent", session.get_one(Case, case), {})
            for model in self.models.values():
                model.is_notified = model.is_notified or model.key == case

        send_due(self.database, {"escalation": Sender(take, lambda _: None)})

    @rule(content=st.sampled_from(_CONTENTS))
    def hand_over(self, content: str) -> None:
        if (model := self.models.get(content)) is None:
            return
        expected = _leads(model.state, CaseAction.ESCALATE)
        try:
            with self.database.writing() as session:
                escalate(session, _SETTINGS, model.key, "desk", REVIEWER)
        except CaseStateError:
            assert expected is None
            return
        assert expected is not None
        model.state, model.proposed_by = expected, ""

    @rule(content=st.sampled_from(_CONTENTS), is_held=st.booleans())
    def keep(self, content: str, is_held: bool) -> None:
        if (model := self.models.get(content)) is not None:
            with self.database.writing() as session:
                hold(session, model.key, "order 1" if is_held else "", ADMINISTRATOR)
            model.is_held = is_held

    @rule(content=st.sampled_from(_CONTENTS))
    def talk(self, content: str) -> None:
        if (model := self.models.get(content)) is not None:
            with self.database.writing() as session:
                add_note(session, model.key, "seen", OTHER)
                if model.state is not State.CLOSED:
                    assign(session, model.key, "bob", OTHER)

    @rule(days=st.sampled_from([1, 40]))
    def grow_old(self, days: int) -> None:
        with self.database.writing() as session:
            past = utc_now() - timedelta(days=days)
            session.execute(update(Case).values(changed_at=past))
        with self.database.reading() as session:
            waiting = session.scalars(
                select(OutboxMessage.case_key).where(OutboxMessage.sent_at.is_(None))
            ).all()
        apply_retention(self.database, _SETTINGS, dry_run=False)
        for content, model in list(self.models.items()):
            is_done = model.state is State.CLOSED and model.key not in waiting
            if days > 30 and is_done and not model.is_held:
                del self.models[content]

    @invariant()
    def cases_are_as_they_have_to_be(self) -> None:
        with self.database.reading() as session:
            rows = {one.key: one for one in session.scalars(select(Case))}
            matches = session.scalar(select(func.count(MatchRecord.key)))
        assert rows.keys() == {one.key for one in self.models.values()}
        for model in self.models.values():
            row = rows[model.key]
            assert (row.state, row.proposed_by) == (model.state, model.proposed_by)
            assert bool(row.legal_hold) is model.is_held
            assert (row.notified_at is not None) is model.is_notified
        assert matches == sum(len(one.entries) for one in self.models.values())

    @invariant()
    def the_chain_holds(self) -> None:
        with self.database.reading() as session:
            assert verify(session, {}).problems == []


@pytest.mark.parametrize(
    ("examples", "steps"),
    [(3, 15), pytest.param(20, 25, marks=[pytest.mark.long, pytest.mark.timeout(900)])],
)
def test_cases_live_as_the_table_says(
    database_factory: DatabaseFactory, examples: int, steps: int
) -> None:
    run_state_machine_as_test(
        lambda: _Life(database_factory),  # type: ignore[arg-type]
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
