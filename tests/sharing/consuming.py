"""Installations that pull a shared list: by our feed, or in NCMEC's shape."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from hashmatch.audit import PublicKeys
from hashmatch.config import GuardSettings, Settings
from hashmatch.lists import HashmatchSource, ListSource, NCMECSource, sync_list
from hashmatch.outcome import Matched
from hashmatch.store.engine import Database
from hashmatch.store.migrations import upgrade
from hashmatch.wiring import open_scanner_with
from tests.pictures import drawn

PROTOCOLS = ("feed", "ncmec")


@dataclass
class Consumer:
    """An installation with one list, which it pulls."""

    settings: Settings
    database: Database
    source: ListSource

    def pull(self) -> None:
        """Sync the list once."""
        sync_list(self.database, "theirs", self.source, self.settings)

    def matches(self, *drawings: int) -> list[int]:
        """Return those of the drawings that it matches."""
        with open_scanner_with(self.settings, require_lists=False) as scanner:
            return [
                one
                for one in drawings
                if isinstance(scanner.scan(drawn(one), content_id=f"post/{one}"), Matched)
            ]


@contextmanager
def consuming(
    folder: Path, url: str, token: str, protocol: str, keys: PublicKeys | None = None
) -> Iterator[Consumer]:
    """Have an installation of its own until the end of the block."""
    source: ListSource
    if protocol == "feed":
        source = HashmatchSource(url, "ours", token, keys or {}, wait_s=0.01)
    else:
        source = NCMECSource(f"{url}/sharing/ncmec/ours", ("consumer", token), wait_s=0.01)
    settings = Settings.model_validate(
        {
            "data_dir": folder / protocol,
            "intake": {"isolation": "none"},
            "guards": GuardSettings(least_changes=1_000).model_dump(),
        }
    )
    settings.data_dir.mkdir(parents=True)
    with closing(Database(settings.database_url)) as database:
        upgrade(database)
        yield Consumer(settings, database, source)
