"""The shapes of requests and answers about cases."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from hashmatch.cases import State
from hashmatch.details import Details
from hashmatch.store.schema import utc_moment

Text = Annotated[str, Field(max_length=10_000, pattern=r"^[^\x00]*$")]
Person = Annotated[str, Field(max_length=1000, pattern=r"^[^\x00]*$")]
Moment = Annotated[datetime, AfterValidator(utc_moment)]
Priority = Annotated[int, Field(ge=0, le=9)]
Change = Annotated[int, Field(ge=1, le=2**31 - 1)]
Decision = Literal["review", "confirm", "dismiss", "reported", "close", "reopen"]
CaseKey = Annotated[int, Field(ge=1, le=2**31 - 1)]


class CaseLine(BaseModel):
    """A case in the queue."""

    case: int
    content_id: str
    reference: str
    state: State
    priority: int
    due_at: str
    assignee: str
    opened_at: str
    decided_at: str | None
    proposal: str
    proposed_by: str
    hold: str
    reopened: int
    change: int


class CasesAnswer(BaseModel):
    """Cases in the order of the queue; `next` is the cursor of what comes after."""

    cases: list[CaseLine]
    next: str | None


class CaseMatch(BaseModel):
    """A match of a case."""

    match_id: str
    matched_at: str
    list: str
    generation: int
    entry_id: str
    category: str
    action: str
    algorithm: str
    distance_bits: int
    threshold_bits: int


class CaseNoteAnswer(BaseModel):
    """What somebody said."""

    at: str
    by: str
    text: str


class CaseReport(BaseModel):
    """A report to NCMEC, and how far it got."""

    to: str
    base: str
    is_test: bool
    stage: str
    report_id: str
    without_file: str
    finished_at: str | None


class CaseAnswer(CaseLine):
    """A case with all that was done to it; `details` only where they were asked for."""

    matches: list[CaseMatch]
    has_details: bool
    notes: list[CaseNoteAnswer]
    reports: list[CaseReport]
    history: list[dict[str, Any]]
    details: dict[str, Any] | None = None


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CaseChange(_Body):
    """What to do to a case. `change` is that of the case as it was seen, to refuse if it moved."""

    decision: Decision | None = None
    note: Text = ""
    assignee: Person | None = None
    due_at: Moment | None = None
    priority: Priority | None = None
    hold: Text | None = None
    change: Change | None = None


class Escalation(_Body):
    """Where to hand a case over to."""

    to: Annotated[str, Field(max_length=64)]
    note: Text = ""
    change: Change | None = None
    again: bool = False


class BulkAction(_Body):
    """What to do to many cases: escalate them, or what `CaseChange` says."""

    cases: Annotated[list[CaseKey], Field(min_length=1, max_length=100)]
    escalate_to: Annotated[str, Field(max_length=64)] | None = None
    decision: Decision | None = None
    note: Text = ""
    assignee: Person | None = None
    due_at: Moment | None = None
    priority: Priority | None = None
    hold: Text | None = None
    again: bool = False

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        others = (self.decision, self.assignee, self.due_at, self.priority, self.hold)
        if self.escalate_to is not None and any(one is not None for one in others):
            raise ValueError("escalate_to goes with note and again alone")
        return self

    def as_change(self) -> CaseChange:
        """Return what to do to each."""
        return CaseChange(
            decision=self.decision,
            note=self.note,
            assignee=self.assignee,
            due_at=self.due_at,
            hold=self.hold,
            priority=self.priority,
        )


class DoneAnswer(BaseModel):
    """What came of an action."""

    case: int
    state: State | None
    waits_for_another: bool
    problem: str | None


class BulkAnswer(BaseModel):
    """What came of each."""

    results: list[DoneAnswer]


class DetailsBody(Details):
    """What the platform tells of an upload; all of it is optional."""
