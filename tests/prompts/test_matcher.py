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
