"""Who calls, and what they may: bearer tokens with scopes, checked before anything is read."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from fastapi.openapi.models import HTTPBearer as BearerModel
from fastapi.security.base import SecurityBase
from starlette.exceptions import HTTPException
from starlette.requests import Request

from hashmatch.errors import OverloadedError, StoreError, StoreUnreachableError
from hashmatch.store.engine import Database
from hashmatch.store.schema import utc_now
from hashmatch.store.tokens import Scope, Token, find_token, note_token_uses, split_token

# A token that was revoked or expired is let in for so long at most.
_SECONDS_REMEMBERED = 5.0
_SECONDS_A_MINUTE = 60.0
_STORE_TIMEOUT_S = 5.0
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")

# What is compared where there is no token of that id, so that the answer takes as long.
_NOBODY = Token(
    "", "", secrets.token_bytes(32), frozenset(), 0, _EPOCH, _EPOCH, _EPOCH, None
)  # fmt: skip


@dataclass(slots=True)
class _Known:
    token: Token
    read_at_s: float


@dataclass(slots=True)
class _Allowance:
    """What is left of a token's requests: a bucket that fills up again as time goes by."""

    left: float
    at_s: float


class Authenticator:
    """Checks tokens against the store, which is asked every few seconds for each of them.

    While the store is away, those that it knew before are still let in, and get what can be had
    without it: no verdict. `share` is this process's part of what a token may ask for.
    """

    def __init__(
        self,
        database: Database,
        *,
        share: float = 1.0,
        clock: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._share = share
        self._clock = clock
        self._monotonic = monotonic
        self._known: dict[str, _Known] = {}
        self._allowances: dict[str, _Allowance] = {}
        self._uses: dict[str, datetime] = {}
        self._lock = threading.Lock()

    async def admit(self, authorization: str | None, *scopes: Scope) -> Token:
        """Return the token of a request that has one of the scopes.

        Raises `HTTPException` with 401 or 403, `OverloadedError` where it asks too often, and
        `StoreError`.
        """
        token = await self._verified(authorization)
        if token.scopes.isdisjoint(scopes):
            challenge = f'Bearer error="insufficient_scope", scope="{" ".join(scopes)}"'
            raise HTTPException(
                HTTPStatus.FORBIDDEN,
                f"the token has not the scope {' or '.join(scopes)}",
                headers={"WWW-Authenticate": challenge},
            )
        self._spend(token)
        with self._lock:
            self._uses[token.token_id] = self._clock()
        return token

    def is_known(self, authorization: str | None, scope: Scope) -> bool:
        """Say whether a token is good for the scope as far as it is remembered; asks nobody."""
        parts = _bearer(authorization or "")
        known = self._known.get(parts[0]) if parts else None
        return (
            parts is not None
            and known is not None
            and self._monotonic() - known.read_at_s < _SECONDS_REMEMBERED
            and known.token.is_of(parts[1])
            and known.token.state(self._clock()) == "active"
            and scope in known.token.scopes
        )

    def note_uses(self) -> None:
        """Write down when tokens were used last. Raises `StoreError`; then nothing is lost."""
        with self._lock:
            uses, self._uses = self._uses, {}
        if not uses:
            return
        try:
            with self._database.writing() as session:
                note_token_uses(session, uses)
        except StoreError:
            with self._lock:
                self._uses = {**uses, **self._uses}
            raise

    async def _verified(self, authorization: str | None) -> Token:
        if not authorization:
            raise _unauthorised("a token is needed: Authorization: Bearer TOKEN", error="")
        parts = _bearer(authorization)
        if parts is None:
            raise _unauthorised("this is not a token of hashmatch")
        token_id, secret = parts
        token = await self._find(token_id)
        is_right = (token or _NOBODY).is_of(secret)
        if token is None or not is_right:
            raise _unauthorised("there is no such token")
        if (state := token.state(self._clock())) != "active":
            raise _unauthorised(f"the token is {state}")
        return token

    async def _find(self, token_id: str) -> Token | None:
        known = self._known.get(token_id)
        now_s = self._monotonic()
        if known is not None and now_s - known.read_at_s < _SECONDS_REMEMBERED:
            return known.token
        try:
            async with asyncio.timeout(_STORE_TIMEOUT_S):
                token = await asyncio.to_thread(self._read, token_id)
        except (StoreError, TimeoutError) as error:
            if known is not None:
                return known.token
            if isinstance(error, StoreError):
                raise
            raise StoreUnreachableError("the database does not answer") from error
        if token is None:
            self._known.pop(token_id, None)
        else:
            self._known[token_id] = _Known(token, now_s)
        return token

    def _read(self, token_id: str) -> Token | None:
        with self._database.reading() as session:
            return find_token(session, token_id)

    def _spend(self, token: Token) -> None:
        if not token.requests_per_minute:
            return
        most = max(1.0, token.requests_per_minute * self._share)
        now_s = self._monotonic()
        own = self._allowances.setdefault(token.token_id, _Allowance(most, now_s))
        own.left = min(most, own.left + (now_s - own.at_s) * most / _SECONDS_A_MINUTE)
        own.at_s = now_s
        if own.left < 1:
            raise OverloadedError(
                f"the token may ask {token.requests_per_minute} times a minute, and has done so",
                hint="Ask less often, or have a token made that may ask more.",
            )
        own.left -= 1


class RequireScope(SecurityBase):
    """Lets only requests in whose token has one of the scopes; the OpenAPI document tells so."""

    model = BearerModel(description="A token made by 'hashmatch tokens create'.")
    scheme_name = "token"

    def __init__(self, *scopes: Scope) -> None:
        self.scopes = scopes

    async def __call__(self, request: Request) -> Token:
        """Return the token of the request."""
        authenticator: Authenticator = request.app.state.running.authenticator
        token = await authenticator.admit(request.headers.get("authorization"), *self.scopes)
        request.scope["hashmatch.token"] = token.token_id
        return token


def require_export(token: Token) -> None:
    """Raise `HTTPException` with 403 unless the token may see hash values."""
    if Scope.EXPORT not in token.scopes:
        raise HTTPException(HTTPStatus.FORBIDDEN, "hash values need a token with the scope export")


def _bearer(authorization: str) -> tuple[str, str] | None:
    """Return the id and secret that a header gives; None where it gives no token."""
    kind, _, text = authorization.partition(" ")
    return split_token(text.strip()) if kind.lower() == "bearer" else None


def _unauthorised(detail: str, *, error: str = ' error="invalid_token"') -> HTTPException:
    challenge = {"WWW-Authenticate": f"Bearer{error}"}
    return HTTPException(HTTPStatus.UNAUTHORIZED, detail, headers=challenge)
