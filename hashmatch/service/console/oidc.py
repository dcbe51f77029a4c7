"""OpenID Connect: sign-in at an identity provider by authorisation code with PKCE.

What belongs to an attempt is derived from one secret in a cookie of the browser that began it, so
that nothing is stored for people who have not signed in. Sources: OpenID Connect Core 1.0 and
Discovery 1.0, RFC 7636, RFC 9207, RFC 9700.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from importlib.util import find_spec
from typing import Any, cast
from urllib.parse import quote, quote_plus, unquote, urlsplit

from starlette.responses import RedirectResponse, Response

from hashmatch.config import ConsoleSettings, OIDCSettings, read_secret
from hashmatch.errors import ConfigError, ForbiddenError, IdentityProviderError, OutboxError
from hashmatch.outbound import Answer, send_request
from hashmatch.store.tokens import ROLE_SCOPES, Scope

from .pages import HEADERS, PREFIX

_BACK = f"{PREFIX}/sign-in/oidc/back"
# Keys and addresses are read again after this time, and keys at once where one is unknown.
_METADATA_S, _SECONDS_BETWEEN_KEYS = 3_600.0, 30.0
_MAX_ATTEMPT_S = 600
_LEEWAY_S = 60
# Asymmetric only: with the others the client's secret would sign, or nothing at all.
_ALGORITHMS = [
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "EdDSA",
    "Ed25519",
]
_KEY_TYPES = ("RSA", "EC", "OKP")
_SECRET_BYTES = 32
_PRIVATE_HINT = "Name its host in console.oidc.private_hosts if it is in your own network."


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to sign in, known to the browser that began it; `to` is where it goes after."""

    secret: str
    began_s: int
    to: str

    @classmethod
    def begin(cls, to: str) -> Attempt:
        """Begin an attempt."""
        return cls(secrets.token_urlsafe(_SECRET_BYTES), int(time.time()), to)

    @classmethod
    def parse(cls, cookie: str) -> Attempt | None:
        """Return the attempt of a cookie; None where there is none, or it is too old."""
        secret, _, rest = cookie.partition(".")
        began, _, to = rest.partition(".")
        if len(secret) < _SECRET_BYTES or not began.isdecimal() or not began.isascii():
            return None
        found = cls(secret, int(began), unquote(to))
        is_late = not 0 <= time.time() - found.began_s + _LEEWAY_S <= _MAX_ATTEMPT_S + _LEEWAY_S
        return None if is_late else found

    @property
    def cookie(self) -> str:
        """Return the attempt as the value of a cookie."""
        return f"{self.secret}.{self.began_s}.{quote(self.to, safe='')}"

    @property
    def state(self) -> str:
        """Return what the provider gives back, by which the answer belongs to this browser."""
        return self._derived("state")

    @property
    def nonce(self) -> str:
        """Return what the ID token has to contain."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """Return the code verifier of PKCE."""
        return self._derived("verifier")

    def _derived(self, purpose: str) -> str:
        return hmac.new(self.secret.encode(), purpose.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody whom the provider knows, with what their roles permit."""

    name: str
    subject: str
    scopes: frozenset[Scope]


def require_usable(settings: ConsoleSettings) -> None:
    """Raise `ConfigError` where people could not sign in at the provider of the settings."""
    if settings.oidc is None:
        return
    if not settings.url:
        raise ConfigError(
            "console.url: console.oidc needs it, the address that the provider sends people back to"
        )
    if find_spec("authlib") is None:
        raise ConfigError(
            "console.oidc needs the extra 'oidc'", hint="pip install 'hashmatch[oidc]'"
        )
    if settings.oidc.client_secret is not None:
        read_secret(settings.oidc.client_secret)


