"""Facts of a case that a report states: on record here, or sent by the platform."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from pydantic import BaseModel

from hashmatch.config import CyberTiplineEscalation
from hashmatch.hashes import View, is_match
from hashmatch.store.schema import Content, ContentHash, MatchRecord
from hashmatch.uploaders import Details

_FILE_ALGORITHMS = ("md5", "sha1", "sha256")
_Part = TypeVar("_Part", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Incident:
    """Facts to report: one case, with its content, matches, hashes and uploader details.

    Each match comes with the name of its list. `prior_reports` are the numbers of finished reports
    about the same account.
    """

    case: int
    content: Content
    matches: Sequence[tuple[MatchRecord, str]]
    hashes: Sequence[ContentHash]
    details: Details
    prior_reports: Sequence[int] = ()

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
        """Say whether the platform or a list says that the file was generated."""
        file = self.details.file
        if file is not None and file.generated is True:
            return True
        return any(name in settings.generative_ai_lists for _, name in self.within_threshold)

    def reported_hashes(self, settings: CyberTiplineEscalation) -> list[ContentHash]:
        """Return the hashes to report: of the complete file, and of its first frame as uploaded.

        Hashes of other orientations, frames and views are made for matching only.
        """
        return [
            one
            for one in self.hashes
            if one.algorithm in settings.include_hashes
            and (
                one.algorithm in _FILE_ALGORITHMS
                or (one.orientation == "original" and one.frame == 0)
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
