"""All settings together, read from one TOML file and two environment variables."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import platformdirs
from pydantic import Field, ValidationError, field_validator

from hashmatch.errors import ConfigError
from hashmatch.hashes import Decode, Level
from hashmatch.outcome import Action

from .cases import AuditSettings, CasesSettings, EscalationSettings, RetentionSettings
from .console import ConsoleSettings
from .lists import IWF, GuardSettings, MappingSettings, SecretSettings, Section, SourceSettings
from .notices import NoticeSettings
from .reporting import ReportsSettings
from .service import DoorSettings, OutboxSettings, ServiceSettings, WebhookName, WebhookSettings
from .sharing import SharingSettings
from .suggesting import suggest_key
from .worker import WorkerSettings

CONFIG_NAME = "hashmatch.toml"
# Tables of a section whose own tables are places of secrets.
_SECRET_TABLES = ("secrets", "storage_secrets", "file")

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
    "JXL",
    "ICO",
    "PSD",
    "TGA",
    "PPM",
]


class DatabaseSettings(Section):
    """`[database]`: address of the store; an empty `url` means SQLite in the data folder."""

    url: str = ""
    busy_timeout_s: float = Field(default=10.0, ge=0)

    @field_validator("url")
    @classmethod
    def _name_the_driver(cls, url: str) -> str:
        """Take the other name of PostgreSQL, too, which hosts of databases give."""
        return re.sub("^postgres://", "postgresql://", url)


class IntakeSettings(Section):
    """`[intake]`: formats and limits of images, and how they are decoded."""

    max_bytes: int = Field(default=50_000_000, ge=1, le=2_000_000_000)
    max_pixels: int = Field(default=100_000_000, ge=1)
    max_side: int = Field(default=65_535, ge=1)
    max_frames: int = Field(default=10_000, ge=1)
    max_distinct_frames: int = Field(default=2_000, ge=1, le=10_000)
    max_metadata_bytes: int = Field(default=10_000_000, ge=1)
    max_nesting: int = Field(default=8, ge=1, le=100)
    formats: tuple[ImageFormat, ...] = Field(
        default=get_args(ImageFormat), min_length=1, strict=False
    )
    decode: Decode = Field(default=Decode.SCALED, strict=False)
    level: Level = Field(default=Level.STANDARD, strict=False)
    orientations: bool = False
    isolation: Literal["process", "none"] = "process"
    workers: int = Field(default=0, ge=0, le=1_000)
    timeout_s: float = Field(default=20.0, gt=0, le=86_400, allow_inf_nan=False)
    max_memory_bytes: int = Field(default=3_000_000_000, ge=600_000_000, le=2**46)
    # A file of certificates in PEM, by which content credentials are trusted.
    trust_anchors: str = ""


class IndexSettings(Section):
    """`[index]`: place of the index and how it is updated; by default it is in `data_dir`."""

    dir: str = ""
    background: bool = False
    max_age_s: float = Field(default=300.0, gt=0, allow_inf_nan=False)
    rebuild: bool = True


class ListPolicySettings(Section):
    """`[policy.lists.NAME]`: action, thresholds and categories of one list."""

    action: Action | None = Field(default=None, strict=False)
    # The least action for images that declare to be generated, in part at least.
    generated_action: Action | None = Field(default=None, strict=False)
    thresholds_bits: dict[str, ThresholdBits] = {}
    review_bits: dict[str, ThresholdBits] = {}
    categories: dict[str, Annotated[Action, Field(strict=False)]] = {}


class PolicySettings(Section):
    """`[policy]`: thresholds and the quality gate for matches, and the actions to take."""

    action: Action = Field(default=Action.BLOCK, strict=False)
    unscreened_action: Action = Field(default=Action.REVIEW, strict=False)
    # The least actions for images by what their files declare; nothing makes a match milder.
    generated_action: Action = Field(default=Action.ALLOW, strict=False)
    partly_generated_action: Action = Field(default=Action.ALLOW, strict=False)
    # For prompts that match listed terms.
    prompt_action: Action = Field(default=Action.REVIEW, strict=False)
    # Not clear by default: nothing compared the picture.
    low_quality: Literal["unscreened", "clear"] = "unscreened"
    # Whether nothing starts under a changed policy until its reason is on record.
    require_reason: bool = False
    thresholds_bits: dict[str, ThresholdBits] = {}
    review_bits: dict[str, ThresholdBits] = {}
    min_quality: dict[str, Quality] = {}
    lists: dict[str, ListPolicySettings] = {}


class PromptSettings(Section):
    """`[prompts]`: how prompts are screened for listed terms."""

    max_characters: int = Field(default=20_000, ge=1, le=1_000_000)
    # The key of the hashes that stand for prompts on record; by default a file in `data_dir`.
    digest_key: SecretSettings | None = None


class BackfillSettings(Section):
    """`[backfill]`: how large stores of images are screened.

    `storage_options` and `storage_secrets` are fsspec's options for object storage.
    """

    # The key of the digests that stand for content ids until a back-fill ends; by default a file
    # in `data_dir`.
    digest_key: SecretSettings | None = None
    storage_options: dict[str, Any] = {}
    storage_secrets: dict[str, SecretSettings] = {}


class RetainedHashSettings(Section):
    """`[retained_hashes]`: hashes of uploads that later entries are compared with; off."""

    enabled: bool = False
    # By default `retained` in `data_dir`.
    dir: str = ""
    algorithms: tuple[str, ...] = Field(
        default=("pdq", "md5", "sha1", "sha256"), min_length=1, strict=False
    )
    max_age_days: float = Field(default=90.0, gt=0, le=36_600, allow_inf_nan=False)


class Settings(Section):
    """All settings; `source` is the file that they were read from, None for the defaults."""

    data_dir: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("hashmatch"), strict=False
    )
    database: DatabaseSettings = DatabaseSettings()
    intake: IntakeSettings = IntakeSettings()
    index: IndexSettings = IndexSettings()
    policy: PolicySettings = PolicySettings()
    prompts: PromptSettings = PromptSettings()
    backfill: BackfillSettings = BackfillSettings()
    retained_hashes: RetainedHashSettings = RetainedHashSettings()
    mappings: dict[str, MappingSettings] = {"iwf": IWF}
    lists: dict[str, SourceSettings] = {}
    guards: GuardSettings = GuardSettings()
    service: ServiceSettings = ServiceSettings()
    console: ConsoleSettings = ConsoleSettings()
    doors: DoorSettings = DoorSettings()
    worker: WorkerSettings = WorkerSettings()
    webhooks: dict[WebhookName, WebhookSettings] = {}
    outbox: OutboxSettings = OutboxSettings()
    cases: CasesSettings = CasesSettings()
    notices: NoticeSettings = NoticeSettings()
    escalations: dict[WebhookName, EscalationSettings] = {}
    audit: AuditSettings = AuditSettings()
    sharing: SharingSettings = SharingSettings()
    reports: ReportsSettings = ReportsSettings()
    retention: RetentionSettings = RetentionSettings()
    source: Path | None = Field(default=None, exclude=True)

    @field_validator("mappings")
    @classmethod
    def _add_own_mappings(cls, mappings: dict[str, MappingSettings]) -> dict[str, MappingSettings]:
        """Add our own mappings to those of the file, which may replace them."""
        return {"iwf": IWF, **mappings}

    @property
    def database_url(self) -> str:
        """Return the configured database, by default SQLite in the data folder."""
        return self.database.url or f"sqlite:///{self.data_dir / 'hashmatch.db'}"

    @property
    def index_dir(self) -> Path:
        """Return the configured folder of the index, by default `index` in the data folder."""
        return Path(self.index.dir) if self.index.dir else self.data_dir / "index"

    @property
    def retained_dir(self) -> Path:
        """Return the configured folder of retained hashes, by default in the data folder."""
        retained = self.retained_hashes
        return Path(retained.dir) if retained.dir else self.data_dir / "retained"


def find_config(explicit: Path | None = None) -> Path | None:
    """Return the configuration file in force, or None when there is none.

    The order: `explicit`, `HASHMATCH_CONFIG`, `./hashmatch.toml`, the platform's configuration
    folder. A named file that is missing is returned, too; `load_settings` then raises.
    """
    if explicit is not None:
        return explicit
    if named := os.environ.get("HASHMATCH_CONFIG"):
        return Path(named)
    usual = (Path(CONFIG_NAME), platformdirs.user_config_path("hashmatch") / CONFIG_NAME)
    return next((path for path in usual if path.is_file()), None)


def load_settings(explicit: Path | None = None, *, use_environment: bool = True) -> Settings:
    """Read the settings in force; relative paths in the file are relative to it.

    Without `use_environment` the environment does not override the file. Raises `ConfigError`,
    which names the file and the key.
    """
    path = find_config(explicit)
    table = {} if path is None else _read_table(path)
    # Before validation, which reports a key by its place in the file.
    if path is not None:
        _make_absolute(path, table, "data_dir")
        _make_absolute(path, table.get("index"), "dir")
        _make_absolute(path, table.get("retained_hashes"), "dir")
        _make_absolute(path, table.get("intake"), "trust_anchors")
        _make_absolute(path, table.get("guards"), "benign_sample")
        for key in ("tls_certificate", "tls_key"):
            _make_absolute(path, table.get("service"), key)
        for one in _sections(table, "lists", "webhooks", "escalations"):
            _make_absolute(path, one, "path")
            _make_absolute(path, one, "ca_file")
            guards = one.get("guards") if isinstance(one, dict) else None
            _make_absolute(path, guards, "benign_sample")
            for secret in _secrets(one):
                _make_absolute(path, secret, "file")
        for section in (
            table.get("audit"),
            table.get("cases"),
            table.get("prompts"),
            table.get("backfill"),
            table.get("worker"),
            table.get("sharing"),
            _table(table.get("console"), "oidc"),
        ):
            for secret in _secrets(section):
                _make_absolute(path, secret, "file")
    if path is not None:
        _make_exchanges_absolute(path, table.get("sharing"))
    if use_environment:
        _override_from_environment(table)
    try:
        return Settings.model_validate({**table, "source": path})
    except ValidationError as error:
        raise ConfigError(
            _first_problem(path, error), hint="'hashmatch config sample' shows every key."
        ) from error


def _read_table(path: Path) -> dict[str, object]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path}: there is no such configuration file",
            hint="Create one with 'hashmatch init', or omit --config and HASHMATCH_CONFIG.",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    # A field of `Settings`, but not a key of the file.
    if "source" in table:
        raise ConfigError(f"{path}: source: there is no such key")
    return table


def _make_absolute(path: Path, table: object, key: str) -> None:
    """Make a path in a table of the configuration file absolute: it is relative to that file."""
    if isinstance(table, dict) and isinstance(folder := table.get(key), str) and folder:
        table[key] = str(path.absolute().parent / Path(folder).expanduser())


def _make_exchanges_absolute(path: Path, sharing: object) -> None:
    """Make the paths of secrets and templates of exchanges absolute."""
    for one in _sections(sharing, "exchanges") if isinstance(sharing, dict) else ():
        for secret in _secrets(one):
            _make_absolute(path, secret, "file")
        for name in ("add", "update", "withdraw"):
            _make_absolute(path, _table(one, name), "template")


def _table(section: object, key: str) -> object:
    """Return a table within a section, whatever was written there."""
    return section.get(key) if isinstance(section, dict) else None


def _sections(table: dict[str, object], *names: str) -> Iterator[object]:
    """Yield the sections whose names the operator chose, such as those of `[lists.NAME]`."""
    for name in names:
        sections = table.get(name)
        yield from sections.values() if isinstance(sections, dict) else ()


def _secrets(section: object) -> Iterator[object]:
    """Yield the values of a section that may be places of secrets, nested ones included."""
    for key, value in section.items() if isinstance(section, dict) else ():
        yield value
        if key in _SECRET_TABLES and isinstance(value, dict):
            yield from value.values()
        elif isinstance(value, list):
            yield from value


def _override_from_environment(table: dict[str, object]) -> None:
    if data_dir := os.environ.get("HASHMATCH_DATA_DIR"):
        table["data_dir"] = str(Path(data_dir).expanduser().absolute())
    if url := os.environ.get("HASHMATCH_DATABASE_URL"):
        database = table.setdefault("database", {})
        # Anything else is left for the validation to report.
        if isinstance(database, dict):
            database["url"] = url


def _first_problem(path: Path | None, error: ValidationError) -> str:
    # Without the input: it could be a secret that was put into the wrong key.
    problems = error.errors(include_url=False, include_input=False)
    # A misspelt key may be why another one is missing.
    unknown = (one for one in problems if one["type"] == "extra_forbidden")
    problem = next(unknown, problems[0])
    key = ".".join(str(part) for part in problem["loc"])
    words = problem["msg"]
    if problem["type"] == "extra_forbidden":
        meant = suggest_key(Settings, problem["loc"])
        words = "there is no such key" + ("" if meant is None else f"; did you mean {meant}?")
    return f"{path or 'environment'}: {key}: {words[0].lower()}{words[1:]}"
