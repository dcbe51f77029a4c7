"""The floors of the package: imports run downward only, and SQL stays in the store."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import hashmatch

PACKAGE = Path(hashmatch.__file__).parent

# From the top floor down. Rooms on one floor do not know each other. CONTRIBUTING.md has the same.
FLOORS = (
    {"cli"},
    {"operations"},
    {"service", "gate", "engines"},
    {"wiring", "notices"},
    {"cases", "regulators"},
    {"screening", "lists", "cybertip", "evaluate", "prompts", "sharing"},
    {"policy", "wide", "forecast", "audit", "outbox", "uploaders", "reports", "retained"},
    {"match_listener"},
    {"index"},
    {"store"},
    {"imaging", "config"},
    {"hashers", "wire"},
    {"outcome", "outbound"},
    {"hashes", "provenance", "terms"},
    {"closing", "errors", "jit", "synthetic"},
)
# The doors of the package: from the shell, and from Python; and its version.
DOORS_OF_ALL = {"__init__", "__main__", "_version"}
# The client stands apart: it asks the service, and shares only these with the rest.
CLIENT_IMPORTS = {"closing", "errors", "hashes", "outcome", "provenance", "wire"}
# Storeys of rooms that have some, from the top down; those in one set do not know each other.
STOREYS = {
    "store": (
        {
            "retention",
            "figures",
            "queue",
            "sessions",
            "related_cases",
            "sharing",
            "regulators",
            "backup",
        },
        {"evaluations", "backfills", "events", "retained", "dumping"},
        {
            "migrations",
            "matches",
            "cases",
            "opening",
            "outbox",
            "tokens",
            "saved_queues",
            "looks",
            "schedules",
            "lookups",
            "safeguards",
            "policies",
            "prompts",
            "duties",
            "preservation",
            "notices",
        },
        {"lists"},
        {"engine"},
        {"schema"},
    ),
    "service": (
        {"serving"},
        {"app"},
        {"console"},
        {"api", "doors"},
        {"runtime"},
        {"telemetry"},
        {"http"},
    ),
}
# Rooms whose parts are doors of their own: whoever needs one does not load the others.
DOORS = {
    "store": {part for parts in STOREYS["store"] for part in parts},
    # Loads the clients of brokers.
    "engines": {"worker"},
    "operations": {
        "asking",
        "console_demo",
        "demo",
        "doctor",
        "first_run",
        "generator_demo",
        "misuse",
    },
    # Protocols, of which an installation may serve any.
    "sharing": {"ncmec", "taxii"},
    # The search for altered copies hashes by the steps of PDQ.
    "hashers": {"pdq"},
}

# Modules that a host of theirs loads, and that import it.
OF_HOSTS = {
    "hashmatch.gate.comfyui.host",
    "hashmatch.gate.comfyui.v1",
    "hashmatch.gate.comfyui.v3",
    "hashmatch.gate.invokeai",
    "hashmatch.gate.webui",
}

FILES = sorted(path for path in PACKAGE.rglob("*.py") if "_migrations" not in path.parts)


def _module(path: Path) -> tuple[str, ...]:
    """Return the parts of a module's name, without "hashmatch" and without "__init__"."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


@cache
def _imports(path: Path) -> tuple[tuple[int, tuple[str, ...]], ...]:
    """Return (line, parts of the module's name) of every import of the package.

    Those for types only and those in functions count; `from hashmatch.room import name` names the
    room's submodule where there is one.
    """
    return tuple(_all_imports(path))


def _all_imports(path: Path) -> Iterator[tuple[int, tuple[str, ...]]]:
    package = ("hashmatch", *_module(path))
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            own = tuple((node.module or "").split(".")) if node.module else ()
            base = package[: len(package) - node.level + 1] + own if node.level else own
            names = [
                (*base, alias.name) if _is_module((*base, alias.name)) else base
                for alias in node.names
            ]
        else:
            continue
        for name in names:
            if name[:1] == ("hashmatch",):
                yield node.lineno, name[1:]


def _is_module(name: tuple[str, ...]) -> bool:
    path = PACKAGE.joinpath(*name[1:])
    return name[:1] == ("hashmatch",) and (path.is_dir() or path.with_suffix(".py").is_file())


_WAYS_IN = {("__init__", ("wiring",)), ("__main__", ("cli", "main"))}


def _heights(floors: tuple[set[str], ...]) -> dict[str, int]:
    return {room: number for number, rooms in enumerate(floors) for room in rooms}


def test_every_room_has_one_floor() -> None:
    rooms = {(_module(path) or ("__init__",))[0] for path in FILES}
    assert rooms - DOORS_OF_ALL - {"client"} == set().union(*FLOORS)
    assert sum(map(len, FLOORS)) == len(set().union(*FLOORS))


def test_imports_run_downward_only() -> None:
    assert [one for path in FILES for one in _upward(path)] == []


def _upward(path: Path) -> Iterator[str]:
    height = _heights(FLOORS)
    room = (_module(path) or ("__init__",))[0]
    for line, name in _imports(path):
        other = (name or ("__init__",))[0]
        if other == room or other == "_version":
            continue
        is_right = (
            (room, name) in _WAYS_IN
            or (room == "client" and other in CLIENT_IMPORTS)
            or height.get(other, -1) > height.get(room, len(FLOORS))
        )
        if not is_right:
            yield f"{path.relative_to(PACKAGE)}, line {line}: {room} imports {other}"


