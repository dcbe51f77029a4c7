"""Screening of prompts: clear, for review or to block, and nothing of a prompt on record.

It fails closed: a prompt that could not be checked in full is for review, with a reason.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from hashmatch.closing import Closing
from hashmatch.errors import HashmatchError, LicenceExpiredError, NoActiveListError
from hashmatch.outcome import Action, Failure, Reason, strongest
from hashmatch.policy import Policy
from hashmatch.store.engine import Database, retried
from hashmatch.store.lists import ListState, TermEntry, shown_entry_id
from hashmatch.store.prompts import NewPromptMatch, PromptTally, record_prompt_matches
from hashmatch.store.schema import require_text, utc_now

from .live import LiveTerms, TermSnapshot
from .matcher import TooManyCandidatesError

_SOURCE_CHARACTERS = 32


class PromptOutcome(StrEnum):
    """Outcome of a prompt, mildest first."""

    CLEAR = "clear"
    REVIEW = "review"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class TermMatch:
    """A term of a list that a prompt matched, by its licensor's id and never by its text."""

    list_name: str
    generation: int
    entry_id: str
    category: str
    action: Action


@dataclass(frozen=True, slots=True)
class PromptVerdict:
    """Outcome of one prompt, and what it matched.

    `reason` is set where it could not be checked in full, with a `detail` in words: then it is
    never clear. A term whose action is to allow is on record, and leaves the prompt clear.
    """

    outcome: PromptOutcome
    matches: tuple[TermMatch, ...] = ()
    reason: Reason | None = None
    detail: str = ""

    @property
    def is_clear(self) -> bool:
        """Say whether the prompt may be passed on."""
        return self.outcome is PromptOutcome.CLEAR

    def as_json(self) -> dict[str, Any]:
        """Return the verdict as the command line and HTTP show it."""
        return {
            "outcome": self.outcome,
            "reason": self.reason,
            **({"detail": self.detail} if self.detail else {}),
            "matches": [
                {
                    "list": one.list_name,
                    "generation": one.generation,
                    "entry_id": one.entry_id,
                    "category": one.category,
                    "action": one.action,
                }
                for one in self.matches
            ],
        }


