"""The documents are held against the code."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from urllib.parse import unquote

import click
import pytest

from hashmatch import __version__
from hashmatch.cases import DECISIONS, TRANSITIONS, State
from hashmatch.cli.main import cli
from hashmatch.config import Settings
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Kind, Orientation, View
from hashmatch.lists import FORMATS
from hashmatch.outcome import Reason
from hashmatch.reports import CaseRow, ReportRow
from hashmatch.screening import AsyncScanner, Scanner
from hashmatch.service import create_app
from hashmatch.store.tokens import Scope
from tests.documents import DOCS, PAGES, ROOT, anchor_of, blocks, links, names, prose, tables

README = PAGES["README.md"]
COMMANDS_PAGE = PAGES["docs/reference/commands.md"]
HTTP_PAGE = PAGES["docs/reference/http.md"]
PYTHON_PAGE = PAGES["docs/reference/python.md"]
FORMATS_PAGE = PAGES["docs/reference/formats.md"]
REASONS_PAGE = PAGES["docs/reference/reasons.md"]
CASES_PAGE = PAGES["docs/guides/cases.md"]
MAX_README_BYTES = 10_000


def test_the_readme_is_short() -> None:
    assert len(README.encode()) <= MAX_README_BYTES


def test_the_readme_opens_with_the_two_commands() -> None:
    assert README.index("make demo") < README.index("make test") < README.index("## ")


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_to_a_heading_in_it(page: str) -> None:
    for link in links(PAGES[page]):
        path, _, anchor = unquote(link).partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", prose(target.read_text()), re.MULTILINE)
            assert anchor in {anchor_of(one) for one in headings}, link


def test_the_index_of_the_documents_links_every_page() -> None:
    linked = {(DOCS / one).resolve() for one in links(PAGES["docs/README.md"])}
    assert {path.resolve() for path in DOCS.rglob("*.md")} - linked == {(DOCS / "README.md")}


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_is_there(page: str) -> None:
    named = re.findall(r"`((?:hashmatch|tests|deploy|docs|benchmarks)/[\w./-]+)`", PAGES[page])
    assert [one for one in named if "NAME" not in one and not (ROOT / one).exists()] == []


def test_the_changelog_has_this_version() -> None:
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()


def _commands(
    group: click.Group, words: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            if isinstance(command, click.Group):
                yield from _commands(command, (*words, name))
            else:
                yield (*words, name), command


COMMANDS = {" ".join(words): command for words, command in _commands(cli, ("hashmatch",))}
COMMAND_ROWS: dict[str, str] = dict(
    re.findall(r"^\| `(hashmatch [a-z -]+)` \| [^|]+ \| ?([^|]*) \|$", COMMANDS_PAGE, re.MULTILINE)
)


def test_the_page_of_commands_has_every_command_and_no_other() -> None:
    assert COMMAND_ROWS.keys() == COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_of_commands_has_every_option_and_no_other(name: str) -> None:
    every = [one for one in COMMANDS[name].params if isinstance(one, click.Option)]
    own = [one for one in every if not one.hidden]  # Of each command: --config.
    options = {next(word for word in one.opts if word.startswith("--")) for one in own}
    assert set(names(COMMAND_ROWS[name])) == options


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_explains_itself(name: str) -> None:
    assert COMMANDS[name].help
    for option in COMMANDS[name].params:
        if isinstance(option, click.Option):
            assert option.help, f"{name} {option.opts}"


def _examples() -> list[str]:
    """Return every line of a shell example that calls hashmatch, with what continues it."""
    examples = [block for text in PAGES.values() for block in blocks(text, "sh")]
    lines = [line for block in examples for line in block.replace("\\\n", " ").splitlines()]
    return list(dict.fromkeys(line for line in lines if line.startswith("hashmatch")))


@pytest.mark.parametrize("line", _examples())
def test_every_example_is_understood(line: str) -> None:
    """Its options and arguments are parsed by the command, which is not run."""
    words = shlex.split(line, comments=True)[1:]
    command: click.Command | None = cli
    with click.Context(cli) as context:
        while isinstance(command, click.Group):
            command = command.get_command(context, words.pop(0))
        assert command is not None
        command.make_context(command.name, words, parent=context)


@pytest.mark.parametrize("page", PAGES)
def test_every_example_in_python_imports_what_there_is(page: str) -> None:
    for block in blocks(PAGES[page], "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module:
                module = import_module(node.module)
                assert [one.name for one in node.names if not hasattr(module, one.name)] == []


def test_the_page_of_reasons_has_every_reason_and_no_other() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^`|]", REASONS_PAGE, re.MULTILINE)
    assert sorted(rows) == sorted(Reason)


def test_the_page_of_http_has_a_status_for_every_reason() -> None:
    named = [one for *_, cell in tables(HTTP_PAGE, "## Statuses") for one in names(cell)]
    assert set(Reason) <= set(named)


def test_the_page_of_formats_has_every_algorithm_and_its_threshold() -> None:
    rows = {names(row[0])[0]: row for row in tables(FORMATS_PAGE, "## Algorithms") if names(row[0])}
    assert rows.keys() == ALGORITHMS.keys()
    for name, algorithm in ALGORITHMS.items():
        _, bits, _, threshold = rows[name]
        assert bits == str(algorithm.bits)
        if algorithm.kind is Kind.PERCEPTUAL:
            is_off = algorithm.threshold_bits is None
            default = "none" if is_off else f"{algorithm.threshold_bits} bits"
            assert threshold.startswith(default)


def test_the_page_of_formats_has_every_list_format_with_its_endings() -> None:
    rows = {
        name: names(row[1])
        for row in tables(FORMATS_PAGE, "## List files")
        for name in names(row[0])
    }
    for one in FORMATS:
        assert tuple(rows[one.name]) == one.suffixes


def test_the_page_of_formats_has_every_image_format_view_and_orientation() -> None:
    formats = [one for row in tables(FORMATS_PAGE, "## Image formats") for one in names(row[0])]
    assert sorted(formats) == sorted(Settings().intake.formats)
    views = [one for row in tables(FORMATS_PAGE, "### Views") for one in names(row[0])]
    assert sorted(views) == sorted(View)
    _, _, rest = FORMATS_PAGE.partition("### Orientations")
    assert names(rest.partition("##")[0]) == list(Orientation)


def test_the_page_of_formats_has_the_columns_of_reports_in_order() -> None:
    rows = {row[0]: names(row[1]) for row in tables(FORMATS_PAGE, "## Reports")}
    assert rows["matches"] == list(ReportRow.__dataclass_fields__)
    assert rows["cases"] == list(CaseRow.__dataclass_fields__)


def test_the_guide_to_cases_says_from_where_each_decision_leads_where() -> None:
    rows = {
        names(row[0])[0]: row
        for row in tables(CASES_PAGE, "## The life of a case")
        if names(row[0])
    }
    assert {one.value for one in DECISIONS} <= rows.keys()
    for action in DECISIONS:
        _, before, after = rows[action.value]
        leads = {one: to for one, to in TRANSITIONS[action].items() if one is not to}
        for state, target in leads.items():
            assert "any" in before or "after" in before or _words(state) in before, action
            assert _words(target) in after, action


def _words(state: State) -> str:
    return state.value.replace("_", " ")


def test_the_page_of_http_has_every_call_and_no_other() -> None:
    document = create_app(Settings()).openapi()
    calls = {
        f"{method.upper()} {path}" for path, own in document["paths"].items() for method in own
    }
    calls |= {"GET /docs", "GET /openapi.json"}
    assert set(re.findall(r"^\| `([A-Z]+ /[^`]*)` \|", HTTP_PAGE, re.MULTILINE)) == calls


def test_the_page_of_http_has_the_scopes_of_every_call() -> None:
    document = create_app(Settings()).openapi()
    rows = dict(re.findall(r"^\| `([A-Z]+ /[^`]*)` \| ([^|]+) \|", HTTP_PAGE, re.MULTILINE))
    for path, own in document["paths"].items():
        for method, call in own.items():
            needed = re.search(r"with the scope ([\w ]+)\.", call.get("description", ""))
            said = rows[f"{method.upper()} {path}"]
            scopes = set(needed[1].split(" or ")) if needed else {"none"}
            assert scopes == {one for one in (*Scope, "none") if re.search(rf"\b{one}\b", said)}


def test_the_guide_to_the_service_has_every_scope() -> None:
    rows = tables(PAGES["docs/guides/service.md"], "## Start it")
    assert [one for row in rows for one in names(row[0])] == list(Scope)


def test_the_page_of_python_has_every_call_to_scan_and_whether_it_can_be_awaited() -> None:
    rows = {names(row[0])[0]: row for row in tables(PYTHON_PAGE, "## Scan") if names(row[0])}

    def calls(of: type) -> set[str]:
        return {one for one in dir(of) if re.match("(scan|lookup)(_|$)", one)}

    assert rows.keys() == calls(Scanner)
    assert {name for name, row in rows.items() if row[1] == "yes"} == calls(AsyncScanner)


def test_the_page_of_python_names_what_there_is() -> None:
    for name in re.findall(r"`(hashmatch\.[\w.]+)`", PYTHON_PAGE):
        module, _, attribute = name.rpartition(".")
        try:
            import_module(name)
        except ImportError:
            assert hasattr(import_module(module), attribute), name
