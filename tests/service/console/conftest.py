"""What the tests of the console share: a service with three cases, under several sections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hashmatch.audit import make_key
from hashmatch.uploaders import make_detail_key
from tests.pictures import drawn
from tests.service.conftest import Serve
from tests.service.serving import Served
from tests.service.test_cases import SECTIONS as OF_CASES

SECTIONS: dict[str, dict[str, Any]] = {
    **OF_CASES,
    "audit": {"signing_key": {"env": "AUDIT_KEY"}},
    "sharing": {"enabled": True, "lists": {"own": {}, "gone": {}}},
    "console": {
        "platform": "Example",
        "viewer": {
            "url": "https://viewer.example/see/{content_id}?start=blurred",
            "hosts": ["viewer.example"],
            "looks_a_day": 3,
        },
    },
}


@pytest.fixture
def desk(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A service with cases 1, 2 and 3."""
    monkeypatch.setenv("DETAIL_KEY", make_detail_key())
    monkeypatch.setenv("AUDIT_KEY", make_key()[0])
    monkeypatch.setenv("DESK", "secret-desk")
    with serve(**SECTIONS) as served:
        add_cases(served, 3)
        yield served


def add_cases(served: Served, number: int, *, prefix: str = "post") -> None:
    """Have a service open some cases."""
    for one in range(number):
        params = {"content_id": f"{prefix}/{one}", "reference": f"s3://uploads/{one}"}
        assert served.client.post("/v1/scan", params=params, content=drawn(1)).status_code == 200
