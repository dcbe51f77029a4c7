"""Matcher of terms: whatever disguise, and nothing in ordinary sentences.

The made-up list, the disguises and the sentences were written without looking at the matcher.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from hashmatch.prompts import ListedTerm, Matcher
from hashmatch.terms import parse_term

from .made_up_terms import TERMS, Term
from .near_misses import NEAR_MISSES
from .obf_functions import letter_count
from .obfuscations import MINIMUM, OBFUSCATIONS, pairs, samples

ORDINARY = Path(__file__).with_name("ordinary.txt").read_text(encoding="utf-8").splitlines()
NUMBERS = {one.id: number for number, one in enumerate(TERMS)}
# Of fewer letters, base64 is as short as an ordinary word.
MIN_ENCODED_LETTERS = 4
PAIRS = 400


def _text(term: Term) -> str:
    own = f"{term.text}*" if term.kind == "prefix" else term.text
    return own if term.near is None else f"{own} ~{term.within} {term.near}"


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    return Matcher(
        [ListedTerm(NUMBERS[one.id], parse_term(_text(one)), one.is_loose) for one in TERMS]
    )


def _finds(matcher: Matcher, text: str, term: Term) -> bool:
    return NUMBERS[term.id] in {one.number for one in matcher.find(text)}


@pytest.mark.parametrize("name", OBFUSCATIONS)
def test_a_term_is_found_in_each_disguise(name: str, matcher: Matcher) -> None:
    missed = [
        (one.term.text, one.written)
        for one in samples(OBFUSCATIONS[name], random.Random(name))
        if one.expect == "found"
        and not (name == "base64" and letter_count(one.term.text) < MIN_ENCODED_LETTERS)
        and not _finds(matcher, one.sentence, one.term)
    ]
    assert missed == []


def test_a_term_is_found_in_two_disguises_at_once(matcher: Matcher) -> None:
    chosen = random.Random(7)
    found = missed = 0
    for pair in chosen.sample([one for one in pairs() if not one.is_optional], PAIRS):
        for one in samples(pair, chosen, tuple(chosen.sample(TERMS, 12))):
            if one.expect == "found" and letter_count(one.term.text) >= MINIMUM:
                is_found = _finds(matcher, one.sentence, one.term)
                found, missed = found + is_found, missed + (not is_found)
    # Letters of three alphabets in one word, and base64 of what is unreadable by itself.
    assert found > 1_000
    assert missed <= 0.005 * found


def test_nothing_is_found_in_ordinary_sentences(matcher: Matcher) -> None:
    assert len(set(ORDINARY)) > 5_000
    assert [line for line in ORDINARY if matcher.find(line)] == []


def test_nothing_is_found_in_ordinary_sentences_after_another(matcher: Matcher) -> None:
    order = ORDINARY.copy()
    random.Random(3).shuffle(order)
    texts = ["\n".join(order[at : at + 10]) for at in range(0, len(order), 10)]
    assert [text for text in texts if matcher.find(text)] == []


def test_the_edges_of_the_rules_are_where_they_are_said_to_be(matcher: Matcher) -> None:
    wrong = [
        (one.sentence, one.expect, one.note)
        for one in NEAR_MISSES
        if one.expect != "either"
        and _finds(matcher, one.sentence, one.term) != (one.expect == "found")
    ]
    assert wrong == []


HIDDEN = (
    "b g l i m m e r f i s h", "2 g l i m m e r f i s h", "1. g l i m m e r f i s h",
    "x: g l i m m e r f i s h", "g l i m m e r f i s h 2", "g l i m m e r f i s h, 4 k",
    "a p h o t o   o f   g l i m m e r f i s h", "G.L.I.M.M.E.R.F.I.S.H.: U.S.A.",
    "glimmerf!sh!", "gl!mmerfish!", "@glimmerf!sh", "$gl!mmerfish", "glimmerf!sh++",
    "|glimmerf!sh|", "g l i m m e r f ! s h !", "gl1mmerfish!",
    "cat,glim-merfish,dog", "cat,glim*merfish", "<lora:g_l_i_m_m_e_r_f_i_s_h:1>",
    "g.l.i.m.m.e.r.f.i.s.h,x", "glimmerfish\u7684\u7167\u7247",
    "\u65e5\u672cglimmerfish\u65e5\u672c",
    "glimmerfish2", "1glimmerfish", "2glimmerfish", "glimmerf1sh2", "<lora:glimmerfishV2:0.8>",
    "%252567limmerfish", "&amp;amp;#103;limmerfish", "JTY3bGltbWVyZmlzaA==",
    "WjJ4cGJXMWxjbVpwYzJnPQ==", "a-Z2xpbW1lcmZpc2g=", "\\u0067limmerfish", "\\x67limmerfish",
    "".join(chr(0x1F170 + ord(one) - ord("a")) for one in "glimmerfish"),
    "g\u029fimmerfish", "glim\x1amerfish", "glimmerfish \xb4 \xb4",
)  # fmt: skip
HIDDEN_PHRASES = ("(moon:1.2) cheese", "moon:1.2 cheese", "moon BREAK cheese", "moon ch33$e!",
                  "cat,mo.on cheese", "m o o n  c h e e s e, 1")  # fmt: skip


@pytest.mark.parametrize("text", HIDDEN)
def test_nothing_that_stands_beside_a_term_hides_it(text: str, matcher: Matcher) -> None:
    (term,) = (one for one in TERMS if one.text == "glimmerfish")
    assert _finds(matcher, text, term)
    assert _finds(matcher, f"a quiet picture, {text}, soft light!", term)


@pytest.mark.parametrize("text", HIDDEN_PHRASES)
def test_nothing_within_a_phrase_hides_it(text: str, matcher: Matcher) -> None:
    (term,) = (one for one in TERMS if one.text == "moon cheese")
    assert _finds(matcher, text, term)


def test_a_sign_in_a_term_is_a_letter_of_it() -> None:
    matcher = Matcher([ListedTerm(1, parse_term("a$$ets")), ListedTerm(2, parse_term("p!zza"))])
    assert matcher.find("a cat, it sat, k d, home") == []
    assert {one.number for one in matcher.find("a$$ets and p!zza")} == {1, 2}
    assert {one.number for one in matcher.find("pizza")} == {2}


@pytest.mark.parametrize(
    "text", ["\u1fb3\u03bb\u03c6\u03b1\u03b2", "\u1fc3\u03bb\u03b9\u03bf\u03c2"]
)
def test_a_term_finds_itself(text: str) -> None:
    assert Matcher([ListedTerm(1, parse_term(text))]).find(f"x {text} y")


def test_a_context_is_compared_in_bounded_work() -> None:
    matcher = Matcher([ListedTerm(1, parse_term("teapot ~5 submarine"))])
    assert matcher.find("teapot " * 400 + "zz " * 800 + "submarine " * 400) == []
    assert matcher.find("teapot " * 400 + "zz " * 800 + "submarine zz teapot " * 400)


def test_decoys_do_not_use_up_what_is_decoded(matcher: Matcher) -> None:
    decoy, hidden = "SGVsbG8gd29ybGQh ", "Z2xpbW1lcmZpc2g="
    (number,) = {one.number for one in matcher.find(20 * decoy + hidden)}
    assert TERMS[number].text == "glimmerfish"


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "\0", "\ud800", "a" * 20_000, "a " * 10_000, "." * 20_000, "1" * 20_000,
        "%25" * 6_000, "&amp;" * 4_000, "\u0301" * 20_000, "\u200b" * 20_000,
        "\u0915\u094d" * 9_999, "!|" * 10_000, "a.b-" * 5_000,
    ],
)  # fmt: skip
def test_no_text_makes_it_fail(text: str, matcher: Matcher) -> None:
    assert matcher.find(text) == []
