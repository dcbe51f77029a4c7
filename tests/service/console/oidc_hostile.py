"""An OpenID provider that is correct until it is given a fault, written from the specifications.

Sections of "Core" are those of OpenID Connect Core 1.0, of "Discovery" those of OpenID Connect
Discovery 1.0. Tokens are made by hand, so that no library shares its mistakes with the client.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CLIENT_ID = "hashmatch-console"
CLIENT_SECRET = "secret-of-the-client"
SUBJECT = "248289761001"
PERSON = "reviewer@example.org"
# How long an endpoint that hangs does so, unless the test is over before.
HANG_S = 30

Claims: TypeAlias = Mapping[str, Any]


def encoded(data: bytes) -> str:
    """Return data in the alphabet of tokens, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key(NamedTuple):
    """A key that signs tokens, and the name that it has in the provider's key set."""

    private: RSAPrivateKey
    name: str | None

    def signature(self, data: bytes) -> bytes:
        """Sign by RS256."""
        return self.private.sign(data, PKCS1v15(), SHA256())

    def public(self) -> dict[str, str]:
        """Return the public key as a JWK."""
        numbers = self.private.public_key().public_numbers()
        size = (numbers.n.bit_length() + 7) // 8
        named = {} if self.name is None else {"kid": self.name}
        modulus, exponent = numbers.n.to_bytes(size), numbers.e.to_bytes(3)
        return {"kty": "RSA", "use": "sig", "n": encoded(modulus), "e": encoded(exponent), **named}

    def pem(self) -> bytes:
        """Return the public key as a PEM file."""
        form = PublicFormat.SubjectPublicKeyInfo
        return self.private.public_key().public_bytes(Encoding.PEM, form)


@cache
def _private(number: int) -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def key(number: int = 0, name: str | None = "first") -> Key:
    """Return a key, which is made once."""
    return Key(_private(number), name)


Sign: TypeAlias = Callable[[Claims], str]


def _token(header: Claims, claims: Claims, signature: Callable[[bytes], bytes]) -> str:
    data = ".".join(encoded(json.dumps(dict(part)).encode()) for part in (header, claims))
    return f"{data}.{encoded(signature(data.encode()))}"


def signed(by: Key | None = None, **header: Any) -> Sign:
    """Sign by RS256, with further fields of the header."""
    by = by or key()
    named = {} if by.name is None else {"kid": by.name}
    return lambda claims: _token({"alg": "RS256", **named, **header}, claims, by.signature)


def unsigned(algorithm: str = "none") -> Sign:
    """Do not sign, and say so (RFC 7518, section 3.6)."""
    return lambda claims: _token({"alg": algorithm}, claims, lambda _: b"")


def signed_by_secret(secret: bytes, **header: Any) -> Sign:
    """Sign by HS256."""

    def signature(data: bytes) -> bytes:
        return hmac.digest(secret, data, "sha256")

    return lambda claims: _token({"alg": "HS256", **header}, claims, signature)


def changed_after_signing(claims: Claims) -> str:
    """Sign the claims of somebody in no group, and put these in their place."""
    header, _, signature = signed()({**claims, "groups": []}).split(".")
    return f"{header}.{encoded(json.dumps(dict(claims)).encode())}.{signature}"


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


Fault: TypeAlias = Callable[[HostileProvider], Conduct]


def _claims(**claims: Any) -> Fault:
    return lambda _: Conduct(claims=claims)


def _profile(**claims: Any) -> Fault:
    # The same in both places.
    return lambda _: Conduct(claims=claims, userinfo=claims)


def _signed(sign: Sign) -> Fault:
    return lambda _: Conduct(sign=sign)


def _back(**parameters: Any) -> Fault:
    return lambda _: Conduct(back=parameters)


def _answered(path: str, status: int, body: str) -> Fault:
    return lambda _: Conduct(answers={path: Answer(status, body)})


def _failed(path: str, status: int) -> Fault:
    # The answer is correct otherwise.
    return lambda _: Conduct(statuses={path: status})


def _at(**moments: int) -> Fault:
    # Seconds from now.
    return lambda _: Conduct(claims={name: int(time.time()) + s for name, s in moments.items()})


def _unnamed(provider: HostileProvider, path: str) -> str:
    return f"http://localhost:{provider.host.rpartition(':')[2]}{path}"


