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
    seen_as,
)

BREAK = " "
_TOKEN, _DIVIDERS = re.compile(r"[A-Za-z0-9+/_-]{6,}={0,2}"), re.compile(r"([-_/])")
_ESCAPE = re.compile(r"\\+(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2}))")
_MAX_ENCODINGS = 5
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
_ANY_SIGN = f"[{re.escape(''.join(sorted(SIGNS)))}]"
_SIGNS_AT_END = re.compile(rf"{_ANY_SIGN}+(?![^\s]*[^\W_])")
_SIGNS_AT_BEGIN = re.compile(rf"(?<![^\W_]){_ANY_SIGN}+(?=[^\W_])")
_SEEN = _Table(seen_as)
_PARTS, _PARTS_WITH_SIGNS = _Table(_part), _Table(_part_with_signs)
# A letter with what belongs to it; letters that stand apart; and words joined by signs.
_CLUSTER = "(?:v?x(?:m|vx?)*|[mv]+)"
_APART = re.compile(rf"(?<![xmv])(?:{_CLUSTER}[. ]+)+{_CLUSTER}(?![xmv])")
_TWO_APART = re.compile(r"(?<![xmv])v?x?[mv]*[. ]+v?x?[mv]*(?![xmv])")
_JOINT = re.compile(r"(?<!\.)\.+(?=[xmv])")
_JOINED, _OF_WORD = re.compile(r"[xmv]+(?:\.+[xmv]+)+"), re.compile("[xmv]+")
_SEPARATING = frozenset(",;:()[]{}<>|/")
# The most words of a row that are put together: of a longer one all are, and each few.
_MAX_JOINED = 5
# What stands beside a word: digits, and weights and words of generators; and where words stand
# without spaces between them, the place where another script begins.
_AROUND_WORDS = re.compile(
    r":\s*\d+(?:\.\d+)?|\b(?:BREAK|AND)\b"
    r"|(?<![^\W_])\d+(?=[^\W\d_])|(?<=[^\W\d_])[vV]?\d+(?![^\W_])"
)
_UNSPACED_LETTERS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_SCRIPT_CHANGE = re.compile(
    rf"(?<=[{_UNSPACED_LETTERS}])(?=[^\W{_UNSPACED_LETTERS}])"
    rf"|(?<=[^\W{_UNSPACED_LETTERS}])(?=[{_UNSPACED_LETTERS}])"
)


def plain(text: str) -> str:
    """Return a text decomposed, without what nobody sees in it."""
    text = text.replace(NOTHING, "\x1b")
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text.translate(_SEEN))
    return decomposed.translate(_SEEN)


def readings(text: str) -> Iterator[Folded]:
    """Yield what a text may be read as, each once."""
    known = set[tuple[str, bool, str]]()
    for decoded in _decodings(text):
        for made in _folded(plain(decoded)):
            key = made.text, made.has_signs, made.written
            if key not in known:
                known.add(key)
                yield made


def _folded(text: str) -> Iterator[Folded]:
    """Yield the readings of a plain text."""
    yield from _put_together(text, has_signs=False)
    # A capital may look like another letter than the small one does.
    if not text.isascii() and not ambiguous_capitals().isdisjoint(text):
        yield from _put_together(text.casefold(), has_signs=False)
    bare = _AROUND_WORDS.sub(BREAK, text)
    if not text.isascii():
        bare = _SCRIPT_CHANGE.sub(BREAK, bare)
    if bare != text:
        yield Folded(bare)
    if SIGNS.isdisjoint(text):
        return
    # A sign beside a word is a letter of it, or none: an exclamation mark hides nothing.
    yield from _put_together(text, has_signs=True)
    for form in dict.fromkeys((text, bare)):
        without_end = _SIGNS_AT_END.sub(BREAK, form)
        for one in (without_end, _SIGNS_AT_BEGIN.sub(BREAK, form),
                    _SIGNS_AT_BEGIN.sub(BREAK, without_end)):  # fmt: skip
            if not SIGNS.isdisjoint(one):
                yield Folded(one, has_signs=True)


def _without_repeats(words: str) -> str:
    """Return words without the same class twice in a row."""
    # In an eighth of the time of a regular expression.
    points = np.frombuffer(words.encode("utf-32-le"), np.uint32)
    is_other = np.ones(len(points), np.bool_)
    np.not_equal(points[1:], points[:-1], out=is_other[1:])
    return points[is_other].tobytes().decode("utf-32-le")


