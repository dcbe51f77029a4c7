"""Routes of signing in and out, by token and at an identity provider, and of preferences."""

from __future__ import annotations

import secrets
from datetime import datetime
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Query
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hashmatch.errors import ForbiddenError, HashmatchError
from hashmatch.store.tokens import Scope

from ..http.authentication import Authenticator
from ..runtime.state import state_of
from .forms import (
    BROWSER_COOKIE,
    SESSION_COOKIE,
    RequireForm,
    RequirePerson,
    Submission,
    cookie_name,
    is_secure,
    receive_browser_form,
    settings_of,
)
from .oidc import Attempt, IdentityProvider
from .pages import (
    HEADERS,
    KEYS_COOKIE,
    LANGUAGE_COOKIE,
    PARTS,
    PREFIX,
    THEME_COOKIE,
    THEMES,
    go,
    page,
    texts_of,
)
from .people import Person, Sessions, form_token
from .texts import LANGUAGES, N_

router = APIRouter()
# Tokens of programs have nothing to do here.
SCOPES = tuple(one for one in Scope if one not in (Scope.SCAN, Scope.METRICS))
_ATTEMPT_COOKIE = "hashmatch-attempt"
_ATTEMPT_S = 600
_A_YEAR_S = 31_536_000
_HOME = f"{PREFIX}/"
_MAX_TO = 4_000
To = Annotated[str, Query(max_length=_MAX_TO)]
AnyPerson = Annotated[Person, Depends(RequirePerson())]
AnyForm = Annotated[Submission, Depends(RequireForm())]


@router.get("/")
def home(person: AnyPerson) -> Response:
    """Lead to the first part of the console that the person may open."""
    return go(next(part.path for part in PARTS if person.may(*part.scopes)))


@router.get("/sign-in")
def sign_in(request: Request, to: To = "") -> Response:
    """Show the form to sign in with a token, and the way to the identity provider."""
    return _form(request, to)


def _form(request: Request, to: str, problem: str = "") -> Response:
    browser = request.cookies.get(cookie_name(request, BROWSER_COOKIE)) or secrets.token_urlsafe(32)
    settings = settings_of(request)
    facts = {
        "form_token": form_token(browser),
        "to": _permitted(to),
        "problem": problem,
        "with_token": settings.token_sign_in,
        "with_provider": settings.oidc is not None,
    }
    status = HTTPStatus.FORBIDDEN if problem else HTTPStatus.OK
    answer = page(request, "sign_in", facts, status=status)
    set_cookie(request, answer, BROWSER_COOKIE, browser, same_site="strict")
    return answer


@router.post("/sign-in")
async def sign_in_by_token(request: Request) -> Response:
    """Begin a session for the owner of a token."""
    fields = await receive_browser_form(request)
    to = fields.text("to")
    if not settings_of(request).token_sign_in:
        raise HTTPException(HTTPStatus.FORBIDDEN, "tokens")
    authenticator: Authenticator = state_of(request).authenticator
    try:
        token = await authenticator.admit(f"Bearer {fields.text('token')}", *SCOPES)
    except HTTPException as error:
        texts = texts_of(request)
        if error.status_code == HTTPStatus.FORBIDDEN:
            problem = N_("This token is for programs: it has no scope that opens the console.")
        else:
            problem = N_("This token is not valid. Tokens begin with hm_ and can expire.")
        return _form(request, to, texts.gettext(problem))
    return await _begin(request, to, token.name, token.scopes, token_id=token.token_id,
                        ends_at=token.expires_at)  # fmt: skip


@router.get("/sign-in/oidc")
async def sign_in_at_provider(request: Request, to: To = "") -> Response:
    """Send a browser to the identity provider."""
    attempt = Attempt.begin(_permitted(to))
    answer = await _provider(request).authorise(attempt)
    set_cookie(request, answer, _ATTEMPT_COOKIE, attempt.cookie, max_age_s=_ATTEMPT_S)
    return answer


