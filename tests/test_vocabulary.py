"""One word for one meaning: names and phrases that the glossary has replaced do not come back."""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import hashmatch

ROOT = Path(hashmatch.__file__).parents[1]
# Words of identifiers, which are split at underscores and capitals.
WORDS = {
    "anew", "aside", "beside", "held", "hindrance", "kept", "spared", "suppressed",
    "suppression", "suppressions", "told", "telling", "whoever",
}  # fmt: skip
# Identifiers with one of these words that the standard library or the field has given.
EXEMPT = {"suppress", "legal_hold"}
PHRASES = (
    r"\banew\b", r"as often as they like", r"\bat most so many\b", r"beside the store",
    r"breaks? off", r"broke off", r"goes? on record", r"half a character", r"\bheld back\b",
    r"\bhold(s|ing)? back\b", r"\bhindrance", r"\blaid (aside|beside)\b", r"\blets? it in\b",
    r"\blets? in\b", r"make(s)? (a list|it) equal", r"nobody is told", r"\bset(s|ting)? aside\b",
    r"\bspared\b", r"\bsuppressed\b", r"\btold\b", r"too plain", r"\bturn(s|ed)? down\b",
    r"what is to be (sent|told)", r"\bwhoever\b", r"who dies",
    r"withdrawn by (hand|the operator)",
)  # fmt: skip
DOCSTRINGS_BEGIN_WITH = re.compile(r'"""(What|Who|Whoever|Whose|Anything)\b')


def _modules() -> list[Path]:
    return sorted((ROOT / "hashmatch").rglob("*.py"))


def _pages() -> Iterator[tuple[str, str]]:
    """Yield (name, text) of all that operators read; the glossary lists what not to say."""
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "sample_config.toml",
        *sorted((ROOT / "docs").rglob("*.md")),
        *sorted((ROOT / "deploy").rglob("*.*")),
        *sorted((ROOT / "hashmatch/service/console/templates").glob("*.j2")),
    ):
        text = path.read_text()
        if path.name == "glossary.md":
            text = text.partition("## Say this, not that")[0]
        yield path.name, text


def _identifiers(path: Path) -> Iterator[tuple[int, str]]:
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.NAME:
                yield token.start[0], token.string


def _words_of(identifier: str) -> set[str]:
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", identifier)
    return {one.lower() for one in parts}


def test_identifiers_use_the_words_of_the_glossary() -> None:
    found = [
        f"{path.relative_to(ROOT)}, line {line}: {name}"
        for path in _modules()
        for line, name in _identifiers(path)
        if name not in EXEMPT and WORDS & _words_of(name)
    ]
    assert found == []


def test_no_replaced_phrase_is_in_the_code_or_the_documents() -> None:
    pattern = re.compile("|".join(PHRASES), re.IGNORECASE)
    texts = [(str(path.relative_to(ROOT)), path.read_text()) for path in _modules()]
    found = [
        f"{name}, line {text.count(chr(10), 0, match.start()) + 1}: {match[0]}"
        for name, text in (*texts, *_pages())
        for match in pattern.finditer(text)
    ]
    assert found == []


def test_docstrings_begin_with_a_noun_or_a_verb() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in _modules()
        for match in DOCSTRINGS_BEGIN_WITH.finditer(path.read_text())
    ]
    assert found == []
