"""Column types, naming conventions and keys that all tables share."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Date,
    DateTime,
    Dialect,
    Integer,
    LargeBinary,
    MetaData,
    TypeDecorator,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from hashmatch.errors import InputError

_FIRST_YEAR, _LAST_YEAR = 1900, 9000


def utc_now() -> datetime:
    """Return the time now, in UTC."""
    return datetime.now(UTC)


def utc_moment(moment: datetime) -> datetime:
    """Return a moment in UTC, if records can hold it.

    Raises `InputError` for one without a time zone, or outside the years that databases hold with
    some room around them.
    """
    if moment.tzinfo is None:
        raise InputError("a time needs its zone, such as 2026-01-31T00:00:00Z")
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise InputError(f"a time has to be of the years {_FIRST_YEAR} to {_LAST_YEAR}")
    return moment.astimezone(UTC)


def require_text(*texts: str | None) -> None:
    """Raise `InputError` for a text that no database can hold."""
    for text in texts:
        if text is not None and ("\0" in text or not _is_unicode(text)):
            raise InputError("a text contains a zero character or an unpaired surrogate")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class UTCDateTime(TypeDecorator[datetime]):
    """A moment, always with its time zone in Python, always in UTC in the database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _: Dialect) -> datetime | None:
        """Turn the moment into UTC; a moment without a time zone is refused."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs its time zone")
        # Nearly all are in UTC, and a batch has thousands.
        return value if value.tzinfo is UTC else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _: Dialect) -> datetime | None:
        """Say UTC where the database kept none."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# SQLite numbers rows by itself only in a column that says INTEGER; its integers are long anyway.
LongInteger = BigInteger().with_variant(Integer(), "sqlite")
# Keys are never given twice, not even after a removal: matches and reports refer to them.
KEYS_ARE_NEVER_REUSED: dict[str, Any] = {"sqlite_autoincrement": True}


class Base(DeclarativeBase):
    """The root of all tables, with a name for every constraint.

    The columns that are `audited`, the key first, are bound to the audit log.
    """

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UTCDateTime, date: Date, bytes: LargeBinary}  # noqa: RUF012
    audited: ClassVar[tuple[str, ...]] = ()


class Audited(Base):
    """The root of the tables whose rows are bound to the audit log.

    `audit_id` is the random number of the transaction that last recorded something about the row,
    and part of its state in that record, so that no other record fits. Null in rows that were last
    recorded before there were such numbers.
    """

    __abstract__ = True

    audit_id: Mapped[int | None] = mapped_column(LongInteger)
