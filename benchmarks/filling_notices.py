"""Notices of a filled store: years of requests, most of them closed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from hashmatch.store.schema import Base, Notice, NoticeContact, NoticeItem, utc_now

_REQUESTS = 6_000
_OUTCOMES = ("removed", "removed", "refused", "duplicate", "withdrawn")


def _notices() -> Iterator[dict[str, Any]]:
    for key in range(1, _REQUESTS + 1):
        received_at = utc_now() - timedelta(hours=2 * (_REQUESTS - key))
        due_at = received_at + timedelta(hours=48)
        is_closed = key % 20 > 1
        state = _OUTCOMES[key % 5] if is_closed else ("valid", "incomplete")[key % 2]
        yield {
            "request_id": f"NR-{key:04}", "reference": f"form/{key}", "fingerprint": "x",
            "state": state, "received_at": received_at, "completed_at": received_at,
            "due_at": due_at, "placed_at": due_at, "has_signature": True,
            "has_identification": True, "has_good_faith": True, "has_contact": True,
            "has_standing": False, "closed_at": due_at if is_closed else None, "reason": "",
            "closed_by": "alice", "note": "",
        }  # fmt: skip


def _items() -> Iterator[dict[str, Any]]:
    for key in range(1, _REQUESTS + 1):
        for place in range(2):
            yield {"notice_key": key, "content_id": f"post/{key + place}", "url": None}


def _contacts() -> Iterator[dict[str, Any]]:
    for key in range(1, _REQUESTS + 1):
        yield {"notice_key": key, "key_id": "k1", "sealed": "x"}


NOTICES: tuple[tuple[type[Base], Callable[[], Iterator[dict[str, Any]]]], ...] = (
    (Notice, _notices),
    (NoticeItem, _items),
    (NoticeContact, _contacts),
)
