"""The demo of a gate: a small generator behind it, of which one picture in ten is on a list.

The generator draws, and is served in the shape of the images API over a socket. What comes out is
looked at as a client would, in three forms, and then with a scanner that is slow, gone or has no
list to match against.
"""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from PIL import Image, ImageEnhance, ImageOps

from hashmatch.config import Settings
from hashmatch.gate import GateMiddleware, ImageGate, gate_report, open_gate_with
from hashmatch.store.lists import remove_list
from hashmatch.synthetic import draw_picture
from hashmatch.wiring import open_database, open_scanner_with

from .demo import LIST, LISTED_SEEDS, prepare_demo

_LISTED_EVERY = 10
_BATCH = 5
_SIDE = 512
_SEED = 1_000
_START_TIMEOUT_S = 30.0
_PATH = "/v1/images/generations"


@dataclass(slots=True)
class Generated:
    """The pictures of one form: those made, those of them on the list, and those that came out.

    `leaked` are the listed ones among the latter; there must be none.
    """

    form: str
    made: int = 0
    listed: int = 0
    came_out: int = 0
    leaked: int = 0


@dataclass(frozen=True, slots=True)
class GeneratorDemo:
    """Result of the demo: each form, and the gate's own report of it."""

    config: Path
    forms: list[Generated]
    report: dict[str, Any]


@dataclass(slots=True)
class _Generator:
    """An application that draws; it remembers which pictures it should never have shown."""

    made: int = 0
    listed: set[bytes] = field(default_factory=set)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        asked = json.loads(body)
        pictures = [self._draw() for _ in range(asked["n"])]
        if asked.get("stream"):
            kind, answer = b"text/event-stream", b"".join(map(_events, pictures))
        else:
            data = [{"b64_json": base64.b64encode(one).decode()} for one in pictures]
            kind, answer = b"application/json", json.dumps({"created": 0, "data": data}).encode()
        headers = [(b"content-type", kind)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def _draw(self) -> bytes:
        self.made += 1
        is_listed = self.made % _LISTED_EVERY == 0
        number = self.made // _LISTED_EVERY
        if is_listed:
            picture = _altered(draw_picture(LISTED_SEEDS[number % len(LISTED_SEEDS)]), number)
        else:
            picture = draw_picture(_SEED + self.made, _SIDE, _SIDE)
        stream = io.BytesIO()
        picture.save(stream, "PNG", compress_level=1)
        if is_listed:
            self.listed.add(stream.getvalue())
        return stream.getvalue()


def _altered(picture: Image.Image, number: int) -> Image.Image:
    """Return a copy as a model gives one back: not the file, and not quite the picture."""
    alterations = (
        lambda one: one.resize((_SIDE, _SIDE)),
        ImageOps.mirror,
        lambda one: ImageEnhance.Color(one).enhance(0.3),
        lambda one: ImageOps.expand(one, 40, "black"),
        lambda one: ImageEnhance.Brightness(one).enhance(1.2),
    )
    return alterations[number % len(alterations)](picture)


def _events(picture: bytes) -> bytes:
    """Return a picture as the API streams it: a partial image, then the finished one."""
    text = base64.b64encode(picture).decode()
    values = (
        {"type": "image_generation.partial_image", "partial_image_index": 0, "b64_json": text},
        {"type": "image_generation.completed", "b64_json": text},
    )
    return b"".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in values)


def run_generator_demo(folder: Path, pictures: int = 40) -> GeneratorDemo:
    """Run the demo in `folder`, with so many pictures in each form.

    Raises `InputError` when the folder is not empty and not a demo.
    """
    config, settings, _ = prepare_demo(folder)
    forms = []
    with open_gate_with(settings, name="demo") as gate:
        forms.append(_ask("one at a time", gate, pictures, n=1))
        forms.append(_ask(f"{_BATCH} at a time", gate, pictures, n=_BATCH))
        forms.append(_ask("streamed, with previews", gate, pictures, n=1, stream=True))
    with open_scanner_with(settings) as scanner:
        forms.append(_ask("no time for a verdict", ImageGate(scanner, budget_s=0), pictures, n=1))
    forms.append(_ask("the scanner is gone", ImageGate(scanner), pictures, n=1))
    forms.append(_without_lists(settings, pictures))
    with closing(open_database(settings)) as database, database.reading() as session:
        report = gate_report(session, None, None)
    return GeneratorDemo(config, forms, report)


def _without_lists(settings: Settings, pictures: int) -> Generated:
    """Ask while the list is removed; it is imported again the next time."""
    with closing(open_database(settings)) as database, database.writing() as session:
        remove_list(session, LIST)
    with open_scanner_with(settings, require_lists=False) as scanner:
        return _ask("no list", ImageGate(scanner), pictures, n=1)


def _ask(form: str, gate: ImageGate, pictures: int, **asked: Any) -> Generated:
    """Ask a guarded generator for pictures, and look at those that come out."""
    generator = _Generator()
    result = Generated(form)
    with _served(GateMiddleware(generator, gate)) as address, httpx.Client(timeout=60) as client:
        for _ in range(pictures // asked["n"]):
            answer = client.post(f"{address}{_PATH}", json={"prompt": "a picture", **asked})
            for picture in _pictures_in(answer):
                with Image.open(io.BytesIO(picture)) as shown:
                    is_neutral = len(set(shown.getextrema())) == 1 and shown.mode == "L"
                result.came_out += not is_neutral
                result.leaked += picture in generator.listed
    result.made, result.listed = generator.made, len(generator.listed)
    return result


def _pictures_in(answer: httpx.Response) -> Iterator[bytes]:
    """Yield the pictures that a client finds in an answer."""
    values: Sequence[Any] = ()
    if answer.headers["content-type"].startswith("text/event-stream"):
        lines = [one.removeprefix("data: ") for one in answer.text.splitlines()]
        values = [json.loads(one) for one in lines if one.startswith("{")]
    elif answer.status_code == httpx.codes.OK:
        values = answer.json()["data"]
    for one in values:
        if "b64_json" in one:
            yield base64.b64decode(one["b64_json"])


@contextmanager
def _served(app: Any) -> Iterator[str]:
    """Serve an application on the loopback interface, and return its address."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    while not server.started:
        if time.monotonic() > deadline_s or not thread.is_alive():
            raise RuntimeError("the server of the demo did not start")
        time.sleep(0.01)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(_START_TIMEOUT_S)
