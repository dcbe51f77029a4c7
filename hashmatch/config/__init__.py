"""Configuration: one TOML file and two environment variables, read into frozen settings."""

from .cases import (
    AuditSettings,
    CasesSettings,
    CategorySettings,
    CyberTiplineEscalation,
    DeadlineSettings,
    EmailEscalation,
    EscalationSettings,
    HandoffSettings,
    RetentionSettings,
    VaultSettings,
    WebhookEscalation,
)
from .console import ConsoleSettings, OIDCSettings, RoleName, ViewerSettings
from .exchanges import (
    ExchangeSettings,
    NCMECExchange,
    StopNCIIExchange,
    TemplateSettings,
    ThreatExchangeExchange,
)
from .lists import (
    FileSourceSettings,
    GuardSettings,
    HashmatchSourceSettings,
    HTTPSSourceSettings,
    MappingSettings,
    NCMECSourceSettings,
    ObjectStorageSourceSettings,
    SecretSettings,
    SourceSettings,
    StopNCIISourceSettings,
    ThreatExchangeSourceSettings,
)
from .nca import NCAEscalation, NCAPriority
from .notices import NoticeSettings
from .reporters import ReporterSettings
from .reporting import DSARuleSettings, DSASettings, InterimSettings, ReportsSettings
from .sample import read_sample
from .secrets import read_secret, require_secrets, settings_problems
from .service import (
    DoorSettings,
    EndpointSettings,
    OutboxSettings,
    ServiceSettings,
    WebhookSettings,
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
from .sharing import SharedListSettings, SharingSettings, TrafficLight
from .worker import WorkerSettings

__all__ = [
    "CONFIG_NAME",
    "AuditSettings",
    "CasesSettings",
    "CategorySettings",
    "ConsoleSettings",
    "CyberTiplineEscalation",
    "DSARuleSettings",
    "DSASettings",
    "DeadlineSettings",
    "DoorSettings",
    "EmailEscalation",
    "EndpointSettings",
    "EscalationSettings",
    "ExchangeSettings",
    "FileSourceSettings",
    "GuardSettings",
    "HTTPSSourceSettings",
    "HandoffSettings",
    "HashmatchSourceSettings",
    "ImageFormat",
    "InterimSettings",
    "ListPolicySettings",
    "MappingSettings",
    "NCAEscalation",
    "NCAPriority",
    "NCMECExchange",
    "NCMECSourceSettings",
    "NoticeSettings",
    "OIDCSettings",
    "ObjectStorageSourceSettings",
    "OutboxSettings",
    "PolicySettings",
    "ReporterSettings",
    "ReportsSettings",
    "RetentionSettings",
    "RoleName",
    "SecretSettings",
    "ServiceSettings",
    "Settings",
    "SharedListSettings",
    "SharingSettings",
    "SourceSettings",
    "StopNCIIExchange",
    "StopNCIISourceSettings",
    "TemplateSettings",
    "ThreatExchangeExchange",
    "ThreatExchangeSourceSettings",
    "TrafficLight",
    "VaultSettings",
    "ViewerSettings",
    "WebhookEscalation",
    "WebhookSettings",
    "WorkerSettings",
    "find_config",
    "load_settings",
    "read_sample",
    "read_secret",
    "require_secrets",
    "settings_problems",
]
