"""Rows of exchanges for a store to measure: what they have of a list, and what was refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from hashmatch.store.schema import (
    Base,
    Exchange,
    ExchangeCursor,
    ExchangeEntry,
    ExchangeItem,
    SendingState,
)

_ENTRIES = 2_000


def _exchanges() -> Iterator[dict[str, Any]]:
    for name in ("there", "elsewhere"):
        yield {"name": name, "leased_by": "", "problem": "", "failures": 0}


def _cursors() -> Iterator[dict[str, Any]]:
    for name in ("there", "elsewhere"):
        yield {"exchange": name, "list_key": 1, "position": _ENTRIES - 100, "conditions": "x"}


def _exchange_entries() -> Iterator[dict[str, Any]]:
    for key in range(1, _ENTRIES + 1):
        is_refused = key % 500 == 0
        yield {
            "exchange": "there", "list_key": 1, "entry_id": f"e{key}", "position": key,
            "state": SendingState.REFUSED if is_refused else SendingState.SENT, "attempts": 0,
            "next_attempt_at": None, "problem": "",
        }  # fmt: skip


def _exchange_items() -> Iterator[dict[str, Any]]:
    for key in range(1, _ENTRIES + 1):
        yield {
            "exchange": "there", "list_key": 1, "entry_id": f"e{key}", "algorithm": "pdq",
            "value": key.to_bytes(32), "remote_id": f"{key}", "sent_digest": "x",
        }  # fmt: skip


EXCHANGES: tuple[tuple[type[Base], Callable[[], Iterator[dict[str, Any]]]], ...] = (
    (Exchange, _exchanges), (ExchangeCursor, _cursors), (ExchangeEntry, _exchange_entries),
    (ExchangeItem, _exchange_items),
)  # fmt: skip
