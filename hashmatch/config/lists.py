"""Settings of lists: mappings of their files, sources and guards."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

# sample_config.toml documents every key, which a test verifies.
MappedColumn = Literal["algorithm", "value", "entry_id", "category", "tags", "added_at", "note"]


class Section(BaseModel):
    """Table of the configuration: immutable, strictly typed, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class MappingSettings(Section):
    """`[mappings.NAME]`: layout of a licensor's file.

    Every table goes from the licensor's word to ours: `columns` from its columns to our columns,
    `hashes` from those of hashes to algorithms, `flags` from those of yes or no to tags;
    `algorithms` and `categories` from its values to ours.
    """

    separator: str = Field(default="", max_length=1)
    rows: str = ""
    algorithm: str = ""
    columns: dict[str, MappedColumn] = {}
    hashes: dict[str, str] = {}
    flags: dict[str, str] = {}
    algorithms: dict[str, str] = {}
    categories: dict[str, str] = {}
    other_categories: Literal["keep", "reject", "exclude"] = "keep"
    excluded_categories: tuple[str, ...] = Field(default=(), strict=False)

    @field_validator("columns", mode="before")
    @classmethod
    def _require_direction(cls, columns: object) -> object:
        """Refuse a table from our columns to the file's, as it was written at first."""
        own = get_args(MappedColumn)
        table = columns if isinstance(columns, dict) else {}
        if any(key in own and one not in own for key, one in table.items()):
            turned = ", ".join(f'{_toml_key(one)} = "{key}"' for key, one in table.items())
            raise ValueError(f"it goes from the file's columns to ours: turn it to {{ {turned} }}")
        return columns

    @field_validator("columns")
    @classmethod
    def _require_one_each(cls, columns: dict[str, MappedColumn]) -> dict[str, MappedColumn]:
        for names in (list[str](columns.values()), [one.lower() for one in columns]):
            if repeated := sorted({one for one in names if names.count(one) > 1}):
                raise ValueError(f"two of the file's columns are {', '.join(repeated)}")
        return columns


def _toml_key(name: object) -> str:
    text = str(name)
    return text if re.fullmatch(r"[A-Za-z0-9_-]+", text) else json.dumps(text, ensure_ascii=False)


# A starting point: no public document describes the layout of the IWF's files.
IWF = MappingSettings(
    columns={"id": "entry_id", "category": "category", "date": "added_at", "comment": "note"},
    hashes={"md5": "md5", "sha1": "sha1", "sha256": "sha256", "pdq": "pdq", "photodna": "photodna"},
    flags={"grid": "grid-image", "ai": "ai-generated"},
    categories={"A": "A", "B": "B", "C": "C"},
    other_categories="reject",
)


class GuardSettings(Section):
    """`[guards]`: limits beyond which a delivery of a source is quarantined.

    `max_contents_per_entry` is how many content items of one day an entry may match before it
    counts as flooding; 0 is no limit.
    """

    max_withdrawn_share: float = Field(default=0.2, ge=0, le=1)
    max_growth_factor: float = Field(default=3.0, ge=1, allow_inf_nan=False)
    # Small lists vary by large shares: this many changes are never too many.
    least_changes: int = Field(default=100, ge=0)
    benign_sample: str = ""
    max_benign_share: float = Field(default=0.001, ge=0, le=1)
    max_contents_per_entry: int = Field(default=100, ge=0)


class SecretSettings(Section):
    """Place of a secret: never the configuration itself, which people share and commit."""

    env: str = ""
    file: str = ""

    @model_validator(mode="after")
    def _require_one_place(self) -> SecretSettings:
        if bool(self.env) is bool(self.file):
            raise ValueError("set either env, the name of an environment variable, or file")
        return self


class _SourceSettings(Section):
    kind: Literal["match", "allow", "terms"] = "match"
    # None: those of `[guards]`.
    guards: GuardSettings | None = None


class _FileFormSettings(_SourceSettings):
    format: str = ""
    mapping: str = ""


class FileSourceSettings(_FileFormSettings):
    """`[lists.NAME]` with `source = "file"`: a file, or the last one by name in a folder."""

    # Each kind of source has this key, by which pydantic chooses the class.
    source: Literal["file"]
    path: str


class HTTPSSourceSettings(_FileFormSettings):
    """`[lists.NAME]` with `source = "https"`: a file on a web server."""

    source: Literal["https"]
    url: str
    username: str = ""
    password: SecretSettings | None = None
    ca_file: str = ""
    timeout_s: float = Field(default=60.0, gt=0, allow_inf_nan=False)


class ObjectStorageSourceSettings(_FileFormSettings):
    """`[lists.NAME]` with `source = "object-storage"`: an object, or the last one in a folder.

    `options` and `secrets` are fsspec's options for that kind of storage.
    """

    source: Literal["object-storage"]
    url: str
    options: dict[str, Any] = {}
    secrets: dict[str, SecretSettings] = {}


class _ExchangeSettings(_SourceSettings):
    # Off, since feedback leaves the platform.
    feedback: bool = False


class NCMECSourceSettings(_ExchangeSettings):
    """`[lists.NAME]` with `source = "ncmec"`: one of NCMEC's lists, by name or address.

    `members`, ids or names, limit it to the entries of these members.
    """

    source: Literal["ncmec"]
    base: str
    username: str
    password: SecretSettings
    mapping: str = ""
    members: tuple[str, ...] = Field(default=(), strict=False)
    negative_reason: str = ""
    timeout_s: float = Field(default=60.0, gt=0, allow_inf_nan=False)


class StopNCIISourceSettings(_ExchangeSettings):
    """`[lists.NAME]` with `source = "stopncii"`."""

    source: Literal["stopncii"]
    base: str = "https://api.stopncii.org/v1"
    function_key: SecretSettings
    subscription_key: SecretSettings
    feedback_function_key: SecretSettings | None = None
    timeout_s: float = Field(default=60.0, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _require_feedback_key(self) -> StopNCIISourceSettings:
        if self.feedback and self.feedback_function_key is None:
            raise ValueError("feedback needs feedback_function_key")
        return self


class HashmatchSourceSettings(_SourceSettings):
    """`[lists.NAME]` with `source = "hashmatch"`: a list that another installation shares.

    `url` is its address, `list` the list's name there, by default our own. With `public_keys` its
    answers have to be signed with one of them.
    """

    source: Literal["hashmatch"]
    url: str
    list: str = Field(default="", pattern="^([a-z0-9][a-z0-9._-]{0,63})?$")
    token: SecretSettings
    public_keys: tuple[str, ...] = Field(default=(), strict=False)
    ca_file: str = ""
    timeout_s: float = Field(default=60.0, gt=0, allow_inf_nan=False)


class ThreatExchangeSourceSettings(_ExchangeSettings):
    """`[lists.NAME]` with `source = "threatexchange"`: a privacy group of Meta's."""

    source: Literal["threatexchange"]
    base: str = "https://graph.facebook.com/v26.0"
    privacy_group: str = Field(pattern="^[0-9]+$")
    access_token: SecretSettings
    mapping: str = ""
    timeout_s: float = Field(default=60.0, gt=0, allow_inf_nan=False)


SourceSettings = Annotated[
    FileSourceSettings
    | HTTPSSourceSettings
    | ObjectStorageSourceSettings
    | NCMECSourceSettings
    | StopNCIISourceSettings
    | HashmatchSourceSettings
    | ThreatExchangeSourceSettings,
    Field(discriminator="source"),
]
