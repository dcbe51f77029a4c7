"""`hashmatch cases`: the queue of what matched, and what people decide about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from hashmatch.cases import (
    DECISIONS,
    PENDING,
    CaseAction,
    Done,
    Person,
    Role,
    State,
    add_note,
    assign,
    case_row,
    decide,
    escalate,
    give_details,
    hold,
    on_each,
    plan,
    retract,
    seal_anew,
    settle,
    show_details,
    view_case,
)
from hashmatch.details import make_detail_key, open_sealer, parse_details
from hashmatch.store.cases import CaseFilter, parse_case_id, read_cases
from hashmatch.store.schema import utc_now

from .context import App, json_option, login_name, pass_app, standard_input
from .exit_codes import EXIT_CLEAR, EXIT_UNSCREENED
from .output import print_json, print_table, say
from .period import Moment
from .secret_files import write_secret

_DECISION = click.Choice([one.value for one in DECISIONS])
_ROLES = frozenset({Role.REVIEWER, Role.ADMINISTRATOR, Role.EXPORTER})
_CASES_AT_ONCE = 100


class _Case(click.ParamType[int]):
    """The id of a case."""

    name = "case"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        return value if isinstance(value, int) else parse_case_id(str(value))


cases_argument = click.argument("cases", type=_Case(), nargs=-1, required=True, metavar="CASE...")
case_argument = click.argument("case", type=_Case())
by_option = click.option("--by", help="Whose decision it is; by default your login name.")
note_option = click.option("--note", default="", help="Why.")


@click.group("cases")
def command() -> None:
    """Work through what matched: look, decide, hand over."""


@command.command("list")
@click.option(
    "--state",
    "states",
    type=click.Choice([one.value for one in State]),
    multiple=True,
    help="Only cases in this state; repeatable.  [default: those that wait for somebody]",
)
@click.option("--all", "is_all", is_flag=True, help="Cases in every state.")
@click.option("--assignee", help="Only cases of this person.")
@click.option("--overdue", is_flag=True, help="Only cases that are due.")
@click.option("--content-id", help="Only cases of this content item.")
@click.option(
    "--limit", type=click.IntRange(1), default=100, show_default=True, help="At most so many."
)
@json_option
@pass_app
def list_(
    app: App,
    states: tuple[str, ...],
    assignee: str | None,
    content_id: str | None,
    limit: int,
    *,
    is_all: bool,
    overdue: bool,
    as_json: bool,
) -> None:
    """Show the queue: the most urgent first, then what is due first."""
    wanted = CaseFilter(
        states=() if is_all else states or PENDING,
        assignee=assignee,
        due_before=utc_now() if overdue else None,
        content_id=content_id,
        limit=limit,
    )
    with app.database() as database, database.reading() as session:
        rows = [case_row(one) for one in read_cases(session, wanted)]
    if as_json:
        for row in rows:
            print_json(row)
        return
    names = ("case", "content_id", "state", "priority", "due_at", "assignee", "proposal")
    if rows:
        print_table("Cases", names, [tuple(row[name] for name in names) for row in rows])
    else:
        say("there is no such case")
    if len(rows) == limit:
        say(f"there may be more than these {limit}; see --limit")


@command.command("show")
@case_argument
@click.option("--details", is_flag=True, help="Show who uploaded it, which goes on record.")
@json_option
@pass_app
def show(app: App, case: int, *, details: bool, as_json: bool) -> None:
    """Show one case with its matches, notes and history."""
    with app.database() as database:
        with database.reading() as session:
            facts = view_case(session, case)
        if details:
            with database.writing() as session:
                found = show_details(session, open_sealer(app.settings), case, "command line")
            facts["details"] = None if found is None else found.as_json()
    if as_json:
        print_json(facts)
        return
    parts = {name: facts.pop(name) for name in ("matches", "notes", "reports", "history")}
    print_table(f"Case {case}", ("what", "is"), list(facts.items()))
    for name, rows in parts.items():
        if rows:
            columns = tuple(dict.fromkeys(key for row in rows for key in row))
            cells = [tuple(row.get(key) for key in columns) for row in rows]
            print_table(name.capitalize(), columns, cells)


@command.command("assign")
@cases_argument
@click.option("--to", "assignee", required=True, help='Who works on them; "" for nobody.')
@by_option
@pass_app
def assign_(app: App, cases: tuple[int, ...], assignee: str, by: str | None) -> None:
    """Give cases to somebody."""
    _on_each(app, cases, by, lambda session, case, person: assign(session, case, assignee, person))


@command.command("plan")
@cases_argument
@click.option("--due", type=Moment(), help="When they are due (UTC).")
@click.option("--priority", type=click.IntRange(0, 9), help="How urgent they are; 0 comes first.")
@by_option
@pass_app
def plan_(
    app: App, cases: tuple[int, ...], due: datetime | None, priority: int | None, by: str | None
) -> None:
    """Say when cases are due, and how urgent they are."""
    if due is None and priority is None:
        raise click.UsageError("give --due, --priority or both")
    _on_each(
        app,
        cases,
        by,
        lambda session, case, person: plan(session, case, person, due_at=due, priority=priority),
    )


@command.command("note")
@cases_argument
@click.argument("text")
@by_option
@pass_app
def note_(app: App, cases: tuple[int, ...], text: str, by: str | None) -> None:
    """Say something about cases."""
    _on_each(app, cases, by, lambda session, case, person: add_note(session, case, text, person))


@command.command("decide")
@cases_argument
@click.option("--as", "action", type=_DECISION, required=True, help="What is decided.")
@note_option
@by_option
@pass_app
def decide_(app: App, cases: tuple[int, ...], action: str, note: str, by: str | None) -> None:
    """Decide about cases: review, confirm, dismiss, reported (elsewhere), close or reopen."""
    settings = app.settings.cases
    _on_each(
        app,
        cases,
        by,
        lambda session, case, person: decide(
            session, settings, case, CaseAction(action), person, note=note
        ),
    )


@command.command("escalate")
@cases_argument
@click.option("--to", "target", required=True, help="An [escalations.NAME] of the configuration.")
@click.option("--again", is_flag=True, help="Report it to NCMEC once more.")
@note_option
@by_option
@pass_app
def escalate_(
    app: App, cases: tuple[int, ...], target: str, note: str, by: str | None, *, again: bool
) -> None:
    """Hand cases over; 'hashmatch outbox send', 'lists sync' or the service sends them."""
    _on_each(
        app,
        cases,
        by,
        lambda session, case, person: escalate(
            session, app.settings, case, target, person, note=note, again=again
        ),
    )


@command.command("hold")
@cases_argument
@click.option("--reason", default="", help="Why they must be kept, such as an order's number.")
@click.option("--release", is_flag=True, help="They need not be kept any longer.")
@by_option
@pass_app
def hold_(app: App, cases: tuple[int, ...], reason: str, by: str | None, *, release: bool) -> None:
    """Keep cases whatever 'hashmatch retention apply' removes."""
    if bool(reason.strip()) is release:
        raise click.UsageError("give --reason, or --release")
    _on_each(app, cases, by, lambda session, case, person: hold(session, case, reason, person))


@command.command("details")
@case_argument
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@by_option
@pass_app
def details_(app: App, case: int, file: Path, by: str | None) -> None:
    """Keep who uploaded a case's content, from a JSON file or "-"; it is encrypted."""
    given = standard_input().read() if str(file) == "-" else file.read_bytes()
    details, sealer, person = parse_details(given), open_sealer(app.settings), _person(by)
    with app.database() as database, database.writing(person.actor) as session:
        give_details(session, sealer, case, details, person)
    say(f"case {case}: the details are kept, encrypted")


