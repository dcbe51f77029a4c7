"""A platform that sends own lists to exchanges, which are servers on loopback."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from sqlalchemy import update

from hashmatch.config import Settings
from hashmatch.lists import add_entry_of
from hashmatch.sharing import Sent, exchange_facts, publish_changes, send_to_exchange, unsent_facts
from hashmatch.store.engine import Database, read_audit_records
from hashmatch.store.lists import OWN, create_list, find_list, withdraw_entry
from hashmatch.store.schema import Exchange, ExchangeEntry, utc_now
from tests.lists.loopback import Request, Service
from tests.lists.loopback import serving as serving_service
from tests.lists.stopncii_server import StopNciiServer
from tests.pictures import hashes_of
from tests.sharing.graph_server import GraphServer
from tests.sharing.submission_server import ADD, WITHDRAW, SubmissionServer

ALGORITHMS = ("pdq", "md5", "sha256")
Section: TypeAlias = dict[str, Any]


@dataclass
class Platform:
    """A store with the own list "ours", and the settings of one exchange, "there"."""

    database: Database
    section: Section
    sharing: Section = field(default_factory=dict)

    def __post_init__(self) -> None:
        with self.database.writing() as session:
            create_list(session, "ours", kind=OWN)

    @property
    def settings(self) -> Settings:
        """The settings as they are now."""
        return Settings.model_validate(self.document())

    def document(self) -> Section:
        """Return the configuration as a document."""
        return {
            "database": {"url": self.database.url},
            "outbox": {"private_hosts": ["127.0.0.1"]},
            "sharing": {
                "enabled": True,
                "publisher": "Platform A",
                "lists": {"ours": {}, "one": {"redistribute": True}},
                "exchanges": {"there": {"lists": ["ours"], **self.section}},
                **self.sharing,
            },
        }

    def add(self, drawing: int, *, category: str = "", tags: tuple[str, ...] = ()) -> int:
        """Add the hashes of a drawing to the list; returns the number of the entry."""
        hashes = list(hashes_of(drawing, *ALGORITHMS).values())
        with self.database.writing() as session:
            return add_entry_of(session, "ours", hashes, category=category, tags=tags)

    def withdraw(self, entry: int) -> None:
        """Withdraw an entry."""
        with self.database.writing() as session:
            withdraw_entry(session, find_list(session, "ours"), entry)

    def send(self, *, by_hand: bool = False) -> Sent:
        """Publish, and send what is due."""
        settings = self.settings
        publish_changes(self.database, settings)
        return send_to_exchange(self.database, settings, "there", by_hand=by_hand)

    def wait(self) -> None:
        """Let all waits be over."""
        with self.database.writing() as session:
            is_due = ExchangeEntry.next_attempt_at.is_not(None)
            session.execute(update(ExchangeEntry).where(is_due).values(next_attempt_at=utc_now()))
            session.execute(update(Exchange).values(paused_until=None))

    def facts(self, name: str = "ours") -> dict[str, Any]:
        """Return how a list stands at the exchange."""
        (found,) = [
            one for one in exchange_facts(self.database, self.settings) if one["list"] == name
        ]
        return found

    def unsent(self) -> list[dict[str, Any]]:
        """Return the entries that are not there."""
        return unsent_facts(self.database, self.settings, "there", limit=100)

    def audited(self) -> list[tuple[str, dict[str, Any]]]:
        """Return what the audit log says of exchanges."""
        with self.database.reading() as session:
            records = [
                (one["action"], json.loads(one["facts"])) for one in read_audit_records(session)
            ]
        return [one for one in records if one[0].startswith("exchange.")]


def values(*drawings: int, algorithms: tuple[str, ...] = ALGORITHMS) -> set[str]:
    """Return the hashes of drawings in hexadecimal."""
    return {one.value.hex() for d in drawings for one in hashes_of(d, *algorithms).values()}


class There:
    """One kind of exchange: its server, the section for it, and what it has.

    The fault `lost` has a request carried out, and its answer lost.
    """

    lost = "lost"

    def __init__(self, service: Service, section: Section, algorithms: tuple[str, ...]) -> None:
        self.service = service
        self.section = section
        self.algorithms = algorithms

    def has(self) -> set[str]:
        """Return the hashes that it has, and shows to others."""
        raise NotImplementedError

    def refuse(self, *drawings: int) -> None:
        """Refuse drawings for good from now on."""

    def accept(self) -> None:
        """Refuse nothing any more."""

    def requests(self) -> list[Request]:
        """Return the requests since the last time."""
        found, self.service.requests = self.service.requests, []
        return found


class Graph(There):
    """ThreatExchange."""

    service: GraphServer

    def __init__(self) -> None:
        service = GraphServer()
        os.environ["TEST_GRAPH_TOKEN"] = service.token
        section = {
            "to": "threatexchange",
            "access_token": {"env": "TEST_GRAPH_TOKEN"},
            "privacy_groups": ["123456789012345"],
        }
        super().__init__(service, section, ALGORITHMS)

    def has(self) -> set[str]:
        """Return the hashes of all descriptors."""
        return self.service.values()

    def refuse(self, *drawings: int) -> None:
        """Refuse the hashes of drawings."""
        self.service.refuses = values(*drawings)

    def accept(self) -> None:
        """Refuse nothing any more."""
        self.service.refuses = set()


class StopNCII(There):
    """StopNCII."""

    lost = "empty"
    service: StopNciiServer

    def __init__(self) -> None:
        service = StopNciiServer()
        keys = {"subscription": "S", "submission": "H", "feedback": "F"}
        for value, name in keys.items():
            os.environ[f"TEST_KEY_{name}"] = value
        section = {
            "to": "stopncii",
            "subscription_key": {"env": "TEST_KEY_S"},
            "function_key": {"env": "TEST_KEY_H"},
            "feedback_function_key": {"env": "TEST_KEY_F"},
        }
        super().__init__(service, section, ("pdq",))

    def has(self) -> set[str]:
        """Return the hashes that our own word blocks."""
        return {
            one.value
            for one in self.service.entries.values()
            if [said.value for said in one.opinions] == ["Blocked"]
        }


class Submission(There):
    """A server that takes what the operator's templates make."""

    service: SubmissionServer

    def __init__(self, folder: Path) -> None:
        service = SubmissionServer()
        os.environ["TEST_PASSWORD"] = service.password
        (folder / "add.xml").write_text(ADD)
        (folder / "withdraw.xml").write_text(WITHDRAW)
        add = {"path": "v2/entries", "template": str(folder / "add.xml")}
        section = {
            "to": "ncmec",
            "by_template": True,
            "username": service.username,
            "password": {"env": "TEST_PASSWORD"},
            "add": add,
            "update": {**add, "method": "PUT", "path": "v2/entries/{id}"},
            "withdraw": {
                "method": "DELETE",
                "path": "v2/entries/{id}",
                "template": str(folder / "withdraw.xml"),
            },
        }
        super().__init__(service, section, ("md5", "pdq"))

    def has(self) -> set[str]:
        """Return the hashes of all entries."""
        names = [name for entry in self.service.entries for name in ("md5", "pdq")]
        found = [
            text
            for entry in self.service.entries
            for name in dict.fromkeys(names)
            for text in self.service.texts(entry, name)
        ]
        assert len(found) == len(set(found))
        return {one for one in found if one}

    def refuse(self, *drawings: int) -> None:
        """Refuse the hashes of drawings."""
        self.service.refuses = values(*drawings)

    def accept(self) -> None:
        """Refuse nothing any more."""
        self.service.refuses = set()


KINDS: Mapping[str, Callable[[Path], There]] = {
    "threatexchange": lambda _: Graph(),
    "stopncii": lambda _: StopNCII(),
    "ncmec": Submission,
}


@contextmanager
def exchange(kind: str, folder: Path) -> Iterator[There]:
    """Serve an exchange of a kind on loopback."""
    there = KINDS[kind](folder)
    with serving_service(there.service, "/v26.0"):
        there.section["base"] = there.service.url
        yield there


@pytest.fixture(params=KINDS)
def there(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[There]:
    """Each kind of exchange."""
    with exchange(request.param, tmp_path) as started:
        yield started


@pytest.fixture
def graph(tmp_path: Path) -> Iterator[Graph]:
    """ThreatExchange."""
    with exchange("threatexchange", tmp_path) as started:
        assert isinstance(started, Graph)
        yield started


@pytest.fixture
def submission(tmp_path: Path) -> Iterator[Submission]:
    """A server that takes what templates make."""
    with exchange("ncmec", tmp_path) as started:
        assert isinstance(started, Submission)
        yield started
