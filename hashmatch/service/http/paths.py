"""Paths of HMA's calls, which its clients may write with several slashes at the beginning."""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Receive, Scope, Send

_OF_HMA = re.compile(r"/(?:[hmc]/|status(?:/|$))")
_SLASHES = re.compile(rf"/+(?={_OF_HMA.pattern})")


def is_of_hma(path: str) -> bool:
    """Say whether a path is one of HMA's calls, whether or not there is such a call here."""
    return _OF_HMA.match(path) is not None


class LeadingSlashes:
    """Middleware that answers `//m/lookup` as `/m/lookup`, as HMA does.

    The default address of Coop's HMA ends in a slash, and so do many others.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["path"].startswith("//"):
            path = _SLASHES.sub("", scope["path"], count=1)
            if path != scope["path"]:
                raw_path = b"/" + scope["raw_path"].lstrip(b"/")
                scope = {**scope, "path": path, "raw_path": raw_path}
        await self._app(scope, receive, send)