class IdentityProvider:
    """The identity provider of the configuration; its addresses and keys are read when needed."""

    def __init__(self, settings: ConsoleSettings, oidc: OIDCSettings) -> None:
        self._oidc = oidc
        self._redirect_uri = f"{settings.url}{_BACK}"
        self._metadata: dict[str, Any] = {}
        self._read_at_s = self._reread_at_s = float("-inf")
        self._keys: dict[str, Any] = {"keys": []}

    async def authorise(self, attempt: Attempt) -> Response:
        """Return the answer that sends a browser to the provider.

        Raises `IdentityProviderError`.
        """
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        await self._read_metadata()
        place = prepare_grant_uri(
            self._metadata["authorization_endpoint"],
            self._oidc.client_id,
            "code",
            redirect_uri=self._redirect_uri,
            scope=list(self._oidc.scopes),
            state=attempt.state,
            nonce=attempt.nonce,
            code_challenge=create_s256_code_challenge(attempt.verifier),  # type: ignore[no-untyped-call]
            code_challenge_method="S256",
        )
        return RedirectResponse(place, HTTPStatus.SEE_OTHER, HEADERS)

    async def finish(self, attempt: Attempt, answer: Mapping[str, str]) -> Identity:
        """Return who came back from the provider.

        Raises `ForbiddenError` for an answer that is not of this attempt, or somebody without a
        role, `IdentityProviderError` where the provider fails, and `ConfigError`.
        """
        if not hmac.compare_digest(answer.get("state", ""), attempt.state):
            raise ForbiddenError("this sign-in was not begun in this browser")
        await self._read_metadata()
        # Another provider's answer must not be taken for this one's (RFC 9207).
        is_promised = self._metadata.get("authorization_response_iss_parameter_supported") is True
        if answer.get("iss", "" if is_promised else self._oidc.issuer) != self._oidc.issuer:
            raise ForbiddenError("the answer is of another identity provider")
        if "error" in answer:
            raise ForbiddenError(f"the identity provider refused: {_word(answer['error'])}")
        tokens = await self._exchange(attempt, answer.get("code", ""))
        if str(tokens.get("token_type", "")).lower() != "bearer":
            raise ForbiddenError("the identity provider's tokens are of an unknown type")
        claims = await self._verified(tokens, attempt)
        if self._oidc.name_claim not in claims or self._oidc.roles_claim not in claims:
            claims = {**await self._user_info(tokens, claims), **claims}
        return self._identity(claims)

    async def _exchange(self, attempt: Attempt, code: str) -> dict[str, Any]:
        """Return the tokens for a code."""
        from authlib.oauth2.auth import ClientAuth
        from authlib.oauth2.rfc6749.parameters import prepare_token_request

        methods = self._metadata.get("token_endpoint_auth_methods_supported")
        secret, method = "", "none"
        if self._oidc.client_secret is not None:
            secret = read_secret(self._oidc.client_secret)
            is_basic = methods is None or "client_secret_basic" in methods
            method = "client_secret_basic" if is_basic else "client_secret_post"
        names = (self._oidc.client_id, secret)
        if method == "client_secret_basic":  # Encoded first (RFC 6749, section 2.3.1).
            names = (quote_plus(names[0]), quote_plus(names[1]))
        client = ClientAuth(*names, method)
        place, headers, body = client.prepare(  # type: ignore[no-untyped-call]
            "POST",
            self._metadata["token_endpoint"],
            {"Content-Type": "application/x-www-form-urlencoded"},
            prepare_token_request(
                "authorization_code",
                redirect_uri=self._redirect_uri,
                code=code,
                code_verifier=attempt.verifier,
            ),
        )
        return await self._ask("POST", place, body.encode(), headers)

    async def _verified(self, tokens: Mapping[str, Any], attempt: Attempt) -> dict[str, Any]:
        """Return the claims of an ID token that is of this client, attempt and time."""
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        id_token = str(tokens.get("id_token", ""))
        for is_last in (False, True):
            try:
                keys = KeySet.import_key_set(cast("Any", self._keys))
                token = jwt.decode(id_token, keys, algorithms=_ALGORITHMS)
                break
            except (JoseError, ValueError) as error:
                # It may be signed with a key that the provider has had since.
                if is_last or not self._may_read_keys():
                    raise ForbiddenError("the identity provider's ID token is invalid") from error
                await self._read_keys()
        try:
            CodeIDToken(
                token.claims,
                token.header,
                {
                    "iss": {"essential": True, "value": self._oidc.issuer},
                    "aud": {"essential": True, "value": self._oidc.client_id},
                    "sub": {"essential": True, "allow_blank": False},
                },
                {
                    # Theirs is compared only where one is expected; each attempt has one.
                    "nonce": attempt.nonce,
                    "client_id": self._oidc.client_id,
                    "access_token": tokens.get("access_token"),
                },
            ).validate(now=int(time.time()), leeway=_LEEWAY_S)
        except (JoseError, ValueError, TypeError) as error:
            message = "the identity provider's ID token is not for this sign-in"
            raise ForbiddenError(message) from error
        return dict(token.claims)

    async def _user_info(
        self, tokens: Mapping[str, Any], claims: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the claims that the ID token leaves out; none where there is no place of them."""
        place = self._metadata.get("userinfo_endpoint")
        if not place or not isinstance(tokens.get("access_token"), str):
            return {}
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        found = await self._ask("GET", place, b"", headers)
        # They may be another person's (OpenID Connect Core, section 5.3.2).
        if found.get("sub") != claims["sub"]:
            raise ForbiddenError("the identity provider's user info is of another person")
        return found

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        name = claims.get(self._oidc.name_claim)
        if not isinstance(name, str) or not name.strip():
            raise ForbiddenError(
                f"the identity provider does not say {self._oidc.name_claim}, which names people"
            )
        # Anybody may claim an address that nobody has verified.
        if self._oidc.name_claim == "email" and claims.get("email_verified") is not True:
            raise ForbiddenError("the identity provider has not verified the e-mail address")
        given = claims.get(self._oidc.roles_claim, [])
        # An object may say of a role that somebody does not have it.
        values = {given} if isinstance(given, str) else set[str]()
        if isinstance(given, list):
            values = {one for one in given if isinstance(one, str)}
        scopes = frozenset[Scope]().union(
            *(
                ROLE_SCOPES[role]
                for role, names in self._oidc.roles.items()
                if not values.isdisjoint(names)
            )
        )
        if not scopes:
            raise ForbiddenError(f"{name.strip()[:200]} has no role in the console")
        return Identity(name.strip(), str(claims["sub"]), scopes)

    async def _read_metadata(self) -> None:
        """Read where the provider's services are, once an hour. Raises `IdentityProviderError`."""
        if time.monotonic() - self._read_at_s < _METADATA_S:
            return
        place = f"{self._oidc.issuer.rstrip('/')}/.well-known/openid-configuration"
        found = await self._ask("GET", place)
        if found.get("issuer") != self._oidc.issuer:
            raise IdentityProviderError(
                "the identity provider's configuration is of another issuer"
            )
        needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        if not all(isinstance(found.get(one), str) for one in needed):
            raise IdentityProviderError(
                f"the identity provider's configuration lacks one of {needed}"
            )
        # Browsers are sent there; the other addresses are checked when they are asked.
        place = urlsplit(found["authorization_endpoint"])
        is_private = place.scheme == "http" and place.hostname in self._oidc.private_hosts
        if not place.hostname or not (place.scheme == "https" or is_private):
            raise IdentityProviderError(
                "the identity provider's authorization_endpoint is no https address",
                hint=_PRIVATE_HINT,
            )
        self._metadata, self._read_at_s = found, time.monotonic()

    def _may_read_keys(self) -> bool:
        """Say whether the keys may be read now: at first, and then again once in a while."""
        if self._keys["keys"]:
            # Counted from the last time that this was asked for: anybody can cause it.
            if time.monotonic() - self._reread_at_s <= _SECONDS_BETWEEN_KEYS:
                return False
            self._reread_at_s = time.monotonic()
        return True

    async def _read_keys(self) -> None:
        found = await self._ask("GET", self._metadata["jwks_uri"])
        keys = found.get("keys")
        if not isinstance(keys, list):
            raise IdentityProviderError("the identity provider's keys cannot be read")
        # Keys of kinds that are unknown here are passed over.
        known = [one for one in keys if isinstance(one, dict) and one.get("kty") in _KEY_TYPES]
        self._keys = {"keys": known}

    async def _ask(
        self,
        method: str,
        place: str,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Return the JSON object that the provider answers. Raises `IdentityProviderError`."""
        send = partial(
            send_request,
            method,
            place,
            timeout_s=self._oidc.timeout_s,
            private_hosts=self._oidc.private_hosts,
            content=content,
            headers={"Accept": "application/json", **(headers or {})},
        )
        try:
            answer: Answer = await asyncio.to_thread(send)
        except OutboxError as error:
            message = f"the identity provider: {error.message}"
            raise IdentityProviderError(message, hint=_PRIVATE_HINT) from error
        if answer.status != HTTPStatus.OK:
            raise IdentityProviderError(f"the identity provider answered {answer.status}")
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise IdentityProviderError("the identity provider's answer is not JSON") from error
        if not isinstance(found, dict):
            raise IdentityProviderError("the identity provider's answer is no JSON object")
        return found


def _word(text: str) -> str:
    return "".join(one for one in text if one.isalnum() or one in "_-")[:64]
