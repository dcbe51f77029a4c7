"""A platform with uploads: a server that has them, a broker, and workers as processes."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import func, select

from hashmatch.store.engine import Database
from hashmatch.store.matches import read_daily_counts
from hashmatch.store.schema import Case, Content, MatchRecord
from tests.command_line import CommandLine
from tests.pictures import drawn, list_of

from .brokers import Server

LISTED = 4
_CONTENT_IDS_OF_MATCHES = select(Content.content_id).join(
    MatchRecord, MatchRecord.content_key == Content.key
)


class Uploads:
    """A server that has pictures by number, of which the first are listed, and anything by name."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.others: dict[str, bytes] = {}
        self.pause_s = 0.0
        self.asked: Counter[str] = Counter()

    def data(self, name: str) -> bytes | None:
        """Return the bytes of an upload."""
        if name.isdigit():
            return drawn(int(name))
        return self.others.get(name)

    def event(self, name: str, **more: Any) -> bytes:
        """Return a message about an upload."""
        return json.dumps({"content_id": name, "address": f"{self.url}/{name}", **more}).encode()


@contextmanager
def serving_uploads() -> Iterator[Uploads]:
    """Serve uploads on loopback."""

    class _Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.removeprefix("/")
            uploads.asked[name] += 1
            time.sleep(uploads.pause_s)
            data = uploads.data(name)
            self.send_response(404 if data is None else 200)
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    uploads = Uploads(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield uploads
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Platform:
    """An installation of hashmatch whose workers listen to a broker."""

    arguments = "worker", "--workers", "1"

    def __init__(self, folder: Path, server: Server, uploads: Uploads, more: str = "") -> None:
        self.server = server
        self.uploads = uploads
        self.line = CommandLine.initialised(folder)
        host = uploads.url.removeprefix("http://")
        config = folder / "hashmatch.toml"
        config.write_text(
            f'{config.read_text()}[outbox]\nprivate_hosts = ["127.0.0.1"]\n'
            f'[worker]\nbroker = "{server.url}"\nfetch_hosts = ["{host}"]\n{more}'
        )
        self._command = [sys.executable, "-m", "hashmatch"]
        file = self.line.write("one.csv", list_of(*range(LISTED), algorithms=("pdq", "sha256")))
        for words in (("db", "upgrade"), ("lists", "import", "one", str(file))):
            subprocess.run([*self._command, *words], cwd=folder, check=True, capture_output=True)

    @contextmanager
    def working(self, *command: str) -> Iterator[psutil.Popen]:
        """Start a worker, maybe by another command, give it, and stop it."""
        with (self.line.folder / "worker.log").open("ab") as log:
            process = psutil.Popen(
                command or [*self._command, *self.arguments],
                cwd=self.line.folder, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            yield process
        finally:
            # Of a worker under a trace, it is the first child.
            with suppress(psutil.NoSuchProcess):
                for one in process.children()[:1] if command else [process]:
                    one.terminate()
            process.wait(90)

    @property
    def log(self) -> str:
        return (self.line.folder / "worker.log").read_text()

    def verdicts(self) -> list[dict[str, Any]]:
        """Return the verdicts that were published, in order."""
        return [json.loads(one) for one in self.server.read("hashmatch.verdicts")]

    def await_verdicts(self, content_ids: Sequence[str], patience_s: float = 120.0) -> None:
        """Wait until each of them has a verdict."""
        until = time.monotonic() + patience_s
        while missing := set(content_ids) - {one["content_id"] for one in self.verdicts()}:
            assert time.monotonic() < until, (sorted(missing), self.log[-3_000:])
            time.sleep(0.5)

    def await_done(self, patience_s: float = 60.0) -> None:
        """Wait until every upload is acknowledged."""
        until = time.monotonic() + patience_s
        while self.server.waiting():
            assert time.monotonic() < until
            time.sleep(0.3)

    def record(self) -> dict[str, Any]:
        """Return what is on record: matches by content id, and the counts of all days."""
        database = Database(f"sqlite:///{self.line.folder}/data/hashmatch.db")
        with closing(database), database.reading() as session:
            matches = Counter(session.scalars(_CONTENT_IDS_OF_MATCHES))
            return {
                "matches": dict(matches),
                "cases": session.scalar(select(func.count()).select_from(Case)),
                "counts": read_daily_counts(session),
            }
