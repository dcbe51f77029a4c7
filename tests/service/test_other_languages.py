"""The client in JavaScript that the guide shows: only what is clear may be shown."""

from __future__ import annotations

import json
import subprocess
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.documents import PAGES, blocks
from tests.pictures import drawn
from tests.programs import require_program
from tests.service.serving import Served

_TOKEN = "tests have one token"


def _scan(base: str, token: str, content_id: str, file: Path) -> dict[str, object]:
    require_program("node")
    (example,) = blocks(PAGES["docs/guides/other-languages.md"], "js")
    call = ", ".join(json.dumps(one) for one in (base, token, content_id))
    script = (
        f"{example}\nconst file = require('fs').readFileSync({json.dumps(str(file))});\n"
        f"scan({call}, file).then((found) => console.log(JSON.stringify(found)));\n"
    )
    ran = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True)
    found: dict[str, object] = json.loads(ran.stdout)
    return found


@pytest.mark.parametrize(
    ("seed", "outcome", "may_be_shown"),
    [(1, "matched", False), (9, "clear", True), (None, "unscreened", False)],
)
def test_it_reads_every_outcome_of_a_service(
    served: Served, tmp_path: Path, seed: int | None, outcome: str, *, may_be_shown: bool
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"no image" if seed is None else drawn(seed))
    token = served.client.headers["Authorization"].removeprefix("Bearer ")
    found = _scan(served.url, token, "post/1&content_id=2", file)
    assert (found["outcome"], found["mayBeShown"]) == (outcome, may_be_shown)
    assert found["content_id"] == "post/1&content_id=2"


_CLEAR = {"content_id": "post/1", "outcome": "clear", "action": "allow"}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (503, {**_CLEAR}),
        (200, {**_CLEAR, "content_id": "post/2"}),
        (200, {**_CLEAR, "action": "review"}),
        (200, {**_CLEAR, "outcome": "fine"}),
        (200, "clear"),
        (200, None),
        (404, {"detail": "no such call"}),
    ],
)
def test_nothing_but_a_verdict_is_taken_for_clear(
    tmp_path: Path, status: int, body: object
) -> None:
    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(HTTPStatus(status))
            self.end_headers()
            self.wfile.write(b"<html>" if body is None else json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            pass

    file = tmp_path / "file"
    file.write_bytes(b"x")
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        found = _scan(f"http://127.0.0.1:{server.server_port}", _TOKEN, "post/1", file)
        server.shutdown()
    assert found["mayBeShown"] is False


def test_a_service_that_is_not_there_is_unscreened(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x")
    found = _scan("http://127.0.0.1:9", _TOKEN, "post/1", file)
    assert (found["outcome"], found["mayBeShown"]) == ("unscreened", False)
