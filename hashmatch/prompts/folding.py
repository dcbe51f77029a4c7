"""Folding: a reading of a text as classes of characters, in which disguises look the same.

It is folded to words, with a break between them and no letter twice in a row; listed terms are
folded alike. What is found is compared with the text again, letter by letter: the classes only say
where to look.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt

from .characters import (
    NOTHING,
    SIGNS,
    UNSPACED,
    is_ignorable,
    is_of_word,
    is_stray_mark,
    look_alikes,
    script_of,
    seen_as,
)
from .tables import Table, points_of, text_of

BREAK = " "
# Two letters that are seen as one.
_DIGRAPHS = {"\u0e41": "\u0e40\u0e40"}


def plain(text: str) -> str:
    """Return a text decomposed, without what nobody sees in it."""
    text = text.replace(NOTHING, "\x1b")
    if text.isascii():
        return text
    return _as_seen(unicodedata.normalize("NFKD", _as_seen(text)))


def _as_seen(text: str) -> str:
    other = {ord(one): seen for one in set(text) if (seen := seen_as(one)) != one}
    return text.translate(other) if other else text


@cache
def _pieces(one: str) -> list[tuple[str, str]]:
    """Return the classes that a character stands for, each with its own letter."""
    if is_stray_mark(one) or is_ignorable(one):
        return []
    classes = look_alikes()
    if one in classes and len(one.casefold()) == 1:
        return [(classes[one], one)]
    letters = _DIGRAPHS.get(one) or one.casefold()
    return [
        (classes.get(letter, letter), letter if len(letters) > 1 else one)
        for letter in letters
        if not is_stray_mark(letter)
    ]


def _classes(one: str) -> str:
    if is_of_word(one):
        return "".join(cls for cls, _ in _pieces(one))
    return "" if is_ignorable(one) else BREAK


def _classes_of_signs(one: str) -> str:
    return look_alikes()[one] if one in SIGNS else _classes(one)


_CLASSES, _CLASSES_OF_SIGNS = Table(_classes), Table(_classes_of_signs)


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter of a reading: itself, and its place in the text."""

    own: str
    at: int


class Folded:
    """A reading of a text, folded; with `has_signs`, signs are the letters they look like.

    One of rows of letters that stood apart has them as they were `written`, too. The letters behind
    the classes are made where they are asked for.
    """

    def __init__(self, text: str, *, has_signs: bool = False, written: str = "") -> None:
        self.text = text
        self.has_signs = has_signs
        self.written = written
        self._padded = points_of(f"{BREAK}{text}{BREAK}")

    @property
    def is_apart(self) -> bool:
        """Say whether the text has nothing but letters that stood apart."""
        return bool(self.written)

    @cached_property
    def words(self) -> str:
        """The classes of its words, with a break between them and at both ends."""
        classes, begins_run = self._classes
        return text_of(classes[begins_run])

    @property
    def _table(self) -> Table:
        return _CLASSES_OF_SIGNS if self.has_signs else _CLASSES

    @cached_property
    def _classes(self) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.bool_]]:
        """The classes, and of each whether it is another one than that before it."""
        classes = self._table.fold(self._padded)
        # In an eighth of the time of a regular expression.
        begins_run = np.empty(len(classes), np.bool_)
        begins_run[0] = True  # There is a break before the text.
        np.not_equal(classes[1:], classes[:-1], out=begins_run[1:])
        return classes, begins_run

    @cached_property
    def _origins(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """The character behind each class, and where the runs begin that `words` has once."""
        classes, begins_run = self._classes
        begins = np.append(np.flatnonzero(begins_run), len(classes))
        return self._table.origins(self._padded), begins

    def behind(self, start: int, end: int) -> list[Letter]:
        """Return the letters behind a part of the classes, those that are repeated as well."""
        origins, begins = self._origins
        first, last = begins[start], begins[end]
        classes = self._classes[0][first:last].tolist()
        found: list[Letter] = []
        for place, at in enumerate(origins[first:last].tolist(), first):
            if classes[place - first] == ord(BREAK):
                continue
            pieces = _pieces(self.text[at - 1])
            piece = place - int(np.searchsorted(origins, at)) if len(pieces) > 1 else 0
            found.append(Letter(pieces[piece][1], at - 1))
        return found

    def letters(self) -> list[Letter]:
        """Return all letters of the text, in their order."""
        return self.behind(0, len(self.words))

    @cached_property
    def words_before(self) -> list[int]:
        """How many words begin before each character, and in all of the text.

        Where words stand without spaces between them, each letter counts as one.
        """
        counts, count, is_in_word = [0], 0, False
        for one in self.text:
            is_part = is_of_word(one)
            count += is_part and (not is_in_word or script_of(one) in UNSPACED)
            is_in_word = is_part
            counts.append(count)
        return counts
