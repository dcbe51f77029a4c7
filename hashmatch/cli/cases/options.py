"""Arguments and options that several `hashmatch cases` commands share."""

from __future__ import annotations

from typing import Any

import click

from ..choices import DECISIONS

DECISION = click.Choice(DECISIONS)


class CaseKey(click.ParamType[int]):
    """Id of a case."""

    name = "case"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the key of the case."""
        from hashmatch.store.cases import parse_case_id

        takes_decision = ctx is not None and any("--as" in one.opts for one in ctx.command.params)
        if value in DECISIONS and takes_decision:
            self.fail(f"a decision goes behind --as: --as {value}", param, ctx)
        return value if isinstance(value, int) else parse_case_id(str(value))


cases_argument = click.argument("cases", type=CaseKey(), nargs=-1, required=True, metavar="CASE...")
case_argument = click.argument("case", type=CaseKey())
by_option = click.option("--by", help="Person who acts; by default your login name.")
note_option = click.option("--note", default="", help="Reason, as a note on the case.")
