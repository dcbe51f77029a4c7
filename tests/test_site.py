"""The documentation as a site: built strictly, complete, and without requests to other hosts."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from docs.site.pages import repository
from tests.documents import DOCS, ROOT

_LOADED = {"script": "src", "img": "src", "iframe": "src", "link": "href"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "docs.site", str(folder / "site")]
    built = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder / "site"


class _Page(HTMLParser):
    """What a page loads when it is opened, and where its links lead."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if found.get("id"):
            self.ids.add(str(found["id"]))
        if tag == "a" and found.get("href"):
            self.links.append(str(found["href"]))
        # A canonical address is not loaded.
        if tag in _LOADED and found.get("rel") != "canonical" and found.get(_LOADED[tag]):
            self.loaded.append(str(found[_LOADED[tag]]))


def _pages(site: Path) -> Iterator[Path]:
    return (site / "html").rglob("*.html")


def test_every_page_of_the_documents_is_in_the_navigation(site: Path) -> None:
    config = (site / "zensical.toml").read_text()
    for page in DOCS.rglob("*.md"):
        assert f'"{page.relative_to(ROOT)}"' in config


def test_a_page_loads_nothing_from_other_hosts(site: Path) -> None:
    for path in _pages(site):
        assert [one for one in _Page(path).loaded if re.match("(https?:)?//", one)] == []


def test_every_link_of_the_site_leads_to_a_page_and_a_place_in_it(site: Path) -> None:
    pages = {path.resolve(): _Page(path) for path in _pages(site)}
    for path, page in pages.items():
        if path.name == "404.html":
            continue  # Its links are those of a server's root.
        for link in page.links:
            if re.match("[a-z]+:", link):
                continue
            name, _, anchor = link.partition("#")
            target = (path.parent / name).resolve() if name else path
            assert target.exists(), f"{path.name}: {link}"
            if anchor and target in pages:
                assert anchor in pages[target].ids, f"{path.name}: {link}"


def test_links_to_the_code_lead_to_files_that_are_there(site: Path) -> None:
    code, found = f"{repository()}/blob/main/", 0
    for path in _pages(site):
        for link in _Page(path).links:
            if link.startswith(code):
                found += 1
                assert (ROOT / link.removeprefix(code).partition("#")[0]).exists(), link
    assert found > 100


def test_the_reference_of_the_site_is_what_the_code_gives(site: Path) -> None:
    folder = site / "pages" / "docs" / "reference" / "generated"
    commands = (folder / "commands.md").read_text()
    assert "## hashmatch lists sync\n" in commands
    calls = json.loads((folder / "openapi.json").read_text())["paths"]
    http = (folder / "http.md").read_text()
    for path, methods in calls.items():
        for method in methods:
            assert f"\n## {method.upper()} {path}\n" in http
    assert "### Scanner.scan_many\n" in (folder / "python.md").read_text()
    schema = json.loads((folder / "configuration.schema.json").read_text())
    assert "intake" in schema["properties"]
