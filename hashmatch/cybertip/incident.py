"""Facts of a case that a report states: on record here, or sent by the platform."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from pydantic import BaseModel

from hashmatch.config import CyberTiplineEscalation
from hashmatch.hashes import View, is_match
from hashmatch.provenance import Declared
from hashmatch.store.schema import Content, ContentHash, MatchRecord
from hashmatch.uploaders import Details

_FILE_ALGORITHMS = ("md5", "sha1", "sha256")
_Part = TypeVar("_Part", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Evidence of a case, bytes or a look-up, with its hashes."""

    content: Content
    hashes: Sequence[ContentHash]


@dataclass(frozen=True, slots=True)
class Incident:
    """Facts to report: one case, with its content, matches, hashes and uploader details.

    Each match comes with the name of its list. `others` is further evidence under the same name
    that is reported with it. `earlier_reports` are the numbers of finished reports of the
    same case, `prior_reports` those about the same account.
    """

    case: int
    content: Content
    matches: Sequence[tuple[MatchRecord, str]]
    hashes: Sequence[ContentHash]
    details: Details
    prior_reports: Sequence[int] = ()
    others: Sequence[Evidence] = ()
    earlier_reports: Sequence[str] = ()

    @property
    def evidence(self) -> Sequence[Evidence]:
        """Return all evidence that is reported, first that whose file it is about."""
        return Evidence(self.content, self.hashes), *self.others

    def about(self, content_key: int) -> Incident:
        """Return the incident with this of its evidence first, or else as it is."""
        chosen = next((one for one in self.evidence if one.content.key == content_key), None)
        if chosen is None:
            return self
        others = [one for one in self.evidence if one is not chosen]
        return replace(self, content=chosen.content, hashes=chosen.hashes, others=others)

    @property
    def within_threshold(self) -> Sequence[tuple[MatchRecord, str]]:
        """Return the matches that are not only near: of the others nothing is known of the file."""
        return [
            (one, name)
            for one, name in self.matches
            if is_match(one.distance_bits, one.threshold_bits)
        ]

    @property
    def matched_at(self) -> datetime:
        """Return the time of the first match that is not only near, or else of the first."""
        return min(record.matched_at for record, _ in self.within_threshold or self.matches)

    def as_of(self, now: datetime) -> Incident:
        """Return the incident without any times in the future, all of which NCMEC refuses."""
        return replace(self, details=_without_future(self.details, now))

    def is_generated(self, settings: CyberTiplineEscalation) -> bool:
        """Say whether the platform, a list or the file itself says that it was generated.

        What the platform says of it counts before what the file declares.
        """
        file = self.details.file
        if file is not None and file.generated is not None:
            return file.generated or self._is_listed_as_generated(settings)
        declared = self.content.declared in (Declared.GENERATED, Declared.PARTLY)
        is_believed = settings.declared_generative_ai and declared
        return is_believed or self._is_listed_as_generated(settings)

    def _is_listed_as_generated(self, settings: CyberTiplineEscalation) -> bool:
        return any(name in settings.generative_ai_lists for _, name in self.within_threshold)

    def reported_hashes(self, settings: CyberTiplineEscalation) -> list[ContentHash]:
        """Return the hashes to report: of the complete file, and of its first frame as uploaded.

        Hashes of other orientations, frames and views are made for matching only.
        """
        return _reported(settings, self.hashes)

    def all_reported_hashes(self, settings: CyberTiplineEscalation) -> list[ContentHash]:
        """Return the hashes to report of all evidence, each once."""
        found = {
            (one.algorithm, one.value): one
            for evidence in self.evidence
            for one in _reported(settings, evidence.hashes)
        }
        return list(found.values())


def _reported(settings: CyberTiplineEscalation, hashes: Sequence[ContentHash]) -> list[ContentHash]:
    return [
        one
        for one in hashes
        if one.algorithm in settings.include_hashes
        and (
            one.algorithm in _FILE_ALGORITHMS or (one.orientation == "original" and one.frame == 0)
        )
        and one.view == View.FULL
    ]


def _without_future(part: _Part, now: datetime) -> _Part:
    changes: dict[str, object] = {}
    for name in type(part).model_fields:
        match getattr(part, name):
            case datetime() as moment if moment >= now:
                changes[name] = None
            case BaseModel() as inner:
                changes[name] = _without_future(inner, now)
            case list() as several:
                changes[name] = [
                    _without_future(one, now) if isinstance(one, BaseModel) else one
                    for one in several
                ]
    return part.model_copy(update=changes)
