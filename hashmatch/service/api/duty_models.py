"""Models of requests and answers about what cases owe and are owed."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from hashmatch.cases import Appellant, Automation, Channel, Ground, Restriction
from hashmatch.store.schema import AppealState, RetentionClass

from .case_models import Moment, Text


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ReferenceBody(_Body):
    """Reference that an authority gave to a report of a case."""

    authority: Annotated[str, Field(min_length=1, max_length=64)]
    reference: Annotated[str, Field(min_length=1, max_length=200)]
    made_at: Moment | None = None


class DeadlineBody(_Body):
    """End of a deadline: it was met, or is waived for the reason in the note."""

    waive: bool = False
    note: Text = ""


class MeasureBody(_Body):
    """Measure that the platform took."""

    restriction: Restriction
    ground: Ground = Ground.ILLEGAL
    automation: Automation = Automation.NONE
    territory: Annotated[str, Field(max_length=1000)] = ""
    imposed_at: Moment | None = None


class LiftBody(_Body):
    """Measure that was lifted, or with none all that are in force, for the reason in the note."""

    measure: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    note: Text


class AppealBody(_Body):
    """Appeal against the decision of a case."""

    channel: Channel = Channel.INTERNAL
    appellant: Appellant = Appellant.UPLOADER
    grounds: Text = ""
    received_at: Moment | None = None


class AnswerBody(_Body):
    """Answer to an appeal, with its reason."""

    answer: AppealState
    note: Text


class RetentionBody(_Body):
    """Retention class of a case, with the reason."""

    retention_class: RetentionClass
    note: Text


class ReasonBody(_Body):
    """Reason of an action."""

    note: Text


class DueLine(BaseModel):
    """Deadline or appeal that is open."""

    kind: str
    case: int
    content_id: str
    number: int
    duty: str
    due_at: str
    basis: str


class DueAnswer(BaseModel):
    """Open deadlines and appeals, each up to the limit, those that are due first, first."""

    deadlines: list[DueLine]
    appeals: list[DueLine]
