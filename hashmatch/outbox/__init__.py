"""The outbox: what is told to others, once it is committed and until it arrived."""

from .sending import Send, send_due
from .webhooks import WEBHOOK, announcer, sign, webhook_senders

__all__ = ["WEBHOOK", "Send", "announcer", "send_due", "sign", "webhook_senders"]
