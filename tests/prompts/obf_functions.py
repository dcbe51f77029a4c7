"""Functions that obfuscate one term; obfuscations.py names them. All are deterministic by seed."""

from __future__ import annotations

import base64
import html.entities
import random
import unicodedata
import urllib.parse
from typing import Literal

from . import obf_tables as tables


# --- Helpers ------------------------------------------------------------------------------------
def clusters(text: str) -> list[str]:
    """Split into letters with their marks (and, in Devanagari, conjuncts)."""
    found: list[str] = []
    for character in text:
        is_mark = unicodedata.category(character).startswith("M")
        joins = bool(found) and found[-1].endswith(("\u094d", "\u200d"))
        if found and (is_mark or joins) and not found[-1].isspace():
            found[-1] += character
        else:
            found.append(character)
    return found


def letter_count(text: str) -> int:
    """Count letters."""
    return sum(character.isalpha() for character in text)


def has_marks(text: str) -> bool:
    """Tell whether the text needs combining marks."""
    return any(map(unicodedata.combining, unicodedata.normalize("NFD", text)))


def some(indexes: list[int], seed: random.Random) -> set[int]:
    """Choose at least one index, often all."""
    if not indexes:
        return set()
    least = max(1, len(indexes) // 3)
    return set(seed.sample(indexes, seed.randint(least, len(indexes))))


def substitute(text: str, seed: random.Random, *, by: dict[str, str], whole: bool = False) -> str:
    """Replace some characters by one of their look-alikes (`whole`: by all of the value)."""
    chosen = some([i for i, character in enumerate(text) if character in by], seed)
    return "".join(
        (by[character] if whole else seed.choice(by[character])) if i in chosen else character
        for i, character in enumerate(text)
    )


def insert(text: str, seed: random.Random, *, marks: str, most: int = 2) -> str:
    """Insert characters between code points."""
    chosen = some(list(range(1, len(text))), seed)
    return "".join(
        "".join(seed.choices(marks, k=seed.randint(1, most))) * (i in chosen) + character
        for i, character in enumerate(text)
    )


def insert_in_nfd(text: str, seed: random.Random, *, marks: str) -> str:
    """Insert characters between code points of the decomposed text."""
    return insert(unicodedata.normalize("NFD", text), seed, marks=marks)


def separate(text: str, seed: random.Random, *, by: tuple[str, ...]) -> str:
    """Put a separator between all letters; words of a phrase stay three spaces apart or closer."""
    one = seed.choice(by)
    words = []
    for word in text.split(" "):
        parts = clusters(word)
        glue = [seed.choice(by) if len(by) > 6 else one for _ in parts]
        words.append("".join(a + b for a, b in zip(parts, [*glue[1:], ""], strict=True)))
    return ("   " if one.isspace() else " ").join(words)


def split_once(text: str, seed: random.Random) -> str:
    """Put one separator somewhere inside (glim-merfish)."""
    parts = clusters(text)
    at = seed.randint(1, max(1, len(parts) - 1))
    return "".join(parts[:at]) + seed.choice(".-_ *") + "".join(parts[at:])


def repeat(text: str, seed: random.Random, *, times: int | None) -> str:
    """Repeat letters: all `times` times, or some of them two to five times."""
    parts = clusters(text)
    chosen = some([i for i, part in enumerate(parts) if part[0].isalpha()], seed)
    if times == 10:
        chosen = set(list(chosen)[:1])
    return "".join(
        part * (times or seed.randint(2, 5))
        if i in chosen or (times in (2, 3) and part[0].isalpha())
        else part
        for i, part in enumerate(parts)
    )


def styled(text: str, _: random.Random, *, capital: int | None, small: int | None) -> str:
    """Replace ASCII letters by a styled alphabet."""
    made = []
    for character in text:
        letter = character if small or not character.isascii() else character.upper()
        letter = letter.lower() if capital is None and letter.isascii() else letter
        if not letter.isascii() or not letter.isalpha():
            made.append(character)
            continue
        start = capital if letter.isupper() else small
        point = (start or 0) + ord(letter) - ord("A" if letter.isupper() else "a")
        made.append(tables.STYLE_HOLES.get(point, chr(point)))
    return "".join(made)


def zalgo(text: str, seed: random.Random, *, needs_marks: bool) -> str:
    """Put one to four stray marks on letters, none that makes another letter of the script."""
    if has_marks(text) != needs_marks:
        return text
    made = []
    for i, character in enumerate(text):
        marks = "".join(seed.choices(tables.ZALGO, k=seed.randint(1, 4)))
        is_mine = character.isalpha() and (i == 0 or seed.random() < 0.7)
        if is_mine and not character.isascii():
            marks = "".join(
                m for m in marks if len(unicodedata.normalize("NFC", character + m)) > 1
            )
        made.append(character + marks * is_mine)
    return "".join(made)


def accents(text: str, seed: random.Random) -> str:
    """Put precomposed accents on ASCII letters (glímmerfísh)."""
    if has_marks(text):
        return text
    made = substitute(text, seed, by=dict.fromkeys("aeiouAEIOU", "́̀̂̈"))
    pairs = (a if a == b else a + b for a, b in zip(text, made, strict=True))
    return unicodedata.normalize("NFC", "".join(pairs))


def cases(text: str, seed: random.Random) -> str:
    """Write in capitals, title case or a random mixture."""
    way = seed.randrange(3)
    if way < 2:
        return (text.upper(), text.title())[way]
    return "".join(seed.choice((c.upper(), c.lower())) for c in text)


def turkish_capitals(text: str, _: random.Random) -> str:
    """Write capitals as Turkish does: i has a dotted capital, dotless i the plain one."""
    return text.replace("i", "İ").upper()


def greek_capitals(text: str, _: random.Random) -> str:
    """Write Greek capitals without tonos, as usual."""
    plain = unicodedata.normalize("NFD", text.upper()).replace("\u0301", "")
    return unicodedata.normalize("NFC", plain)


def strip_marks(text: str, _: random.Random) -> str:
    """Leave out all marks (a user without the keyboard)."""
    plain = unicodedata.normalize("NFD", text).translate({ord("đ"): "d", ord("Đ"): "D"})
    return "".join(c for c in plain if not unicodedata.combining(c))


def umlauts(text: str, seed: random.Random, *, by: dict[str, str]) -> str:
    """Write German umlauts and sharp s in another way."""
    return substitute(text, seed, by=by, whole=True)


def shift_kana(text: str, _: random.Random) -> str:
    """Swap hiragana and katakana."""
    made = []
    for point in map(ord, text):
        step = 0x60 if 0x3041 <= point <= 0x3096 else -0x60 if 0x30A1 <= point <= 0x30F6 else 0
        made.append(chr(point + step))
    return "".join(made)


def half_width(text: str, _: random.Random) -> str:
    """Write katakana in half width, with separate voicing marks."""
    plain = unicodedata.normalize("NFD", text).replace("\u3099", "ﾞ").replace("\u309a", "ﾟ")
    return "".join(tables.HALF_WIDTH_KATAKANA.get(c, c)[0] for c in plain)


def compatibility_jamo(text: str, _: random.Random) -> str:
    """Write each Hangul syllable as stand-alone (compatibility) jamo."""
    starts, ends = (
        "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ",
        " ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ",
    )
    made = []
    for character in text:
        index = ord(character) - 0xAC00
        if 0 <= index < 11172:
            made.append(starts[index // 588] + chr(0x314F + index % 588 // 28))
            made.append(ends[index % 28].strip())
        else:
            made.append(character)
    return "".join(made)


def after_virama(text: str, seed: random.Random) -> str:
    """Put joiners after viramas and between clusters of an Indic or Thai word."""
    plain = text.replace("\u094d", "\u094d" + seed.choice("\u200c\u200d"))
    return seed.choice(("\u200b", "\u200c", "\u200d", "\u2060")).join(clusters(plain))


def ascii_multiple(text: str, seed: random.Random) -> str:
    """Write rn for m, vv for w, cl for d."""
    return substitute(text, seed, by=tables.ASCII_MULTIPLE, whole=True)


# --- Whole-token encodings ----------------------------------------------------------------------
def percent(text: str, seed: random.Random, *, is_whole: bool) -> str:
    """Percent-encode all bytes, or some characters."""
    chosen = some(list(range(len(text))), seed)
    return "".join(
        "".join(f"%{byte:02{seed.choice('xX')}}" for byte in c.encode())
        if is_whole or i in chosen
        else urllib.parse.quote(c)
        for i, c in enumerate(text)
    )


def entities(text: str, seed: random.Random, *, end: str = ";") -> str:
    """Write characters as HTML entities: decimal, hexadecimal or named."""
    chosen = some(list(range(len(text))), seed)
    made = []
    for i, c in enumerate(text):
        forms = [f"&#{ord(c)}{end}", f"&#x{ord(c):x}{end}", f"&#{ord(c):07d}{end}"]
        name = html.entities.codepoint2name.get(ord(c))
        forms += [f"&{name};"] if name else []
        made.append(seed.choice(forms) if i in chosen else c)
    return "".join(made)


def in_base64(text: str, seed: random.Random, *, is_padded: bool = True) -> str:
    """Encode the whole token."""
    encode = seed.choice((base64.b64encode, base64.urlsafe_b64encode))
    made = encode(text.encode()).decode("ascii")
    return made if is_padded else made.rstrip("=")


def in_tags(text: str, _: random.Random) -> str:
    """Hide an ASCII term in tag characters, which show as nothing."""
    return "".join(chr(0xE0000 + ord(c)) for c in text) if text.isascii() else text


def unicode_escapes(text: str, _: random.Random) -> str:
    r"""Escape every UTF-16 unit as JSON does."""
    units = text.encode("utf-16-be").hex()
    return "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4))


def normalized(text: str, _: random.Random, *, form: Literal["NFC", "NFD", "NFKC", "NFKD"]) -> str:
    """Write in a normalization form."""
    return unicodedata.normalize(form, text)


def thai_order(text: str, _: random.Random) -> str:
    """Write sara am as two characters and put the tone mark after the nikhahit."""
    plain = text.replace("\u0e33", "\u0e4d\u0e32")
    for tone in "\u0e48\u0e49\u0e4a\u0e4b":
        plain = plain.replace(f"{tone}\u0e4d", f"\u0e4d{tone}")
    return plain
