"""Characters: which look alike, which are of one script, and which nobody sees.

Look-alikes are those of Unicode Technical Standard #39 (confusables.txt, version 18.0.0), whose
single characters are joined to classes here, and a table of digits and signs that are written for
letters.
"""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress
from functools import cache
from importlib.resources import files
from string import ascii_lowercase

# A control character that stands for a gap that counts as none; there is none in plain texts.
NOTHING = "\x1a"
# Default-ignorable code points (DerivedCoreProperties.txt); Python has no such property.
_IGNORABLE = (
    (0x001A, 0x001A), (0x00AD, 0x00AD), (0x0345, 0x0345), (0x034F, 0x034F), (0x061C, 0x061C),
    (0x115F, 0x1160), (0x17B4, 0x17B5),
    (0x180B, 0x180F), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164),
    (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFFB), (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip
# Names of characters that are letters in a box, a circle or another size.
_DRAWN = re.compile(
    r"(?:NEGATIVE (?:CIRCLED|SQUARED) LATIN CAPITAL LETTER|REGIONAL INDICATOR SYMBOL LETTER"
    r"|LATIN LETTER SMALL CAPITAL) ([A-Z])"
)
_TATWEEL = 0x0640
# Marks that may be added to letters of any script, and those that writers leave out.
_STRAY_MARKS = (
    (0x0300, 0x036F), (0x0483, 0x0489), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF),
    (0xFE20, 0xFE2F),
)  # fmt: skip
_VOWEL_MARKS = ((0x0591, 0x05C7), (0x0610, 0x061A), (0x064B, 0x065F), (0x0670, 0x0670),
                (0x06D6, 0x06ED))  # fmt: skip
# Digits and signs that are written for Latin letters.
LEET = {
    "0": "o", "1": "il", "3": "e", "4": "a", "5": "s", "6": "g", "7": "t", "8": "b", "9": "g",
    "@": "a", "$": "s", "!": "i", "|": "il", "+": "t", "€": "e",
}  # fmt: skip
SIGNS = frozenset("@$!|+€")
# Letters of one script that are the same to its readers.
_SAME = ("ıi", "يىی", "كک", "هہھة", "כך", "מם", "נן", "פף", "צץ", "اٱ", "σς")
# The scripts whose words stand without spaces between them.
UNSPACED = frozenset({"CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR"})
_VIRAMA = 9  # A combining class.


def _within(point: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= point <= last for first, last in ranges)


@cache
def is_ignorable(one: str) -> bool:
    """Say whether nobody sees a character, or it only lengthens a letter."""
    point = ord(one)
    return point == _TATWEEL or _within(point, _IGNORABLE)


@cache
def seen_as(one: str) -> str:
    """Return the letter that readers see in a character, or the character; nothing for none."""
    if is_ignorable(one):
        return ""
    drawn = _DRAWN.fullmatch(unicodedata.name(one, ""))
    return drawn[1].lower() if drawn else one


@cache
def is_stray_mark(one: str) -> bool:
    """Say whether a character is a mark that a word is the same word without."""
    return _within(ord(one), _STRAY_MARKS) or _within(ord(one), _VOWEL_MARKS)


@cache
def is_vowel_mark(one: str) -> bool:
    """Say whether a character is a mark that writers of its script leave out."""
    return _within(ord(one), _VOWEL_MARKS)


@cache
def is_virama(one: str) -> bool:
    """Say whether a character joins the letter after it to the one before.

    So does the first part of the Thai letter am, which is decomposed.
    """
    return unicodedata.combining(one) == _VIRAMA or one == "\u0e4d"


@cache
def begins_cluster(one: str) -> bool:
    """Say whether a character can stand apart from the one before it (UAX #29).

    Not marks, nor what follows the first letter of a Korean syllable, nor the end of a Thai am.
    """
    return unicodedata.category(one)[0] != "M" and not "\u1160" <= one <= "\u11ff"


@cache
def is_of_word(one: str) -> bool:
    """Say whether a character is part of a word: a letter, a digit or a mark."""
    return unicodedata.category(one)[0] in "LNM"


