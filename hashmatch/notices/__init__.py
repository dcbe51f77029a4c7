"""Notices: requests to remove intimate images, with their clock, their work and their outcome."""

from .clock import due_after, hours_taken, is_in_time, is_overdue
from .contacts import reencrypt_contacts, show_contact
from .exporting import NoticeRow, notice_rows
from .figures import (
    DEFINITIONS,
    NoticeFigures,
    figures_document,
    notice_figures_before,
    read_notice_figures,
)
from .register import Registered, register_notice, supplement_notice
from .request import (
    PARTS,
    NoticeParts,
    NoticeRequest,
    NoticeSupplement,
    Place,
    Requester,
    missing_parts,
    parse_request,
    parts_of,
)
from .states import (
    OUTCOMES,
    ROLES,
    TRANSITIONS,
    NoticeAction,
    RefusalReason,
    following,
    require_role,
)
from .views import notice_row, view_notice
from .working import Closing, NoticeDone, Work, close_notice, record_work, reopen_notice

__all__ = [
    "DEFINITIONS",
    "OUTCOMES",
    "PARTS",
    "ROLES",
    "TRANSITIONS",
    "Closing",
    "NoticeAction",
    "NoticeDone",
    "NoticeFigures",
    "NoticeParts",
    "NoticeRequest",
    "NoticeRow",
    "NoticeSupplement",
    "Place",
    "RefusalReason",
    "Registered",
    "Requester",
    "Work",
    "close_notice",
    "due_after",
    "figures_document",
    "following",
    "hours_taken",
    "is_in_time",
    "is_overdue",
    "missing_parts",
    "notice_figures_before",
    "notice_row",
    "notice_rows",
    "parse_request",
    "parts_of",
    "read_notice_figures",
    "record_work",
    "reencrypt_contacts",
    "register_notice",
    "reopen_notice",
    "require_role",
    "show_contact",
    "supplement_notice",
    "view_notice",
]
