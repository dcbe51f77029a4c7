"""Fixtures of the tests of the worker: a broker, and uploads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .brokers import Server, serving
from .platform import Uploads, serving_uploads


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A broker of the kind that the test is parametrized by."""
    folder = tmp_path / "broker"
    folder.mkdir()
    with serving(request.param, folder) as server:
        yield server


@pytest.fixture
def uploads() -> Iterator[Uploads]:
    """A server with uploads."""
    with serving_uploads() as uploads:
        yield uploads
