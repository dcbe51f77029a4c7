"""Arguments and options that several `hashmatch lists` commands share."""

from __future__ import annotations

import click

DAY = click.DateTime(["%Y-%m-%d"])
name_argument = click.argument("name")
licensor_option = click.option("--licensor", help="Licensor of the list.")
