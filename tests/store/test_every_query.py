"""Every query of the store on a filled one: none goes through a table that grows.

A plan alone says little: an index may be walked from its beginning. So each query is run as well,
and the work that it did is counted, in steps of SQLite's machine and in rows that PostgreSQL read.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, insert, text
from sqlalchemy.orm import Session

from benchmarks.filling import fill
from hashmatch.cases import PENDING
from hashmatch.store.cases import CaseFilter
from hashmatch.store.engine import WRITES, Database
from hashmatch.store.queue import read_case_page
from hashmatch.store.schema import AuditRecord, Base, utc_now
from tests.store.query_walk import Ask, questions

_CONTENTS = 8_000
# Of a table that grows, a scan takes more than either.
_MOST_STEPS, _MOST_ROWS = 25_000, 4_000
_STEPS_A_TICK = 100
# These are as long as there are lists, days, or people who make tokens and samples.
_SMALL = {
    "lists": "lists are few",
    "list_syncs": "one for each list",
    "store_identity": "one row",
    "quarantined_deliveries": "one for each list at most",
    "audit_head": "one row",
    "audit_batches": "those of the last second",
    "figures": "as many as there are days, lists, categories and actions",
    "daily_counts": "as many as there are days and reasons",
    "gate_counts": "as many as there are days, adapters and verdicts",
    "prompt_counts": "as many as there are days, sources and outcomes",
    "policies": "one for each edit of the configuration",
    "policy_changes": "one for each change of the configuration, a few a day for each at most",
    "safeguards": "one for each change of a list or a setting",
    "tokens": "made by people",
    "saved_queues": "made by people, 500 at most",
    "consumers": "registered by people",
    "consumer_tokens": "made by people",
    "shared_lists": "one for each list that is shared",
    "exchanges": "one for each that the configuration names",
    "exchange_cursors": "one for each exchange and list",
    "report_schedules": "made by people, 100 at most",
    "made_reports": "36 of each schedule at most",
    "backfills": "begun by people",
    "backfill_counts": "as many as there are back-fills, outcomes and reasons",
    "review_samples": "drawn by people",
    "retro_matches": "one for each list and folder",
}
_GROWING = set(Base.metadata.tables) - set(_SMALL)
# Sums over all days, or over all that an evaluation is asked about.
_OF_DAYS = ("figures of all time", "figures of a period", "overdue cases", "cases by state")


# A filter without an index, an order without one, and an index from its beginning.
_SLOW = (
    "SELECT key FROM cases WHERE legal_hold = 'x'",
    "SELECT key FROM matches ORDER BY category LIMIT 3",
    "SELECT key FROM cases WHERE legal_hold = 'x' ORDER BY priority, due_at, key LIMIT 3",
)


def test_no_query_goes_through_a_table_that_grows(database: Database) -> None:
    fill(database, _CONTENTS)
    _fill_audit_log(database)
    # SQLite has no statistics unless somebody gathers them, and PostgreSQL does so by itself, here
    # perhaps when the tables were filled in part.
    if database.sqlite_path() is not None:
        assert _all_problems(database) == []
    with database.writing() as session:
        session.execute(text("ANALYZE"))
    assert _all_problems(database) == []
    for statement in _SLOW:
        assert list(_problems(database, statement, (), "slow")), statement


def _fill_audit_log(database: Database) -> None:
    """Add records that no chain holds: nothing is sealed here."""
    rows = [
        {
            "number": number, "at": utc_now(), "actor": "x", "action": "case.note",
            "subject": "cases", "subject_key": number % 2_000, "facts": "{}", "record_hash": b"x",
        }
        for number in range(1_000_000, 1_006_000)
    ]  # fmt: skip
    with database.writing() as session:
        session.execute(insert(AuditRecord), rows)


def test_cases_of_a_list_with_few_are_found_by_its_matches(database: Database) -> None:
    """And not by way of all that wait, which SQLite prefers: there it took 0.3 s at a million."""
    if database.sqlite_path() is None:
        pytest.skip("PostgreSQL knows how many there are of each")
    fill(database, 3_000)
    wanted = CaseFilter(states=PENDING, list_name="two", limit=100)
    plans = [
        row[3]
        for statement, parameters in _statements(
            database, lambda session: read_case_page(session, wanted)
        )
        if " cases" in statement
        for row in _explained(database, statement, parameters)
    ]
    assert any("uq_cases_content_id" in one for one in plans)
    assert not any("ix_cases_state" in one for one in plans)


def _explained(database: Database, statement: str, parameters: Any) -> list[Any]:
    with database.connection() as connection:
        explained = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return list(explained)


def _all_problems(database: Database) -> list[str]:
    return [
        f"{name}: {problem}\n    {statement[:2000]}"
        for name, ask in questions()
        for statement, parameters in _statements(database, ask)
        for problem in _problems(database, statement, parameters, name)
    ]


def _statements(database: Database, ask: Ask) -> list[tuple[str, Any]]:
    """Return what a question asks the database for, and undo it."""
    found: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, ___: Any, is_many: Any) -> None:
        if re.match(r"(WITH|SELECT|UPDATE|DELETE)\b", statement):
            found.append((statement, parameters[0] if is_many else parameters))

    with database.connection() as connection, Session(connection, info={WRITES: True}) as session:
        event.listen(Engine, "before_cursor_execute", note)
        try:
            ask(session)
            session.flush()
        finally:
            event.remove(Engine, "before_cursor_execute", note)
        session.rollback()
    return found


def _problems(database: Database, statement: str, parameters: Any, name: str) -> Iterator[str]:
    with _undone(database) as connection:
        if database.sqlite_path() is None:
            yield from _problems_on_postgresql(connection, statement, parameters)
        else:
            yield from _problems_on_sqlite(connection, statement, parameters, name)


@contextmanager
def _undone(database: Database) -> Iterator[Connection]:
    with database.connection() as connection:
        transaction = connection.begin()
        try:
            yield connection
        finally:
            transaction.rollback()


def _problems_on_sqlite(
    connection: Connection, statement: str, parameters: Any, name: str
) -> Iterator[str]:
    own: Any = connection.connection.driver_connection
    rows = own.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
    plan = [row[3] for row in rows]
    is_sorted = any("TEMP B-TREE" in step for step in plan)
    for step in plan:
        table = re.match(r"SCAN (\w+)", step)
        # A page from the beginning of an order is no scan, if the order is that of an index.
        if table and table[1] in _GROWING and ("LIMIT" not in statement or is_sorted):
            yield f"{step} in {plan}"
    if not _only_reads(statement):
        return
    ticks = 0

    def tick() -> int:
        nonlocal ticks
        ticks += 1
        return 0

    own.set_progress_handler(tick, _STEPS_A_TICK)
    own.execute(statement, parameters).fetchall()
    own.set_progress_handler(None, 0)
    steps = ticks * _STEPS_A_TICK
    if steps > _MOST_STEPS and name not in _OF_DAYS:
        yield f"{steps} steps: {plan}"


def _problems_on_postgresql(
    connection: Connection, statement: str, parameters: Any
) -> Iterator[str]:
    # Such small tables it would rather read as a whole.
    connection.execute(text("SET LOCAL enable_seqscan = off"))
    connection.execute(text("SET LOCAL random_page_cost = 1.1"))
    # A removal alone would leave what refers to the rows.
    how = "ANALYZE, TIMING OFF, " if _only_reads(statement) else ""
    explain = f"EXPLAIN ({how}COSTS OFF, FORMAT JSON) {statement}"
    found = connection.exec_driver_sql(explain, parameters or None).scalar_one()
    (plan,) = json.loads(found) if isinstance(found, str) else found
    read = 0
    for node in _nodes(plan["Plan"]):
        if node.get("Relation Name") in _GROWING and node["Node Type"] != "ModifyTable":
            if node["Node Type"] == "Seq Scan":
                yield f"a scan of {node['Relation Name']}"
            passed = node.get("Rows Removed by Filter", 0) + node.get(
                "Rows Removed by Index Recheck", 0
            )
            read += (node.get("Actual Rows", 0) + passed) * node.get("Actual Loops", 1)
    if read > _MOST_ROWS:
        yield f"{read} rows: {json.dumps(plan['Plan'])[:3000]}"


def _only_reads(statement: str) -> bool:
    return statement.startswith(("SELECT", "WITH"))


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for one in plan.get("Plans", ()):
        yield from _nodes(one)


_ALL_OF_A_PERIOD = "an evaluation or a full export reads its period, which a person waits for"
_COUNTED_FIRST = "says before a removal how much it would be, for a person who waits"
_RECORDS = "records one row, which it has or looks up by a unique key"
# What the walk does not ask for, and why that may be.
_NOT_WALKED = {
    "safeguards": {"record_safeguards": _RECORDS},
    "backfills": dict.fromkeys(("open_backfill", "add_shards", "release_shard"), _RECORDS),
    "prompts": {"record_prompt_matches": _RECORDS},
    "evaluations.counts": dict.fromkeys(
        ("count_distances", "count_fates", "count_results", "matches_of"), _ALL_OF_A_PERIOD
    ),
    "evaluations.samples": {
        "draw_matches": _ALL_OF_A_PERIOD,
        "record_sample": _RECORDS,
        "keep_results": "walked with the removal of cases where a sample has their matches",
    },
    "retention.content": dict.fromkeys(
        ("count_old_cases", "count_old_contents", "count_old_details"), _COUNTED_FIRST
    ),
    "retention.others": dict.fromkeys(
        (
            "count_old_messages", "count_old_tokens", "count_old_prompts", "count_old_days",
            "count_old_lookups", "count_old_backfills", "count_old_references",
        ), _COUNTED_FIRST,
    ),
    "duties": dict.fromkeys(("add_duty", "lock_duty"), _RECORDS),
    "preservation": dict.fromkeys(
        (
            "find_retention", "save_retention", "find_preservation", "save_preservation",
            "note_delivered", "mark_for_preservation", "end_preservation_checks",
        ), _RECORDS
    ),
    "retention.notices": {"count_old_notices": _COUNTED_FIRST},
    "notices": dict.fromkeys(("add_notice", "add_items", "save_contact"), _RECORDS),
    "retention.turns": {"count_rows": _COUNTED_FIRST},
    "opening": dict.fromkeys(("lock_cases_of", "save_cases", "open_cases"), _RECORDS),
    "cases": dict.fromkeys(
        (
            "lock_case", "has_case", "find_result", "add_case_note",
            "find_uploader_details", "save_uploader_details", "add_ncmec_report",
            "read_ncmec_report", "lock_ncmec_report", "parse_case_id",
        ), _RECORDS,
    ),
    "outbox": dict.fromkeys(
        (
            "queue_message", "queue_messages", "note_sent", "note_failed", "retry_message",
            "drop_message",
        ), _RECORDS
    ),
    "sessions": dict.fromkeys(("begin_session", "end_session"), _RECORDS),
    "saved_queues": dict.fromkeys(("save_queue", "remove_queue"), _RECORDS),
    "looks": {"note_look": _RECORDS},
    "schedules": dict.fromkeys(
        ("add_schedule", "remove_schedule", "read_made_report", "save_made_report"), _RECORDS
    ),
    "sharing.consumers": dict.fromkeys(
        (
            "save_consumer", "create_consumer_token", "remove_consumer", "require_consumer",
            "revoke_consumer_token", "member_of",
        ), _RECORDS
    ),
    "sharing.feedback": dict.fromkeys(("save_feedback", "decide_feedback"), _RECORDS),
    "sharing.exchanges": dict.fromkeys(
        (
            "lease_exchange", "renew_exchange", "release_exchange", "pause_exchange",
            "resume_exchange",
        ), _RECORDS
    ),
    "sharing.sending": {
        **dict.fromkeys(
            (
                "note_sent_item", "note_withdrawn_item", "forget_item", "end_sending",
                "refuse_sending", "retry_sending", "drop_entry",
            ), _RECORDS
        ),
        "count_entries": "counts all that an exchange has, for a person who asks",
    },
    "sharing.contributions": dict.fromkeys(
        ("add_contribution", "decide_contribution", "find_contribution"), _RECORDS
    ),
    "tokens": dict.fromkeys(("create_token", "split_token", "revoke_token"), _RECORDS),
    "matches.allowed": {"record_allowed_matches": _RECORDS},
    "matches.content": {
        **dict.fromkeys(("find_or_add_contents", "add_hashes"), _RECORDS),
        "read_content_values": "goes through all content, as a person asks once",
    },
    "matches.flooding": dict.fromkeys(
        ("count_contents", "note_flooding", "set_flood_action", "read_for_review"), _RECORDS
    ),
    "queue": {"read_cases": "one page after the other"},
    "matches.exporting": {
        "read_match_columns": "one page after the other",
        "moment_text": "asks for nothing",
    },
    "lookups": {
        "lock_new_anchors": "asks for no row",
        "add_anchors": _RECORDS,
        "count_lookups": _RECORDS,
        "count_old_anchors": _COUNTED_FIRST,
    },
}  # fmt: skip
_WALKED = (
    "cases", "opening", "queue", "figures", "outbox", "tokens", "retention.content",
    "retention.others", "retention.turns", "prompts", "matches.allowed",
    "matches.content", "matches.counts", "matches.exporting", "matches.flooding",
    "matches.matches", "lookups", "safeguards", "backfills", "events", "retained", "sessions",
    "saved_queues", "looks", "related_cases", "lists.browsing", "schedules",
    "evaluations.counts", "evaluations.samples", "sharing.consumers", "sharing.contributions",
    "sharing.feedback", "sharing.publishing", "sharing.reading", "notices", "retention.notices",
    "policies", "regulators.appeals", "regulators.currency", "regulators.grouping",
    "regulators.measures", "regulators.outcomes",
    "regulators.policies", "regulators.recipients",
    "sharing.exchanges", "sharing.sending",
)  # fmt: skip


@pytest.mark.sqlite
def test_the_walk_calls_every_function_that_asks_or_the_list_says_why_not(
    database: Database,
) -> None:
    fill(database, 50)
    called = set[object]()

    def note(frame: FrameType, what: str, _: object) -> None:
        if what == "call":
            called.add(frame.f_code)

    with database.connection() as connection, Session(connection, info={WRITES: True}) as session:
        sys.setprofile(note)
        try:
            for _, ask in questions():
                ask(session)
        finally:
            sys.setprofile(None)
        session.rollback()
    missed, excused_in_vain = set(), set()
    for room in _WALKED:
        module = importlib.import_module(f"hashmatch.store.{room}")
        excused = _NOT_WALKED.get(room, {})
        for name, one in inspect.getmembers(module, inspect.isfunction):
            if one.__module__ == module.__name__ and not name.startswith("_"):
                code = inspect.unwrap(one).__code__
                if code not in called and name not in excused:
                    missed.add(f"{room}.{name}")
        excused_in_vain |= {f"{room}.{one}" for one in excused if not hasattr(module, one)}
    assert missed == set()
    assert excused_in_vain == set()
