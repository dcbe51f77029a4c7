"""Folding: a text as classes of characters, in which disguises look the same.

A text is read in several ways: as it stands, with what is encoded in it decoded, and with letters
that stand apart put together. Each reading is folded to words, with a break between them and no
letter twice in a row; listed terms are folded alike. What is found is compared with the text again,
letter by letter: the classes only say where to look.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote

import numpy as np

from .characters import (
    NOTHING,
    ONE_LETTER_WORDS,
    SIGNS,
    UNSPACED,
    ambiguous_capitals,
    begins_cluster,
    is_ignorable,
    is_of_word,
    is_stray_mark,
    is_virama,
    look_alikes,
    script_of,
)

BREAK = " "
_TOKEN = re.compile(r"[A-Za-z0-9+/_-]{6,}={0,2}")
# Two letters that are seen as one.
_DIGRAPHS = {"\u0e41": "\u0e40\u0e40"}


class _Table(dict[int, str]):
    """A table for `str.translate` that is filled as characters are met."""

    def __init__(self, fold: Callable[[str], str]) -> None:
        self._fold = fold

    def __missing__(self, point: int) -> str:
        folded = self[point] = self._fold(chr(point))
        return folded


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


def _part(one: str) -> str:
    """Return whether a character makes a word, is in one, or in none."""
    if is_of_word(one) and _pieces(one):
        return _LETTER
    return _MORE if is_of_word(one) or is_ignorable(one) else BREAK


def _part_with_signs(one: str) -> str:
    return _LETTER if one in SIGNS else _part(one)


def _shape(one: str) -> str:
    """Return the shape of a character: one of `_LETTER`, `_MORE`, `_JOINING`, `_GAP` and blank."""
    if is_virama(one):
        return _JOINING
    if is_stray_mark(one) or is_ignorable(one) or not begins_cluster(one):
        return _MORE
    if is_of_word(one):
        return _LETTER
    return BREAK if one.isspace() else _GAP


_LETTER, _MORE, _JOINING, _GAP = "x", "m", "v", "."
_CLASSES, _CLASSES_OF_SIGNS = _Table(_classes), _Table(_classes_of_signs)
_SHAPES = _Table(_shape)
_SHAPES_OF_SIGNS = _Table(lambda one: _LETTER if one in SIGNS else _shape(one))
# A sign that is not the end of a sentence.
_SIGN = re.compile(f"[{re.escape(''.join(sorted(SIGNS)))}](?!!)")
_SEEN = _Table(lambda one: "" if is_ignorable(one) else one)
_PARTS, _PARTS_WITH_SIGNS = _Table(_part), _Table(_part_with_signs)
# A letter with what belongs to it; letters that stand apart; and words joined by signs.
_CLUSTER = "(?:v?x(?:m|vx?)*|[mv]+)"
_APART = re.compile(rf"(?<![xmv])(?:{_CLUSTER}[. ]+)+{_CLUSTER}(?![xmv])")
_TWO_APART = re.compile(r"(?<![xmv])v?x?[mv]*[. ]+v?x?[mv]*(?![xmv])")
_JOINT = re.compile(r"(?<!\.)\.+(?=[xmv])")


def plain(text: str) -> str:
    """Return a text decomposed, without what nobody sees in it."""
    text = text.replace(NOTHING, BREAK)
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text.translate(_SEEN))
    return decomposed.translate(_SEEN)


def readings(text: str) -> Iterator[Folded]:
    """Yield what a text may be read as, each once."""
    known = set[tuple[str, bool]]()
    for decoded in _decodings(text):
        one = plain(decoded)
        # A capital may look like another letter than the small one does.
        is_ambiguous = not one.isascii() and not ambiguous_capitals().isdisjoint(one)
        for form in (one, one.casefold()) if is_ambiguous else (one,):
            for has_signs in (False, True) if _SIGN.search(form) else (False,):
                for made in (form, *_put_together(form, has_signs=has_signs)):
                    if (made, has_signs) not in known:
                        known.add((made, has_signs))
                        yield Folded(made, has_signs=has_signs)


def _without_repeats(words: str) -> str:
    """Return words without the same class twice in a row."""
    # In an eighth of the time of a regular expression.
    points = np.frombuffer(words.encode("utf-32-le"), np.uint32)
    is_other = np.ones(len(points), np.bool_)
    np.not_equal(points[1:], points[:-1], out=is_other[1:])
    return points[is_other].tobytes().decode("utf-32-le")


def _put_together(text: str, *, has_signs: bool) -> Iterator[str]:
    """Yield a text with its letters put together that stand apart, and words that signs join.

    A word of one letter may be beside such letters, or one of them.
    """
    shapes = text.translate(_SHAPES_OF_SIGNS if has_signs else _SHAPES)
    apart = list[tuple[int, int]]()
    if _TWO_APART.search(shapes):  # In half of the time.
        apart += [found.span() for found in _APART.finditer(shapes)]
    gaps = (found.span() for found in _JOINT.finditer(shapes))
    joints = [(start, end) for start, end in gaps if start and shapes[start - 1] != BREAK]
    if apart or joints:
        yield _without_gaps(text, shapes, [*joints, *apart])
        yield _without_gaps(text, shapes, [_trimmed(text, shapes, *one) for one in apart])


def _without_gaps(text: str, shapes: str, places: list[tuple[int, int]]) -> str:
    parts = list(text)
    for start, end in places:
        for at in range(start, end):
            if shapes[at] in (_GAP, BREAK):
                parts[at] = NOTHING
    return "".join(parts)


def _trimmed(text: str, shapes: str, start: int, end: int) -> tuple[int, int]:
    """Return letters that stand apart without the words of one letter at both ends."""
    letters = [at for at in range(start, end) if shapes[at] == _LETTER]
    if text[start].casefold() in ONE_LETTER_WORDS and len(letters) > 1:
        start = letters[1]
    if text[letters[-1]].casefold() in ONE_LETTER_WORDS and len(letters) > 2:
        end = letters[-1]
        while shapes[end - 1] in (_GAP, BREAK):
            end -= 1
    return start, end


def _decodings(text: str) -> Iterator[str]:
    """Yield a text, and as it reads where parts of it are encoded."""
    yield text
    last = text
    for _ in range(2):
        decoded = html.unescape(last) if "&" in last else last
        decoded = unquote(decoded) if "%" in decoded else decoded
        if decoded == last:
            break
        yield decoded
        last = decoded
    # All at once, so that nothing is hidden behind others.
    words = last.split()
    decoded_words = [one if one.islower() else _TOKEN.sub(_decode_token, one) for one in words]
    if decoded_words != words:
        yield BREAK.join(decoded_words)


def _decode_token(found: re.Match[str]) -> str:
    return _from_base64(found[0]) or found[0]


def _from_base64(token: str) -> str:
    bare = token.rstrip("=").replace("-", "+").replace("_", "/")
    if len(bare) % 4 == 1 or (token.isalpha() and (token.islower() or token.istitle())):
        return ""  # An ordinary word, or none at all.
    try:
        decoded = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    seen = [one for one in decoded if not is_ignorable(one)]
    is_text = 3 * sum(map(is_of_word, seen)) >= len(seen)
    return decoded if is_text and all(one.isprintable() or one.isspace() for one in seen) else ""


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter of a reading: itself, and its place in the text."""

    own: str
    at: int


