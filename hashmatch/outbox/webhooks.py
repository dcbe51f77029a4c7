"""Webhooks: the platform's own systems are told of every match, signed as Standard Webhooks asks.

The signature is that of standardwebhooks.com: HMAC-SHA256 over id, time and body, in base64.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import ssl
import time
from collections.abc import Sequence
from functools import partial

from sqlalchemy.orm import Session

from hashmatch import __version__
from hashmatch.config import Settings, WebhookSettings, read_secret
from hashmatch.errors import ConfigError, OutboxError
from hashmatch.outcome import Action, Match, match_as_json
from hashmatch.store import ContentFacts, Message, queue_message, utc_now

from .sending import Send

WEBHOOK = "webhook"
_PREFIX = "whsec_"


def announcer(
    settings: Settings,
    session: Session,
    content: ContentFacts,
    matches: Sequence[Match],
    actions: Sequence[Action],
) -> None:
    """Queue what every webhook is to be told of these matches, once for each match."""
    for name, webhook in settings.webhooks.items():
        for match, action in zip(matches, actions, strict=True):
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


def webhook_senders(settings: Settings) -> dict[str, Send]:
    """Return what sends webhooks."""
    return {WEBHOOK: partial(_send, settings)}


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
    signed = f"{message_id}.{timestamp}.".encode() + body
    mac = hmac.new(secret.encode() if key is None else key, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(mac).decode()}"


def _send(settings: Settings, message: Message) -> None:
    webhook = settings.webhooks.get(message.target)
    if webhook is None:
        raise OutboxError(
            f"the configuration has no webhook {message.target} any more",
            hint="Put it back, or leave the message to die.",
        )
    body = json.dumps(dict(message.body), ensure_ascii=False).encode()
    message_id, timestamp = f"msg_{message.key}", int(time.time())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"hashmatch/{__version__}",
        "Webhook-Id": message_id,
        "Webhook-Timestamp": str(timestamp),
        "Webhook-Signature": sign(read_secret(webhook.secret), message_id, timestamp, body),
    }
    _post(webhook, settings.outbox.private_hosts, body, headers)


def _post(
    webhook: WebhookSettings, private_hosts: Sequence[str], body: bytes, headers: dict[str, str]
) -> None:
    """Post a body once and raise `OutboxError` unless the answer takes it; follows no redirect."""
    # Whoever only queues does not need the web client.
    import httpx

    from .addresses import find_address

    # They write whole addresses to the log.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        url = httpx.URL(webhook.url)
    except httpx.InvalidURL as error:
        raise OutboxError("the webhook's url is none") from error
    address = find_address(url, private_hosts)
    try:
        with (
            httpx.Client(timeout=webhook.timeout_s, trust_env=False) as client,
            client.stream(
                "POST",
                url.copy_with(host=address),
                content=body,
                headers={**headers, "Host": url.netloc.decode()},
                # The certificate has to be the host's, not the address's.
                extensions={"sni_hostname": url.host},
            ) as response,
        ):
            status = response.status_code
    except (httpx.HTTPError, ssl.SSLError) as error:
        raise OutboxError(f"{url.host}: nothing arrived ({type(error).__name__})") from error
    if response.has_redirect_location:
        raise OutboxError(f"{url.host}: it redirects, which is not followed")
    if not response.is_success:
        raise OutboxError(f"{url.host}: it answered with status {status}")
