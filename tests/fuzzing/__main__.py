"""`python -m tests.fuzzing SECONDS [TARGET...]`: fuzz each target for so long; by default all.

What breaks a target is left in the folder `fuzz-findings`, to be run again by naming the file:
`python -m tests.fuzzing 0 TARGET FILE`.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzzing.targets import FINDINGS, TARGETS


def main() -> None:
    """Run each target in a process of its own, since the fuzzer takes its process over."""
    seconds, *names = sys.argv[1:]
    if names and Path(names[-1]).is_file():
        TARGETS[names[0]].check(Path(names[-1]).read_bytes())
        return
    FINDINGS.mkdir(exist_ok=True)
    for name in names or TARGETS:
        print(f"fuzzing {name} for {seconds} s ...", flush=True)
        with tempfile.TemporaryDirectory() as corpus:
            for number, seed in enumerate(TARGETS[name].seeds()):
                (Path(corpus) / str(number)).write_bytes(seed)
            command = [sys.executable, "-m", "tests.fuzzing.one", name, seconds, corpus]
            result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        words = result.stdout.decode(errors="replace")
        if result.returncode:
            print(words[-5000:])
            sys.exit(f"{name} broke its promise; the file that did it is in {FINDINGS}/")
        tried = re.search(r"number_of_executed_units: (\d+)", words)
        print(f"  {tried[1] if tried else 'no'} files tried, nothing found")


if __name__ == "__main__":
    main()
