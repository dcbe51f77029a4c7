"""Uploader details: facts that a platform sends about an upload. All are optional, none is guessed.

Their names and limits are part of the API: docs/reference/http.md has them.
"""

from __future__ import annotations

import ipaddress
import json
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from hashmatch.errors import InputError
from hashmatch.store.schema import utc_moment

# Only characters that XML 1.0 can hold, since details end up in a CyberTipline report.
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
ReportNumber = Annotated[int, Field(ge=1, lt=2**63)]
Event = Literal["Login", "Registration", "Purchase", "Upload", "Other", "Unknown"]
_MAX_ITEMS = 20
_MAX_ADDRESSES = 100
# The incident types, annotations of reports and annotations of files that the CyberTipline knows.
IncidentType = Literal[
    "csam", "trafficking", "tourism", "molestation", "misleading_domain_name",
    "misleading_words_or_images", "enticement", "unsolicited_material",
]  # fmt: skip
ReportAnnotation = Literal[
    "sextortion", "csamSolicitation", "minorToMinorInteraction", "spam",
    "sadisticOnlineExploitation",
]  # fmt: skip
FileAnnotation = Literal[
    "animeDrawingVirtualHentai", "potentialMeme", "viral", "possibleSelfProduction",
    "physicalHarm", "violenceGore", "bestiality", "liveStreaming", "infant",
]  # fmt: skip


class _Part(BaseModel):
    # An unknown key is refused, since it may be a misspelt one whose value a report would lack.
    model_config = ConfigDict(extra="forbid", frozen=True)


class Address(_Part):
    """An IP address that the platform saw, and when; `event` is one that the CyberTipline knows."""

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
            # Python's own message would quote the address, and messages must not hold details.
            raise ValueError("not a valid IP address") from None


class Device(_Part):
    """A device that the platform knows, as a type of identifier and its value."""

    type: Line
    value: Line
    event: Event = "Unknown"
    at: Moment | None = None


class Account(_Part):
    """An account: the one that uploaded the file, a recipient or a victim.

    `billing`, `recovery_emails` and `verified_phones` are for reports to the NCA alone.
    `prior_reports` are numbers of earlier CyberTipline reports about it that the platform knows.
    """

    id: Line | None = None
    screen_name: Line | None = None
    display_names: Annotated[list[Line], Field(max_length=_MAX_ITEMS)] = []
    first_name: Line | None = None
    last_name: Line | None = None
    emails: Annotated[list[Line], Field(max_length=_MAX_ITEMS)] = []
    recovery_emails: Annotated[list[Line], Field(max_length=_MAX_ITEMS)] = []
    phones: Annotated[list[Line], Field(max_length=_MAX_ITEMS)] = []
    # None: the platform does not say which it verified.
    verified_phones: Annotated[list[Line], Field(max_length=_MAX_ITEMS)] | None = None
    billing: Text | None = None
    profile_urls: Annotated[list[Line], Field(max_length=_MAX_ITEMS)] = []
    addresses: Annotated[list[Address], Field(max_length=_MAX_ADDRESSES)] = []
    devices: Annotated[list[Device], Field(max_length=_MAX_ITEMS)] = []
    age: Annotated[int, Field(ge=0, le=150)] | None = None
    date_of_birth: date | None = None
    bio: Text | None = None
    school: Line | None = None
    group: Line | None = None
    compromised: bool | None = None
    disabled: Literal["temporarily", "permanently"] | None = None
    disabled_at: Moment | None = None
    prior_reports: Annotated[list[ReportNumber], Field(max_length=_MAX_ITEMS)] = []
    info: Text | None = None


class File(_Part):
    """The uploaded file. None means that the platform does not say, never that it is not so.

    `has_exif` and `original_sha256`, of the file before the platform changed it, are for reports to
    the NCA alone.
    """

    name: Line | None = None
    uploaded_at: Moment | None = None
    url: Line | None = None
    viewed_by_platform: bool | None = None
    exif_viewed_by_platform: bool | None = None
    has_exif: bool | None = None
    original_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    publicly_available: bool | None = None
    generated: bool | None = None
    annotations: Annotated[list[FileAnnotation], Field(max_length=_MAX_ITEMS)] = []
    address: Address | None = None
    info: Text | None = None


class FurtherFile(File):
    """A further file of the incident, handed over under its own name.

    `sha256` is that of the file. It is reported as supplemental unless it `is_reported` itself.
    """

    content_id: Line
    reference: Line | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    is_reported: bool = False


class Chat(_Part):
    """The chat in which it happened: its client, its room and what was written."""

    client: Line | None = None
    room: Line | None = None
    content: Text | None = None


class Game(_Part):
    """The online game in which it happened, and what was written there."""

    name: Line | None = None
    console: Line | None = None
    content: Text | None = None


class Circumstances(_Part):
    """Kind and places of the incident; `high_priority` is why to look at it before others."""

    type: IncidentType = "csam"
    high_priority: Text | None = None
    annotations: Annotated[list[ReportAnnotation], Field(max_length=_MAX_ITEMS)] = []
    urls: Annotated[list[Line], Field(max_length=_MAX_ITEMS)] = []
    chat: Chat | None = None
    game: Game | None = None


class Details(_Part):
    """All details that a platform sends about one upload."""

    account: Account | None = None
    file: File | None = None
    further_files: Annotated[list[FurtherFile], Field(max_length=_MAX_ITEMS)] = []
    incident: Circumstances | None = None
    recipients: Annotated[list[Account], Field(max_length=_MAX_ITEMS)] = []
    victims: Annotated[list[Account], Field(max_length=_MAX_ITEMS)] = []
    happened_at: Moment | None = None
    info: Text | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the details that were given, without those that were not."""
        return self.model_dump(mode="json", exclude_none=True, exclude_defaults=True)

    def moment(self) -> datetime | None:
        """Return the time of the incident, None where the platform gives none."""
        return self.happened_at or (self.file.uploaded_at if self.file else None)


def parse_details(given: bytes | str) -> Details:
    """Return the details in a JSON object. Raises `InputError`, which never quotes them."""
    try:
        return Details.model_validate(json.loads(given))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        # An unknown key is not named: it came from the caller, and may be personal data.
        known = first["loc"][: -1 if first["type"] == "extra_forbidden" else None]
        place = ".".join(("details", *(str(part) for part in known)))
        raise InputError(f"{place}: {first['msg']}") from None
    except (ValueError, RecursionError):
        raise InputError("the details are not a JSON object") from None
