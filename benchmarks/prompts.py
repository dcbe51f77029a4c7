"""Screening of prompts against a long list of terms."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measuring import Table, duration
from hashmatch.prompts import ListedTerm, Matcher
from hashmatch.terms import parse_term

_TERMS, _CHARACTERS, _TEXTS = 100_000, 1_000, 200
_SENTENCES = Path(__file__).parents[1] / "tests" / "prompts" / "ordinary.txt"
_ONSETS = (*"bcdfghklmnprstvwz", "br", "st", "tr", "ch", "sh", "gl")
_VOWELS = (*"aeiou", "ai", "ou")
_CYRILLIC = str.maketrans("abdefghiklmnoprstuvz", "абдефгхиклмнопрстувз")


def measure() -> list[Table]:
    """Measure `Matcher.find`: English prompts, and such of many languages and scripts in one."""
    begun_s = time.perf_counter()
    matcher = Matcher(
        [ListedTerm(number, parse_term(text)) for number, text in enumerate(_terms())]
    )
    build_s = time.perf_counter() - begun_s
    lines = _SENTENCES.read_text(encoding="utf-8").splitlines()
    english = [line for line in lines if line.isascii()]
    rows = [
        (name, *map(duration, _times(matcher, _texts(some))))
        for name, some in (("English", english), ("fifteen languages in one", lines))
    ]
    what = (
        f"`Matcher.find` in prompts of {_CHARACTERS:,} characters, made of ordinary sentences with"
        f" signs, weights and near misses in them, beside {_TERMS:,} made-up terms of two scripts,"
        f" some of which occur; building the matcher took {build_s:.1f} s. To reach: 1 ms."
    )
    return [Table("Prompts", what, ("prompts", "median", "95th percentile"), rows)]


def _terms() -> list[str]:
    """Return words, and phrases of two, which look like those of languages."""
    chosen = random.Random(1)
    syllables = [onset + vowel for onset in _ONSETS for vowel in _VOWELS]
    found: dict[str, None] = {}
    while len(found) < _TERMS:
        word = "".join(chosen.choices(syllables, k=chosen.choice((2, 3, 3, 3, 4, 4, 5))))
        word += chosen.choice(("", "n", "s", "r", "x"))
        if chosen.random() < 0.2:
            word += " " + "".join(chosen.choices(syllables, k=2))
        if len(found) % 5 == 0:
            word = word.translate(_CYRILLIC)
        found[word] = None
    return list(found)


def _texts(lines: Sequence[str]) -> list[str]:
    chosen, texts = random.Random(2), []
    for _ in range(_TEXTS):
        text = ""
        while len(text) < _CHARACTERS:
            text += chosen.choice(lines) + " "
        texts.append(text[:_CHARACTERS])
    return texts


def _times(matcher: Matcher, texts: Sequence[str]) -> tuple[float, float]:
    times = []
    for text in texts:
        matcher.find(text)  # Tables of characters are filled as these are met.
        begun_s = time.perf_counter()
        matcher.find(text)
        times.append(time.perf_counter() - begun_s)
    return statistics.median(times), statistics.quantiles(times, n=20)[-1]
