"""Long answers: streamed piece by piece, each made in a thread of the gate of reports."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, MutableMapping
from contextlib import ExitStack
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from ..http.admission import Gate

# A client that takes nothing for this long would keep its place from others.
_MAX_STALL_S = 30.0
_MAX_PAUSE_S = 0.2


class LongAnswer(StreamingResponse):
    """Stream of pieces that holds a place of the gate until its end.

    An error in the first piece is raised here, and still becomes a problem document; once the
    answer has begun, its status is sent and it can only be cut off.
    """

    def __init__(self, content: Any, place: ExitStack, **options: Any) -> None:
        super().__init__(content, **options)
        self._place = place

    @classmethod
    async def begin(
        cls, gate: Gate, pieces: Iterator[str], place: ExitStack, **options: Any
    ) -> LongAnswer:
        """Return the answer, which takes the place over, once its first piece is there."""
        first = await gate.run(lambda: next(pieces, ""))
        return cls(_sent(gate, first, pieces), place.pop_all(), **options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, and give the place back however that ends."""

        async def send_in_time(message: MutableMapping[str, Any]) -> None:
            try:
                async with asyncio.timeout(_MAX_STALL_S):
                    await send(message)
            except TimeoutError as error:
                raise ConnectionAbortedError("the client takes nothing") from error

        with self._place:
            await super().__call__(scope, receive, send_in_time)


async def _sent(gate: Gate, first: str, pieces: Iterator[str]) -> AsyncIterator[str]:
    yield first
    begun_s = time.monotonic()
    while (piece := await gate.run(lambda: next(pieces, None))) is not None:
        took_s = time.monotonic() - begun_s
        yield piece
        # As long again is left to the screening, which shares the interpreter with it.
        await asyncio.sleep(min(took_s, _MAX_PAUSE_S))
        begun_s = time.monotonic()
