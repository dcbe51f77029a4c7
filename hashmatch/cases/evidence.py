"""Evidence of a case: whether new matches under its content id say anything that it did not know.

One picture is often looked up by several hashes before its file is screened, and each is evidence
of its own under the same id. Other bytes under the id may show anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import FILE_HASH, Kind
from hashmatch.match_listener import NewMatches, RecordedMatch
from hashmatch.outcome import Nearness
from hashmatch.store.matches import ContentFacts
from hashmatch.store.opening import EvidenceHashes, EvidenceMatch
from hashmatch.store.schema import Case, ReviewResult

from .states import CaseAction, State


def action_of(
    case: Case,
    recorded: Sequence[NewMatches],
    matches: Sequence[EvidenceMatch],
    hashes: Mapping[int, EvidenceHashes],
) -> CaseAction | None:
    """Return the action of new matches on their case; None where they say nothing new.

    `matches` and `hashes` are those of all evidence of the case, the new one included.
    """
    before = _before(recorded, matches)
    known_contents = {one.content_key for one in before}
    found: CaseAction | None = None
    for one in recorded:
        # Also where its only match was changed, as from near to within the threshold.
        if one.is_known or one.content_key in known_contents:
            found = found or CaseAction.MATCH
        elif not _is_known(case, one, before, hashes):
            return CaseAction.CONTENT
    return found


def needs_hashes(recorded: Sequence[NewMatches], matches: Sequence[EvidenceMatch]) -> bool:
    """Say whether `action_of` has to compare hashes: where evidence is new to its case."""
    before = {one.content_key for one in _before(recorded, matches)}
    return any(not one.is_known and one.content_key not in before for one in recorded)


def _before(
    recorded: Sequence[NewMatches], matches: Sequence[EvidenceMatch]
) -> list[EvidenceMatch]:
    """Return the matches of a case that are not among the new ones."""
    new = {int(one.match.match_id) for content in recorded for one in content.matches}
    return [one for one in matches if one.match_key not in new]


def _is_known(
    case: Case,
    new: NewMatches,
    before: Sequence[EvidenceMatch],
    hashes: Mapping[int, EvidenceHashes],
) -> bool:
    """Say whether new evidence matches what its case knows, and is of the same picture."""
    if any(not _is_known_match(one, before) for one in new.matches):
        return False
    others = [hashes[one] for one in {one.content_key for one in before} if one in hashes]
    is_dismissed = _is_dismissed(case)
    if _shares_hash(new.content, others, is_dismissed=is_dismissed):
        return True
    # Exact hashes of one entry are of one file. What was dismissed is looked at once more.
    exact = {(one.list_name, one.entry_id) for one in before if _is_exact(one.algorithm)}
    return not is_dismissed and all(
        _is_exact(one.match.algorithm) and (one.match.list_name, one.match.entry_id) in exact
        for one in new.matches
    )


def _is_known_match(new: RecordedMatch, before: Iterable[EvidenceMatch]) -> bool:
    """Say whether the entry, which may have many hashes, matched before, and as near."""
    entry = new.match.list_name, new.match.entry_id
    return any(
        (one.list_name, one.entry_id) == entry
        and (one.nearness is Nearness.MATCH or new.match.nearness is Nearness.NEAR)
        for one in before
    )


def _shares_hash(
    new: ContentFacts, others: Sequence[EvidenceHashes], *, is_dismissed: bool
) -> bool:
    """Say whether evidence has a hash of other evidence, which then is of the same picture.

    Files that share another hash than SHA-256 can be made on purpose: it counts where the bytes of
    one of the two were never seen, and of what was dismissed where there are no new ones.
    """
    own = {(one.algorithm.name, one.value) for one in new.hashes}
    own_files = {one for one in own if one[0] == FILE_HASH}
    has_bytes = new.media is not None
    for one in others:
        if own_files & one.hashes:
            return True
        may_share = not has_bytes or not (one.has_bytes or is_dismissed)
        if may_share and own & one.hashes:
            return True
    return False


def _is_dismissed(case: Case) -> bool:
    is_over = case.state in (State.FALSE_POSITIVE, State.CLOSED)
    return is_over and case.result == ReviewResult.FALSE_POSITIVE


def _is_exact(algorithm: str) -> bool:
    found = ALGORITHMS.get(algorithm)
    return found is not None and found.kind is Kind.EXACT
