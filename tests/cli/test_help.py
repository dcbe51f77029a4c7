"""Claims about help pages: each is there at once, since it loads nothing that only work needs."""

from __future__ import annotations

import json
import subprocess
import sys

from benchmarks.starting import commands_of
from hashmatch.cli.main import cli

# Each of these takes a twentieth of a second and more to load.
_HEAVY = {
    "PIL", "alembic", "cryptography", "fastapi", "httpx", "jinja2", "numba", "numpy", "pydantic",
    "rich", "sqlalchemy", "structlog", "uvicorn",
}  # fmt: skip
# Shows the help pages of the commands given one after another, and names what that has loaded.
_SHOW = """
import contextlib, io, json, sys
from hashmatch.cli.main import cli
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as page:
        code = cli.main([*words, "--help"], standalone_mode=False)
    assert "Usage: " in page.getvalue(), words
    print(json.dumps([words, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def test_the_help_of_every_command_loads_neither_the_database_nor_any_array() -> None:
    commands = list(commands_of(cli))
    assert len(commands) > 50
    show = [sys.executable, "-c", _SHOW, json.dumps(commands)]
    shown = subprocess.run(show, capture_output=True, text=True, check=True).stdout
    pages = [json.loads(line) for line in shown.splitlines()]
    loaded = {tuple(words): _HEAVY & set(names) for words, names in pages}
    # Modules stay loaded, so that the first command is the one to blame.
    assert set(loaded) == set(commands)
    assert {words: names for words, names in loaded.items() if names} == {}
