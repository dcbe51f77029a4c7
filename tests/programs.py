"""Programs of the system that some tests need."""

from __future__ import annotations

import os
import shutil

import pytest


def require_program(name: str) -> None:
    """Skip the test where a program is missing; where all are required, as in CI, fail."""
    if shutil.which(name) is None:
        if os.environ.get("HASHMATCH_TESTS_NEED_PROGRAMS"):
            pytest.fail(f"{name} is missing, and HASHMATCH_TESTS_NEED_PROGRAMS asks for it")
        pytest.skip(f"{name} is not installed")
