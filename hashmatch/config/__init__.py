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
    "PolicySettings",
    "SecretSettings",
    "Settings",
    "SourceSettings",
    "StopNCIISourceSettings",
    "ThreatExchangeSourceSettings",
    "find_config",
    "load_settings",
]
