"""One target under the fuzzer: `python -m tests.fuzzing.one TARGET SECONDS CORPUS`."""

from __future__ import annotations

import sys

import atheris

_LONGEST_FILE = 20_000
_HANG_S = 60


def main() -> None:
    """Fuzz; the process ends with another code than 0 when something was found."""
    with atheris.instrument_imports(include=["hashmatch", "PIL", "pillow_heif"]):
        from tests.fuzzing.targets import FINDINGS, TARGETS
    name, seconds, corpus = sys.argv[1:]
    options = (
        f"-max_total_time={seconds}",
        f"-timeout={_HANG_S}",
        f"-max_len={_LONGEST_FILE}",
        f"-artifact_prefix={FINDINGS}/{name}-",
        "-rss_limit_mb=4096",
        "-seed=1",
        "-print_final_stats=1",
    )
    atheris.Setup([sys.argv[0], *options, corpus], TARGETS[name].check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
