"""The shapes of requests and answers, as the OpenAPI document tells them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from hashmatch.outcome import Action, Reason
from hashmatch.reports import ReportRow

# Names that the platform gives: nothing that a database cannot hold.
Name = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00]*$")]
Reference = Annotated[str, Field(max_length=4000, pattern=r"^[^\x00]*$")]


class Problem(BaseModel):
    """What went wrong, as RFC 9457 has it, and what to do next. It is no verdict on any image."""

    type: str
    title: str
    status: int
    detail: str
    hint: str | None = None


class MediaFacts(BaseModel):
    """What the file is."""

    format: str
    width: int
    height: int
    frames: int


class HashFacts(BaseModel):
    """One hash of the image; its value only where that was asked for and may be shown."""

    algorithm: str
    version: str
    value: str | None = None
    quality: int | None
    orientation: str
    frame: int
    view: str
    decode: str


class MatchFacts(BaseModel):
    """One entry of one list that the image matched."""

    match_id: str
    list: str
    generation: int
    entry_id: str
    algorithm: str
    distance_bits: int
    threshold_bits: int
    orientation: str
    frame: int
    view: str
    category: str


class SuppressedFacts(BaseModel):
    """A match that an allow list knows to be false."""

    list: str
    entry_id: str
    algorithm: str
    distance_bits: int
    allow_list: str
    allow_entry_id: str


class OutcomeAnswer(BaseModel):
    """What became of one image: clear, matched, or unscreened for a reason."""

    content_id: str
    outcome: Literal["clear", "matched", "unscreened"]
    reason: Reason | None
    detail: str | None = None
    action: Action
    media: MediaFacts | None
    hashes: list[HashFacts]
    matches: list[MatchFacts]
    suppressed: list[SuppressedFacts]
    elapsed_ms: float


class LookupHash(BaseModel):
    """One hash that was computed elsewhere."""

    model_config = ConfigDict(extra="forbid")

    algorithm: Annotated[str, Field(max_length=64)]
    value: Annotated[str, Field(max_length=10_000)]
    quality: Annotated[int, Field(ge=0, le=100)] | None = None
    content_id: Name


class LookupRequest(BaseModel):
    """Hashes to look up, each by itself."""

    model_config = ConfigDict(extra="forbid")

    hashes: Annotated[list[LookupHash], Field(min_length=1, max_length=1000)]


class LookupAnswer(BaseModel):
    """One outcome for each hash, in their order."""

    results: list[OutcomeAnswer]


class MatchesAnswer(BaseModel):
    """Matches, the newest first; `next` is the cursor of what comes after, if anything does."""

    matches: list[ReportRow]
    next: str | None


class SyncFactsAnswer(BaseModel):
    """How a list last followed its source."""

    outcome: str
    ended_at: str
    succeeded_at: str | None
    cause: str


class HeldBack(BaseModel):
    """A delivery that a guard held back, and what it would do."""

    number: int
    reason: str
    added: int
    withdrawn: int
    changed: int


class ListAnswer(BaseModel):
    """One list."""

    list: str
    kind: str
    licensor: str
    licence_end: str | None
    licence_has_ended: bool
    licence_ends_soon: bool
    generation: int
    changed_at: str
    entries: dict[str, int]
    kept: dict[str, int]
    withdrawn_by_operator: int
    sync: SyncFactsAnswer | None
    held_back: HeldBack | None


class ListsAnswer(BaseModel):
    """All lists."""

    lists: list[ListAnswer]


class SyncStarted(BaseModel):
    """A sync has begun; `GET /v1/lists` tells how it went."""

    list: str
    state: Literal["started"]


class Confirmation(BaseModel):
    """Which delivery to let in, by the number that it is held back under."""

    model_config = ConfigDict(extra="forbid")

    number: Annotated[int, Field(ge=1, le=2**31 - 1)]


class Confirmed(BaseModel):
    """What a delivery did that was let in."""

    list: str
    added: int
    withdrawn: int
    changed: int


class Health(BaseModel):
    """Whether images can be screened at this moment, and if not, why."""

    status: Literal["ready", "unready", "alive"]
    reason: Reason | None = None
    detail: str | None = None