class Folded:
    """A reading of a text, folded; with `has_signs`, signs are the letters they look like.

    The letters behind the classes are made where they are asked for.
    """

    def __init__(self, text: str, *, has_signs: bool = False) -> None:
        self.text = text
        self._has_signs = has_signs
        self._made: dict[int, list[list[Letter]]] = {}

    @cached_property
    def words(self) -> str:
        """The classes of its words, with a break between them and at both ends."""
        table = _CLASSES_OF_SIGNS if self._has_signs else _CLASSES
        words = BREAK.join(self.text.translate(table).split())
        return f"{BREAK}{_without_repeats(words)}{BREAK}"

    def behind(self, start: int, end: int) -> list[Letter]:
        """Return the letters behind a part of the classes."""
        words = self.words
        start += words[start] == BREAK
        end -= words[end - 1] == BREAK
        number = words.count(BREAK, 0, start) - 1
        found: list[Letter] = []
        while start < end:
            first = words.rindex(BREAK, 0, start) + 1
            last = words.index(BREAK, start)
            for some in self._word(number)[start - first : end - first]:
                found += some
            start, number = last + 1, number + 1
        return found

    def _word(self, number: int) -> list[list[Letter]]:
        """Return the letters behind each class of a word."""
        if number not in self._made:
            made: list[list[Letter]] = []
            last = ""
            for at in range(*self._spans[number]):
                one = self.text[at]
                for cls, own in _pieces(one) if is_of_word(one) or one in SIGNS else ():
                    if cls != last:
                        made.append([])
                        last = cls
                    made[-1].append(Letter(own, at))
            self._made[number] = made
        return self._made[number]

    @cached_property
    def _spans(self) -> list[tuple[int, int]]:
        """The place of each word in the text."""
        table = _PARTS_WITH_SIGNS if self._has_signs else _PARTS
        # In a fifth of the time of a regular expression.
        parts = np.frombuffer(self.text.translate(table).encode("ascii"), np.uint8)
        is_word = np.zeros(len(parts) + 2, np.bool_)
        np.not_equal(parts, ord(BREAK), out=is_word[1:-1])
        edges = np.flatnonzero(is_word[1:] != is_word[:-1])
        makers = np.concatenate(([0], np.cumsum(parts == ord(_LETTER))))
        starts, ends = edges[::2], edges[1::2]
        has_any = makers[ends] > makers[starts]
        return list(zip(starts[has_any].tolist(), ends[has_any].tolist(), strict=True))

    def letters(self) -> list[Letter]:
        """Return all letters of the text, in their order."""
        return self.behind(0, len(self.words)) if len(self.words) > 2 else []

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
