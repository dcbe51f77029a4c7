"""Access to shared lists: tokens of consumers, and what the routes have in common."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path
from starlette.requests import Request

from hashmatch.sharing import Sharing
from hashmatch.store.tokens import Token

from ...http.authentication import RequirePull
from ...runtime.state import state_of

ConsumerToken = Annotated[Token, Depends(RequirePull())]
SharedName = Annotated[str, Path(pattern="^[a-z0-9][a-z0-9._-]{0,63}$")]


def sharing_of(request: Request) -> Sharing:
    """Return the shared lists of the service."""
    service = state_of(request)
    return Sharing(service.database, service.settings)
