"""Brings the pages of the repository together for the site."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from posixpath import normpath

ROOT = Path(__file__).parents[2]
# Beside the folder of the documentation; what links lead to elsewhere is in the repository.
_FILES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "benchmarks/RESULTS.md")
_TEXTS = ("sample_config.toml", "LICENSE")
_LINK = re.compile(r"(\]\()(?!https?:|#)([^)\s#]+)")


def stage(folder: Path, generated: dict[str, str]) -> None:
    """Write all pages below a folder, as they lie in the repository, and the generated ones."""
    pages = [Path(one) for one in _FILES]
    pages += [one.relative_to(ROOT) for one in sorted((ROOT / "docs").rglob("*.md"))]
    others = [Path(one) for one in _TEXTS]
    others += [
        one.relative_to(ROOT)
        for pattern in ("*.png", "*.svg", "*.json")
        for one in sorted((ROOT / "docs").rglob(pattern))
    ]
    there = {str(one) for one in (*pages, *others)} | generated.keys()
    for page in pages:
        _write(folder / page, _absolute((ROOT / page).read_text(), page, there))
    for file in others:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, folder / file)
    for name, text in generated.items():
        _write(folder / name, text)


def repository() -> str:
    """Return the address of the repository, from the package's own metadata."""
    metadata = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return str(metadata["project"]["urls"]["Source"])


def navigation(generated: dict[str, str]) -> list[object]:
    """Return the sections of the index of the documents, each with its pages in their order."""
    index = (ROOT / "docs" / "README.md").read_text()
    sections: list[object] = [{"Start": "README.md"}, {"All pages": "docs/README.md"}]
    for heading, rows in re.findall(r"^## ([^:\n]+).*?\n(.*?)(?=^## |\Z)", index, re.S | re.M):
        pages = [
            {title: f"docs/{path}"}
            for title, path in re.findall(r"^\| \[([^\]]+)\]\(([^)]+)\)", rows, re.M)
        ]
        sections.append({heading: pages})
    sections.append({"Generated from the code": [{_title(generated[one]): one} for one in generated
                                                 if one.endswith(".md")]})  # fmt: skip
    others = [{_title((ROOT / one).read_text()): one} for one in _FILES[1:]]
    return [*sections, {"The project": others}]


def _title(page: str) -> str:
    return page.partition("\n")[0].removeprefix("# ")


def _absolute(text: str, page: Path, there: set[str]) -> str:
    """Let links to files that are not on the site lead to the repository."""

    def lead(found: re.Match[str]) -> str:
        target = normpath(str(page.parent / found[2]))
        if target in there:
            return found[0]
        return f"{found[1]}{repository()}/blob/main/{target}"

    return _outside_of_code(text, lambda one: _LINK.sub(lead, one))


def _outside_of_code(text: str, change: Callable[[str], str]) -> str:
    def parts() -> Iterator[str]:
        for part in re.split(r"(^```.*?^```)", text, flags=re.S | re.M):
            yield part if part.startswith("```") else change(part)

    return "".join(parts())


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