@cache
def script_of(one: str) -> str:
    """Return the script of a letter by its name in Unicode, "" for what is no letter."""
    if unicodedata.category(one)[0] not in "LM":
        return ""
    name = unicodedata.name(one, "").split(" ", 1)[0].split("-", 1)[0]
    return {"MATHEMATICAL": "LATIN", "HALFWIDTH": "KATAKANA"}.get(name, name)


@cache
def prototypes() -> dict[str, str]:
    """Return the prototype of each single character that has one of a single character."""
    found: dict[str, str] = {}
    table = files("hashmatch.prompts").joinpath("confusables.tsv").read_text(encoding="utf-8")
    for line in table.splitlines():
        if not line or line.startswith("#"):
            continue
        source, _, target = line.partition("\t")
        one = chr(int(source, 16))
        # What is decomposed before is never met.
        if " " not in target and unicodedata.normalize("NFKD", one) == one:
            found[one] = chr(int(target, 16))
    return found


@cache
def look_alikes() -> dict[str, str]:
    """Return the class of each character that looks like another, as one of its members."""
    classes = _Classes()
    classes.join("i", "l", may_mix=True)  # The digit 1 stands for either.
    for small in ascii_lowercase:
        classes.join(small, small.upper())
    for source, target in prototypes().items():
        classes.join(source, target)
    for same in (*_SAME, *_jamo(), *(sign + letters[0] for sign, letters in LEET.items())):
        for one in same[1:]:
            classes.join(same[0], one)
    for one in list(classes.parents):
        if len(folded := one.casefold()) == 1:
            classes.join(one, folded)
    return classes.names()


@cache
def ambiguous_capitals() -> frozenset[str]:
    """Return the capitals that look like another letter than their small ones do."""
    classes = look_alikes()
    return frozenset(
        one
        for one in classes
        if one != one.casefold() and classes.get(one.casefold()) != classes[one]
    )


class _Classes:
    """Classes of characters, each known by one of its members (union and find).

    No two letters of ASCII come into one class by what looks like either: a Greek letter may look
    like one as a capital, and like another as a small letter.
    """

    def __init__(self) -> None:
        self.parents: dict[str, str] = {}
        self._letters: dict[str, str] = {one: one for one in ascii_lowercase}

    def find(self, one: str) -> str:
        while (parent := self.parents.setdefault(one, one)) != one:
            one = parent
        return one

    def names(self) -> dict[str, str]:
        """Return the class of each character by one member: a letter of ASCII, or the first."""
        names: dict[str, str] = {}
        for one in sorted(self.parents):
            found = self.find(one)
            names.setdefault(found, self._letters.get(found, one))
        return {one: names[self.find(one)] for one in self.parents}

    def join(self, one: str, other: str, *, may_mix: bool = False) -> None:
        """Join the classes of two characters, unless both have a letter of ASCII."""
        first, second = self.find(one), self.find(other)
        letter = self._letters.get(first)
        if first == second or (letter and second in self._letters and not may_mix):
            return
        self.parents[first] = second
        if letter:
            self._letters[second] = letter


@cache
def _jamo() -> tuple[str, ...]:
    """Return the consonants of Hangul, each as it begins and as it ends a syllable."""
    found = []
    for point in range(0x11A8, 0x1200):
        name = unicodedata.name(chr(point)).replace("JONGSEONG", "CHOSEONG")
        with suppress(KeyError):
            found.append(chr(point) + unicodedata.lookup(name))
    return tuple(found)


@cache
def are_same(one: str, other: str) -> bool:
    """Say whether a character of a text can stand for one of a term, in the script of the term.

    Case apart, letters of one script are different letters, however alike they look. Letters of
    other scripts, and signs, can stand for those that look like them.
    """
    if one == other:
        return True
    if any(one in same and other in same for same in (*_SAME, *_jamo())):
        return True
    script = script_of(one)
    if not script or script != script_of(other):
        return True  # The classes agree already.
    # Rare Latin letters look like the usual ones: those for phonetics and old languages.
    return script == "LATIN" and not one.isascii() and prototypes().get(one) == other
