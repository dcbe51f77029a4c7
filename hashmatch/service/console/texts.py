"""Texts of the console in the languages that there are, from one gettext catalogue each."""

from __future__ import annotations

import re
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from typing import TypeAlias

Translations: TypeAlias = NullTranslations
# By their own names, for people who look for theirs. English is in the code.
LANGUAGES = {"en": "English", "de": "Deutsch"}
_SOURCE = "en"
_LOCALE = files("hashmatch.service.console") / "locale"
# A range of Accept-Language with its weight (RFC 9110, section 12.5.4).
_RANGE = re.compile(
    r"\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9-]{1,30})?\s*(?:;\s*q=([01](?:\.\d{0,3})?))?"
)
_MAX_RANGES = 20


def N_(text: str) -> str:  # noqa: N802 (gettext's own name for it)
    """Mark a text for the catalogue; it is translated where it is shown."""
    return text


@cache
def translations(language: str) -> Translations:
    """Return the translations into a language of `LANGUAGES`."""
    if language == _SOURCE:
        return NullTranslations()
    catalogue = _LOCALE / language / "LC_MESSAGES" / "console.mo"
    with catalogue.open("rb") as stream:
        return GNUTranslations(stream)


def choose_language(chosen: str, accepted: str, default: str) -> str:
    """Return the language of a page: the chosen one, else one that the browser accepts."""
    if chosen in LANGUAGES:
        return chosen
    ranges = [
        found for one in accepted.split(",")[:_MAX_RANGES] if (found := _RANGE.fullmatch(one))
    ]
    # Sorting is stable, so that the first of equal weight comes first.
    ranges.sort(key=lambda one: -float(one[2] or 1))
    for one in ranges:
        if float(one[2] or 1) and one[1].lower() in LANGUAGES:
            return one[1].lower()
    return default
