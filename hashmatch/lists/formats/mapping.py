"""Mapping of records of any layout to rows, by the names of their columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from hashmatch.config import MappingSettings
from hashmatch.errors import ListFileError

from .interface import BadRow, Excluded, RawRow

TAG_SEPARATOR = ";"
# Our own column names, for files that use them.
OWN_COLUMNS = MappingSettings(
    columns={
        "entry_id": "entry_id",
        "algorithm": "algorithm",
        "value": "value",
        "category": "category",
        "tags": "tags",
        "added_at": "added_at",
        "note": "note",
    }
)
_YES = frozenset({"true", "yes", "y", "1", "x"})
_NO = frozenset({"", "false", "no", "n", "0", "none", "null"})


def named_columns(mapping: MappingSettings) -> set[str]:
    """Return the columns that a mapping names, in lower case."""
    named = (*mapping.columns, *mapping.hashes, *mapping.flags)
    return {name.lower() for name in named}


def hash_columns(mapping: MappingSettings) -> set[str]:
    """Return those of them that hold hashes and algorithms, in lower case."""
    own = [name for name, column in mapping.columns.items() if column in ("algorithm", "value")]
    return {name.lower() for name in (*own, *mapping.hashes)}


def require_hash_columns(mapping: MappingSettings) -> None:
    """Raise `ListFileError` for a mapping with which no row could ever have a hash."""
    own = mapping.columns.values()
    has_value = "value" in own
    has_algorithm = "algorithm" in own or mapping.algorithm
    if not mapping.hashes and not (has_value and has_algorithm):
        raise ListFileError(
            "the mapping does not name the columns of hashes",
            hint="Set 'hashes', or 'columns' with value and algorithm: 'hashmatch config sample'.",
        )


def mapped_rows(
    mapping: MappingSettings, line: int, record: Mapping[str, object]
) -> Iterator[RawRow | BadRow | Excluded]:
    """Yield one row for each hash of a record, whose keys are in lower case."""
    texts: dict[str, str] = {}
    given_tags: object = None
    # The id first, so that any other problem is reported with the id of its entry.
    for file_column, column in sorted(mapping.columns.items(), key=_is_not_the_id):
        value = record.get(file_column.lower())
        if column == "tags":
            given_tags = value
            continue
        text = _text_of(column, value)
        if text is None:
            yield BadRow(line, f"{column} is not a string", texts.get("entry_id", ""))
            return
        texts[column] = text
    entry_id = texts.get("entry_id", "")
    category = mapped_category(mapping, line, texts.get("category", ""), entry_id)
    if not isinstance(category, str):
        yield category
        return
    tags = _tags(mapping, given_tags, record)
    if tags is None:
        yield BadRow(line, "the tags or a flag cannot be read", entry_id)
        return
    hashes = _hashes(mapping, texts, record)
    for algorithm, text in hashes:
        if text is None:
            yield BadRow(line, f"the {algorithm} value is not a string", entry_id)
        else:
            yield RawRow(
                line,
                algorithm,
                text,
                entry_id,
                category,
                tags,
                texts.get("added_at", ""),
                texts.get("note", ""),
            )
    if not hashes:
        yield BadRow(line, "there is no hash", entry_id)


def mapped_category(
    mapping: MappingSettings, line: int, text: str, entry_id: str
) -> str | Excluded | BadRow:
    """Return our category for the licensor's, or the entry as excluded or rejected."""
    plain = text.strip()
    if plain in mapping.excluded_categories:
        return Excluded(line)
    if (known := mapping.categories.get(plain)) is not None:
        return known
    if mapping.other_categories == "exclude":
        return Excluded(line)
    if mapping.other_categories == "reject":
        return BadRow(line, "its category is not in the mapping", entry_id)
    return text


def as_flag(value: object) -> bool | None:
    """Return True or False for a yes or no in any spelling, None for other values."""
    if isinstance(value, bool):
        return value
    text = (as_text(value) or "").strip().lower()
    return True if text in _YES else False if text in _NO else None


def as_text(value: object) -> str | None:
    """Return a string or number as text that can be stored, "" for None.

    Returns None for values of other types, and for text that no database can store.
    """
    if value is None:
        return ""
    # True and False are int for Python, and are no ids.
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or "\0" in value:
        return None
    try:
        value.encode()
    except UnicodeEncodeError:  # JSON can hold unpaired surrogates.
        return None
    return value


def _hashes(
    mapping: MappingSettings, texts: Mapping[str, str], record: Mapping[str, object]
) -> list[tuple[str, str | None]]:
    """Return the algorithms and values of a record, None for a value that is not a string."""
    found: list[tuple[str, str | None]] = []
    for file_column, name in mapping.hashes.items():
        given = record.get(file_column.lower())
        value = given if isinstance(given, str) else None
        # An empty column is normal here: an entry rarely has a hash of every algorithm.
        if given is not None and (value is None or value.strip()):
            found.append((name, value))
    value = texts.get("value", "")
    if "value" in texts and (value.strip() or not mapping.hashes):
        named = texts.get("algorithm") or mapping.algorithm
        found.append((mapping.algorithms.get(named.strip(), named), value))
    return found


def _is_not_the_id(column: tuple[str, str]) -> bool:
    return column[1] != "entry_id"


def _text_of(column: str, value: object) -> str | None:
    # A hash that is written as a number may have lost digits.
    is_number = not isinstance(value, str | None)
    return None if is_number and column in ("algorithm", "value") else as_text(value)


def _tags(
    mapping: MappingSettings, given: object, record: Mapping[str, object]
) -> tuple[str, ...] | None:
    """Return the given tags of a record and those of its flags, None for an unknown form."""
    if isinstance(given, list):
        tags = [as_text(one) for one in given]
    else:
        text = as_text(given)
        tags = [None] if text is None else [*map(str.strip, text.split(TAG_SEPARATOR))]
    for file_column, tag in mapping.flags.items():
        is_set = as_flag(record.get(file_column.lower()))
        tags += [None] if is_set is None else [tag] * is_set
    return None if None in tags else tuple(tag for tag in tags if tag)
