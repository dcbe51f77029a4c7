"""Source for NCMEC's Hash Sharing, version 2: entries by time windows, complete windows only.

Its responses are pages that are not in chronological order, and one second may fill more than a
page. Therefore the checkpoint moves only once all pages of a window have been read.
"""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, urlencode, urlsplit
from xml.etree.ElementTree import ParseError
from xml.sax.saxutils import escape

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hashmatch.config import MappingSettings
from hashmatch.errors import ListFileError, SourceError, SourceRefusedError

from ..delivery import DeliveredItem, Delivery, EntryUpdate
from ..formats import BadRow, Excluded, NCMECEntry, NextPage, entry_rows, read_response
from .interface import Checkpoint, Feedback, FeedbackReceiver, Fetch, ListSource, Verdict
from .web import OVERLAP, Web, open_client

_TEST = "https://hashsharing-test.ncmec.org"
# NCMEC's lists by name, each with its counterpart for tests.
NCMEC_BASES = {
    "industry": "https://report.cybertip.org/hashsharing",
    "industry-exploitative": "https://report.cybertip.org/exploitative-hashsharing",
    "law-enforcement": "https://lesp.ncmec.org/csam-hashsharing",
    "npo": "https://hashsharing.ncmec.org/npo",
    "exploitative": "https://hashsharing.ncmec.org/exploitative",
    "generative-ai-csam": "https://hashsharing.ncmec.org/generative-ai-csam",
    "generative-ai-exploitative": "https://hashsharing.ncmec.org/generative-ai-exploitative",
    "test-industry": "https://exttest.cybertip.org/hashsharing",
    "test-industry-exploitative": "https://exttest.cybertip.org/exploitative-hashsharing",
    "test-law-enforcement": "https://betalesp.ncmec.org/csam-hashsharing",
    "test-npo": f"{_TEST}/npo",
    "test-exploitative": f"{_TEST}/exploitative",
    "test-generative-ai-csam": f"{_TEST}/generative-ai-csam",
    "test-generative-ai-exploitative": f"{_TEST}/generative-ai-exploitative",
}

_NAMESPACE = "https://hashsharing.ncmec.org/hashsharing/v2"
# NCMEC's names of the algorithms that accept feedback here.
_FINGERPRINTS = {"md5": "MD5", "sha1": "SHA1", "pdq": "PDQ"}
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
_FIRST_WIDTH, _MIN_WIDTH = timedelta(days=30), timedelta(seconds=1)
# Windows with more entries are halved, and after those with fewer the next one is doubled: a
# failure costs one window.
_MANY, _FEW = 50_000, 5_000
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
_ANY_CATEGORY = MappingSettings()


class _Window(NamedTuple):
    """Time window of entries: later than `after`, up to and including `until`."""

    after: datetime
    until: datetime

    @property
    def query(self) -> dict[str, str]:
        return {"from": self.after.strftime(_MOMENT), "to": self.until.strftime(_MOMENT)}


@dataclass(frozen=True, slots=True)
class _Page:
    """Entries of one response; `start` is the number of the next page's first entry in the window.

    `total` is the number of entries in the window, as far as the response shows it.
    """

    items: list[NCMECEntry | BadRow]
    next_path: str = ""
    start: int = 0
    total: int = 0


