"""Pages: templates with the texts of a language, and the headers that every page is sent with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from http import HTTPStatus
from importlib.resources import files
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from hashmatch._version import __version__
from hashmatch.store.schema import utc_now
from hashmatch.store.tokens import Scope

from .forms import settings_of
from .people import Person
from .texts import LANGUAGES, N_, Translations, choose_language, translations
from .words import (
    age_words,
    closeness,
    due_words,
    event,
    label,
    moment_words,
    number,
    reason,
    visible,
)

PREFIX = "/console"
LANGUAGE_COOKIE, THEME_COOKIE, KEYS_COOKIE = (
    "hashmatch-language", "hashmatch-theme", "hashmatch-keys",
)  # fmt: skip
THEMES = ("auto", "light", "dark")
# Nothing from anywhere else, no script or style within a page, no frame around one.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_STATIC = files("hashmatch.service.console") / "static"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the console in its menu, and the scopes of which one opens it."""

    path: str
    title: str
    scopes: frozenset[Scope]


READERS = (Scope.REVIEW, Scope.SENIOR, Scope.ADMIN, Scope.AUDIT)
LIST_READERS = (Scope.LISTS, Scope.CURATE, Scope.SENIOR, Scope.ADMIN, Scope.AUDIT)
PARTS = (
    Part("/queue", N_("Queue"), frozenset(READERS)),
    Part("/due", N_("Deadlines and appeals"), frozenset(READERS)),
    Part("/notices", N_("Notices"), frozenset(READERS)),
    Part("/outbox", N_("Outbox"), frozenset({Scope.SENIOR, Scope.ADMIN, Scope.AUDIT})),
    Part("/lists", N_("Lists"), frozenset(LIST_READERS)),
    Part("/own-lists", N_("Own lists"), frozenset(LIST_READERS)),
    Part("/allow-lists", N_("Allow lists"), frozenset(LIST_READERS)),
    Part("/sharing", N_("Sharing"), frozenset(LIST_READERS)),
    Part("/contributions", N_("Contributions"), frozenset(LIST_READERS)),
    Part("/feedback", N_("Feedback"), frozenset(LIST_READERS)),
    Part("/reports", N_("Reports"), frozenset({Scope.EXPORT, Scope.AUDIT})),
    Part("/safeguards", N_("Safeguards"), frozenset({Scope.SENIOR, Scope.ADMIN, Scope.AUDIT})),
    Part("/health", N_("Health"), frozenset(Scope)),
    Part("/audit", N_("Audit log"), frozenset({Scope.ADMIN, Scope.AUDIT})),
    Part("/retention", N_("Retention"), frozenset({Scope.ADMIN, Scope.AUDIT})),
    Part("/people", N_("Tokens and people"), frozenset({Scope.ADMIN, Scope.AUDIT})),
)


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("hashmatch.service.console"),
        # What is shown comes from outside, and must not become markup.
        autoescape=True,
        undefined=StrictUndefined,
        # They come with the program, and change with it.
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    texts = translations(language)
    environment.install_gettext_translations(texts, newstyle=True)  # type: ignore[attr-defined]
    environment.filters |= {
        "label": partial(label, texts),
        "closeness": partial(closeness, texts),
        "event": partial(event, texts),
        "reason": partial(reason, texts),
        "number": partial(number, language),
        "visible": visible,
        "moment": _moment,
    }
    environment.globals |= {
        "static": static,
        "url": url,
        "LANGUAGES": LANGUAGES,
        "THEMES": THEMES,
        "version": __version__,
        "due": partial(_due, texts),
        "age": partial(_age, texts),
    }
    return environment


def load_templates() -> None:
    """Compile the templates for each language, which takes the first page half a second."""
    for language in LANGUAGES:
        environment = _environment(language)
        for name in environment.list_templates():
            environment.get_template(name)


def url(path: str, **query: object) -> str:
    """Return the address of a page of the console; a query leaves out what is empty."""
    given = {name: str(value) for name, value in query.items() if value not in (None, "", False)}
    ending = f"?{urlencode(given)}" if given else ""
    return f"{PREFIX}{quote(path)}{ending}"


@cache
def static(name: str) -> str:
    """Return the address of a file that belongs to the pages, which names its contents, too."""
    digest = hashlib.sha256((_STATIC / name).read_bytes()).hexdigest()
    return f"{PREFIX}/static/{name}?{digest[:16]}"


def texts_of(request: Request) -> Translations:
    """Return the translations for the sender of a request."""
    return translations(_language(request))


def _language(request: Request) -> str:
    return choose_language(
        request.cookies.get(LANGUAGE_COOKIE, ""),
        request.headers.get("accept-language", ""),
        settings_of(request).language,
    )


def page(
    request: Request,
    template: str,
    facts: Mapping[str, Any],
    *,
    status: HTTPStatus = HTTPStatus.OK,
) -> Response:
    """Return a page, made of a template and its facts."""
    settings = settings_of(request)
    person: Person | None = request.scope.get("hashmatch.person")
    language = _language(request)
    theme = request.cookies.get(THEME_COOKIE, "")
    last = request.query_params.get("last", "")[:9]
    parts = [one for one in PARTS if person is not None and person.may(*one.scopes)]
    text = (
        _environment(language)
        .get_template(f"{template}.html.j2")
        .render(
            {
                "request_path": request.url.path.removeprefix(PREFIX),
                "request_method": request.method,
                "person": person,
                "form_token": "" if person is None else person.form_token,
                "parts": parts,
                "language": language,
                "theme": theme if theme in THEMES else THEMES[0],
                "has_keys": request.cookies.get(KEYS_COOKIE) != "off",
                "platform": settings.platform,
                "now": utc_now(),
                "Scope": Scope,
                "done": request.query_params.get("done", ""),
                "last": int(last) if last.isdecimal() and last.isascii() else 0,
                "came_from": _came_from(request),
                **facts,
            }
        )
    )
    return HTMLResponse(text, status, HEADERS)


def _came_from(request: Request) -> str:
    """Return the page of the console that a request came from, "" for any other."""
    parts = urlsplit(request.headers.get("referer", ""))
    is_own = parts.netloc == request.headers.get("host") and parts.path.startswith(f"{PREFIX}/")
    if not is_own:
        return ""
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def go(path: str, **query: object) -> Response:
    """Return the answer to a form after which a browser asks for a page."""
    return RedirectResponse(url(path, **query), HTTPStatus.SEE_OTHER, HEADERS)


def _parsed(moment: datetime | str) -> datetime:
    return datetime.fromisoformat(moment) if isinstance(moment, str) else moment


def _moment(moment: datetime | str | None) -> str:
    return "" if moment is None else moment_words(_parsed(moment))


def _due(texts: Translations, moment: datetime | str, now: datetime) -> str:
    return due_words(texts, _parsed(moment), now)


def _age(texts: Translations, moment: datetime | str, now: datetime) -> str:
    return age_words(texts, _parsed(moment), now)
