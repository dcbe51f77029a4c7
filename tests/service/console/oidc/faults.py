"""Faults of an OpenID provider that a client must not accept, and variants that it has to.

Sections of "Core" are those of OpenID Connect Core 1.0, of "Discovery" those of OpenID Connect
Discovery 1.0.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeAlias

from tests.service.console.oidc.hostile import (
    CLIENT_ID,
    CLIENT_SECRET,
    PERSON,
    Answer,
    Conduct,
    HostileProvider,
)
from tests.service.console.oidc.tokens import (
    Sign,
    changed_after_signing,
    key,
    signed,
    signed_by_secret,
    unsigned,
)

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