@router.get("/sign-in/oidc/back")
async def sign_in_from_provider(request: Request) -> Response:
    """Begin a session for somebody whom the identity provider sends back."""
    attempt = Attempt.parse(request.cookies.get(cookie_name(request, _ATTEMPT_COOKIE), ""))
    try:
        if attempt is None:
            raise ForbiddenError("this sign-in was not begun here, or too long ago")
        found = await _provider(request).finish(attempt, request.query_params)
    except HashmatchError as error:
        answer = _form(request, "" if attempt is None else attempt.to, error.message)
    else:
        answer = await _begin(request, attempt.to, found.name, found.scopes, subject=found.subject)
    # Each attempt counts once, however it ended.
    forget_cookie(request, answer, _ATTEMPT_COOKIE)
    return answer


def _provider(request: Request) -> IdentityProvider:
    provider: IdentityProvider | None = request.app.state.provider
    if provider is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, HTTPStatus.NOT_FOUND.phrase)
    return provider


async def _begin(
    request: Request,
    to: str,
    name: str,
    scopes: frozenset[Scope],
    *,
    token_id: str = "",
    subject: str = "",
    ends_at: datetime | None = None,
) -> Response:
    """Begin a session under a new secret, in place of one that the browser may have."""
    sessions: Sessions = request.app.state.sessions
    earlier = request.cookies.get(cookie_name(request, SESSION_COOKIE), "")

    def begin() -> str:
        if earlier and (person := sessions.find(earlier)) is not None:
            sessions.end(person)
        return sessions.begin(
            name, scopes & set(SCOPES), token_id=token_id, subject=subject, ends_at=ends_at
        )

    secret = await run_in_threadpool(begin)
    answer = RedirectResponse(_permitted(to), HTTPStatus.SEE_OTHER, HEADERS)
    set_cookie(request, answer, SESSION_COOKIE, secret)
    return answer


@router.post("/sign-out")
def sign_out(request: Request, sent: AnyForm) -> Response:
    """End the session, or all sessions of the person."""
    sessions: Sessions = request.app.state.sessions
    if sent.fields.is_set("everywhere"):
        sessions.end_all(sent.person, sent.person.name)
    else:
        sessions.end(sent.person)
    answer = go("/sign-in", done="signed-out")
    forget_cookie(request, answer, SESSION_COOKIE)
    # Pages that the browser kept, too.
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer


@router.get("/preferences")
def preferences(request: Request, _: AnyPerson) -> Response:
    """Show the language, the colours and whether keys act."""
    return page(request, "preferences", {})


@router.post("/preferences")
def set_preferences(request: Request, sent: AnyForm) -> Response:
    """Keep preferences in the browser, for a year."""
    answer = go("/preferences", done="saved")
    language, theme = sent.fields.text("language"), sent.fields.text("theme")
    chosen = (
        (LANGUAGE_COOKIE, language if language in LANGUAGES else ""),
        (THEME_COOKIE, theme if theme in THEMES else ""),
        (KEYS_COOKIE, "on" if sent.fields.is_set("keys") else "off"),
    )
    for name, value in chosen:
        if value:
            answer.set_cookie(
                name,
                value,
                max_age=_A_YEAR_S,
                path=PREFIX,
                secure=is_secure(request),
                httponly=True,
                samesite="lax",
            )
    return answer


def set_cookie(
    request: Request,
    answer: Response,
    name: str,
    value: str,
    *,
    max_age_s: int | None = None,
    same_site: str = "lax",
) -> None:
    """Set a cookie that no script reads and that ends with the browser, or after some time.

    Not strict by default: a page that mail or the identity provider leads to would have none.
    """
    answer.set_cookie(
        cookie_name(request, name),
        value,
        max_age=max_age_s,
        path="/",
        secure=is_secure(request),
        httponly=True,
        samesite="strict" if same_site == "strict" else "lax",
    )


def forget_cookie(request: Request, answer: Response, name: str) -> None:
    """Have the browser forget a cookie."""
    answer.delete_cookie(
        cookie_name(request, name), path="/", secure=is_secure(request), httponly=True
    )


def _permitted(to: str) -> str:
    """Return where to go after signing in: a page of the console, whatever was asked for."""
    parts = urlsplit(to)
    is_own = not parts.scheme and not parts.netloc and parts.path.startswith(f"{PREFIX}/")
    if not is_own or "\\" in to or ".." in parts.path or not to.isprintable() or len(to) > _MAX_TO:
        return _HOME
    return to
