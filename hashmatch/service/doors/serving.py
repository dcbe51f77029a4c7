"""Serving of the doors: listening, who may come in, and how many at a time."""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TypeAlias

from hashmatch._version import __version__
from hashmatch.config import DoorSettings
from hashmatch.errors import ConfigError

from ..runtime.state import ServiceState
from ..telemetry.logs import logger
from .clamd import ClamdDoor
from .icap import IcapDoor
from .verdicts import Desk

_Serve: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_UNIX = "unix:"
_TAKE_OVER_S = 1.0
_log = logger("hashmatch.doors")


@asynccontextmanager
async def open_doors(service: ServiceState) -> AsyncIterator[None]:
    """Serve the doors of the configuration until the end of the block. Raises `ConfigError`."""
    settings = service.settings.doors
    desk, timeout_s = Desk(service), service.settings.service.body_timeout_s
    async with AsyncExitStack() as opened:
        for name, address, serve in (
            ("clamd", settings.clamd, ClamdDoor(desk, settings.found_name, timeout_s).serve),
            ("icap", settings.icap, _icap(service, desk).serve),
        ):
            if address:
                door = _Door(name, address, settings, serve)
                await opened.enter_async_context(door.open())
        yield


def _icap(service: ServiceState, desk: Desk) -> IcapDoor:
    settings = service.settings
    # Lists change while it runs; what a client keeps of its answers must not outlive a start.
    tag = f"{__version__}-{int(time.time())}"
    return IcapDoor(
        desk,
        settings.doors.found_name,
        settings.service.body_timeout_s,
        settings.intake.max_bytes,
        tag,
    )


class _Door:
    """One protocol at one address."""

    def __init__(self, name: str, address: str, settings: DoorSettings, serve: _Serve) -> None:
        self._name = name
        self._address = address
        self._networks = [ip_network(one) for one in settings.networks]
        self._mode = int(settings.socket_mode, 8)
        self._free = settings.max_connections
        self._serve = serve
        self._writers = set[asyncio.StreamWriter]()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Listen until the end of the block; connections are then ended."""
        if self._address.startswith(_UNIX):
            waiting = asyncio.create_task(self._listen_to_file())
        else:
            server = await self._listen_to_port()
            waiting = asyncio.create_task(server.serve_forever())
        try:
            yield
        finally:
            waiting.cancel()
            for writer in self._writers:
                writer.transport.abort()
            await asyncio.gather(waiting, return_exceptions=True)

    async def _listen_to_port(self) -> asyncio.Server:
        host, _, port = self._address.rpartition(":")
        try:
            # Each process of the service listens, and the kernel deals out the connections.
            return await asyncio.start_server(
                self._connected, host.strip("[]"), int(port), reuse_port=True
            )
        except OSError as error:
            raise ConfigError(
                f"doors.{self._name}: {self._address}: cannot listen there: {error.strerror}"
            ) from error

    async def _listen_to_file(self) -> None:
        """Listen to a socket in the file system; one process does, and another when it ends."""
        path = Path(self._address.removeprefix(_UNIX))
        with path.with_name(f"{path.name}.lock").open("w") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await asyncio.sleep(_TAKE_OVER_S)
            path.unlink(missing_ok=True)  # Left by one that was killed.
            listening = socket.socket(socket.AF_UNIX)
            before = os.umask(0o777 & ~self._mode)
            try:
                listening.bind(str(path))
            finally:
                os.umask(before)
            server = await asyncio.start_unix_server(self._connected, sock=listening)
            try:
                await server.serve_forever()
            finally:
                path.unlink(missing_ok=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if self._free and self._may_enter(writer):
                self._free -= 1
                try:
                    await self._serve(reader, writer)
                finally:
                    self._free += 1
        except Exception:  # noqa: BLE001 (one connection must not end the others)
            _log.exception("connection failed", door=self._name)
        finally:
            self._writers.discard(writer)
            with suppress(Exception):
                writer.close()

    def _may_enter(self, writer: asyncio.StreamWriter) -> bool:
        if self._address.startswith(_UNIX):
            return True
        address = ip_address(writer.get_extra_info("peername")[0])
        mapped = getattr(address, "ipv4_mapped", None) or address
        if any(mapped in network for network in self._networks):
            return True
        _log.warning("connection refused: not of doors.networks", door=self._name)
        return False