@pytest.mark.parametrize("room", STOREYS)
def test_imports_within_a_room_of_storeys_run_downward_only(room: str) -> None:
    height = _heights(STOREYS[room])
    for path in FILES:
        own = _module(path)[1:2]
        if _module(path)[:1] != (room,) or not own:
            continue
        for line, name in _imports(path):
            other = name[1] if name[:1] == (room,) and len(name) > 1 else own[0]
            if other != own[0]:
                where = f"{path.name}, line {line}: {room}.{own[0]} imports {room}.{other}"
                assert height[other] > height[own[0]], where


def test_rooms_are_entered_by_their_door() -> None:
    """Between rooms `from hashmatch.room import name`, never a module inside another room."""
    assert [one for path in FILES for one in _past_the_door(path)] == []


def _past_the_door(path: Path) -> Iterator[str]:
    room = (_module(path) or ("__init__",))[0]
    for line, name in _imports(path):
        if not name or name[0] == room or len(name) == 1 or (room, name) in _WAYS_IN:
            continue
        if len(name) > 2 or name[1] not in DOORS.get(name[0], ()):
            yield f"{path.relative_to(PACKAGE)}, line {line}: {'.'.join(name)}"


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {_module(path): {name for _, name in _imports(path)} for path in FILES}
    done: set[tuple[str, ...]] = set()

    def walk(module: tuple[str, ...], way: tuple[tuple[str, ...], ...]) -> None:
        assert module not in way, " imports ".join(".".join(one) for one in (*way, module))
        if module in done:
            return
        for other in sorted(graph.get(module, ())):
            # A package and the modules in it are one: its door hands on what they define.
            if not any(b[: len(a)] == a for a, b in ((module, other), (other, module))):
                walk(other, (*way, module))
        done.add(module)

    for module in sorted(graph):
        walk(module, ())
    assert done >= graph.keys()


def test_no_module_imports_from_a_package_that_it_is_in() -> None:
    """Its door may not have handed the name on yet: that depends on what is imported first."""
    found = [
        f"{path.relative_to(PACKAGE)}, line {line}: {'.'.join(name)}"
        for path in FILES
        for line, name in _imports(path)
        if name and name != _module(path) and _module(path)[: len(name)] == name
    ]
    assert found == []


@pytest.mark.long
@pytest.mark.timeout(900)
def test_every_package_can_be_imported_first() -> None:
    """Each in a process of its own, forked from one that has loaded the libraries only.

    Modules import no package that they are in, and no circle of others, so that packages suffice:
    all modules took three minutes.
    """
    names = [
        ".".join(("hashmatch", *_module(path))) for path in FILES if path.name == "__init__.py"
    ]
    names = [name for name in names if name not in OF_HOSTS]
    result = subprocess.run(
        [sys.executable, "-c", _IMPORT_EACH, *names], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (0, ""), result.stdout + result.stderr


_IMPORT_EACH = """
import importlib, os, sys, traceback
import alembic.command, fastapi, numba, numpy, PIL.Image, pydantic, scipy.fft, sqlalchemy.orm
failed = False
for name in sys.argv[1:]:
    if (child := os.fork()) == 0:
        try:
            importlib.import_module(name)
        except BaseException:
            print(name, traceback.format_exc(), flush=True)
            os._exit(1)
        os._exit(0)
    failed |= os.waitpid(child, 0)[1] != 0
sys.exit(failed)
"""

# What carries a statement to the database.
_STATEMENTS = {
    "execute", "scalar", "scalars", "get", "get_one", "add", "add_all", "delete", "merge",
    "refresh", "flush", "expunge",
}  # fmt: skip


def test_sql_stays_in_the_store() -> None:
    """Outside it a `Session` is handed on, and nobody else states a query or writes a row."""
    others = [path for path in FILES if _module(path)[:1] != ("store",)]
    assert [one for path in others for one in _sql(path)] == []


def _sql(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found = [one.name for one in node.names if one.name.startswith("sqlalchemy")]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy"):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found = [one for one in names if one != "sqlalchemy.orm.Session"]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = ast.unparse(node.func)
            is_statement = node.func.attr in _STATEMENTS
            found = [name] if is_statement and name.startswith(("session.", "connection.")) else []
        else:
            continue
        for one in found:
            yield f"{path.relative_to(PACKAGE)}, line {node.lineno}: {one}"


def test_files_stay_under_400_lines() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in FILES}
    assert {path: length for path, length in lengths.items() if length > 400} == {}


def test_the_contributing_page_draws_these_floors() -> None:
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text()
    drawing = text.partition("```text\n")[2].partition("```")[0]
    drawn: list[set[str]] = []
    for line in drawing.splitlines():
        if found := re.match(r"( ?\d+| {2}) {2}(\w+)(?:/|\.py) ", line):
            if found[1].strip():
                drawn.append(set())
                assert int(found[1]) == len(FLOORS) - len(drawn) + 1
            drawn[-1].add(found[2])
    assert [one - {"client"} for one in drawn] == list(FLOORS)
