"""Callers of HMA's routes that cannot send a token: by the network of their own socket alone."""

from __future__ import annotations

import logging

import httpx
import pytest

from hashmatch.config import ServiceSettings
from hashmatch.service.http.authentication import Networks
from hashmatch.store.engine import Database, read_audit_records
from hashmatch.store.tokens import Scope
from tests.pictures import drawn, hashes_of
from tests.service.conftest import Serve
from tests.service.serving import Served, make_token
from tests.service.test_access import CALLS, Call

SIGNAL = {"signal_type": "pdq", "signal": hashes_of(9, "pdq")["pdq"].value.hex()}
LOOPBACK = {"hma_networks": ["127.0.0.0/8"]}


def _ask(served: Served, call: Call, **headers: str) -> httpx.Response:
    return served.anonymous.request(call.method, call.path, headers=headers, **call.arguments)


def _is_of_hma(call: Call) -> bool:
    return call.path.startswith(("/h/", "/m/", "/c/"))


def test_a_caller_of_a_named_network_may_scan_and_nothing_else(serve: Serve) -> None:
    with serve(service=LOOPBACK) as served:
        for call in CALLS:
            answer = _ask(served, call)
            if call.scopes is None:
                continue
            is_admitted = _is_of_hma(call) and Scope.SCAN in call.scopes
            is_refused = "WWW-Authenticate" in answer.headers
            assert is_refused is not is_admitted, call
            if is_refused:
                assert answer.status_code == (403 if _is_of_hma(call) else 401)


def test_the_scopes_of_the_networks_are_configured(serve: Serve) -> None:
    with serve(service={**LOOPBACK, "hma_scopes": ["review"]}) as served:
        assert served.anonymous.get("/c/banks").status_code == 200
        assert served.anonymous.post("/c/banks", json={"name": "X"}).status_code == 403
        assert served.anonymous.get("/m/raw_lookup", params=SIGNAL).status_code == 403
        # Scopes are of HMA's routes alone.
        assert served.anonymous.get("/v1/matches").status_code == 401


def test_no_network_is_named_by_default(served: Served) -> None:
    assert served.anonymous.get("/m/raw_lookup", params=SIGNAL).status_code == 401


def test_an_address_outside_the_networks_needs_a_token(serve: Serve) -> None:
    with serve(service={"hma_networks": ["10.0.0.0/8", "::1"]}) as served:
        assert served.anonymous.get("/m/raw_lookup", params=SIGNAL).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"Via": "1.1 proxy"},
        {"X-Real-IP": "127.0.0.1"},
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer hm_nonsense"},
    ],
)
def test_a_request_of_a_proxy_or_a_page_or_with_a_bad_token_is_not_the_callers(
    serve: Serve, headers: dict[str, str]
) -> None:
    """A proxy's address says nothing of its caller, whatever the caller claims."""
    with serve(service=LOOPBACK) as served:
        assert served.anonymous.get("/m/raw_lookup", params=SIGNAL).status_code == 200
        answer = served.anonymous.get("/m/raw_lookup", params=SIGNAL, headers=headers)
        assert answer.status_code == 401


def test_a_token_still_says_what_its_bearer_may(serve: Serve, database: Database) -> None:
    with serve(service={**LOOPBACK, "hma_scopes": ["scan", "review", "curate"]}) as served:
        headers = make_token(database, Scope.REVIEW)
        answer = served.anonymous.get("/m/raw_lookup", params=SIGNAL, headers=headers)
        assert answer.status_code == 403


def test_the_logs_say_that_there_was_no_token(
    serve: Serve, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    with serve(service={**LOOPBACK, "hma_scopes": ["curate"]}) as served:
        assert served.anonymous.post("/c/banks", json={"name": "X"}).status_code == 201
    with database.reading() as session:
        actors = {
            one["actor"] for one in read_audit_records(session) if one["action"] == "list.created"
        }
    assert "address 127.0.0.1 without a token" in actors
    assert "address 127.0.0.1 without a token" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("address", "is_admitted"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("11.1.2.3", False),
        ("fd00::7", True),
        ("fd01::7", False),
        ("::ffff:11.1.2.3", False),
        ("", False),
        ("testclient", False),
        ("/run/hashmatch.sock", False),
    ],
)
def test_addresses_are_those_of_the_networks(address: str, is_admitted: bool) -> None:
    networks = Networks(["10.0.0.0/8", "fd00::/64"], ["scan"])
    assert (networks.find(address, {}) is not None) is is_admitted


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0", "10.0.0.1/8", "10.0.0", "x", ""])
def test_a_network_that_is_everybody_or_none_is_refused(network: str) -> None:
    with pytest.raises(ValueError, match="hma_networks"):
        ServiceSettings(hma_networks=(network,))


def test_probes_need_no_token(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="hashmatch")
    for path in ("/status", "/status/live", "//status"):
        answer = served.anonymous.get(f"{served.url}{path}")
        assert (answer.status_code, answer.text) == (200, "I-AM-ALIVE")
    files = {"photo": drawn(9)}
    assert served.anonymous.post("/m/lookup", files=files).status_code == 401
