"""Who imports whom: the rooms of the package, from its own imports."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import hashmatch

_PACKAGE = Path(hashmatch.__file__).parent


def rooms_page() -> Iterator[str]:
    """Yield a page with each room, what it is, and which rooms it imports and is imported by."""
    imports = room_imports()
    imported_by = defaultdict[str, set[str]](set)
    for room, below in imports.items():
        for other in below:
            imported_by[other].add(room)
    yield "# Who imports whom\n\nThe rooms of the package, each above those that it imports.\n\n"
    yield "| room | what it is | imports | is imported by |\n| --- | --- | --- | --- |\n"
    for room in reversed(list(TopologicalSorter(imports).static_order())):
        others, above = (", ".join(sorted(one)) for one in (imports[room], imported_by[room]))
        yield f"| `{room}` | {promise(room)} | {others} | {above} |\n"


@cache
def room_imports() -> dict[str, set[str]]:
    """Return, for each room, the rooms that it imports."""
    found: dict[str, set[str]] = {
        path.stem: set()
        for path in _PACKAGE.iterdir()
        if not path.name.startswith(("_", ".")) and (path.is_dir() or path.suffix == ".py")
    }
    for path in _PACKAGE.rglob("*.py"):
        parts = path.relative_to(_PACKAGE).with_suffix("").parts
        if parts[0] in found:
            for module in _modules(path):
                other = module.split(".")[1]
                if other in found and other != parts[0]:
                    found[parts[0]].add(other)
    return found


def _modules(path: Path) -> Iterator[str]:
    """Yield the modules of the package that a file imports by their full names.

    Relative imports stay inside a room; what only annotations need counts, too.
    """
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            if node.module.startswith("hashmatch."):
                yield node.module
            elif node.module == "hashmatch":
                yield from (f"hashmatch.{one.name}" for one in node.names)
        elif isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name.startswith("hashmatch."))


def promise(room: str) -> str:
    """Return the first line of a room's own description."""
    path = _PACKAGE / room / "__init__.py"
    text = (path if path.exists() else _PACKAGE / f"{room}.py").read_text()
    return (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
