"""Imports of lists into the store, in short."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeAlias

from hashmatch.config import MappingSettings
from hashmatch.lists import ImportSummary, find_format, import_list
from hashmatch.store.engine import Database
from hashmatch.store.lists import MATCH

DatabaseFactory: TypeAlias = Callable[[], AbstractContextManager[Database]]


def import_text(
    database: Database,
    name: str,
    text: str | bytes,
    list_format: str = "csv",
    *,
    strict: bool = False,
    withdraw_missing: bool = False,
    mapping: MappingSettings | None = None,
    kind: str = MATCH,
) -> ImportSummary:
    """Import a list that is given as text."""
    stream = io.BytesIO(text.encode() if isinstance(text, str) else text)
    return import_list(
        database,
        name,
        stream,
        find_format("", list_format),
        source="a test",
        kind=kind,
        strict=strict,
        withdraw_missing=withdraw_missing,
        mapping=mapping,
    )
