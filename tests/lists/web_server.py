"""A real web server on loopback that serves one file and misbehaves when it is told to."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Served:
    """What is served, and how: each fault is used up by one request, the first first.

    A number is a status to answer with; "reset:N" breaks off after N bytes, "long" promises more
    bytes than it sends, "slow" stands still, "replace" puts another file in place of this one,
    "unmeasured" does not say how long the body is, and anything else is where to redirect to.
    """

    content: bytes
    faults: list[str | int] = field(default_factory=list)
    has_etag: bool = True
    has_ranges: bool = True
    requests: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    @property
    def etag(self) -> str:
        """The mark of this content."""
        return f'"{hashlib.sha256(self.content).hexdigest()[:16]}"'


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: Served

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        served = self.served
        served.requests.append({name.lower(): value for name, value in self.headers.items()})
        fault = served.faults.pop(0) if served.faults else ""
        if isinstance(fault, int):
            self._answer(fault, b"no", {"Retry-After": "0"})
        elif fault == "slow":
            threading.Event().wait(1.5)
            self.close_connection = True
        elif fault == "replace":
            served.content = served.content[::-1]
            self._serve("")
        elif fault in ("", "long", "unmeasured") or fault.startswith("reset:"):
            self._serve(fault)
        else:
            self._answer(302, b"", {"Location": fault})

    def _serve(self, fault: str) -> None:
        served = self.served
        if served.has_etag and self.headers.get("If-None-Match") == served.etag:
            self._answer(304, b"", {"ETag": served.etag})
            return
        headers = {"ETag": served.etag} if served.has_etag else {}
        status, content = 200, served.content
        asked = self.headers.get("Range", "")
        if asked and served.has_ranges and self.headers.get("If-Range") == served.etag:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            status, content = 206, content[start:]
            headers["Content-Range"] = f"bytes {start}-{len(served.content) - 1}/{len(content)}"
        self._answer(status, content, headers, fault)

    def _answer(
        self, status: int, content: bytes, headers: dict[str, str], fault: str = ""
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if fault != "unmeasured":
            self.send_header("Content-Length", str(len(content) + 100 * (fault == "long")))
        self.end_headers()
        if status == 304:
            return
        most = int(fault.removeprefix("reset:")) if fault.startswith("reset:") else len(content)
        self.wfile.write(content[:most])
        self.wfile.flush()
        if fault:
            self.close_connection = True


@contextmanager
def serving(content: bytes) -> Iterator[Served]:
    """Serve some content on loopback until the end of the block."""
    served = Served(content)
    handler = type("Handler", (_Handler,), {"served": served})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    served.url = f"http://127.0.0.1:{server.server_port}/list.csv"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
