"""`hashmatch lists`: make, fill, inspect and end the lists to match against."""

from __future__ import annotations

from collections.abc import Container
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path

import click

from hashmatch.errors import InputError
from hashmatch.lists import (
    FORMATS,
    confirm_delivery,
    find_format,
    import_list,
    list_facts,
    reject_delivery,
    view_quarantine,
)
from hashmatch.store.engine import Database
from hashmatch.store.lists import (
    ALLOW,
    MATCH,
    create_list,
    find_list,
    read_lists,
    remove_list,
    restore_entries,
    set_licence,
    withdraw_entries,
)
from hashmatch.store.schema import utc_now

from .allowed import command as allow
from .context import App, json_option, pass_app, standard_input
from .exit_codes import EXIT_CLEAR, EXIT_UNSCREENED
from .imported import show_import
from .index import compact_index, update_index
from .listed import show_lists
from .outbox import send_due
from .output import print_json, printable, progress, say
from .quarantined import show_quarantine
from .synced import show_syncs, sync_one

_DAY = click.DateTime(["%Y-%m-%d"])

name_argument = click.argument("name")
licensor_option = click.option("--licensor", help="Who licenses the list to you.")


@click.group("lists")
def command() -> None:
    """Make, import, inspect, withdraw from and remove lists."""


@command.command("add")
@name_argument
@licensor_option
@click.option("--licence-end", type=_DAY, help="The last day of the licence, YYYY-MM-DD.")
@click.option("--allow", "is_allow_list", is_flag=True, help="A list of known false positives.")
@pass_app
def add(
    app: App,
    name: str,
    licensor: str | None,
    licence_end: datetime | None,
    *,
    is_allow_list: bool,
) -> None:
    """Make an empty list."""
    with app.database() as database, database.writing() as session:
        last_day = None if licence_end is None else licence_end.date()
        kind = ALLOW if is_allow_list else MATCH
        create_list(session, name, kind=kind, licensor=licensor, licence_end=last_day)
    say(f"made list {name}; next: hashmatch lists import {name} FILE.csv")


command.add_command(allow)


@command.command("licence")
@name_argument
@licensor_option
@click.option("--end", type=_DAY, help="The last day of the licence, YYYY-MM-DD.")
@click.option("--no-end", is_flag=True, help="The licence has no end.")
@pass_app
def licence(
    app: App, name: str, licensor: str | None, end: datetime | None, *, no_end: bool
) -> None:
    """Set when a list's licence ends; after that day the list may not be matched against."""
    if (end is None) is not no_end:
        raise click.UsageError("give --end DATE or --no-end")
    with app.database() as database:
        with database.writing() as session:
            set_licence(session, name, licensor=licensor, end=None if end is None else end.date())
        words = "has no end" if end is None else f"ends after {end.date()}"
        say(f"list {name}: the licence {words}")
        _warn_of_licence_ends(database, [name])


@command.command("import")
@name_argument
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--format",
    "format_name",
    type=click.Choice([one.name for one in FORMATS]),
    help="How the file is written; by default its ending tells.",
)
@click.option("--mapping", "mapping_name", help="How the file is laid out: [mappings.NAME].")
@click.option("--strict", is_flag=True, help="Import nothing when any row is bad.")
@click.option(
    "--withdraw-missing",
    is_flag=True,
    help="Withdraw what the file lacks even when damaged rows could be that.",
)
@json_option
@pass_app
def import_(
    app: App,
    name: str,
    file: Path,
    format_name: str | None,
    mapping_name: str | None,
    *,
    strict: bool,
    withdraw_missing: bool,
    as_json: bool,
) -> None:
    """Make the list NAME equal to FILE, which is "-" for stdin; the list is made if it is new.

    The file counts as the whole list: entries that it lacks are withdrawn. Bad rows are named by
    their line and set aside, and then the exit code is 2.
    """
    list_format = find_format(str(file), format_name or "")
    mapping = app.mapping(mapping_name)
    with app.database() as database:
        with _open(file) as stream, progress("rows read") as bar:
            summary = import_list(
                database,
                name,
                stream,
                list_format,
                source="stdin" if str(file) == "-" else file.name,
                mapping=mapping,
                strict=strict,
                withdraw_missing=withdraw_missing,
                progress=lambda rows: bar.update(bar.task_ids[0], completed=rows),
            )
        update_index(app, database)
        show_import(summary, as_json=as_json)
        _warn_of_licence_ends(database, [name])
    click.get_current_context().exit(EXIT_UNSCREENED if summary.set_aside.count else EXIT_CLEAR)


