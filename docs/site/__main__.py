"""Builds the site into a folder; fails where a link leads nowhere."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from .pages import navigation, repository, stage
from .reference import generated_pages


def main(folder: Path) -> int:
    """Write the pages, the navigation and the site below a folder; return the exit status."""
    shutil.rmtree(folder, ignore_errors=True)
    generated = generated_pages()
    stage(folder / "pages", generated)
    config = (Path(__file__).parent / "zensical.toml").read_text()
    # Arrays and tables within one line are the same in JSON and TOML, but for the colons.
    nav = json.dumps(navigation(generated)).replace('": ', '" = ')
    own = f'[project]\nnav = {nav}\nrepo_url = "{repository()}"\n'
    (folder / "zensical.toml").write_text(config.replace("[project]\n", own, 1))
    build = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    return subprocess.run(
        [*build, "--config-file", "zensical.toml"], cwd=folder, check=False
    ).returncode


sys.exit(main(Path(sys.argv[1])))