_BIG = {"padding": "x" * 2_000_000}
_DISCOVERY = "/.well-known/openid-configuration"
# What the client must not accept, with the sections that say so.
FAULTS: dict[str, Fault] = {
    # Core, section 3.1.3.7, items 2 to 5, and section 2: what an ID token has to have.
    "the ID token is of another issuer": _claims(iss="https://other.example"),
    "the issuer of the ID token has one more slash": lambda provider: Conduct(
        claims={"iss": f"{provider.issuer}/"}
    ),
    "the ID token has no issuer": _claims(iss=None),
    "the ID token is for another client": _claims(aud="other"),
    "the ID token is for nobody": _claims(aud=None),
    "the ID token is for an empty list": _claims(aud=[]),
    "the ID token is also for another client": _claims(aud=[CLIENT_ID, "other"]),
    "another party was authorized": _claims(azp="other"),
    "another party of two was authorized": _claims(aud=[CLIENT_ID, "other"], azp="other"),
    "the ID token has no subject": _claims(sub=None),
    "the subject is a number": _claims(sub=7),
    # Items 9 to 11, and RFC 7519, section 4.1.5.
    "the ID token has expired": _at(iat=-7200, exp=-3600),
    "the ID token has no expiry": _claims(exp=None),
    "the ID token has no time of issue": _claims(iat=None),
    "the ID token was issued in the future": _at(iat=3600, exp=7200),
    "the ID token is not valid yet": _at(nbf=3600, exp=7200),
    "the nonce is another": _claims(nonce="another"),
    "the nonce is missing": _claims(nonce=None),
    # Items 6 to 8; RFC 7515, sections 4.1.3 and 4.1.11.
    "the ID token is not signed": _signed(unsigned()),
    "the ID token is not signed, in capitals": _signed(unsigned("NONE")),
    "the ID token is signed with the client's secret": _signed(
        signed_by_secret(CLIENT_SECRET.encode())
    ),
    "the ID token is signed with the public key as a secret": _signed(
        signed_by_secret(key().pem(), kid="first")
    ),
    "the ID token is signed with an unknown key": _signed(signed(key(1, "unknown"))),
    "the ID token is signed with another key of a known name": _signed(signed(key(1, "first"))),
    "the ID token brings its own key": _signed(
        signed(key(1, "first"), jwk=key(1, "first").public())
    ),
    "the ID token asks for what nobody knows": _signed(signed(crit=["odd"], odd=True)),
    "the ID token was changed after signing": _signed(changed_after_signing),
    "the ID token is none": lambda _: Conduct(tokens={"id_token": "none"}),
    "the ID token is missing": lambda _: Conduct(tokens={"id_token": None}),
    # Core, section 5.3.2.
    "the userinfo is of somebody else": lambda _: Conduct(
        userinfo_only=True, userinfo={"sub": "somebody else"}
    ),
    "the userinfo is of nobody": lambda _: Conduct(userinfo_only=True, userinfo={"sub": None}),
    # The console's own promises (configuration, console.oidc).
    "the address is not verified": _profile(email_verified=False),
    "the address is verified in words only": _profile(email_verified="false"),
    "nothing says whether the address is verified": _profile(email_verified=None),
    "the address is missing": _profile(email=None),
    "the address is empty": _profile(email=""),
    "the address is a list": _profile(email=[PERSON]),
    "no groups are given": _profile(groups=None),
    "the groups are others": _profile(groups=["sales", "xtns", "TNS"]),
    "the group's name is part of a word": _profile(groups="not-tns"),
    "the groups are an object": _profile(groups={"tns": False}),
    "the groups are lists": _profile(groups=[["tns"]]),
    # RFC 9207, section 2.4.
    "the answer is of another issuer": _back(iss="https://other.example"),
    "the answer is of an issuer with one more slash": lambda provider: Conduct(
        back={"iss": f"{provider.issuer}/"}
    ),
    "the answer does not name its issuer": _back(iss=None),
    # RFC 6749, sections 4.1.2.1 and 10.12.
    "the person declines": _back(
        code=None, error="access_denied", error_description="<script>no</script>"
    ),
    "there is an error beside the code": _back(error="access_denied"),
    "there is no code": _back(code=None),
    "the code is another": _back(code="another"),
    "there is no state": _back(state=None),
    "the state is another": _back(state="another"),
    # RFC 6749, sections 5.1, 5.2 and 7.1; Core, section 3.1.3.3.
    "the token endpoint fails": _failed("/token", 500),
    "the token endpoint refuses": _answered("/token", 400, '{"error": "invalid_grant"}'),
    "the token endpoint's answer is no JSON": _answered("/token", 200, "<p>welcome</p>"),
    "the token endpoint's answer is a list": _answered("/token", 200, "[1, 2]"),
    "the token endpoint's answer is empty": _answered("/token", 200, ""),
    "the token endpoint's answer is nested without end": _answered(
        "/token", 200, "[" * 100_000 + "]" * 100_000
    ),
    "the token endpoint's answer is big": lambda _: Conduct(tokens=_BIG),
    "the access token is of an unknown type": lambda _: Conduct(
        userinfo_only=True, tokens={"token_type": "mac"}
    ),
    "the token endpoint leads to a host that is not permitted": lambda provider: Conduct(
        answers={"/token": Answer(307, "", place=_unnamed(provider, "/elsewhere"))}
    ),
    "the userinfo endpoint fails": lambda _: Conduct(
        userinfo_only=True, statuses={"/userinfo": 500}
    ),
    "the userinfo is no JSON": lambda _: Conduct(
        userinfo_only=True, answers={"/userinfo": Answer(200, "welcome", "text/plain")}
    ),
    "the userinfo is big": lambda _: Conduct(userinfo_only=True, userinfo=_BIG),
}
# Metadata and keys with which nobody can sign in. Each ends, so that none may be remembered.
UNREADABLE: dict[str, Fault] = {
    # Discovery, sections 3 and 4.3.
    "the metadata are of another issuer": lambda _: Conduct(
        metadata={"issuer": "https://other.example"}
    ),
    "the metadata's issuer has one more slash": lambda provider: Conduct(
        metadata={"issuer": f"{provider.issuer}/"}
    ),
    "the metadata name no issuer": lambda _: Conduct(metadata={"issuer": None}),
    "the metadata name no token endpoint": lambda _: Conduct(metadata={"token_endpoint": None}),
    "the metadata name no keys": lambda _: Conduct(metadata={"jwks_uri": None}),
    "the metadata are no JSON": _answered(_DISCOVERY, 200, "welcome"),
    "the metadata are a list": _answered(_DISCOVERY, 200, "[]"),
    "the metadata are missing": _failed(_DISCOVERY, 404),
    "the metadata are big": lambda _: Conduct(metadata=_BIG),
    "the keys fail": _failed("/jwks", 500),
    "the keys are no JSON": _answered("/jwks", 200, "welcome"),
    "the keys are no list": lambda _: Conduct(key_set={"keys": 7}),
    "the keys are big": lambda _: Conduct(key_set=_BIG),
}
# Metadata that the client must not follow: a URL uses TLS (Discovery, section 3), and the host is
# permitted (configuration, console.oidc). They may be remembered.
MISLEADING: dict[str, Fault] = {
    "a script to sign in at": lambda _: Conduct(
        metadata={"authorization_endpoint": "javascript://127.0.0.1/%0aalert(1)"}
    ),
    "an inner host for tokens": lambda provider: Conduct(
        metadata={"token_endpoint": _unnamed(provider, "/elsewhere")}
    ),
    "an inner host for keys": lambda provider: Conduct(
        metadata={"jwks_uri": _unnamed(provider, "/elsewhere")}
    ),
    "an inner host for the userinfo": lambda provider: Conduct(
        userinfo_only=True, metadata={"userinfo_endpoint": _unnamed(provider, "/elsewhere")}
    ),
    # Core, section 2: not without having been asked for.
    "tokens that are not signed": lambda _: Conduct(
        sign=unsigned(), metadata={"id_token_signing_alg_values_supported": ["none", "RS256"]}
    ),
    "a place without TLS to sign in at": lambda _: Conduct(
        metadata={"authorization_endpoint": "http://other.example/authorize"}
    ),
}
# What the client has to accept, since the specifications permit it.
VARIANTS: dict[str, Fault] = {
    "nothing is special": lambda _: Conduct(),
    "the ID token is for a list of one": _claims(aud=[CLIENT_ID]),
    "the client was authorized": _claims(azp=CLIENT_ID),
    "the ID token has claims that nobody knows": _claims(odd={"much": [1]}, crit=["odd"]),
    "the claims are in the userinfo alone": lambda _: Conduct(userinfo_only=True),
    # Core, section 10.1: a key needs a name where there are several.
    "the only key has no name": lambda _: Conduct(sign=signed(key(0, None)), keys=(key(0, None),)),
    "there are several keys": lambda _: Conduct(keys=(key(1, "other"), key())),
    # RFC 6749, section 3.1: the query of the authorization endpoint is retained.
    "the authorization endpoint has a query": lambda provider: Conduct(
        metadata={"authorization_endpoint": f"{provider.host}/authorize?tenant=7"}
    ),
    # Core, section 9, and Discovery, section 3.
    "the secret is asked for in the body": lambda _: Conduct(
        metadata={"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    ),
    "nothing says how the secret is sent": lambda _: Conduct(
        metadata={"token_endpoint_auth_methods_supported": None}
    ),
    # RFC 6749, section 5.1: the type is insensitive to case.
    "the type of the access token is in small letters": lambda _: Conduct(
        userinfo_only=True, tokens={"token_type": "bearer"}
    ),
    "the issuer is not in the answer, and was not promised there": lambda _: Conduct(
        back={"iss": None}, metadata={"authorization_response_iss_parameter_supported": None}
    ),
    # RFC 6749, section 4.1.2: unrecognized parameters are ignored.
    "the answer has more parameters": _back(session_state="7", hd="example.org"),
    "there is no userinfo endpoint": lambda _: Conduct(metadata={"userinfo_endpoint": None}),
}
