"""Readings: what a text may be read as.

As it stands, with what is encoded in it decoded, with letters that stand apart put together, and
without what stands around its words.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Iterator
from urllib.parse import unquote

from .characters import (
    NOTHING,
    SIGNS,
    ambiguous_capitals,
    begins_cluster,
    is_ignorable,
    is_of_word,
    is_stray_mark,
    is_virama,
)
from .folding import BREAK, Folded, plain
from .tables import Table, points_of, text_of

_SHORTEST_TOKEN = 6
_TOKEN = re.compile(rf"[A-Za-z0-9+/_-]{{{_SHORTEST_TOKEN},}}={{0,2}}")
_DIVIDERS = re.compile(r"([-_/])")
_ESCAPE = re.compile(r"\\+(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2}))")
_MAX_ENCODINGS = 5


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
_SHAPES = Table(_shape)
_SHAPES_OF_SIGNS = Table(lambda one: _LETTER if one in SIGNS else _shape(one))
_ANY_SIGN = f"[{re.escape(''.join(sorted(SIGNS)))}]"
_SIGNS_AT_END = re.compile(rf"{_ANY_SIGN}+(?![^\s]*[^\W_])")
_SIGNS_AT_BEGIN = re.compile(rf"{_ANY_SIGN}(?<![^\W_]{_ANY_SIGN}){_ANY_SIGN}*+(?=[^\W_])")
# A letter with what belongs to it; letters that stand apart; and words joined by signs.
_CLUSTER = "(?:v?x(?:m|vx?)*|[mv]+)"
_APART = re.compile(rf"(?<![xmv])(?:{_CLUSTER}[. ]+)+{_CLUSTER}(?![xmv])")
_TWO_APART = re.compile(r"(?<![xmv])v?x?[mv]*[. ]+v?x?[mv]*(?![xmv])")
_JOINT, _OF_WORD = re.compile(r"\.++(?=[xmv])"), re.compile("[xmv]+")
_THREE_JOINED = re.compile(r"\.++[xmv]++\.++[xmv]")
_ROW = re.compile(r"(?<![xmv])[xmv]++(?:\.++[xmv]++){2,}")
_SEPARATING = frozenset(",;:()[]{}<>|/")
# The most words of a row that are put together: of a longer one all are, and each few.
_MAX_JOINED = 5
# What stands beside a word: digits, and weights and words of generators; and where words stand
# without spaces between them, the place where another script begins.
_AROUND_WORDS = re.compile(
    r"""[:BAvV\d]  # Where it begins: the rest is looked at there alone, in a sixth of the time.
    (?:(?<=:)\s*\d+(?:\.\d+)? | (?<=\bB)REAK\b | (?<=\bA)ND\b
    | (?<=\d)(?<![^\W_]\d)\d*+(?=[^\W\d_])
    | (?:(?<=[^\W\d_][vV])\d++ | (?<=[^\W\d_]\d)\d*+)(?![^\W_]))""",
    re.VERBOSE,
)
_UNSPACED_LETTERS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_UNSPACED_LETTER = re.compile(f"[{_UNSPACED_LETTERS}]")
_SCRIPT_CHANGE = re.compile(
    rf"(?<=[{_UNSPACED_LETTERS}])(?=[^\W{_UNSPACED_LETTERS}])"
    rf"|(?<=[^\W{_UNSPACED_LETTERS}])(?=[{_UNSPACED_LETTERS}])"
)


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
    if not text.isascii() and _UNSPACED_LETTER.search(text):
        bare = _SCRIPT_CHANGE.sub(BREAK, bare)
    if bare != text:
        yield Folded(bare)
    if not _has_signs(text):
        return
    # A sign beside a word is a letter of it, or none: an exclamation mark hides nothing.
    yield from _put_together(text, has_signs=True)
    for form in dict.fromkeys((text, bare)):
        without_end = _SIGNS_AT_END.sub(BREAK, form)
        for one in (without_end, _SIGNS_AT_BEGIN.sub(BREAK, form),
                    _SIGNS_AT_BEGIN.sub(BREAK, without_end)):  # fmt: skip
            if _has_signs(one):
                yield Folded(one, has_signs=True)


def _has_signs(text: str) -> bool:
    return any(sign in text for sign in SIGNS)  # In a twentieth of the time of `isdisjoint`.


def _put_together(text: str, *, has_signs: bool) -> Iterator[Folded]:
    """Yield a text as it stands, and with letters and words put together that stand apart.

    Signs may join some words and not others: each row of words so joined is also given part by
    part. Letters that stand apart are given by themselves, since a term may begin at any of them.
    """
    yield Folded(text, has_signs=has_signs)
    shapes = text_of((_SHAPES_OF_SIGNS if has_signs else _SHAPES).fold(points_of(text)))
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
    rows = _ROW.finditer(shapes) if _THREE_JOINED.search(shapes) else ()
    parts = [part for row in rows for part in _parts_of_row(text, shapes, *row.span())]
    if parts:
        yield Folded(BREAK.join(parts), has_signs=has_signs)


def _parts_of_row(text: str, shapes: str, start: int, end: int) -> Iterator[str]:
    """Yield each few words, one after the other, of a row of words that signs join.

    Of a row of two there are none: it is put together as a whole.
    """
    words = [found.span() for found in _OF_WORD.finditer(shapes, start, end)]
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
    decoded = [
        _TOKEN.sub(_decode_token, one) if len(one) >= _SHORTEST_TOKEN and not one.islower() else one
        for one in words
    ]
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
