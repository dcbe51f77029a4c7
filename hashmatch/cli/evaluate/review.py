"""`hashmatch evaluate review`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from ..context import App, json_option, login_name, pass_app
from ..output import print_facts, print_json, print_markdown, print_rows, say
from ..period import period_options

if TYPE_CHECKING:
    from hashmatch.store.engine import Database
    from hashmatch.store.matches import MatchFilter

_MAX_LISTED = 1_000


@click.command("review")
@period_options
@click.option("--list", "list_name", help="Only matches of this list.")
@click.option(
    "--sample",
    "size",
    type=click.IntRange(1),
    help="Draw this many matches at random, to be reviewed, and record the sample.",
)
@click.option("--by-list", is_flag=True, help="Draw evenly from each list.")
@click.option("--near", is_flag=True, help="Draw from matches that are only near.")
@click.option("--seed", default="", help="Seed of the sample; by default one is chosen.")
@click.option("--by", default="", help="Who draws the sample; by default your login name.")
@click.option("--id", "sample", type=click.IntRange(1), help="Show a sample and its results.")
@click.option("--list-all", is_flag=True, help="Show all samples, newest first.")
@click.option("--markdown", is_flag=True, help="Write tables in Markdown.")
@json_option
@pass_app
def command(
    app: App,
    since: datetime | None,
    until: datetime | None,
    list_name: str | None,
    size: int | None,
    seed: str,
    by: str,
    sample: int | None,
    *,
    by_list: bool,
    near: bool,
    list_all: bool,
    markdown: bool,
    as_json: bool,
) -> None:
    """Show the precision of decided cases, or draw a sample to review.

    Precision is the share of decided cases that were confirmed, with its interval of 95 %. Open
    cases count for neither side.
    """
    from hashmatch.evaluate import SampleRequest, draw_sample
    from hashmatch.outcome import Nearness
    from hashmatch.store.matches import MatchFilter

    if sum((size is not None, sample is not None, list_all)) > 1:
        raise click.UsageError("--sample, --id and --list-all cannot be combined.")
    if size is None and (by_list or near or seed or by):
        raise click.UsageError("--by-list, --near, --seed and --by belong to --sample.")
    wanted, show = MatchFilter(since, until, list_name), _Show(markdown, as_json)
    with app.database() as database:
        if size is not None:
            nearness = Nearness.NEAR if near else Nearness.MATCH
            request = SampleRequest(size, wanted, nearness, by_list, seed)
            sample = draw_sample(database, request, by or login_name())
            say(f"sample {sample} is drawn; 'hashmatch evaluate review --id {sample}' follows it")
        if sample is not None:
            _show_sample(database, sample, show)
        elif list_all:
            _show_samples(database, show)
        else:
            _show_precision(database, wanted, show)


class _Show:
    """Way to write rows: as a table, in Markdown, or as JSON Lines."""

    def __init__(self, markdown: bool, as_json: bool) -> None:  # noqa: FBT001
        if markdown and as_json:
            raise click.UsageError("--markdown and --json cannot be combined.")
        self.markdown, self.as_json = markdown, as_json

    def rows(self, title: str, rows: Sequence[dict[str, Any]]) -> None:
        """Write rows of the same names."""
        if self.markdown:
            print_markdown(title, rows)
        else:
            print_rows(title, rows, as_json=self.as_json)


def _show_precision(database: Database, wanted: MatchFilter, show: _Show) -> None:
    from hashmatch.evaluate import review_rows

    with database.reading() as session:
        rows = list(review_rows(session, wanted))
    show.rows("Results of review", rows)
    if not rows:
        say("there are no such matches")


def _show_samples(database: Database, show: _Show) -> None:
    from hashmatch.evaluate import sample_line
    from hashmatch.store.evaluations import read_samples

    with database.reading() as session:
        samples = read_samples(session, limit=_MAX_LISTED)
        rows = [sample_line(session, one) for one in samples]
    show.rows("Samples", rows)
    if not rows:
        say("no sample was drawn yet")


def _show_sample(database: Database, sample: int, show: _Show) -> None:
    from hashmatch.evaluate import sample_facts

    with database.reading() as session:
        facts = sample_facts(session, sample)
    if show.as_json:
        print_json(facts)
        return
    lists, matches = facts.pop("lists"), facts.pop("matches")
    if show.markdown:
        print_markdown(f"Sample {sample}", [facts])
    else:
        print_facts(f"Sample {sample}", facts)
    show.rows("By list", lists)
    show.rows("Matches", matches)
    if facts["open"]:
        say(f"{facts['open']} of {facts['drawn']} are not decided: the precision is not final")