class PromptScreener(Closing):
    """Screens prompts against all lists of terms; safe to use from many threads.

    On record are the ids of the terms that matched, and a hash of the prompt under `digest_key`. A
    prompt or a term is in no log and no error. Close it at the end.
    """

    def __init__(
        self,
        database: Database,
        policy: Policy,
        *,
        digest_key: bytes,
        max_characters: int,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = database
        self._policy = policy
        self._digest_key = digest_key
        self._max_characters = max_characters
        self._clock = clock
        self._terms = LiveTerms(database)
        self._tally = PromptTally(database)

    def require_lists(self) -> None:
        """Raise `NoActiveListError` or `LicenceExpiredError` where nothing could match at all."""
        failure = _find_list_failure(self._terms.snapshot(), self._clock().date())
        if failure is None:
            return
        if failure.reason is Reason.LICENCE_EXPIRED:
            hint = "Set a new end with 'hashmatch lists licence NAME --end DATE'."
            raise LicenceExpiredError(failure.detail, hint=hint)
        hint = "Create one with 'hashmatch lists add NAME --terms', and import it."
        raise NoActiveListError(failure.detail, hint=hint)

    def check(self, prompt: str, *, prompt_id: str = "", source: str = "python") -> PromptVerdict:
        """Screen a prompt, together with all else that steers a picture, such as a negative one.

        `prompt_id` is the platform's own name for it, and `source` where it came in. Raises
        `InputError` for a name that cannot be stored, and nothing else.
        """
        require_text(prompt_id)
        try:
            verdict = self._check(prompt, prompt_id)
        except HashmatchError as error:
            verdict = _unchecked(Reason.STORE_UNAVAILABLE, error.message)
        except Exception as error:  # noqa: BLE001 (for review, whatever it is, and never clear)
            detail = f"an unexpected error ({type(error).__name__})"
            verdict = _unchecked(Reason.INTERNAL_ERROR, detail)
        reason = "" if verdict.reason is None else verdict.reason.value
        day = self._clock().date()
        self._tally.count((day, source[:_SOURCE_CHARACTERS], verdict.outcome.value, reason))
        return verdict

    def close(self) -> None:
        """Write the last counts, and release everything. Raises `StoreError`."""
        try:
            self._tally.close()
        finally:
            self._terms.close()
            self._database.close()

    def _check(self, prompt: str, prompt_id: str) -> PromptVerdict:
        now = self._clock()
        snapshot = self._terms.snapshot()
        failure = _find_list_failure(snapshot, now.date())
        if len(prompt) > self._max_characters:
            detail = "the prompt is too long; see prompts.max_characters"
            failure = Failure(Reason.TOO_LARGE, detail)
        try:
            # What is too long is searched as far as it goes.
            entries = snapshot.find(prompt[: self._max_characters], now)
        except TooManyCandidatesError as error:
            failure = Failure(Reason.TOO_COMPLEX, "too much of the prompt looks like terms")
            entries = snapshot.entries_at(error.found, now)
        found = [(entry, snapshot.lists[entry.list_key]) for entry in entries]
        usable = [one for one in found if not one[1].licence_has_ended(now.date())]
        matches = [self._match(*one) for one in usable]
        action = strongest((Action.ALLOW, *(one.action for one in matches)))
        outcome = {
            Action.ALLOW: PromptOutcome.CLEAR,
            Action.REVIEW: PromptOutcome.REVIEW,
            Action.BLOCK: PromptOutcome.BLOCK,
        }[action]
        try:
            self._record(prompt, prompt_id, usable, matches)
        except HashmatchError as error:  # Nobody hears of a match that is not on record.
            failure, matches = Failure(Reason.STORE_UNAVAILABLE, error.message), []
        if failure is None:
            return PromptVerdict(outcome, tuple(matches))
        if outcome is PromptOutcome.CLEAR:
            outcome = PromptOutcome.REVIEW
        return PromptVerdict(outcome, tuple(matches), failure.reason, failure.detail)

    def _match(self, entry: TermEntry, owner: ListState) -> TermMatch:
        return TermMatch(
            owner.name,
            owner.generation,
            shown_entry_id(entry.entry_id, entry.key),
            entry.category,
            self._policy.term_action(owner.name, entry.category),
        )

    def _record(
        self,
        prompt: str,
        prompt_id: str,
        found: Sequence[tuple[TermEntry, ListState]],
        matches: Sequence[TermMatch],
    ) -> None:
        digest = hmac.digest(self._digest_key, prompt.encode("utf-8", "surrogatepass"), "sha256")
        rows = [
            NewPromptMatch(
                prompt_id=prompt_id,
                digest=digest,
                list_key=owner.key,
                entry_key=entry.key,
                generation=owner.generation,
                licensor=owner.licensor,
                entry_id=match.entry_id,
                category=match.category,
                action=match.action.value,
            )
            for (entry, owner), match in zip(found, matches, strict=True)
        ]

        def record() -> None:
            with self._database.writing() as session:
                record_prompt_matches(session, rows)

        retried(record)


def _find_list_failure(snapshot: TermSnapshot, today: date) -> Failure | None:
    """Return why no prompt at all can be clear against these lists."""
    active = [one for one in snapshot.lists.values() if one.active_entries]
    if not active:
        return Failure(Reason.NO_ACTIVE_LIST, "no list of terms has any entry")
    if ended := [one for one in active if one.licence_has_ended(today)]:
        names = ", ".join(f"{one.name} ({one.licence_end})" for one in ended)
        return Failure(Reason.LICENCE_EXPIRED, f"the licence has ended: list {names}")
    return None


def _unchecked(reason: Reason, detail: str) -> PromptVerdict:
    return PromptVerdict(PromptOutcome.REVIEW, (), reason, detail)
