"""The configuration: one TOML file and two environment variables, read into frozen settings."""

from .lists import (
    FileSourceSettings,
    GuardSettings,
    HTTPSSourceSettings,
    MappingSettings,
    NCMECSourceSettings,
    ObjectStorageSourceSettings,
    SecretSettings,
    SourceSettings,
    StopNCIISourceSettings,
    ThreatExchangeSourceSettings,
)
from .secrets import read_secret
from .service import OutboxSettings, ServiceSettings, WebhookSettings
from .settings import (
    CONFIG_NAME,
    ImageFormat,
    ListPolicySettings,
    PolicySettings,
    Settings,
    find_config,
    load_settings,
)

__all__ = [
    "CONFIG_NAME",
    "FileSourceSettings",
    "GuardSettings",
    "HTTPSSourceSettings",
    "ImageFormat",
    "ListPolicySettings",
    "MappingSettings",
    "NCMECSourceSettings",
    "ObjectStorageSourceSettings",
    "OutboxSettings",
    "PolicySettings",
    "SecretSettings",
    "ServiceSettings",
    "Settings",
    "SourceSettings",
    "StopNCIISourceSettings",
    "ThreatExchangeSourceSettings",
    "WebhookSettings",
    "find_config",
    "load_settings",
    "read_secret",
]
