"""Insert deliveries under generations that are published once complete, and keep counts."""

from collections import Counter
from itertools import groupby
from operator import itemgetter

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_LONG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_WITHDRAWN = sa.text("withdrawn_generation IS NOT NULL")
_ACTIVE = sa.text("withdrawn_generation IS NULL")
_NAMED = sa.text("withdrawn_generation IS NULL AND entry_id != ''")
_UNIQUE = "uq_unsupported_hashes_list_key_algorithm_value_entry_id"
_DEGENERATE = "degenerate "
_CONTENT = ("category", "tags", "added_at", "note")


def upgrade() -> None:
    """Add columns and tables, and count what the lists have now."""
    op.add_column("lists", sa.Column("preparing", sa.Integer()))
    op.add_column("lists", sa.Column("emptied", sa.Integer(), server_default="0", nullable=False))
    op.add_column("lists", sa.Column("clear_from", sa.BigInteger()))
    op.add_column("generations", sa.Column("prepared_as", sa.Integer()))
    op.add_column("generations", sa.Column("first_key", sa.BigInteger()))
    op.add_column("generations", sa.Column("last_key", sa.BigInteger()))
    op.add_column(
        "quarantined_deliveries",
        sa.Column("complete", sa.Boolean(), server_default=sa.true(), nullable=False),
    )
    op.add_column(
        "entries", sa.Column("allows", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.execute(
        "UPDATE entries SET allows = true"
        " WHERE list_key IN (SELECT key FROM lists WHERE kind = 'allow')"
    )
    _create_tables()
    with op.batch_alter_table("unsupported_hashes") as table:
        table.drop_constraint(_UNIQUE, type_="unique")
        table.add_column(
            sa.Column("added_generation", sa.Integer(), server_default="0", nullable=False)
        )
        table.add_column(sa.Column("withdrawn_generation", sa.Integer()))
    of_unsupported = ["list_key", "algorithm", "entry_id", "value"]
    _index(
        "uq_unsupported_hashes_active",
        "unsupported_hashes",
        of_unsupported,
        _ACTIVE,
        is_unique=True,
    )
    _index("ix_unsupported_hashes_withdrawn", "unsupported_hashes", ["list_key"], _WITHDRAWN)
    of_added = ["list_key", "added_generation"]
    op.create_index("ix_unsupported_hashes_added", "unsupported_hashes", of_added)
    for name in ("uq_entries_active", "ix_entries_named", "ix_entries_disabled"):
        op.drop_index(name, "entries")
    identity = ["list_key", "entry_id", "algorithm", "value"]
    _index("uq_entries_active", "entries", identity, _ACTIVE, is_unique=True)
    _index("ix_entries_disabled", "entries", identity, sa.text("disabled"))
    _index("ix_entries_allows", "entries", ["algorithm", "value"], sa.text("allows"))
    _note_keys()
    _count()


def _create_tables() -> None:
    op.create_table(
        "list_figures",
        sa.Column("list_key", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("list_key", "subject", "name", name="pk_list_figures"),
        sa.ForeignKeyConstraint(["list_key"], ["lists.key"], name="fk_list_figures_list_key_lists"),
    )
    op.create_table(
        "entry_changes",
        sa.Column("entry_key", _LONG, autoincrement=False, nullable=False),
        sa.Column("list_key", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in _CONTENT),
        sa.PrimaryKeyConstraint("entry_key", name="pk_entry_changes"),
        sa.ForeignKeyConstraint(
            ["list_key"], ["lists.key"], name="fk_entry_changes_list_key_lists"
        ),
    )
    op.create_index("ix_entry_changes_list_key", "entry_changes", ["list_key"])


def _note_keys() -> None:
    """Note between which keys the entries of each generation lie."""
    rows = op.get_bind().execute(
        sa.text(
            "SELECT list_key, added_generation, min(key), max(key) FROM entries"
            " GROUP BY list_key, added_generation"
        )
    )
    update = sa.text(
        "UPDATE generations SET first_key = :first, last_key = :last"
        " WHERE list_key = :list AND number = :number"
    )
    for list_key, number, first, last in rows.all():
        values = {"first": first, "last": last, "list": list_key, "number": number}
        op.get_bind().execute(update, values)


def _count() -> None:
    of_lists = sa.text("SELECT key FROM lists WHERE removed_at IS NULL")
    for list_key in op.get_bind().scalars(of_lists).all():
        _insert(list_key, "hashes", _counted(list_key, "entries", "withdrawn_generation IS NULL"))
        unsupported = _counted(list_key, "unsupported_hashes", "true")
        degenerate = {name for name in unsupported if name.startswith(_DEGENERATE)}
        others = {name: unsupported[name] for name in unsupported.keys() - degenerate}
        _insert(list_key, "unsupported", others)
        shown = {name.removeprefix(_DEGENERATE): unsupported[name] for name in degenerate}
        _insert(list_key, "degenerate", shown)
        _insert(list_key, "disabled", {"": sum(_counted(list_key, "entries", "disabled").values())})
        _insert(list_key, "entries", _by_algorithms(list_key))


def _counted(list_key: int, table: str, chosen: str) -> dict[str, int]:
    rows = f"FROM {table} WHERE list_key = :list AND {chosen} GROUP BY algorithm"
    query = sa.text(f"SELECT algorithm, count(*) {rows}")
    found = op.get_bind().execute(query, {"list": list_key})
    return {row[0]: row[1] for row in found}


def _by_algorithms(list_key: int) -> Counter[str]:
    """Return the number of entries by their algorithms; a row without an id is one by itself."""
    numbers: Counter[str] = Counter()
    query = sa.text(
        "SELECT entry_id, algorithm, count(*) FROM entries"
        " WHERE list_key = :list AND withdrawn_generation IS NULL"
        " GROUP BY entry_id, algorithm ORDER BY entry_id, algorithm"
    )
    rows = op.get_bind().execute(query, {"list": list_key}, execution_options={"yield_per": 10_000})
    for entry_id, some in groupby(rows, itemgetter(0)):
        if entry_id:
            numbers[" ".join(sorted(algorithm for _, algorithm, _ in some))] += 1
        else:
            numbers.update({algorithm: number for _, algorithm, number in some})
    return numbers


def _insert(list_key: int, subject: str, numbers: dict[str, int]) -> None:
    statement = sa.text("INSERT INTO list_figures VALUES (:list, :subject, :name, :number)")
    for name, number in numbers.items():
        if number:
            values = {"list": list_key, "subject": subject, "name": name, "number": number}
            op.get_bind().execute(statement, values)


# Whatever was not published is taken back, and what was is moved to where it was before.
_TAKE_BACK = """
DELETE FROM entries WHERE EXISTS (SELECT 1 FROM lists WHERE lists.key = entries.list_key
  AND (added_generation = preparing OR added_generation <= emptied));
UPDATE entries SET withdrawn_generation = NULL WHERE EXISTS (SELECT 1 FROM lists
  WHERE lists.key = entries.list_key AND withdrawn_generation = preparing);
DELETE FROM unsupported_hashes WHERE EXISTS (SELECT 1 FROM lists
  WHERE lists.key = unsupported_hashes.list_key
  AND (removed_at IS NOT NULL OR added_generation = preparing
    OR (withdrawn_generation IS NOT NULL AND coalesce(preparing, 0) != withdrawn_generation)));
DELETE FROM entry_changes WHERE EXISTS (SELECT 1 FROM lists
  WHERE lists.key = entry_changes.list_key AND entry_changes.generation = preparing);
UPDATE entries SET (category, tags, added_at, note) =
  (SELECT category, tags, added_at, note FROM entry_changes WHERE entry_key = entries.key)
  WHERE key IN (SELECT entry_key FROM entry_changes);
UPDATE entries SET added_generation = (SELECT number FROM generations
    WHERE generations.list_key = entries.list_key AND prepared_as = added_generation)
  WHERE EXISTS (SELECT 1 FROM generations
    WHERE generations.list_key = entries.list_key AND prepared_as = added_generation);
UPDATE entries SET withdrawn_generation = (SELECT number FROM generations
    WHERE generations.list_key = entries.list_key AND prepared_as = withdrawn_generation)
  WHERE EXISTS (SELECT 1 FROM generations
    WHERE generations.list_key = entries.list_key AND prepared_as = withdrawn_generation);
DELETE FROM quarantined_rows WHERE delivery_key IN
  (SELECT key FROM quarantined_deliveries WHERE NOT complete);
DELETE FROM quarantined_deliveries WHERE NOT complete
"""


def downgrade() -> None:
    """Take back what was not published, and drop the columns and tables."""
    for statement in _TAKE_BACK.split(";"):
        op.execute(statement)
    for name in ("uq_entries_active", "ix_entries_disabled", "ix_entries_allows"):
        op.drop_index(name, "entries")
    identity = ["list_key", "algorithm", "value", "entry_id"]
    _index("uq_entries_active", "entries", identity, _ACTIVE, is_unique=True)
    _index("ix_entries_disabled", "entries", identity, sa.text("disabled"))
    _index("ix_entries_named", "entries", ["list_key", "entry_id"], _NAMED)
    op.drop_column("entries", "allows")
    op.drop_index("uq_unsupported_hashes_active", "unsupported_hashes")
    op.drop_index("ix_unsupported_hashes_withdrawn", "unsupported_hashes")
    op.drop_index("ix_unsupported_hashes_added", "unsupported_hashes")
    with op.batch_alter_table("unsupported_hashes") as table:
        table.drop_column("added_generation")
        table.drop_column("withdrawn_generation")
        table.create_unique_constraint(_UNIQUE, ["list_key", "algorithm", "value", "entry_id"])
    op.drop_table("entry_changes")
    op.drop_table("list_figures")
    op.drop_column("quarantined_deliveries", "complete")
    for name in ("prepared_as", "first_key", "last_key"):
        op.drop_column("generations", name)
    for name in ("preparing", "emptied", "clear_from"):
        op.drop_column("lists", name)


def _index(
    name: str, table: str, columns: list[str], where: sa.TextClause, *, is_unique: bool = False
) -> None:
    op.create_index(
        name, table, columns, unique=is_unique, sqlite_where=where, postgresql_where=where
    )
