"""Reports of cases as NCMEC's schema has them, for those who send them by another way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sqlalchemy.orm import Session

from hashmatch.config import CyberTiplineEscalation, Settings
from hashmatch.cybertip import report_document
from hashmatch.details import open_sealer
from hashmatch.errors import InputError
from hashmatch.store.cases import CaseFilter, read_cases

from .escalating import read_incident
from .states import State

_NO_FILE = "this document was exported, not sent"
# Cases that somebody has found to be what they seem.
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

    What platforms told of uploaders is in it with `show_details` alone, hashes of the file with
    `show_hashes`. Raises `InputError` where the configuration has no reporter, `NotFoundError`, and
    `ConfigError`.
    """
    target = _find_target(settings)
    if not show_hashes:
        target = target.model_copy(update={"include_hashes": ()})
    sealer = open_sealer(settings)
    found = replace(wanted, states=_TO_REPORT)
    keys = [case] if case is not None else [one.row.key for one in read_cases(session, found)]
    for key in keys:
        incident = read_incident(session, sealer, key, with_details=show_details)
        yield key, report_document(target, incident, without_file=_NO_FILE)


def _find_target(settings: Settings) -> CyberTiplineEscalation:
    for one in settings.escalations.values():
        if isinstance(one, CyberTiplineEscalation):
            return one
    raise InputError(
        "the configuration does not say who reports",
        hint='sample_config.toml shows [escalations.NAME] with to = "cybertipline".',
    )
