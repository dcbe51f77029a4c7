"""Contributions: the hashes of a confirmed case go into an own list, which others may pull.

Where the list's section of `[sharing.lists]` asks for two people, one proposes and another agrees.
A case that turns out to be a false positive takes its hashes back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from hashmatch.config import Settings, SharedListSettings
from hashmatch.errors import CaseStateError, ForbiddenError, InputError
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash, Kind, Orientation, View
from hashmatch.lists import add_entry_of
from hashmatch.store.cases import (
    find_merged_into,
    lock_case,
    read_case_contents,
    read_case_matches,
)
from hashmatch.store.engine import audit
from hashmatch.store.lists import OWN, find_list, find_numbered_entry, withdraw_entry
from hashmatch.store.matches import read_content_hashes
from hashmatch.store.schema import Case, ContentHash, ContributionState, ReviewResult, require_text
from hashmatch.store.sharing import (
    ContributionFacts,
    EntryContribution,
    add_contribution,
    decide_contribution,
    find_contribution,
    read_contributions,
)

from .actors import Actor
from .states import CaseAction, State, following, require_role

GENERATED = ("generated", "partly", "captured", "unknown")
# A country or territory by ISO 3166-1, as "GB".
_COUNTRY = re.compile(r"[A-Z]{2}")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_MAX_CODE, _MAX_TEXT = 64, 2_000
_MANY = 1_000
# Below this quality PDQ matches nothing, as its reference says.
_LEAST_QUALITY = 50


@dataclass(frozen=True, slots=True)
class Contributed:
    """A contribution after an action: its number, and its entry unless it waits for a second."""

    number: int
    list_name: str
    entry: int | None

    @property
    def needs_second_person(self) -> bool:
        """Say whether somebody else has to agree."""
        return self.entry is None


def parse_classification(texts: Sequence[str]) -> Mapping[str, str]:
    """Return codes by scheme of texts such as "icse=baseline". Raises `InputError`."""
    found = {}
    for text in texts:
        scheme, separator, code = text.partition("=")
        if not separator or not _NAME.fullmatch(scheme) or not 0 < len(code) <= _MAX_CODE:
            raise InputError(
                f"{text[:100]!r} is no classification", hint="Write SCHEME=CODE, as icse=baseline."
            )
        found[scheme] = code
    return found


def contribute(
    session: Session,
    settings: Settings,
    case: int,
    list_name: str,
    actor: Actor,
    facts: ContributionFacts,
    *,
    evidence: int | None = None,
) -> Contributed:
    """Add the hashes of a confirmed case to an own list, or propose to, and record on what basis.

    `evidence` is the number of the evidence whose hashes they are, which a case with several needs.
    Raises `NotFoundError`, `UnknownListError`, `ForbiddenError`, `CaseStateError` and `InputError`.
    """
    row = _begin(session, case, actor)
    _check(facts)
    own = find_list(session, list_name)
    if own.kind != OWN:
        raise InputError(
            f"list {list_name} is not an own list", hint="Others are changed by their licensors."
        )
    content_key = _choose(session, row, evidence)
    # Found out now, and not by the second person.
    _hashes(session, row, content_key)
    _require_new(session, case, list_name, content_key)
    number = add_contribution(
        session, own, case=case, content_key=content_key, facts=facts, actor=actor.name
    )
    if _section(settings, list_name).two_people:
        return Contributed(number, list_name, None)
    return _add(session, find_contribution(session, number), row, actor)


def approve_contribution(session: Session, number: int, actor: Actor) -> Contributed:
    """Agree to a contribution that somebody else proposed. Raises what `contribute` raises."""
    found = _proposed(session, number)
    row = _begin(session, found.case, actor)
    if actor.is_same(found.proposed_by):
        raise ForbiddenError(
            f"contribution {number}: somebody other than {found.proposed_by} has to agree"
        )
    return _add(session, found, row, actor)


def reject_contribution(session: Session, number: int, actor: Actor) -> None:
    """Reject a contribution that was proposed, be it one's own."""
    require_role(CaseAction.CONTRIBUTE, actor.roles)
    _proposed(session, number)
    decide_contribution(session, number, ContributionState.REJECTED, actor.name)


def withdraw_contribution(session: Session, number: int, actor: Actor) -> None:
    """Withdraw the entry of a contribution, from those who pulled it, too."""
    require_role(CaseAction.CONTRIBUTE, actor.roles)
    found = find_contribution(session, number)
    if found.state is not ContributionState.ADDED:
        raise CaseStateError(f"contribution {number} is {found.state}")
    _withdraw(session, found, actor)


def take_back_contributions(session: Session, case: int, actor: Actor) -> None:
    """Withdraw what a case contributed, which is a false positive, and reject what it proposes."""
    for found in read_contributions(session, case=case, limit=_MANY):
        if found.state is ContributionState.ADDED:
            _withdraw(session, found, actor)
        elif found.state is ContributionState.PROPOSED:
            decide_contribution(session, found.number, ContributionState.REJECTED, actor.name)


