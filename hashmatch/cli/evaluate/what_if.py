"""`hashmatch evaluate what-if`."""

from __future__ import annotations

from datetime import datetime

import click

from ..context import App, json_option, pass_app
from ..output import print_rows, say
from ..period import period_options


@click.command("what-if")
@click.option(
    "--threshold",
    "thresholds",
    multiple=True,
    required=True,
    metavar="ALGORITHM=BITS",
    help="Another threshold, such as pdq=24; repeatable.",
)
@click.option(
    "--review-bits",
    multiple=True,
    metavar="ALGORITHM=BITS",
    help="The distance up to which what is beyond that threshold would be near; repeatable. The"
    " default is policy.review_bits, of the list if there is one.",
)
@click.option("--list", "list_name", help="Only this list; others stay as they are.")
@period_options
@json_option
@pass_app
def command(
    app: App,
    thresholds: tuple[str, ...],
    review_bits: tuple[str, ...],
    list_name: str | None,
    since: datetime | None,
    until: datetime | None,
    *,
    as_json: bool,
) -> None:
    """Show what another threshold would leave of the recorded matches.

    By list and algorithm, by distance, and for content items by the result of their review.
    Nothing is changed.
    """
    from hashmatch.evaluate import parse_thresholds, try_thresholds
    from hashmatch.store.matches import MatchFilter
    from hashmatch.wiring import open_policy

    wanted = MatchFilter(since, until, list_name)
    others = parse_thresholds(thresholds, review_bits, open_policy(app.settings), list_name)
    with app.database() as database, database.reading() as session:
        found = try_thresholds(session, wanted, others)
    print_rows("Matches", found.lists, as_json=as_json)
    print_rows("Matches by distance", found.distances, as_json=as_json)
    print_rows("Content items by the result of their review", found.results, as_json=as_json)
    if not found.lists:
        say("there are no such matches")
    if not found.is_complete:
        say(
            "rows that are not complete are lower bounds: what lies beyond the threshold at which"
            " matches were recorded is not on record"
        )
