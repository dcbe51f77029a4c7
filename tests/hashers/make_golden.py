"""Rebuilds golden.json: `python -m tests.hashers.make_golden`.

Only ever run it together with raising the version of the algorithm whose bits have changed.
"""

from __future__ import annotations

import json
from pathlib import Path

from hashmatch.hashers import PIXEL_HASHERS
from hashmatch.synthetic import draw_picture

GOLDEN = Path(__file__).with_name("golden.json")
SEEDS_AND_SIZES = ((1, 640, 480), (2, 333, 517), (3, 64, 64), (4, 1200, 200))


def compute() -> dict[str, dict[str, str]]:
    """Return algorithm and version → picture → value in hex."""
    return {
        f"{hasher.algorithm.name} {hasher.algorithm.version}": {
            f"seed {seed}, {width} x {height}": hasher.hash_pixels(
                draw_picture(seed, width, height)
            ).value.hex()
            for seed, width, height in SEEDS_AND_SIZES
        }
        for hasher in PIXEL_HASHERS
    }


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(compute(), indent=2) + "\n")
