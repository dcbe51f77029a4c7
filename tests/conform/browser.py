"""Browser: headless Chromium, which is sent files on loopback and tells what it shows of them."""

from __future__ import annotations

import json
import queue
import shutil
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from PIL import Image

_PAGE = Path(__file__).with_name("page.html")
_PROGRAM = "chromium"
# No picture depends on the screen, and no request leaves this machine.
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--force-color-profile=srgb",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
)
_TIMEOUT_S = 30.0
MIME_TYPES = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "AVIF": "image/avif",
    "BMP": "image/bmp",
    "ICO": "image/x-icon",
    "CUR": "image/x-icon",
    "JXL": "image/jxl",
}


class BrowserError(Exception):
    """A browser that did not start or has stopped answering."""


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """One picture that the browser drew: of the still picture (`frame` -1), or of one frame."""

    picture: Image.Image
    background: str
    frame: int
    duration_us: int


@dataclass(frozen=True, slots=True)
class Shown:
    """Every picture that the browser shows of one file, none for a broken one, and its errors."""

    pictures: tuple[ShownPicture, ...]
    errors: tuple[str, ...]


class Browser:
    """A headless Chromium in a folder of its own, for one thread; use it in a `with` statement."""

    def __init__(self) -> None:
        self._files: queue.SimpleQueue[tuple[bytes, str]] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._files, self._answers))
        self._server.daemon_threads = True
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def is_installed() -> bool:
        """Say whether this machine has Chromium."""
        return shutil.which(_PROGRAM) is not None

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()
        self._server.shutdown()
        self._server.server_close()
        self._folder.cleanup()

    def show(self, data: bytes, image_format: str) -> Shown:
        """Return what the browser shows of a file. Raises `BrowserError` where it stops."""
        self._files.put((data, MIME_TYPES[image_format]))
        try:
            return _parse(self._answers.get(timeout=_TIMEOUT_S))
        except queue.Empty:
            self._stop()
            self._start()
            raise BrowserError("the browser did not answer") from None

    def _start(self) -> None:
        address = f"http://127.0.0.1:{self._server.server_address[1]}/"
        self._process = subprocess.Popen(
            [_PROGRAM, *_OPTIONS, f"--user-data-dir={self._folder.name}", address],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._answers.get(timeout=_TIMEOUT_S)  # The page asks for its first file.
        except queue.Empty:
            raise BrowserError("the browser did not start") from None

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _parse(answer: bytes) -> Shown:
    at = 4 + int.from_bytes(answer[:4], "little")
    header = json.loads(answer[4:at])
    pictures = []
    for facts in header["pictures"]:
        width, height = facts["width"], facts["height"]
        pixels = answer[at : at + 4 * width * height]
        at += len(pixels)
        picture = Image.frombytes("RGBA", (width, height), pixels).convert("RGB")
        pictures.append(
            ShownPicture(picture, facts["background"], facts["frame"], facts["duration_us"])
        )
    return Shown(tuple(pictures), tuple(header["errors"]))


def _handler(
    files: queue.SimpleQueue[tuple[bytes, str]], answers: queue.SimpleQueue[bytes]
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(_PAGE.read_bytes(), "text/html")

        def do_POST(self) -> None:
            answers.put(self.rfile.read(int(self.headers["content-length"])))
            self._send(*files.get())

        def _send(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    return Handler