def _begin(session: Session, case: int, actor: Actor) -> Case:
    require_role(CaseAction.CONTRIBUTE, actor.roles)
    row = lock_case(session, case)
    following(State(row.state), CaseAction.CONTRIBUTE)
    if (into := find_merged_into(session, row)) is not None:
        raise CaseStateError(f"case {case} was merged into case {into}: contribute that one")
    if row.result != ReviewResult.CONFIRMED:
        raise CaseStateError(f"case {case} was not confirmed")
    return row


def _add(session: Session, found: EntryContribution, row: Case, actor: Actor) -> Contributed:
    facts = found.facts
    tags = ("ai-generated",) if facts.generated in ("generated", "partly") else ()
    entry = add_entry_of(
        session,
        found.list_name,
        _hashes(session, row, found.content_key),
        note=facts.note,
        category=facts.category,
        tags=tags,
    )
    decide_contribution(session, found.number, ContributionState.ADDED, actor.name, entry=entry)
    about = {"list": found.list_name, "entry": entry, "contribution": found.number}
    audit(session, "case.contribute", row, {"actor": actor.name, **about})
    return Contributed(found.number, found.list_name, entry)


def _withdraw(session: Session, found: EntryContribution, actor: Actor) -> None:
    # With its list all entries of it went.
    row = find_list(session, found.list_name, removed_too=True)
    if found.entry is not None and row.removed_at is None:
        withdraw_entry(session, row, found.entry)
    decide_contribution(session, found.number, ContributionState.WITHDRAWN, actor.name)


def _proposed(session: Session, number: int) -> EntryContribution:
    found = find_contribution(session, number)
    if found.state is not ContributionState.PROPOSED:
        raise CaseStateError(f"contribution {number} is {found.state} already")
    return found


def _choose(session: Session, case: Case, evidence: int | None) -> int:
    keys = [one.key for one in read_case_contents(session, case)]
    if evidence is None and len(keys) == 1:
        return keys[0]
    if evidence not in keys:
        numbers = ", ".join(map(str, keys))
        raise InputError(
            f"case {case.key} has the evidence {numbers}", hint="Choose one with --evidence."
        )
    return evidence


def _require_new(session: Session, case: int, list_name: str, content_key: int) -> None:
    for one in read_contributions(session, case=case, limit=_MANY):
        is_same = (one.list_name, one.content_key) == (list_name, content_key)
        if is_same and (one.state is ContributionState.PROPOSED or _stands(session, one)):
            raise CaseStateError(f"contribution {one.number} is of the same evidence")


def _stands(session: Session, one: EntryContribution) -> bool:
    """Say whether the entry of a contribution is there: it may have been withdrawn by itself."""
    if one.state is not ContributionState.ADDED or one.entry is None:
        return False
    row = find_list(session, one.list_name, removed_too=True)
    return row.removed_at is None and find_numbered_entry(session, row, one.entry) is not None


def _hashes(session: Session, case: Case, content_key: int) -> list[Hash]:
    """Return the hashes of the file, and those of the picture that it shows.

    Of several frames the one that matched by its picture: others, such as a title, would match
    wherever else they are shown. Where none did, the hashes of the file alone.
    """
    stored = read_content_hashes(session, content_key)
    frames = {one.frame for one in stored}
    matched = [
        one.frame
        for one, _ in read_case_matches(session, case)
        if one.content_key == content_key and _is_perceptual(one.algorithm)
    ]
    frame = matched[0] if matched else 0 if frames <= {0} else None
    chosen: dict[str, Hash] = {}
    for one in stored:
        algorithm = ALGORITHMS.get(one.algorithm)
        is_shown = one.view == View.FULL and one.orientation == Orientation.ORIGINAL
        if algorithm is None or one.algorithm in chosen or not is_shown:
            continue
        if algorithm.kind is not Kind.PERCEPTUAL or _is_good(one, frame):
            chosen[one.algorithm] = Hash(algorithm, one.value, one.quality)
    if not chosen:
        raise InputError(
            f"the evidence {content_key} has no hash that could be listed",
            hint="Hashes of the file are recorded where it was scanned, not only looked up.",
        )
    return [chosen[name] for name in sorted(chosen)]


def _is_perceptual(algorithm: str) -> bool:
    return algorithm in ALGORITHMS and ALGORITHMS[algorithm].kind is Kind.PERCEPTUAL


def _is_good(one: ContentHash, frame: int | None) -> bool:
    return one.frame == frame and (one.quality is None or one.quality >= _LEAST_QUALITY)


def _check(facts: ContributionFacts) -> None:
    texts = (facts.category, facts.jurisdiction, facts.basis, facts.note)
    require_text(*texts, *facts.classification.values())
    if any(len(one) > _MAX_TEXT for one in texts):
        raise InputError(f"a text of the contribution has more than {_MAX_TEXT} characters")
    if not facts.basis.strip():
        raise InputError(
            "a contribution needs its basis", hint="Say on what its classification rests."
        )
    if facts.jurisdiction and not _COUNTRY.fullmatch(facts.jurisdiction):
        raise InputError("the jurisdiction is a country of two letters, as GB (ISO 3166-1)")
    if facts.generated not in GENERATED:
        raise InputError(f"generated is one of {', '.join(GENERATED)}")


def _section(settings: Settings, list_name: str) -> SharedListSettings:
    return settings.sharing.lists.get(list_name, SharedListSettings())
