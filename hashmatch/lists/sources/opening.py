"""From the configuration of a list to what it comes from."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from hashmatch.config import (
    FileSourceSettings,
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
from .https import HTTPSSource
from .interface import ListSource
from .ncmec import NCMECSource
from .object_storage import ObjectStorageSource
from .stopncii import StopNCIIKeys, StopNCIISource
from .threatexchange import ThreatExchangeSource


def open_source(settings: Settings, list_name: str) -> ListSource:
    """Return what a list comes from. Raises `ConfigError`."""
    given = settings.lists.get(list_name)
    if given is None:
        raise ConfigError(
            f"{settings.source or 'configuration'}: lists.{list_name}: there is no such section",
            hint="sample_config.toml shows what one can say.",
        )
    if isinstance(given, StopNCIISourceSettings):
        of_feedback = given.feedback_function_key
        keys = StopNCIIKeys(
            read_secret(given.function_key),
            read_secret(given.subscription_key),
            read_secret(of_feedback) if of_feedback else "",
        )
        return StopNCIISource(given.base, keys, timeout_s=given.timeout_s)
    mapping = _find_mapping(settings, list_name, given.mapping)
    if isinstance(given, FileSourceSettings):
        return FileSource(Path(given.path), partial(find_format, name=given.format), mapping)
    if isinstance(given, HTTPSSourceSettings):
        find = partial(find_format, name=given.format)
        password = None if given.password is None else read_secret(given.password)
        auth = None if password is None else (given.username, password)
        return HTTPSSource(
            given.url,
            find,
            mapping,
            auth=auth,
            ca_file=given.ca_file,
            timeout_s=given.timeout_s,
        )
    if isinstance(given, ObjectStorageSourceSettings):
        secrets = {name: read_secret(secret) for name, secret in given.secrets.items()}
        find = partial(find_format, name=given.format)
        return ObjectStorageSource(given.url, {**given.options, **secrets}, find, mapping)
    if isinstance(given, NCMECSourceSettings):
        credentials = (given.username, read_secret(given.password))
        return NCMECSource(
            given.base,
            credentials,
            mapping,
            negative_reason=given.negative_reason,
            timeout_s=given.timeout_s,
        )
    token = read_secret(given.access_token)
    return ThreatExchangeSource(
        given.base, given.privacy_group, token, mapping, timeout_s=given.timeout_s
    )


def _find_mapping(settings: Settings, list_name: str, name: str) -> MappingSettings | None:
    if name and name not in settings.mappings:
        raise ConfigError(
            f"{settings.source}: lists.{list_name}.mapping: there is no mapping {name}",
            hint=f"The configuration has {', '.join(settings.mappings)}.",
        )
    return settings.mappings.get(name)
