"""Signing in by OpenID Connect: at a certified provider, and at one that breaks the rules."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import httpx
import pytest

from hashmatch.config import Settings
from hashmatch.store.engine import Database
from hashmatch.store.migrations import upgrade
from tests.command_line import CommandLine
from tests.service.conftest import Serve
from tests.service.console.oidc_browser import BACK, SESSION, Browser
from tests.service.console.oidc_faults import FAULTS, MISLEADING, UNREADABLE, VARIANTS, Fault
from tests.service.console.oidc_hostile import (
    CLIENT_ID,
    CLIENT_SECRET,
    DRIPPING,
    HANGING,
    PERSON,
    Conduct,
    HostileProvider,
    Slow,
    hostile_provider,
)
from tests.service.console.oidc_real import ACCOUNTS, real_provider
from tests.service.console.oidc_tokens import encoded, key, signed
from tests.service.serving import PATIENCE_S, Served, free_port, serving, serving_process

OpenConsole: TypeAlias = Callable[..., AbstractContextManager[Served]]
# As RFC 6749 permits it (appendix A.2), so that it has to be encoded (section 2.3.1).
_ODD_SECRET = "secret-+%25: /&="
_MEMBER = str(ACCOUNTS["reviewer"]["email"])


def _back(port: int) -> str:
    return f"http://127.0.0.1:{port}{BACK}"


def _section(
    port: int,
    issuer: str,
    folder: Path,
    *,
    url: str = "",
    secret: str | None = CLIENT_SECRET,
    **oidc: Any,
) -> dict[str, Any]:
    """Return the section of a console at a port, which is a client of an issuer."""
    chosen: dict[str, Any] = {
        "issuer": issuer,
        "client_id": CLIENT_ID,
        "private_hosts": ["127.0.0.1"],
        "roles": {"reviewer": ["tns"], "admin": ["admins"]},
        # On a busy machine an answer may take longer than anybody else would wait.
        "timeout_s": 60,
        **oidc,
    }
    if secret is not None:
        file = folder / "client-secret"
        file.write_text(secret)
        file.chmod(0o600)
        chosen["client_secret"] = {"file": str(file)}
    return {"url": url or f"http://127.0.0.1:{port}", "oidc": chosen}


@pytest.fixture
def open_console(serve: Serve, tmp_path: Path) -> OpenConsole:
    """Serve a console of the test's own, for a client of an issuer."""

    def start(port: int, issuer: str, **options: Any) -> AbstractContextManager[Served]:
        return serve(port=port, console=_section(port, issuer, tmp_path, **options))

    return start


@contextmanager
def _console_for(
    open_console: OpenConsole, provider: HostileProvider, **options: Any
) -> Iterator[str]:
    port = free_port()
    provider.redirect_uri = _back(port)
    with open_console(port, provider.issuer, **options) as served:
        yield served.url


@pytest.fixture
def new_provider() -> Iterator[HostileProvider]:
    """A provider that nobody has asked yet, and of which the client asks only what it may."""
    with hostile_provider() as provider:
        yield provider
        assert provider.complaints == []


@pytest.fixture
def new_console(open_console: OpenConsole, new_provider: HostileProvider) -> Iterator[str]:
    """The address of a console that knows nothing of the new provider yet."""
    with _console_for(open_console, new_provider) as url:
        yield url


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, HostileProvider]]:
    """A console, and its provider, for tests that leave metadata and keys as they are."""
    folder, port = tmp_path_factory.mktemp("shared"), free_port()
    with hostile_provider() as provider:
        provider.redirect_uri = _back(port)
        settings = Settings.model_validate(
            {
                "data_dir": folder,
                "intake": {"isolation": "none"},
                "console": _section(port, provider.issuer, folder),
            }
        )
        with closing(Database(settings.database_url, busy_timeout_s=PATIENCE_S)) as database:
            upgrade(database)
            with serving(settings, database, port) as served:
                yield served.url, provider


@pytest.fixture
def console(shared: tuple[str, HostileProvider]) -> str:
    """The address of the shared console."""
    return shared[0]


@pytest.fixture
def provider(shared: tuple[str, HostileProvider]) -> Iterator[HostileProvider]:
    """The shared provider, correct again, of which the client asks only what it may."""
    provider = shared[1]
    provider.reset()
    yield provider
    assert provider.complaints == []


