"""Grammar of terms: read strictly, stored in one form, and quoted by no error."""

from __future__ import annotations

import pytest

from hashmatch.errors import InputError
from hashmatch.terms import Expression, Term, parse_term


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("glimmerfish", Term(Expression("glimmerfish"))),
        ("  moon \t cheese ", Term(Expression("moon cheese"))),
        ("glimmer*", Term(Expression("glimmer", is_stem=True))),
        ("teapot ~3 submarine", Term(Expression("teapot"), Expression("submarine"), 3)),
        ("tea* ~12 moon cheese*",
         Term(Expression("tea", is_stem=True), Expression("moon cheese", is_stem=True), 12)),
        ("cafe\u0301", Term(Expression("caf\u00e9"))),
        ("a~3 b", Term(Expression("a~3 b"))),
    ],
)  # fmt: skip
def test_a_term_is_read_and_stored_in_one_form(text: str, term: Term) -> None:
    assert parse_term(text) == term
    assert parse_term(term.encoded().decode()) == term


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("12345", "no letter"),
        ("*", "no letter"),
        ("secret*word", "no term has"),
        ("secret ~3 ", "not between two terms"),
        ("~3 secret", "not between two terms"),
        ("secret ~ 3 other", "not between two terms"),
        ("secret ~12345 other", "not between two terms"),
        ("secret ~0 other", "within 1 to 100"),
        ("secret ~101 other", "within 1 to 100"),
        ("secret ~3 other ~4 third", "one other"),
        ("secret" * 40, "more than 200"),
        ("secret\ud800", "not Unicode"),
        ("secret\0", "no term has"),
    ],
)
def test_an_error_says_what_is_wrong_and_quotes_nothing(text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem) as raised:
        parse_term(text)
    assert "secret" not in str(raised.value) + raised.value.hint


def test_a_term_has_no_text_in_a_log() -> None:
    assert "secret" not in repr(parse_term("secret ~2 other"))
