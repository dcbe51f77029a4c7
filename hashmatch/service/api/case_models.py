"""Models of requests and answers about cases."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from hashmatch.cases import State
from hashmatch.outcome import Nearness
from hashmatch.store.schema import utc_moment
from hashmatch.uploaders import Details

Text = Annotated[str, Field(max_length=10_000, pattern=r"^[^\x00]*$")]
ActorName = Annotated[str, Field(max_length=1000, pattern=r"^[^\x00]*$")]
Moment = Annotated[datetime, AfterValidator(utc_moment)]
Priority = Annotated[int, Field(ge=0, le=9)]
Revision = Annotated[int, Field(ge=1, le=2**31 - 1)]
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
    legal_hold: str
    reopened: int
    revision: int


class CasesAnswer(BaseModel):
    """Cases in the order of the queue; `next` is the cursor of the next page, null on the last."""

    cases: list[CaseLine]
    next: str | None


class CaseMatch(BaseModel):
    """A match of a case."""

    match_id: str
    evidence: int
    nearness: Nearness
    matched_at: str
    list: str
    generation: int
    entry_id: str
    entries: int
    category: str
    action: str
    algorithm: str
    distance_bits: int
    threshold_bits: int
    frame: int
    orientation: str
    view: str


class CaseEvidence(BaseModel):
    """Evidence of a case: bytes that were screened, or a look-up, which has no format."""

    evidence: int
    reference: str
    format: str
    width: int | None
    height: int | None
    frames: int | None


class CaseNoteAnswer(BaseModel):
    """A note on a case."""

    at: str
    by: str
    text: str


class CaseReport(BaseModel):
    """A report to NCMEC and its stage."""

    to: str
    base: str
    is_test: bool
    stage: str
    report_id: str
    without_file: str
    finished_at: str | None


class CaseMessage(BaseModel):
    """A message about a case that was not delivered yet; a dead one needs a person."""

    message: int
    to: str
    state: str
    attempts: int
    next_attempt_at: str | None
    problem: str


class CaseReferenceAnswer(BaseModel):
    """A reference that an authority gave to a report of a case."""

    authority: str
    reference: str
    made_at: str


class CaseDeadlineAnswer(BaseModel):
    """Something that is owed of a case by a time; `outcome` is open, met or waived."""

    deadline: int
    duty: str
    basis: str
    due_at: str
    outcome: str
    ended_at: str | None


class CaseMeasureAnswer(BaseModel):
    """A measure that the platform took."""

    measure: int
    restriction: str
    ground: str
    automation: str
    territory: str
    imposed_at: str
    notified_at: str | None
    lifted_at: str | None
    by: str


class CaseAppealAnswer(BaseModel):
    """An appeal against the decision of a case."""

    appeal: int
    channel: str
    appellant: str
    received_at: str
    due_at: str
    grounds: str
    state: str
    decided_at: str | None
    by: str


class CaseRetentionAnswer(BaseModel):
    """Retention class of a case, null for the configured one."""

    retention_class: str | None
    keep_until: str | None


class CasePreservationAnswer(BaseModel):
    """Last call to the vault of the platform, and whether it accepted that."""

    state: str
    reason: str
    until: str | None
    accepted: bool


class CaseAnswer(CaseLine):
    """A case with its history; `details` only where the request asked for them.

    `merged` are cases of the same content id that were merged into it, `merged_into` is the one
    that it was merged into itself.
    """

    evidence: list[CaseEvidence]
    matches: list[CaseMatch]
    merged_into: int | None
    merged: list[int]
    has_details: bool
    notes: list[CaseNoteAnswer]
    reports: list[CaseReport]
    messages: list[CaseMessage]
    means: list[str]
    references: list[CaseReferenceAnswer]
    deadlines: list[CaseDeadlineAnswer]
    measures: list[CaseMeasureAnswer]
    appeals: list[CaseAppealAnswer]
    retention: CaseRetentionAnswer
    preservation: CasePreservationAnswer | None
    history: list[dict[str, Any]]
    details: dict[str, Any] | None = None


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CaseChange(_Body):
    """Changes of a case. With a `revision` they are refused unless the case is still at it."""

    decision: Decision | None = None
    note: Text = ""
    assignee: ActorName | None = None
    due_at: Moment | None = None
    priority: Priority | None = None
    legal_hold: Text | None = None
    revision: Revision | None = None


class Escalation(_Body):
    """Escalation of a case to a target of the configuration."""

    to: Annotated[str, Field(max_length=64)]
    note: Text = ""
    revision: Revision | None = None
    again: bool = False


class BulkAction(_Body):
    """One action on many cases: an escalation, or the changes of `CaseChange`."""

    cases: Annotated[list[CaseKey], Field(min_length=1, max_length=100)]
    escalate_to: Annotated[str, Field(max_length=64)] | None = None
    decision: Decision | None = None
    note: Text = ""
    assignee: ActorName | None = None
    due_at: Moment | None = None
    priority: Priority | None = None
    legal_hold: Text | None = None
    again: bool = False

    @model_validator(mode="after")
    def _is_one_action(self) -> Self:
        others = (self.decision, self.assignee, self.due_at, self.priority, self.legal_hold)
        if self.escalate_to is not None and any(one is not None for one in others):
            raise ValueError("escalate_to can be combined only with note and again")
        return self

    def as_change(self) -> CaseChange:
        """Return the changes to make to each case."""
        return CaseChange(
            decision=self.decision,
            note=self.note,
            assignee=self.assignee,
            due_at=self.due_at,
            legal_hold=self.legal_hold,
            priority=self.priority,
        )


class DoneAnswer(BaseModel):
    """Result of an action on a case; `problem` is null unless the action failed."""

    case: int
    state: State | None
    needs_second_approval: bool
    problem: str | None


class BulkAnswer(BaseModel):
    """Results of an action on many cases, one for each."""

    results: list[DoneAnswer]


class DetailsBody(Details):
    """Uploader details; all of them are optional."""
