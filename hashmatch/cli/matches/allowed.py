"""`hashmatch matches allowed`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..context import App, json_option, limit_option, pass_app
from ..output import print_rows, say

if TYPE_CHECKING:
    from hashmatch.store.matches import StoredAllowedMatch


@click.command("allowed")
@limit_option
@json_option
@pass_app
def command(app: App, limit: int, *, as_json: bool) -> None:
    """Show the newest matches that allow lists explain, newest first."""
    from hashmatch.store.matches import read_allowed_matches

    with app.database() as database, database.reading() as session:
        rows = [_allowed_facts(one) for one in read_allowed_matches(session, limit=limit)]
    print_rows("Allowed matches", rows, as_json=as_json)
    if not rows and not as_json:
        say("there are no allowed matches")


def _allowed_facts(one: StoredAllowedMatch) -> dict[str, object]:
    record = one.record
    return {
        "allowed_at": record.allowed_at.isoformat(timespec="seconds"),
        "content_id": one.content.content_id,
        "list": one.list_name,
        "generation": record.generation,
        "entry_id": record.entry_id,
        "algorithm": record.algorithm,
        "distance_bits": record.distance_bits,
        "allow_list": one.allow_list_name,
        "allow_entry_id": record.allow_entry_id,
        "reason": record.reason,
        "actor": record.actor,
    }
