"""Terms: the grammar of listed words, phrases, stems and words that need another one nearby.

glimmerfish                  a word
moon cheese                  a phrase
glimmer*                     a stem: words that begin so
glimmer* ~5 moon cheese      the first needs the second within five words, on either side
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from hashmatch.errors import InputError

# The name that stands for terms where hashes have their algorithm.
TERM = "term"
# The tag of a term of fewer than five letters that is to be found in disguise, too.
LOOSE_TAG = "loose"
MAX_TERM_CHARACTERS = 200
_MAX_WITHIN = 100
_NEAR, _NEAR_NOTHING = re.compile(r"\s~(\d{1,4})\s"), re.compile(r"(?<!\S)~\d*(?!\S)")
_HINT = (
    "A term is a word or a phrase, maybe with * at its end, and maybe followed by ~, a number of"
    " words and another such term: 'first ~5 second'."
)


@dataclass(frozen=True, slots=True)
class Expression:
    """A word or a phrase; with `is_stem` its last word may go on."""

    text: str
    is_stem: bool = False

    def __str__(self) -> str:
        return f"{self.text}*" if self.is_stem else self.text


@dataclass(frozen=True, slots=True)
class Term:
    """A listed term: an expression that may need another one `within` some words.

    Side by side is within 1.
    """

    expression: Expression
    near: Expression | None = None
    within: int = 0

    def encoded(self) -> bytes:
        """Return the term as it is stored: in one form, in UTF-8."""
        if self.near is None:
            return str(self.expression).encode()
        return f"{self.expression} ~{self.within} {self.near}".encode()

    # Without the text, which must not get into a log.
    def __repr__(self) -> str:
        return "Term(...)"


def parse_term(text: str) -> Term:
    """Return a term from its text. Raises `InputError`, which never quotes it."""
    plain = " ".join(unicodedata.normalize("NFC", text).split())
    if not plain:
        raise InputError("the term is empty", hint=_HINT)
    if len(plain) > MAX_TERM_CHARACTERS:
        raise InputError(f"the term has more than {MAX_TERM_CHARACTERS} characters", hint=_HINT)
    try:
        plain.encode()
    except UnicodeEncodeError as error:
        raise InputError("the term is not Unicode text", hint=_HINT) from error
    first, *rest = _NEAR.split(plain)
    if not rest:
        return Term(_expression(first))
    if len(rest) != 2 or not 1 <= int(rest[0]) <= _MAX_WITHIN:
        problem = f"the term needs one other, within 1 to {_MAX_WITHIN} words"
        raise InputError(problem, hint=_HINT)
    return Term(_expression(first), _expression(rest[1]), int(rest[0]))


def _expression(text: str) -> Expression:
    is_stem = text.endswith("*")
    plain = text[:-1].strip() if is_stem else text.strip()
    if not any(unicodedata.category(one)[0] == "L" for one in plain):
        raise InputError("the term has no letter", hint=_HINT)
    # Without the sign it would be another term, and the one that was meant would never be found.
    if _NEAR_NOTHING.search(plain):
        raise InputError("the term has a ~ that is not between two terms", hint=_HINT)
    if "\0" in plain or "*" in plain:
        raise InputError("the term has a character that no term has", hint=_HINT)
    return Expression(plain, is_stem)
