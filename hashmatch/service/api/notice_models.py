"""Models of requests and answers about notices."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from hashmatch.notices import Closing, RefusalReason, Work
from hashmatch.store.schema import NoticeState

from .case_models import Moment, Text
from .models import Name

_MAX_ITEMS = 500
Copies = Annotated[int, Field(ge=0, le=10_000_000)]
# A content id or a URL of the notice.
PlaceName = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00]*$")]


class RegisteredAnswer(BaseModel):
    """A notice as its sender learns of it; `missing` are the parts that it lacks."""

    request_id: str
    reference: str | None
    state: NoticeState
    missing: list[str]
    received_at: str
    completed_at: str | None
    due_at: str | None


class NoticeLine(RegisteredAnswer):
    """A notice in the register."""

    is_overdue: bool
    closed_at: str | None
    closed_by: str
    reason: str
    in_time: bool | None
    hours: float | None
    copies_found: int | None
    copies_removed: int | None
    requester_notified_at: str | None


class NoticesAnswer(BaseModel):
    """Notices in the order of the register; `next` is the cursor of the next page."""

    notices: list[NoticeLine]
    next: str | None


class NoticePlaceAnswer(BaseModel):
    """One place of the image, with the case of its content id and what has its hashes."""

    content_id: str | None
    url: str | None
    removed_at: str | None
    entry: str | None
    case: int | None
    contributions: list[int]


class NoticeAnswer(NoticeLine):
    """A notice with its history, without its requester."""

    parts: list[str]
    has_contact_here: bool
    duplicate_of: str | None
    note: str
    places: list[NoticePlaceAnswer]
    history: list[dict[str, Any]]


class NoticeDoneAnswer(BaseModel):
    """A notice after an action."""

    request_id: str
    state: NoticeState


class ContactAnswer(BaseModel):
    """Requester of a notice; null where the platform gave none."""

    request_id: str
    reference: str | None
    requester: dict[str, Any] | None


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ListedPlace(_Body):
    """An entry of an own list that has the hashes of a place of the image."""

    place: PlaceName
    list: Annotated[str, Field(max_length=64)]
    entry: Annotated[int, Field(ge=1, lt=2**63)]


class NoticeWork(_Body):
    """Work that was done about a notice; what is not given stays as it is."""

    removed: Annotated[list[PlaceName], Field(max_length=_MAX_ITEMS)] = []
    removed_at: Moment | None = None
    listed: Annotated[list[ListedPlace], Field(max_length=_MAX_ITEMS)] = []
    copies_found: Copies | None = None
    copies_removed: Copies | None = None
    requester_notified_at: Moment | None = None

    def as_work(self) -> Work:
        """Return the work to record."""
        return Work(
            tuple(self.removed),
            self.removed_at,
            tuple((one.place, one.list, one.entry) for one in self.listed),
            self.copies_found,
            self.copies_removed,
            self.requester_notified_at,
        )


class NoticeClosing(NoticeWork):
    """Outcome of a notice, or that it is opened again."""

    outcome: Literal["removed", "refused", "duplicate", "withdrawn", "reopened"]
    reason: RefusalReason | None = None
    duplicate_of: Name | None = None
    note: Text = ""
    closed_at: Moment | None = None

    def as_closing(self) -> Closing:
        """Return the outcome to record."""
        return Closing(
            NoticeState(self.outcome),
            self.reason,
            self.duplicate_of,
            self.note,
            self.closed_at,
            self.as_work(),
        )
