"""Verdicts on files that come in by a door: found, clear, or an error."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from typing import TypeAlias

from hashmatch.config import DoorSettings
from hashmatch.errors import OverloadedError
from hashmatch.imaging import too_large
from hashmatch.outcome import Action, Failure, Matched, Outcome, Reason, Unscreened

from ..runtime.state import ServiceState

_PIECE_BYTES = 64 * 1024


class Verdict(Enum):
    """Answer on a file."""

    CLEAR = "clear"
    ERROR = "error"
    FOUND = "found"


_ORDER = (Verdict.CLEAR, Verdict.ERROR, Verdict.FOUND)  # The strictest is last.


@dataclass(frozen=True, slots=True)
class Answer:
    """Verdict on a message, with the reason of an error, and the body as it arrived.

    Where that `is_whole` is not true, the connection has the rest of it.
    """

    verdict: Verdict
    reason: Reason | None = None
    body: bytes = b""
    is_whole: bool = True


# Takes the files out of a body, or says why there is no verdict on them.
Unpack: TypeAlias = Callable[[bytes], Sequence[bytes] | Failure]


class Desk:
    """Receives files and screens them. What it holds of them counts as that of HTTP requests."""

    def __init__(self, service: ServiceState) -> None:
        self._service = service
        self._settings: DoorSettings = service.settings.doors
        self._max_bytes = service.settings.intake.max_bytes

    async def answer(
        self,
        pieces: AsyncIterator[bytes],
        reference: str = "",
        unpack: Unpack = lambda body: [body],
    ) -> Answer:
        """Receive one body and return the strictest of the verdicts on the files in it."""
        try:
            # The memory stays reserved until the file is screened.
            with self._service.buffers.reserve() as take:
                received = bytearray()
                with self._service.scans.receiving() as note:
                    async for piece in pieces:
                        if len(received) + len(piece) > self._max_bytes:
                            return self._refuse(too_large(self._max_bytes), is_whole=False)
                        take(len(piece))
                        note()
                        received += piece
                job = partial(self._screen, bytes(received), reference, unpack, take)
                with self._service.scans.admitted():
                    return await self._service.work(self._service.scans, job)
        except OverloadedError as error:
            return self._refuse(Failure(Reason.OVERLOADED, error.message), is_whole=False)

    def _screen(
        self, body: bytes, reference: str, unpack: Unpack, take: Callable[[int], None]
    ) -> Answer:
        """Return the verdict on a body, in a thread. Raises `OverloadedError`."""
        files = unpack(body)
        if isinstance(files, Failure):
            return self._refuse(files)
        if files[0] is not body:
            take(sum(map(len, files)))
        shown = "".join(one for one in reference if one.isprintable())
        answers = [self._screen_file(one, shown) for one in files]
        return replace(max(answers, key=lambda one: _ORDER.index(one.verdict)), body=body)

    def _screen_file(self, data: bytes, reference: str) -> Answer:
        if not data and self._settings.other_files != "error":
            return Answer(Verdict.CLEAR)  # Nothing is in it that anybody could see.
        scanner = self._service.scanner
        # Files that are not decoded here are checked by their bytes, if that is asked for.
        scan = scanner.scan if self._settings.other_files == "error" else scanner.scan_video
        outcome = scan(data, content_id=_content_id(data), reference=reference)
        self._service.metrics.count_outcomes(outcome)
        return self._answer(outcome)

    def _refuse(self, failure: Failure, *, is_whole: bool = True) -> Answer:
        outcome = self._service.shed("", failure.detail, failure.reason)
        self._service.metrics.count_outcomes(outcome)
        return Answer(Verdict.ERROR, failure.reason, is_whole=is_whole)

    def _answer(self, outcome: Outcome) -> Answer:
        if isinstance(outcome, Unscreened):
            return Answer(Verdict.ERROR, outcome.reason)
        found = {Action.BLOCK}
        if isinstance(outcome, Matched) and self._settings.found_action == "review":
            found.add(Action.REVIEW)
        if outcome.action in found:
            return Answer(Verdict.FOUND)
        if isinstance(outcome, Matched) and outcome.reason is not None:
            return Answer(Verdict.ERROR, outcome.reason)
        return Answer(Verdict.CLEAR)


def _content_id(data: bytes) -> str:
    """Return a content id that is the same for the same bytes, and does not reveal their hash."""
    digest = hashlib.sha256(hashlib.sha256(data).digest())
    return f"door:{digest.hexdigest()[:32]}"


async def read_pieces(reader: asyncio.StreamReader, size: int) -> AsyncIterator[bytes]:
    """Yield so many bytes of a connection as they come.

    Raises `asyncio.IncompleteReadError` where it ends before.
    """
    while size:
        piece = await reader.read(min(size, _PIECE_BYTES))
        if not piece:
            raise asyncio.IncompleteReadError(piece, size)
        size -= len(piece)
        yield piece


async def within(timeout_s: float, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield pieces as they come. Raises `TimeoutError` for all that take longer than a time."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while True:
        async with asyncio.timeout_at(deadline):
            try:
                piece = await anext(pieces)
            except StopAsyncIteration:
                return
        yield piece
