"""Serving of the doors: listening, who may come in, and how many at a time."""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import IO, TypeAlias

from hashmatch.config import DoorSettings
from hashmatch.errors import ConfigError

from ..http.listening import probe_port
from ..runtime.state import ServiceState
from ..telemetry.logs import logger
from .clamd import ClamdDoor
from .icap import IcapDoor
from .verdicts import Desk

_Serve: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_UNIX = "unix:"
_TAKE_OVER_S = 1.0
_LAST_PORT = 65_535
_MAX_PATH_BYTES = 107  # Of a socket (unix(7)).
_log = logger("hashmatch.doors")


def require_doors(settings: DoorSettings) -> None:
    """Raise `ConfigError` for an address at which no door could be opened."""
    for name, address in (("clamd", settings.clamd), ("icap", settings.icap)):
        problem = _problem_with(address) if address else ""
        if problem:
            raise ConfigError(f"doors.{name}: {address}: cannot listen there: {problem}")


def _problem_with(address: str) -> str:
    if address.startswith(_UNIX):
        path = Path(address.removeprefix(_UNIX))
        if len(os.fsencode(path)) > _MAX_PATH_BYTES:
            return f"the path has more than {_MAX_PATH_BYTES} bytes"
        if not os.access(path.parent, os.W_OK | os.X_OK):
            return f"there is no folder {path.parent} that this user can write to"
        return "" if not path.exists() or path.is_socket() else "there is a file"
    host, _, port = address.rpartition(":")
    if int(port) > _LAST_PORT:  # The system would take another one for it.
        return "there is no such port"
    try:
        probe_port(host.strip("[]"), int(port))
    except OSError as error:
        return error.strerror or str(error)
    return ""


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
    return IcapDoor(
        desk,
        settings.doors.found_name,
        settings.service.body_timeout_s,
        settings.intake.max_bytes,
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
            waiting = asyncio.create_task(self._listen_to_file(self._open_lock()))
        else:
            server = await self._listen_to_port()
            waiting = asyncio.create_task(server.serve_forever())
        await asyncio.sleep(0)  # What fails does so at once, or is logged.
        if waiting.done():
            raise self._failed(waiting.exception())
        waiting.add_done_callback(self._note_end)
        try:
            yield
        finally:
            waiting.cancel()
            for writer in self._writers:
                writer.transport.abort()
            await asyncio.gather(waiting, return_exceptions=True)

    def _failed(self, error: BaseException | None) -> ConfigError:
        problem = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return ConfigError(f"doors.{self._name}: {self._address}: cannot listen there: {problem}")

    def _note_end(self, waiting: asyncio.Task[None]) -> None:
        if not waiting.cancelled() and (error := waiting.exception()) is not None:
            _log.error("door closed", door=self._name, problem=self._failed(error).message)

    async def _listen_to_port(self) -> asyncio.Server:
        host, _, port = self._address.rpartition(":")
        try:
            # Each process of the service listens, and the kernel deals out the connections.
            return await asyncio.start_server(
                self._connected, host.strip("[]"), int(port), reuse_port=True
            )
        except OSError as error:
            raise self._failed(error) from error

    def _open_lock(self) -> IO[str]:
        path = self._path
        try:
            return path.with_name(f"{path.name}.lock").open("w")
        except OSError as error:
            raise self._failed(error) from error

    @property
    def _path(self) -> Path:
        return Path(self._address.removeprefix(_UNIX))

    async def _listen_to_file(self, lock: IO[str]) -> None:
        """Listen to a socket in the file system; one process does, and another when it ends."""
        path = self._path
        with lock:
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
        peer = writer.get_extra_info("peername")
        if not peer:  # It has gone.
            return False
        address = ip_address(peer[0])
        mapped = getattr(address, "ipv4_mapped", None) or address
        if any(mapped in network for network in self._networks):
            return True
        _log.warning("connection refused: not of doors.networks", door=self._name)
        return False
