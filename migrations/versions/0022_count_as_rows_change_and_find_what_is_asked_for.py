"""Keep figures as rows change, and index what people, clients and senders ask for."""

# ruff: noqa: S608 (no text of anybody else is in these statements)

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0019"
branch_labels = None
depends_on = None

_LONG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)
_NEW_INDEXES = (
    ("cases", ("state", "priority", "due_at", "key")),
    ("cases", ("assignee", "state", "priority", "due_at", "key")),
    ("cases", ("state", "changed_at", "key")),
    ("cases", ("state", "due_at")),
    ("cases", ("opened_at", "key")),
    ("case_notes", ("case_key", "key")),
    ("uploader_details", ("account_digest", "case_key")),
    ("uploader_details", ("key_id", "case_key")),
    ("uploader_details", ("received_at", "case_key")),
    ("ncmec_reports", ("finished_at",)),
    ("matches", ("matched_at", "key")),
    ("matches", ("list_key", "matched_at", "key")),
    ("matches", ("list_key", "entry_id", "content_key")),
    ("allowed_matches", ("allowed_at", "key")),
    ("contents", ("first_matched_at",)),
    ("contents", ("first_near_at",)),
    ("sync_runs", ("list_key", "key")),
    ("sync_runs", ("list_key", "outcome", "key")),
)
_OLD_INDEXES = (
    ("cases", ("state", "changed_at")),
    ("cases", ("opened_at",)),
    ("case_notes", ("case_key",)),
    ("uploader_details", ("account_digest",)),
    ("matches", ("matched_at",)),
    ("matches", ("list_key", "entry_id")),
    ("outbox", ("next_attempt_at",)),
    ("entry_activity", ("flooding_since",)),
)
_PARTIAL_INDEXES = (
    (
        "outbox", "ix_outbox_waiting", ("kind", "target", "next_attempt_at", "key"),
        "next_attempt_at IS NOT NULL",
    ),
    (
        "outbox", "ix_outbox_done", ("created_at", "key"),
        "next_attempt_at IS NULL AND (sent_at IS NOT NULL OR case_key IS NULL)",
    ),
    (
        "entry_activity", "ix_entry_activity_flooding_since", ("flooding_since",),
        "flooding_since IS NOT NULL",
    ),
)  # fmt: skip

_IS_NEAR = "{r}distance_bits > {r}threshold_bits"
# For each table its figures: name, condition, day, list, name, action, step, seconds. `{r}` is the
# row, `{day:…}` and `{s:…}` are functions that the two databases write differently.
_FIGURES = {
    "matches": (
        (
            "matches", "1 = 1", "matched_at", "{r}list_key", "{r}category", "{r}action",
            f"CASE WHEN {_IS_NEAR} THEN 1 ELSE 0 END", "0",
        ),
    ),
    "contents": (
        ("contents", "{r}first_matched_at IS NOT NULL", "first_matched_at", "0", "''", "''", "0",
         "0"),
        (
            "near_contents", "{r}first_matched_at IS NULL AND {r}first_near_at IS NOT NULL",
            "first_near_at", "0", "''", "''", "0", "0",
        ),
    ),
    "cases": (
        (
            "cases", "1 = 1", "opened_at", "0", "{r}state", "''",
            "CASE WHEN {r}reopened > 0 THEN 1 ELSE 0 END", "0",
        ),
        (
            "due", "{r}state IN ('open', 'in_review', 'confirmed')", "opened_at", "0", "{r}state",
            "''", "{due_hour}", "0",
        ),
        (
            "decisions", "{r}decided_at IS NOT NULL", "opened_at", "0", "''", "''", "{bucket}",
            "{taken_s}",
        ),
    ),
    "ncmec_reports": (
        (
            "ncmec_reports", "{r}finished_at IS NOT NULL AND NOT {r}is_test", "finished_at", "0",
            "''", "''", "0", "0",
        ),
    ),
    "outbox": (
        (
            "outbox", "{r}sent_at IS NULL", "created_at", "0",
            "CASE WHEN {r}next_attempt_at IS NULL THEN 'dead' ELSE 'waiting' END", "''", "0", "0",
        ),
    ),
}  # fmt: skip
# The rows that each event takes from the figures, and adds to them.
_EVENTS = {
    "insert": (("NEW", 1),),
    "update": (("OLD", -1), ("NEW", 1)),
    "delete": (("OLD", -1),),
}
_COLUMNS = "figure, day, list_key, name, action, step"
_FIRST_WIDTH_S, _FIRST_END_S, _DOUBLINGS = 60, 3_840, 15

_FIRST_MATCHES_FUNCTION = """
CREATE FUNCTION count_matches_of_contents() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE contents SET first_matched_at = least(first_matched_at, found.matched_at),
      first_near_at = least(first_near_at, found.near_at)
    FROM (
      SELECT content_key, min(matched_at) FILTER (WHERE distance_bits <= threshold_bits)
        AS matched_at, min(matched_at) FILTER (WHERE distance_bits > threshold_bits) AS near_at
      FROM new_rows GROUP BY content_key
    ) AS found
    WHERE contents.key = found.content_key AND (
      least(first_matched_at, found.matched_at) IS DISTINCT FROM first_matched_at
      OR least(first_near_at, found.near_at) IS DISTINCT FROM first_near_at);
  RETURN NULL;
END $$"""


