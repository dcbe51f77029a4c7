"""Webhooks: signed notifications of matches to the platform's own systems.

The signature is that of Standard Webhooks (standardwebhooks.com): HMAC-SHA256 over id, time and
body, in base64.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from hashmatch.config import EndpointSettings, Settings, WebhookSettings, read_secret
from hashmatch.errors import ConfigError, OutboxError
from hashmatch.match_listener import NewMatches, RecordedMatch
from hashmatch.outcome import Action, Nearness
from hashmatch.store.lookups import LimitedEntry
from hashmatch.store.matches import ContentFacts, FloodingEntry
from hashmatch.store.opening import read_case_keys
from hashmatch.store.outbox import Message, NewMessage, queue_messages
from hashmatch.store.schema import utc_now
from hashmatch.wire import match_as_json

from .sending import Sender

WEBHOOK = "webhook"
_PREFIX = "whsec_"
# A message about a picture with thousands of matches has to stay one that receivers accept.
_MAX_MATCHES = 100
_STRENGTH = list(Action)


class WebhookNotifier:
    """Match listener that queues a notification of new matches for every webhook."""

    def __init__(self, webhooks: Mapping[str, WebhookSettings]) -> None:
        self._webhooks = webhooks

    def on_new_matches(self, session: Session, recorded: Sequence[NewMatches]) -> None:
        """Queue a message for each content item and webhook, in the transaction that records.

        It is about the case of the content, and is removed with it.
        """
        if not self._webhooks:
            return
        cases = read_case_keys(session, [one.content.content_id for one in recorded])
        messages = [
            _message(name, one.content, matches, cases.get(one.content.content_id))
            for one in recorded
            for name, webhook in self._webhooks.items()
            if (matches := _of_lists(one.matches, webhook.lists))
        ]
        if messages:
            queue_messages(session, messages)

    def on_flooding_entries(self, session: Session, entries: Sequence[FloodingEntry]) -> None:
        """Queue the notifications of entries that flood, one a day."""
        self._queue(
            session,
            {f"flooding/{one.entry_key}/{one.day}": (one, _flooding_body(one)) for one in entries},
        )

    def on_limited_entries(self, session: Session, entries: Sequence[LimitedEntry]) -> None:
        """Queue the notifications of entries that were looked up too much, one a day."""
        self._queue(
            session, {f"limited/{one.anchor_key}": (one, _limited_body(one)) for one in entries}
        )

    def _queue(
        self,
        session: Session,
        entries: Mapping[str, tuple[FloodingEntry | LimitedEntry, dict[str, Any]]],
    ) -> None:
        """Queue what is said of entries, by subject, for the webhooks that get their lists."""
        messages = [
            NewMessage(WEBHOOK, name, f"{WEBHOOK}/{name}/{subject}", body)
            for subject, (one, body) in entries.items()
            for name, webhook in self._webhooks.items()
            if not webhook.lists or one.list_name in webhook.lists
        ]
        if messages:
            queue_messages(session, messages)


def _of_lists(matches: Sequence[RecordedMatch], lists: Collection[str]) -> list[RecordedMatch]:
    """Return the matches of these lists, of all without any, the strongest first."""
    chosen = [one for one in matches if not lists or one.match.list_name in lists]
    return sorted(chosen, key=_rank)


def _rank(one: RecordedMatch) -> tuple[int, bool, int, int]:
    """Return the order of matches: by action, then by nearness, distance and key."""
    match = one.match
    is_near = match.nearness is Nearness.NEAR
    return -_STRENGTH.index(one.action), is_near, match.distance_bits, int(match.match_id)


def _message(
    name: str, content: ContentFacts, matches: Sequence[RecordedMatch], case: int | None
) -> NewMessage:
    """Return the message about new matches of a content item, of which the first is strongest."""
    first = matches[0]
    # A match is new once with each nearness and action, and so is the message that it is first in:
    # recorded again, it is the same message.
    subject = f"{WEBHOOK}/{name}/{first.match.nearness}/{first.action}/{first.match.match_id}"
    return NewMessage(WEBHOOK, name, subject, _body(content, matches), case)


def _limited_body(entry: LimitedEntry) -> dict[str, Any]:
    return {
        "type": "entry.limited",
        "timestamp": utc_now().isoformat(timespec="seconds"),
        "data": {
            "list": entry.list_name,
            "entry_id": entry.entry_id,
            "algorithm": entry.algorithm,
            "day": entry.day.isoformat(),
            "lookups": entry.lookups,
        },
    }


def _flooding_body(entry: FloodingEntry) -> dict[str, Any]:
    return {
        "type": "entry.flooding",
        "timestamp": utc_now().isoformat(timespec="seconds"),
        "data": {
            "list": entry.list_name,
            "entry_id": entry.entry_id,
            "algorithm": entry.algorithm,
            "day": entry.day.isoformat(),
            "contents": entry.contents,
        },
    }


def _body(content: ContentFacts, matches: Sequence[RecordedMatch]) -> dict[str, Any]:
    first = matches[0]
    return {
        "type": "match.recorded",
        "timestamp": utc_now().isoformat(timespec="seconds"),
        "data": {
            "content_id": content.content_id,
            "reference": content.reference,
            "action": first.action,
            "match": match_as_json(first.match),
            "matches": [match_as_json(one.match) for one in matches[:_MAX_MATCHES]],
            "matches_total": len(matches),
        },
    }


def webhook_senders(settings: Settings) -> dict[str, Sender]:
    """Return the sender of webhook messages."""
    return {WEBHOOK: Sender(partial(_send, settings), partial(_require_webhook, settings))}


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a message.

    A secret that begins with `whsec_` is base64 after that; any other is used as it is. Raises
    `ConfigError` for an invalid one.
    """
    try:
        is_encoded = secret.startswith(_PREFIX)
        key = base64.b64decode(secret[len(_PREFIX) :], validate=True) if is_encoded else None
    except ValueError as error:
        raise ConfigError("the secret of a webhook is not base64 after whsec_") from error
    # HMAC accepts an empty key, with which anybody could sign.
    if key == b"":
        raise ConfigError("the secret of a webhook is empty after whsec_")
    signed = f"{message_id}.{timestamp}.".encode() + body
    mac = hmac.new(secret.encode() if key is None else key, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(mac).decode()}"