@command.command("retract")
@case_argument
@by_option
@pass_app
def retract_(app: App, case: int, by: str | None) -> None:
    """Take a report to NCMEC back that is not finished."""
    with app.database() as database:
        retract(database, app.settings, case, _person(by))
    say(f"case {case}: the report is taken back")


@command.command("settle")
@case_argument
@click.option("--finished", is_flag=True, help="NCMEC has the report.")
@click.option("--again", is_flag=True, help="NCMEC has it not; it may be sent again.")
@by_option
@pass_app
def settle_(app: App, case: int, by: str | None, *, finished: bool, again: bool) -> None:
    """Say what NCMEC says of a report of which nobody knew whether it was finished."""
    if finished is again:
        raise click.UsageError("give --finished or --again")
    person = _person(by)
    with app.database() as database, database.writing(person.actor) as session:
        settle(session, case, person, is_finished=finished)
    say(f"case {case}: settled")


@command.command("make-key")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def make_key(file: Path) -> None:
    """Write a new key for details of uploaders into FILE, readable by you alone."""
    write_secret(file, make_detail_key())
    say(f'written; name it first in cases.detail_keys: {{ file = "{file}" }}')


@command.command("change-key")
@pass_app
def change_key(app: App) -> None:
    """Encrypt all details with the first of cases.detail_keys; then older keys may go."""
    sealer, number = open_sealer(app.settings), 0
    with app.database() as database:
        while True:
            with database.writing() as session:
                done = seal_anew(session, sealer, limit=_CASES_AT_ONCE)
            if not done:
                break
            number += done
    say(f"details of {number} cases are encrypted anew")


def _person(by: str | None) -> Person:
    login = login_name()
    return Person((by or login).strip(), f"user {login}", _ROLES)


def _on_each(
    app: App,
    cases: Sequence[int],
    by: str | None,
    act: Callable[[Session, int, Person], Done],
) -> None:
    person = _person(by)
    with app.database() as database:
        results = on_each(database, cases, person, lambda session, case: act(session, case, person))
    for one in results:
        if one.problem is not None:
            say(f"case {one.case}: {one.problem.message}")
            if one.problem.hint:
                say(f"  {one.problem.hint}")
        elif one.waits_for_another:
            say(f"case {one.case}: {one.state}; this waits for another person to agree")
        else:
            say(f"case {one.case}: {one.state}")
    failed = any(one.problem is not None for one in results)
    click.get_current_context().exit(EXIT_UNSCREENED if failed else EXIT_CLEAR)
