"""Named obfuscations of listed terms: each takes (text, random) and returns the written form.

`OBFUSCATIONS` holds them by name, each with the scripts for which it makes sense. They are
independent and composable: `pairs()` yields any two of them, in a sensible order. `expectation`
says whether a matcher of the documented pipeline should find a term so written ("found") or may
("either"); `samples` yields ready-made rows, each term in a carrier sentence of its script.
"""

from __future__ import annotations

import codecs
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

from . import obf_functions as do
from . import obf_tables as tables
from .made_up_terms import BOUNDED_SCRIPTS, TERMS, UNBOUNDED_SCRIPTS, Term

Function = Callable[[str, random.Random], str]
Stage = Literal["case", "letters", "between", "form", "encode"]
STAGES: tuple[Stage, ...] = ("case", "letters", "between", "form", "encode")
ALL = BOUNDED_SCRIPTS | UNBOUNDED_SCRIPTS
LATIN = frozenset({"Latin"})
CASED = frozenset({"Latin", "Cyrillic", "Greek"})
ALPHABETS = CASED | {"Arabic", "Hebrew"}
UNMARKED = CASED | {"Han", "Hangul", "Hiragana", "Katakana"}
MINIMUM = 5  # letters below which loose views need not match a term that is not loose


@dataclass(frozen=True, slots=True)
class Obfuscation:
    """A named way of writing a term so that a plain search misses it."""

    name: str
    function: Function
    scripts: frozenset[str]
    stage: Stage = "letters"
    is_optional: bool = False  # a matcher may leave it out; count it apart
    is_long_only: bool = False  # expected only for terms of MINIMUM letters, or loose ones
    note: str = ""

    def __call__(self, text: str, seed: random.Random) -> str:
        """Obfuscate one term."""
        return self.function(text, seed)


@dataclass(frozen=True, slots=True)
class Sample:
    """An obfuscated term in a sentence, with what a matcher should say."""

    term: Term
    obfuscation: str
    written: str
    sentence: str
    expect: Literal["found", "either"]


def _by(mapping: dict[str, str]) -> Function:
    return partial(do.substitute, by=mapping)


def _styles() -> Iterator[Obfuscation]:
    """Yield other alphabets of the same letters."""
    for name, (capital, small) in tables.STYLES.items():
        yield Obfuscation(name, partial(do.styled, capital=capital, small=small), LATIN)
    for name, (capital, small) in tables.STYLES_OPTIONAL.items():
        function = partial(do.styled, capital=capital, small=small)
        yield Obfuscation(name, function, LATIN, is_optional=True, note="no NFKC to one letter")
    yield Obfuscation("superscript", _by(tables.SUPERSCRIPT), LATIN)
    yield Obfuscation("small_capitals", _by(tables.SMALL_CAPITALS), LATIN)
    note = "neither NFKC nor confusables.txt 18.0.0 has these"
    small_capitals = _by(tables.SMALL_CAPITALS_OPTIONAL)
    yield Obfuscation("small_capitals_beyond", small_capitals, LATIN, is_optional=True, note=note)
    yield Obfuscation("math_greek", _by(tables.MATH_GREEK), frozenset({"Greek"}))
    han = frozenset({"Han"})
    yield Obfuscation("han_radicals", _by(tables.HAN_COMPATIBILITY), han, note="NFKC")


def _cases() -> Iterator[Obfuscation]:
    yield Obfuscation("case", do.cases, CASED, "case")
    note = "İ casefolds to i + U+0307; I to i, not dotless i"
    yield Obfuscation("turkish_capitals", do.turkish_capitals, LATIN, "case", note=note)
    greek = frozenset({"Greek"})
    note = "usual Greek writing; recommended"
    yield Obfuscation(
        "greek_capitals", do.greek_capitals, greek, "case", is_optional=True, note=note
    )


