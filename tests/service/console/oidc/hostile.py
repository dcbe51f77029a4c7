"""An OpenID provider that is correct until it is given a fault, written from the specifications.

Sections of "Core" are those of OpenID Connect Core 1.0, of "Discovery" those of OpenID Connect
Discovery 1.0.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

from tests.service.console.oidc.tokens import Claims, Key, Sign, encoded, key, signed

CLIENT_ID = "hashmatch-console"
CLIENT_SECRET = "secret-of-the-client"
SUBJECT = "248289761001"
PERSON = "reviewer@example.org"
# How long an endpoint that hangs does so, unless the test is over before.
HANG_S = 30


class Answer(NamedTuple):
    """An answer to be given instead of the correct one."""

    status: int
    body: str
    kind: str = "application/json"
    place: str = ""


class Slow(NamedTuple):
    """An answer that does not come: nothing, or a space now and then, for HANG_S."""

    drips: bool


HANGING, DRIPPING = Slow(drips=False), Slow(drips=True)


@dataclass(frozen=True)
class Conduct:
    """How the provider behaves; the unchanged one is correct.

    Mappings replace single claims and parameters; None removes one.
    """

    metadata: Claims = field(default_factory=dict)
    claims: Claims = field(default_factory=dict)
    userinfo: Claims = field(default_factory=dict)
    # Of the authorization response.
    back: Claims = field(default_factory=dict)
    # Of the token response.
    tokens: Claims = field(default_factory=dict)
    # Whether the ID token is without the claims of scopes, which are in the userinfo response.
    userinfo_only: bool = False
    sign: Sign = field(default_factory=signed)
    keys: tuple[Key, ...] = field(default_factory=lambda: (key(),))
    # Of the key set.
    key_set: Claims = field(default_factory=dict)
    # By the path of the endpoint: of the correct answer, and instead of it.
    statuses: Mapping[str, int] = field(default_factory=dict)
    answers: Mapping[str, Answer | Slow] = field(default_factory=dict)


@dataclass
class Grant:
    """A code that was given to the client, and what it was given for."""

    challenge: str
    nonce: str
    redirect_uri: str
    verifier: str = ""


def _changed(claims: Claims, changes: Claims) -> dict[str, Any]:
    return {name: one for name, one in {**claims, **changes}.items() if one is not None}


class HostileProvider:
    """The provider; `conduct` is what it does now, and may be replaced at any time.

    `complaints` says where the client did not do as the specifications ask.
    """

    def __init__(self, port: int, path: str, secret: str | None) -> None:
        self.host = f"http://127.0.0.1:{port}"
        self.issuer = f"{self.host}{path}"
        self.secret = secret
        self.conduct = Conduct()
        self.redirect_uri = ""
        self.complaints: list[str] = []
        self.visits: list[str] = []
        self.authorizations: list[dict[str, str]] = []
        self.exchanged: list[Grant] = []
        # All that the client was given and has to keep for itself.
        self.secrets: list[str] = []
        self.grants: dict[str, Grant] = {}
        self.is_slow = threading.Event()
        self.is_over = threading.Event()
        self.gave_up = False
        self._subjects: dict[str, Grant] = {}

    def reset(self) -> None:
        """Be correct, and forget what the client did."""
        self.conduct = Conduct()
        for record in (self.complaints, self.visits, self.authorizations, self.exchanged):
            record.clear()
        self.secrets.clear()

    @property
    def metadata(self) -> dict[str, Any]:
        """The answer of Discovery, section 4.2."""
        facts = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.host}/authorize",
            "token_endpoint": f"{self.host}/token",
            "userinfo_endpoint": f"{self.host}/userinfo",
            "jwks_uri": f"{self.host}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "none"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }
        return _changed(facts, self.conduct.metadata)

    def authorize(self, query: str) -> Answer:
        """Answer an authentication request (Core, section 3.1.2)."""
        asked = self._single(query)
        self.authorizations.append(asked)
        wrong = len(self.complaints)
        self._require(asked.get("response_type") == "code", "response_type is not code")
        self._require(asked.get("client_id") == CLIENT_ID, "another client_id")
        self._require(asked.get("redirect_uri") == self.redirect_uri, "another redirect_uri")
        self._require("openid" in asked.get("scope", "").split(" "), "scope without openid")
        self._require(bool(asked.get("state")), "no state")
        self._require(bool(asked.get("nonce")), "no nonce")
        self._require(asked.get("code_challenge_method") == "S256", "no challenge by S256")
        # RFC 7636, section 4.2: the base64url form of a SHA-256.
        is_challenge = re.fullmatch(r"[\w-]{43}", asked.get("code_challenge", ""), re.ASCII)
        self._require(bool(is_challenge), "no code_challenge")
        self._require("client_secret" not in asked, "the secret is in an address")
        if len(self.complaints) > wrong:
            return Answer(HTTPStatus.BAD_REQUEST, "wrong", "text/plain")
        code = self._new_secret("code")
        self.grants[code] = Grant(asked["code_challenge"], asked["nonce"], asked["redirect_uri"])
        facts = {"code": code, "state": asked["state"], "iss": self.issuer}
        back = urlencode(_changed(facts, self.conduct.back))
        return Answer(HTTPStatus.SEE_OTHER, "", place=f"{asked['redirect_uri']}?{back}")

    def exchange(self, headers: Mapping[str, str], body: str) -> Answer:
        """Answer a token request (Core, section 3.1.3; RFC 7636, section 4.5)."""
        asked = self._single(body)
        form = "application/x-www-form-urlencoded"
        self._require(headers.get("content-type", "").startswith(form), "the token request's type")
        self._authenticate(headers.get("authorization", ""), asked)
        self._require(asked.get("grant_type") == "authorization_code", "another grant_type")
        grant = self.grants.pop(asked.get("code", ""), None)
        if grant is None:
            return Answer(HTTPStatus.BAD_REQUEST, json.dumps({"error": "invalid_grant"}))
        self._require(asked.get("redirect_uri") == grant.redirect_uri, "redirect_uri differs")
        self.exchanged.append(grant)
        grant.verifier = asked.get("code_verifier", "")
        self.secrets.append(grant.verifier)
        is_verifier = re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", grant.verifier)
        challenge = encoded(hashlib.sha256(grant.verifier.encode()).digest())
        self._require(bool(is_verifier), "no code_verifier")
        self._require(challenge == grant.challenge, "the verifier is not that of the challenge")
        access, now = self._new_secret("access"), int(time.time())
        self._subjects[access] = grant
        claims = {
            "iss": self.issuer,
            "sub": SUBJECT,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": grant.nonce,
            **({} if self.conduct.userinfo_only else _PROFILE),
        }
        id_token = self.conduct.sign(_changed(claims, self.conduct.claims))
        self.secrets.append(id_token)
        facts = {"access_token": access, "token_type": "Bearer", "expires_in": 300}
        tokens = _changed({**facts, "id_token": id_token}, self.conduct.tokens)
        return Answer(HTTPStatus.OK, json.dumps(tokens))

    def describe(self, headers: Mapping[str, str]) -> Answer:
        """Answer a userinfo request (Core, section 5.3)."""
        kind, _, token = headers.get("authorization", "").partition(" ")
        self._require(kind == "Bearer" and token in self._subjects, "userinfo without its token")
        claims = _changed({"sub": SUBJECT, **_PROFILE}, self.conduct.userinfo)
        return Answer(HTTPStatus.OK, json.dumps(claims))

    def _authenticate(self, header: str, asked: dict[str, str]) -> None:
        # RFC 6749, section 2.3.1, and Core, section 9: the default is client_secret_basic.
        default = ["client_secret_basic"]
        methods = self.metadata.get("token_endpoint_auth_methods_supported", default)
        if self.secret is None:
            self._require(asked.get("client_id") == CLIENT_ID, "a public client without its name")
            self._require(not header and "client_secret" not in asked, "a public client's secret")
        elif header:
            self._require("client_secret_basic" in methods, "client_secret_basic")
            self._require("client_secret" not in asked, "two ways of authentication")
            kind, _, pair = header.partition(" ")
            name, _, secret = base64.b64decode(pair).decode().partition(":")
            is_own = (unquote_plus(name), unquote_plus(secret)) == (CLIENT_ID, self.secret)
            self._require(kind == "Basic" and is_own, "another client")
        else:
            self._require("client_secret_post" in methods, "client_secret_post")
            is_own = (asked.get("client_id"), asked.get("client_secret")) == (
                CLIENT_ID,
                self.secret,
            )
            self._require(is_own, "another client")

    def _single(self, encoded_form: str) -> dict[str, str]:
        # RFC 6749, section 3.1 and 3.2: no parameter more than once.
        pairs = parse_qsl(encoded_form, keep_blank_values=True)
        self._require(len(dict(pairs)) == len(pairs), "a parameter is there twice")
        return dict(pairs)

    def _require(self, is_so: bool, complaint: str) -> None:
        if not is_so:
            self.complaints.append(complaint)

    def _new_secret(self, kind: str) -> str:
        self.secrets.append(f"secret-{kind}-{secrets.token_urlsafe(16)}")
        return self.secrets[-1]


_PROFILE = {"email": PERSON, "email_verified": True, "groups": ["everybody", "tns"]}


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    provider: HostileProvider


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._answer("")

    def do_POST(self) -> None:
        size = int(self.headers.get("content-length", 0))
        self._answer(self.rfile.read(size).decode())

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Log nothing."""

    def _answer(self, body: str) -> None:
        provider = self.server.provider
        path, query = urlsplit(self.path).path, urlsplit(self.path).query
        provider.visits.append(path)
        conduct = provider.conduct
        answer = conduct.answers.get(path) or self._correct(path, query, body)
        if path in conduct.statuses and isinstance(answer, Answer):
            answer = answer._replace(status=conduct.statuses[path])
        # The client may be gone, which is its right.
        try:
            if isinstance(answer, Slow):
                self._hang(answer)
            else:
                self._send(answer)
        except OSError:
            pass

    def _correct(self, path: str, query: str, body: str) -> Answer:
        provider = self.server.provider
        headers = {name.lower(): value for name, value in self.headers.items()}
        discovery = urlsplit(provider.issuer).path.rstrip("/") + "/.well-known/openid-configuration"
        if self.command == "POST" and path == "/token":
            return provider.exchange(headers, body)
        if self.command == "GET" and path == "/authorize":
            return provider.authorize(query)
        if path == "/userinfo":
            return provider.describe(headers)
        if path == discovery:
            return Answer(HTTPStatus.OK, json.dumps(provider.metadata))
        if path == "/jwks":
            keys = [one.public() for one in provider.conduct.keys]
            key_set = _changed({"keys": keys}, provider.conduct.key_set)
            return Answer(HTTPStatus.OK, json.dumps(key_set))
        return Answer(HTTPStatus.NOT_FOUND, "there is nothing", "text/plain")

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Cache-Control", "no-store")
        if answer.place:
            self.send_header("Location", answer.place)
        body = answer.body.encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _hang(self, slow: Slow) -> None:
        provider = self.server.provider
        if slow.drips:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
        provider.is_slow.set()
        until = time.monotonic() + HANG_S
        while not provider.is_over.wait(0.1 if slow.drips else HANG_S):
            if time.monotonic() >= until:
                provider.gave_up = True
                return
            self.wfile.write(b" ")


@contextmanager
def hostile_provider(
    path: str = "", secret: str | None = CLIENT_SECRET
) -> Iterator[HostileProvider]:
    """Run a provider on loopback until the end of the block; `path` is that of its issuer."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        provider = HostileProvider(server.server_address[1], path, secret)
        server.provider = provider
        # It looks so often whether it is to end.
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield provider
        finally:
            provider.is_over.set()
            server.shutdown()
            thread.join()
