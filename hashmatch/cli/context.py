"""The configuration, store and scanner that the commands share."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from hashmatch.errors import InputError

if TYPE_CHECKING:
    from hashmatch.config import MappingSettings, Settings
    from hashmatch.screening import Scanner
    from hashmatch.store.engine import Database


@dataclass
class App:
    """One run of the command line. Settings are loaded when a command first uses them."""

    config: Path | None

    @cached_property
    def settings(self) -> Settings:
        """The settings, validated. Raises `ConfigError`."""
        from hashmatch.config import load_settings
        from hashmatch.wiring import open_policy

        settings = load_settings(self.config)
        open_policy(settings)
        return settings

    def mapping(self, name: str | None) -> MappingSettings | None:
        """Return the mapping of that name, None for no name. Raises `InputError`."""
        if name is None:
            return None
        if (mapping := self.settings.mappings.get(name)) is None:
            raise InputError(
                f"there is no mapping named {name!r}",
                hint=f"The configuration has {', '.join(self.settings.mappings)}.",
            )
        return mapping

    def settings_with(self, **intake_settings: object) -> Settings:
        """Return the settings with these intake settings replaced, but for those that are None."""
        given = {name: value for name, value in intake_settings.items() if value is not None}
        intake = self.settings.intake.model_copy(update=given)
        return self.settings.model_copy(update={"intake": intake})

    def decoders(self, workers: int | None) -> int:
        """Return the number of decoders: as asked for, as configured, or one per processor."""
        return workers or self.settings.intake.workers or os.cpu_count() or 1

    @contextmanager
    def database(self) -> Iterator[Database]:
        """The open store, at this version's schema. Raises `StoreError`."""
        from hashmatch.wiring import open_database

        actor = f"user {login_name()}"
        with closing(open_database(self.settings, actor)) as database:
            yield database

    @contextmanager
    def scanner(self, **intake_settings: object) -> Iterator[Scanner]:
        """A scanner that has lists to match against, with these intake settings replaced."""
        from hashmatch.wiring import open_scanner_with

        settings = self.settings_with(**intake_settings)
        with open_scanner_with(settings, configured=self.settings) as scanner:
            yield scanner


def login_name() -> str:
    """Return the name of the user who runs this; see `hashmatch.wiring.login_name`."""
    from hashmatch.wiring import login_name as name_of_user

    return name_of_user()


def standard_input() -> BinaryIO:
    """Return stdin. Raises `InputError` where there is none."""
    if sys.stdin is None:
        raise InputError("stdin is closed, so '-' cannot be read")
    return sys.stdin.buffer


pass_app = click.make_pass_decorator(App)
json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON Lines to stdout.")
orientations_option = click.option(
    "--orientations",
    is_flag=True,
    default=None,  # The settings decide where it is not given.
    help="Hash all eight orientations of each picture, rotated and mirrored.",
)
level_option = click.option(
    "--level",
    type=click.Choice(["plain", "standard", "thorough"]),
    help="Extent of the search for altered copies.",
)
limit_option = click.option(
    "--limit",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Maximum number to show.",
)
show_hashes_option = click.option(
    "--show-hashes", is_flag=True, help="Include hash values, which are confidential."
)
