"""The outbox: what is told to others, once it is committed and until it arrived."""

from .sending import Sender, Sent, send_due
from .webhooks import (
    WEBHOOK,
    announcer,
    post_signed,
    require_signing,
    sign,
    webhook_senders,
)

__all__ = [
    "WEBHOOK",
    "Sender",
    "Sent",
    "announcer",
    "post_signed",
    "require_signing",
    "send_due",
    "sign",
    "webhook_senders",
]
