"""Checks of the configuration."""

from __future__ import annotations

from collections.abc import Iterator

from hashmatch.config import Settings
from hashmatch.errors import HashmatchError
from hashmatch.outbox import require_signing
from hashmatch.store.lists import MATCH
from hashmatch.wiring import (
    open_policy,
)

from .findings import Finding, Health


def look_at_config(settings: Settings) -> Iterator[Finding]:
    """Open the policy that the configuration sets."""
    open_policy(settings)
    yield Finding("configuration", Health.GOOD, str(settings.source or "defaults, no file"))


def look_at_webhooks(settings: Settings) -> Iterator[Finding]:
    """Check that the messages of each webhook can be signed."""
    for name, one in settings.webhooks.items():
        try:
            require_signing(one)
        except HashmatchError as error:
            yield Finding(f"webhook {name}", Health.BAD, error.message, error.hint)
        else:
            yield Finding(f"webhook {name}", Health.GOOD, "messages can be signed")


def look_at_guards(settings: Settings) -> Iterator[Finding]:
    """Check that what sources add to lists is compared with harmless pictures."""
    unguarded = [
        name
        for name, one in settings.lists.items()
        if one.kind == MATCH and not (one.guards or settings.guards).benign_sample
    ]
    if unguarded:
        detail = f"no benign sample shows whether sources flood {', '.join(unguarded)}"
        hint = "Write one: hashmatch hash FILES... --json; then set guards.benign_sample."
        yield Finding("guards", Health.WARNING, detail, hint)
