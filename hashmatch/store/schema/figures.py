"""Table of figures that triggers of the database keep as rows come, change and go."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, LongInteger

# What keeps the figures, by table: a test holds them against rows that are counted one by one.
FIGURE_TRIGGERS = (
    *(
        f"count_{table}_{event}"
        for table in ("matches", "contents", "cases", "ncmec_reports", "outbox")
        for event in ("insert", "update", "delete")
    ),
    "count_matches_of_contents_insert",
    "count_matches_of_contents_update",
)


class Figure(Base):
    """Number of the rows of one kind and UTC day that are in the store, in the parts of a sum.

    | figure | day | list_key, name, action, step |
    | --- | --- | --- |
    | matches | of the match | list, category, action, 1 for near ones |
    | contents | of the first match within the threshold | – |
    | near_contents | of the first match, of contents with near ones only | – |
    | cases | of opening | name: state; step: 1 for those that were reopened |
    | due | of opening, of pending cases | name: state; step: hour of the due time |
    | decisions | of opening | step: seconds until then, to 3 %; `seconds` is their exact sum |
    | ncmec_reports | of the end of a report, none to the test server | – |
    | outbox | of queueing | name: waiting or dead |

    A writer on PostgreSQL adds to the `slot` of its own transaction, so that none waits for
    another; slot 0 has what was folded.
    """

    __tablename__ = "figures"

    figure: Mapped[str] = mapped_column(String(16), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    list_key: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    action: Mapped[str] = mapped_column(String(16), primary_key=True)
    step: Mapped[int] = mapped_column(LongInteger, primary_key=True, autoincrement=False)
    slot: Mapped[int] = mapped_column(LongInteger, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(LongInteger)
    seconds: Mapped[int] = mapped_column(LongInteger)

    __table_args__ = (
        Index(
            "ix_figures_unfolded",
            "slot",
            sqlite_where=text("slot <> 0 OR number = 0"),
            postgresql_where=text("slot <> 0 OR number = 0"),
        ),
    )
