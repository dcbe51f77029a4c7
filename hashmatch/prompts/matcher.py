"""Matcher: where the terms of many lists stand in a text, in any of their disguises.

An automaton (Aho and Corasick, 1975) finds candidates in one pass over a folded text, whatever the
number of terms; what it finds is compared letter by letter.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from ahocorasick_rs import AhoCorasick, MatchKind

from hashmatch.terms import Expression, Term

from .characters import SIGNS, UNSPACED, is_of_word, is_stray_mark, script_of
from .comparing import Place, compare, fold_term, near, stands_apart
from .folding import BREAK, Folded, plain
from .readings import readings

# A term's number, and which of its expressions.
_Key: TypeAlias = tuple[int, int]

# Shorter ones are found in disguise only where they are marked loose.
MIN_DISGUISED_LETTERS, _MIN_DISGUISED_SIGNS = 5, 3
_MAX_CANDIDATES = 5_000


@dataclass(frozen=True, slots=True)
class ListedTerm:
    """A term of a list, by any number of its owner's; `is_loose` finds a short one in disguise."""

    number: int
    term: Term
    is_loose: bool = False


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One place of a term in a text: in which reading of it, and from where to where."""

    number: int
    reading: int
    place: Place


class TooManyCandidatesError(Exception):
    """A text in which too many places look like terms; `found` are those that were compared."""

    def __init__(self, found: Sequence[Occurrence]) -> None:
        super().__init__("too many places look like terms")
        self.found = found


class _FullError(Exception):
    """More candidates than are compared."""


class Matcher:
    """Matcher of terms. Building it takes seconds for a hundred thousand; it is then read-only.

    Safe to use from many threads.
    """

    def __init__(self, terms: Sequence[ListedTerm]) -> None:
        self._terms = {one.number: one for one in terms}
        self._automaton = _Automaton()
        # Of letters that stand apart, any may be the first of a term.
        self._apart = _Automaton()
        for one in terms:
            for role, expression in _expressions(one.term):
                for pattern in _patterns(expression):
                    self._automaton.add(pattern, (one.number, role))
                    if BREAK not in pattern.strip(BREAK) and _is_long(expression.text):
                        self._apart.add(pattern.strip(BREAK), (one.number, role))
        self._automaton.build()
        self._apart.build()

    def find(self, text: str) -> list[Occurrence]:
        """Return where terms stand in a text, each place of each.

        Raises `TooManyCandidatesError`.
        """
        found: list[Occurrence] = []
        try:
            for number, folded in enumerate(readings(text)):
                found.extend(self._find_in(folded, number))
        except _FullError as error:
            raise TooManyCandidatesError(found) from error
        return found

    def _find_in(self, folded: Folded, reading: int) -> Iterator[Occurrence]:
        places: dict[_Key, set[Place]] = defaultdict(set)
        automaton = self._apart if folded.is_apart else self._automaton
        for key, start, end in automaton.find(folded.words):
            expression = self._expression(key)
            is_short = not self._terms[key[0]].is_loose and not _is_long(expression.text)
            place = compare(folded, start, end, expression, is_short=is_short)
            if place is not None and (not folded.is_apart or stands_apart(folded, place)):
                places[key].add(place)
        for number, role in places:
            if role:
                continue
            term, own = self._terms[number].term, places[number, role]
            if term.near is not None:
                others = places.get((number, 1), set())
                for place in near(folded, own, others, term.within):
                    yield Occurrence(number, reading, place)
            else:
                yield from (Occurrence(number, reading, place) for place in own)

    def _expression(self, key: _Key) -> Expression:
        term = self._terms[key[0]].term
        return term.expression if key[1] == 0 or term.near is None else term.near


def _patterns(expression: Expression) -> set[str]:
    """Return what is looked for in the classes of a text: the words, and the words as one."""
    text = plain(expression.text)
    if _is_unspaced(text):
        return {fold_term(text).words.strip(BREAK)}
    as_one = "".join(one for one in text if is_of_word(one) or is_stray_mark(one) or one in SIGNS)
    # A capital may look like another letter than the small one does.
    forms = {plain(form) for one in (text, as_one) for form in (one.casefold(), one.upper())}
    found = {fold_term(form).words for form in forms}
    return {one.rstrip(BREAK) for one in found} if expression.is_stem else found


class _Automaton:
    """An automaton over distinct patterns, each of which may belong to several terms."""

    def __init__(self) -> None:
        self._keys: dict[str, list[_Key]] = {}
        self._owners: list[list[_Key]] = []
        self._automaton: AhoCorasick | None = None

    def add(self, pattern: str, key: _Key) -> None:
        if pattern.strip(BREAK):
            self._keys.setdefault(pattern, []).append(key)

    def build(self) -> None:
        self._owners = list(self._keys.values())
        if self._keys:
            self._automaton = AhoCorasick(
                list(self._keys), matchkind=MatchKind.Standard, store_patterns=False
            )
        self._keys = {}

    def find(self, view: str) -> Iterator[tuple[_Key, int, int]]:
        """Yield the owner of each pattern in a view, and the place of it there."""
        if self._automaton is None:
            return
        found = self._automaton.find_matches_as_indexes(view, overlapping=True)
        if sum(len(self._owners[pattern]) for pattern, _, _ in found) > _MAX_CANDIDATES:
            raise _FullError
        for pattern, start, end in found:
            for key in self._owners[pattern]:
                yield key, start, end


def _expressions(term: Term) -> Iterator[tuple[int, Expression]]:
    yield 0, term.expression
    if term.near is not None:
        yield 1, term.near


@lru_cache(maxsize=4096)
def _is_long(text: str) -> bool:
    """Say whether an expression is long enough to be found in disguise."""
    letters = sum(one.isalpha() for one in plain(text))
    return letters >= (_MIN_DISGUISED_SIGNS if _is_unspaced(text) else MIN_DISGUISED_LETTERS)


def _is_unspaced(text: str) -> bool:
    """Say whether a text is of a script whose words stand without spaces between them."""
    return any(script_of(one) in UNSPACED for one in text)
