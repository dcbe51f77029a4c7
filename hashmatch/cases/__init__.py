"""Cases: what people do about matches, from the first look to the authority that has to know."""

from .acting import Done, add_note, assign, decide, hold, on_each, plan, require_unchanged
from .details import case_of_match, give_details, open_details, seal_anew, show_details
from .escalating import (
    case_senders,
    escalate,
    read_incident,
    retract,
    settle,
)
from .exporting import cybertip_documents
from .opening import take_in
from .people import SYSTEM, Person
from .retention import apply_retention
from .states import DECISIONS, PENDING, ROLES, TRANSITIONS, CaseAction, Role, State, following
from .views import case_facts, case_row, view_case

__all__ = [
    "DECISIONS",
    "PENDING",
    "ROLES",
    "SYSTEM",
    "TRANSITIONS",
    "CaseAction",
    "Done",
    "Person",
    "Role",
    "State",
    "add_note",
    "apply_retention",
    "assign",
    "case_facts",
    "case_of_match",
    "case_row",
    "case_senders",
    "cybertip_documents",
    "decide",
    "escalate",
    "following",
    "give_details",
    "hold",
    "on_each",
    "open_details",
    "plan",
    "read_incident",
    "require_unchanged",
    "retract",
    "seal_anew",
    "settle",
    "show_details",
    "take_in",
    "view_case",
]
