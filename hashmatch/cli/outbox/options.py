"""Arguments that several `hashmatch outbox` commands share."""

from __future__ import annotations

import click

KEY = click.IntRange(1, 2**63 - 1)
