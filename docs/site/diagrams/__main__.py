"""Draws the diagrams of the documentation again.

In a checkout: python -m docs.site.diagrams.
"""

from pathlib import Path

from . import drawn

if __name__ == "__main__":
    for name, svg in drawn().items():
        (Path(__file__).parents[2] / "pictures" / name).write_text(svg)