class NCMECSource(ListSource, FeedbackReceiver):
    """One of NCMEC's lists; an update contains the complete entry, and deletions are listed."""

    def __init__(
        self,
        base: str,
        auth: tuple[str, str],
        mapping: MappingSettings | None = None,
        *,
        members: Sequence[str] = (),
        negative_reason: str = "",
        timeout_s: float = 60.0,
        wait_s: float = 1.0,
    ) -> None:
        """Take the list's address and credentials; `members`, ids or names, limit its entries."""
        self._members = frozenset(members)
        self._base = NCMEC_BASES.get(base, base).rstrip("/")
        self._auth = auth
        self._mapping = mapping or _ANY_CATEGORY
        self._negative_reason = negative_reason
        self._timeout_s = timeout_s
        self._wait_s = wait_s

    @property
    def name(self) -> str:
        """Return the address of the list."""
        return self._base

    def fetch(self, checkpoint: Checkpoint, *, is_empty: bool) -> Generator[Fetch]:
        """Yield the changes of each window since the checkpoint, or one full delivery."""
        with open_client(self._base, timeout_s=self._timeout_s, auth=self._auth) as client:
            web = Web(self._base, client, wait_s=self._wait_s)
            now = self._read_time(web)
            after = _BEGINNING
            # Entries of a member that is new here lie before the checkpoint.
            limits = {"members": sorted(self._members)} if self._members else {}
            known = checkpoint.get("until")
            if known and checkpoint.get("members", []) == limits.get("members", []):
                # After the server's clock was set back, new entries have earlier times than the
                # checkpoint, and must not be missed.
                after = min(_read_moment(known), now) - OVERLAP
            elif not is_empty:
                # Only a full delivery withdraws entries of the list that the source does not have.
                reached: dict[str, Any] = {**limits}
                yield Fetch(Delivery(self._read_all(web, reached), "record"), reached)
                return
            for window, first in self._windows(web, after, now):
                items = self._read_window(web, window, first, count(1))
                reached = {**limits, "until": window.until.strftime(_MOMENT)}
                yield Fetch(Delivery(items, "record", is_full=False), reached)

    def give_feedback(self, feedback: Feedback) -> None:
        """Agree or disagree with one fingerprint of an entry; see `FeedbackReceiver`."""
        kind = _FINGERPRINTS.get(feedback.algorithm)
        member_id, _, entry_id = feedback.entry_id.partition("/")
        if kind is None or not entry_id:
            raise SourceRefusedError(f"{self._base}: accepts no feedback on such an entry")
        with open_client(self._base, timeout_s=self._timeout_s, auth=self._auth) as client:
            web = Web(self._base, client, wait_s=self._wait_s)
            vote = "<affirmative/>"
            if feedback.verdict is Verdict.FALSE_POSITIVE:
                guid = escape(self._choose_reason(web, kind))
                vote = f"<negative><reasonIds><guid>{guid}</guid></reasonIds></negative>"
            body = f'<feedbackSubmission xmlns="{_NAMESPACE}">{vote}</feedbackSubmission>'
            path = f"{quote(member_id, safe='')}/{quote(entry_id, safe='')}/{kind}/feedback"
            headers = {"Content-Type": "application/xml; charset=utf-8"}
            web.send("PUT", f"{self._base}/v2/entries/{path}", body.encode(), headers)

    def _choose_reason(self, web: Web, kind: str) -> str:
        """Return the guid of the reason for a false positive: the configured or the only one."""
        reasons, _ = web.read(f"{self._base}/v2/feedback/{kind}/reasons", _parse_reasons)
        wanted = self._negative_reason
        guids = [guid for guid, name in reasons.items() if wanted in (guid, name)]
        guids = guids or ([] if wanted else list(reasons))
        if len(guids) != 1:
            raise SourceRefusedError(
                f"{self._base}: feedback on a false positive needs one of these reasons:"
                f" {', '.join(reasons.values()) or 'none offered'}",
                hint="Set it as 'negative_reason' in the list's section.",
            )
        return guids[0]

    def _read_all(self, web: Web, reached: dict[str, Any]) -> Iterator[DeliveredItem]:
        """Yield all entries; those that change meanwhile are read again at the end."""
        numbers = count(1)
        after = _BEGINNING
        # Each round reads the changes made during the one before; the next sync reads the rest.
        while (now := self._read_time(web)) - after > OVERLAP:
            for window, first in self._windows(web, after, now):
                yield from self._read_window(web, window, first, numbers)
            after = now
            reached["until"] = now.strftime(_MOMENT)

    def _windows(self, web: Web, after: datetime, now: datetime) -> Iterator[tuple[_Window, _Page]]:
        """Yield consecutive windows of a moderate number of entries, each with its first page."""
        width = _FIRST_WIDTH
        while after < now:
            window = _Window(after, min(after + width, now))
            first = self._read_page(web, window)
            if first.total > _MANY and window.until - after > _MIN_WIDTH:
                seconds = int((window.until - after).total_seconds()) // 2
                width = max(_MIN_WIDTH, timedelta(seconds=seconds))
                continue
            yield window, first
            after = window.until
            if first.total < _FEW:
                width *= 2

    def _read_window(
        self, web: Web, window: _Window, page: _Page, numbers: Iterator[int]
    ) -> Iterator[DeliveredItem]:
        """Yield the entries of a window, beginning with those of its first page."""
        while True:
            for item in page.items:
                number = next(numbers)
                # Numbered within the delivery, not within the page.
                if isinstance(item, BadRow):
                    yield item._replace(line=number)
                    continue
                # An update without rows withdraws the entry.
                if self._is_excluded(item):
                    yield Excluded(number)
                elif not item.is_deleted:
                    yield from entry_rows(item, number, self._mapping)
                yield EntryUpdate(number, item.identity, item.timestamp)
            if not page.next_path:
                return
            page = self._read_page(web, window, page)

    def _is_excluded(self, entry: NCMECEntry) -> bool:
        return bool(self._members) and not self._members & {entry.member_id, entry.member}

    def _read_time(self, web: Web) -> datetime:
        # The server's clock counts, since it stamps the entries.
        _, now = web.read(f"{self._base}/v2/status", lambda _: None)
        return now

    def _read_page(self, web: Web, window: _Window, before: _Page | None = None) -> _Page:
        """Read the first page of a window, or the one that follows another."""
        path = before.next_path if before else f"/v2/entries?{urlencode(window.query)}"
        page, _ = web.read(f"{self._base}{path}", partial(self._parse_page, window))
        if before and page.next_path and page.start <= before.start:
            raise SourceError(f"{self._base}: its pages form a loop")
        return page

    def _parse_page(self, window: _Window, body: bytes) -> _Page:
        items: list[NCMECEntry | BadRow] = []
        following = ""
        for item in read_response(io.BytesIO(body)):
            if isinstance(item, NextPage):
                following = item.address
            else:
                items.append(item)
        if not following:
            return _Page(items, total=len(items))
        start, total = self._check_next(following, window)
        return _Page(items, following, start, max(total, len(items)))

    def _check_next(self, path: str, window: _Window) -> tuple[int, int]:
        """Return the number of the next page's first entry, and the number of all entries.

        Raises `SourceError` where it is not a page of this window, whose entries would be missed.
        """
        parts = urlsplit(path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        # A relative address: an absolute one could lead to another list.
        is_ours = not parts.scheme and not parts.netloc and parts.path == "/v2/entries"
        if not is_ours or _moments(query) != _moments(window.query):
            raise SourceError(f"{self._base}: the next page belongs to another query")
        start, total = query.get("start", ""), query.get("max", "0")
        if not start.isdecimal() or not total.isdecimal():
            raise SourceError(f"{self._base}: the next page has no number")
        return int(start), int(total)


def _parse_reasons(body: bytes) -> dict[str, str]:
    """Return the names of the reasons for negative feedback by guid. Raises `ListFileError`."""
    try:
        root = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise ListFileError("the reasons for feedback are not XML") from error
    elements = [one for one in root.iter() if str(one.tag).rpartition("}")[2] == "reason"]
    return {one.get("guid", ""): one.get("name", "") for one in elements if one.get("guid")}


def _moments(query: Mapping[str, str]) -> list[datetime | None]:
    """Return the times of a query; the server writes them with milliseconds."""
    moments: list[datetime | None] = []
    for name in ("from", "to"):
        try:
            moments.append(datetime.fromisoformat(query.get(name, "")).astimezone(UTC))
        except ValueError:
            moments.append(None)
    return moments


def _read_moment(text: str) -> datetime:
    return datetime.strptime(text, _MOMENT).replace(tzinfo=UTC)
