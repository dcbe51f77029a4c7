"""Consoles that are clients of a provider, and what is seen of a sign-in there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import httpx

from tests.service.console.oidc.browser import BACK, SESSION, Browser
from tests.service.console.oidc.hostile import (
    CLIENT_ID,
    CLIENT_SECRET,
    PERSON,
    HostileProvider,
)
from tests.service.console.oidc.real import ACCOUNTS
from tests.service.serving import Served, free_port

OpenConsole: TypeAlias = Callable[..., AbstractContextManager[Served]]
# As RFC 6749 permits it (appendix A.2), so that it has to be encoded (section 2.3.1).
ODD_SECRET = "secret-+%25: /&="
MEMBER = str(ACCOUNTS["reviewer"]["email"])


def back(port: int) -> str:
    return f"http://127.0.0.1:{port}{BACK}"


def section(
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


@contextmanager
def console_for(
    open_console: OpenConsole, provider: HostileProvider, **options: Any
) -> Iterator[str]:
    port = free_port()
    provider.redirect_uri = back(port)
    with open_console(port, provider.issuer, **options) as served:
        yield served.url


def assert_signed_in(browser: Browser, answer: httpx.Response, name: str = PERSON) -> None:
    assert answer.status_code == 303, words(answer)
    assert answer.url.join(answer.headers["location"]) == f"{browser.console}/console/queue"
    page = browser.open_page()
    assert page.status_code == 200
    assert name in page.text


def assert_refused(browser: Browser, answer: httpx.Response) -> None:
    """Hold an answer to what somebody sees who is not signed in, and is not at fault."""
    assert answer.status_code == 403 or 501 <= answer.status_code <= 599, (
        answer.status_code,
        words(answer),
    )
    assert 'role="alert"' in answer.text or answer.status_code != 403
    assert SESSION not in answer.headers.get("set-cookie", "")
    assert_not_signed_in(browser)


def assert_not_signed_in(browser: Browser) -> None:
    assert SESSION not in browser.cookies
    page = browser.open_page()
    assert page.status_code == 303
    assert urlsplit(page.headers["location"]).path == "/console/sign-in"


def words(answer: httpx.Response) -> str:
    found = re.search(r"<main.*</main>", answer.text, re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", found[0] if found else answer.text).split())[:500]


def cookies_set(answer: httpx.Response) -> list[str]:
    return answer.headers.get_list("set-cookie")
