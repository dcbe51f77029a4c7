"""A gate before a list of drawings 1 and 2, and pictures that are on it or not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hashmatch.gate import ImageGate
from tests.scanning import MakeScanner


@pytest.fixture
def gate(make_scanner: MakeScanner) -> Iterator[ImageGate]:
    # Long enough on a busy machine: tests of the budget set their own.
    with ImageGate(make_scanner(), budget_s=60) as gate:
        yield gate
