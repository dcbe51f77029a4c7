"""C4 diagrams: hashmatch among others, its programs, and the rooms of its package.

What an arrow stands on is named beside it: a diagram that the imports of the code do not bear out
is not drawn.
"""

from __future__ import annotations

from graphlib import TopologicalSorter
from importlib.util import find_spec
from itertools import pairwise

from docs.site.rooms import promise, room_imports

from .drawing import Box, Drawing

# Name, words, kind, place in columns and rows, what both say to each other, the modules for it.
_OTHERS = (
    ("The platform", "asks about uploads, and acts on the verdict", "other", (0, 0),
     "images, verdicts", "service.api"),
    ("An image generator", "runs behind a gate, in its own process", "other", (1, 0),
     "prompts, pictures", "gate"),
    ("Holders of lists", "IWF, NCMEC, ThreatExchange, StopNCII, the platform itself", "other",
     (2, 0), "hashes, feedback", "lists.sources"),
    ("Compliance staff", "decide cases, keep lists, build reports", "person", (0, 1),
     "console, command line", "service.console"),
    ("Partners", "pull what is shared: hashes, never imagery", "other", (2, 1),
     "own entries", "sharing"),
    ("Identity provider", "signs people in, by OpenID Connect", "other", (0, 2),
     "sign-in", "service.console"),
    ("The platform's own hooks", "webhook, mail, vault for evidence", "other", (1, 2),
     "notifications", "outbox"),
    ("NCMEC and regulators", "CyberTipline, NCA, DSA and others", "other", (2, 2),
     "reports", "cybertip"),
)  # fmt: skip
_PROGRAMS = (
    ("hashmatch serve", "HTTP service and console", "service"),
    ("hashmatch worker", "messages of a broker or bucket, back-fills", "engines"),
    ("the generator", "with the gate in its process", "gate"),
    ("hashmatch …", "commands, jobs that cron or systemd starts", "cli"),
)
_PARTS = (
    ("Decoding pool", "processes that are locked down: files go in, hashes come out", "imaging"),
    ("Index", "files mapped into memory, which follow the lists", "index"),
    ("Database", "SQLite or PostgreSQL: lists, matches, cases, audit log", "store"),
    ("Retained hashes", "files of past uploads' hashes, where switched on", "retained"),
)
_WIDTH, _HEIGHT = 210, 74


def draw_context() -> str:
    """Return hashmatch among the people and systems around it, as SVG."""
    drawing = Drawing(980, 520, "hashmatch among others")
    own = Box(385, 215, _WIDTH, 90)
    boxes = []
    for _, _, _, (column, row), words, module in _OTHERS:
        assert find_spec(f"hashmatch.{module}"), module
        box = Box(20 + column * 365, 25 + row * 198, _WIDTH, _HEIGHT)
        drawing.arrow(own, box, words)
        boxes.append(box)
    drawing.box(own, "hashmatch", "matches images with lists of known material, stores no imagery",
                "program")  # fmt: skip
    for (name, words, kind, *_), box in zip(_OTHERS, boxes, strict=True):
        drawing.box(box, name, words, kind)
    return str(drawing)


def draw_programs() -> str:
    """Return the programs that screen, and the parts that each of them has, as SVG."""
    imports = room_imports()
    below = _below(imports)
    drawing = Drawing(980, 500, "Programs of hashmatch and what they share")
    scanner = Box(20, 190, 940, 76)
    for number, (_, _, room) in enumerate(_PROGRAMS):
        assert "screening" in below[room], room
        drawing.arrow(Box(20 + number * 243, 60, _WIDTH, _HEIGHT),
                      Box(20 + number * 243, 190, _WIDTH, 76))  # fmt: skip
    for number, (_, _, room) in enumerate(_PARTS):
        assert room in imports["screening"], room
        drawing.arrow(Box(20 + number * 243, 190, _WIDTH, 76),
                      Box(20 + number * 243, 380, _WIDTH, _HEIGHT + 16))  # fmt: skip
    drawing.text((490, 30), "Each program has the same scanner in its own process.")
    drawing.text((490, 345), "The decoders are a program's own; the rest is shared by all of them.",
                 edge="#ffffff")  # fmt: skip
    drawing.box(scanner, "Scanner (screening, policy)", "takes a snapshot of the lists, has the "
                "file hashed, looks the hashes up, judges, records in one transaction, and only "
                "then answers: clear, matched or unscreened", "part")  # fmt: skip
    for number, (name, words, _) in enumerate(_PROGRAMS):
        drawing.box(Box(20 + number * 243, 60, _WIDTH, _HEIGHT), name, words, "program")
    for number, (name, words, _) in enumerate(_PARTS):
        place = Box(20 + number * 243, 380, _WIDTH, _HEIGHT + 16)
        drawing.box(place, name, words, "other")
    return str(drawing)


def draw_rooms() -> str:
    """Return the rooms of the package in floors, each with the rooms that it stands on, as SVG.

    An import that others bring along is not drawn.
    """
    imports = room_imports()
    below = _below(imports)
    floors = _floors(imports)
    width, height, gap = 168, 88, 38
    across = max(map(len, floors)) * (width + 14)
    drawing = Drawing(across + 26, len(floors) * (height + gap) + 10, "The rooms of the package")
    boxes = {
        room: Box(20 + (across - len(floor) * (width + 14)) / 2 + number * (width + 14),
                  20 + row * (height + gap), width, height)
        for row, floor in enumerate(floors)
        for number, room in enumerate(floor)
    }  # fmt: skip
    for room, others in imports.items():
        for other in sorted(others):
            if not any(other in below[one] for one in others):
                start, end = boxes[room], boxes[other]
                drawing.line((start.middle[0], start.y + height), (end.middle[0], end.y - 2))
    for room, box in boxes.items():
        drawing.box(box, room, _words(room), "part")
    return str(drawing)


def _words(room: str) -> str:
    """Return what a room is in one sentence, without the name that its box has already."""
    name, colon, words = promise(room).partition(": ")
    return (words if colon else name).partition(". ")[0].rstrip(".").replace("`", "")


def _below(imports: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return, for each room, all rooms that it stands on."""
    below: dict[str, set[str]] = {}
    for room in TopologicalSorter(imports).static_order():
        below[room] = imports[room].union(*(below[one] for one in imports[room]))
    return below


def _floors(imports: dict[str, set[str]]) -> list[list[str]]:
    """Return the rooms from the top floor down, near those above that stand on them."""
    heights: dict[str, int] = {}

    def height(room: str) -> int:
        if room not in heights:
            heights[room] = 1 + max(map(height, imports[room]), default=0)
        return heights[room]

    top = max(map(height, imports))
    floors = [
        sorted(room for room in imports if heights[room] == level) for level in range(top, 0, -1)
    ]
    places = dict.fromkeys(floors[0], 0.5)
    for _, floor in pairwise(floors):
        above = {
            room: [places[one] for one in places if room in imports[one]] or [0.5] for room in floor
        }
        floor.sort(key=lambda room: (sum(above[room]) / len(above[room]), room))
        places |= {room: (number + 0.5) / len(floor) for number, room in enumerate(floor)}
    return floors
