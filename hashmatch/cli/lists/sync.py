"""`hashmatch lists sync`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from hashmatch.errors import HashmatchError, SyncLeaseError

from ..context import App, json_option, pass_app
from ..exit_codes import EXIT_CLEAR, EXIT_UNSCREENED
from ..index_updates import update_index
from ..outbox.send import send_due
from ..output import print_rows, progress, say
from .licence import warn_of_licence_ends

if TYPE_CHECKING:
    from hashmatch.store.engine import Database
    from hashmatch.store.lists import SyncFacts


@click.command("sync")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "is_all", is_flag=True, help="Sync every list that has a source.")
@json_option
@pass_app
def command(app: App, names: tuple[str, ...], *, is_all: bool, as_json: bool) -> None:
    """Update lists from their sources.

    [lists.NAME] in the configuration names the source. Safe to run at any time, and several
    times at once: one process at a time syncs a list, and a failure leaves the list unchanged.
    """
    if bool(names) is is_all:
        raise click.UsageError("name the lists, or give --all")
    with app.database() as database:
        names = names or tuple(app.settings.lists)
        results = [_sync(app, database, name) for name in names]
        update_index(app, database)
        warn_of_licence_ends(database, names)
        is_sent = send_due(app, database)
    if not results:
        say("no list has a source yet; 'hashmatch config sample' shows [lists.NAME]")
    _show(results, as_json=as_json)
    failed = not is_sent or any(not one.is_good for one in results)
    click.get_current_context().exit(EXIT_UNSCREENED if failed else EXIT_CLEAR)


@dataclass(frozen=True, slots=True)
class SyncResult:
    """Result of the sync of one list: its facts, or the cause of a failure."""

    name: str
    facts: SyncFacts | None
    cause: str = ""
    is_busy: bool = False

    @property
    def is_good(self) -> bool:
        """Say whether everything was applied, or another process is syncing the list."""
        from hashmatch.store.lists import QUARANTINED

        facts = self.facts
        return self.is_busy or (
            facts is not None and facts.outcome != QUARANTINED and not facts.rejected_rows
        )


def _sync(app: App, database: Database, name: str) -> SyncResult:
    """Sync a list; a failure does not stop the others."""
    from hashmatch.lists import open_source, sync_list
    from hashmatch.store.lists import QUARANTINED

    try:
        source = open_source(app.settings, name)
        with progress(f"rows of {name} read") as bar:
            facts = sync_list(
                database,
                name,
                source,
                app.settings,
                progress=lambda rows: bar.update(bar.task_ids[0], completed=rows),
            )
    except SyncLeaseError as error:
        say(f"list {name}: {error.message}")
        return SyncResult(name, None, error.message, is_busy=True)
    except HashmatchError as error:
        say(f"list {name}: {error.message}\n  {error.hint}".rstrip())
        return SyncResult(name, None, error.message)
    if facts.outcome == QUARANTINED:
        say(
            f"list {name}: the delivery was quarantined: {facts.cause}\n"
            f"  'hashmatch lists diff {name}' shows it; the list is unchanged."
        )
    if facts.remark:
        say(
            f"list {name}: {facts.remark}\n"
            "  'hashmatch hash FILES... --json' writes one, which guards.benign_sample names."
        )
    return SyncResult(name, facts, facts.cause)


def _show(results: Sequence[SyncResult], *, as_json: bool) -> None:
    """Show the results."""
    rows = [_row(one) for one in results]
    print_rows("Syncs", rows, as_json=as_json)


def _row(result: SyncResult) -> dict[str, object]:
    facts = result.facts
    return {
        "list": result.name,
        "outcome": facts.outcome if facts else "busy" if result.is_busy else "failed",
        "generation": None if facts is None else facts.generation,
        "added": 0 if facts is None else facts.counts.added,
        "withdrawn": 0 if facts is None else facts.counts.withdrawn,
        "changed": 0 if facts is None else facts.counts.changed,
        "rejected_rows": 0 if facts is None else facts.rejected_rows,
        "cause": result.cause,
    }
