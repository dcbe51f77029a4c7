"""What the tests of notices share: settings with a key for contacts."""

from __future__ import annotations

import pytest

from hashmatch.config import Settings
from hashmatch.uploaders import make_detail_key
from tests.cases.making import settings_with


@pytest.fixture
def chosen(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with a key that encrypts contacts."""
    monkeypatch.setenv("DETAIL_KEY", make_detail_key())
    return settings_with(
        settings,
        cases={"detail_keys": [{"env": "DETAIL_KEY"}]},
        retention={"notice_days": 30},
    )
