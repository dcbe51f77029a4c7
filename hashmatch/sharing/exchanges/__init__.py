"""Exchanges: others that entries of lists are sent to, and withdrawn from."""

from .facts import exchange_facts, resend, unsent_facts
from .opening import open_exchange
from .sending import Sent, send_to_exchange

__all__ = [
    "Sent",
    "exchange_facts",
    "open_exchange",
    "resend",
    "send_to_exchange",
    "unsent_facts",
]
