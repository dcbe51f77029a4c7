"""Versions of what a verdict rests on."""

from __future__ import annotations

import platform
import sqlite3
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

# Decoders, hashing, matching and the store; extras are there or not.
_PACKAGES = ("pillow", "pillow-heif", "numpy", "numba", "imagehash", "sqlalchemy", "psycopg")


def versions() -> Iterator[tuple[str, str]]:
    """Yield names and versions: the schema, Python, SQLite and packages that are installed."""
    from hashmatch.store.engine import HEAD_REVISION

    yield "schema", HEAD_REVISION
    yield "Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield "SQLite", sqlite3.sqlite_version
    for name in _PACKAGES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue
