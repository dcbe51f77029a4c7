"""What `hashmatch lists sync` does with one list after the other, and tells of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hashmatch.errors import HashmatchError, SyncLeaseError
from hashmatch.lists import open_source, sync_list
from hashmatch.store.engine import Database
from hashmatch.store.lists import QUARANTINED, SyncFacts

from .context import App
from .output import print_json, print_table, progress, say


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What became of one list: the facts of its sync, or why there are none."""

    name: str
    facts: SyncFacts | None
    cause: str = ""
    is_busy: bool = False

    @property
    def is_good(self) -> bool:
        """Say whether all that came is in the list, or another process sees to it."""
        facts = self.facts
        return self.is_busy or (
            facts is not None and facts.outcome != QUARANTINED and not facts.set_aside
        )


def sync_one(app: App, database: Database, name: str) -> SyncResult:
    """Sync a list; the others go on whatever becomes of it."""
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
            f"list {name}: what its source sent is held back: {facts.cause}\n"
            f"  'hashmatch lists diff {name}' shows it; the list stays as it was."
        )
    return SyncResult(name, facts, facts.cause)


def show_syncs(results: Sequence[SyncResult], *, as_json: bool) -> None:
    """Tell what became of the lists: people on stderr, programs on stdout."""
    rows = [_row(one) for one in results]
    if as_json:
        for row in rows:
            print_json(row)
    elif rows:
        print_table("Syncs", list(rows[0]), [list(row.values()) for row in rows])


def _row(result: SyncResult) -> dict[str, object]:
    facts = result.facts
    return {
        "list": result.name,
        "outcome": facts.outcome if facts else "busy" if result.is_busy else "failed",
        "generation": None if facts is None else facts.generation,
        "added": 0 if facts is None else facts.counts.added,
        "withdrawn": 0 if facts is None else facts.counts.withdrawn,
        "changed": 0 if facts is None else facts.counts.changed,
        "set_aside": 0 if facts is None else facts.set_aside,
        "cause": result.cause,
    }
