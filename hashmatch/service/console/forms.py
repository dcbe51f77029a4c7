"""Forms of the console: who may send them, from where, and what is in them."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from hashmatch.config import ConsoleSettings
from hashmatch.errors import InputError
from hashmatch.store.schema import require_text
from hashmatch.store.tokens import Scope

from ..runtime.state import ServiceState, state_of
from .people import Person, Sessions, form_token

Choice = TypeVar("Choice", bound=StrEnum)

# A note of 10,000 characters, each of which may take twelve bytes, and many chosen cases.
_MAX_FORM_BYTES = 500_000
_MAX_FIELDS = 2_000
_FARTHEST = timedelta(days=36_500)
_FORM = "application/x-www-form-urlencoded"
TOKEN_FIELD = "form_token"  # noqa: S105 (the name of a field)
# Until somebody has signed in, a form belongs to the browser that asked for it.
BROWSER_COOKIE = "hashmatch-browser"
SESSION_COOKIE = "hashmatch-session"


class SignInNeededError(Exception):
    """A page was asked for by somebody who has no session, or none any more."""


@dataclass(frozen=True, slots=True)
class Fields:
    """Fields of a form that was sent; those that were left out are empty."""

    values: Mapping[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return the text of a field without blanks around it."""
        return self.values.get(name, "").strip()

    def is_set(self, name: str) -> bool:
        """Say whether a box was ticked."""
        return name in self.values

    def number(self, name: str) -> int:
        """Return a whole number. Raises `InputError`."""
        text = self.text(name)
        if not text.isdecimal() or not text.isascii() or len(text) > 9:
            raise InputError(f"{name}: a whole number is needed")
        return int(text)

    def optional_number(self, name: str) -> int | None:
        """Return a whole number, None for none. Raises `InputError`."""
        return self.number(name) if self.text(name) else None

    def choice(self, name: str, kind: type[Choice]) -> Choice:
        """Return the member of an enumeration. Raises `InputError`."""
        try:
            return kind(self.text(name))
        except ValueError:
            raise InputError(f"{name}: there is no such choice") from None

    def last_day(self, name: str) -> date:
        """Return the last day that a field names. Raises `InputError`."""
        try:
            return date.fromisoformat(self.text(name))
        except ValueError:
            raise InputError(f"{name}: write the last day as 2026-01-31") from None

    def moment(self, name: str) -> datetime | None:
        """Return a time in UTC as browsers send it, None for none. Raises `InputError`."""
        if not (text := self.text(name)):
            return None
        try:
            found = datetime.fromisoformat(text).replace(tzinfo=UTC)
        except ValueError:
            raise InputError(f"{name}: write the time as 2026-01-31T12:00") from None
        if abs(found - datetime.now(UTC)) > _FARTHEST:
            raise InputError(f"{name}: the time is more than a hundred years away")
        return found

    def chosen(self, prefix: str) -> list[int]:
        """Return the numbers of the boxes that were ticked, by the beginning of their names."""
        ends = (one.removeprefix(prefix) for one in self.values if one.startswith(prefix))
        return [int(one) for one in ends if one.isdecimal() and one.isascii() and len(one) <= 9]


@dataclass(frozen=True, slots=True)
class Submission:
    """A form that somebody sent, whose session and token were checked."""

    person: Person
    fields: Fields


class RequirePerson:
    """Dependency that accepts people who have one of the scopes; without scopes, everybody."""

    def __init__(self, *scopes: Scope) -> None:
        self.scopes = scopes

    def __call__(self, request: Request) -> Person:
        """Return who asks. Raises `SignInNeededError`, and `HTTPException` with 403."""
        sessions: Sessions = request.app.state.sessions
        secret = request.cookies.get(cookie_name(request, SESSION_COOKIE), "")
        person = sessions.find(secret) if secret else None
        if person is None:
            raise SignInNeededError
        # For the access log.
        request.scope["hashmatch.token"] = f"session {person.session.key}"
        request.scope["hashmatch.person"] = person
        if self.scopes and not person.may(*self.scopes):
            raise HTTPException(HTTPStatus.FORBIDDEN, ", ".join(self.scopes))
        return person


class RequireForm(RequirePerson):
    """Dependency that accepts forms which such people send from a page of the console."""

    async def __call__(self, request: Request) -> Submission:  # type: ignore[override]
        """Return what was sent. Raises what `RequirePerson` raises, and `InputError`."""
        person = await run_in_threadpool(super().__call__, request)
        require_same_origin(request)
        fields = await receive_form(request)
        require_token(fields, person.form_token)
        return Submission(person, fields)


async def receive_browser_form(request: Request) -> Fields:
    """Return a form of somebody who has not signed in. Raises what `RequireForm` raises."""
    require_same_origin(request)
    fields = await receive_form(request)
    browser = request.cookies.get(cookie_name(request, BROWSER_COOKIE), "")
    require_token(fields, form_token(browser) if browser else "")
    return fields


def require_token(fields: Fields, expected: str) -> None:
    """Raise `HTTPException` with 403 unless the form has the token of its page."""
    sent = fields.values.get(TOKEN_FIELD, "")
    if not expected or not hmac.compare_digest(sent.encode(), expected.encode()):
        raise HTTPException(HTTPStatus.FORBIDDEN, "form")


def require_same_origin(request: Request) -> None:
    """Raise `HTTPException` with 403 for a form that another site's page sends."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    # By the host alone: a proxy before the service may speak TLS.
    own = {request.headers.get("host", ""), urlsplit(settings_of(request).url).netloc} - {""}
    if site not in ("same-origin", "none") or (
        # "null" is of a page that hides where it is from.
        origin is not None and urlsplit(origin).netloc not in own
    ):
        raise HTTPException(HTTPStatus.FORBIDDEN, "form")


async def receive_form(request: Request) -> Fields:
    """Return the fields of a form. Raises `InputError`, which does not quote it."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != _FORM:
        raise InputError(f"the body is not a form of the type {_FORM}")
    service: ServiceState = state_of(request)
    data = bytearray()
    with service.buffers.reserve() as take:
        try:
            async with asyncio.timeout(service.settings.service.body_timeout_s):
                async for piece in request.stream():
                    if len(data) + len(piece) > _MAX_FORM_BYTES:
                        raise InputError(f"the form has more than {_MAX_FORM_BYTES} bytes")
                    take(len(piece))
                    data += piece
        except (TimeoutError, ClientDisconnect) as error:
            raise InputError("the form did not arrive completely, or not in time") from error
        try:
            pairs = parse_qsl(
                data.decode("ascii"),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=_MAX_FIELDS,
            )
        except ValueError:
            raise InputError("the form is not percent-encoded UTF-8") from None
    values = dict(pairs)
    if len(values) < len(pairs):
        raise InputError("the form repeats a field")
    require_text(*values, *values.values())
    # Browsers end lines with two characters.
    return Fields({name: text.replace("\r\n", "\n") for name, text in values.items()})


def settings_of(request: Request) -> ConsoleSettings:
    """Return the settings of the console that a request was sent to."""
    return state_of(request).settings.console


def is_secure(request: Request) -> bool:
    """Say whether people reach the console by TLS, here or at what is before it."""
    return request.url.scheme == "https" or settings_of(request).url.startswith("https:")


def cookie_name(request: Request, name: str) -> str:
    """Return the name of a cookie; browsers accept those with the prefix from this host alone."""
    return f"__Host-{name}" if is_secure(request) else name
