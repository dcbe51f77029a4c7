"""Wiring: what a configuration names is there, or the error says what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashmatch.config import Settings
from hashmatch.errors import ConfigError
from hashmatch.wiring import read_trust_anchors
from tests.imaging.provenance.signing import authority


def _with_anchors(path: Path) -> Settings:
    return Settings.model_validate({"intake": {"trust_anchors": str(path)}})


def test_trust_anchors_are_read_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "anchors.pem"
    path.write_text(authority().pem)
    assert read_trust_anchors(_with_anchors(path)) == authority().pem
    assert read_trust_anchors(Settings()) == ""


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read: No such file"),
        (b"", "not a file of certificates"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "not a file of"),
        (b"\xff\xfe", "not a file of certificates"),
    ],
)
def test_other_files_are_no_trust_anchors(
    content: bytes | None, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "anchors.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=problem):
        read_trust_anchors(_with_anchors(path))
