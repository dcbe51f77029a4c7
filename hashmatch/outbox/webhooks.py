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
from hashmatch.match_listener import RecordedMatch
from hashmatch.store.matches import ContentFacts, FloodingEntry, find_case_key
from hashmatch.store.outbox import Message, queue_message
from hashmatch.store.schema import utc_now
from hashmatch.wire import match_as_json

from .sending import Sender

WEBHOOK = "webhook"
_PREFIX = "whsec_"


class WebhookNotifier:
    """Match listener that queues a notification of every new match for every webhook."""

    def __init__(self, webhooks: Mapping[str, WebhookSettings]) -> None:
        self._webhooks = webhooks

    def on_new_matches(
        self, session: Session, content: ContentFacts, matches: Sequence[RecordedMatch]
    ) -> None:
        """Queue the notifications, in the transaction that records the matches.

        They are about the case of the content, and are removed with it.
        """
        if not self._webhooks:
            return
        case = find_case_key(session, int(matches[0].match.match_id))
        for name, webhook in self._webhooks.items():
            for one in matches:
                if not webhook.lists or one.match.list_name in webhook.lists:
                    # The subject makes it one message, even where the match is recorded again; one
                    # that was near and is within the threshold now is another.
                    subject = f"{WEBHOOK}/{name}/{one.match.nearness}/{one.match.match_id}"
                    queue_message(session, WEBHOOK, name, subject, _body(content, one), case=case)

    def on_flooding_entry(self, session: Session, entry: FloodingEntry) -> None:
        """Queue the notifications of an entry that floods, one a day."""
        for name, webhook in self._webhooks.items():
            if not webhook.lists or entry.list_name in webhook.lists:
                subject = f"{WEBHOOK}/{name}/flooding/{entry.entry_key}/{entry.day}"
                queue_message(session, WEBHOOK, name, subject, _flooding_body(entry))


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


def _body(content: ContentFacts, one: RecordedMatch) -> dict[str, Any]:
    return {
        "type": "match.recorded",
        "timestamp": utc_now().isoformat(timespec="seconds"),
        "data": {
            "content_id": content.content_id,
            "reference": content.reference,
            "action": one.action,
            "match": match_as_json(one.match),
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
