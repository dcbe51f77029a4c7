"""The floors of the package: imports run downward only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import hashmatch

PACKAGE = Path(hashmatch.__file__).parent

# From the top floor down. Rooms on one floor do not know each other.
FLOORS = (
    {"__main__"},
    {"cli"},
    {"demo", "doctor", "service"},
    {"first_run"},
    {"wiring"},
    {"lists", "cases", "reports", "pipeline", "client"},
    {"cybertip", "recording", "subjects"},
    {"matching", "outbox", "audit", "details"},
    {"outbound"},
    {"policy"},
    {"imaging"},
    {"hashers"},
    {"index"},
    {"store"},
    {"config"},
    {"outcome"},
    {"hashes", "drawing", "compiled"},
    {"errors"},
)
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE / "_migrations")


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def _imported_rooms(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, room) for every import of the package, typing-only and lazy ones included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            module = node.module or ""
            names = (
                [f"hashmatch.{alias.name}" for alias in node.names]
                if module == "hashmatch"
                else [module]
            )
        else:
            continue
        for name in names:
            package, _, rest = name.partition(".")
            if package == "hashmatch" and rest and not rest.startswith("__version__"):
                yield node.lineno, rest.partition(".")[0]


def test_every_room_has_a_floor() -> None:
    assert {_room(path) for path in FILES} - {"__init__"} == FLOOR_OF.keys()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_downward_only(path: Path) -> None:
    room = _room(path)
    if room == "__init__":  # The door of the package, which hands on what it opens to.
        return
    upward = [
        f"line {line}: {room} imports {other}"
        for line, other in _imported_rooms(path)
        if other != room and FLOOR_OF[other] <= FLOOR_OF[room]
    ]
    assert upward == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_rooms_are_entered_by_their_door(path: Path) -> None:
    """Between rooms `from hashmatch.room import name`, never a module inside another room.

    The migrations are the exception: they load Alembic, which most commands never need. And
    `python -m hashmatch` goes straight to the command line.
    """
    inside = [
        f"line {node.lineno}: {node.module}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0
        if node.module.startswith("hashmatch.") and node.module.count(".") > 1
        if node.module not in ("hashmatch.store.migrations", "hashmatch.cli.main")
    ]
    assert inside == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_stay_under_400_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400
