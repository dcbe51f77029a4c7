"""Webhooks: the platform's own systems are told of every match, signed as Standard Webhooks asks.

The signature is that of standardwebhooks.com: HMAC-SHA256 over id, time and body, in base64.
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
from hashmatch.outcome import Action, Match, match_as_json
from hashmatch.store.matches import ContentFacts
from hashmatch.store.outbox import Message, queue_message
from hashmatch.store.schema import utc_now

from .sending import Sender

WEBHOOK = "webhook"
_PREFIX = "whsec_"


def announcer(
    settings: Settings,
    session: Session,
    content: ContentFacts,
    matches: Sequence[tuple[Match, Action]],
) -> None:
    """Queue what every webhook is to be told of these matches, once for each match."""
    for name, webhook in settings.webhooks.items():
        for match, action in matches:
            if not webhook.lists or match.list_name in webhook.lists:
                body = {
                    "type": "match.recorded",
                    "timestamp": utc_now().isoformat(timespec="seconds"),
                    "data": {
                        "content_id": content.content_id,
                        "reference": content.reference,
                        "action": action,
                        "match": match_as_json(match),
                    },
                }
                subject = f"{WEBHOOK}/{name}/match/{match.match_id}"
                queue_message(session, WEBHOOK, name, subject, body)


def webhook_senders(settings: Settings) -> dict[str, Sender]:
    """Return what sends webhooks."""
    return {WEBHOOK: Sender(partial(_send, settings), partial(_require_webhook, settings))}


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a message.

    A secret that begins with `whsec_` is base64 after that, any other is taken as it is. Raises
    `ConfigError`.
    """
    try:
        is_encoded = secret.startswith(_PREFIX)
        key = base64.b64decode(secret[len(_PREFIX) :], validate=True) if is_encoded else None
    except ValueError as error:
        raise ConfigError("a webhook's secret begins with whsec_ and is not base64") from error
    if key == b"":
        raise ConfigError("a webhook's secret is empty after whsec_")
    signed = f"{message_id}.{timestamp}.".encode() + body
    mac = hmac.new(secret.encode() if key is None else key, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(mac).decode()}"


def require_signing(endpoint: EndpointSettings) -> str:
    """Return the secret that messages are signed with. Raises `ConfigError` where none will do."""
    secret = read_secret(endpoint.secret)
    sign(secret, "", 0, b"")
    return secret


def post_signed(
    endpoint: EndpointSettings,
    private_hosts: Collection[str],
    message: Message,
    body: Mapping[str, Any],
) -> None:
    """Post a body once, signed; raise `OutboxError` unless the answer takes it."""
    # Whoever only queues does not need the web client.
    from hashmatch.outbound import ask

    secret, content = require_signing(endpoint), json.dumps(dict(body), ensure_ascii=False).encode()
    message_id, timestamp = f"msg_{message.key}", int(time.time())
    answer = ask(
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
        raise OutboxError(f"{host}: it redirects, which is not followed")
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
            hint="Put it back, or let 'hashmatch outbox drop' forget its messages.",
        )
    require_signing(webhook)
    return webhook
