"""`python -m tests.conform FILES [FORMAT...]`: hold as many drawn files against the browser.

What disagrees is made simpler, named by its features, and left in the folder `conform-findings`.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from random import Random

from .browser import Browser
from .checking import Checker
from .formats import FORMATS

_FINDINGS = Path("conform-findings")


def main() -> None:
    """Draw files until there are as many, and report what was refused and what disagrees."""
    count, seed, names = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    chosen = [one for one in FORMATS if not names or one.name in names]
    random, checker = Random(seed), Checker()
    verdicts: Counter[tuple[str, str]] = Counter()
    found: Counter[str] = Counter()
    with Browser() as browser:
        for number in range(count):
            one = chosen[number % len(chosen)]
            features = one.draw(random)
            data = one.write(features)
            shown = browser.show(data, one.name)
            judgement = checker.judge(data, shown)
            state = "shown" if shown.pictures else "broken"
            verdicts[f"{one.name} {state}", judgement.refusal or "verdict"] += 1
            if judgement.disagreements:
                simpler = one.shrink(
                    features,
                    lambda data, one=one: bool(
                        checker.judge(data, browser.show(data, one.name)).disagreements
                    ),
                )
                key = f"{one.name} {({k: v for k, v in simpler.items() if k not in ('seed', 'size')})}"
                if not found[key]:
                    print("DISAGREES", key, [(d.shown.frame, d.shown.background, d.distance_bits)
                          for d in judgement.disagreements][:4], flush=True)
                    _FINDINGS.mkdir(exist_ok=True)
                    (_FINDINGS / f"{seed}-{number}.{one.name.lower()}").write_bytes(
                        one.write({**{n: v[0] for n, v in one.features.items()}, **simpler}))
                found[key] += 1
    for key, times in sorted(verdicts.items()):
        print(times, *key)
    for key, times in found.most_common():
        print("DISAGREES", times, key)


if __name__ == "__main__":
    main()
