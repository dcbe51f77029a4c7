"""Interface of escalation channels: one for each kind of target in `[escalations.NAME]`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from sqlalchemy.orm import Session

from hashmatch.config import EscalationSettings, Settings
from hashmatch.errors import InputError
from hashmatch.store.cases import find_merged_into, has_case, lock_case, read_case
from hashmatch.store.engine import Database, audit
from hashmatch.store.outbox import Message, queue_message
from hashmatch.store.schema import Case, utc_now

from ..actors import SYSTEM
from ..decisions import move
from ..opening import reopen
from ..states import CaseAction, State
from ..views import case_facts

ESCALATION = "escalation"
Target = TypeVar("Target")


def find_target(settings: Settings, name: str) -> EscalationSettings:
    """Return the settings of an escalation. Raises `InputError` where there is none of the name."""
    target = settings.escalations.get(name)
    if target is None:
        known = ", ".join(settings.escalations) or "none yet"
        raise InputError(
            f"there is no escalation named {name[:64]!r}",
            hint=f"The configuration has {known}; 'hashmatch config sample' shows how to add one.",
        )
    return target


class EscalationChannel(ABC, Generic[Target]):
    """Queues cases for one kind of target and sends them there.

    `message_kind` is the kind of its outbox messages, of which a sender leases `at_once`. Where it
    `is_owed`, a case is given back also where others know of it.
    """

    action: CaseAction
    message_kind: str
    at_once: int
    is_owed = False

    @abstractmethod
    def require_ready(self, settings: Settings, target: Target) -> None:
        """Raise `ConfigError` where this process could not send to the target."""

    def require_unsent(self, session: Session, row: Case, target: Target, *, again: bool) -> None:
        """Raise `CaseStateError` where the case must not be sent to the target, or not `again`."""

    @abstractmethod
    def queue(self, session: Session, row: Case, name: str, target: Target) -> None:
        """Queue a case that has just been moved, for the target of that name."""

    @abstractmethod
    def preview(
        self, session: Session, settings: Settings, row: Case, target: Target, *, with_details: bool
    ) -> str:
        """Return what would be sent of a case as text, its uploader only `with_details`."""

    @abstractmethod
    def find_case(self, session: Session, message: Message) -> int:
        """Return the case that a message is about."""

    @abstractmethod
    def send(
        self, database: Database, settings: Settings, target: Target, message: Message
    ) -> None:
        """Send a message. Raises `OutboxError`, `ConfigError` and `InputError`."""

    def give_up(self, session: Session, message: Message) -> None:
        """Give a case back to its reviewers whose message nobody will retry."""
        case = self.find_case(session, message)
        if not has_case(session, case):
            return
        row = lock_case(session, case)
        facts: dict[str, object] = {
            "to": message.target,
            "problem": message.problem,
            "next": self.next_step(session, message),
        }
        if row.notified_at is None or self.is_owed:
            move(session, row, CaseAction.UNDELIVERED, SYSTEM, facts)
            _give_back_live(session, row, facts)
        else:
            audit(session, "escalation.undelivered", row, facts)

    def next_step(self, session: Session, message: Message) -> str:
        """Return what a person does about a message that nobody will retry."""
        return (
            f"'hashmatch outbox retry {message.key}' once that is mended, or escalate it elsewhere"
        )


def _give_back_live(session: Session, row: Case, facts: dict[str, object]) -> None:
    """Give back the case that a case was merged into: nobody looks at the merged one."""
    into = find_merged_into(session, row)
    if into is None:
        return
    live, action = lock_case(session, into), CaseAction.UNDELIVERED
    if live.state in (State.FALSE_POSITIVE, State.REPORTED, State.CLOSED):
        action = CaseAction.REOPEN
        reopen(live, row.due_at)
    move(session, live, action, SYSTEM, {**facts, "merged": row.key})


class NotificationChannel(EscalationChannel[Target]):
    """Channel that notifies somebody who then works on the case."""

    action = CaseAction.ESCALATE
    message_kind = ESCALATION
    at_once = 5

    def queue(self, session: Session, row: Case, name: str, target: Target) -> None:
        """Queue a notification with the facts of the case, without its uploader."""
        body = _notification(session, row)
        subject = f"{ESCALATION}/{name}/case/{row.key}/{row.revision}"
        queue_message(session, ESCALATION, name, subject, body, case=row.key)

    def preview(
        self, session: Session, settings: Settings, row: Case, target: Target, *, with_details: bool
    ) -> str:
        """Return the notification; no details are ever in one."""
        return self.render(target, _notification(session, row))

    @abstractmethod
    def render(self, target: Target, body: Mapping[str, Any]) -> str:
        """Return a notification as its recipients get it."""

    def find_case(self, session: Session, message: Message) -> int:
        """Return the case of a notification."""
        return int(message.body["data"]["case"])

    def send(
        self, database: Database, settings: Settings, target: Target, message: Message
    ) -> None:
        """Send a notification and record it. Raises what `EscalationChannel.send` raises."""
        with database.reading() as session:
            case = self.find_case(session, message)
            if not has_case(session, case):
                raise InputError(f"case {case} was removed")
        refused = self.notify(settings, target, message)
        with database.writing() as session:
            row = lock_case(session, case)
            if row.notified_at is None and row.state == State.CONFIRMED:
                # It was given back before, and arrived after all.
                move(session, row, CaseAction.ESCALATE, SYSTEM, {"target": message.target})
            row.notified_at = row.notified_at or utc_now()
            facts = {"to": message.target, "message": message.key, "refused": refused}
            audit(session, "escalation.sent", row, facts)

    @abstractmethod
    def notify(self, settings: Settings, target: Target, message: Message) -> int:
        """Deliver a notification; returns the number of recipients that were refused."""


def _notification(session: Session, row: Case) -> dict[str, Any]:
    """Return the body of a notification: the facts of a case, without its uploader."""
    facts = case_facts(session, read_case(session, row.key))
    return {"type": "case.escalated", "timestamp": utc_now().isoformat(), "data": facts}
