"""`python -m tests.fuzzing SECONDS [TARGET...]`: fuzz each target for so long; by default all.

What breaks a target is left in the folder `fuzz-findings`, to be run again by naming the file:
`python -m tests.fuzzing 0 TARGET FILE`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.fuzzing.targets import FINDINGS, TARGETS


def main() -> None:
    """Run each target in a process of its own, which the fuzzer takes over, many at a time."""
    seconds, *names = sys.argv[1:]
    if names and Path(names[-1]).is_file():
        TARGETS[names[0]].check(Path(names[-1]).read_bytes())
        return
    FINDINGS.mkdir(exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, result in pool.map(partial(_fuzz, seconds), names or TARGETS):
            words = result.stdout.decode(errors="replace")
            if result.returncode:
                print(words[-5000:])
                sys.exit(f"{name} broke its promise; the file that did it is in {FINDINGS}/")
            tried = re.search(r"number_of_executed_units: (\d+)", words)
            number = tried[1] if tried else "no"
            print(f"{name}: {number} files tried in {seconds} s, nothing found", flush=True)


def _fuzz(seconds: str, name: str) -> tuple[str, subprocess.CompletedProcess[bytes]]:
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(TARGETS[name].seeds()):
            (Path(corpus) / str(number)).write_bytes(seed)
        command = [sys.executable, "-m", "tests.fuzzing.one", name, seconds, corpus]
        return name, subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


if __name__ == "__main__":
    main()
