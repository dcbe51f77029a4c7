"""A web server that serves one file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.lists.loopback import Answer, Request, Service, serving


@dataclass
class Served(Service):
    """The file. The fault "replace" puts another file in place of this one."""

    content: bytes = b""
    has_etag: bool = True
    has_ranges: bool = True
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        """The mark of this content."""
        return f'"{hashlib.sha256(self.content).hexdigest()[:16]}"'

    def answer(self, request: Request, fault: str) -> Answer:
        """Give the file, or its rest."""
        if fault == "replace":
            self.content = self.content[::-1]
        if self.has_etag and request.headers.get("if-none-match") == self.etag:
            return Answer(304, headers={"ETag": self.etag})
        headers = self.headers | ({"ETag": self.etag} if self.has_etag else {})
        asked = request.headers.get("range", "")
        if not (asked and self.has_ranges and request.headers.get("if-range") == self.etag):
            return Answer(200, self.content, headers)
        start = int(asked.removeprefix("bytes=").rstrip("-"))
        length = len(self.content)
        headers["Content-Range"] = f"bytes {start}-{length - 1}/{length}"
        return Answer(206, self.content[start:], headers)


@contextmanager
def serving_file(content: bytes) -> Iterator[Served]:
    """Serve some content on loopback until the end of the block."""
    with serving(Served(content=content), "/list.csv") as served:
        yield served
