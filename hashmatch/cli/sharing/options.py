"""Argument and options that several `hashmatch sharing` commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ..cases.options import by_option

_Command = TypeVar("_Command", bound=Callable[..., Any])


def contribution_options(command: _Command) -> _Command:
    """Add the number of a contribution, and the person who acts, to a command."""
    return click.argument("number", type=click.IntRange(min=1))(by_option(command))


def require_both(list_name: str | None, entry: str | None) -> tuple[str, str] | None:
    """Return the list and id of an entry; None where neither is given, an error for one alone."""
    if list_name is None and entry is None:
        return None
    if list_name is None or entry is None:
        raise click.UsageError("--list and --entry go together")
    return list_name, entry
