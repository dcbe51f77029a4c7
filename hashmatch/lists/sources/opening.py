"""Opening of list sources from the configuration."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from hashmatch.audit import parse_public_keys
from hashmatch.config import (
    FileSourceSettings,
    HashmatchSourceSettings,
    HTTPSSourceSettings,
    MappingSettings,
    NCMECSourceSettings,
    ObjectStorageSourceSettings,
    Settings,
    StopNCIISourceSettings,
    read_secret,
)
from hashmatch.errors import ConfigError

from ..formats import find_format
from .file import FileSource
from .hashmatch import HashmatchSource
from .https import HTTPSSource
from .interface import ListSource
from .ncmec import NCMECSource
from .object_storage import ObjectStorageSource
from .stopncii import StopNCIIKeys, StopNCIISource
from .threatexchange import ThreatExchangeSource


def open_source(settings: Settings, list_name: str) -> ListSource:
    """Return the source of a list.

    Raises `ConfigError` where its section, its mapping or a secret of it is missing.
    """
    section = settings.lists.get(list_name)
    if section is None:
        raise ConfigError(
            f"{settings.source or 'configuration'}: lists.{list_name}: the configuration has no"
            " such section",
            hint="'hashmatch config sample' has a section for each kind of source.",
        )
    if isinstance(section, StopNCIISourceSettings):
        return _stopncii(section)
    if isinstance(section, HashmatchSourceSettings):
        return HashmatchSource(
            section.url,
            section.list or list_name,
            read_secret(section.token),
            parse_public_keys(section.public_keys, f"lists.{list_name}.public_keys"),
            ca_file=section.ca_file,
            timeout_s=section.timeout_s,
        )
    mapping = _find_mapping(settings, list_name, section.mapping)
    if isinstance(section, FileSourceSettings):
        return FileSource(Path(section.path), partial(find_format, name=section.format), mapping)
    if isinstance(section, HTTPSSourceSettings):
        return _https(section, mapping)
    if isinstance(section, ObjectStorageSourceSettings):
        secrets = {name: read_secret(secret) for name, secret in section.secrets.items()}
        find = partial(find_format, name=section.format)
        return ObjectStorageSource(section.url, {**section.options, **secrets}, find, mapping)
    if isinstance(section, NCMECSourceSettings):
        credentials = (section.username, read_secret(section.password))
        return NCMECSource(
            section.base,
            credentials,
            mapping,
            members=section.members,
            negative_reason=section.negative_reason,
            timeout_s=section.timeout_s,
        )
    # Only ThreatExchange is left, which mypy verifies by the attributes used here.
    token = read_secret(section.access_token)
    return ThreatExchangeSource(
        section.base, section.privacy_group, token, mapping, timeout_s=section.timeout_s
    )


def _stopncii(section: StopNCIISourceSettings) -> StopNCIISource:
    feedback_key = section.feedback_function_key
    keys = StopNCIIKeys(
        read_secret(section.function_key),
        read_secret(section.subscription_key),
        read_secret(feedback_key) if feedback_key else "",
    )
    return StopNCIISource(section.base, keys, timeout_s=section.timeout_s)


def _https(section: HTTPSSourceSettings, mapping: MappingSettings | None) -> HTTPSSource:
    password = None if section.password is None else read_secret(section.password)
    return HTTPSSource(
        section.url,
        partial(find_format, name=section.format),
        mapping,
        auth=None if password is None else (section.username, password),
        ca_file=section.ca_file,
        timeout_s=section.timeout_s,
    )


def _find_mapping(settings: Settings, list_name: str, name: str) -> MappingSettings | None:
    if name and name not in settings.mappings:
        raise ConfigError(
            f"{settings.source}: lists.{list_name}.mapping: there is no mapping {name}",
            hint=f"The configuration has these mappings: {', '.join(settings.mappings)}.",
        )
    return settings.mappings.get(name)
