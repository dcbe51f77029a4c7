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
