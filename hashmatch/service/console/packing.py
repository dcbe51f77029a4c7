"""Route of evidence packs."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.cases import evidence_pack
from hashmatch.store.tokens import Scope

from ..api.cases import CaseId
from ..runtime.state import state_of
from .forms import RequireForm, Submission

router = APIRouter()
Exporting = Annotated[Submission, Depends(RequireForm(Scope.EXPORT, Scope.AUDIT))]


@router.post("/cases/{case}/pack")
async def pack(request: Request, sent: Exporting, case: CaseId) -> Response:
    """Make the evidence pack of a case, which is recorded."""
    service, actor = state_of(request), sent.person.actor
    make = partial(evidence_pack, service.database, service.settings, case, actor)
    data = await service.reports.admit(make)
    name = f"hashmatch-case-{case}.zip"
    return Response(
        data,
        media_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
