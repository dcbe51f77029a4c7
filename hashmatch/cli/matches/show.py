"""`hashmatch matches show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hashmatch.hashes import SEARCH_VIEWS

from ..context import App, json_option, pass_app, show_hashes_option
from ..output import print_facts, print_json, print_table

if TYPE_CHECKING:
    from hashmatch.store.schema import ContentHash, MatchRecord


@click.command("show")
@click.argument("match_id")
@show_hashes_option
@json_option
@pass_app
def command(app: App, match_id: str, *, show_hashes: bool, as_json: bool) -> None:
    """Show one match in full.

    It is shown with its list entry, hashes and history.
    """
    from hashmatch.reports import report_row
    from hashmatch.store.matches import read_content_hashes, read_entry_history, read_match

    with app.database() as database, database.reading() as session:
        stored = read_match(session, match_id)
        hashes = read_content_hashes(session, stored.content.key)
        facts = report_row(stored).as_json()
        facts.pop("value")
        facts |= read_entry_history(session, stored)
    hashes.sort(key=lambda one: (one.frame, one.algorithm))
    found = [_hash_facts(one, one.version, show_hashes=show_hashes) for one in hashes]
    record = stored.record
    if record.view in SEARCH_VIEWS:
        # The views of the search are stored with their matches alone.
        found.append(_hash_facts(record, record.hasher_version, show_hashes=show_hashes))
    if as_json:
        print_json({**facts, "hashes": found})
        return
    print_facts(f"Match {match_id}", facts)
    columns = tuple(found[0]) if found else ("algorithm",)
    print_table("Hashes of the content", columns, [tuple(one.values()) for one in found])


def _hash_facts(
    one: ContentHash | MatchRecord, version: str, *, show_hashes: bool
) -> dict[str, object]:
    return {
        "algorithm": one.algorithm,
        "version": version,
        **({"value": one.value.hex()} if show_hashes else {}),
        "quality": one.quality,
        "orientation": one.orientation,
        "frame": one.frame,
        "view": one.view,
        "decode": one.decode,
    }
