"""Draws the pictures of the README again: what a terminal and the console show of the demo.

In a checkout: python -m docs.site.pictures. It needs chromium.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from benchmarks.serving import served
from hashmatch.operations.console_demo import prepare_console_demo

_FOLDER = Path(__file__).parents[1] / "pictures"
_COLUMNS = 138
_SIZE = {"width": 1240, "height": 700}
_PORT = 8791
# The export asks another host for a font.
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def draw_terminal(folder: Path) -> None:
    """Draw what `hashmatch demo` prints, as SVG."""
    environment = {**os.environ, "COLUMNS": str(_COLUMNS), "FORCE_COLOR": "1"}
    ran = subprocess.run(
        [sys.executable, "-m", "hashmatch", "demo", "--dir", "hashmatch-demo"],
        cwd=folder, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    console = Console(record=True, width=_COLUMNS, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    console.print(Text("$ hashmatch demo"))
    console.print(Text.from_ansi(ran.stdout.rstrip()))
    svg = console.export_svg(title="hashmatch demo", theme=MONOKAI)
    (_FOLDER / "terminal.svg").write_text(_FONTS.sub("", svg))


def draw_console(folder: Path) -> None:
    """Draw the queue of the console's demo, and the case that is due first, as PNG."""
    demo = prepare_console_demo(folder / "demo", _PORT)
    with served(folder / "demo" / "hashmatch.toml") as port:
        _photograph(f"http://127.0.0.1:{port}/console/", demo.token)


def _photograph(address: str, token: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport=_SIZE)  # type: ignore[arg-type]
        page.goto(address)
        page.fill("#token", token)
        page.press("#token", "Enter")
        page.wait_for_load_state("networkidle")
        page.goto(f"{address}queue")
        page.screenshot(path=_FOLDER / "queue.png")
        page.locator("main a[href*='/cases/']").first.click()
        page.wait_for_load_state("networkidle")
        page.screenshot(path=_FOLDER / "case.png")
        browser.close()


if __name__ == "__main__":
    _FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        draw_terminal(Path(name))
        draw_console(Path(name))
