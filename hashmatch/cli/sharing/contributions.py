"""`hashmatch sharing contributions`."""

from __future__ import annotations

import click

from ..cases.options import CaseKey
from ..context import App, json_option, pass_app
from ..output import print_rows, say

_LIMIT = 1_000


@click.command("contributions")
@click.option("--case", type=CaseKey(), help="Those of this case alone.")
@json_option
@pass_app
def command(app: App, case: int | None, *, as_json: bool) -> None:
    """Show what was contributed or proposed, the newest first."""
    from hashmatch.store.sharing import read_contributions

    with app.database() as database, database.reading() as session:
        rows = [
            {
                "contribution": one.number,
                "case": one.case,
                "list": one.list_name,
                "entry": one.entry,
                "state": one.state.value,
                "category": one.facts.category or None,
                "classification": ", ".join(
                    f"{scheme}={code}" for scheme, code in one.facts.classification.items()
                )
                or None,
                "jurisdiction": one.facts.jurisdiction or None,
                "generated": one.facts.generated,
                "basis": one.facts.basis,
                "proposed_by": one.proposed_by,
                "decided_by": one.decided_by or None,
            }
            for one in read_contributions(session, case=case, limit=_LIMIT)
        ]
    print_rows("Contributions", rows, as_json=as_json)
    if not rows and not as_json:
        say("there are none; next: hashmatch sharing contribute CASE LIST --basis TEXT")
