"""Name tables, columns and values in the field's terms, and bind audited rows under these names.

The audit log binds a row by the name of its table and its values. Where these change, a record is
appended for each row, so that the log is as intact after the migration as it was before: a row that
differed from its record still does.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_LONG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)
_ROWS_A_BATCH = 1_000
# Values of a row with the number and state hash of its newest record, None without one.
_Columns: TypeAlias = dict[str, sa.types.TypeEngine[Any]]
_Bound: TypeAlias = tuple[list[Any], int | None, bytes | None]

_COLUMNS = {
    "entries": {"withdrawn_by_operator": "disabled"},
    "sync_runs": {"set_aside": "rejected_rows"},
    "quarantined_deliveries": {"is_whole": "is_full", "keep_all": "retain_all"},
    "cases": {"told_at": "notified_at", "hold": "legal_hold", "change": "revision"},
    "case_notes": {"person": "actor"},
}
_PARTS = {"staged_kept": "unsupported", "told": "updates", "spared": "retained"}
_VIEWS = {
    "whole": "full",
    "beside": "embedded",
    "beside-inner": "embedded-inner",
    "beside-on-black": "embedded-on-black",
    "beside-on-black-inner": "embedded-on-black-inner",
}
_STAGES = {"unsure": "unknown"}
# The columns of allowed matches that get other names.
_OLD_ALLOWED, _NEW_ALLOWED = ("suppressed_at", "person"), ("allowed_at", "actor")

_MATCH = {
    "key": _LONG, "matched_at": _TIME, "content_key": _LONG, "list_key": _LONG, "entry_key": _LONG,
    "generation": _LONG, "licensor": sa.Text(), "entry_id": sa.Text(), "category": sa.Text(),
    "action": sa.Text(), "algorithm": sa.Text(), "hasher_version": sa.Text(),
    "value": sa.LargeBinary(), "distance_bits": _LONG, "threshold_bits": _LONG, "quality": _LONG,
    "frame": _LONG, "orientation": sa.Text(), "view": sa.Text(), "decode": sa.Text(),
}  # fmt: skip
_REPORT = {
    "key": _LONG, "case_key": _LONG, "target": sa.Text(), "base": sa.Text(),
    "is_test": sa.Boolean(), "stage": sa.Text(), "report_id": sa.Text(), "file_id": sa.Text(),
    "without_file": sa.Text(), "finished_at": _TIME,
}  # fmt: skip
_DETAILS = {"case_key": _LONG, "key_id": sa.Text(), "sealed": sa.Text()}


def _allowed(at: str, actor: str) -> _Columns:
    return {
        "key": _LONG, at: _TIME, "content_key": _LONG, "list_key": _LONG, "generation": _LONG,
        "entry_key": _LONG, "entry_id": sa.Text(), "algorithm": sa.Text(), "distance_bits": _LONG,
        "allow_list_key": _LONG, "allow_entry_key": _LONG, "allow_entry_id": sa.Text(),
        "reason": sa.Text(), actor: sa.Text(),
    }  # fmt: skip


def upgrade() -> None:
    log = _AuditLog("schema.upgraded")
    log.bind_values("matches", _MATCH, "view", _VIEWS)
    log.bind_values("ncmec_reports", _REPORT, "stage", _STAGES)
    log.bind_table("suppressions", "allowed_matches", _allowed(*_OLD_ALLOWED))
    log.bind_table("case_details", "uploader_details", _DETAILS)
    log.close()
    _rename_columns(_COLUMNS)
    op.drop_index("ix_entries_held", "entries")
    _index_entries("ix_entries_disabled", "disabled")
    _move_unsupported("kept_hashes", "unsupported_hashes")
    _move_allowed("suppressions", "allowed_matches", _OLD_ALLOWED, _NEW_ALLOWED)
    _move_details("case_details", "uploader_details", "given_at", "received_at")
    _change_type("quarantined_rows", "part", sa.String(length=32))
    _change_values(_PARTS, _VIEWS, _STAGES)
    _change_default("full")


def downgrade() -> None:
    views, stages = _reversed(_VIEWS), _reversed(_STAGES)
    log = _AuditLog("schema.downgraded")
    log.bind_values("matches", _MATCH, "view", views)
    log.bind_values("ncmec_reports", _REPORT, "stage", stages)
    log.bind_table("allowed_matches", "suppressions", _allowed(*_NEW_ALLOWED))
    log.bind_table("uploader_details", "case_details", _DETAILS)
    log.close()
    _rename_columns({table: _reversed(names) for table, names in _COLUMNS.items()})
    op.drop_index("ix_entries_disabled", "entries")
    _index_entries("ix_entries_held", "withdrawn_by_operator")
    _move_unsupported("unsupported_hashes", "kept_hashes")
    _move_allowed("allowed_matches", "suppressions", _NEW_ALLOWED, _OLD_ALLOWED)
    _move_details("uploader_details", "case_details", "received_at", "given_at")
    _change_values(_reversed(_PARTS), views, stages)
    _change_type("quarantined_rows", "part", sa.String(length=16))
    _change_default("whole")


def _reversed(names: dict[str, str]) -> dict[str, str]:
    return {new: old for old, new in names.items()}


def _rename_columns(tables: dict[str, dict[str, str]]) -> None:
    for table, names in tables.items():
        for old, new in names.items():
            op.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")


def _index_entries(name: str, condition: str) -> None:
    columns, where = ["list_key", "algorithm", "value", "entry_id"], sa.text(condition)
    op.create_index(name, "entries", columns, sqlite_where=where, postgresql_where=where)


def _change_values(parts: dict[str, str], views: dict[str, str], stages: dict[str, str]) -> None:
    for table, column, values in (
        ("quarantined_rows", "part", parts),
        ("content_hashes", "view", views),
        ("matches", "view", views),
        ("ncmec_reports", "stage", stages),
    ):
        changed = sa.table(table, sa.column(column, sa.Text()))
        one = changed.c[column]
        # In one statement: a value may be the new name of another.
        new = sa.case(values, value=one)
        op.execute(changed.update().where(one.in_(list(values))).values({column: new}))


def _change_type(table: str, column: str, kind: sa.types.TypeEngine) -> None:
    with op.batch_alter_table(table) as changed:
        changed.alter_column(column, type_=kind, existing_nullable=False)


def _change_default(view: str) -> None:
    keys = _last_key("matches")
    for table, is_numbered in (("content_hashes", False), ("matches", True)):
        options = {"sqlite_autoincrement": True} if is_numbered else {}
        with op.batch_alter_table(table, table_kwargs=options) as changed:
            changed.alter_column("view", existing_type=sa.String(length=32), server_default=view)
    _continue_keys("matches", keys)


def _move_unsupported(old: str, new: str) -> None:
    texts = ["value", "entry_id", "category", "tags", "added_at", "note"]
    unique = ["list_key", "algorithm", "value", "entry_id"]
    op.create_table(
        new,
        sa.Column("key", _LONG, nullable=False),
        sa.Column("list_key", sa.Integer(), nullable=False),
        sa.Column("algorithm", sa.String(length=32), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in texts),
        sa.ForeignKeyConstraint(["list_key"], ["lists.key"], name=f"fk_{new}_list_key_lists"),
        sa.PrimaryKeyConstraint("key", name=f"pk_{new}"),
        sa.UniqueConstraint(*unique, name=f"uq_{new}_{'_'.join(unique)}"),
    )
    names = ["key", "list_key", "algorithm", *texts]
    _move_rows(old, new, names, names)


def _move_allowed(old: str, new: str, before: tuple[str, str], after: tuple[str, str]) -> None:
    at, actor = after
    unique = ["content_key", "entry_key", "allow_entry_key"]
    op.create_table(
        new,
        *(sa.Column(n, _LONG, nullable=False) for n in ("key", "content_key", "entry_key")),
        sa.Column("allow_entry_key", _LONG, nullable=False),
        *(sa.Column(n, sa.Integer(), nullable=False) for n in ("list_key", "allow_list_key")),
        *(sa.Column(n, sa.Integer(), nullable=False) for n in ("generation", "distance_bits")),
        sa.Column("algorithm", sa.String(length=32), nullable=False),
        *(sa.Column(n, sa.Text(), nullable=False) for n in ("entry_id", "allow_entry_id")),
        *(sa.Column(n, sa.Text(), nullable=False) for n in ("reason", actor)),
        sa.Column(at, _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["content_key"], ["contents.key"], name=f"fk_{new}_content_key_contents"
        ),
        sa.ForeignKeyConstraint(["list_key"], ["lists.key"], name=f"fk_{new}_list_key_lists"),
        sa.ForeignKeyConstraint(
            ["allow_list_key"], ["lists.key"], name=f"fk_{new}_allow_list_key_lists"
        ),
        sa.PrimaryKeyConstraint("key", name=f"pk_{new}"),
        sa.UniqueConstraint(*unique, name=f"uq_{new}_{'_'.join(unique)}"),
        sqlite_autoincrement=True,
    )
    _move_rows(old, new, list(_allowed(*before)), list(_allowed(*after)))


def _move_details(old: str, new: str, at_before: str, at: str) -> None:
    op.create_table(
        new,
        sa.Column("case_key", _LONG, autoincrement=False, nullable=False),
        sa.Column(at, _TIME, nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["case_key"], ["cases.key"], name=f"fk_{new}_case_key_cases"),
        sa.PrimaryKeyConstraint("case_key", name=f"pk_{new}"),
    )
    names = ["case_key", "key_id", "sealed"]
    _move_rows(old, new, [*names, at_before], [*names, at])


def _move_rows(old: str, new: str, before: list[str], after: list[str]) -> None:
    """Move all rows to a table of the same columns; keys go on where they were."""
    last = _last_key(old) if "key" in before else 0
    rows = sa.select(*map(sa.column, before)).select_from(sa.table(old))
    op.execute(sa.table(new, *map(sa.column, after)).insert().from_select(after, rows))
    op.drop_table(old)
    if last:
        _continue_keys(new, last)


def _last_key(table: str) -> int:
    """Return the newest key that a table has ever given, also of rows that are gone."""
    connection = op.get_bind()
    newest = connection.scalar(sa.text(f"SELECT COALESCE(MAX(key), 0) FROM {table}"))  # noqa: S608
    if connection.dialect.name == "postgresql":
        query = f"SELECT last_value FROM {table}_key_seq WHERE is_called"  # noqa: S608
    else:
        query = f"SELECT seq FROM sqlite_sequence WHERE name = '{table}'"  # noqa: S608
    return max(newest, connection.scalar(sa.text(query)) or 0)


def _continue_keys(table: str, last: int) -> None:
    if not last:
        return
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text(f"SELECT setval('{table}_key_seq', {last})"))
        return
    name = {"name": table, "last": last}
    connection.execute(sa.text("DELETE FROM sqlite_sequence WHERE name = :name"), name)
    is_numbered = sa.text(
        "SELECT COUNT(*) FROM sqlite_master WHERE name = :name AND sql LIKE '%AUTOINCREMENT%'"
    )
    if connection.scalar(is_numbered, name):
        insert = "INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"
        connection.execute(sa.text(insert), name)


_RECORDS = sa.table(
    "audit_records",
    sa.column("number", _LONG),
    sa.column("at", _TIME),
    *(sa.column(name, sa.Text()) for name in ("actor", "action", "subject")),
    sa.column("subject_key", _LONG),
    sa.column("facts", sa.Text()),
    *(sa.column(name, sa.LargeBinary()) for name in ("state_hash", "record_hash")),
)
_HEAD = sa.table(
    "audit_head",
    sa.column("number", _LONG),
    sa.column("record_hash", sa.LargeBinary()),
    sa.column("signed_at", _TIME),
    sa.column("key_id", sa.Text()),
    sa.column("signature", sa.LargeBinary()),
)
_CHECKPOINTS = sa.table("audit_checkpoints", *(sa.column(one.name, one.type) for one in _HEAD.c))


class _AuditLog:
    """The end of the audit log, to append records to; docs/audit.md says how they are chained.

    There is no key here to sign the new end with: the next change of anything signs it.
    """

    def __init__(self, action: str) -> None:
        self._action = action
        self._connection = op.get_bind()
        self._facts = json.dumps({"revision": revision}, separators=(",", ":"))
        self._head = self._connection.execute(sa.select(_HEAD)).one_or_none()
        self._number, self._hash = (0, b"") if self._head is None else self._head[:2]
        first = sa.select(_RECORDS.c.facts).where(_RECORDS.c.number == 1)
        self._pending: list[dict[str, object]] = []
        self._before = _beginning(self._connection.scalar(first))

    def bind_values(
        self, table: str, columns: _Columns, changed: str, values: dict[str, str]
    ) -> None:
        """Bind the rows of a table in which a value gets another name."""
        place = list(columns).index(changed)
        for row, number, state in self._rows(table, columns):
            # What was removed or is older than the log is bound to nothing that would change.
            if number is None or state is None or row[place] not in values:
                continue
            new = [*row[:place], values[row[place]], *row[place + 1 :]]
            is_intact = state == _state_hash(table, row)
            self._append(table, row[0], _state_hash(table, new) if is_intact else state)

    def bind_table(self, old: str, new: str, columns: _Columns) -> None:
        """Bind all rows of a table that gets another name, and what the log says of others."""
        for row, number, state in self._rows(old, columns):
            own = _state_hash(old, row)
            # Rows that were there before the log are bound from now on.
            is_older = number is None and row[0] <= self._before.get(old, 0)
            is_intact = is_older or state == own
            self._append(new, row[0], _state_hash(new, row) if is_intact else state or own)
        for key, state in self._lost(old, next(iter(columns))):
            self._append(new, key, state)

    def close(self) -> None:
        """Write the end of the log; its signature, over an earlier end now, is kept."""
        self._flush()
        if self._head is None or self._number == self._head.number:
            return
        if self._head.signature is not None:
            self._connection.execute(_CHECKPOINTS.insert().values(self._head._asdict()))
        end = {"number": self._number, "record_hash": self._hash}
        unsigned = {"signed_at": None, "key_id": "", "signature": None}
        self._connection.execute(_HEAD.update().values({**end, **unsigned}))

    def _rows(self, table: str, columns: _Columns) -> Iterator[_Bound]:
        """Yield (values, number and state hash of the newest record) of each row, by key."""
        rows = sa.table(table, *(sa.column(name, kind) for name, kind in columns.items()))
        key = next(iter(rows.c))
        newest = (
            sa.select(sa.func.max(_RECORDS.c.number))
            .where(_RECORDS.c.subject == table, _RECORDS.c.subject_key == key)
            .correlate(rows)
            .scalar_subquery()
        )
        query = (
            sa.select(*rows.c, _RECORDS.c.number, _RECORDS.c.state_hash)
            .select_from(rows.outerjoin(_RECORDS, _RECORDS.c.number == newest))
            .order_by(key)
            .limit(_ROWS_A_BATCH)
        )
        batch = self._connection.execute(query).all()
        while batch:
            for *values, number, state in batch:
                yield values, number, state
            batch = self._connection.execute(query.where(key > batch[-1][0])).all()

    def _lost(self, table: str, key: str) -> Sequence[sa.Row[tuple[int, bytes | None]]]:
        """Return (key, state hash in the newest record) of the rows that are not there any more."""
        rows, of_row = sa.table(table, sa.column(key, _LONG)), _RECORDS.alias()
        newest = (
            sa.select(sa.func.max(of_row.c.number))
            .where(of_row.c.subject == table)
            .group_by(of_row.c.subject_key)
        )
        query = (
            sa.select(_RECORDS.c.subject_key, _RECORDS.c.state_hash)
            .where(_RECORDS.c.number.in_(newest))
            .where(~sa.exists().where(rows.c[key] == _RECORDS.c.subject_key))
            .order_by(_RECORDS.c.number)
        )
        return self._connection.execute(query).all()

    def _append(self, subject: str, key: int, state: bytes | None) -> None:
        if self._head is None:
            return
        self._number += 1
        at = datetime.now(UTC)
        values = [
            self._number, _plain(at), "hashmatch", self._action, subject, key, self._facts,
            _plain(state),
        ]  # fmt: skip
        self._hash = hashlib.sha256(self._hash + _chained_text(values)).digest()
        record = dict(zip(_RECORDS.c.keys(), values, strict=False))
        self._pending.append({**record, "at": at, "state_hash": state, "record_hash": self._hash})
        if len(self._pending) == _ROWS_A_BATCH:
            self._flush()

    def _flush(self) -> None:
        if self._pending:
            self._connection.execute(_RECORDS.insert(), self._pending)
            self._pending.clear()


def _beginning(facts: str | None) -> dict[str, int]:
    """Return by table the highest key that is older than the log."""
    try:
        return {str(table): int(key) for table, key in json.loads(facts or "")["before"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}  # 'audit verify' reports it.


def _state_hash(table: str, values: Sequence[object]) -> bytes:
    return hashlib.sha256(_chained_text([table, *map(_plain, values)])).digest()


def _chained_text(values: Sequence[object]) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode()


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return aware.isoformat(timespec="microseconds")
    return value
