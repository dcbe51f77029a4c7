"""What the tests of reports share: a server of NCMEC's kind, settings for it, a confirmed case."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hashmatch.cases import CaseAction
from hashmatch.config import Settings
from hashmatch.store.engine import Database
from hashmatch.uploaders import make_detail_key
from tests.cases.making import act, make_match, settings_with
from tests.cybertip.reporting import PICTURE
from tests.cybertip.server import PASSWORD, USER, CyberTiplineServer
from tests.lists.loopback import serving
from tests.pictures import list_of
from tests.store.importing import import_text


@pytest.fixture
def server() -> Iterator[CyberTiplineServer]:
    with serving(CyberTiplineServer(), "/ispws") as started:
        yield started


@pytest.fixture
def configure(
    settings: Settings, server: CyberTiplineServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> Callable[..., Settings]:
    monkeypatch.setenv("NCMEC_PASSWORD", PASSWORD)
    monkeypatch.setenv("DETAIL_KEY", make_detail_key())
    (tmp_path / "post").mkdir()
    (tmp_path / "post" / "1").write_bytes(PICTURE)

    def make(**given: Any) -> Settings:
        target = {
            "to": "cybertipline",
            "environment": "production",
            "base": server.url,
            "username": USER,
            "password": {"env": "NCMEC_PASSWORD"},
            "reporter": {"email": "safety@platform.example", "first_name": "Ann"},
            "platform": "The Platform",
            "classifications": {"A": "A1"},
            "file": {"command": ["/bin/cat", f"{tmp_path}/{{content_id}}"]},
            "timeout_s": 30,
            **given,
        }
        return settings_with(
            settings,
            escalations={"ncmec": target},
            outbox={"private_hosts": ["127.0.0.1"]},
            cases={"detail_keys": [{"env": "DETAIL_KEY"}]},
        )

    return make


@pytest.fixture
def case(database: Database) -> int:
    import_text(database, "one", list_of(1, 2))
    key = make_match(database, data=PICTURE, reference="s3://b/1")
    act(database, key, CaseAction.CONFIRM)
    return key
