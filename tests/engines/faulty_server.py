"""A server of S3 on loopback that fails as real ones do, in what it sends."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias
from urllib.parse import urlsplit

_ERROR = (
    '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>refused</Message>'
    "<RequestId>4442587FB7D0A2F9</RequestId></Error>"
)
# Statuses as the reference of S3's errors gives them.
STATUSES = {
    "SlowDown": 503, "InternalError": 500, "AccessDenied": 403, "ExpiredToken": 400,
    "InvalidAccessKeyId": 403, "ServiceUnavailable": 503, "NoSuchBucket": 404,
}  # fmt: skip

# Receives method and path of a request; returns a code of S3's errors, "cut", or none.
Fault: TypeAlias = Callable[[str, str], str | None]


class FaultyServer:
    """A proxy before a server of S3: what it is asked, and how it fails, can be set."""

    def __init__(self, upstream: str, url: str) -> None:
        self.upstream = upstream
        self.url = url
        self.fault: Fault = lambda _method, _path: None
        self.requests: list[tuple[str, str]] = []


@contextmanager
def serve_faulty(upstream: str) -> Iterator[FaultyServer]:
    """Serve before another server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    faulty = FaultyServer(upstream, f"http://127.0.0.1:{server.server_port}")
    server.faulty = faulty  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield faulty
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _pass_on(self) -> None:
        faulty: FaultyServer = self.server.faulty  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        faulty.requests.append((self.command, self.path))
        fault = faulty.fault(self.command, self.path)
        if fault is not None and fault != "cut":
            answer = _ERROR.format(code=fault).encode()
            self.send_response(STATUSES[fault])
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer)
            return
        connection = http.client.HTTPConnection(urlsplit(faulty.upstream).netloc, timeout=30)
        headers = dict(self.headers.items())
        connection.request(self.command, self.path, body, headers)
        answer_of = connection.getresponse()
        data = answer_of.read()
        self.send_response(answer_of.status)
        for name, value in answer_of.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                self.send_header(name, value)
        length = answer_of.getheader("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(data)))
        self.end_headers()
        if fault == "cut":
            self.close_connection = True
            data = data[:-1]
        self.wfile.write(data)
        connection.close()

    # The names that the library calls.
    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass
