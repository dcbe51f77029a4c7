"""Actions on cases over HTTP: one transaction each, in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, assert_never

from pydantic import BaseModel
from sqlalchemy.orm import Session
from starlette.requests import Request

from hashmatch.cases import ActionDone, ActionFailed, ActionResult, Actor
from hashmatch.store.tokens import Token

from ..http.bodies import receive_json
from ..runtime.state import state_of
from .actors import actor_of

Body = TypeVar("Body", bound=BaseModel)


async def read_body(request: Request, model: type[Body]) -> Body:
    """Return the body of a request, whose token permits it. Raises `InputError`."""
    service = state_of(request)
    timeout_s = service.settings.service.body_timeout_s
    # Only now: a body is not read before its token was checked.
    with service.buffers.reserve() as take:
        return await receive_json(request, model, timeout_s=timeout_s, take=take)


async def act_in_thread(
    request: Request, token: Token, act: Callable[[Session, Actor], ActionDone]
) -> ActionDone:
    """Take an action in one transaction, in a thread: the database blocks."""
    actor = actor_of(token)
    return await asyncio.to_thread(partial(_act_now, state_of(request).database, actor, act))


def _act_now(
    database: Any, actor: Actor, act: Callable[[Session, Actor], ActionDone]
) -> ActionDone:
    with database.writing(actor.audit_name) as session:
        return act(session, actor)


def done_as_json(result: ActionResult) -> dict[str, Any]:
    """Return the result of an action as `DoneAnswer`."""
    match result:
        case ActionDone():
            return {
                "case": result.case,
                "state": result.state,
                "needs_second_approval": result.needs_second_approval,
                "problem": None,
            }
        case ActionFailed():
            return {
                "case": result.case,
                "state": None,
                "needs_second_approval": False,
                "problem": result.error.message,
            }
        case _:
            assert_never(result)