def _assert_signed_in(browser: Browser, answer: httpx.Response, name: str = PERSON) -> None:
    assert answer.status_code == 303, _words(answer)
    assert answer.url.join(answer.headers["location"]) == f"{browser.console}/console/queue"
    page = browser.open_page()
    assert page.status_code == 200
    assert name in page.text


def _assert_refused(browser: Browser, answer: httpx.Response) -> None:
    """Hold an answer to what somebody sees who is not signed in, and is not at fault."""
    assert answer.status_code == 403 or 501 <= answer.status_code <= 599, (
        answer.status_code,
        _words(answer),
    )
    assert 'role="alert"' in answer.text or answer.status_code != 403
    assert SESSION not in answer.headers.get("set-cookie", "")
    _assert_not_signed_in(browser)


def _assert_not_signed_in(browser: Browser) -> None:
    assert SESSION not in browser.cookies
    page = browser.open_page()
    assert page.status_code == 303
    assert urlsplit(page.headers["location"]).path == "/console/sign-in"


def _words(answer: httpx.Response) -> str:
    found = re.search(r"<main.*</main>", answer.text, re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", found[0] if found else answer.text).split())[:500]


def _cookies_set(answer: httpx.Response) -> list[str]:
    return answer.headers.get_list("set-cookie")


# --- at a certified provider


@pytest.fixture
def real(open_console: OpenConsole) -> Iterator[str]:
    """The address of a console whose people sign in at a certified provider."""
    port = free_port()
    with real_provider(_back(port)) as issuer, open_console(port, issuer) as served:
        yield served.url


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
@pytest.mark.parametrize("userinfo_only", [False, True], ids=["id-token", "userinfo"])
def test_a_member_of_a_group_signs_in_at_a_certified_provider(
    open_console: OpenConsole, method: str, userinfo_only: bool
) -> None:
    port = free_port()
    with (
        real_provider(_back(port), userinfo_only=userinfo_only, method=method) as issuer,
        open_console(port, issuer) as served,
        Browser(served.url) as browser,
    ):
        _assert_signed_in(browser, browser.sign_in("reviewer"), _MEMBER)


def test_somebody_without_a_group_is_refused(real: str) -> None:
    with Browser(real) as browser:
        answer = browser.sign_in("stranger")
        assert answer.status_code == 403
        _assert_refused(browser, answer)


def test_somebody_who_cancels_at_the_provider_is_refused(real: str) -> None:
    with Browser(real) as browser:
        form = browser.client.get(browser.begin().headers["location"], follow_redirects=True)
        cancel = re.search(r'href="([^"]*/abort)"', form.text)
        assert cancel is not None
        resumed = browser.client.get(form.url.join(cancel[1]))
        back = browser.client.get(resumed.headers["location"]).headers["location"]
        assert "error=access_denied" in back
        _assert_refused(browser, browser.come_back(back))


def test_signing_out_ends_the_session(real: str) -> None:
    with Browser(real) as browser:
        browser.sign_in("reviewer")
        before = dict(browser.cookies)
        answer = browser.submit(browser.open_page(), "/console/sign-out")
        assert answer.status_code == 303
        _assert_not_signed_in(browser)
        browser.client.cookies.set(SESSION, before[SESSION], domain="127.0.0.1", path="/")
        assert browser.open_page().status_code == 303


def test_who_is_signed_in_at_the_provider_signs_in_again_without_a_form(real: str) -> None:
    with Browser(real) as browser:
        browser.sign_in("reviewer")
        first = browser.cookies[SESSION]
        browser.submit(browser.open_page(), "/console/sign-out")
        _assert_signed_in(browser, browser.sign_in(), _MEMBER)
        assert browser.cookies[SESSION] != first


def test_a_certified_provider_gives_nothing_for_a_code_a_second_time(real: str) -> None:
    with Browser(real) as browser:
        back = browser.agree(browser.begin(), "reviewer")
        before = dict(browser.cookies)
        assert browser.come_back(back).status_code == 303
        browser.client.cookies.clear()
        for name, value in before.items():
            browser.client.cookies.set(name, value, domain="127.0.0.1", path="/")
        _assert_refused(browser, browser.come_back(back))


def test_a_certified_provider_reads_a_secret_of_any_characters(open_console: OpenConsole) -> None:
    port = free_port()
    with (
        real_provider(_back(port), secret=_ODD_SECRET) as issuer,
        open_console(port, issuer, secret=_ODD_SECRET) as served,
        Browser(served.url) as browser,
    ):
        _assert_signed_in(browser, browser.sign_in("reviewer"), _MEMBER)


def test_a_certified_provider_gives_nothing_to_another_secret(open_console: OpenConsole) -> None:
    port = free_port()
    with (
        real_provider(_back(port)) as issuer,
        open_console(port, issuer, secret="secret-another") as served,
        Browser(served.url) as browser,
    ):
        _assert_refused(browser, browser.sign_in("reviewer"))


# --- at a provider that can be given faults


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_somebody_signs_in_though(
    new_console: str, new_provider: HostileProvider, variant: Fault
) -> None:
    new_provider.conduct = variant(new_provider)
    with Browser(new_console) as browser:
        _assert_signed_in(browser, browser.sign_in())


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_somebody_is_refused_where(console: str, provider: HostileProvider, fault: Fault) -> None:
    provider.conduct = fault(provider)
    with Browser(console) as browser:
        answer = browser.sign_in()
        _assert_refused(browser, answer)
        assert not [one for one in (*provider.secrets, CLIENT_SECRET) if one in answer.text]
        assert "<script>no" not in answer.text
    assert "/elsewhere" not in provider.visits
    # The fault alone was the reason, and nothing of it stays.
    provider.conduct = Conduct()
    with Browser(console) as browser:
        _assert_signed_in(browser, browser.sign_in())


@pytest.mark.parametrize("fault", UNREADABLE.values(), ids=UNREADABLE)
def test_nobody_signs_in_while(
    new_console: str, new_provider: HostileProvider, fault: Fault
) -> None:
    new_provider.conduct = fault(new_provider)
    with Browser(new_console) as browser:
        _assert_refused(browser, browser.sign_in())
    # Nothing of it stays.
    new_provider.conduct = Conduct()
    with Browser(new_console) as browser:
        _assert_signed_in(browser, browser.sign_in())


@pytest.mark.parametrize("fault", MISLEADING.values(), ids=MISLEADING)
def test_metadata_are_not_followed_to(
    new_console: str, new_provider: HostileProvider, fault: Fault
) -> None:
    new_provider.conduct = fault(new_provider)
    with Browser(new_console) as browser:
        _assert_refused(browser, browser.sign_in())
    # A host that is not permitted is not even asked.
    assert "/elsewhere" not in new_provider.visits


@pytest.mark.parametrize("slow", [HANGING, DRIPPING], ids=["hangs", "drips"])
def test_a_provider_that_does_not_answer_is_given_up(
    open_console: OpenConsole, new_provider: HostileProvider, slow: Slow
) -> None:
    new_provider.conduct = Conduct(answers={"/token": slow})
    with (
        _console_for(open_console, new_provider, timeout_s=2) as console,
        Browser(console) as browser,
    ):
        # A busy machine may not even come as far as that in this time.
        while not new_provider.is_slow.is_set():
            _assert_refused(browser, browser.sign_in())
        assert not new_provider.gave_up


def test_a_provider_that_does_not_answer_does_not_stop_others(
    open_console: OpenConsole, new_provider: HostileProvider
) -> None:
    new_provider.conduct = Conduct(answers={"/token": HANGING})
    with (
        _console_for(open_console, new_provider) as console,
        Browser(console) as browser,
        Browser(console) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        waiting = pool.submit(browser.sign_in)
        new_provider.is_slow.wait()
        assert other.open_page("/console/sign-in").status_code == 200
        assert not waiting.done()
        new_provider.is_over.set()
        _assert_refused(browser, waiting.result())


def test_keys_are_read_again_for_a_key_that_is_new(
    new_console: str, new_provider: HostileProvider
) -> None:
    with Browser(new_console) as browser:
        _assert_signed_in(browser, browser.sign_in())
    new = key(1, "second")
    new_provider.conduct = Conduct(sign=signed(new), keys=(key(), new))
    with Browser(new_console) as browser:
        _assert_signed_in(browser, browser.sign_in())


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_secret_may_have_any_characters(open_console: OpenConsole, method: str) -> None:
    with (
        hostile_provider(secret=_ODD_SECRET) as provider,
        _console_for(open_console, provider, secret=_ODD_SECRET) as console,
        Browser(console) as browser,
    ):
        methods = {"token_endpoint_auth_methods_supported": [method]}
        provider.conduct = Conduct(metadata=methods)
        browser.sign_in()
        assert provider.complaints == []


def test_a_client_without_a_secret_signs_in(open_console: OpenConsole) -> None:
    with (
        hostile_provider(secret=None) as provider,
        _console_for(open_console, provider, secret=None) as console,
        Browser(console) as browser,
    ):
        _assert_signed_in(browser, browser.sign_in())
        assert provider.complaints == []


@pytest.mark.parametrize("path", ["/tenant", "/tenant/", "/"])
def test_an_issuer_may_have_a_path(open_console: OpenConsole, path: str) -> None:
    """Discovery, section 4.1: a last slash is left out before the path of the metadata."""
    with (
        hostile_provider(path) as provider,
        _console_for(open_console, provider) as console,
        Browser(console) as browser,
    ):
        _assert_signed_in(browser, browser.sign_in())
        assert provider.complaints == []


# --- what the client sends, and what it keeps to itself


def test_the_verifier_is_that_of_the_challenge(console: str, provider: HostileProvider) -> None:
    """RFC 7636, sections 4.1 and 4.6."""
    with Browser(console) as browser:
        browser.sign_in()
    [grant], [asked] = provider.exchanged, provider.authorizations
    assert asked["code_challenge_method"] == "S256"
    digest = hashlib.sha256(grant.verifier.encode()).digest()
    assert encoded(digest) == asked["code_challenge"]
    assert re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", grant.verifier)


def test_each_attempt_has_secrets_of_its_own(console: str, provider: HostileProvider) -> None:
    with Browser(console) as browser:
        for _ in range(3):
            browser.agree(browser.begin())
    for name in ("state", "nonce", "code_challenge"):
        values = {asked[name] for asked in provider.authorizations}
        assert len(values) == 3, name
        # RFC 6749, section 10.10: not to be guessed; 128 bits are 22 characters.
        assert min(map(len, values)) >= 22, name
    assert not {asked["state"] for asked in provider.authorizations} & {
        asked["nonce"] for asked in provider.authorizations
    }


def test_scripts_and_other_sites_do_not_get_the_cookies(console: str) -> None:
    with Browser(console) as browser:
        begun = browser.begin()
        ended = browser.come_back(browser.agree(begun))
    assert _cookies_set(begun)
    assert any(one.startswith(f"{SESSION}=") for one in _cookies_set(ended))
    for one in _cookies_set(begun) + _cookies_set(ended):
        words = one.lower()
        assert "httponly" in words
        # Strict ones would not come back from the provider.
        assert "samesite=lax" in words
        assert "domain=" not in words


def test_behind_tls_the_cookies_are_for_tls_alone(
    open_console: OpenConsole, new_provider: HostileProvider
) -> None:
    port, url = free_port(), "https://console.example"
    new_provider.redirect_uri = f"{url}{BACK}"
    with open_console(port, new_provider.issuer, url=url) as served, Browser(served.url) as browser:
        begun = browser.begin()
        back = browser.agree(begun)
        assert back.startswith(f"{url}{BACK}?")
        sent = "; ".join(one.partition(";")[0] for one in _cookies_set(begun))
        # It would not send them without TLS.
        browser.client.cookies.clear()
        ended = browser.client.get(back.removeprefix(url), headers={"Cookie": sent})
    assert ended.status_code == 303, _words(ended)
    assert any(SESSION in one for one in _cookies_set(ended))
    for one in _cookies_set(begun) + _cookies_set(ended):
        assert one.startswith(("__Host-", "__Secure-")), one
        assert "secure" in one.lower().split("; ")


# Successes, and failures where the client knows most.
_LOGGED = (
    VARIANTS["nothing is special"],
    VARIANTS["the claims are in the userinfo alone"],
    FAULTS["the nonce is another"],
    FAULTS["the ID token is signed with an unknown key"],
    FAULTS["the ID token has expired"],
    FAULTS["the userinfo is of somebody else"],
    FAULTS["the userinfo endpoint fails"],
    FAULTS["no groups are given"],
    FAULTS["the token endpoint fails"],
    FAULTS["the token endpoint refuses"],
    FAULTS["the token endpoint's answer is no JSON"],
    FAULTS["the state is another"],
)


def _assert_nothing_secret(said: str, provider: HostileProvider) -> None:
    # It does log these requests.
    assert said.count(BACK) >= len(_LOGGED)
    assert len(provider.secrets) > 2 * len(_LOGGED)
    assert not [one for one in (*provider.secrets, CLIENT_SECRET) if one in said]


def test_nothing_secret_is_logged(
    console: str,
    provider: HostileProvider,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    # As `hashmatch serve` does it: it logs complete URLs.
    caplog.set_level(logging.ERROR, "uvicorn.access")
    _sign_in_to_be_logged(console, provider)
    records = "".join(f"{one.getMessage()} {vars(one)}\n" for one in caplog.records)
    _assert_nothing_secret(records + caplog.text + "".join(capsys.readouterr()), provider)


def test_nothing_secret_is_in_the_log_of_a_process(
    command_line: CommandLine, new_provider: HostileProvider
) -> None:
    command_line.import_pictures("one", 1)
    port = free_port()
    new_provider.redirect_uri = _back(port)
    section = _section(port, new_provider.issuer, command_line.folder)
    config = command_line.folder / "hashmatch.toml"
    with config.open("a") as file:
        # Its values are the same in JSON, but for tables.
        file.write("console = " + re.sub(r'("\w+"): ', r"\1 = ", json.dumps(section)) + "\n")
    with serving_process(config, port=port):
        _sign_in_to_be_logged(f"http://127.0.0.1:{port}", new_provider)
    [log] = config.parent.glob("*.log")
    _assert_nothing_secret(log.read_text(), new_provider)


def _sign_in_to_be_logged(console: str, provider: HostileProvider) -> None:
    for conduct in _LOGGED:
        provider.conduct = conduct(provider)
        with Browser(console) as browser:
            browser.sign_in()


# --- attacks by way of the person's browser


def test_a_used_answer_of_the_provider_is_of_no_more_use(
    console: str, provider: HostileProvider
) -> None:
    with Browser(console) as browser:
        back = browser.agree(browser.begin())
        _assert_signed_in(browser, browser.come_back(back))
        session = browser.cookies[SESSION]
        again = browser.come_back(back)
        assert again.status_code == 403
        assert SESSION not in again.headers.get("set-cookie", "")
        assert browser.cookies[SESSION] == session
        assert len(provider.exchanged) == 1


def test_a_used_answer_is_of_no_use_with_the_cookies_of_before(
    console: str, provider: HostileProvider
) -> None:
    with Browser(console) as browser, Browser(console) as thief:
        back = browser.agree(browser.begin())
        for name, value in browser.cookies.items():
            thief.client.cookies.set(name, value, domain="127.0.0.1", path="/")
        _assert_signed_in(browser, browser.come_back(back))
        _assert_refused(thief, thief.come_back(back))


def test_the_answer_to_another_browser_is_refused(console: str, provider: HostileProvider) -> None:
    """RFC 6749, section 10.12: nobody is signed in as somebody else by following a link."""
    with Browser(console) as attacker, Browser(console) as victim:
        back = attacker.agree(attacker.begin())
        victim.begin()
        _assert_refused(victim, victim.come_back(back))
        assert provider.exchanged == []
        # It is still the attacker's own.
        _assert_signed_in(attacker, attacker.come_back(back))


def test_the_code_of_another_browser_is_refused(console: str, provider: HostileProvider) -> None:
    """The nonce and the verifier bind a code to the attempt (RFC 9700, section 2.1.1)."""
    with Browser(console) as attacker, Browser(console) as victim:
        theirs = dict(parse_qsl(urlsplit(attacker.agree(attacker.begin())).query))
        place, _, own = victim.agree(victim.begin()).partition("?")
        query = urlencode({**dict(parse_qsl(own)), "code": theirs["code"]})
        _assert_refused(victim, victim.come_back(f"{place}?{query}"))
    # The provider notices it, too, and is right to.
    assert provider.complaints == ["the verifier is not that of the challenge"]
    provider.complaints.clear()


def test_an_answer_without_a_cookie_is_refused(console: str, provider: HostileProvider) -> None:
    with Browser(console) as browser, Browser(console) as bare:
        back = browser.agree(browser.begin())
        _assert_refused(bare, bare.come_back(back))
        assert provider.exchanged == []


def test_an_answer_with_the_cookie_of_an_older_attempt_is_refused(
    console: str, provider: HostileProvider
) -> None:
    with Browser(console) as browser, Browser(console) as older:
        browser.begin()
        for name, value in browser.cookies.items():
            older.client.cookies.set(name, value, domain="127.0.0.1", path="/")
        back = browser.agree(browser.begin())
        _assert_refused(older, older.come_back(back))
        assert provider.exchanged == []
        _assert_signed_in(browser, browser.come_back(back))


def test_a_cookie_that_was_changed_is_refused(console: str, provider: HostileProvider) -> None:
    with Browser(console) as browser:
        begun = browser.begin()
        back = browser.agree(begun)
        [morsel] = SimpleCookie("; ".join(_cookies_set(begun))).values()
        for value in ("", "x", "x" * 43, morsel.value[4:], "e30.e30.e30", "%00", '"\\303\\251"'):
            browser.client.cookies.clear()
            sent = {"Cookie": f"{morsel.key}={value}"}
            answer = browser.client.get(back, headers=sent)
            _assert_refused(browser, answer)
        assert provider.exchanged == []


def test_a_cookie_does_not_lead_to_another_site(console: str) -> None:
    with Browser(console) as browser:
        begun = browser.begin(to="/console/lists")
        back = browser.agree(begun)
        [morsel] = SimpleCookie("; ".join(_cookies_set(begun))).values()
        browser.client.cookies.clear()
        for own in ("/console/lists", quote("/console/lists", safe="")):
            value = morsel.value.replace(own, quote("//evil.example/", safe=""))
        answer = browser.client.get(back, headers={"Cookie": f"{morsel.key}={value}"})
        assert value != morsel.value
        _assert_stays(browser, answer)


def test_an_answer_without_an_attempt_is_refused(console: str) -> None:
    with Browser(console) as browser:
        for query in (
            "",
            "?code=x",
            "?state=x",
            "?code=x&state=",
            "?error=x",
            "?code=%00&state=%01",
        ):
            _assert_refused(browser, browser.open_page(f"{BACK}{query}"))


def test_a_session_that_somebody_else_chose_is_not_used(console: str) -> None:
    with Browser(console) as browser:
        browser.client.cookies.set(SESSION, "chosen", domain="127.0.0.1", path="/")
        answer = browser.sign_in()
        [given] = (one for one in _cookies_set(answer) if one.startswith(f"{SESSION}="))
        assert not given.startswith(f"{SESSION}=chosen")
        browser.client.cookies.clear()
        browser.client.cookies.set(SESSION, "chosen", domain="127.0.0.1", path="/")
        assert browser.open_page().status_code == 303


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example/",
        "/\t/evil.example/",
        "/\n/evil.example/",
        "///evil.example/",
        "/console/..//evil.example/",
        "/console@evil.example/",
        "console/queue",
        "javascript:alert(1)",
        "https:evil.example",
        "/console/queue\r\nSet-Cookie: a=b",
        "/v1/cases",
        "",
        "/console/\udcff".encode("utf-8", "surrogateescape").decode("latin-1"),
    ],
)
def test_nobody_is_sent_to_another_site(console: str, to: str) -> None:
    with Browser(console) as browser:
        answer = browser.sign_in(to=to)
        assert "a" not in browser.cookies
        _assert_stays(browser, answer)


def _assert_stays(browser: Browser, answer: httpx.Response) -> None:
    if answer.status_code != 303:
        _assert_refused(browser, answer)
        return
    # As browsers read it (WHATWG URL): these are left out, and each backslash is a slash.
    read = re.sub(r"[\t\r\n]", "", answer.headers["location"].strip()).replace("\\", "/")
    assert not read.startswith("//")
    place = answer.url.join(read)
    assert (place.scheme, place.netloc) == ("http", answer.url.netloc)
    assert place.path.startswith("/console/")


def test_people_come_to_the_page_that_they_asked_for(console: str) -> None:
    with Browser(console) as browser:
        answer = browser.sign_in(to="/console/queue?state=open&word=a%26b")
        assert answer.status_code == 303
        place = answer.url.join(answer.headers["location"])
        assert str(place) == f"{console}/console/queue?state=open&word=a%26b"
