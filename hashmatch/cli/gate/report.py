"""`hashmatch gate report`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from ..context import App, json_option, pass_app
from ..output import print_json, print_table, say
from ..period import period_options


@click.command("report")
@period_options
@json_option
@pass_app
def command(app: App, since: datetime | None, until: datetime | None, *, as_json: bool) -> None:
    """Report the decisions of gates, and their safeguards as they changed.

    A period is of whole days.
    """
    from hashmatch.gate import gate_report

    with app.database() as database, database.reading() as session:
        report = gate_report(session, since, until)
    if as_json:
        print_json(report)
        return
    if not report["gates"]:
        say("no gate decided anything in this period")
    else:
        names = list(report["gates"][0]["verdicts"])
        print_table(
            "Decisions",
            ["gate", "side", "pictures", *names, "withheld", "coverage"],
            [
                [one["adapter"], one["role"], str(one["pictures"]),
                 *(str(one["verdicts"][name]) for name in names), str(one["withheld"]),
                 _share(one["coverage"])]
                for one in report["gates"]
            ],
        )  # fmt: skip
    if report["prompts"]:
        columns = ["source", "outcome", "reason", "count"]
        rows = [[str(one[name]) for name in columns] for one in report["prompts"]]
        print_table("Prompts", columns, rows)
    if report["safeguards"]:
        print_table(
            "Safeguards",
            ["since", "gate", "version", "fails closed", "level", "lists"],
            [_row(one) for one in report["safeguards"]],
        )


def _row(facts: dict[str, Any]) -> list[str]:
    lists = (f"{name} {one['generation']}" for name, one in facts["lists"].items())
    return [
        facts["since"], facts["gate"], facts["version"], "yes" if facts["fails_closed"] else "no",
        facts["level"], ", ".join(lists) or "none",
    ]  # fmt: skip


def _share(coverage: float | None) -> str:
    return "" if coverage is None else f"{coverage:.2%}"
