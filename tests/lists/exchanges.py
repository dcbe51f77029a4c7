"""Exchanges whose entries are put there by name: a number becomes a hash, None takes it away.

How they answer is told by the servers that are written from each protocol alone.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from abc import abstractmethod
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.lists.loopback import Answer, Request, Service
from tests.lists.ncmec_server import Entry, Member, NcmecServer
from tests.lists.stopncii_server import Record, StopNciiServer
from tests.lists.threatexchange_server import (
    Descriptor,
    Indicator,
)
from tests.lists.threatexchange_server import (
    ThreatExchangeServer as Updates,
)

EPOCH = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass
class Exchange(Service):
    """Common part of the exchanges. Their clock stands until it is moved.

    The faults of their own are "elsewhere", a next page of another query, and "endless", one that
    was before. The next `corrupt` answers have damaged records, too.
    """

    corrupt: int = 0
    page_size: int = 5
    inner: Any = None

    def __post_init__(self) -> None:
        """Start the clock."""
        self.clock = EPOCH
        self.now = lambda: self.clock
        self.held: dict[str, int | None] = {}
        self.inner = self.make_inner()
        self.inner.now = self.now

    @abstractmethod
    def make_inner(self) -> Service:
        """Return the server that speaks the protocol."""

    @abstractmethod
    def change(self, name: str, number: int | None) -> None:
        """Change an entry in the server."""

    @abstractmethod
    def renew_keys(self) -> None:
        """Give the server the keys that are right now."""

    @property
    @abstractmethod
    def opinions(self) -> list[tuple[str, str]]:
        """Feedback of members: (entry or hash, verdict)."""

    def put(self, name: str, number: int | None) -> None:
        """Change an entry now."""
        self.change(name, number)
        self.held[name] = number

    def clear(self) -> None:
        """Forget everything, and begin again."""
        self.held.clear()
        self.inner = self.make_inner()
        self.clock = EPOCH
        self.inner.now = self.now

    def pass_time(self, **parts: float) -> None:
        """Move the clock."""
        self.clock += timedelta(**parts)

    @property
    def numbers(self) -> set[int]:
        """Numbers of the entries that the server has now."""
        return {number for number in self.held.values() if number is not None}

    def answer(self, request: Request, fault: str) -> Answer:
        """Answer a request."""
        self.inner.url, self.inner.page_size = self.url, self.page_size
        self.renew_keys()
        own = fault in ("elsewhere", "endless")
        answer: Answer = self.inner.answer(request, "" if own else fault)
        if own:
            answer = Answer(answer.status, self.lead(answer.content, fault), answer.headers)
        if self.corrupt > 0 and answer.status == 200 and (damaged := self.damage(answer.content)):
            self.corrupt -= 1
            answer = Answer(answer.status, damaged, answer.headers)
        return answer

    @abstractmethod
    def lead(self, content: bytes, fault: str) -> bytes:
        """Return an answer whose next page is elsewhere, or was before."""

    @abstractmethod
    def damage(self, content: bytes) -> bytes | None:
        """Return an answer with damaged records beside its own, None for one without records."""


@dataclass
class NCMECServer(Exchange):
    """NCMEC's Hash Sharing; what is called a film is a video."""

    username: str = "user"
    password: str = "secret-of-ncmec"
    reasons: dict[str, str] = field(default_factory=lambda: {"guid-1": "Not CSAM"})

    def make_inner(self) -> NcmecServer:
        """Return the server that speaks the protocol."""
        return NcmecServer()

    def renew_keys(self) -> None:
        """Give the server the keys that are right now."""
        self.inner.username, self.inner.password = self.username, self.password
        self.inner.reasons = self.reasons

    def change(self, name: str, number: int | None) -> None:
        """Change an entry in the server."""
        photo = base64.b64encode(b"p").decode()
        prints: dict[str, str | None] = {"md5": f"{number or 0:032x}", "pdna": photo}
        entry = Entry(name, prints, Member(7, "Member"), video="film" in name)
        if number is not None:
            self.inner.put(entry)
        elif name in self.held:
            self.inner.withdraw(entry)

    @property
    def opinions(self) -> list[tuple[str, str]]:
        """Feedback of members."""
        return [
            (one.entry, "yes" if one.affirmative else f"no: {one.reasons[0]}")
            for one in self.inner.feedback
        ]

    def lead(self, content: bytes, fault: str) -> bytes:
        """Return an answer whose next page is elsewhere, or was before."""
        if fault == "elsewhere":
            return re.sub(rb"(<next>[^<]*from=)\d{4}", rb"\g<1>1999", content)
        return re.sub(rb"start=\d+", b"start=1", content)

    def damage(self, content: bytes) -> bytes | None:
        """Return an answer with a damaged hash in its first record."""
        if b"<fingerprints>" not in content:
            return None
        return content.replace(b"<fingerprints>", b"<fingerprints><pdq>00ff</pdq>", 1)


