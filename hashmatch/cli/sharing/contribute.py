"""`hashmatch sharing contribute`."""

from __future__ import annotations

import click

from ..cases.actions import actor_named
from ..cases.options import by_option, case_argument
from ..context import App, pass_app
from ..index_updates import update_index
from ..output import say

_GENERATED = ("generated", "partly", "captured", "unknown")


@click.command("contribute")
@case_argument
@click.argument("list_name", metavar="LIST")
@click.option("--basis", required=True, help="On what it rests, such as who classified it.")
@click.option("--category", default="", help="Category of the entry, such as A1.")
@click.option(
    "--classify",
    "codes",
    multiple=True,
    metavar="SCHEME=CODE",
    help="Code in another scheme, such as icse=baseline; repeatable.",
)
@click.option("--jurisdiction", default="", help="Country by whose law, such as GB.")
@click.option(
    "--generated",
    type=click.Choice(_GENERATED),
    default="unknown",
    show_default=True,
    help="What is known of the making of the picture.",
)
@click.option("--evidence", type=int, help="Number of the evidence, if the case has several.")
@click.option("--note", default="", help="Note on the entry.")
@by_option
@pass_app
def command(
    app: App,
    case: int,
    list_name: str,
    basis: str,
    category: str,
    codes: tuple[str, ...],
    jurisdiction: str,
    generated: str,
    evidence: int | None,
    note: str,
    by: str | None,
) -> None:
    """Add the hashes of a confirmed case to an own list.

    Where the list needs two people, it is proposed, and another one has to agree.
    """
    from hashmatch.cases import contribute, parse_classification
    from hashmatch.store.sharing import ContributionFacts

    facts = ContributionFacts(
        category, parse_classification(codes), jurisdiction, basis, generated, note
    )
    actor, settings = actor_named(by), app.settings
    with app.database() as database:
        with database.writing(actor.audit_name) as session:
            done = contribute(session, settings, case, list_name, actor, facts, evidence=evidence)
        if done.entry is not None:
            update_index(app, database)
    if done.needs_second_person:
        say(f"contribution {done.number} is proposed; somebody else has to agree:")
        say(f"  hashmatch sharing approve {done.number}")
    else:
        say(f"contribution {done.number}: entry {done.entry} of list {list_name} is in force")
