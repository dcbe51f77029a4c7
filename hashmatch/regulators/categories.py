"""Keywords of the Digital Services Act's template for matches: by rules, the first that fits."""

from __future__ import annotations

from dataclasses import dataclass

from hashmatch.config import (
    CyberTiplineEscalation,
    NCMECSourceSettings,
    Settings,
    StopNCIISourceSettings,
)
from hashmatch.errors import ConfigError
from hashmatch.store.regulators import MatchRule

from .templates import template_keywords

MATERIAL = "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL"
GENERATED_MATERIAL = "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL_DEEPFAKE"
INTIMATE_IMAGES = "KEYWORD_NON_CONSENSUAL_IMAGE_SHARING"
OF_CHILDREN = frozenset({MATERIAL, GENERATED_MATERIAL})
# Codes of NCMEC's interfaces and of the UK's Sentencing Council, which lists use for categories.
_CODES = ("A1", "A2", "B1", "B2", "A", "B", "C")
# NCMEC's environments by a part of their names; "exploitative" is of images that may be legal.
_GENERATED, _EXPLOITATIVE = "generative", "exploitative"


@dataclass(frozen=True, slots=True)
class KeywordRule:
    """A rule of matches and the keyword that it stands for."""

    keyword: str
    rule: MatchRule


def keyword_rules(settings: Settings) -> tuple[KeywordRule, ...]:
    """Return the configured rules, and after them ours: by a list's source, then by category.

    Raises `ConfigError` for a keyword that the template does not have.
    """
    _require_keywords(settings)
    own = [
        KeywordRule(one.keyword, MatchRule(one.lists, one.categories))
        for one in settings.reports.dsa.rules
    ]
    by_keyword: dict[str, list[str]] = {
        GENERATED_MATERIAL: list(_lists_of_generated(settings)),
        INTIMATE_IMAGES: [],
        MATERIAL: [],
    }
    for name, source in settings.lists.items():
        if isinstance(source, StopNCIISourceSettings):
            by_keyword[INTIMATE_IMAGES].append(name)
        elif isinstance(source, NCMECSourceSettings) and _EXPLOITATIVE not in source.base:
            kind = GENERATED_MATERIAL if _GENERATED in source.base else MATERIAL
            by_keyword[kind].append(name)
    by_list = [
        KeywordRule(keyword, MatchRule(lists=tuple(names)))
        for keyword, names in by_keyword.items()
        if names
    ]
    return (*own, *by_list, KeywordRule(MATERIAL, MatchRule(categories=_CODES)))


def _require_keywords(settings: Settings) -> None:
    known = template_keywords()
    for one in settings.reports.dsa.rules:
        if one.keyword not in known:
            raise ConfigError(
                f"{settings.source or 'environment'}: reports.dsa.rules: the template has no"
                f" keyword {one.keyword} that a rule can name",
                hint="Part 2 of the template, 2_categories_names.csv, has them all.",
            )


def _lists_of_generated(settings: Settings) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(
            name
            for one in settings.escalations.values()
            if isinstance(one, CyberTiplineEscalation)
            for name in one.generative_ai_lists
        )
    )
