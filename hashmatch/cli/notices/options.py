"""Arguments and options that several `hashmatch notices` commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..context import standard_input
from ..period import Moment

if TYPE_CHECKING:
    from hashmatch.notices import Registered

# Names and contacts come by a file alone: options stay in the history of a shell.
request_argument = click.argument("request_id", metavar="REQUEST_ID")
file_argument = click.argument(
    "file", type=click.Path(path_type=Path, allow_dash=True), required=False
)
note_option = click.option("--note", default="", help="Reason, as a note on the notice.")


def parts_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for parts of a request, given to the command as `parts`."""

    @functools.wraps(command)
    def wrapped(
        *args: Any,
        content_ids: tuple[str, ...],
        urls: tuple[str, ...],
        made_by: str | None,
        signed: bool,
        good_faith: bool,
        contact_on_file: bool,
        **others: Any,
    ) -> Any:
        places = [{"content_id": one} for one in content_ids] + [{"url": one} for one in urls]
        given = {
            "signed": signed,
            "good_faith": good_faith,
            "contact_on_file": contact_on_file,
            "made_by": made_by,
            "places": places,
        }
        parts = {name: value for name, value in given.items() if value}
        return command(*args, parts=parts, **others)

    options = (
        click.option("--content-id", "content_ids", multiple=True, help="Place; repeatable."),
        click.option("--url", "urls", multiple=True, help="Place as a URL; repeatable."),
        click.option(
            "--made-by",
            type=click.Choice(("subject", "representative")),
            help="Person who says to have made it.",
        ),
        click.option("--signed", is_flag=True, help="It is signed."),
        click.option("--good-faith", is_flag=True, help="It has a statement of good faith."),
        click.option("--contact-on-file", is_flag=True, help="The platform has the contact."),
    )
    return functools.reduce(lambda found, add: add(found), reversed(options), wrapped)


def work_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for work that was done, given to the command as `work`."""

    @functools.wraps(command)
    def wrapped(
        *args: Any,
        removed: tuple[str, ...],
        removed_at: datetime | None,
        listed: tuple[str, ...],
        copies_found: int | None,
        copies_removed: int | None,
        notified_at: datetime | None,
        **others: Any,
    ) -> Any:
        from hashmatch.notices import Work

        work = Work(
            removed, removed_at, _entries(listed), copies_found, copies_removed, notified_at
        )
        return command(*args, work=work, **others)

    options = (
        click.option("--removed", multiple=True, help="Content id or URL; repeatable."),
        click.option("--removed-at", type=Moment(), help="When, by default now."),
        click.option(
            "--listed",
            multiple=True,
            metavar="PLACE=LIST/ENTRY",
            help="Entry of an own list that has its hashes; repeatable.",
        ),
        click.option("--copies-found", type=click.IntRange(0), help="Known identical copies."),
        click.option("--copies-removed", type=click.IntRange(0), help="Those that were removed."),
        click.option("--notified-at", type=Moment(), help="When the requester was notified."),
    )
    return functools.reduce(lambda found, add: add(found), reversed(options), wrapped)


def _entries(listed: tuple[str, ...]) -> tuple[tuple[str, str, int], ...]:
    found = []
    for text in listed:
        place, _, entry = text.rpartition("=")
        list_name, separator, number = entry.partition("/")
        if not place or not separator or not number.isdecimal():
            raise click.UsageError("--listed is PLACE=LIST/ENTRY, as post/9=ours/3.")
        found.append((place, list_name, int(number)))
    return tuple(found)


def read_request(file: Path | None) -> bytes:
    """Return the request in a file, in stdin for "-", an empty one without a file."""
    if file is None:
        return b"{}"
    return standard_input().read() if str(file) == "-" else file.read_bytes()


def words_of(found: Registered) -> str:
    """Return in words where a notice stands."""
    if found.missing:
        return f"{found.request_id}: {found.state}, lacks {', '.join(found.missing)}"
    due = "" if found.due_at is None else f", due {found.due_at:%Y-%m-%d %H:%M} UTC"
    return f"{found.request_id}: {found.state}{due}"
