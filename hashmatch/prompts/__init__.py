"""Prompts: listed terms in what people ask image generators for, in any disguise."""

from .matcher import ListedTerm, Matcher, Occurrence, TooManyCandidatesError
from .screening import PromptOutcome, PromptScreener, PromptVerdict, TermMatch

__all__ = [
    "ListedTerm",
    "Matcher",
    "Occurrence",
    "PromptOutcome",
    "PromptScreener",
    "PromptVerdict",
    "TermMatch",
    "TooManyCandidatesError",
]
