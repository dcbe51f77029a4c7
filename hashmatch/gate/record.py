"""Record of a gate: what it decided by day, and under which safeguards, as regulators ask."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from hashmatch._version import __version__
from hashmatch.config import Settings, load_settings
from hashmatch.errors import StoreError
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Level
from hashmatch.store.lists import MATCH, OWN, TERMS, ListState, read_lists
from hashmatch.store.safeguards import GateTally, record_safeguards
from hashmatch.store.schema import utc_now
from hashmatch.wiring import (
    open_database,
    open_policy,
    open_prompt_screener_with,
    open_scanner_with,
)

from .decisions import Context, Decision
from .gate import BUDGET_S, ImageGate

_LOOK_EVERY_S = 60.0
_ADAPTER_CHARACTERS, _NAME_CHARACTERS = 32, 64
_log = logging.getLogger("hashmatch.gate")


def open_gate(
    config: str | Path | None = None,
    *,
    name: str = "gate",
    level: Level | None = None,
    budget_s: float = BUDGET_S,
    shows_review: bool = False,
    checks_prompts: bool = False,
) -> ImageGate:
    """Open a gate under a configuration file, by default the one in force, and record it.

    `name` tells the gates of one platform apart in `hashmatch gate report`; with `checks_prompts`
    it looks for listed terms in prompts. See `ImageGate` for the rest, and `hashmatch.open_scanner`
    and `hashmatch.open_prompt_screener` for the errors that it raises.
    """
    return open_gate_with(
        load_settings(None if config is None else Path(config)),
        name=name, level=level, budget_s=budget_s, shows_review=shows_review,
        checks_prompts=checks_prompts,
    )  # fmt: skip


def open_gate_with(
    settings: Settings,
    *,
    name: str,
    level: Level | None = None,
    budget_s: float = BUDGET_S,
    shows_review: bool = False,
    checks_prompts: bool = False,
) -> ImageGate:
    """Open a gate under settings that were read before; see `open_gate`."""
    with ExitStack() as opened:
        scanner = opened.enter_context(open_scanner_with(settings))
        prompts = None
        if checks_prompts:
            prompts = opened.enter_context(open_prompt_screener_with(settings))
        record = GateRecord(
            settings, name, level=level, budget_s=budget_s, shows_review=shows_review,
            checks_prompts=checks_prompts,
        )  # fmt: skip
        opened.callback(record.close)
        close = opened.pop_all().close
    return ImageGate(
        scanner, budget_s=budget_s, level=level, shows_review=shows_review, count=record.count,
        on_close=close, prompts=prompts,
    )  # fmt: skip


class GateRecord:
    """Counts the decisions of one gate, and keeps its safeguards on record as they change."""

    def __init__(self, settings: Settings, name: str, **mode: Any) -> None:
        """Put the safeguards on record. Raises `StoreError` where they cannot be."""
        self._policy = open_policy(settings)
        self._name = name[:_NAME_CHARACTERS]
        self._mode = {**mode, "level": (mode["level"] or settings.intake.level).value}
        self._database = open_database(settings, actor="gate")
        self._tally = GateTally(self._database)
        self._is_closed = threading.Event()
        self._owner = 0
        self._recorded: Mapping[str, Any] = {}
        try:
            self._look()
        except BaseException:
            self._database.close()
            raise
        self._start()

    def count(self, context: Context, decisions: Sequence[Decision]) -> None:
        """Count decisions, in memory."""
        if self._owner != os.getpid():  # Threads do not survive forks.
            self._start()
        day, adapter = utc_now().date(), context.adapter[:_ADAPTER_CHARACTERS]
        for one in decisions:
            self._tally.count((day, adapter, context.role.value, one.verdict.value, one.is_shown))

    def close(self) -> None:
        """Write the last counts. Raises `StoreError`."""
        self._is_closed.set()
        try:
            self._tally.close()
        finally:
            self._database.close()

    def _start(self) -> None:
        self._owner = os.getpid()
        name = "hashmatch-safeguards"
        threading.Thread(target=self._look_regularly, name=name, daemon=True).start()

    def _look_regularly(self) -> None:
        while not self._is_closed.wait(_LOOK_EVERY_S):
            try:
                self._look()
            except StoreError as error:
                _log.warning("safeguards are not recorded yet: %s", error.message)
            except Exception:  # noqa: BLE001 (whatever it is must not end the looking for ever)
                _log.exception("safeguards are not recorded yet")

    def _look(self) -> None:
        """Record the safeguards of this moment where they changed."""
        with self._database.reading() as session:
            facts = self._facts(read_lists(session, MATCH, OWN, TERMS))
        if facts == self._recorded:
            return
        with self._database.writing() as session:
            record_safeguards(session, self._name, facts)
        self._recorded = facts

    def _facts(self, lists: Sequence[ListState]) -> Mapping[str, Any]:
        return {
            "version": __version__,
            "fails_closed": True,
            **self._mode,
            "lists": {
                one.name: {
                    "generation": one.generation,
                    "thresholds_bits": {
                        name: bits
                        for name, algorithm in ALGORITHMS.items()
                        if (bits := self._policy.threshold_bits(one.name, algorithm)) is not None
                    },
                }
                for one in lists
                if one.kind != TERMS
            },
            "term_lists": {
                one.name: {"generation": one.generation}
                for one in lists
                if one.kind == TERMS and self._mode["checks_prompts"]
            },
        }