@dataclass
class StopNCIIServer(Exchange):
    """StopNCII: a record is its hash, and another hash is another record."""

    function_key: str = "secret-function-key"
    subscription_key: str = "secret-subscription-key"
    feedback_key: str = "secret-feedback-key"
    first_token: str = ""

    def make_inner(self) -> StopNciiServer:
        """Return the server that speaks the protocol."""
        return StopNciiServer()

    def renew_keys(self) -> None:
        """Give the server the keys that are right now."""
        self.inner.fetch_key, self.inner.feedback_key = self.function_key, self.feedback_key
        self.inner.subscription_key = self.subscription_key

    def change(self, name: str, number: int | None) -> None:
        """Change an entry in the server."""
        before = self.held.get(name)
        if before is not None and before != number:
            self.inner.withdraw(self.inner.entries["ImagePDQ", f"{before:064x}"])
        if number is not None:
            self.inner.put(Record(f"{number:064x}"))

    @property
    def opinions(self) -> list[tuple[str, str]]:
        """Feedback of members."""
        return [(one.value, one.verdict) for one in self.inner.feedback]

    def lead(self, content: bytes, fault: str) -> bytes:
        """Return an answer whose next page is none, or was before."""
        page = json.loads(content)
        self.first_token = self.first_token or page["nextPageToken"]
        token = "" if fault == "elsewhere" else self.first_token
        return json.dumps(page | {"nextPageToken": token, "hasMoreRecords": True}).encode()

    def damage(self, content: bytes) -> bytes | None:
        """Return an answer with damaged records beside its own."""
        page = json.loads(content)
        if "hashRecords" not in page:
            return None
        bad = Record("0" * 32, modified=11).members()
        page["hashRecords"] += [bad, "none", {}]
        return json.dumps(page).encode()


@dataclass
class ThreatExchangeServer(Exchange):
    """ThreatExchange; a record is an indicator with one member's opinion."""

    access_token: str = "12345678|secret-of-threatexchange"
    privacy_group: str = "4242"

    def make_inner(self) -> Updates:
        """Return the server that speaks the protocol."""
        return Updates()

    def renew_keys(self) -> None:
        """Give the server the keys that are right now."""
        self.inner.token, self.inner.privacy_group = self.access_token, self.privacy_group

    def change(self, name: str, number: int | None) -> None:
        """Change an entry in the server."""
        named = indicator_id(name)
        value = number if number is not None else self.held.get(name) or 0
        opinion = Descriptor(f"{named}1", owner="9", tags=["made-up"])
        indicator = Indicator(named, f"{value:064x}", descriptors=[opinion])
        if number is not None:
            self.inner.put(indicator)
        elif name in self.held:
            self.inner.withdraw(indicator)

    @property
    def opinions(self) -> list[tuple[str, str]]:
        """Feedback of members."""
        return [(one.descriptor, one.names[0]) for one in self.inner.feedback]

    def lead(self, content: bytes, fault: str) -> bytes:
        """Return an answer whose next page is elsewhere, or was before."""
        page = json.loads(content)
        following = "http://127.0.0.2:1/"
        if fault == "endless":
            last = self.requests[-1]
            query = "&".join(f"{name}={value}" for name, value in last.query.items())
            following = f"{self.url}/{self.privacy_group}/threat_updates?{query}"
        page.setdefault("paging", {})["next"] = following
        return json.dumps(page).encode()

    def damage(self, content: bytes) -> bytes | None:
        """Return an answer with damaged records beside its own."""
        page = json.loads(content)
        if not page.get("data"):
            return None
        page["data"] += [page["data"][0] | {"id": "1", "indicator": "0" * 32}, "none", {}]
        return json.dumps(page).encode()


def indicator_id(name: str) -> str:
    """Return the id that ThreatExchange gives the entry of a name."""
    return f"{zlib.crc32(name.encode())}{len(name)}"
