"""Appeals: complaints about the decision of a case, answered by somebody who did not make it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy.orm import Session

from hashmatch.config import Settings
from hashmatch.errors import CaseStateError, ForbiddenError, InputError
from hashmatch.store.duties import add_duty, lock_duty, read_appeals
from hashmatch.store.engine import audit, read_history
from hashmatch.store.schema import (
    AppealState,
    Case,
    CaseAppeal,
    ReviewResult,
    utc_moment,
    utc_now,
)

from .actors import Actor
from .decisions import (
    ActionDone,
    add_reason,
    begin_action,
    checked_text,
    end_confirmation,
    move,
    needs_second_approval,
    propose,
)
from .opening import due_again, reopen
from .states import CaseAction

_DECISIONS = frozenset(
    {f"case.{one}" for one in (CaseAction.CONFIRM, CaseAction.DISMISS, CaseAction.REVERSE)}
)


class Channel(StrEnum):
    """Way by which an appeal comes."""

    INTERNAL = "internal"
    OUT_OF_COURT = "out_of_court"
    COURT = "court"


class Appellant(StrEnum):
    """Party that appeals."""

    UPLOADER = "uploader"
    NOTIFIER = "notifier"
    OTHER = "other"


# What an answer says: the appeal is not received any more.
ANSWERS = tuple(one for one in AppealState if one is not AppealState.RECEIVED)


def receive_appeal(
    session: Session,
    settings: Settings,
    case: int,
    actor: Actor,
    *,
    channel: Channel = Channel.INTERNAL,
    appellant: Appellant = Appellant.UPLOADER,
    grounds: str = "",
    received_at: datetime | None = None,
) -> ActionDone:
    """Record an appeal against the decision of a case, due after `cases.appeal_hours`.

    Raises what `decide` raises.
    """
    row = begin_action(session, case, CaseAction.APPEAL, actor)
    at = utc_now() if received_at is None else utc_moment(received_at)
    if at > utc_now() + timedelta(minutes=5):
        raise InputError("an appeal was received in the past")
    new = CaseAppeal(
        case_key=case,
        channel=channel,
        appellant=appellant,
        received_at=at,
        due_at=at + timedelta(hours=settings.cases.appeal_hours),
        grounds=checked_text(grounds, "the grounds"),
        state=AppealState.RECEIVED,
    )
    add_duty(session, new)
    audit(session, "case.appeal", new, {"case": case, "actor": actor.name})
    return move(session, row, CaseAction.APPEAL, actor, {"appeal": new.key})


def answer_appeal(
    session: Session,
    settings: Settings,
    case: int,
    appeal: int,
    answer: AppealState,
    actor: Actor,
    *,
    note: str,
) -> ActionDone:
    """Answer an appeal, with the reason.

    Reversed, a case that was not dismissed becomes a false positive, which under the four-eyes rule
    needs a second approval; one that was is to be decided about again. Raises what `decide` raises,
    and `ForbiddenError` where the actor took part in the decision.
    """
    if answer not in ANSWERS:
        raise InputError(f"an answer is one of {', '.join(ANSWERS)}")
    row = begin_action(session, case, CaseAction.ANSWER, actor)
    found = lock_duty(session, CaseAppeal, case, appeal)
    if found.state != AppealState.RECEIVED:
        raise CaseStateError(f"appeal {appeal} of case {case} was answered: {found.state}")
    if settings.cases.appeals_by_another and answer is not AppealState.WITHDRAWN:
        _require_another(session, row, actor)
    add_reason(session, row, actor, note)
    action = CaseAction.ANSWER
    if answer is AppealState.REVERSED:
        action = _reversal(row)
        begin_action(session, case, action, actor)
        target = f"appeal {appeal}"
        if action is CaseAction.REVERSE and needs_second_approval(
            settings.cases, row, action, actor, target
        ):
            return propose(session, row, action, actor, target)
    found.state, found.decided_at, found.decided_by = answer, utc_now(), actor.name
    facts: dict[str, object] = {"appeal": appeal, "answer": answer}
    audit(session, "case.appeal", found, {"case": case, "actor": actor.name, "answer": answer})
    if action is CaseAction.REVERSE:
        end_confirmation(session, case, actor, "an appeal reversed the decision")
    elif action is CaseAction.REOPEN:
        reopen(row, due_again(settings.cases, session, row))
    return move(session, row, action, actor, facts)


def open_appeal(session: Session, case: int) -> int:
    """Return the appeal of a case that waits for an answer. Raises `CaseStateError`."""
    found = [one.key for one in read_appeals(session, case) if one.state == AppealState.RECEIVED]
    if len(found) != 1:
        numbers = ", ".join(map(str, found)) or "none"
        raise CaseStateError(
            f"case {case} has several or no appeals that wait: {numbers}",
            hint="Choose one with --appeal.",
        )
    return found[0]


def _reversal(row: Case) -> CaseAction:
    """Return what reversing the decision of a case means."""
    dismissed = row.result == ReviewResult.FALSE_POSITIVE
    return CaseAction.REOPEN if dismissed else CaseAction.REVERSE


def _require_another(session: Session, row: Case, actor: Actor) -> None:
    for name in _deciders(session, row):
        if actor.is_same(name):
            raise ForbiddenError(
                f"case {row.key}: somebody other than {name} has to answer the appeal",
                hint="cases.appeals_by_another asks for that.",
            )


def _deciders(session: Session, row: Case) -> Iterator[str]:
    """Yield who took part in the last decision of a case, if any was made."""
    for one in reversed(read_history(session, row)):
        if one.action in _DECISIONS:
            facts = json.loads(one.facts)
            yield from (str(facts[name]) for name in ("actor", "proposed_by") if name in facts)
            return
