"""Escalation by webhook: a signed POST with the case."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hashmatch.config import Settings, WebhookEscalation
from hashmatch.outbox import post_signed, require_signing
from hashmatch.store.outbox import Message

from .interface import NotificationChannel


class WebhookChannel(NotificationChannel[WebhookEscalation]):
    """Notifies a system of the platform's own."""

    def require_ready(self, settings: Settings, target: WebhookEscalation) -> None:
        """Raise `ConfigError` where messages could not be signed."""
        require_signing(target)

    def notify(self, settings: Settings, target: WebhookEscalation, message: Message) -> int:
        """Post the case. Raises `OutboxError`."""
        post_signed(target, settings.outbox.private_hosts, message, message.body)
        return 0

    def render(self, target: WebhookEscalation, body: Mapping[str, Any]) -> str:
        """Return the body of the request."""
        return json.dumps(body, indent=2, ensure_ascii=False)
