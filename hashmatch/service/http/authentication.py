"""Authentication: bearer tokens with scopes and rate limits, checked before a body is read.

Callers of HMA's routes that cannot send a token may be permitted by their address.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address, ip_network

from fastapi.openapi.models import HTTPBearer as BearerModel
from fastapi.security.base import SecurityBase
from starlette.exceptions import HTTPException
from starlette.requests import Request

from hashmatch.config import ServiceSettings
from hashmatch.errors import OverloadedError, StoreError, StoreUnreachableError
from hashmatch.store.engine import Database
from hashmatch.store.schema import utc_now
from hashmatch.store.tokens import Scope, Token, find_token, note_token_uses, split_token

# Tokens are cached for this long, and a revoked one is accepted for as long at most.
_CACHE_S = 5.0
_SECONDS_A_MINUTE = 60.0
_THREADS = 4
# A database that hangs must not hang every request.
_STORE_TIMEOUT_S = 5.0
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
# Compared with the secret where no token has that id, so that the answer takes as long.
_NO_TOKEN = Token(
    "", "", secrets.token_bytes(32), frozenset(), 0, _EPOCH, _EPOCH, _EPOCH, None
)  # fmt: skip
# A request with one of these comes through a proxy, whose address says nothing of the caller, or
# from a page in a browser, which anybody may have written.
_NOT_OF_A_CALLER = (
    "forwarded", "x-forwarded-for", "x-real-ip", "via", "origin", "sec-fetch-site",
)  # fmt: skip


class Networks:
    """Networks whose addresses are permitted to call without a token, with some scopes."""

    def __init__(self, networks: Iterable[str], scopes: Iterable[str]) -> None:
        self._networks = tuple(map(ip_network, networks))
        self._scopes = frozenset(map(Scope, scopes))

    def find(self, address: str, headers: Mapping[str, str]) -> Token | None:
        """Return what stands for the token of a caller at an address; None where it needs one.

        The address has to be that of the socket's other end, and the caller's own.
        """
        if not self._networks or any(name in headers for name in _NOT_OF_A_CALLER):
            return None
        try:
            found = ip_address(address)
        except ValueError:  # A socket of the file system has no address.
            return None
        if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        if not any(found in one for one in self._networks):
            return None
        name = f"address {found} without a token"
        return Token("", name, b"", self._scopes, 0, _EPOCH, None, None, None)


@dataclass(slots=True)
class _CachedToken:
    token: Token
    read_at_s: float


@dataclass(slots=True)
class _Allowance:
    """Requests that a token has left: a bucket that refills as time goes by."""

    left_requests: float
    at_s: float


class Authenticator:
    """Checker of tokens: reads them from the store, and caches each for a few seconds.

    While the store is unreachable, cached tokens stay valid; their scans are then unscreened.
    `share` is this process's part of the rate limit of a token.
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
        self._cache: dict[str, _CachedToken] = {}
        self._allowances: dict[str, _Allowance] = {}
        self._uses: dict[str, datetime] = {}
        self._lock = threading.Lock()
        # Of its own: what others do in threads must not keep a scan from its token.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="hashmatch-token")

    async def admit(self, authorization: str | None, *scopes: Scope) -> Token:
        """Return the token of a request that has one of the scopes.

        Raises `HTTPException` with 401 or 403, `OverloadedError` beyond the token's rate limit, and
        `StoreError`.
        """
        token = await self._verified(authorization)
        require_scope(token, *scopes)
        # After the check of the scope: a request that is refused for it does not count.
        self._spend(token)
        # `note_uses` writes them later, so that a request needs no transaction of its own for it.
        with self._lock:
            self._uses[token.token_id] = self._clock()
        return token

    def is_known(self, authorization: str | None, scope: Scope) -> bool:
        """Say whether a valid token with the scope is in the cache; does not read the store."""
        parts = _bearer(authorization or "")
        cached = self._cache.get(parts[0]) if parts else None
        return (
            parts is not None
            and cached is not None
            and self._monotonic() - cached.read_at_s < _CACHE_S
            and cached.token.is_of(parts[1])
            and cached.token.state(self._clock()) == "active"
            and scope in cached.token.scopes
        )

    def note_uses(self) -> None:
        """Record when tokens were last used. Keeps the times for later and raises `StoreError`."""
        with self._lock:
            uses, self._uses = self._uses, {}
        if not uses:
            return
        try:
            with self._database.writing() as session:
                note_token_uses(session, uses)
        except StoreError:
            # Uses noted meanwhile are newer, and win.
            with self._lock:
                self._uses = {**uses, **self._uses}
            raise

    def close(self) -> None:
        """End the threads, but for those that a hanging database holds."""
        self._threads.shutdown(wait=False)

    async def _verified(self, authorization: str | None) -> Token:
        # Without credentials the challenge has no error code (RFC 6750, section 3.1).
        if not authorization:
            raise _unauthorised("a token is required: Authorization: Bearer TOKEN", error="")
        parts = _bearer(authorization)
        if parts is None:
            raise _unauthorised("not a hashmatch token")
        token_id, secret = parts
        token = await self._find(token_id)
        is_right = (token or _NO_TOKEN).is_of(secret)
        if token is None or not is_right:
            raise _unauthorised("invalid token")
        if (state := token.state(self._clock())) != "active":
            raise _unauthorised(f"the token is {state}")
        return token

    async def _find(self, token_id: str) -> Token | None:
        cached = self._cache.get(token_id)
        now_s = self._monotonic()
        if cached is not None and now_s - cached.read_at_s < _CACHE_S:
            return cached.token
        try:
            async with asyncio.timeout(_STORE_TIMEOUT_S):
                loop = asyncio.get_running_loop()
                token = await loop.run_in_executor(self._threads, self._read, token_id)
        except (StoreError, TimeoutError) as error:
            # While the database is away, a known caller still gets an answer, with the reason.
            if cached is not None:
                return cached.token
            if isinstance(error, StoreError):
                raise
            raise StoreUnreachableError("the database does not answer") from error
        if token is None:
            self._cache.pop(token_id, None)
        else:
            self._cache[token_id] = _CachedToken(token, now_s)
        return token

    def _read(self, token_id: str) -> Token | None:
        with self._database.reading() as session:
            return find_token(session, token_id)

    def _spend(self, token: Token) -> None:
        if not token.requests_per_minute:
            return
        # At least one, so that a low limit that many processes share still permits requests.
        capacity = max(1.0, token.requests_per_minute * self._share)
        now_s = self._monotonic()
        own = self._allowances.setdefault(token.token_id, _Allowance(capacity, now_s))
        own.left_requests = min(
            capacity, own.left_requests + (now_s - own.at_s) * capacity / _SECONDS_A_MINUTE
        )
        own.at_s = now_s
        if own.left_requests < 1:
            raise OverloadedError(
                f"the token has reached its rate limit: {token.requests_per_minute} per minute",
                hint="Send fewer requests, or ask for a token with a higher limit.",
            )
        own.left_requests -= 1