@command.command("sync")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "is_all", is_flag=True, help="Sync every list that has a source.")
@json_option
@pass_app
def sync(app: App, names: tuple[str, ...], *, is_all: bool, as_json: bool) -> None:
    """Bring lists up to date from their sources, [lists.NAME] in the configuration.

    May run at any time and any number of times at once: one process at a time syncs a list, and a
    failure leaves the list as it was.
    """
    if bool(names) is is_all:
        raise click.UsageError("name the lists, or say --all")
    with app.database() as database:
        names = names or tuple(app.settings.lists)
        results = [sync_one(app, database, name) for name in names]
        update_index(app, database)
        _warn_of_licence_ends(database, names)
        is_told = send_due(app, database)
    if not results:
        say("no list has a source yet; sample_config.toml shows [lists.NAME]")
    show_syncs(results, as_json=as_json)
    failed = not is_told or any(not one.is_good for one in results)
    click.get_current_context().exit(EXIT_UNSCREENED if failed else EXIT_CLEAR)


@command.command("status")
@json_option
@pass_app
def status(app: App, *, as_json: bool) -> None:
    """Show every list: its licence, its generation, what is in it and how its last sync went."""
    with app.database() as database:
        rows = list_facts(database)
    if as_json:
        for row in rows:
            print_json(row)
    else:
        show_lists(rows)


@command.command("diff")
@name_argument
@click.option("--limit", type=click.IntRange(min=0), default=20, help="How many entries to name.")
@json_option
@pass_app
def diff(app: App, name: str, limit: int, *, as_json: bool) -> None:
    """Show what a guard held back of the list NAME, and what it would change."""
    with app.database() as database:
        view = view_quarantine(database, name, limit=limit)
    show_quarantine(name, view, as_json=as_json)


@command.command("confirm")
@name_argument
@click.argument("delivery", type=int)
@pass_app
def confirm(app: App, name: str, delivery: int) -> None:
    """Take over what a guard held back of the list NAME, by its number in 'lists diff'."""
    with app.database() as database:
        done = confirm_delivery(database, name, delivery)
        update_index(app, database)
    say(
        f"list {name}: delivery {delivery} is taken over: {done.added} hashes added,"
        f" {done.withdrawn} withdrawn, {done.changed} changed"
    )


@command.command("withdraw")
@name_argument
@click.argument("entry_ids", nargs=-1, metavar="[ENTRY_ID]...")
@click.option("--undo", is_flag=True, help="Let the entries match again.")
@click.option("--delivery", type=int, help="Turn down what a guard held back, by its number.")
@pass_app
def withdraw(
    app: App, name: str, entry_ids: tuple[str, ...], *, undo: bool, delivery: int | None
) -> None:
    """Take single entries out of matching for good, whatever later imports bring.

    ENTRY_ID is the licensor's, or "#" and a number where it gives none, as matches show it. With
    --delivery, turn down what is held back instead: the list stays as it is.
    """
    if bool(entry_ids) is (delivery is not None) or (undo and delivery is not None):
        raise click.UsageError("name the entries, or give --delivery NUMBER")
    if delivery is not None:
        with app.database() as database:
            reject_delivery(database, name, delivery)
        say(f"list {name}: delivery {delivery} is turned down; the list waits for another one")
        return
    change_entries = restore_entries if undo else withdraw_entries
    with app.database() as database:
        with database.writing() as session:
            change = change_entries(session, name, entry_ids)
        update_index(app, database)
    counts = change.counts
    done = f"{counts.added} hashes match again" if undo else f"{counts.withdrawn} hashes withdrawn"
    say(f"list {name}: {done}; generation {change.generation} is in force")


@command.command("remove")
@name_argument
@click.option("--yes", is_flag=True, help="Really delete the list's entries.")
@pass_app
def remove(app: App, name: str, *, yes: bool) -> None:
    """Delete a list's entries, as the end of a licence may demand; recorded matches stay."""
    with app.database() as database:
        if not yes:
            with database.reading() as session:
                number = find_list(session, name).active_entries
            raise InputError(
                f"this would delete {number} active entries of list {name}",
                hint="Say --yes to do it.",
            )
        with database.writing() as session:
            change = remove_list(session, name)
        if not database.forget_deleted():
            say("another process has the database open: the log keeps traces until it ends")
        compact_index(app, database)
    say(
        f"list {name} is removed: {change.counts.withdrawn} active entries, and those withdrawn"
        " earlier, are deleted and overwritten, and what operators withdrew is forgotten;"
        " recorded matches stay"
    )


def _open(file: Path):  # type: ignore[no-untyped-def]
    """Open a list file, or stdin for "-". Raises `InputError`."""
    if str(file) == "-":
        return nullcontext(standard_input())
    try:
        return file.open("rb")
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise InputError(f"{printable(str(file))}: {reason}") from error


def _warn_of_licence_ends(database: Database, names: Container[str]) -> None:
    today = utc_now().date()
    with database.reading() as session:
        every = (*read_lists(session), *read_lists(session, ALLOW))
    states = [one for one in every if one.name in names]
    for one in states:
        if one.licence_has_ended(today):
            say(
                f"warning: the licence of list {one.name} ended on {one.licence_end}; nothing can"
                " be clear until 'hashmatch lists licence' extends it or 'lists remove' takes it"
                " out"
            )
        elif one.licence_ends_soon(today):
            say(
                f"warning: the licence of list {one.name} ends on {one.licence_end}; after that"
                " nothing can be clear until it is extended or the list is removed"
            )
