"""Cases: review of matches, from opening to escalation, reports and retention."""

from .actors import Actor
from .appeals import (
    ANSWERS,
    Appellant,
    Channel,
    answer_appeal,
    open_appeal,
    receive_appeal,
)
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
from .duties import (
    Automation,
    Ground,
    Restriction,
    end_deadline,
    impose,
    lift,
    notify_uploader,
    refer,
)
from .escalation import case_senders, escalate, preview_escalation, retract, settle
from .exporting import cybertip_documents
from .opening import CaseOpener
from .packing import evidence_pack
from .preserving import destroy, queue_preservations, retain
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
from .views import case_row, due_facts, view_case

__all__ = [
    "ANSWERS",
    "DECISIONS",
    "GENERATED",
    "PENDING",
    "ROLES",
    "TRANSITIONS",
    "ActionDone",
    "ActionFailed",
    "ActionResult",
    "Actor",
    "Appellant",
    "Automation",
    "CaseAction",
    "CaseOpener",
    "Channel",
    "Contributed",
    "Ground",
    "Restriction",
    "Role",
    "State",
    "act_on_each",
    "add_note",
    "answer_appeal",
    "apply_retention",
    "approve_contribution",
    "assign",
    "case_of_match",
    "case_row",
    "case_senders",
    "contribute",
    "cybertip_documents",
    "decide",
    "destroy",
    "due_facts",
    "end_deadline",
    "escalate",
    "evidence_pack",
    "following",
    "hold",
    "impose",
    "lift",
    "notify_uploader",
    "open_appeal",
    "open_details",
    "parse_classification",
    "plan",
    "preview_escalation",
    "queue_preservations",
    "receive_appeal",
    "reencrypt_details",
    "refer",
    "reject_contribution",
    "require_unchanged",
    "retain",
    "retract",
    "settle",
    "show_details",
    "store_details",
    "take_next",
    "view_case",
    "withdraw_contribution",
]