class RequireScope(SecurityBase):
    """Dependency that accepts only tokens with one of the scopes, and documents them in OpenAPI."""

    model = BearerModel(description="A token created by 'hashmatch tokens create'.")
    scheme_name = "token"

    def __init__(self, *scopes: Scope) -> None:
        self.scopes = scopes

    async def __call__(self, request: Request) -> Token:
        """Return the token of the request. Raises the errors of `Authenticator.admit`."""
        authenticator: Authenticator = request.app.state.service.authenticator
        token = await authenticator.admit(self._authorization(request), *self.scopes)
        # For the access log.
        request.scope["hashmatch.token"] = token.token_id
        return token

    def _authorization(self, request: Request) -> str | None:
        return request.headers.get("authorization")


class RequireHMAScope(RequireScope):
    """The same for HMA's routes, where callers of some networks need no token."""

    async def __call__(self, request: Request) -> Token:
        """Return the token of the request, or what stands for it; see `Networks.find`."""
        networks: Networks = request.app.state.service.networks
        token = None
        # A token that is sent has to be valid, wherever it comes from.
        if request.client is not None and "authorization" not in request.headers:
            token = networks.find(request.client.host, request.headers)
        if token is None:
            return await super().__call__(request)
        request.scope["hashmatch.token"] = token.name
        require_scope(token, *self.scopes)
        return token


class RequirePull(RequireScope):
    """The same for pulls of shared lists, whose clients send the token as a password (RFC 7617)."""

    def __init__(self) -> None:
        super().__init__(Scope.PULL)

    def _authorization(self, request: Request) -> str | None:
        return _password_as_bearer(super()._authorization(request))


def require_scope(token: Token, *scopes: Scope) -> None:
    """Raise `HTTPException` with 403 unless the token has one of the scopes."""
    if token.scopes.isdisjoint(scopes):
        challenge = f'Bearer error="insufficient_scope", scope="{" ".join(scopes)}"'
        raise HTTPException(
            HTTPStatus.FORBIDDEN,
            f"{'the token' if token.token_id else token.name} does not have the scope"
            f" {' or '.join(scopes)}",
            headers={"WWW-Authenticate": challenge},
        )


def require_export(token: Token) -> None:
    """Raise `HTTPException` with 403 unless the token may see hash values."""
    if Scope.EXPORT not in token.scopes:
        raise HTTPException(HTTPStatus.FORBIDDEN, "hash values need a token with the scope export")


def may_see_distances(token: Token) -> bool:
    """Say whether the token may see exact distances, by which callers could approach a hash."""
    return not token.scopes.isdisjoint((Scope.EXPORT, Scope.AUDIT))


def near_limit(settings: ServiceSettings, token: Token) -> int | None:
    """Return how many near-equal hashes a day are looked up for the token; None for any number."""
    return None if Scope.EXPORT in token.scopes else settings.max_near_lookups or None


def _bearer(authorization: str) -> tuple[str, str] | None:
    """Return the id and secret in an Authorization header, None where it holds no token."""
    # The name of the scheme is case-insensitive (RFC 9110, section 11.1).
    kind, _, text = authorization.partition(" ")
    return split_token(text.strip()) if kind.lower() == "bearer" else None


def _password_as_bearer(authorization: str | None) -> str | None:
    """Return an Authorization header whose token may be the password of any user name."""
    kind, _, text = (authorization or "").partition(" ")
    if kind.lower() != "basic":
        return authorization
    try:
        decoded = base64.b64decode(text.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return authorization
    return f"Bearer {decoded.partition(':')[2]}"


def _unauthorised(detail: str, *, error: str = ' error="invalid_token"') -> HTTPException:
    challenge = {"WWW-Authenticate": f"Bearer{error}"}
    return HTTPException(HTTPStatus.UNAUTHORIZED, detail, headers=challenge)
