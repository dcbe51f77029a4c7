"""Sequence diagrams: the calls from room to room that a scan and a sync make, as they are made."""

from __future__ import annotations

import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType

import hashmatch
from benchmarks.serving import free_port
from hashmatch import open_scanner
from hashmatch.cases import Actor, CaseAction, Role, case_senders, decide, escalate
from hashmatch.config import load_settings
from hashmatch.lists import open_source, sync_list
from hashmatch.operations.console_demo import Desk
from hashmatch.operations.demo import prepare_demo
from hashmatch.outbox import send_due
from hashmatch.synthetic import draw_picture
from hashmatch.wiring import open_database

from .drawing import Box, Drawing

# Rooms of values, which everything touches, and the one that only puts the others together.
_NOT_SHOWN = {
    *("outcome", "hashes", "errors", "terms", "wire", "closing", "provenance", "synthetic", "jit"),
    *("config", "wiring", "outbound", "operations"),
}
# What they call for a moment or a turn, and what says nothing about the way.
_HELPERS = {"path_as_text", "utc_now", "retried", "Database.turns"}
_ACROSS, _TOP, _STEP = 150, 84, 26
_PACKAGE = Path(hashmatch.__file__).parent


@dataclass(frozen=True, slots=True)
class Call:
    """A call from one room to another; outside of the package, its caller is the platform."""

    caller: str
    callee: str
    name: str


@contextmanager
def _recorded_calls(first: str) -> Iterator[list[Call]]:
    """Record which public functions rooms call of others, each once, also in threads they start.

    The store calls back what it tries again; that is not drawn.
    """
    calls: list[Call] = []
    main = threading.get_ident()

    def note(frame: FrameType, event: str, _: object) -> None:
        callee, name = _room(frame), frame.f_code.co_qualname
        # Compiled functions have no frame above them.
        if event != "call" or not callee or not frame.f_back or name in _HELPERS:
            return
        outside = first if threading.get_ident() == main else callee
        call = Call(_caller(frame) or outside, callee, name)
        is_public = not any(one[:1] in "_<" for one in name.split("."))
        if is_public and call.caller not in {callee, "store"} and call not in calls:
            calls.append(call)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def _room(frame: FrameType) -> str | None:
    """Return the room whose code a frame runs, if it is of those that are shown."""
    return _room_of(frame.f_code.co_filename)


@cache
def _room_of(file: str) -> str | None:
    path = Path(file)
    if not path.is_relative_to(_PACKAGE):
        return None
    room = path.relative_to(_PACKAGE).with_suffix("").parts[0]
    return None if room in _NOT_SHOWN else room


def _caller(frame: FrameType) -> str | None:
    above = frame.f_back
    while above is not None and not _room(above):
        above = above.f_back
    return _room(above) if above else None


@cache
def recorded() -> dict[str, list[Call]]:
    """Return the calls of a scan of a listed picture, of a sync, and of an escalation.

    The sync finds a delivery. A person confirms the case and escalates it; then it is sent.
    """
    with _demo() as (config, picture), open_scanner(config) as scanner:
        settings = load_settings(config, use_environment=False)
        # What is done once, and the first time that anything is asked for.
        scanner.scan_file(picture, content_id="first")
        with _recorded_calls("platform") as scan:
            scanner.scan_file(picture, content_id="second")
        with closing(open_database(settings)) as database:
            with _recorded_calls("cron") as sync:
                sync_list(database, "deliveries", open_source(settings, "deliveries"), settings)
            with _recorded_calls("reviewer") as escalation:
                with database.writing() as session:
                    decide(session, settings, 1, CaseAction.CONFIRM, _ACTOR)
                    escalate(session, settings, 1, "desk", _ACTOR)
                sent = send_due(database, case_senders(settings, database))
    assert sent.counts == {"sent": 1}
    return {"scan": scan, "sync": sync, "escalation": escalation}


_ACTOR = Actor("ann", "user ann", frozenset({Role.REVIEWER}))


@contextmanager
def _demo() -> Iterator[tuple[Path, Path]]:
    """Make the demo's list in an empty store, with a desk that takes cases, and another source.

    Yields its configuration and a listed picture.
    """
    with tempfile.TemporaryDirectory() as name:
        config, _, _ = prepare_demo(Path(name))
        config.write_text(f"{config.read_text()}\n{_SOURCE}")
        desk = Desk(free_port())
        desk.configure(config)
        picture = Path(name) / "picture.jpg"
        draw_picture(1).save(picture)
        with desk.opened():
            yield config, picture


_SOURCE = """
[lists.deliveries]
source = "file"
path = "list.csv"
"""


def draw_sequence(title: str, calls: list[Call]) -> str:
    """Return calls from the first to the last, each on a line of its own, as SVG.

    The rooms stand beside each other in the order in which they are called.
    """
    rooms = list(dict.fromkeys(room for call in calls for room in (call.caller, call.callee)))
    height = _TOP + len(calls) * _STEP + 20
    drawing = Drawing(len(rooms) * _ACROSS + 40, height, title)
    middles = {room: 20 + (number + 0.5) * _ACROSS for number, room in enumerate(rooms)}
    for room, x in middles.items():
        drawing.line((x, 50), (x, height - 10), tip=False)
        kind = "person" if room == rooms[0] else "part"
        drawing.box(Box(x - 55, 16, 110, 34), room, "", kind)
    for number, call in enumerate(calls):
        y = _TOP + number * _STEP
        start, end = middles[call.caller], middles[call.callee]
        drawing.line((start, y), (end, y))
        drawing.text(((start + end) / 2, y - 5), call.name, edge="#ffffff")
    return str(drawing)
