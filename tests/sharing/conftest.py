"""Two installations: one that shares an own list over a socket, and others that pull it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import httpx
import pytest
from sqlalchemy import func, select

from hashmatch.config import Settings
from hashmatch.lists import add_entry_of
from hashmatch.sharing import publish_changes
from hashmatch.store.engine import Database
from hashmatch.store.lists import OWN, create_list, find_list, withdraw_entry
from hashmatch.store.schema import AuditRecord
from hashmatch.store.sharing import create_consumer_token, save_consumer
from tests.pictures import hashes_of
from tests.service.serving import PATIENCE_S, Served, serving

PUBLISHER = "Platform A"
ALGORITHMS = ("pdq", "md5", "sha256")


@dataclass
class Publisher:
    """An installation that shares the own list "ours" with consumers."""

    served: Served
    settings: Settings

    @property
    def database(self) -> Database:
        """Its store."""
        return self.served.database

    def add(
        self, drawing: int, *, category: str = "", algorithms: Sequence[str] = ALGORITHMS
    ) -> int:
        """Add the hashes of a drawing to the list; returns the number of the entry."""
        hashes = list(hashes_of(drawing, *algorithms).values())
        with self.database.writing() as session:
            return add_entry_of(session, "ours", hashes, category=category)

    def withdraw(self, entry: int) -> None:
        """Withdraw an entry."""
        with self.database.writing() as session:
            withdraw_entry(session, find_list(session, "ours"), entry)

    def publish(self) -> None:
        """Publish what was changed, as the service does within a second."""
        publish_changes(self.database, self.settings)

    def token(
        self,
        name: str = "police",
        *,
        lists: Sequence[str] = ("ours",),
        categories: Sequence[str] = (),
        members: Sequence[str] = (),
        is_private: bool = False,
    ) -> str:
        """Register a consumer, or change one, and return a token for it."""
        with self.database.writing() as session:
            save_consumer(
                session,
                name,
                lists=lists,
                categories=categories,
                members=members,
                is_private=is_private,
            )
            return create_consumer_token(session, name)

    def pulls(self) -> int:
        """Return the number of pulls on the audit log."""
        self.database.seal_records()
        pulls = select(func.count()).where(AuditRecord.action == "list.pulled")
        with self.database.reading() as session:
            return session.scalars(pulls).one()

    def client(self, token: str) -> httpx.Client:
        """Return a client with a token."""
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.served.url, headers=headers, timeout=60)


Share: TypeAlias = Callable[..., AbstractContextManager[Publisher]]


@pytest.fixture
def share(settings: Settings, database: Database) -> Share:
    """Starts an installation that shares."""

    @contextmanager
    def start(**sections: Any) -> Iterator[Publisher]:
        own = Settings.model_validate(
            {
                "data_dir": settings.data_dir,
                "database": {"url": settings.database_url, "busy_timeout_s": PATIENCE_S},
                "intake": {"isolation": "none"},
                "sharing": {
                    "enabled": True,
                    "publisher": PUBLISHER,
                    "lists": {"ours": {}},
                    **sections,
                },
            }
        )
        with closing(Database(settings.database_url, busy_timeout_s=PATIENCE_S)) as patient:
            with patient.writing() as session:
                create_list(session, "ours", kind=OWN)
            with serving(own, patient) as served:
                yield Publisher(served, own)

    return start


@pytest.fixture
def publisher(share: Share) -> Iterator[Publisher]:
    """An installation that shares."""
    with share() as started:
        yield started