def _inserted() -> Iterator[Obfuscation]:
    """Yield invisible characters, marks and separators between letters."""
    for name, marks in tables.INVISIBLE.items():
        yield Obfuscation(name, partial(do.insert, marks=marks), ALL, "between")
    split = partial(do.insert_in_nfd, marks=tables.INVISIBLE["zero_width"])
    note = "also between a letter and its mark: drop these before composing"
    yield Obfuscation("zero_width_in_nfd", split, ALL, "form", note=note)
    every = "".join(tables.INVISIBLE.values())
    yield Obfuscation("invisible_mixture", partial(do.insert, marks=every, most=5), ALL, "between")
    for name, marks in tables.INVISIBLE_OPTIONAL.items():
        function = partial(do.insert, marks=marks)
        note = "Cf or Cc, not default-ignorable"
        yield Obfuscation(name, function, ALL, "between", is_optional=True, note=note)
    indic = frozenset({"Devanagari", "Thai"})
    yield Obfuscation("indic_joiners", do.after_virama, indic, "between")
    zalgo = partial(do.zalgo, needs_marks=False)
    yield Obfuscation("zalgo", zalgo, UNMARKED, "between", note="terms without own marks")
    zalgo, note = partial(do.zalgo, needs_marks=True), "on terms that need marks themselves"
    yield Obfuscation("zalgo_marked", zalgo, CASED, "between", is_optional=True, note=note)
    iota, note = partial(do.insert, marks="\u0345"), "U+0345 casefolds to a letter (iota)"
    yield Obfuscation("zalgo_iota", iota, LATIN, "between", is_optional=True, note=note)
    yield Obfuscation("accents", do.accents, LATIN, "between", note="only on terms without marks")
    for name, marks_of in tables.SEPARATORS.items():
        function = partial(do.separate, by=marks_of)
        yield Obfuscation(f"separators_{name}", function, ALL, "between", is_long_only=True)
    for name, marks_of in tables.SEPARATORS_OPTIONAL.items():
        function = partial(do.separate, by=marks_of)
        yield Obfuscation(f"separators_{name}", function, ALL, "between", is_optional=True)
    yield Obfuscation("separator_once", do.split_once, ALL, "between", is_optional=True)


def _lookalikes() -> Iterator[Obfuscation]:
    """Yield look-alikes of other scripts, leet and repeats."""
    latin, cyrillic, greek = LATIN, frozenset({"Cyrillic"}), frozenset({"Greek"})
    capitals = tables.CYRILLIC_FOR_LATIN_CAPITALS | tables.GREEK_FOR_LATIN_CAPITALS

    def in_capitals(text: str, seed: random.Random) -> str:
        return do.substitute(text.upper(), seed, by=capitals)

    rows = (
        ("cyrillic", tables.CYRILLIC_FOR_LATIN, latin),
        ("greek", tables.GREEK_FOR_LATIN, latin),
        ("armenian", tables.ARMENIAN_FOR_LATIN, latin),
        ("cherokee", tables.CHEROKEE_FOR_LATIN, latin),
        ("latin", tables.LATIN_LOOKALIKES, latin),
        ("latin_for_cyrillic", tables.LATIN_FOR_CYRILLIC, cyrillic),
        ("greek_for_cyrillic", tables.GREEK_FOR_CYRILLIC, cyrillic),
        ("latin_for_greek", tables.LATIN_FOR_GREEK, greek),
        ("cyrillic_for_greek", tables.CYRILLIC_FOR_GREEK, greek),
        ("han_for_kana", tables.HAN_FOR_KATAKANA, frozenset({"Katakana", "Hiragana"})),
        ("thai_sara_ae", {"แ": "เ"}, frozenset({"Thai"})),
    )
    for name, mapping, scripts in rows:
        function = _by(mapping)
        if name == "thai_sara_ae":
            function = partial(do.substitute, by={"แ": "เเ"}, whole=True)
        yield Obfuscation(f"lookalike_{name}", function, scripts)
    note = "lunate sigma looks like c; NFKC makes it a final sigma: look it up before NFKC"
    lost = _by(tables.LOST_BY_NFKC)
    yield Obfuscation("lookalike_lost_by_nfkc", lost, CASED, is_optional=True, note=note)
    note = "fold look-alikes before casefold too: Cyrillic В casefolds to в, which is no b"
    yield Obfuscation("lookalike_capitals", in_capitals, latin, note=note)
    yield Obfuscation("lookalike_ascii", _by(tables.ASCII_LOOKALIKES), latin, is_long_only=True)
    note = "rn for m also makes modern of modem"
    yield Obfuscation("lookalike_rn", do.ascii_multiple, latin, is_optional=True, note=note)
    yield Obfuscation("leet", _by(tables.LEET), latin, is_long_only=True)
    beyond = partial(do.umlauts, by=tables.LEET_OPTIONAL)
    yield Obfuscation("leet_beyond", beyond, latin, is_optional=True)
    yield Obfuscation("leet_cyrillic", _by(tables.LEET_CYRILLIC), cyrillic, is_optional=True)
    yield Obfuscation("leet_greek", _by(tables.LEET_GREEK), greek, is_optional=True)
    for name, times in (("double", 2), ("triple", 3), ("ten", 10), ("some", None)):
        function = partial(do.repeat, times=times)
        yield Obfuscation(f"repeat_{name}", function, ALPHABETS, is_long_only=True)


