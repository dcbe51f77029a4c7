"""API documentation: `/openapi.json`, corrected, and `/docs`, a page of it without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute

from ..http.authentication import RequireScope
from .hma import BODIES as HMA_BODIES
from .models import DeliveryNumber, LookupRequest
from .notices import BODIES as NOTICE_BODIES

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "h2{font-size:1rem;margin:2rem 0 .3rem}code,h2{font-family:ui-monospace,monospace}"
    "b{background:#dde;padding:.1rem .4rem;border-radius:.2rem}"
    "table{border-collapse:collapse}td{padding:.1rem 1rem .1rem 0;vertical-align:top}"
    "@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}b{background:#335}}"
)
# The page needs its own style and nothing else.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def correct(document: dict[str, Any], routes: Sequence[BaseRoute]) -> dict[str, Any]:
    """Add the scopes of each route, and remove the answers that FastAPI assumes by itself.

    Its answer to an invalid request is 422; here that is 400 with a problem document.
    """
    for route in routes:
        if isinstance(route, APIRoute) and (scope := _scope_of(route)):
            for method in route.methods or ():
                call = document["paths"][route.path][method.lower()]
                call["description"] += f"\n\nNeeds a token with the scope {scope}."
    for calls in document["paths"].values():
        for call in calls.values():
            answer = call["responses"].get("422", {})
            if "HTTPValidationError" in str(answer):
                del call["responses"]["422"]
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    # Routes read these bodies by themselves, so that FastAPI does not know the models.
    for model in (LookupRequest, DeliveryNumber, *HMA_BODIES, *NOTICE_BODIES):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= {**schema.pop("$defs", {}), model.__name__: schema}
    return document


def _scope_of(route: APIRoute) -> str:
    needed = [one.call for one in route.dependant.dependencies]
    return ", ".join(" or ".join(one.scopes) for one in needed if isinstance(one, RequireScope))


def docs_page(app: FastAPI) -> Response:
    """Return a page with all routes, their parameters and their answers."""
    document = app.openapi()
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width'>",
        f"<title>hashmatch</title><style>{_STYLE}</style><h1>hashmatch {app.version}</h1>",
        f"<p>{escape(app.description)}</p>",
        "<p><a href=openapi.json>openapi.json</a> is the same for programs.</p>",
    ]
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            parts.append(_section(method, path, call))
    return HTMLResponse("".join(parts), headers={"Content-Security-Policy": _POLICY})


def _section(method: str, path: str, call: dict[str, Any]) -> str:
    rows = [
        (one["name"], one.get("description", ""), "required" if one.get("required") else "")
        for one in call.get("parameters", [])
    ]
    if body := call.get("requestBody"):
        rows.append(("body", ", ".join(body["content"]), "required"))
    rows += [(code, one["description"], "") for code, one in sorted(call["responses"].items())]
    table = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    text = escape(call.get("description", "")).replace("\n\n", "<p>")
    return f"<h2><b>{method.upper()}</b> {escape(path)}</h2><p>{text}</p><table>{table}</table>"
