"""Real web servers on loopback that misbehave on demand."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Request:
    """Request of a client."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """Answer of the server."""

    status: int
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Service:
    """Content of a server, and its faults: each is used up by one request.

    A number is a status to answer with; "reset:N" breaks off after N bytes, "long" promises more
    bytes than it sends, "slow" stands still, "dripping" sends a byte now and then for a minute,
    "unmeasured" does not say how long the body is,
    "garbled" cuts the body in two and sends the halves the wrong way round, and a fault that begins
    with "http" or "/" is an address to redirect to. Others are the service's own.
    """

    faults: list[str | int] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    url: str = ""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def answer(self, request: Request, fault: str) -> Answer:
        """Answer a request."""
        raise NotImplementedError


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: Service

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the time by the service's clock."""
        assert timestamp is None
        return format_datetime(self.service.now(), usegmt=True)

    def do_GET(self) -> None:
        service = self.service
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length", "0"))
        request = Request(
            self.command,
            parts.path,
            {name: values[-1] for name, values in parse_qs(parts.query).items()},
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(length),
        )
        service.requests.append(request)
        fault = service.faults.pop(0) if service.faults else ""
        if isinstance(fault, int):
            self._send(Answer(fault, b"no", {"Retry-After": "0"}), "")
        elif fault.startswith(("http", "/")):
            self._send(Answer(302, headers={"Location": fault}), "")
        elif fault == "slow":
            threading.Event().wait(1.5)
            self.close_connection = True
        elif fault == "dripping":
            self._drip()
        else:
            self._send(service.answer(request, fault), fault)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

    def _drip(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.wfile.write(b"HTTP/1.1 204 No Content\r\nX-Slow: ")
            for _ in range(200):
                self.wfile.write(b"x")
                threading.Event().wait(0.3)

    def _send(self, answer: Answer, fault: str) -> None:
        content = answer.content
        if fault == "garbled":
            content = content[len(content) // 2 :] + content[: len(content) // 2]
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if fault != "unmeasured":
            self.send_header("Content-Length", str(len(content) + 100 * (fault == "long")))
        self.end_headers()
        if answer.status == 304:
            return
        limit = int(fault.removeprefix("reset:")) if fault.startswith("reset:") else len(content)
        self.wfile.write(content[:limit])
        self.wfile.flush()
        if fault.startswith("reset:") or fault in ("long", "unmeasured"):
            self.close_connection = True


_AnyService = TypeVar("_AnyService", bound=Service)


@contextmanager
def serving(
    service: _AnyService, path: str = "", *, certificate: Path | None = None
) -> Iterator[_AnyService]:
    """Serve on loopback until the end of the block; `path` is appended to the service's url.

    With a file of a certificate and its key it speaks TLS.
    """
    handler = type("Handler", (_Handler,), {"service": service})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    service.url = f"http://127.0.0.1:{server.server_port}{path}"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        service.url = service.url.replace("http:", "https:")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