def _forms() -> Iterator[Obfuscation]:
    """Yield normalization forms and what belongs to one script or language."""
    for form in ("NFD", "NFC", "NFKD", "NFKC"):
        yield Obfuscation(form.lower(), partial(do.normalized, form=form), ALL, "form")
    arabic, hebrew = frozenset({"Arabic"}), frozenset({"Hebrew"})
    tatweel = partial(do.insert, marks="ـ", most=3)
    yield Obfuscation("arabic_tatweel", tatweel, arabic, "between")
    yield Obfuscation("arabic_presentation", _by(tables.ARABIC_FORMS), arabic)
    harakat = partial(do.insert, marks=tables.ARABIC_HARAKAT, most=1)
    yield Obfuscation("arabic_harakat", harakat, arabic, "between")
    yield Obfuscation("arabic_alef", _by(tables.ALEF_FORMS), arabic, note="usual lax spelling")
    yield Obfuscation("arabic_yeh_kaf", _by(tables.ARABIC_YEH_KAF), arabic)
    teh = _by({"ة": "هت", "ى": "ي"})
    yield Obfuscation("arabic_teh_marbuta", teh, arabic, is_optional=True)
    yield Obfuscation("hebrew_finals", _by(tables.HEBREW_FINALS), hebrew)
    yield Obfuscation("hebrew_wide", _by(tables.HEBREW_WIDE), hebrew)
    points = partial(do.insert, marks=tables.HEBREW_POINTS, most=1)
    yield Obfuscation("hebrew_points", points, hebrew, "between")
    yield Obfuscation("half_width_katakana", do.half_width, frozenset({"Katakana"}), "form")
    kana = frozenset({"Katakana", "Hiragana"})
    yield Obfuscation("kana_shift", do.shift_kana, kana, is_optional=True)
    hangul, thai = frozenset({"Hangul"}), frozenset({"Thai"})
    yield Obfuscation("hangul_compatibility", do.compatibility_jamo, hangul, "form")
    yield Obfuscation("thai_order", do.thai_order, thai, "form", is_optional=True)
    yield Obfuscation("turkish_ascii", _by(tables.TURKISH_ASCII), LATIN, is_optional=True)
    dotless = _by({"i": "ı", "ı": "i", "I": "İ", "İ": "I"})
    yield Obfuscation("turkish_dotless", dotless, LATIN, note="UTS #39 joins the two")
    sharp = partial(do.umlauts, by={"ß": "ss"})
    yield Obfuscation("german_ss", sharp, LATIN, note="full casefold does it")
    capital = partial(do.umlauts, by={"ß": "ẞ"})
    yield Obfuscation("german_capital_sharp_s", capital, LATIN)
    german = partial(do.umlauts, by={"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
    yield Obfuscation("german_umlauts", german, LATIN, is_optional=True)
    yield Obfuscation("no_marks", do.strip_marks, CASED, is_optional=True, note="no diacritics")


def _encodings() -> Iterator[Obfuscation]:
    """Yield encodings of the whole token."""
    yield Obfuscation("percent_all", partial(do.percent, is_whole=True), ALL, "encode")
    yield Obfuscation("percent_some", partial(do.percent, is_whole=False), ALL, "encode")
    yield Obfuscation("entities", do.entities, ALL, "encode")
    yield Obfuscation("base64", do.in_base64, ALL, "encode", is_long_only=True)
    unpadded = partial(do.in_base64, is_padded=False)
    yield Obfuscation("base64_unpadded", unpadded, ALL, "encode", is_optional=True)
    bare = partial(do.entities, end="")
    yield Obfuscation("entities_unended", bare, ALL, "encode", is_optional=True)
    yield Obfuscation("escapes", do.unicode_escapes, ALL, "encode", is_optional=True)
    yield Obfuscation("tag_smuggled", do.in_tags, LATIN, "encode", is_optional=True)

    def rot13(text: str, _: random.Random) -> str:
        return codecs.encode(text, "rot13")

    def backwards(text: str, _: random.Random) -> str:
        return "".join(reversed(do.clusters(text)))

    yield Obfuscation("rot13", rot13, LATIN, "encode", is_optional=True)
    yield Obfuscation("backwards", backwards, ALL, "encode", is_optional=True)


OBFUSCATIONS: dict[str, Obfuscation] = {
    one.name: one
    for group in (_cases, _styles, _inserted, _lookalikes, _forms, _encodings)
    for one in group()
}


def compose(first: Obfuscation, second: Obfuscation) -> Obfuscation:
    """Do one obfuscation after the other: letters, then between letters, forms, encodings."""
    one, two = sorted((first, second), key=lambda each: STAGES.index(each.stage))
    is_doubled = all(
        each.stage == "form" or each.name.startswith("separator") for each in (one, two)
    )
    return Obfuscation(
        f"{one.name}+{two.name}",
        lambda text, seed: two(one(text, seed), seed),
        one.scripts & two.scripts,
        two.stage,
        one.is_optional or two.is_optional or is_doubled,
        one.is_long_only or two.is_long_only,
    )


def pairs() -> Iterator[Obfuscation]:
    """Yield every pair that has a script in common and is not two encodings."""
    names = sorted(OBFUSCATIONS)
    for i, name in enumerate(names):
        for other in names[i + 1 :]:
            one, two = OBFUSCATIONS[name], OBFUSCATIONS[other]
            if one.scripts & two.scripts and not one.stage == two.stage == "encode":
                yield compose(one, two)


def expectation(term: Term, obfuscation: Obfuscation) -> Literal["found", "either"]:
    """Say whether a matcher should find the term in this obfuscation."""
    if obfuscation.is_optional:
        return "either"
    is_short = do.letter_count(term.text) < MINIMUM and not term.is_loose
    return (
        "either" if is_short and (obfuscation.is_long_only or "+" in obfuscation.name) else "found"
    )


CARRIERS: dict[str, tuple[str, str]] = {
    "Latin": ("a quiet picture of", "in soft light"),
    "Cyrillic": ("тихая картина", "при мягком свете"),
    "Greek": ("μια ήσυχη εικόνα", "με απαλό φως"),
    "Arabic": ("صورة هادئة", "في ضوء ناعم"),
    "Hebrew": ("תמונה שקטה של", "באור רך"),
    "Devanagari": ("एक शांत चित्र", "धीमी रोशनी में"),
    "Hangul": ("조용한 그림", "부드러운 빛"),
    "Han": ("一张安静的画", "柔和的光"),
    "Hiragana": ("しずかな絵", "やわらかい光"),
    "Katakana": ("しずかな絵", "やわらかい光"),
    "Thai": ("ภาพเงียบสงบ", "แสงนุ่มนวล"),
}


def carry(term: Term, written: str) -> str:
    """Put a written term into a sentence; a context term gets its companion beside it."""
    before, after = CARRIERS[term.script]
    companion = f" {term.near}" if term.near else ""
    return f"{before} {written}{companion} {after}"


def samples(
    obfuscation: Obfuscation, seed: random.Random, terms: tuple[Term, ...] = TERMS
) -> Iterator[Sample]:
    """Yield a sample for every term of the scripts which the obfuscation changes."""
    for term in terms:
        if term.script in obfuscation.scripts:
            written = obfuscation(term.text, seed)
            if written != term.text:
                expect = expectation(term, obfuscation)
                yield Sample(term, obfuscation.name, written, carry(term, written), expect)
