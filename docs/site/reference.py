"""Reference pages that the code itself gives: commands, calls over HTTP, configuration, schemas."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from typing import Any

import click

import hashmatch.client
import hashmatch.gate
import hashmatch.outcome
from hashmatch import open_async_scanner, open_prompt_screener, open_scanner
from hashmatch.cli.main import cli
from hashmatch.config import Settings
from hashmatch.prompts import PromptScreener
from hashmatch.screening import AsyncScanner, Scanner
from hashmatch.service import create_app

from .rooms import rooms_page

_FOLDER = "docs/reference/generated"
# Opened by the calls before them.
_CLASSES = (
    *(Scanner, AsyncScanner, PromptScreener),
    *(hashmatch.client.Client, hashmatch.client.AsyncClient, hashmatch.client.Verdict),
    *(hashmatch.outcome.Clear, hashmatch.outcome.Matched, hashmatch.outcome.Unscreened),
    *(hashmatch.outcome.Match, hashmatch.gate.ImageGate, hashmatch.gate.Checked),
)
# A scanner has more, for the service alone.
_CALLS = re.compile("(scan|lookup|close)")


def generated_pages() -> dict[str, str]:
    """Return the pages and JSON files by their paths."""
    openapi = create_app(Settings()).openapi()
    return {
        f"{_FOLDER}/commands.md": "".join(_commands()),
        f"{_FOLDER}/http.md": "".join(_calls(openapi)),
        f"{_FOLDER}/python.md": "".join(_python()),
        f"{_FOLDER}/rooms.md": "".join(rooms_page()),
        f"{_FOLDER}/schemas.md": _SCHEMAS,
        f"{_FOLDER}/openapi.json": _as_json(openapi),
        f"{_FOLDER}/configuration.schema.json": _as_json(Settings.model_json_schema()),
    }


_SCHEMAS = """# JSON schemas

- [openapi.json](openapi.json): every call of the service, with the shape of its body and of each of
  its answers. A running service has it at `/openapi.json`.
- [configuration.schema.json](configuration.schema.json): the configuration, for editors that
  complete and check TOML.
- [nca-report.schema.json](../nca-report.schema.json): a report to the NCA.
"""


def _as_json(document: Any) -> str:
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def _commands() -> Iterator[str]:
    yield "# Every command in full\n\nWhat each command answers to `--help`.\n"
    with click.Context(cli, info_name="hashmatch", **cli.context_settings) as context:
        yield from _help_of(cli, context)


def _help_of(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f"\n## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            own = command.get_command(context, name)
            assert own is not None
            with click.Context(own, context, name, **own.context_settings) as below:
                yield from _help_of(own, below)


def _calls(openapi: dict[str, Any]) -> Iterator[str]:
    yield (
        "# Every call over HTTP in full\n\nFrom the [document](openapi.json) that a running service"
        " has at `/openapi.json`.\n"
    )
    for path, calls in openapi["paths"].items():
        for method, call in calls.items():
            yield f"\n## {method.upper()} {path}\n\n{call.get('description', call['summary'])}\n"
            if call.get("parameters"):
                yield "\n| parameter | in | required | meaning |\n| --- | --- | --- | --- |\n"
                for one in call["parameters"]:
                    required = "yes" if one.get("required") else "no"
                    told = _cell(one.get("description", ""))
                    yield f"| `{one['name']}` | {one['in']} | {required} | {told} |\n"
            yield "\n| status | meaning |\n| --- | --- |\n"
            for status, answer in call["responses"].items():
                yield f"| {status} | {_cell(answer.get('description', ''))} |\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _python() -> Iterator[str]:
    yield "# Every call in Python in full\n\nThe page to read is [Python](../python.md).\n"
    for opening in (
        open_scanner,
        open_async_scanner,
        open_prompt_screener,
        hashmatch.gate.open_gate,
    ):
        yield _function(f"hashmatch.{opening.__name__}", opening, "##")
    for kind in _CLASSES:
        yield f"\n## {kind.__name__}\n\n{inspect.getdoc(kind)}\n"
        for name, method in inspect.getmembers(kind, inspect.isfunction):
            if _CALLS.match(name) or (kind is not Scanner and not name.startswith("_")):
                yield _function(f"{kind.__name__}.{name}", method, "###")


def _function(name: str, function: Any, heading: str) -> str:
    signature = str(inspect.signature(function)).replace("'", "")
    return (
        f"\n{heading} {name}\n\n```python\n{name}{signature}\n```\n\n{inspect.getdoc(function)}\n"
    )
