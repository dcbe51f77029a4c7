"""Escalation: cases queued with the decision, and sent until they are delivered."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from hashmatch.config import (
    CyberTiplineEscalation,
    EmailEscalation,
    EscalationSettings,
    NCAEscalation,
    Settings,
    WebhookEscalation,
)
from hashmatch.errors import ConfigError
from hashmatch.outbox import Sender
from hashmatch.store.cases import read_case
from hashmatch.store.engine import Database
from hashmatch.store.outbox import Message

from ..actors import Actor
from ..decisions import (
    ActionDone,
    add_note,
    begin_action,
    move,
    needs_second_approval,
    propose,
    require_unchanged,
)
from ..preserving import preservation_senders
from .cybertipline import CyberTiplineChannel, read_incident, retract, settle
from .email import EmailChannel
from .interface import EscalationChannel, find_target
from .nca import NCAChannel, earlier_references, read_nca_report, write_nca_report
from .nca_report import EarlierReference, keep_reference_until
from .webhook import WebhookChannel

# The channel of each kind of settings.
CHANNELS: Mapping[type, EscalationChannel[Any]] = {
    WebhookEscalation: WebhookChannel(),
    EmailEscalation: EmailChannel(),
    CyberTiplineEscalation: CyberTiplineChannel(),
    NCAEscalation: NCAChannel(),
}


def escalate(
    session: Session,
    settings: Settings,
    case: int,
    target_name: str,
    actor: Actor,
    *,
    note: str = "",
    revision: int | None = None,
    again: bool = False,
) -> ActionDone:
    """Escalate a case to `[escalations.NAME]`; the outbox sends it once this is committed.

    A report to NCMEC is sent once, unless it is needed `again`, and one to the NCA unless the case
    was reported abroad; under the four-eyes rule it needs
    a second approval. Raises what `decide` raises, and `ConfigError`.
    """
    target = find_target(settings, target_name)
    channel = CHANNELS[type(target)]
    if revision is not None:
        require_unchanged(session, case, revision)
    row = begin_action(session, case, channel.action, actor)
    if note.strip():
        add_note(session, case, note, actor)
    channel.require_unsent(session, row, target, again=again)
    if needs_second_approval(settings.cases, row, channel.action, actor, target_name):
        return propose(session, row, channel.action, actor, target_name)
    done = move(session, row, channel.action, actor, {"target": target_name})
    channel.queue(session, row, target_name, target)
    return done


def preview_escalation(
    session: Session, settings: Settings, case: int, target_name: str, *, with_details: bool = False
) -> str:
    """Return what an escalation would send of a case, as its recipient gets it.

    Raises `NotFoundError`, `InputError`, and `ConfigError`.
    """
    target = find_target(settings, target_name)
    row = read_case(session, case).row
    channel = CHANNELS[type(target)]
    return channel.preview(session, settings, row, target, with_details=with_details)


def case_senders(settings: Settings, database: Database) -> dict[str, Sender]:
    """Return the senders of escalations, reports and calls to the vault, by message kind."""
    require = partial(_require_target, settings)
    channels = {
        one.message_kind: Sender(
            partial(_send, database, settings), require, at_once=one.at_once, give_up=one.give_up
        )
        for one in CHANNELS.values()
    }
    return {**channels, **preservation_senders(settings, database)}


def _require_target(settings: Settings, name: str) -> EscalationSettings:
    """Return the target of a message. Raises `ConfigError` where it cannot be sent from here."""
    target = settings.escalations.get(name)
    if target is None:
        raise ConfigError(
            f"the configuration has no escalation {name}",
            hint="Restore it, or delete its messages with 'hashmatch outbox drop'.",
        )
    CHANNELS[type(target)].require_ready(settings, target)
    return target


def _send(database: Database, settings: Settings, message: Message) -> None:
    target = _require_target(settings, message.target)
    channel = CHANNELS[type(target)]
    if channel.message_kind != message.kind:
        raise ConfigError(f"escalations.{message.target} is now of another kind")
    channel.send(database, settings, target, message)


__all__ = [
    "EarlierReference",
    "case_senders",
    "earlier_references",
    "escalate",
    "keep_reference_until",
    "preview_escalation",
    "read_incident",
    "read_nca_report",
    "retract",
    "settle",
    "write_nca_report",
]
