"""Policies of a store in use, of which one came into force each month."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from hashmatch.store.schema import Base, PolicyChange, RecordedPolicy, utc_now

_POLICIES = 24
_MONTH = timedelta(days=30)


def _policies() -> Iterator[dict[str, Any]]:
    for key in range(1, _POLICIES + 1):
        moment = utc_now() - (_POLICIES - key) * _MONTH
        yield {
            "digest": f"{key:064}", "facts": '{"intake.level":"standard"}',
            "first_seen_at": moment, "last_seen_at": moment, "reason": "half-yearly review",
            "evaluation": "", "explained_by": "alice", "explained_at": moment,
        }  # fmt: skip


def _changes() -> Iterator[dict[str, Any]]:
    for key in range(1, _POLICIES + 1):
        moment = utc_now() - (_POLICIES - key) * _MONTH
        yield {
            "policy_key": key, "before_key": key - 1 if key > 1 else None, "changed_at": moment,
        }  # fmt: skip


POLICIES: tuple[tuple[type[Base], Callable[[], Iterator[dict[str, Any]]]], ...] = (
    (RecordedPolicy, _policies),
    (PolicyChange, _changes),
)
