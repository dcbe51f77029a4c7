"""Requests to remove an intimate image, as platforms send them: their shape and their limits."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self, TypeVar, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from hashmatch.errors import InputError
from hashmatch.store.schema import Notice, utc_moment

# Forms are open to everybody: each text and each list has a limit.
_MAX_ITEMS, _MAX_CONTACTS = 100, 10
Name = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00]*$")]
Address = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00-\x20]*$")]
Text = Annotated[str, Field(min_length=1, max_length=10_000, pattern=r"^[^\x00]*$")]
Moment = Annotated[datetime, AfterValidator(utc_moment)]
PARTS = ("signature", "identification", "good_faith", "contact", "standing")


class _Part(BaseModel):
    # An unknown key is refused, since it may be a misspelt one whose value would be missing.
    model_config = ConfigDict(extra="forbid", frozen=True)


class Place(_Part):
    """One place of the image: the platform's content id, a URL, or both."""

    content_id: Name | None = None
    url: Address | None = None

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if self.content_id is None and self.url is None:
            raise ValueError("needs a content_id or a url")
        return self


class Requester(_Part):
    """The person who asks, and their own words. All of it is stored encrypted.

    `name` is theirs, `subject` the name of the person in the image where they act for another,
    `signature` their typed or drawn signature as text.
    """

    name: Text | None = None
    subject: Text | None = None
    emails: Annotated[list[Name], Field(max_length=_MAX_CONTACTS)] = []
    phones: Annotated[list[Name], Field(max_length=_MAX_CONTACTS)] = []
    address: Text | None = None
    signature: Text | None = None
    statement: Text | None = None
    description: Text | None = None

    @property
    def can_be_reached(self) -> bool:
        """Say whether there is a way to reach them."""
        return bool(self.emails or self.phones or self.address)

    def as_json(self) -> dict[str, Any]:
        """Return what was given, without what was not."""
        return self.model_dump(mode="json", exclude_none=True, exclude_defaults=True)

    def supplemented(self, later: Requester) -> Requester:
        """Return this with what was given later, which replaces what it had."""
        return Requester.model_validate({**self.as_json(), **later.as_json()})


class NoticeParts(_Part):
    """Parts of a request; what is false or missing was not given, or not yet.

    `signed`, `good_faith` and `made_by` are facts that the platform establishes from its form.
    `contact_on_file` says that the platform itself has the contact. `identified` says whether the
    places suffice to find the image; unless it is given, they do where there are any.
    """

    signed: bool = False
    good_faith: bool = False
    contact_on_file: bool = False
    identified: bool | None = None
    made_by: Literal["subject", "representative"] | None = None
    requester: Requester | None = None
    places: Annotated[list[Place], Field(max_length=_MAX_ITEMS)] = []

    def as_items(self) -> list[tuple[str | None, str | None]]:
        """Return the places as content id and URL."""
        return [(one.content_id, one.url) for one in self.places]

    def given(self) -> set[str]:
        """Return the names of the parts that are there."""
        requester = self.requester or Requester()
        has = {
            "signature": self.signed or requester.signature is not None,
            "identification": self.identified is not False and bool(self.places),
            "good_faith": self.good_faith,
            "contact": self.contact_on_file or requester.can_be_reached,
            "standing": self.made_by is not None,
        }
        return {name for name in PARTS if has[name]}


class NoticeRequest(NoticeParts):
    """A request as it comes: its parts, the platform's own reference, and when it was received."""

    reference: Name | None = None
    received_at: Moment | None = None


class NoticeSupplement(NoticeParts):
    """Later parts of a request that lacked them, and when they came."""

    supplied_at: Moment | None = None


Model = TypeVar("Model", bound=NoticeParts)


def parse_request(given: bytes | str, model: type[Model], more: Mapping[str, object]) -> Model:
    """Return a request in a JSON object, with `more` of its values.

    Raises `InputError`, which never quotes it.
    """
    try:
        facts = json.loads(given)
        if not isinstance(facts, dict):
            raise InputError("the request is not a JSON object")
        places = [*facts.get("places", []), *cast("list[object]", more.get("places", []))]
        return model.model_validate({**facts, **more, "places": places})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        # An unknown key is not named: it came from a form, and may be personal data.
        known = first["loc"][: -1 if first["type"] == "extra_forbidden" else None]
        place = ".".join(("request", *(str(part) for part in known)))
        raise InputError(f"{place}: {first['msg']}") from None
    except (ValueError, TypeError, RecursionError):
        raise InputError("the request is not a JSON object") from None


def parts_of(notice: Notice) -> set[str]:
    """Return the names of the parts that a notice has."""
    return {name for name in PARTS if getattr(notice, f"has_{name}")}


def missing_parts(given: Collection[str], needed: Collection[str]) -> list[str]:
    """Return the names of the parts that a valid request has and this one does not."""
    return [name for name in PARTS if name in needed and name not in given]
