"""What a platform may tell of an upload. All of it is optional, and none of it is ever guessed."""

from __future__ import annotations

import ipaddress
import json
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from hashmatch.errors import InputError
from hashmatch.store.schema import utc_moment

# What XML 1.0 can hold, so that a report of it can be written.
Line = Annotated[
    str,
    Field(min_length=1, max_length=1000, pattern=r"^[^\x00-\x1f\x7f\ufffe\uffff]*$"),
]
Text = Annotated[
    str,
    Field(
        min_length=1,
        max_length=10_000,
        pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]*$",
    ),
]
Moment = Annotated[datetime, AfterValidator(utc_moment)]
Event = Literal["Login", "Registration", "Purchase", "Upload", "Other", "Unknown"]
Some = 20


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Address(_Part):
    """An internet address that the platform saw, and when; `event` in CyberTipline's words."""

    ip: Line
    event: Event = "Unknown"
    at: Moment | None = None
    port: Annotated[int, Field(ge=0, le=65_535)] | None = None
    possible_proxy: bool | None = None

    @field_validator("ip")
    @classmethod
    def _is_an_address(cls, ip: str) -> str:
        try:
            return str(ipaddress.ip_address(ip))
        except ValueError:
            # Python's own words quote it.
            raise ValueError("this is no internet address") from None


class Device(_Part):
    """A device that the platform knows, by whatever it is known by."""

    type: Line
    value: Line
    event: Event = "Unknown"
    at: Moment | None = None


class Account(_Part):
    """The account that uploaded."""

    id: Line | None = None
    screen_name: Line | None = None
    display_names: Annotated[list[Line], Field(max_length=Some)] = []
    first_name: Line | None = None
    last_name: Line | None = None
    emails: Annotated[list[Line], Field(max_length=Some)] = []
    phones: Annotated[list[Line], Field(max_length=Some)] = []
    profile_urls: Annotated[list[Line], Field(max_length=Some)] = []
    addresses: Annotated[list[Address], Field(max_length=100)] = []
    devices: Annotated[list[Device], Field(max_length=Some)] = []
    info: Text | None = None


class File(_Part):
    """The file: what is so only where the platform says so."""

    name: Line | None = None
    uploaded_at: Moment | None = None
    url: Line | None = None
    viewed_by_platform: bool | None = None
    publicly_available: bool | None = None
    generated: bool | None = None
    address: Address | None = None


class Details(_Part):
    """All that a platform tells of one upload."""

    account: Account | None = None
    file: File | None = None
    happened_at: Moment | None = None
    info: Text | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what was told, and nothing that was not."""
        return self.model_dump(mode="json", exclude_none=True, exclude_defaults=True)

    def moment(self) -> datetime | None:
        """Return when it happened, where the platform says."""
        return self.happened_at or (self.file.uploaded_at if self.file else None)


def parse_details(given: bytes | str) -> Details:
    """Return the details in a JSON object. Raises `InputError`, which never quotes them."""
    try:
        return Details.model_validate(json.loads(given))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        known = first["loc"][: -1 if first["type"] == "extra_forbidden" else None]
        place = ".".join(("details", *(str(part) for part in known)))
        raise InputError(f"{place}: {first['msg']}") from None
    except (ValueError, RecursionError):
        raise InputError("the details are not a JSON object") from None
