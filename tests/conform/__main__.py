"""`python -m tests.conform`: hold drawn files against the browser; see `--help`.

What disagrees is made simpler, named by its features, and left in the folder `conform-findings`.
"""

from __future__ import annotations

import secrets
import sys
import time
import warnings
from collections import Counter
from functools import partial
from itertools import count
from pathlib import Path
from random import Random

import click

from hashmatch.outcome import Reason

from .browser import Browser
from .checking import Checker
from .formats import FORMATS
from .recipes import Format

_FINDINGS = Path("conform-findings")


@click.command()
@click.option("--files", type=int, default=1000, help="Number of files to draw.")
@click.option("--seconds", type=float, default=0.0, help="Go on for so long instead.")
@click.option("--seed", type=int, help="Number that the files follow from; by default any.")
@click.argument("names", nargs=-1)
def main(files: int, seconds: float, seed: int | None, names: tuple[str, ...]) -> None:
    """Draw files and hold them against the browser; NAMES are formats, by default all."""
    chosen = [one for one in FORMATS if not names or one.name in names]
    seed = secrets.randbelow(10**6) if seed is None else seed
    click.echo(f"seed {seed}")
    warnings.simplefilter("ignore")  # Decoders warn about damaged files.
    end = time.monotonic() + seconds
    with Browser() as browser:
        run = Run(browser, Random(seed))
        for number in count():
            if time.monotonic() > end if seconds else number >= files:
                break
            run.try_one(chosen[number % len(chosen)])
    click.echo("\n".join(run.report()))
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
            if state == "shown" and (what == "verdict" or what.startswith(Reason.LOW_QUALITY))
        )  # fmt: skip
        share = f"{judged / shown:.2%}" if shown else "none"
        return [*lines, f"{share} of {shown} files shown got a verdict or are of low quality",
                f"{sum(self.found.values())} files disagree"]  # fmt: skip


if __name__ == "__main__":
    main()
