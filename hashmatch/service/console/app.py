"""ASGI app of the console: its pages, its files, and its answers to what failed."""

from __future__ import annotations

import threading
from functools import partial
from http import HTTPStatus
from typing import cast
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope as ASGIScope

from hashmatch.errors import HashmatchError
from hashmatch.reports import make_due_reports

from ..http.problems import status_of
from ..runtime.background import PeriodicTask
from ..runtime.state import ServiceState
from . import (
    cases,
    contributing,
    curating,
    duties,
    feedback,
    handing_over,
    health,
    lists,
    notices,
    overseeing,
    packing,
    queue,
    reporting,
    sharing,
    signing_in,
    viewing,
)
from .forms import SignInNeededError
from .oidc import IdentityProvider
from .pages import HEADERS, PREFIX, load_templates, page, url
from .people import Sessions

# In the order of the menu.
PARTS = (
    signing_in,
    queue,
    cases,
    duties,
    notices,
    handing_over,
    viewing,
    packing,
    lists,
    curating,
    sharing,
    contributing,
    feedback,
    reporting,
    overseeing,
    health,
)
_USES_S, _REPORTS_S = 30.0, 60.0
_A_YEAR = "public, max-age=31536000, immutable"


class Console:
    """The console of a running service; close it at the end."""

    def __init__(self, app: FastAPI, service: ServiceState) -> None:
        sessions = Sessions(service.database, service.settings.console)
        app.state.service, app.state.sessions = service, sessions
        settings = service.settings.console
        oidc = settings.oidc
        app.state.provider = None if oidc is None else IdentityProvider(settings, oidc)
        threading.Thread(target=load_templates, name="hashmatch-templates", daemon=True).start()
        make = partial(make_due_reports, service.database, settings.platform)
        self._tasks = (
            PeriodicTask("session-uses", _USES_S, sessions.note_uses),
            PeriodicTask("scheduled-reports", _REPORTS_S, make),
        )

    def close(self) -> None:
        """End its background tasks."""
        for one in self._tasks:
            one.close()


def create_console() -> FastAPI:
    """Return the pages as an ASGI app, which is mounted at `/console`; `Console` opens it."""
    app = FastAPI(title="hashmatch console", openapi_url=None, docs_url=None, redoc_url=None)
    for part in PARTS:
        app.include_router(part.router)
    app.mount("/static", _Files(packages=[("hashmatch.service.console", "static")]))
    app.add_exception_handler(SignInNeededError, _ask_to_sign_in)
    app.add_exception_handler(HashmatchError, _show_error)
    app.add_exception_handler(RequestValidationError, _show_invalid)
    app.add_exception_handler(HTTPException, _show_refusal)
    app.add_exception_handler(Exception, _show_defect)
    return app


class _Files(StaticFiles):
    """Files of the pages, whose addresses change with their contents."""

    def file_response(self, *args: object, **options: object) -> Response:
        response: Response = super().file_response(*args, **options)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = _A_YEAR
        return response

    async def get_response(self, path: str, scope: ASGIScope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(HEADERS)
        return response


async def _ask_to_sign_in(request: Request, _: Exception) -> Response:
    # Only pages can be returned to: a form is sent again by the person.
    path = request.url.path if request.method == "GET" else f"{PREFIX}/"
    back = f"{path}?{request.url.query}" if request.url.query and request.method == "GET" else path
    place = url("/sign-in") + f"?to={quote(back, safe='')}"
    if "hx-request" in request.headers:  # The whole page has to go there, not a part of it.
        return Response(status_code=HTTPStatus.OK, headers={"HX-Redirect": place})
    return RedirectResponse(place, HTTPStatus.SEE_OTHER, HEADERS)


async def _show_error(request: Request, error: Exception) -> Response:
    error = cast("HashmatchError", error)
    return _error_page(request, status_of(error), error.message, error.hint)


async def _show_invalid(request: Request, error: Exception) -> Response:
    # Place and message only: the error also holds the input.
    first = cast("RequestValidationError", error).errors()[0]
    place = ".".join(str(part) for part in first["loc"][1:])
    return _error_page(request, HTTPStatus.BAD_REQUEST, f"{place}: {first['msg']}")


async def _show_refusal(request: Request, error: Exception) -> Response:
    error = cast("HTTPException", error)
    return _error_page(request, HTTPStatus(error.status_code), str(error.detail))


async def _show_defect(request: Request, _: Exception) -> Response:
    # What it was is in the log.
    message = "this is a defect of hashmatch, please report it"
    return _error_page(request, HTTPStatus.INTERNAL_SERVER_ERROR, message)


def _error_page(request: Request, status: HTTPStatus, message: str, hint: str = "") -> Response:
    facts = {"status": status.value, "message": message, "hint": hint}
    return page(request, "error", facts, status=status)
