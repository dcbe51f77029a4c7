"""Certificates are verified: a server that cannot prove its identity is not read from."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashmatch.errors import ConfigError, SourceError
from hashmatch.lists import HTTPSSource, find_format, sync_list
from hashmatch.store.engine import Database
from tests.lists.certificates import write_certificate
from tests.lists.loopback import serving
from tests.lists.sources import active_numbers
from tests.lists.web_server import Served

LIST = b"algorithm,value\nmd5,00000000000000000000000000000001\n"


@pytest.mark.parametrize(
    ("address", "days", "is_trusted", "is_fine"),
    [
        ("127.0.0.1", 1, True, True),
        ("127.0.0.1", 1, False, False),
        ("127.0.0.2", 1, True, False),
        ("127.0.0.1", -1, True, False),
    ],
    ids=["trusted", "unknown", "of another host", "expired"],
)
def test_only_a_certificate_that_is_trusted_valid_and_of_the_host_is_accepted(
    database: Database,
    tmp_path: Path,
    address: str,
    days: int,
    is_trusted: bool,
    is_fine: bool,
) -> None:
    file = write_certificate(tmp_path, address, days=days)
    with serving(Served(content=LIST), "/list.csv", certificate=file) as served:
        ca_file = str(file) if is_trusted else ""
        source = HTTPSSource(served.url, find_format, ca_file=ca_file, timeout_s=5.0, wait_s=0.001)
        if is_fine:
            sync_list(database, "one", source)
            assert active_numbers(database) == [1]
            return
        with pytest.raises(SourceError, match="certificate is not trusted"):
            sync_list(database, "one", source)
        assert served.requests == []


def test_a_file_without_certificates_is_named(database: Database, tmp_path: Path) -> None:
    for name, text in (("none.pem", None), ("empty.pem", ""), ("odd.pem", "x")):
        file = tmp_path / name
        if text is not None:
            file.write_text(text)
        source = HTTPSSource("https://127.0.0.1:1/x.csv", find_format, ca_file=str(file))
        with pytest.raises(ConfigError, match=f"{name}: no certificates"):
            sync_list(database, "one", source)
