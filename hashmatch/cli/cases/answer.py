"""`hashmatch cases answer`."""

from __future__ import annotations

import click

from ..choices import ANSWERS
from ..context import App, pass_app
from .actions import act_on_cases
from .options import by_option, case_argument, note_option


@click.command("answer")
@case_argument
@click.option("--as", "answer", type=click.Choice(ANSWERS), required=True, help="The answer.")
@click.option("--appeal", type=click.IntRange(1), help="Appeal, where several wait.")
@note_option
@by_option
@pass_app
def command(
    app: App, case: int, answer: str, appeal: int | None, note: str, by: str | None
) -> None:
    """Answer an appeal, with the reason.

    "upheld" says that the decision stands, "reversed" that it was wrong.
    """
    from hashmatch.cases import answer_appeal, open_appeal
    from hashmatch.store.schema import AppealState

    act_on_cases(
        app,
        [case],
        by,
        lambda session, case, actor: answer_appeal(
            session,
            app.settings,
            case,
            open_appeal(session, case) if appeal is None else appeal,
            AppealState(answer),
            actor,
            note=note,
        ),
    )