def _put_together(text: str, *, has_signs: bool) -> Iterator[Folded]:
    """Yield a text as it stands, and with letters and words put together that stand apart.

    Signs may join some words and not others: each row of words so joined is also given part by
    part. Letters that stand apart are given by themselves, since a term may begin at any of them.
    """
    yield Folded(text, has_signs=has_signs)
    shapes = text.translate(_SHAPES_OF_SIGNS if has_signs else _SHAPES)
    apart = list[tuple[int, int]]()
    if _TWO_APART.search(shapes):  # In half of the time.
        apart += [found.span() for found in _APART.finditer(shapes)]
    gaps = (found.span() for found in _JOINT.finditer(shapes))
    joints = [(start, end) for start, end in gaps if start and shapes[start - 1] != BREAK]
    if not apart and not joints:
        return
    yield Folded(_without_gaps(text, shapes, [*joints, *apart]), has_signs=has_signs)
    # Words stand apart by some signs, wherever no blank follows.
    joining = [(start, end) for start, end in joints if _SEPARATING.isdisjoint(text[start:end])]
    if joining and len(joining) < len(joints):
        yield Folded(_without_gaps(text, shapes, [*joining, *apart]), has_signs=has_signs)
    if apart:
        letters = _without_gaps(text, shapes, apart)
        runs = BREAK.join(letters[start:end] for start, end in apart)
        written = "\n".join(text[start:end] for start, end in apart)
        yield Folded(runs, has_signs=has_signs, written=written)
    rows = _JOINED.finditer(shapes) if joints else ()
    parts = [part for row in rows for part in _parts_of_row(text, shapes, *row.span())]
    if parts:
        yield Folded(BREAK.join(parts), has_signs=has_signs)


def _parts_of_row(text: str, shapes: str, start: int, end: int) -> Iterator[str]:
    """Yield each few words, one after the other, of a row of words that signs join."""
    words = [(start + found.start(), start + found.end())
             for found in _OF_WORD.finditer(shapes[start:end])]  # fmt: skip
    if len(words) < 3:  # It was put together as a whole.
        return
    for first in range(len(words)):
        for last in range(first + 1, min(first + _MAX_JOINED, len(words))):
            some = words[first : last + 1]
            if any(stop - begin > 1 for begin, stop in some):  # Others stand apart.
                yield "".join(text[begin:stop] for begin, stop in some)


def _without_gaps(text: str, shapes: str, places: list[tuple[int, int]]) -> str:
    parts = list(text)
    for start, end in places:
        for at in range(start, end):
            if shapes[at] in (_GAP, BREAK):
                parts[at] = NOTHING
    return "".join(parts)


def _decodings(text: str) -> Iterator[str]:
    """Yield a text, and as it reads where parts of it are encoded, once or several times over."""
    for _ in range(_MAX_ENCODINGS):
        yield text
        decoded = html.unescape(text) if "&" in text else text
        decoded = unquote(decoded) if "%" in decoded else decoded
        decoded = _ESCAPE.sub(_from_escape, decoded) if "\\" in decoded else decoded
        if decoded == text:
            decoded = _from_tokens(text)
        if decoded == text:
            return
        text = decoded


def _from_escape(found: re.Match[str]) -> str:
    return chr(int(found[1] or found[2], 16))


def _from_tokens(text: str) -> str:
    """Return a text with its words in base64 decoded, all at once: none hides behind others."""
    words = text.split()
    decoded = [one if one.islower() else _TOKEN.sub(_decode_token, one) for one in words]
    return text if decoded == words else BREAK.join(decoded)


def _decode_token(found: re.Match[str]) -> str:
    whole = _from_base64(found[0])
    if whole:
        return whole
    # It may stand beside another word.
    parts = _DIVIDERS.split(found[0])
    return "".join(_from_base64(one) or one for one in parts) if len(parts) > 1 else found[0]


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

    One of rows of letters that stood apart has them as they were `written`, too. The letters behind
    the classes are made where they are asked for.
    """

    def __init__(self, text: str, *, has_signs: bool = False, written: str = "") -> None:
        self.text = text
        self.has_signs = has_signs
        self.written = written
        self._made: dict[int, list[list[Letter]]] = {}

    @property
    def is_apart(self) -> bool:
        """Say whether the text has nothing but letters that stood apart."""
        return bool(self.written)

    @cached_property
    def words(self) -> str:
        """The classes of its words, with a break between them and at both ends."""
        table = _CLASSES_OF_SIGNS if self.has_signs else _CLASSES
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
        table = _PARTS_WITH_SIGNS if self.has_signs else _PARTS
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