def require_signing(endpoint: EndpointSettings) -> str:
    """Return the secret that signs messages. Raises `ConfigError` if it is missing or invalid."""
    secret = read_secret(endpoint.secret)
    # Signing is the test of a secret.
    sign(secret, "", 0, b"")
    return secret


def post_signed(
    endpoint: EndpointSettings,
    private_hosts: Collection[str],
    message: Message,
    body: Mapping[str, Any],
) -> None:
    """Post a signed body once. Raises `OutboxError` unless it was accepted."""
    # Imported here, since queueing does not need the HTTP client.
    from hashmatch.outbound import send_request

    secret, content = require_signing(endpoint), json.dumps(dict(body), ensure_ascii=False).encode()
    message_id, timestamp = f"msg_{message.key}", int(time.time())
    answer = send_request(
        "POST",
        endpoint.url,
        timeout_s=endpoint.timeout_s,
        private_hosts=private_hosts,
        content=content,
        headers={
            "Content-Type": "application/json",
            "Webhook-Id": message_id,
            "Webhook-Timestamp": str(timestamp),
            "Webhook-Signature": sign(secret, message_id, timestamp, content),
        },
    )
    host = urlsplit(endpoint.url).hostname
    if 300 <= answer.status < 400:
        raise OutboxError(f"{host}: it answered with a redirect, which is not followed")
    if not 200 <= answer.status < 300:
        raise OutboxError(f"{host}: it answered with status {answer.status}")


def _send(settings: Settings, message: Message) -> None:
    webhook = _require_webhook(settings, message.target)
    post_signed(webhook, settings.outbox.private_hosts, message, message.body)


def _require_webhook(settings: Settings, name: str) -> WebhookSettings:
    webhook = settings.webhooks.get(name)
    if webhook is None:
        raise ConfigError(
            f"the configuration has no webhook {name}",
            hint="Restore it, or delete its messages with 'hashmatch outbox drop'.",
        )
    require_signing(webhook)
    return webhook
