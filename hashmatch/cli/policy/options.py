"""Options and rows that the commands of `hashmatch policy` share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from hashmatch.store.engine import Database

_Command = TypeVar("_Command", bound=Callable[..., Any])


def reason_options(command: _Command) -> _Command:
    """Add the reason of a policy, and the evaluation that it rests on, to a command."""
    for option in (
        click.option(
            "--evaluation",
            metavar="FILE_OR_ID",
            help="Results of hashmatch evaluate (--results), or the id of a reviewed sample.",
        ),
        click.option("--reason", required=True, help="Reason of the policy, for the audit log."),
    ):
        command = option(command)
    return command


def cited(database: Database, evaluation: str | None) -> dict[str, Any] | None:
    """Return the facts of an evaluation, None for none. Raises `InputError`."""
    if evaluation is None:
        return None
    from hashmatch.evaluate import cite_evaluation

    with database.reading() as session:
        return cite_evaluation(session, evaluation)


def changes_in_words(changes: Mapping[str, Any]) -> str:
    """Return changes by key as one text, such as "intake.level: standard -> thorough"."""
    return "; ".join(f"{key}: {_word(was)} -> {_word(now)}" for key, (was, now) in changes.items())


def _word(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "not set" if value is None else str(value)
