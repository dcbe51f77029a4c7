"""Protocol of clamd, ClamAV's daemon, as its manual describes it: streams of files, and verdicts.

Paths are never read: a file is streamed, or there is no verdict on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

from hashmatch._version import __version__

from .verdicts import Answer, Desk, Verdict, read_pieces, within

_VERSION = f"hashmatch {__version__}"
_COMMANDS = "PING VERSION VERSIONCOMMANDS INSTREAM IDSESSION END"
_OF_PATHS = ("SCAN", "CONTSCAN", "MULTISCAN", "ALLMATCHSCAN", "RAWSCAN")
_MAX_COMMAND_BYTES = 4_096


class ProtocolError(Exception):
    """A client that does not keep to the protocol; its connection is closed."""


@dataclass(frozen=True, slots=True)
class _Command:
    """A command, and the delimiter of it and its answer."""

    name: str
    delimiter: bytes


class ClamdDoor:
    """Answers one connection after the other's commands."""

    def __init__(self, desk: Desk, found_name: str, timeout_s: float) -> None:
        self._desk = desk
        self._found_name = found_name
        self._timeout_s = timeout_s

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the commands of a connection, until it is closed or breaks the protocol."""
        number, is_session = 0, False
        with suppress(ProtocolError, TimeoutError, asyncio.IncompleteReadError, ConnectionError):
            while (command := await self._next(reader)) is not None:
                if command.name == "IDSESSION":
                    is_session = True
                    continue
                if command.name == "END":
                    return
                number += 1
                text, is_whole = await self._answer(command, reader)
                place = f"{number}: " if is_session else ""
                writer.write(f"{place}{text}".encode() + command.delimiter)
                async with asyncio.timeout(self._timeout_s):
                    await writer.drain()
                if not is_session or not is_whole:
                    return

    async def _next(self, reader: asyncio.StreamReader) -> _Command | None:
        async with asyncio.timeout(self._timeout_s):
            first = await reader.read(1)
            if not first:
                return None
            delimiter = b"\0" if first == b"z" else b"\n"
            start = b"" if first in (b"z", b"n") else first
            try:
                rest = await reader.readuntil(delimiter)
            except asyncio.IncompleteReadError as error:
                if not start:
                    raise
                rest = error.partial + delimiter  # Without a prefix, the end is one, too.
            except asyncio.LimitOverrunError as error:
                raise ProtocolError from error
        line = (start + rest[:-1]).rstrip(b"\r\n")
        if len(line) > _MAX_COMMAND_BYTES:
            raise ProtocolError
        return _Command(line.decode("utf-8", "replace"), delimiter)

    async def _answer(self, command: _Command, reader: asyncio.StreamReader) -> tuple[str, bool]:
        """Return the answer to a command, and whether all that belongs to it was read."""
        name, _, path = command.name.partition(" ")
        if command.name == "INSTREAM":
            answer = await self._desk.answer(within(self._timeout_s, _chunks(reader)))
            return self._words(answer), answer.is_whole
        if command.name == "PING":
            return "PONG", True
        if command.name == "VERSION":
            return _VERSION, True
        if command.name == "VERSIONCOMMANDS":
            return f"{_VERSION}| COMMANDS: {_COMMANDS}", True
        if name in _OF_PATHS and path:
            shown = "".join(one if one.isprintable() else "?" for one in path)
            return f"{shown}: files are not read here, stream them. ERROR", True
        return "UNKNOWN COMMAND", False

    def _words(self, answer: Answer) -> str:
        if answer.verdict is Verdict.FOUND:
            return f"stream: {self._found_name} FOUND"
        if answer.verdict is Verdict.CLEAR:
            return "stream: OK"
        if answer.reason == "too_large":
            return "INSTREAM size limit exceeded. ERROR"
        return f"stream: not screened ({answer.reason}) ERROR"


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Yield a stream piece by piece; each chunk has its length before it, the last one is empty."""
    while size := int.from_bytes(await reader.readexactly(4)):
        async for piece in read_pieces(reader, size):
            yield piece
