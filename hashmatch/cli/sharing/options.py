"""Options that several `hashmatch sharing` commands share."""

from __future__ import annotations

import click


def require_both(list_name: str | None, entry: str | None) -> tuple[str, str] | None:
    """Return the list and id of an entry; None where neither is given, an error for one alone."""
    if list_name is None and entry is None:
        return None
    if list_name is None or entry is None:
        raise click.UsageError("--list and --entry go together")
    return list_name, entry
