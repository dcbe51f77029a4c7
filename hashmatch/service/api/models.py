"""Models of requests and answers, as the OpenAPI document shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hashmatch.outcome import Action, Reason
from hashmatch.reports import ReportRow
from hashmatch.wire import WireOutcome

# Names that the platform gives. No database accepts a zero character in text.
Name = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00]*$")]
Reference = Annotated[str, Field(max_length=4000, pattern=r"^[^\x00]*$")]


_HASHES_AT_ONCE = 1_000
_HASHES_OF_AN_IMAGE = 100


class Problem(BaseModel):
    """Problem document (RFC 9457) with a hint on the next step; never a verdict on an image."""

    type: str
    title: str
    status: int
    detail: str
    hint: str | None = None


class LookupValue(BaseModel):
    """One hash that was computed elsewhere."""

    model_config = ConfigDict(extra="forbid")

    algorithm: Annotated[str, Field(max_length=64)]
    value: Annotated[str, Field(max_length=10_000)]
    quality: Annotated[int, Field(ge=0, le=100)] | None = None


class LookupItem(BaseModel):
    """An image by a hash that was computed elsewhere, or by several: then they are in `hashes`."""

    model_config = ConfigDict(extra="forbid")

    algorithm: Annotated[str, Field(max_length=64)] | None = None
    value: Annotated[str, Field(max_length=10_000)] | None = None
    quality: Annotated[int, Field(ge=0, le=100)] | None = None
    hashes: Annotated[list[LookupValue], Field(min_length=1, max_length=_HASHES_OF_AN_IMAGE)] = []
    content_id: Name

    @model_validator(mode="after")
    def _require_one_form(self) -> Self:
        is_single = self.algorithm is not None and self.value is not None
        is_empty = self.algorithm is None and self.value is None and self.quality is None
        if not (is_single and not self.hashes) and not (is_empty and self.hashes):
            raise ValueError("give either algorithm and value, or hashes")
        return self

    def values(self) -> Sequence[LookupValue]:
        """Return the hashes in either form."""
        if self.algorithm is None or self.value is None:
            return self.hashes
        # Checked already, as the fields of the item itself.
        one = LookupValue.model_construct(
            algorithm=self.algorithm, value=self.value, quality=self.quality
        )
        return [one]


class LookupRequest(BaseModel):
    """Images to look up, each by itself; a thousand hashes at most."""

    model_config = ConfigDict(extra="forbid")

    hashes: Annotated[list[LookupItem], Field(min_length=1, max_length=_HASHES_AT_ONCE)]

    @model_validator(mode="after")
    def _require_few(self) -> Self:
        if sum(len(one.hashes) or 1 for one in self.hashes) > _HASHES_AT_ONCE:
            raise ValueError(f"more than {_HASHES_AT_ONCE} hashes")
        return self


class LookupAnswer(BaseModel):
    """One outcome for each image, in their order."""

    results: list[WireOutcome]


class PromptRequest(BaseModel):
    """A prompt to screen, with the platform's own name for it."""

    model_config = ConfigDict(extra="forbid")

    prompt: Annotated[str, Field(max_length=1_000_000)]
    prompt_id: Annotated[str, Field(max_length=1000, pattern=r"^[^\x00]*$")] = ""


class PromptMatchAnswer(BaseModel):
    """A term of a list that a prompt matched, by its licensor's id."""

    list: str
    generation: int
    entry_id: str
    category: str
    action: Action


class PromptAnswer(BaseModel):
    """Outcome of a prompt; a reason says why it could not be checked in full."""

    outcome: Literal["clear", "review", "block"]
    reason: Reason | None
    detail: str | None = None
    matches: Sequence[PromptMatchAnswer]


class MatchesAnswer(BaseModel):
    """Matches, the newest first; `next` is the cursor of the next page, null on the last."""

    matches: list[ReportRow]
    next: str | None


class SyncFactsAnswer(BaseModel):
    """Last sync of a list."""

    outcome: str
    ended_at: str
    succeeded_at: str | None
    cause: str


class QuarantinedFacts(BaseModel):
    """A quarantined delivery, and the changes that it would make."""

    number: int
    reason: str
    added: int
    withdrawn: int
    changed: int


class FloodingFacts(BaseModel):
    """An entry that matched too many content items in a day, and what a person set for it."""

    entry_id: str
    algorithm: str
    day: str
    contents: int
    since: str
    set_to: str


class AlgorithmForecast(BaseModel):
    """Distances of an algorithm for a list, and the false matches to expect of a million images.

    They are null where the algorithm was not measured, `review_bits` where nothing is near.
    """

    threshold_bits: int
    false_matches_per_million: float | None
    is_extrapolated: bool
    review_bits: int | None
    false_near_per_million: float | None
    is_near_extrapolated: bool


class LimitedFacts(BaseModel):
    """An entry about which look-ups by near-equal hashes reached the limit of a day."""

    entry_id: str
    algorithm: str
    day: str
    lookups: int
    since: str


class ListAnswer(BaseModel):
    """One list.

    `not_matched` counts hashes by algorithm that the policy does not match, `entries_not_matched`
    entries that have no other hash; `forecast` has the algorithms that are matched by distance.
    """

    list: str
    kind: str
    licensor: str
    licence_end: str | None
    licence_has_ended: bool
    licence_ends_soon: bool
    generation: int
    changed_at: str
    entries: dict[str, int]
    not_matched: dict[str, int]
    entries_not_matched: int
    forecast: dict[str, AlgorithmForecast]
    unsupported: dict[str, int]
    degenerate: dict[str, int]
    disabled: int
    sync: SyncFactsAnswer | None
    quarantined: QuarantinedFacts | None
    flooding: Sequence[FloodingFacts]
    limited: Sequence[LimitedFacts]


class ListsAnswer(BaseModel):
    """All lists."""

    lists: list[ListAnswer]


class SharedListAnswer(BaseModel):
    """A list that a consumer may pull."""

    list: str
    tlp: str
    generation: int
    published_at: datetime | None


class SharedListsAnswer(BaseModel):
    """The lists that a consumer may pull; `public_key` verifies the manifests of their feeds."""

    publisher: str
    public_key: str | None
    lists: list[SharedListAnswer]


class BlindedQuestion(BaseModel):
    """Hashes that a partner blinded, each an element of ristretto255 in base64."""

    model_config = ConfigDict(extra="forbid")

    blinded: Annotated[
        list[Annotated[str, Field(max_length=64)]], Field(min_length=1, max_length=1_000)
    ]


class EvaluatedAnswer(BaseModel):
    """The evaluations of a question in its order, each with its proof (RFC 9497), in base64."""

    evaluated: list[str]


class SyncStarted(BaseModel):
    """A started sync; `GET /v1/lists` shows its result."""

    list: str
    state: Literal["started"]


class DeliveryNumber(BaseModel):
    """Number of a quarantined delivery."""

    model_config = ConfigDict(extra="forbid")

    number: Annotated[int, Field(ge=1, le=2**31 - 1)]


class AcceptedDelivery(BaseModel):
    """Changes of a list by an accepted delivery."""

    list: str
    added: int
    withdrawn: int
    changed: int


class RejectedDelivery(BaseModel):
    """A rejected delivery; the list is unchanged."""

    list: str
    number: int


class Health(BaseModel):
    """State of the process; `reason` is that of a readiness failure."""

    status: Literal["ready", "unready", "alive"]
    reason: Reason | None = None
    detail: str | None = None
