"""The file of a report: handed over by the platform, sent only where it is the one that matched."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from lxml import etree

from hashmatch.cases import (
    CaseAction,
    view_case,
)
from hashmatch.config import Settings
from hashmatch.store.engine import Database
from tests.cases.making import (
    act,
    make_match,
)
from tests.cybertip.reporting import PICTURE, report_case, send
from tests.cybertip.server import SCHEMA, CyberTiplineServer
from tests.pictures import list_of
from tests.store.importing import import_text

pytestmark = pytest.mark.skipif(not SCHEMA.exists(), reason="needs NCMEC's schema, in shared/data")


@pytest.mark.parametrize("data", [b"", b"another file", PICTURE + b"x"])
def test_another_file_than_the_one_that_matched_is_never_sent(
    database: Database,
    configure: Callable[..., Settings],
    server: CyberTiplineServer,
    case: int,
    tmp_path: Any,
    data: bytes,
) -> None:
    (tmp_path / "post" / "1").write_bytes(data)
    settings = configure()
    report_case(database, settings, case)
    assert send(database, settings) == {"dead": 1}
    assert server.calls == []


@pytest.mark.parametrize(
    "file",
    [
        {"command": ["/nowhere/at/all"]},
        {"command": [sys.executable, "-c", "raise SystemExit(3)"]},
        {"command": [sys.executable, "-c", "import time; time.sleep(60)"], "timeout_s": 0.3},
        {"url": "https://elsewhere.example/{content_id}", "hosts": ["files.example"]},
        {"url": "https://127.0.0.1:1/{content_id}", "hosts": ["127.0.0.1"]},
    ],
)
def test_a_file_that_does_not_come_is_waited_for(
    database: Database,
    configure: Callable[..., Settings],
    server: CyberTiplineServer,
    case: int,
    file: dict[str, Any],
) -> None:
    settings = configure(file=file)
    report_case(database, settings, case)
    assert send(database, settings) == {"failed": 1}
    assert server.calls == []


def test_without_a_hand_over_the_report_goes_alone_and_says_so(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    settings = configure(file=None)
    report_case(database, settings, case)
    assert send(database, settings) == {"sent": 1}
    assert server.calls == ["submit", "finish"]
    (report,) = server.finished()
    words = str(etree.fromstring(report.document).findtext("additionalInfo"))
    assert "not uploaded with this report: the platform has configured no hand-over" in words
    assert "SHA256: " in words
    with database.reading() as session:
        assert view_case(session, case)["reports"][0]["without_file"] != ""


@pytest.mark.sqlite
@pytest.mark.timeout(55)
def test_a_command_that_leaves_others_behind_is_not_waited_for(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    leaving = ["/bin/sh", "-c", "setsid sleep 60 & echo x"]
    settings = configure(file={"command": leaving, "timeout_s": 0.5})
    report_case(database, settings, case)
    assert send(database, settings) == {"failed": 1}


@pytest.mark.sqlite
def test_a_name_that_could_be_an_option_is_handed_to_no_command(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer
) -> None:
    import_text(database, "one", list_of(1, 2))
    case = make_match(database, "--output=/etc/passwd", data=PICTURE)
    act(database, case, CaseAction.CONFIRM)
    settings = configure(file={"command": ["/bin/cat", "{content_id}"]})
    report_case(database, settings, case)
    assert send(database, settings) == {"dead": 1}
