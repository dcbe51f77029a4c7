"""Names and shapes of HMA: signal types, banks, matches and errors, as its clients read them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Set
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from hashmatch.errors import InputError
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Kind
from hashmatch.outcome import (
    Action,
    Failure,
    Match,
    Matched,
    Nearness,
    Reason,
    Unscreened,
    band_end,
)
from hashmatch.store.tokens import Scope, Token

from ...http.authentication import RequireHMAScope, may_see_distances
from ..answers import status_of_reason
from ..models import Name

ScanToken = Annotated[Token, Depends(RequireHMAScope(Scope.SCAN))]
ContentId = Annotated[Name | None, Query(description="The platform's own name for the image.")]

# The fields of a form that a file comes in, and the signal types that clients know of each.
PHOTO, VIDEO = "photo", "video"
PDQ, VIDEO_MD5 = "pdq", "video_md5"
# Our algorithms by signal type: the exact hash of a video is that of its bytes.
ALGORITHM_OF = {PDQ: "pdq", VIDEO_MD5: "md5"}
_SIGNAL_TYPE_OF = {algorithm: name for name, algorithm in ALGORITHM_OF.items()}
_SEPARATOR = re.compile(r"[^A-Z0-9]")


class Refusal(BaseModel):
    """Error of a call of HMA; never a verdict on an image."""

    message: str


def signal_type_of(algorithm: str) -> str:
    """Return the signal type under which matches by an algorithm are given.

    Clients drop types that they do not know, and a match with them. So every exact match is given
    as one of the file's bytes, and every perceptual one as near in what it shows.
    """
    is_exact = ALGORITHMS[algorithm].kind is Kind.EXACT
    return _SIGNAL_TYPE_OF.get(algorithm, VIDEO_MD5 if is_exact else PDQ)


def parse_types(types: str | None) -> Set[str]:
    """Return the algorithms of signal types, of all without any. Raises `InputError`."""
    if types is None:
        return set(_SIGNAL_TYPE_OF)
    chosen = {one.strip() for one in types.split(",") if one.strip()}
    if not chosen or not chosen <= ALGORITHM_OF.keys():
        raise InputError(
            "empty signal type selection" if not chosen else "types has an unknown signal type",
            hint=f"Known signal types: {', '.join(ALGORITHM_OF)}.",
        )
    return {ALGORITHM_OF[one] for one in chosen}


def bank_name(list_name: str) -> str:
    """Return the name of a list as a bank of HMA: in capitals, with underscores."""
    return _SEPARATOR.sub("_", list_name.upper())


def by_bank(
    matches: Iterable[Match], own_lists: Set[str], token: Token
) -> dict[str, list[dict[str, Any]]]:
    """Return the matches in HMA's shape for a token; banks without any are left out."""
    banks: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in matches:
        banks[bank_name(one.list_name)].append(match_of(one, own_lists, token))
    return dict(banks)


def match_of(match: Match, own_lists: Set[str], token: Token) -> dict[str, Any]:
    """Return a match in HMA's shape, with its distance or that of its band.

    The distance is text, as in HMA, and of an exact match "0", where HMA has "-": the Ruby client
    reads it as a number.
    """
    distance_bits = match.distance_bits
    if not may_see_distances(token):
        distance_bits = band_end(distance_bits, match.threshold_bits)
    return {
        "bank_content_id": content_id_of(match, own_lists),
        "distance": str(distance_bits),
    }


def content_id_of(match: Match, own_lists: Set[str]) -> int:
    """Return the number of the entry that matched; those of own lists keep theirs when changed."""
    return int(match.entry_id) if match.list_name in own_lists else match.entry_key


def to_act_on(outcome: Matched) -> list[Match]:
    """Return the matches without those that are only near, and that people look at.

    To clients of HMA every match is one to act on.
    """
    found = [one for one in outcome.matches if one.nearness is Nearness.MATCH]
    # An image that is to be blocked must never look like one without a match.
    return found or (list(outcome.matches) if outcome.action is Action.BLOCK else [])


def refusal(cause: Failure | Unscreened) -> HTTPException:
    """Return the error for a file that was not screened."""
    # HMA answers with 400 where a file did not arrive, or could not be fetched.
    is_unread = cause.reason is Reason.UNREADABLE
    status = HTTPStatus.BAD_REQUEST if is_unread else status_of_reason(cause.reason)
    return HTTPException(status, f"{cause.reason}: {cause.detail}")


def refusals(*more: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of the errors of every call of HMA, and of `more`."""
    statuses = (
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
        *more,
    )
    return {one.value: {"model": Refusal, "description": one.phrase} for one in statuses}


FILE_REFUSALS = refusals(
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
