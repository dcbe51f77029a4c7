"""Preservation of content by the platform: signed calls to its own vault, each at least once.

hashmatch keeps no imagery, and laws want it preserved. What the vault is to do follows from the
case: it holds what was confirmed, and destroys what was dismissed, what has expired, and what is of
a case that retention removed. Calls are queued in the transaction that found the reason, and
numbered for each case, so that a vault knows the newest of two that overtook each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from hashmatch.config import Settings, VaultSettings
from hashmatch.errors import CaseStateError, ConfigError
from hashmatch.outbox import Sender, post_signed, require_signing
from hashmatch.store.cases import has_case, lock_case, read_case_contents
from hashmatch.store.engine import Database, audit
from hashmatch.store.outbox import Message, NewMessage, queue_messages
from hashmatch.store.preservation import (
    end_preservation_checks,
    find_preservation,
    find_retention,
    note_delivered,
    read_preservation_checks,
    read_preserved,
    save_preservation,
)
from hashmatch.store.schema import (
    Case,
    CasePreservation,
    PreservationState,
    RetentionClass,
    ReviewResult,
    utc_now,
)

from .actors import Actor
from .decisions import ActionDone, add_reason, begin_action, move
from .keeping import retention_class_of, set_class
from .states import CaseAction, State

PRESERVATION = "preservation"
_TARGET = "vault"
_CASES_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class _Wanted:
    """State of content in the vault that a case asks for, and why."""

    state: PreservationState
    reason: str
    until: datetime | None = None


def retain(
    session: Session,
    settings: Settings,
    case: int,
    retention_class: RetentionClass,
    actor: Actor,
    *,
    note: str,
) -> ActionDone:
    """Set the retention class of a case, for a reason.

    That of a report keeps it from now on for `retention.report_days`. Raises what `decide` raises.
    """
    row = begin_action(session, case, CaseAction.RETAIN, actor)
    add_reason(session, row, actor, note)
    saved = set_class(session, settings, case, retention_class, utc_now())
    audit(session, "case.retention", saved, {"class": retention_class, "actor": actor.name})
    return move(session, row, CaseAction.RETAIN, actor, {"class": retention_class})


def destroy(
    session: Session, settings: Settings, case: int, actor: Actor, *, note: str
) -> ActionDone:
    """Have the vault destroy the content of a case now, as an authority asked for.

    Raises what `decide` raises, and `ConfigError` without a vault.
    """
    row = begin_action(session, case, CaseAction.DESTROY, actor)
    if settings.cases.vault is None:
        raise ConfigError(
            "no vault is configured", hint="'hashmatch config sample' shows a [cases.vault]."
        )
    if row.legal_hold:
        raise CaseStateError(
            f"case {case} is under a legal hold", hint="'hashmatch cases hold' releases it."
        )
    add_reason(session, row, actor, note)
    _call(session, row, _Wanted(PreservationState.DESTROYED, "ordered"))
    return move(session, row, CaseAction.DESTROY, actor, {})


def queue_preservations(database: Database, settings: Settings) -> None:
    """Queue the calls to the vault that changed cases ask for. Raises `StoreError`.

    Several processes may do this at once. Without a vault, what changed waits until there is one.
    """
    vault = settings.cases.vault
    if vault is None:
        return
    earlier: list[int] = []
    while True:
        with database.reading() as session:
            cases = read_preservation_checks(session, now=utc_now(), limit=_CASES_AT_ONCE)
        if cases == earlier:
            return
        for case in cases:
            with database.writing() as session:
                _look_at(session, settings, vault, case)
        earlier = cases


def _look_at(session: Session, settings: Settings, vault: VaultSettings, case: int) -> None:
    """Queue what a case asks of the vault, if it is another than what it was asked last."""
    if not has_case(session, case):
        end_preservation_checks(session, [case])
        return
    row = lock_case(session, case)
    end_preservation_checks(session, [case])
    last = find_preservation(session, case)
    # What was merged into another case is evidence of that.
    wanted = None if row.content_id is None else _wanted(session, settings, vault, row, last)
    if wanted is not None and _is_new(wanted, last):
        _call(session, row, wanted)


def _is_new(wanted: _Wanted, last: CasePreservation | None) -> bool:
    """Say whether the vault has to be called, after what it was asked last."""
    if wanted.state is not PreservationState.PRESERVED:
        return last is not None and last.state == PreservationState.PRESERVED
    if last is None:
        return True
    return (last.state, last.reason, last.until) != (wanted.state, wanted.reason, wanted.until)


def _wanted(
    session: Session,
    settings: Settings,
    vault: VaultSettings,
    row: Case,
    last: CasePreservation | None,
) -> _Wanted | None:
    """Return what a case asks of the vault now; None where that is nothing new."""
    if row.legal_hold:
        return _Wanted(PreservationState.PRESERVED, "legal_hold")
    if last is not None and last.state == PreservationState.DESTROYED:
        return None
    if row.result == ReviewResult.FALSE_POSITIVE:
        return _Wanted(PreservationState.RELEASED, "false_positive")
    until = _until(session, settings, row)
    if until is not None and until <= utc_now():
        return _Wanted(PreservationState.RELEASED, "expired")
    is_preserved = last is not None and last.state == PreservationState.PRESERVED
    if row.result == ReviewResult.CONFIRMED:
        return _Wanted(PreservationState.PRESERVED, "confirmed", until)
    if is_preserved or vault.hold_on == "opened":
        return _Wanted(PreservationState.PRESERVED, "suspected", until)
    return None


def _until(session: Session, settings: Settings, row: Case) -> datetime | None:
    """Return when the content of a case is to be destroyed; None as long as it is worked on."""
    if retention_class_of(session, settings.cases, row.key) is RetentionClass.MESSAGING:
        return row.opened_at + timedelta(days=settings.retention.messaging_days)
    own = find_retention(session, row.key)
    return None if own is None or row.state != State.CLOSED else own.keep_until


def _call(session: Session, row: Case, wanted: _Wanted) -> None:
    saved = save_preservation(session, row.key, wanted.state, wanted.reason, wanted.until)
    audit(session, "case.preservation", saved, {"state": saved.state, "reason": saved.reason})
    references = [one.reference for one in read_case_contents(session, row) if one.reference]
    queue_messages(session, [_message(row.content_id or "", references, saved, row.key)])


def _message(
    content_id: str, references: Sequence[str], saved: CasePreservation, case: int | None
) -> NewMessage:
    call = "hold" if saved.state == PreservationState.PRESERVED else "destroy"
    data = {
        "case": saved.case_key,
        "content_id": content_id,
        "references": list(dict.fromkeys(references)),
        "sequence": saved.sequence,
        "reason": saved.reason,
        "until": None if saved.until is None else saved.until.isoformat(),
    }
    body = {"type": f"{PRESERVATION}.{call}", "timestamp": utc_now().isoformat(), "data": data}
    subject = f"{PRESERVATION}/{saved.case_key}/{saved.sequence}"
    return NewMessage(PRESERVATION, _TARGET, subject, body, case)


def release_removed(session: Session, cases: Sequence[Any]) -> None:
    """Queue that the vault destroys what it holds of cases that are removed now.

    Each has a `key` and its `content_id`. The calls are not removed with them.
    """
    names = {one.key: one.content_id for one in cases}
    preserved = read_preserved(session, list(names))
    queue_messages(session, list(_of_removed(names, preserved)))


def _of_removed(
    names: dict[int, str | None], preserved: Sequence[CasePreservation]
) -> Iterator[NewMessage]:
    for one in preserved:
        gone = CasePreservation(
            case_key=one.case_key,
            sequence=one.sequence + 1,
            state=PreservationState.RELEASED,
            reason="removed",
            until=None,
        )
        yield _message(names[one.case_key] or "", (), gone, None)


def preservation_senders(settings: Settings, database: Database) -> dict[str, Sender]:
    """Return the sender of calls to the vault."""
    return {
        PRESERVATION: Sender(
            partial(_send, database, settings), lambda _: _require_vault(settings), give_up=_give_up
        )
    }


def _require_vault(settings: Settings) -> VaultSettings:
    vault = settings.cases.vault
    if vault is None:
        raise ConfigError(
            "the configuration has no vault",
            hint="Restore [cases.vault], or delete its messages with 'hashmatch outbox drop'.",
        )
    require_signing(vault)
    return vault


def _send(database: Database, settings: Settings, message: Message) -> None:
    vault, data = _require_vault(settings), message.body["data"]
    post_signed(vault, settings.outbox.private_hosts, message, message.body)
    with database.writing() as session:
        row = note_delivered(session, int(data["case"]), int(data["sequence"]))
        if row is not None:
            facts = {"sequence": data["sequence"], "message": message.key}
            audit(session, "case.preservation_accepted", row, facts)


def _give_up(session: Session, message: Message) -> None:
    """Record that nobody will retry a call: 'hashmatch outbox retry' does, once it is mended."""
    data = message.body["data"]
    row = find_preservation(session, int(data["case"]))
    facts = {"sequence": data["sequence"], "problem": message.problem, "message": message.key}
    audit(session, "case.preservation_undelivered", row, facts)
