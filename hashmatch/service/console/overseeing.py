"""Routes of oversight: audit log, retention, tokens and sessions, and the health of the service."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.audit import export_chain, public_key_of
from hashmatch.cases import apply_retention
from hashmatch.errors import InputError, StoreError
from hashmatch.reports import record_export
from hashmatch.store.engine import LOOKED_THROUGH, audit, browse_records, read_unsealed
from hashmatch.store.schema import utc_now
from hashmatch.store.sessions import read_sessions
from hashmatch.store.tokens import ROLE_SCOPES, Scope, create_token, read_tokens, revoke_token

from ..api.long_answers import LongAnswer
from ..runtime.state import ServiceState, state_of
from .forms import RequireForm, RequirePerson, Submission
from .pages import go, page
from .people import Person, Sessions

router = APIRouter()
Overseer = Annotated[Person, Depends(RequirePerson(Scope.ADMIN, Scope.AUDIT))]
Overseeing = Annotated[Submission, Depends(RequireForm(Scope.ADMIN, Scope.AUDIT))]
Administering = Annotated[Submission, Depends(RequireForm(Scope.ADMIN))]
_RECORDS, _SESSIONS = 100, 50
# A verification or an application of retention that takes longer goes on, but nobody waits.
_COMMAND_S = 600.0
_MAX_DAYS = 36_500


@router.get("/audit")
def audit_log(
    request: Request,
    _: Overseer,
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    what: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Show sealed records of the audit log, the newest first, or those that contain a text."""
    with state_of(request).reading() as session:
        records = browse_records(session, before=before, text=what.strip(), limit=_RECORDS)
        newest = browse_records(session, before=before, limit=1)
        unsealed = read_unsealed(session)
    following = records[-1].number if len(records) == _RECORDS else None
    if what.strip() and following is None and newest:
        # The next ones are looked through when somebody asks for them.
        end = newest[0].number + 1 - LOOKED_THROUGH
        following = end if end > 1 else None
    facts = {
        "records": records,
        "what": what.strip(),
        "following": following,
        "unsealed": unsealed.records,
        "verified": None,
    }
    return page(request, "audit", facts)


@router.post("/audit/verify")
async def verify(request: Request, _: Overseeing) -> Response:
    """Verify the whole audit log, in a process of its own."""
    out = await run_command(state_of(request), "audit", "verify", "--json", accepts=(0, 2))
    nothing: dict[str, object] = {"records": [], "following": None, "unsealed": 0, "what": ""}
    return page(request, "audit", {**nothing, "verified": json.loads(out)})


@router.post("/audit/export")
async def export_audit(request: Request, sent: Overseeing) -> Response:
    """Send the audit log with its signatures, which is recorded."""
    service, actor = state_of(request), sent.person.audit_name
    with ExitStack() as place:
        place.enter_context(service.reports.admitted())
        await service.reports.run(partial(record_export, service.database, actor, {"of": "audit"}))
        session = place.enter_context(service.database.reading())
        lines = export_chain(session, public_key_of(service.settings))
        return await LongAnswer.begin(
            service.reports,
            lines,
            place,
            media_type="application/x-ndjson",
            headers={"Content-Disposition": 'attachment; filename="audit.jsonl"'},
        )


@router.get("/retention")
async def retention(request: Request, person: Overseer) -> Response:
    """Show how long data stays, and how much would be removed now."""
    service = state_of(request)
    removed = await service.reports.admit(
        partial(apply_retention, service.database, service.settings, dry_run=True)
    )
    facts = {
        "removed": removed,
        "settings": service.settings.retention.model_dump(),
        "may_apply": person.may(Scope.ADMIN),
        "applied": None,
    }
    return page(request, "retention", facts)


@router.post("/retention")
async def apply(request: Request, sent: Administering) -> Response:
    """Remove what is older than it may be, in a process of its own."""
    service = state_of(request)

    def record() -> None:
        with service.database.writing(sent.person.audit_name) as session:
            audit(session, "retention.asked_for", None, {"by": sent.person.name})

    await asyncio.to_thread(record)
    out = await run_command(service, "retention", "apply", "--json")
    facts = {
        "removed": {},
        "settings": service.settings.retention.model_dump(),
        "may_apply": False,
        "applied": json.loads(out)["removed"],
    }
    return page(request, "retention", facts)


@router.get("/people")
def people(request: Request, person: Overseer) -> Response:
    """Show tokens and sessions."""
    return _people(request, person)


def _people(request: Request, person: Person, created: str = "") -> Response:
    now = utc_now()
    with state_of(request).reading() as session:
        tokens = [(one, one.state(now)) for one in reversed(read_tokens(session))]
        sessions = read_sessions(session, limit=_SESSIONS)
    facts = {
        "tokens": tokens,
        "sessions": sessions,
        "created": created,
        "ROLES": ROLE_SCOPES,
        "SCOPES": [one.value for one in Scope],
        "may_change": person.may(Scope.ADMIN),
    }
    return page(request, "people", facts)


@router.post("/people")
def create(request: Request, sent: Administering) -> Response:
    """Create a token and show it, this once."""
    fields, person = sent.fields, sent.person
    role = fields.text("role")
    scopes = {one for one in Scope if fields.is_set(f"scope-{one}")}
    if role:
        if role not in ROLE_SCOPES:
            raise InputError("role: there is no such choice")
        scopes |= ROLE_SCOPES[role]
    days = fields.optional_number("days")
    if days is not None and not 1 <= days <= _MAX_DAYS:
        raise InputError(f"days: from 1 to {_MAX_DAYS}")
    with state_of(request).database.writing(person.audit_name) as session:
        token = create_token(
            session,
            fields.text("name"),
            scopes,
            expires_at=None if days is None else utc_now() + timedelta(days=days),
        )
    return _people(request, person, created=token)


@router.post("/people/revoke")
def revoke(request: Request, sent: Administering) -> Response:
    """Revoke a token, with which its sessions end."""
    with state_of(request).database.writing(sent.person.audit_name) as session:
        revoke_token(session, sent.fields.text("token"))
    return go("/people", done="revoked")


@router.post("/people/sign-out")
def sign_out(request: Request, sent: Administering) -> Response:
    """End all sessions of somebody."""
    sessions: Sessions = request.app.state.sessions
    sessions.end_all(sent.person, sent.fields.text("name"))
    return go("/people", done="ended")


async def run_command(service: ServiceState, *words: str, accepts: tuple[int, ...] = (0,)) -> str:
    """Return what a command of hashmatch writes, in a process of its own.

    The service shares its interpreter with the screening, which must not wait. Raises
    `OverloadedError` where too many run, and `StoreError` where it fails or takes too long.
    """
    environment = dict(os.environ)
    if service.settings.source is not None:
        environment["HASHMATCH_CONFIG"] = str(service.settings.source.absolute())
    environment["HASHMATCH_DATA_DIR"] = str(service.settings.data_dir)
    environment["HASHMATCH_DATABASE_URL"] = service.settings.database_url
    with service.reports.admitted():
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "hashmatch",
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
        )
        try:
            async with asyncio.timeout(_COMMAND_S):
                out, err = await process.communicate()
        except TimeoutError as error:
            raise StoreError(
                f"'hashmatch {' '.join(words)}' takes longer than a page can wait",
                hint="It goes on; run it by hand to see its result.",
            ) from error
    if process.returncode not in accepts:
        last = err.decode(errors="replace").strip().splitlines()[-1:] or ["no reason"]
        raise StoreError(f"'hashmatch {' '.join(words)}' failed: {last[0][:500]}")
    return out.decode()
