"""The configuration: one TOML file and two environment variables, read into frozen settings."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from hashmatch.errors import ConfigError
from hashmatch.hashes import Decode
from hashmatch.outcome import Action

CONFIG_NAME = "hashmatch.toml"

ThresholdBits = Annotated[int, Field(ge=0, le=100_000_000)]
Quality = Annotated[int, Field(ge=0, le=100)]
ImageFormat = Literal[
    "JPEG",
    "PNG",
    "GIF",
    "WEBP",
    "TIFF",
    "BMP",
    "AVIF",
    "HEIF",
    "JPEG2000",
    "ICO",
    "PSD",
    "TGA",
    "PPM",
]
MappedColumn = Literal["algorithm", "value", "entry_id", "category", "tags", "added_at", "note"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class DatabaseSettings(_Section):
    """`[database]`: where the store is. An empty `url` means SQLite in the data folder."""

    url: str = ""
    busy_timeout_s: float = Field(default=10.0, ge=0)


class IntakeSettings(_Section):
    """`[intake]`: what is read and decoded, and up to which size."""

    max_bytes: int = Field(default=50_000_000, ge=1, le=2_000_000_000)
    max_pixels: int = Field(default=100_000_000, ge=1)
    max_side: int = Field(default=65_535, ge=1)
    max_frames: int = Field(default=10_000, ge=1)
    sampled_frames: int = Field(default=32, ge=1, le=1_000)
    max_metadata_bytes: int = Field(default=10_000_000, ge=1)
    max_nesting: int = Field(default=8, ge=1, le=100)
    formats: tuple[ImageFormat, ...] = Field(
        default=get_args(ImageFormat), min_length=1, strict=False
    )
    decode: Decode = Field(default=Decode.SCALED, strict=False)
    orientations: bool = False
    isolation: Literal["process", "none"] = "process"
    workers: int = Field(default=0, ge=0, le=1_000)
    timeout_s: float = Field(default=20.0, gt=0, le=86_400, allow_inf_nan=False)
    max_memory_bytes: int = Field(default=3_000_000_000, ge=500_000_000, le=2**46)


class IndexSettings(_Section):
    """`[index]`: where the index is and how it follows the lists. An empty `dir`: in `data_dir`."""

    dir: str = ""
    background: bool = False
    max_age_s: float = Field(default=300.0, gt=0, allow_inf_nan=False)
    rebuild: bool = True


class ListPolicySettings(_Section):
    """`[policy.lists.NAME]`: what differs for one list."""

    action: Action | None = Field(default=None, strict=False)
    thresholds_bits: dict[str, ThresholdBits] = {}
    categories: dict[str, Annotated[Action, Field(strict=False)]] = {}


class PolicySettings(_Section):
    """`[policy]`: what counts as a match and what is to be done about it."""

    action: Action = Field(default=Action.BLOCK, strict=False)
    unscreened_action: Action = Field(default=Action.REVIEW, strict=False)
    low_quality: Literal["unscreened", "clear"] = "unscreened"
    thresholds_bits: dict[str, ThresholdBits] = {}
    min_quality: dict[str, Quality] = {}
    lists: dict[str, ListPolicySettings] = {}


class MappingSettings(_Section):
    """`[mappings.NAME]`: how a licensor's file says what an entry is.

    `columns` gives for our columns the name that theirs has, `hashes` for their columns that hold
    a hash its algorithm, `flags` for their columns that say yes or no a tag. `algorithms` and
    `categories` rename values.
    """

    separator: str = Field(default="", max_length=1)
    rows: str = ""
    algorithm: str = ""
    columns: dict[MappedColumn, str] = {}
    hashes: dict[str, str] = {}
    flags: dict[str, str] = {}
    algorithms: dict[str, str] = {}
    categories: dict[str, str] = {}
    other_categories: Literal["keep", "set_aside", "leave_out"] = "keep"
    left_out_categories: tuple[str, ...] = Field(default=(), strict=False)


# A starting point: no public document says how the IWF's files are laid out.
_IWF = MappingSettings(
    columns={"entry_id": "id", "category": "category", "added_at": "date", "note": "comment"},
    hashes={"md5": "md5", "sha1": "sha1", "sha256": "sha256", "pdq": "pdq", "photodna": "photodna"},
    flags={"grid": "grid-image", "ai": "ai-generated"},
    categories={"A": "A", "B": "B", "C": "C"},
    other_categories="set_aside",
)


class SecretSettings(_Section):
    """Where a secret is: never in the configuration, which people show to each other."""

    env: str = ""
    file: str = ""

    @model_validator(mode="after")
    def _is_in_one_place(self) -> SecretSettings:
        if bool(self.env) is bool(self.file):
            raise ValueError("give env, the name of an environment variable, or file")
        return self


class _FileFormSettings(_Section):
    format: str = ""
    mapping: str = ""


class FileSourceSettings(_FileFormSettings):
    """`[lists.NAME]` with `source = "file"`: a file, or the last one by name in a folder."""

    source: Literal["file"]
    path: str


class HTTPSSourceSettings(_FileFormSettings):
    """`[lists.NAME]` with `source = "https"`: a file on a web server."""

    source: Literal["https"]
    url: str
    username: str = ""
    password: SecretSettings | None = None
    timeout_s: float = Field(default=60.0, gt=0, allow_inf_nan=False)


class ObjectStorageSourceSettings(_FileFormSettings):
    """`[lists.NAME]` with `source = "object-storage"`: an object, or the last one in a folder.

    `options` and `secrets` are what fsspec wants to know for that kind of storage.
    """

    source: Literal["object-storage"]
    url: str
    options: dict[str, Any] = {}
    secrets: dict[str, SecretSettings] = {}


class NCMECSourceSettings(_Section):
    """`[lists.NAME]` with `source = "ncmec"`: one of NCMEC's lists, by name or address."""

    source: Literal["ncmec"]
    base: str
    username: str
    password: SecretSettings
    mapping: str = ""
    timeout_s: float = Field(default=60.0, gt=0, allow_inf_nan=False)


