"""Let a case be of a content id: its bytes are evidence below it.

Cases of one id are merged into the newest of them. The others keep their keys, notes, reports and
history, and are closed for good. Nothing that was undecided is decided by that.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_LONG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)
_TEXT, _BYTES = sa.Text(), sa.LargeBinary()
_ROWS_A_BATCH = 1_000
# The columns that are bound to the log before and after.
_BEFORE = (
    "key", "content_key", "state", "priority", "due_at", "assignee", "opened_at", "decided_at",
    "notified_at", "proposal", "proposed_by", "legal_hold", "newest_match", "reopened", "revision",
)  # fmt: skip
_AFTER = ("key", "content_key", "content_id", *_BEFORE[2:])
# In the order in which cases are worked on; what follows has nothing to be done.
_PENDING = ("open", "in_review", "confirmed")
_CASES = sa.table(
    "cases",
    sa.column("key", _LONG),
    sa.column("content_key", _LONG),
    sa.column("content_id", _TEXT),
    *(sa.column(name, _TEXT) for name in ("state", "result", "legal_hold", "assignee")),
    *(sa.column(name, _TEXT) for name in ("proposal", "proposed_by")),
    *(sa.column(name, sa.Integer()) for name in ("priority", "reopened", "revision")),
    sa.column("newest_match", _LONG),
    *(sa.column(f"{name}_at", _TIME) for name in ("due", "opened", "changed", "decided")),
    sa.column("notified_at", _TIME),
)
_CONTENTS = sa.table("contents", sa.column("key", _LONG), sa.column("content_id", _TEXT))
_MATCHES = sa.table(
    "matches", sa.column("key", _LONG), sa.column("content_key", _LONG),
    sa.column("matched_at", _TIME),
)  # fmt: skip


# What the program calls the turn to seal.
_TURN_TO_SEAL = 0x686D04


def upgrade() -> None:
    """Add the column, merge the cases of each id, and bind all cases with it."""
    log = _sealed_log()
    intact = log.intact(_BEFORE)
    op.add_column("cases", sa.Column("content_id", sa.Text()))
    op.add_column("ncmec_reports", sa.Column("content_key", _LONG))
    of_content = sa.select(_CONTENTS.c.content_id).where(_CONTENTS.c.key == _CASES.c.content_key)
    op.execute(_CASES.update().values(content_id=of_content.scalar_subquery()))
    merged = dict(_merge())
    op.create_index("uq_cases_content_id", "cases", ["content_id"], unique=True)
    log.bind(_AFTER, intact, merged, "schema.upgraded")
    log.close()


def downgrade() -> None:
    """Drop the column. Bytes that have no case of their own get an open one, merged cases stay."""
    log = _sealed_log()
    intact = log.intact(_AFTER)
    op.drop_index("uq_cases_content_id", "cases")
    op.drop_column("cases", "content_id")
    op.drop_column("ncmec_reports", "content_key")
    opened = dict(_open_for_each())
    log.bind(_BEFORE, intact, opened, "schema.downgraded")
    log.close()


def _sealed_log() -> "_AuditLog":
    """Return the audit log with every record sealed; nobody writes or seals any meanwhile."""
    if op.get_bind().dialect.name != "sqlite":  # Which has one writer anyway.
        op.execute(sa.text(f"SELECT pg_advisory_xact_lock({_TURN_TO_SEAL})"))
        op.execute(sa.text("LOCK TABLE audit_batches IN EXCLUSIVE MODE"))
    log = _AuditLog()
    log.seal()
    return log


def _merge() -> Iterator[tuple[int, tuple[str, Mapping[str, object]]]]:
    """Merge the cases of each content id; yields (key, (action, facts)) of those that changed."""
    connection = op.get_bind()
    several = (
        sa.select(_CASES.c.content_id).group_by(_CASES.c.content_id).having(sa.func.count() > 1)
    )
    rows = connection.execute(
        sa.select(_CASES).where(_CASES.c.content_id.in_(several)).order_by(_CASES.c.key)
    ).all()
    items = defaultdict[str, list[Any]](list)
    for row in rows:
        items[row.content_id].append(row)
    for *others, newest in items.values():
        now = datetime.now(UTC)
        keys = [one.key for one in others]
        closed = {
            "state": "closed", "content_id": None, "proposal": "", "proposed_by": "",
            "legal_hold": "", "changed_at": now, "revision": _CASES.c.revision + 1,
        }  # fmt: skip
        connection.execute(_CASES.update().where(_CASES.c.key.in_(keys)).values(closed))
        changes = {**_taken_over(newest, others), "changed_at": now}
        connection.execute(_CASES.update().where(_CASES.c.key == newest.key).values(changes))
        for one in others:
            facts: dict[str, object] = {"into": newest.key, "from": one.state, "to": "closed"}
            yield one.key, ("case.merged", facts)
        facts = {"merged": keys, "from": newest.state, "to": changes.get("state", newest.state)}
        yield newest.key, ("case.merged", facts)


def _taken_over(newest: Any, others: Sequence[Any]) -> dict[str, object]:
    """Return what the newest case takes over: what was still to be decided about the others."""
    pending = [one for one in others if one.state in _PENDING]
    holds = [one.legal_hold for one in (*others, newest) if one.legal_hold]
    changes: dict[str, object] = {
        "newest_match": max(one.newest_match for one in (*others, newest)),
        "legal_hold": "; ".join(dict.fromkeys(holds)),
        "revision": newest.revision + 1,
        "proposal": "",
        "proposed_by": "",
    }
    if pending:
        due = [*pending, newest] if newest.state in _PENDING else pending
        changes["priority"] = min(one.priority for one in due)
        changes["due_at"] = min(one.due_at for one in due)
    if any(_place(one.state) < _place(newest.state) for one in pending):
        # The decision about the newest did not consider them.
        changes |= {"state": "open", "result": "open", "decided_at": None, "notified_at": None}
        changes["reopened"] = newest.reopened + 1
    return changes


def _place(state: str) -> int:
    return _PENDING.index(state) if state in _PENDING else len(_PENDING)


def _open_for_each() -> Iterator[tuple[int, tuple[str, Mapping[str, object]]]]:
    """Open a case for each content item that matched and has none, as there was one for each."""
    connection = op.get_bind()
    first = sa.func.min(_MATCHES.c.matched_at)
    with_case = sa.select(_CASES.c.content_key)
    rows = connection.execute(
        sa.select(_MATCHES.c.content_key, first, sa.func.max(_MATCHES.c.key))
        .where(_MATCHES.c.content_key.not_in(with_case))
        .group_by(_MATCHES.c.content_key)
        .order_by(_MATCHES.c.content_key)
    ).all()
    columns = [one for one in _CASES.c if one.name != "content_id"]
    table = sa.table("cases", *(sa.column(one.name, one.type) for one in columns))
    for content_key, matched_at, newest in rows:
        new = {
            "content_key": content_key, "state": "open", "result": "open", "priority": 5,
            "due_at": matched_at, "opened_at": matched_at, "changed_at": matched_at,
            "newest_match": newest, "assignee": "", "proposal": "", "proposed_by": "",
            "legal_hold": "", "reopened": 0, "revision": 1,
        }  # fmt: skip
        connection.execute(table.insert().values(new))
        key = connection.scalar(sa.select(table.c.key).where(table.c.content_key == content_key))
        yield int(key or 0), ("case.opened", {"match": newest, "priority": 5})


_RECORDS = sa.table(
    "audit_records",
    sa.column("number", _LONG),
    sa.column("at", _TIME),
    *(sa.column(name, _TEXT) for name in ("actor", "action", "subject")),
    sa.column("subject_key", _LONG),
    sa.column("facts", _TEXT),
    *(sa.column(name, _BYTES) for name in ("state_hash", "record_hash")),
)
_HEAD = sa.table(
    "audit_head",
    sa.column("number", _LONG),
    sa.column("record_hash", _BYTES),
    sa.column("signed_at", _TIME),
    sa.column("key_id", _TEXT),
    sa.column("signature", _BYTES),
)
_CHECKPOINTS = sa.table("audit_checkpoints", *(sa.column(one.name, one.type) for one in _HEAD.c))
_BATCHES = sa.table(
    "audit_batches",
    sa.column("key", _LONG),
    sa.column("records", _TEXT),
    sa.column("records_hash", _BYTES),
)


class _AuditLog:
    """The end of the audit log, to append records to; docs/audit.md says how they are chained."""

    def __init__(self) -> None:
        self._connection = op.get_bind()
        self._head = self._connection.execute(sa.select(_HEAD)).one_or_none()
        self._number, self._hash = (0, b"") if self._head is None else self._head[:2]
        self._pending: list[dict[str, object]] = []

    def seal(self) -> None:
        """Append the records of all batches. A batch that was changed stops the migration."""
        for key, text, text_hash in self._connection.execute(
            sa.select(_BATCHES).order_by(_BATCHES.c.key)
        ):
            if hashlib.sha256(text.encode()).digest() != text_hash:
                raise ValueError(f"batch {key} of audit records was changed: it cannot be sealed")
            _, _, at, actor, records = json.loads(text)
            for action, subject, subject_key, facts, state in records:
                self._append(
                    datetime.fromisoformat(at),
                    actor,
                    (action, subject, subject_key, facts),
                    None if state is None else bytes.fromhex(state),
                )
        self._flush()
        self._connection.execute(_BATCHES.delete())

    def intact(self, names: Sequence[str]) -> set[int]:
        """Return the keys of the cases that are as their newest records say."""
        return {
            _key(values)
            for values, own, state in self._cases(names)
            if state is not None and state == _state_hash([*values, *_known(own)])
        }

    def bind(
        self,
        names: Sequence[str],
        intact: Set[int],
        actions: Mapping[int, tuple[str, Mapping[str, object]]],
        action: str,
    ) -> None:
        """Bind the cases by these columns, as they are now, for an action each or for this one.

        A case that differed from its record before still does, and one without any has none.
        """
        for values, own, state in self._cases(names):
            key = _key(values)
            done, facts = actions.get(key, (action, {"revision": revision}))
            if state is None and key not in actions:
                continue
            bound = _state_hash([*values, *_known(own)]) if key in intact or not state else state
            text = json.dumps(dict(facts), sort_keys=True, separators=(",", ":"))
            self._append(datetime.now(UTC), "hashmatch", (done, "cases", key, text), bound)
        self._flush()

    def close(self) -> None:
        """Write the end of the log; its signature, over an earlier end now, is kept."""
        if self._head is None or self._number == self._head.number:
            return
        if self._head.signature is not None:
            self._connection.execute(_CHECKPOINTS.insert().values(self._head._asdict()))
        end = {"number": self._number, "record_hash": self._hash}
        unsigned = {"signed_at": None, "key_id": "", "signature": None}
        self._connection.execute(_HEAD.update().values({**end, **unsigned}))

    def _cases(
        self, names: Sequence[str]
    ) -> Iterator[tuple[list[object], int | None, bytes | None]]:
        """Yield (values, `audit_id`, state hash of the newest record) of cases, by their keys."""
        rows = sa.table("cases", *(sa.column(name, _kind(name)) for name in (*names, "audit_id")))
        key = rows.c.key
        newest = (
            sa.select(sa.func.max(_RECORDS.c.number))
            .where(_RECORDS.c.subject == "cases", _RECORDS.c.subject_key == key)
            .correlate(rows)
            .scalar_subquery()
        )
        query = (
            sa.select(*rows.c, _RECORDS.c.state_hash)
            .select_from(rows.outerjoin(_RECORDS, _RECORDS.c.number == newest))
            .order_by(key)
            .limit(_ROWS_A_BATCH)
        )
        batch = self._connection.execute(query).all()
        while batch:
            for *values, own, state in batch:
                yield values, own, state
            batch = self._connection.execute(query.where(key > batch[-1][0])).all()

    def _append(
        self,
        at: datetime,
        actor: str,
        record: tuple[str, str, object, str],
        state: bytes | None,
    ) -> None:
        if self._head is None:
            return
        self._number += 1
        text = _text([self._number, _plain(at), actor, *record, _plain(state)])
        self._hash = hashlib.sha256(self._hash + text).digest()
        action, subject, key, facts = record
        row: Mapping[str, object] = {
            "number": self._number, "at": at, "actor": actor, "action": action, "subject": subject,
            "subject_key": key, "facts": facts, "state_hash": state, "record_hash": self._hash,
        }  # fmt: skip
        self._pending.append(dict(row))
        if len(self._pending) == _ROWS_A_BATCH:
            self._flush()

    def _flush(self) -> None:
        if self._pending:
            self._connection.execute(_RECORDS.insert(), self._pending)
            self._pending.clear()


def _key(values: Sequence[object]) -> int:
    return int(str(values[0]))


def _known(audit_id: int | None) -> list[int]:
    return [] if audit_id is None else [audit_id]


def _kind(name: str) -> sa.types.TypeEngine[object]:
    return _TIME if name.endswith("_at") else sa.types.NullType()


def _state_hash(values: Sequence[object]) -> bytes:
    return hashlib.sha256(_text(["cases", *map(_plain, values)])).digest()


def _text(values: Sequence[object]) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode()


def _plain(value: object) -> object:
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, datetime):
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return aware.isoformat(timespec="microseconds")
    return value
