"""Outbox: notifications to other systems, sent once committed and until delivered."""

from .sending import Sender, Sent, send_due
from .webhooks import (
    WEBHOOK,
    WebhookNotifier,
    post_signed,
    require_signing,
    sign,
    webhook_senders,
)

__all__ = [
    "WEBHOOK",
    "Sender",
    "Sent",
    "WebhookNotifier",
    "post_signed",
    "require_signing",
    "send_due",
    "sign",
    "webhook_senders",
]