def upgrade() -> None:
    """Add the columns, indexes and figures, filled from what there is, and what keeps them."""
    for table, columns in _OLD_INDEXES:
        op.drop_index(f"ix_{table}_{'_'.join(columns)}", table)
    op.add_column("contents", sa.Column("first_matched_at", _TIME))
    op.add_column("contents", sa.Column("first_near_at", _TIME))
    for table, columns in _NEW_INDEXES:
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))
    for table, name, columns, condition in _PARTIAL_INDEXES:
        where = sa.text(condition)
        op.create_index(name, table, list(columns), sqlite_where=where, postgresql_where=where)
    op.create_table(
        "figures",
        sa.Column("figure", sa.String(16), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("list_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("step", _LONG, autoincrement=False, nullable=False),
        sa.Column("slot", _LONG, autoincrement=False, nullable=False),
        sa.Column("number", _LONG, nullable=False),
        sa.Column("seconds", _LONG, nullable=False),
        sa.PrimaryKeyConstraint(
            "figure", "day", "list_key", "name", "action", "step", "slot", name="pk_figures"
        ),
    )
    unfolded = sa.text("slot <> 0 OR number = 0")
    op.create_index(
        "ix_figures_unfolded", "figures", ["slot"], sqlite_where=unfolded,
        postgresql_where=unfolded,
    )  # fmt: skip
    for column, compared in (("first_matched_at", "<="), ("first_near_at", ">")):
        op.execute(
            f"UPDATE contents SET {column} = (SELECT min(matched_at) FROM matches WHERE"
            f" content_key = contents.key AND distance_bits {compared} threshold_bits)"
        )
    for table, figures in _FIGURES.items():
        for one in figures:
            op.execute(_add(_deltas(one, "", 1, f"FROM {table}"), "0"))
    for statement in _sqlite() if _is_sqlite() else _postgresql():
        op.execute(statement)


def downgrade() -> None:
    """Drop what keeps the figures, the figures, and the columns and indexes."""
    for table in ("matches_of_contents", *_FIGURES):
        for event in ("insert", "update", "delete"):
            if table == "matches_of_contents" and event == "delete":
                continue
            on = "" if _is_sqlite() else f" ON {table.partition('_of_')[0]}"
            op.execute(f"DROP TRIGGER count_{table}_{event}{on}")
    if _is_sqlite():
        op.execute("DROP TRIGGER forget_figure")
    else:
        for table in ("matches_of_contents", *_FIGURES):
            op.execute(f"DROP FUNCTION count_{table}()")
        op.execute("DROP FUNCTION fold_figures()")
    op.drop_table("figures")
    for table, name, _, _ in _PARTIAL_INDEXES:
        op.drop_index(name, table)
    for table, columns in _NEW_INDEXES:
        op.drop_index(f"ix_{table}_{'_'.join(columns)}", table)
    op.drop_column("contents", "first_matched_at")
    op.drop_column("contents", "first_near_at")
    for table, columns in _OLD_INDEXES:
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _deltas(figure: tuple[str, ...], row: str, sign: int, source: str) -> str:
    """Return the query of what rows add to a figure, or with -1 take from it."""
    name, condition, moment, *values, seconds = figure
    taken_s = _seconds_between(f"{row}opened_at", f"{row}decided_at")
    parts = {
        "r": row,
        "due_hour": _hour(f"{row}due_at"),
        "taken_s": taken_s,
        "bucket": _bucket(taken_s),
    }
    columns = [f"'{name}'", _day(f"{row}{moment}"), *(one.format(**parts) for one in values)]
    return (
        f"SELECT {columns[0]} AS figure, {columns[1]} AS day, {columns[2]} AS list_key,"
        f" {columns[3]} AS name, {columns[4]} AS action, {columns[5]} AS step, {sign} AS number,"
        f" {sign} * {seconds.format(**parts)} AS seconds {source}"
        f" WHERE {condition.format(**parts)}"
    )


def _add(deltas: str, slot: str) -> str:
    """Return the statement that adds deltas to the figures of a slot."""
    return (
        f"INSERT INTO figures ({_COLUMNS}, slot, number, seconds)"
        f" SELECT {_COLUMNS}, {slot}, sum(number), sum(seconds) FROM ({deltas}) AS deltas"
        f" WHERE 1 = 1 GROUP BY {_COLUMNS} HAVING sum(number) <> 0 OR sum(seconds) <> 0"
        f" ON CONFLICT ({_COLUMNS}, slot) DO UPDATE SET"
        " number = figures.number + excluded.number, seconds = figures.seconds + excluded.seconds"
    )


def _sqlite() -> Iterator[str]:
    """Yield triggers for each row: there is one writer, so that one row a figure is no lock."""
    # The content item itself, in the order in which the figures of contents then follow.
    for event in ("insert", "update"):
        set_first = "".join(
            f"UPDATE contents SET {column} = NEW.matched_at WHERE key = NEW.content_key"
            f" AND NEW.distance_bits {compared} NEW.threshold_bits"
            f" AND ({column} IS NULL OR {column} > NEW.matched_at);"
            for column, compared in (("first_matched_at", "<="), ("first_near_at", ">"))
        )
        yield (
            f"CREATE TRIGGER count_matches_of_contents_{event} AFTER {event.upper()} ON matches"
            f" BEGIN {set_first} END"
        )
    for table, figures in _FIGURES.items():
        for event, rows in _EVENTS.items():
            statements = "".join(
                _add(
                    " UNION ALL ".join(_deltas(one, f"{row}.", sign, "") for row, sign in rows), "0"
                )
                + ";"
                for one in figures
            )
            yield (
                f"CREATE TRIGGER count_{table}_{event} AFTER {event.upper()} ON {table}"
                f" BEGIN {statements} END"
            )
    yield (
        "CREATE TRIGGER forget_figure AFTER UPDATE ON figures WHEN NEW.number = 0 BEGIN"
        " DELETE FROM figures WHERE rowid = NEW.rowid; END"
    )


def _fold_function() -> str:
    """Return the function that adds up what transactions left, some at a time."""
    columns = ", ".join(f"f.{one.strip()}" for one in _COLUMNS.split(","))
    same = " AND ".join(f"f.{one} = picked.{one}" for one in (*_COLUMNS.split(", "), "slot"))
    return f"""
CREATE FUNCTION fold_figures() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
  IF NOT pg_try_advisory_xact_lock({0x686D02}) THEN RETURN; END IF;
  WITH picked AS (
    SELECT {_COLUMNS}, slot FROM figures WHERE slot <> 0
      ORDER BY slot LIMIT 1000
  ), gone AS (
    DELETE FROM figures AS f USING picked WHERE {same}
      RETURNING {columns}, f.number, f.seconds
  ) {_add(f"SELECT {_COLUMNS}, number, seconds FROM gone", "0")};
  DELETE FROM figures WHERE slot = 0 AND number = 0;
END $$"""


def _postgresql() -> Iterator[str]:
    """Yield triggers for each statement, which add rows of the transaction's own.

    So no writer waits for another. One transaction in many folds what others left.
    """
    yield _fold_function()
    yield _FIRST_MATCHES_FUNCTION
    for event in ("insert", "update"):
        yield (
            f"CREATE TRIGGER count_matches_of_contents_{event} AFTER {event.upper()} ON matches"
            " REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT"
            " EXECUTE FUNCTION count_matches_of_contents()"
        )
    sources = {"OLD": "FROM old_rows", "NEW": "FROM new_rows"}
    for table, figures in _FIGURES.items():
        branches = []
        for event, rows in _EVENTS.items():
            statements = "".join(
                _add(
                    " UNION ALL ".join(_deltas(one, "", sign, sources[row]) for row, sign in rows),
                    "txid_current()",
                )
                + ";\n"
                for one in figures
            )
            branches.append(f"IF TG_OP = '{event.upper()}' THEN\n{statements}END IF;\n")
        yield (
            f"CREATE FUNCTION count_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN\n"
            f"{''.join(branches)}"
            "IF txid_current() % 64 = 0 THEN PERFORM fold_figures(); END IF;\n"
            "RETURN NULL; END $$"
        )
        for event, rows in _EVENTS.items():
            named = " ".join(f"{row} TABLE AS {row.lower()}_rows" for row, _ in rows)
            yield (
                f"CREATE TRIGGER count_{table}_{event} AFTER {event.upper()} ON {table}"
                f" REFERENCING {named} FOR EACH STATEMENT EXECUTE FUNCTION count_{table}()"
            )


def _day(moment: str) -> str:
    if _is_sqlite():
        return f"date({moment})"
    return f"CAST({moment} AT TIME ZONE 'UTC' AS date)"


def _hour(moment: str) -> str:
    if _is_sqlite():
        return f"CAST(strftime('%s', {moment}) AS INTEGER) / 3600"
    return f"CAST(floor(extract(epoch FROM {moment}) / 3600) AS bigint)"


def _seconds_between(begin: str, end: str) -> str:
    if _is_sqlite():
        return (
            f"(CAST(strftime('%s', {end}) AS INTEGER) - CAST(strftime('%s', {begin}) AS INTEGER))"
        )
    return f"CAST(floor(extract(epoch FROM {end}) - extract(epoch FROM {begin})) AS bigint)"


def _bucket(seconds: str) -> str:
    """Return the beginning of the span of time that holds a number of seconds.

    Spans are a minute, and from an hour on 3 % of the time at most.
    """
    widths = "".join(
        f" WHEN {seconds} < {_FIRST_END_S << place} THEN {_FIRST_WIDTH_S << place}"
        for place in range(_DOUBLINGS)
    )
    width = f"CASE{widths} ELSE {_FIRST_WIDTH_S << _DOUBLINGS} END"
    return f"{seconds} - {seconds} % ({width})"
