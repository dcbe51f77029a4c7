"""Unsupported hashes become entries once they are supported, whoever else is at work."""

from __future__ import annotations

import itertools
import random
import time
from types import SimpleNamespace
from typing import Any

import pytest

from hashmatch.errors import SyncLeaseError
from hashmatch.lists import ImportSummary, promote_supported, promoting
from hashmatch.lists.importing import apply_delivery
from hashmatch.store.engine import Database
from hashmatch.store.lists import (
    count_active_entries,
    count_unsupported,
    find_list,
    lease_sync,
    release_sync,
)
from hashmatch.store.lists.figures import change_figures
from hashmatch.store.schema import UnsupportedHash
from tests.store.importing import import_text

VALUE = random.Random(1).randbytes(32).hex()


def _hold(database: Database, value: str) -> None:
    """Put a hash into the list "one", as it was stored when nothing supported PDQ."""
    import_text(database, "one", f"algorithm,value,entry_id\nmd5,{'1' * 32},e1\n")
    with database.writing() as session:
        row = find_list(session, "one")
        session.add(
            UnsupportedHash(
                list_key=row.key, algorithm="pdq", value=value, entry_id="e1", category="A",
                tags="[]", added_at="", note="", added_generation=row.generation,
            )
        )  # fmt: skip
        change_figures(session, row.key, {("unsupported", "pdq"): 1})


def _counts(database: Database) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    with database.reading() as session:
        active = {name: number for _, name, number in count_active_entries(session)}
        return active, count_unsupported(session)


def test_processes_that_start_together_promote_them_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    _hold(database, VALUE)

    patience_s = database.busy_timeout_s

    def another_first(*arguments: Any, **more: Any) -> ImportSummary:
        monkeypatch.undo()
        assert len(promote_supported(database)) == 1
        # However long the other one took: patience counts from the first refusal on.
        elapsed = SimpleNamespace(
            monotonic=lambda: time.monotonic() + 2 * patience_s, sleep=time.sleep
        )
        monkeypatch.setattr(promoting, "time", elapsed)
        return apply_delivery(*arguments, **more)

    monkeypatch.setattr(promoting, "apply_delivery", another_first)
    assert promote_supported(database) == []
    assert _counts(database) == ({"md5": 1, "pdq": 1}, {})


def test_a_process_that_works_on_the_list_is_waited_for(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    _hold(database, VALUE)
    with database.writing() as session:
        lease_sync(session, find_list(session, "one"), "somebody")

    def release(_: float) -> None:
        with database.writing() as session:
            release_sync(session, find_list(session, "one").key, "somebody")

    later = itertools.count(0.0, 2 * database.busy_timeout_s)
    impatient = SimpleNamespace(monotonic=lambda: next(later), sleep=lambda _: None)
    monkeypatch.setattr(promoting, "time", impatient)
    with pytest.raises(SyncLeaseError):
        promote_supported(database)
    monkeypatch.setattr(promoting, "time", SimpleNamespace(monotonic=time.monotonic, sleep=release))
    assert len(promote_supported(database)) == 1
    assert _counts(database) == ({"md5": 1, "pdq": 1}, {})


def test_nobody_waits_for_the_sake_of_malformed_ones(database: Database) -> None:
    _hold(database, "no hash")
    with database.writing() as session:
        lease_sync(session, find_list(session, "one"), "somebody")
    assert promote_supported(database) == []
    assert _counts(database) == ({"md5": 1}, {"one": {"pdq": 1}})
