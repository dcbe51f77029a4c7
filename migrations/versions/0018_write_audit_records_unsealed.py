"""Let audit records be written without a lock, in batches that are sealed right afterwards.

Rows that were recorded before have no `audit_id`, and their state is hashed without one.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_LONG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)
_TEXT, _BYTES = sa.Text(), sa.LargeBinary()
_ROWS_A_BATCH = 1_000
# The columns that are bound to the log at this revision, the key first.
_AUDITED = {
    "lists": "key name kind licensor licence_end generation active_entries removed_at",
    "contents": "key content_id reference fingerprint format width height frames",
    "matches": "key matched_at content_key list_key entry_key generation licensor entry_id category"
    " action algorithm hasher_version value distance_bits threshold_bits quality frame orientation"
    " view decode",
    "allowed_matches": "key allowed_at content_key list_key generation entry_key entry_id algorithm"
    " distance_bits allow_list_key allow_entry_key allow_entry_id reason actor",
    "cases": "key content_key state priority due_at assignee opened_at decided_at notified_at"
    " proposal proposed_by legal_hold newest_match reopened revision",
    "case_notes": "key case_key at actor text",
    "uploader_details": "case_key key_id sealed",
    "ncmec_reports": "key case_key target base is_test stage report_id file_id without_file"
    " finished_at",
    "tokens": "key token_id name secret_hash scopes requests_per_minute expires_at revoked_at",
    "review_samples": "key drawn_at drawn_by seed size since until list_name by_list nearness"
    " populations",
    "sampled_matches": "key sample_key match_key list_name algorithm distance_bits threshold_bits"
    " view removed_at result",
}
_BOOLEANS = {"is_test", "by_list"}
_DATES = {"licence_end"}
_MOMENTS = {"since", "until", "at", "due_at", "drawn_at"}
_BLOBS = {"fingerprint", "secret_hash", "value"}


# What the program calls the turn to seal.
_TURN_TO_SEAL = 0x686D04


def upgrade() -> None:
    """Add the table of batches, and the column that names the newest record of a row."""
    op.create_table(
        "audit_batches",
        sa.Column("key", _LONG, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("records", sa.Text(), nullable=False),
        sa.Column("records_hash", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("signature", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("key", name="pk_audit_batches"),
        sqlite_autoincrement=True,
    )
    for table in _AUDITED:
        op.add_column(table, sa.Column("audit_id", _LONG))


def downgrade() -> None:
    """Seal what is not sealed, and bind rows without the column; the older program verifies them.

    There is no key here to sign the new end with: the next change of anything signs it.
    """
    if op.get_bind().dialect.name != "sqlite":  # Which has one writer anyway.
        # Nobody seals meanwhile.
        op.execute(sa.text(f"SELECT pg_advisory_xact_lock({_TURN_TO_SEAL})"))
    log = _AuditLog()
    log.seal()
    for table, names in _AUDITED.items():
        log.bind(table, names.split())
    log.close()
    for table in _AUDITED:
        op.drop_column(table, "audit_id")
    op.drop_table("audit_batches")


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
        self._facts = json.dumps({"revision": revision}, separators=(",", ":"))
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

    def bind(self, table: str, names: Sequence[str]) -> None:
        """Bind the rows of a table that have an `audit_id` by their other values alone.

        A row that differed from its record before still does.
        """
        for values, own, state in self._rows(table, names):
            is_intact = state == _state_hash(table, [*values, own])
            bound = _state_hash(table, values) if is_intact else state
            record = ("schema.downgraded", table, values[0], self._facts)
            self._append(datetime.now(UTC), "hashmatch", record, bound)
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

    def _rows(
        self, table: str, names: Sequence[str]
    ) -> Iterator[tuple[list[object], int, bytes | None]]:
        """Yield (values, `audit_id`, state hash of the newest record) of rows that have such an id.

        In the order of their keys.
        """
        rows = sa.table(table, *(sa.column(name, _kind(name)) for name in (*names, "audit_id")))
        key = rows.c[names[0]]
        newest = (
            sa.select(sa.func.max(_RECORDS.c.number))
            .where(_RECORDS.c.subject == table, _RECORDS.c.subject_key == key)
            .correlate(rows)
            .scalar_subquery()
        )
        query = (
            sa.select(*rows.c, _RECORDS.c.state_hash)
            .select_from(rows.outerjoin(_RECORDS, _RECORDS.c.number == newest))
            .where(rows.c.audit_id.is_not(None))
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


def _kind(name: str) -> sa.types.TypeEngine[object]:
    """Return the type of an audited column as it is read here."""
    if name in _BOOLEANS:
        return sa.Boolean()
    if name in _DATES:
        return sa.Date()
    if name in _MOMENTS or name.endswith("_at"):
        return _TIME
    return _BYTES if name in _BLOBS else sa.types.NullType()


def _state_hash(table: str, values: Sequence[object]) -> bytes:
    return hashlib.sha256(_text([table, *map(_plain, values)])).digest()


def _text(values: Sequence[object]) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode()


def _plain(value: object) -> object:
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, datetime):
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return aware.isoformat(timespec="microseconds")
    return value.isoformat() if isinstance(value, date) else value
