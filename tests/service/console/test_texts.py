"""Texts of the console: each language is complete, current, and chosen as people ask for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from hashmatch.cases import CaseAction
from hashmatch.notices import NoticeAction
from hashmatch.service.console.labels import EVENTS
from hashmatch.service.console.texts import LANGUAGES, choose_language, translations
from hashmatch.service.console.words import closeness, due_words, visible
from hashmatch.store.schema import utc_now
from tests.documents import ROOT
from tests.service.conftest import Serve
from tests.service.console.signing import Person, signed_in
from tests.service.serving import Served

OTHERS = sorted(set(LANGUAGES) - {"en"})
_LOCALE = ROOT / "hashmatch/service/console/locale"
_METHODS = [
    ("hashmatch/service/console/**.py", "python"),
    ("hashmatch/service/console/templates/**.j2", "jinja2"),
]
_OPTIONS = {
    _METHODS[1][0]: {
        "trim_blocks": "true",
        "lstrip_blocks": "true",
        "extensions": "jinja2.ext.i18n",
        "newstyle_gettext": "true",
    }
}
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]")


def _said() -> set[str]:
    """Return every text in the pages and in the code."""
    keywords = {"_": None, "gettext": None, "ngettext": (1, 2), "N_": None}
    found = extract_from_dir(ROOT, _METHODS, _OPTIONS, keywords=keywords)
    return {text if isinstance(text, str) else text[0] for _, _, text, _, _ in found}


def _catalogue(language: str) -> Catalog:
    with (_LOCALE / language / "LC_MESSAGES/console.po").open("rb") as stream:
        return read_po(stream)


def _forms(message: Message) -> Iterator[tuple[str, str]]:
    """Yield (text, translation) of each form of a message."""
    ids = (message.id,) if isinstance(message.id, str) else tuple(message.id)
    given = message.string or ""
    texts = (given,) if isinstance(given, str) else tuple(given)
    for place, text in enumerate(texts):
        yield ids[min(place, len(ids) - 1)], text


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_has_every_text_and_no_other(language: str) -> None:
    """Where this fails, `make messages` adds what is missing, to be translated."""
    there = {
        one.id if isinstance(one.id, str) else one.id[0] for one in _catalogue(language) if one.id
    }
    assert there == _said()


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated_with_its_placeholders(language: str) -> None:
    for message in _catalogue(language):
        if message.id:
            assert "fuzzy" not in message.flags
            for text, translated in _forms(message):
                assert translated, message.id
                said = sorted(_PLACEHOLDER.findall(text))
                assert sorted(_PLACEHOLDER.findall(translated)) == said, message.id


@pytest.mark.parametrize("language", OTHERS)
def test_the_compiled_texts_are_those_of_the_catalogue(language: str) -> None:
    with (_LOCALE / language / "LC_MESSAGES/console.mo").open("rb") as stream:
        compiled = [one for one in read_mo(stream) if one.id]
    forms = [sorted(_forms(one)) for one in _catalogue(language) if one.id]
    assert sorted(sorted(_forms(one)) for one in compiled) == sorted(forms)


@pytest.mark.parametrize(
    ("chosen", "accepted", "expected"),
    [
        ("", "", "en"),
        ("", "de-AT,de;q=0.9,en;q=0.8", "de"),
        ("", "fr, en;q=0.2, de;q=0.7", "de"),
        ("", "fr,de;q=0", "en"),
        ("en", "de", "en"),
        ("xx", "de", "de"),
        ("", "x" * 10_000, "en"),
        ("", ";;q=,", "en"),
    ],
)
def test_a_language_is_chosen_as_people_ask_for_it(
    chosen: str, accepted: str, expected: str
) -> None:
    assert choose_language(chosen, accepted, "en") == expected


def test_a_page_is_in_the_language_and_colours_that_were_chosen(desk: Served) -> None:
    with signed_in(desk) as person:
        assert '<html lang="en" data-theme="auto" data-keys>' in person.get("/queue").text
        person.post("/preferences", language="de", theme="dark")
        page = person.get("/queue").text
        assert '<html lang="de" data-theme="dark">' in page
        assert "Warteschlange" in page


def test_the_configured_language_is_for_browsers_that_ask_for_none(serve: Serve) -> None:
    with serve(console={"language": "de"}) as served, Person(served) as person:
        assert "Anmelden" in person.get("/sign-in").text
        page = person.client.get("/sign-in", headers={"Accept-Language": "en"})
        assert "Sign in" in page.text


def _match(**facts: object) -> dict[str, object]:
    return {
        "algorithm": "pdq", "view": "full", "orientation": "original", "nearness": "match",
        "distance_bits": 4, **facts,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"algorithm": "sha256", "distance_bits": 0}, "exact copy: the same file"),
        ({"distance_bits": 0}, "the same picture"),
        ({}, "near copy: probably the same picture, saved again"),
        ({"view": "unframed"}, "the same picture altered: a screenshot or frame around it"),
        ({"orientation": "flip-x"}, "the same picture altered: mirrored"),
        ({"view": "negative", "orientation": "rotate-90"}, "altered: a negative, turned by 90°"),
        ({"nearness": "near", "distance_bits": 40}, "only alike: beyond the list's threshold"),
        ({"nearness": "near", "view": "extended"}, "(cropped)"),
    ],
)
def test_how_close_a_match_is_is_said_in_words(facts: dict[str, object], words: str) -> None:
    assert words in closeness(translations("en"), _match(**facts))


def test_who_may_not_see_distances_is_not_shown_a_wrong_one() -> None:
    texts = translations("en")
    said = {closeness(texts, _match(distance_bits=7), is_exact_shown=False)}
    assert said == {"the same picture, or saved again"}
    far = closeness(texts, _match(distance_bits=15), is_exact_shown=False)
    assert far == "near copy: probably the same picture, saved again"


def test_times_are_said_as_people_say_them() -> None:
    now, texts = utc_now(), translations("en")
    for left, words in (
        (timedelta(minutes=1), "due in 1 minute"),
        (timedelta(hours=-3), "overdue by 3 hours"),
        (timedelta(days=5), "due in 5 days"),
    ):
        assert due_words(texts, now + left, now) == words


def test_hidden_characters_are_visible() -> None:
    assert visible("a\u202eb\u0007c\nd") == "a\\u202eb\\u0007c\nd"


def test_each_action_has_words_in_the_history() -> None:
    actions = {f"case.{one}" for one in CaseAction} | {f"notice.{one}" for one in NoticeAction}
    assert actions - EVENTS.keys() == set()
