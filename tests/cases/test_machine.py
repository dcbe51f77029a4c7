"""The state machine of cases, in any order of decisions and matches."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
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
from sqlalchemy.orm import Session

from hashmatch.audit import verify
from hashmatch.cases import (
    Actor,
    Automation,
    CaseAction,
    Ground,
    Restriction,
    Role,
    State,
    add_note,
    answer_appeal,
    apply_retention,
    assign,
    decide,
    escalate,
    hold,
    impose,
    lift,
    notify_uploader,
    receive_appeal,
    refer,
    retain,
    view_case,
)
from hashmatch.config import Settings
from hashmatch.errors import CaseStateError, ForbiddenError
from hashmatch.outbox import Sender, send_due
from hashmatch.store.duties import read_appeals
from hashmatch.store.engine import Database, audit
from hashmatch.store.outbox import Message
from hashmatch.store.schema import (
    AppealState,
    Case,
    MatchRecord,
    OutboxMessage,
    RetentionClass,
    utc_now,
)
from tests.cases.making import ADMINISTRATOR, OTHER, REVIEWER, make_match
from tests.cases.test_states import TABLE
from tests.pictures import list_of
from tests.store.importing import DatabaseFactory, import_text

_CONTENTS = ("post/1", "post/2")
_DECISIONS = tuple(
    CaseAction(one) for one in ("review", "confirm", "dismiss", "reported", "close", "reopen")
)
_SETTINGS = Settings.model_validate(
    {
        "cases": {
            "four_eyes": ["dismiss"],
            "deadlines": {
                "nca": {
                    "after": "confirmed",
                    "hours": 24,
                    "met_by": "reference",
                    "authority": "NCA",
                },
                "reasons": {"after": "measure", "hours": 24, "met_by": "notification"},
            },
        },
        # So short that every case of the class messaging has passed it.
        "retention": {"closed_days": 30, "messaging_days": 1e-9},
        "escalations": {
            "desk": {"to": "webhook", "url": "https://desk.example/", "secret": {"env": "X"}}
        },
    }
)


_THIRD = Actor("carla", "token 9 (carla)", frozenset({Role.REVIEWER}))


def _restrict(session: Session, case: int, step: str) -> None:
    if step == "impose":
        impose(
            session, _SETTINGS, case, Restriction.REMOVAL, REVIEWER, ground=Ground.TERMS,
            automation=Automation.NONE,
        )  # fmt: skip
    elif step == "explain":
        notify_uploader(session, _SETTINGS, case, REVIEWER)
    else:
        lift(session, case, REVIEWER, note="an appeal")


@dataclass
class _Model:
    """What a case has to be."""

    key: int
    state: State
    entries: set[int]
    proposed_by: str = ""
    is_held: bool = False
    is_notified: bool = False
    is_kept: bool = False
    is_messaging: bool = False
    deciders: tuple[str, ...] = ()
    owed: set[str] = field(default_factory=set)
    measures: int = 0
    unexplained: int = 0
    appeals: int = 0

    @property
    def may_be_closed(self) -> bool:
        """Say whether nothing is under way or owed that keeps the case from being closed."""
        is_delivered = self.state is not State.ESCALATED or self.is_notified
        is_undone = self.state is not State.FALSE_POSITIVE or not self.measures
        return is_delivered and is_undone and not self.owed and not self.appeals


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
        if action is CaseAction.CLOSE and not model.may_be_closed:
            expected = None
        try:
            with self.database.writing(actor.audit_name) as session:
                done = decide(session, _SETTINGS, model.key, action, actor, note="because")
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
        self._note_decision(model, action, actor)
        model.state, model.proposed_by = expected, ""
        model.is_notified = (model.is_notified or action is CaseAction.REPORTED) and (
            action is not CaseAction.REOPEN
        )

    @staticmethod
    def _note_decision(model: _Model, action: CaseAction, actor: Actor) -> None:
        if action in (CaseAction.CONFIRM, CaseAction.DISMISS):
            is_agreed = action is CaseAction.DISMISS
            model.deciders = (actor.name, *((model.proposed_by,) if is_agreed else ()))
        if action is CaseAction.CONFIRM:
            model.owed.add("nca")
        if action is CaseAction.DISMISS:
            model.owed.clear()
        if action is CaseAction.REPORTED and not model.is_messaging:
            model.is_kept = True

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

    @rule(content=st.sampled_from(_CONTENTS), authority=st.sampled_from(["NCA", "NCMEC"]))
    def refer(self, content: str, authority: str) -> None:
        if (model := self.models.get(content)) is not None:
            with self.database.writing() as session:
                refer(session, _SETTINGS, model.key, authority, "r1", REVIEWER)
            model.owed -= {"nca"} if authority == "NCA" else set()
            model.is_kept = not model.is_messaging

    @rule(content=st.sampled_from(_CONTENTS), step=st.sampled_from(["impose", "explain", "lift"]))
    def restrict(self, content: str, step: str) -> None:
        if (model := self.models.get(content)) is None:
            return
        try:
            with self.database.writing() as session:
                _restrict(session, model.key, step)
        except CaseStateError:
            assert not (model.unexplained if step == "explain" else model.measures)
            assert step != "impose"
            return
        if step == "impose":
            model.owed.add("reasons")
            model.measures, model.unexplained = model.measures + 1, model.unexplained + 1
        elif step == "explain":
            model.owed.discard("reasons")
            model.unexplained = 0
        else:
            model.measures = model.unexplained = 0

    @rule(content=st.sampled_from(_CONTENTS))
    def appeal(self, content: str) -> None:
        if (model := self.models.get(content)) is not None:
            with self.database.writing() as session:
                receive_appeal(session, _SETTINGS, model.key, OTHER)
            model.appeals += 1

    @rule(
        content=st.sampled_from(_CONTENTS),
        answer=st.sampled_from([AppealState.UPHELD, AppealState.REVERSED, AppealState.WITHDRAWN]),
        actor=st.sampled_from([REVIEWER, OTHER, _THIRD]),
    )
    def answer(self, content: str, answer: AppealState, actor: Actor) -> None:
        if (model := self.models.get(content)) is None or not model.appeals:
            return
        with self.database.reading() as session:
            first = min(
                one.key
                for one in read_appeals(session, model.key)
                if one.state == AppealState.RECEIVED
            )
            result = session.get_one(Case, model.key).result
        try:
            with self.database.writing() as session:
                done = answer_appeal(
                    session, _SETTINGS, model.key, first, answer, actor, note="looked at"
                )
        except ForbiddenError:
            assert actor.name in (*model.deciders, model.proposed_by)
            return
        assert answer is AppealState.WITHDRAWN or actor.name not in model.deciders
        if done.needs_second_approval:
            model.proposed_by = actor.name
            return
        model.appeals -= 1
        if answer is AppealState.REVERSED:
            was_dismissed = result == "false_positive"
            action = CaseAction.REOPEN if was_dismissed else CaseAction.REVERSE
            expected = _leads(model.state, action)
            assert expected is not None
            if not was_dismissed:
                assert model.proposed_by not in ("", actor.name)
                model.deciders = (actor.name, model.proposed_by)
                model.owed.clear()
            else:
                model.is_notified = False
            model.state, model.proposed_by = expected, ""

    @rule(content=st.sampled_from(_CONTENTS), chosen=st.sampled_from(list(RetentionClass)))
    def retain(self, content: str, chosen: RetentionClass) -> None:
        if (model := self.models.get(content)) is not None:
            with self.database.writing() as session:
                retain(session, _SETTINGS, model.key, chosen, ADMINISTRATOR, note="a law")
            model.is_messaging = chosen is RetentionClass.MESSAGING
            model.is_kept = chosen is RetentionClass.REPORT

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
            goes = model.is_messaging or (days > 30 and is_done and not model.is_kept)
            if goes and not (model.is_held or model.appeals or model.key in waiting):
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
            with self.database.reading() as session:
                facts = view_case(session, model.key)
            owed = {one["duty"] for one in facts["deadlines"] if one["outcome"] == "open"}
            assert owed == model.owed
            in_force = [one for one in facts["measures"] if one["lifted_at"] is None]
            assert len(in_force) == model.measures
            waiting = [one for one in facts["appeals"] if one["state"] == "received"]
            assert len(waiting) == model.appeals
            assert (facts["retention"]["keep_until"] is not None) is model.is_kept
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
