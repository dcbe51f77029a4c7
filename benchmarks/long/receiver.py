"""A receiver of webhooks on loopback, which can be down: refused connections, then failures."""

from __future__ import annotations

import http.server
import json
import threading
from http import HTTPStatus

from .ledger import Ledger


class Receiver:
    """Notes the matches of each notification that it accepts."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._is_failing = False
        self._server: http.server.ThreadingHTTPServer | None = None
        self.received = self.refused = 0
        self.port = 0
        self.start()

    def start(self) -> None:
        """Accept connections, on the same port each time."""
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(receiver._take(body))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _take(self, body: bytes) -> HTTPStatus:
        if self._is_failing:
            self.refused += 1
            return HTTPStatus.SERVICE_UNAVAILABLE
        data = json.loads(body)["data"]
        # Noted before it is answered: what is accepted is never sent again.
        self._ledger.note_notified(one["match_id"] for one in data.get("matches", ()))
        self.received += 1
        return HTTPStatus.NO_CONTENT

    def fail(self, *, is_failing: bool) -> None:
        """Answer each notification with a failure from now on, or accept them again."""
        self._is_failing = is_failing

    def stop(self) -> None:
        """Close the port."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
