"""A service as it is deployed, over a list that has every fact a list can have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from functools import partial

import pytest

from hashmatch.config import Settings
from hashmatch.lists import FileSource, find_format, sync_list
from hashmatch.store.engine import Database
from hashmatch.store.lists import set_licence
from hashmatch.store.migrations import upgrade
from hashmatch.store.schema import utc_now
from tests.pictures import list_of
from tests.service.serving import Served, serving


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of these tests' own, with the hosts that are allowed by default."""
    folder = tmp_path_factory.mktemp("deployed")
    return Settings.model_validate({"data_dir": folder, "intake": {"isolation": "none"}})


@pytest.fixture(scope="module")
def served(settings: Settings) -> Iterator[Served]:
    """The service over a list that has every fact a list can have, after a scan."""
    file = settings.data_dir / "list.csv"
    file.write_text(list_of(1, algorithms=("sha256",)))
    with closing(Database(settings.database_url)) as database:
        upgrade(database)
        sync_list(database, "one", FileSource(file, partial(find_format, name="")))
        end = utc_now().date() + timedelta(days=90)
        with database.writing() as session:
            set_licence(session, "one", licensor=None, end=end)
        with serving(settings, database) as running:
            running.client.post("/v1/scan", params={"content_id": "one"}, content=b"no image")
            running.client.post("/v1/prompts", json={"prompt": "a quiet picture"})
            # Nothing is to be synced or sent here, which would count by itself.
            running.service.metrics.count_sync("good")
            running.service.metrics.count_sent("sent", 1)
            running.service.metrics.count_exchanged("hub", "added", 1)
            yield running
