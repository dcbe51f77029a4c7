"""Comparing: a place in a text that looks like a term, against the term, letter by letter."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Set
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from hashmatch.terms import Expression

from .characters import (
    LEET,
    NOTHING,
    SIGNS,
    are_same,
    is_of_word,
    is_stray_mark,
    is_vowel_mark,
    script_of,
)
from .folding import BREAK, Folded, Letter, plain

_GAPS = re.compile(f"{NOTHING}+")


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a text, by its first character and the one after its last."""

    start: int
    end: int

    def covers(self, other: Place) -> bool:
        """Say whether another place lies in this one."""
        return self.start <= other.start and other.end <= self.end


def near(folded: Folded, places: Set[Place], others: Set[Place], words: int) -> list[Place]:
    """Return the places that have one of the others within some words, on either side.

    Side by side is 1, and what lies in another is near it.
    """
    if not places or not others:
        return []
    ordered = sorted(others, key=lambda one: one.start)
    starts = [one.start for one in ordered]
    # Of those that begin before a place, the one that ends last is the nearest.
    last_ends = list(accumulate((one.end for one in ordered), max))
    before = folded.words_before
    found = []
    for place in places:
        at = bisect_left(starts, place.start)
        # Not the place itself, where both expressions match it.
        after = next((one for one in ordered[at : at + 2] if one != place), None)
        is_near_after = after is not None and _distance(before, place.end, after.start) <= words
        is_near_before = at > 0 and _distance(before, last_ends[at - 1], place.start) <= words
        if is_near_after or is_near_before:
            found.append(place)
    return found


def _distance(words_before: list[int], end: int, start: int) -> int:
    return 0 if start < end else words_before[start] - words_before[end] + 1


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An expression as it is compared: its letters, the marks on each, and its script."""

    letters: list[str]
    marks: list[frozenset[str]]
    script: str


@lru_cache(maxsize=4096)
def _wanted(expression: Expression) -> _Wanted:
    folded = fold_term(plain(expression.text))
    letters = folded.letters()
    scripts = [script for one in letters if (script := script_of(one.own))]
    return _Wanted(
        [one.own.casefold() for one in letters],
        [_marks(folded.text, one) for one in letters],
        max(set(scripts), key=scripts.count, default=""),
    )


def fold_term(text: str) -> Folded:
    """Return the plain text of a term, folded: a sign in it is meant as a letter."""
    return Folded(text, has_signs=not SIGNS.isdisjoint(text))


def compare(
    folded: Folded, start: int, end: int, expression: Expression, *, is_short: bool
) -> Place | None:
    """Return the place in the text behind a part of its classes, None for no occurrence.

    Letters may be repeated, but not be missing. A short expression is found without repeated
    letters, and without digits and signs for letters.
    """
    wanted = _wanted(expression)
    found = folded.behind(start, end)
    if not _agree(folded.text, found, wanted) or not _is_of_script(folded, found, wanted):
        return None
    signs = sum(one.own in LEET for one in found)
    if signs == len(found):  # A number is no word.
        return None
    if is_short and (len(found) != len(wanted.letters) or signs > _count_signs(wanted)):
        return None
    return Place(found[0].at, found[-1].at + 1)


def stands_apart(folded: Folded, place: Place) -> bool:
    """Say whether letters that stand apart are a word by themselves, and not a part of another.

    They are where what is beside them stands differently apart than they do, and where that is one
    letter alone: it may have been put there, or be a word.
    """
    text, written = folded.text, folded.written
    begin = text.rfind(BREAK, 0, place.start) + 1
    end = text.find(BREAK, place.end)
    end = len(text) if end < 0 else end
    inner = {written[gap.start() + place.start : gap.end() + place.start]
             for gap in _GAPS.finditer(text[place.start : place.end])}  # fmt: skip
    before, after = text[begin : place.start], text[place.end : end]
    return all(
        sum(is_of_word(one) and not is_stray_mark(one) for one in next_to) <= 1 or gap not in inner
        for next_to, gap in (
            (before, written[begin + len(before.rstrip(NOTHING)) : place.start]),
            (after, written[place.end : end - len(after.lstrip(NOTHING))]),
        )
    )


def _agree(text: str, found: list[Letter], wanted: _Wanted) -> bool:
    """Say whether letters are those of a term, any of them as often as one likes."""
    reached = {-1}
    for one in found:
        reached = {
            place
            for place in {*reached, *(before + 1 for before in reached)}
            if 0 <= place < len(wanted.letters) and _is(text, one, wanted, place)
        }
        if not reached:
            return False
    return len(wanted.letters) - 1 in reached


def _is(text: str, one: Letter, wanted: _Wanted, place: int) -> bool:
    """Say whether a letter of the text can stand for one of the term."""
    want, own = wanted.letters[place], one.own
    alike = are_same(own, want) or are_same(own.casefold(), want)
    if not alike and not _is_capital_i(text, one, want):
        return False
    needed = wanted.marks[place]
    return not needed or needed <= _marks(text, one)


def _is_capital_i(text: str, one: Letter, want: str) -> bool:
    """Say whether a letter is a capital I, or an l among capitals, where the other is meant."""
    if (one.own, want) != ("l", "i"):
        return (one.own, want) == ("I", "l")
    around = text[max(0, one.at - 2) : one.at + 3]
    return any(map(str.isupper, around))


def _marks(text: str, one: Letter) -> frozenset[str]:
    """Return the marks on a letter that make another letter of it."""
    end = one.at + 1
    while end < len(text) and is_stray_mark(text[end]):
        end += 1
    return frozenset(mark for mark in text[one.at + 1 : end] if _counts(one.own, mark))


def _counts(letter: str, mark: str) -> bool:
    # Greek capitals have no accents, a capital I with a dot is one, and vowels are often left out.
    if is_vowel_mark(mark) or (mark == "\u0307" and letter in "iI"):
        return False
    return script_of(letter) != "GREEK"


def _is_of_script(folded: Folded, found: list[Letter], wanted: _Wanted) -> bool:
    """Say whether a place is written in the script of the term, at least in part.

    A whole word in look-alikes is one where the text around it is in that script.
    """
    if wanted.script == "LATIN" or any(script_of(one.own) == wanted.script for one in found):
        return True
    return any(script_of(one) == wanted.script for one in folded.text)


def _count_signs(wanted: _Wanted) -> int:
    return sum(one in LEET for one in wanted.letters)
