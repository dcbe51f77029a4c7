"""Run: files that are held against one browser, and the table of what came of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random

from hashmatch.outcome import Reason

from . import viewers
from .browser import MIME_TYPES, Browser, BrowserError, Shown
from .checking import Checker, Judgement
from .mutator import mutate
from .recipes import Format

_FINDINGS = Path("conform-findings")


@dataclass(slots=True)
class Run:
    """Draws files, changes some, reads others from a folder, and holds each against viewers.

    The browser is asked about what browsers show, and other viewers about the rest.
    """

    browser: Browser
    random: Random
    found: int = 0
    _checker: Checker = field(default_factory=Checker)
    # By kind (drawn, damaged, changed, given), format, what the browser did, and what we did.
    _verdicts: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)

    def try_drawn(self, one: Format) -> None:
        """Draw a file; where it disagrees, make it simpler and leave it in the folder."""
        features = one.draw(self.random)
        kind = "damaged" if one.is_damaged(features) else "drawn"
        judgement = self._judge(kind, one.name, one.write(features))
        if judgement.disagreements:
            simpler = one.shrink(features, partial(self._disagrees, one.name))
            usual = {name: values[0] for name, values in one.features.items()}
            data = one.write({**usual, **simpler})
            self._keep(one.name, data, f"{sorted(simpler.items(), key=str)}", judgement)

    def try_changed(self, one: Format) -> None:
        """Draw a file, change its headers and chunks, and leave it in the folder if need be."""
        data, other = (one.write(one.draw(self.random)) for _ in range(2))
        data = mutate(data, other, one.name, self.random)
        judgement = self._judge("changed", one.name, data)
        if judgement.disagreements:
            self._keep(one.name, data, "changed", judgement)

    def try_given(self, path: Path, image_format: str) -> None:
        """Take a file as it is, and name it if it disagrees."""
        judgement = self._judge("given", image_format, path.read_bytes())
        if judgement.disagreements:
            self.found += 1
            print(f"{path}: {_describe(judgement)}", flush=True)

    def _judge(self, kind: str, name: str, data: bytes) -> Judgement:
        try:
            shown = self._show(name, data)
        except BrowserError:
            self._verdicts[kind, name, "no answer", ""] += 1
            return Judgement("", ())
        judgement = self._checker.judge(data, shown)
        state = "shown" if shown.pictures else "broken"
        what = re.sub(r"\d+", "N", judgement.refusal) or "verdict"
        self._verdicts[kind, name, state, what] += 1
        return judgement

    def _disagrees(self, name: str, data: bytes) -> bool:
        try:
            return bool(self._checker.judge(data, self._show(name, data)).disagreements)
        except BrowserError:
            return False

    def _show(self, name: str, data: bytes) -> Shown:
        show = self.browser.show if name in MIME_TYPES else viewers.show
        return show(data, name)

    def _keep(self, name: str, data: bytes, how: str, judgement: Judgement) -> None:
        self.found += 1
        _FINDINGS.mkdir(exist_ok=True)
        path = _FINDINGS / f"{self.found}.{name.lower()}"
        path.write_bytes(data)
        print(f"{path}: {how}: {_describe(judgement)}", flush=True)

    def report(self) -> list[str]:
        """Return the table, the share of verdicts for each kind, and the number of disagreements.

        Files of a quality that is too low to compare count as judged.
        """
        lines = [f"{times:6} {' '.join(key)}" for key, times in sorted(self._verdicts.items())]
        for kind in sorted({key[0] for key in self._verdicts}):
            shown = self._count(kind, lambda what: True)
            judged = self._count(kind, _is_judged)
            share = f"{judged / shown:.2%}" if shown else "none"
            lines.append(f"{kind}: {share} of {shown} files shown got a verdict or are too plain")
        return [*lines, f"{self.found} files disagree"]

    def _count(self, kind: str, fits: Callable[[str], bool]) -> int:
        """Return the number of files of a kind that the browser shows and whose outcome fits."""
        return sum(
            times
            for (its_kind, _, state, what), times in self._verdicts.items()
            if its_kind == kind and state == "shown" and fits(what)
        )


def _is_judged(what: str) -> bool:
    return what == "verdict" or what.startswith(Reason.LOW_QUALITY)


def _describe(judgement: Judgement) -> str:
    return ", ".join(
        f"frame {one.shown.frame} over {one.shown.background}: {one.distance_bits} bits"
        for one in judgement.disagreements
    )
