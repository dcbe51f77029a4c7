"""Export of reports as NCMEC's XML, for platforms that submit them by other means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sqlalchemy.orm import Session

from hashmatch.config import CyberTiplineEscalation, Settings
from hashmatch.cybertip import report_document
from hashmatch.errors import InputError
from hashmatch.store.cases import CaseFilter
from hashmatch.store.queue import read_cases_by_opening
from hashmatch.uploaders import open_sealer

from .escalation import read_incident
from .states import State

_NO_FILE = "this document was exported, not sent"
# States of cases that were confirmed.
_TO_REPORT = (State.CONFIRMED, State.ESCALATED, State.REPORTED)


def cybertip_documents(
    session: Session,
    settings: Settings,
    wanted: CaseFilter,
    *,
    case: int | None = None,
    show_details: bool = False,
    show_hashes: bool = False,
) -> Iterator[tuple[int, bytes]]:
    """Yield (case, report) for one case, or for those of a filter that were confirmed.

    Uploader details are included with `show_details`, hashes of the file with `show_hashes`. Raises
    `InputError` where the configuration has no reporter, `NotFoundError`, and `ConfigError`.
    """
    target = _find_target(settings)
    if not show_hashes:
        target = target.model_copy(update={"include_hashes": ()})
    sealer = open_sealer(settings)
    found = replace(wanted, states=_TO_REPORT)
    keys = (
        [case]
        if case is not None
        else [one.row.key for one in read_cases_by_opening(session, found)]
    )
    for key in keys:
        incident = read_incident(session, sealer, key, with_details=show_details)
        yield key, report_document(target, incident, without_file=_NO_FILE)


def _find_target(settings: Settings) -> CyberTiplineEscalation:
    for one in settings.escalations.values():
        if isinstance(one, CyberTiplineEscalation):
            return one
    raise InputError(
        "the configuration names no reporter",
        hint="'hashmatch config sample' shows [escalations.NAME] with to = 'cybertipline'.",
    )
