"""Rows of a shared list for a store to measure: what consumers and exchanges have of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from hashmatch.store.schema import (
    Base,
    Consumer,
    ConsumerToken,
    Exchange,
    ExchangeCursor,
    ExchangeEntry,
    ExchangeItem,
    Publication,
    ReceivedFeedback,
    SendingState,
    SharedEntry,
    SharedList,
    utc_now,
)

_ENTRIES = 2_000


def _consumers() -> Iterator[dict[str, Any]]:
    for key in range(20):
        yield {
            "name": f"consumer-{key}", "lists": '["one"]', "categories": "[]", "members": "[]",
            "revision": 1,
        }  # fmt: skip


def _consumer_tokens() -> Iterator[dict[str, Any]]:
    for key in range(20):
        yield {"token_id": f"{key:012}", "consumer_key": 1 + key}


def _shared_lists() -> Iterator[dict[str, Any]]:
    yield {
        "list_key": 1, "generation": 0, "stage": "", "secret": (1).to_bytes(32),
        "next_key": 0, "next_id": "", "position": _ENTRIES,
    }  # fmt: skip


def _publications() -> Iterator[dict[str, Any]]:
    for key in range(1, _ENTRIES + 1):
        moment = utc_now() - timedelta(minutes=_ENTRIES - key)
        yield {"list_key": 1, "position": key, "published_at": moment}


def _shared() -> Iterator[dict[str, Any]]:
    for key in range(1, _ENTRIES + 1):
        moment = utc_now() - timedelta(minutes=_ENTRIES - key)
        yield {
            "list_key": 1, "entry_id": f"e{key}", "position": key, "first_position": key,
            "published_at": moment, "first_published_at": moment, "categories": '["A"]',
            "tags": "[]", "earlier": "[]",
        }  # fmt: skip


def _feedback() -> Iterator[dict[str, Any]]:
    for key in range(1, _ENTRIES + 1):
        yield {
            "list_key": 1, "entry_id": f"e{key}", "algorithm": "pdq", "consumer_key": 1 + key % 20,
            "is_affirmative": key % 2 == 0, "reason": "", "state": "accepted", "decided_by": "x",
        }  # fmt: skip


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


SHARING: tuple[tuple[type[Base], Callable[[], Iterator[dict[str, Any]]]], ...] = (
    (Consumer, _consumers), (ConsumerToken, _consumer_tokens), (SharedList, _shared_lists),
    (SharedEntry, _shared), (Publication, _publications), (ReceivedFeedback, _feedback),
    (Exchange, _exchanges), (ExchangeCursor, _cursors), (ExchangeEntry, _exchange_entries),
    (ExchangeItem, _exchange_items),
)  # fmt: skip