class StopNCIISourceSettings(_Section):
    """`[lists.NAME]` with `source = "stopncii"`."""

    source: Literal["stopncii"]
    base: str = "https://api.stopncii.org/v1"
    function_key: SecretSettings
    subscription_key: SecretSettings
    timeout_s: float = Field(default=60.0, gt=0, allow_inf_nan=False)


class ThreatExchangeSourceSettings(_Section):
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
    | ThreatExchangeSourceSettings,
    Field(discriminator="source"),
]


class Settings(_Section):
    """Everything that can be set. `source` is the file it came from, None for the defaults."""

    data_dir: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("hashmatch"), strict=False
    )
    database: DatabaseSettings = DatabaseSettings()
    intake: IntakeSettings = IntakeSettings()
    index: IndexSettings = IndexSettings()
    policy: PolicySettings = PolicySettings()
    mappings: dict[str, MappingSettings] = {"iwf": _IWF}
    lists: dict[str, SourceSettings] = {}
    source: Path | None = Field(default=None, exclude=True)

    @field_validator("mappings")
    @classmethod
    def _keep_what_is_ready(
        cls, mappings: dict[str, MappingSettings]
    ) -> dict[str, MappingSettings]:
        """Leave the mappings that come along in place beside those of the file."""
        return {"iwf": _IWF, **mappings}

    @property
    def database_url(self) -> str:
        """The database to use: the one set, else SQLite in the data folder."""
        return self.database.url or f"sqlite:///{self.data_dir / 'hashmatch.db'}"

    @property
    def index_dir(self) -> Path:
        """The folder of the index: the one set, else `index` in the data folder."""
        return Path(self.index.dir) if self.index.dir else self.data_dir / "index"


def find_config(explicit: Path | None = None) -> Path | None:
    """Return the configuration file in force, or None when there is none.

    The order: `explicit`, `HASHMATCH_CONFIG`, `./hashmatch.toml`, the platform's configuration
    folder. A file that was named but is missing is for `load_settings` to complain about.
    """
    if explicit is not None:
        return explicit
    if named := os.environ.get("HASHMATCH_CONFIG"):
        return Path(named)
    usual = (Path(CONFIG_NAME), platformdirs.user_config_path("hashmatch") / CONFIG_NAME)
    return next((path for path in usual if path.is_file()), None)


def load_settings(explicit: Path | None = None, *, use_environment: bool = True) -> Settings:
    """Read the settings in force; a relative `data_dir` is relative to its file.

    Without `use_environment` the file's word is the last. Raises `ConfigError`
    naming the file and the key.
    """
    path = find_config(explicit)
    table = {} if path is None else _read_table(path)
    if path is not None:
        _make_absolute(path, table, "data_dir")
        _make_absolute(path, table.get("index"), "dir")
        lists = table.get("lists")
        for one in lists.values() if isinstance(lists, dict) else ():
            _make_absolute(path, one, "path")
            for secret in _secrets(one):
                _make_absolute(path, secret, "file")
    if use_environment:
        _override_from_environment(table)
    try:
        return Settings.model_validate({**table, "source": path})
    except ValidationError as error:
        raise ConfigError(
            _first_problem(path, error), hint="sample_config.toml documents every key."
        ) from error


def _read_table(path: Path) -> dict[str, object]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path}: there is no such configuration file",
            hint="Write one with 'hashmatch init', or leave out --config and HASHMATCH_CONFIG.",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from error
    if "source" in table:
        raise ConfigError(f"{path}: source: there is no such key")
    return table


def _make_absolute(path: Path, table: object, key: str) -> None:
    """Make a folder that a configuration file names absolute: it is relative to that file."""
    if isinstance(table, dict) and isinstance(folder := table.get(key), str) and folder:
        table[key] = str(path.absolute().parent / Path(folder).expanduser())


def _secrets(section: object) -> Iterator[object]:
    """Yield the tables of a section of a list that say where a secret is."""
    for key, value in section.items() if isinstance(section, dict) else ():
        yield value
        if key == "secrets" and isinstance(value, dict):
            yield from value.values()


def _override_from_environment(table: dict[str, object]) -> None:
    if data_dir := os.environ.get("HASHMATCH_DATA_DIR"):
        table["data_dir"] = str(Path(data_dir).expanduser().absolute())
    if url := os.environ.get("HASHMATCH_DATABASE_URL"):
        database = table.setdefault("database", {})
        if isinstance(database, dict):
            database["url"] = url


def _first_problem(path: Path | None, error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(str(part) for part in problem["loc"])
    words = "there is no such key" if problem["type"] == "extra_forbidden" else problem["msg"]
    return f"{path or 'environment'}: {key}: {words[0].lower()}{words[1:]}"
