"""Doctor: examines the installation, the configuration, the store and the lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

from hashmatch.config import Settings
from hashmatch.errors import HashmatchError
from hashmatch.wiring import open_database

from .configuration import look_at_config, look_at_guards, look_at_webhooks
from .findings import Finding, Health
from .installation import (
    look_at_content_credentials,
    look_at_core_dumps,
    look_at_formats,
    look_at_hashers,
    look_at_isolation,
    look_at_program,
)
from .stored import (
    look_at_audit_log,
    look_at_database,
    look_at_index,
    look_at_lists,
    look_at_reach,
    look_at_recorded_policy,
)

__all__ = ["Finding", "Health", "examine"]


def examine(settings: Settings) -> list[Finding]:
    """Run all checks and return their findings; a check that raises yields a finding, too."""
    checks = (
        look_at_program,
        look_at_config,
        look_at_hashers,
        look_at_formats,
        look_at_content_credentials,
        look_at_isolation,
        look_at_core_dumps,
        look_at_webhooks,
        look_at_guards,
    )
    findings = [finding for check in checks for finding in _guarded(check, settings)]
    try:
        with closing(open_database(settings)) as database:
            for look in (
                look_at_database,
                look_at_audit_log,
                look_at_recorded_policy,
                look_at_index,
                look_at_lists,
                look_at_reach,
            ):
                findings.extend(look(settings, database))
    except HashmatchError as error:
        findings.append(Finding("database", Health.BAD, error.message, error.hint))
    return findings


def _guarded(
    check: Callable[[Settings], Iterator[Finding]], settings: Settings
) -> Iterator[Finding]:
    try:
        yield from check(settings)
    except (HashmatchError, ImportError) as error:
        yield Finding(check.__name__.removeprefix("look_at_"), Health.BAD, str(error))
