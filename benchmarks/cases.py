"""A million matches on record: the audit chain verified, and reports written in bounded memory."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from benchmarks.measuring import Table, duration
from hashmatch.audit import make_key
from hashmatch.store.engine import Database, chain, read_audit_head, state_hash
from hashmatch.store.lists import create_list
from hashmatch.store.migrations import upgrade
from hashmatch.store.schema import AuditHead, AuditRecord, Base, Case, Content, MatchRecord, utc_now

_CONTENTS, _MATCHES_EACH = 200_000, 5
_CONTENTS_AT_ONCE = 2_000
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_MATCH: dict[str, Any] = {
    "list_key": 1, "generation": 1, "licensor": "IWF", "action": "block", "algorithm": "pdq",
    "hasher_version": "1", "threshold_bits": 31, "quality": 100, "frame": 0,
    "orientation": "original", "view": "full", "decode": "scaled",
}  # fmt: skip
_STATES = ("open", "in_review", "confirmed", "false_positive", "reported", "closed")


def measure() -> list[Table]:
    """Fill a store with matches, cases and their records, and run the commands over it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "hashmatch.toml"
        key, _ = make_key()
        (folder / "audit.key").write_text(key)
        config.write_text(
            f'data_dir = "{folder}"\n[audit]\nsigning_key = {{ file = "audit.key" }}\n'
        )
        with closing(Database(f"sqlite:///{folder}/hashmatch.db")) as database:
            upgrade(database)
            _fill(database)
            records = _count(database)
        # Whatever is recorded next signs what is before.
        _run(config, "tokens", "create", "benchmark", "--scope", "scan")
        verified = _run(config, "audit", "verify")
        reports = [
            (form, _run(config, "report", "export", "--of", of, "-o", str(folder / f"r.{form}")))
            for form, of in (("csv", "matches"), ("jsonl", "matches"), ("html", "matches"))
        ]
        reports.append(("pdf", _run(config, "report", "export", "-o", str(folder / "r.pdf"))))
        cases = _run(config, "report", "export", "--of", "cases", "-o", str(folder / "c.csv"))
        reports.append(("csv of cases", cases))
    return [_table_of_chain(records, verified), _table_of_reports(reports)]


def _fill(database: Database) -> None:
    """Write what so many scans would have written, by the same functions, many at a time."""
    with database.writing() as session:
        create_list(session, "list", licensor="IWF")
    with database.writing() as session:
        head = read_audit_head(session)
        assert head is not None
        number, latest = head.number, head.record_hash
        for first in range(1, _CONTENTS + 1, _CONTENTS_AT_ONCE):
            keys = range(first, first + _CONTENTS_AT_ONCE)
            rows = list(_rows(keys))
            for table in (Content, MatchRecord, Case):
                session.execute(insert(table), [row for kind, row in rows if kind is table])
            records = []
            for kind, row in rows:
                number += 1
                record = _record(number, kind, row)
                latest = record["record_hash"] = chain(latest, **record)
                records.append(record)
            session.execute(insert(AuditRecord), records)
        session.execute(update(AuditHead).values(number=number, record_hash=latest))


def _rows(keys: range) -> Iterator[tuple[type[Base], dict[str, Any]]]:
    for key in keys:
        moment = _BEGAN + timedelta(minutes=key)
        yield Content, {
            "key": key, "content_id": f"post/{key}", "reference": f"s3://bucket/{key}",
            "fingerprint": key.to_bytes(32, "big"), "format": "JPEG", "width": 1920,
            "height": 1080, "frames": 1,
        }  # fmt: skip
        for place in range(_MATCHES_EACH):
            own = key * _MATCHES_EACH + place
            yield MatchRecord, {
                **_MATCH, "key": own, "matched_at": moment, "content_key": key, "entry_key": place,
                "entry_id": f"e{place}", "category": "ABC"[place % 3], "distance_bits": place,
                "value": own.to_bytes(32, "big"),
            }  # fmt: skip
        state = _STATES[key % len(_STATES)]
        yield Case, {
            "key": key, "content_key": key, "content_id": f"post/{key}", "state": state,
            "priority": 5,
            "due_at": moment + timedelta(days=1), "assignee": "", "opened_at": moment,
            "changed_at": moment,
            "decided_at": None if state in ("open", "in_review") else moment + timedelta(hours=2),
            "proposal": "", "proposed_by": "", "hold": "",
            "newest_match": key * _MATCHES_EACH + _MATCHES_EACH - 1, "reopened": 0, "change": 1,
        }  # fmt: skip


def _record(number: int, kind: type[Base], row: dict[str, Any]) -> dict[str, Any]:
    values = [row[name] for name in kind.audited]
    facts = {"content": row.get("content_key"), "list": "list", "generation": 1}
    return {
        "number": number,
        "at": utc_now(),
        "actor": "hashmatch",
        "action": "recorded",
        "subject": kind.__tablename__,
        "subject_key": row["key"],
        "facts": json.dumps(facts, separators=(",", ":")),
        "state_hash": state_hash(kind.__tablename__, values),
    }


def _count(database: Database) -> int:
    with database.reading() as session:
        return _last(session)


def _last(session: Session) -> int:
    head = read_audit_head(session)
    return 0 if head is None else head.number


def _run(config: Path, *arguments: str) -> tuple[float, int]:
    """Run a command; returns its time, and the most memory that it took, in bytes."""
    command = [sys.executable, "-m", "hashmatch", "--config", str(config), *arguments]
    begun, memory = time.perf_counter(), 0
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet) as process:
        status = Path(f"/proc/{process.pid}/status")
        # What the kernel tells of a child afterwards includes the memory of its parent.
        while process.poll() is None:
            if found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text()):
                memory = max(memory, int(found[1]) * 1024)
            time.sleep(0.02)
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed")
    return time.perf_counter() - begun, memory


def _table_of_chain(records: int, verified: tuple[float, int]) -> Table:
    time_s, memory = verified
    what = (
        f"`hashmatch audit verify` over {records:,} records and the rows that they bind, on a"
        " signed chain in SQLite. To reach: a million records in under 60 s."
    )
    columns = ("records", "time", "a million records", "most memory")
    row = (f"{records:,}", duration(time_s), duration(time_s / records * 1e6), _megabytes(memory))
    return Table("Verifying the audit chain", what, columns, [row])


def _table_of_reports(reports: list[tuple[str, tuple[float, int]]]) -> Table:
    number = _CONTENTS * _MATCHES_EACH
    what = (
        f"`hashmatch report export` over {number:,} matches of {_CONTENTS:,} cases. To reach: under"
        " 200 MB of memory."
    )
    rows = [(form, duration(time_s), _megabytes(memory)) for form, (time_s, memory) in reports]
    return Table("Reports of a million matches", what, ("report", "time", "most memory"), rows)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB"
