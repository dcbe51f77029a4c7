"""`python -m tests.conform FILES SEED [FORMAT...]`: hold drawn files against the browser.

What disagrees is made simpler, named by its features, and left in the folder `conform-findings`.
"""

from __future__ import annotations

import sys
from collections import Counter
from functools import partial
from pathlib import Path
from random import Random

from .browser import Browser
from .checking import Checker
from .formats import FORMATS
from .recipes import Format

_FINDINGS = Path("conform-findings")


def main() -> None:
    """Draw files until there are as many, and report what was refused and what disagrees."""
    count, seed, names = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    chosen = [one for one in FORMATS if not names or one.name in names]
    with Browser() as browser:
        run = Run(browser, Random(seed))
        for number in range(count):
            run.try_one(chosen[number % len(chosen)])
    print("\n".join(run.report()))
    sys.exit(bool(run.found))


class Run:
    """Files that are held against one browser, and the counts of what came of them."""

    def __init__(self, browser: Browser, random: Random) -> None:
        self._browser = browser
        self._random = random
        self._checker = Checker()
        self._verdicts: Counter[tuple[str, str, str]] = Counter()
        self.found: Counter[str] = Counter()

    def try_one(self, one: Format) -> None:
        """Draw a file; where it disagrees, make it simpler and leave it in the folder."""
        features = one.draw(self._random)
        data = one.write(features)
        shown = self._browser.show(data, one.name)
        judgement = self._checker.judge(data, shown)
        state = "shown" if shown.pictures else "broken"
        self._verdicts[one.name, state, judgement.refusal or "verdict"] += 1
        if judgement.disagreements:
            simpler = one.shrink(features, partial(self._disagrees, one))
            key = f"{one.name} {sorted(simpler.items(), key=str)}"
            self.found[key] += 1
            _FINDINGS.mkdir(exist_ok=True)
            usual = {name: values[0] for name, values in one.features.items()}
            path = _FINDINGS / f"{sum(self.found.values())}.{one.name.lower()}"
            path.write_bytes(one.write({**usual, **simpler}))
            print(f"{path}: {key}: {[each.distance_bits for each in judgement.disagreements]}",
                  flush=True)  # fmt: skip

    def _disagrees(self, one: Format, data: bytes) -> bool:
        shown = self._browser.show(data, one.name)
        return bool(self._checker.judge(data, shown).disagreements)

    def report(self) -> list[str]:
        """Return a line for each format and verdict, and the number of files that disagree."""
        lines = [f"{times:6} {' '.join(key)}" for key, times in sorted(self._verdicts.items())]
        shown = sum(times for (_, state, _), times in self._verdicts.items() if state == "shown")
        judged = sum(
            times for (_, state, what), times in self._verdicts.items()
            if state == "shown" and what == "verdict"
        )  # fmt: skip
        share = f"{judged / shown:.2%}" if shown else "none"
        return [*lines, f"{share} of {shown} files that are shown got a verdict",
                f"{sum(self.found.values())} files disagree"]  # fmt: skip


if __name__ == "__main__":
    main()
