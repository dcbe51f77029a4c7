"""Cases: review of matches, from opening to escalation, reports and retention."""

from .actors import Actor
from .contributing import (
    GENERATED,
    Contributed,
    approve_contribution,
    contribute,
    parse_classification,
    reject_contribution,
    withdraw_contribution,
)
from .decisions import (
    ActionDone,
    ActionFailed,
    ActionResult,
    act_on_each,
    add_note,
    assign,
    decide,
    hold,
    plan,
    require_unchanged,
)
from .escalation import case_senders, escalate, preview_escalation, retract, settle
from .exporting import cybertip_documents
from .opening import CaseOpener
from .packing import evidence_pack
from .retention import apply_retention
from .states import DECISIONS, PENDING, ROLES, TRANSITIONS, CaseAction, Role, State, following
from .taking import take_next
from .uploader_details import (
    case_of_match,
    open_details,
    reencrypt_details,
    show_details,
    store_details,
)
from .views import case_row, view_case

__all__ = [
    "DECISIONS",
    "GENERATED",
    "PENDING",
    "ROLES",
    "TRANSITIONS",
    "ActionDone",
    "ActionFailed",
    "ActionResult",
    "Actor",
    "CaseAction",
    "CaseOpener",
    "Contributed",
    "Role",
    "State",
    "act_on_each",
    "add_note",
    "apply_retention",
    "approve_contribution",
    "assign",
    "case_of_match",
    "case_row",
    "case_senders",
    "contribute",
    "cybertip_documents",
    "decide",
    "escalate",
    "evidence_pack",
    "following",
    "hold",
    "open_details",
    "parse_classification",
    "plan",
    "preview_escalation",
    "reencrypt_details",
    "reject_contribution",
    "require_unchanged",
    "retract",
    "settle",
    "show_details",
    "store_details",
    "take_next",
    "view_case",
    "withdraw_contribution",
]
