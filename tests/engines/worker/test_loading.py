"""Loading of uploads that messages name: from where the settings say, and from nowhere else."""

from __future__ import annotations

import pytest

from hashmatch.config import Settings
from hashmatch.config.worker import WorkerSettings
from hashmatch.engines.worker.events import UploadEvent
from hashmatch.engines.worker.loading import open_loader
from hashmatch.errors import UploadError


@pytest.mark.parametrize(
    "address",
    [
        "s3://others/7.jpg",
        "s3://uploads-of-others/7.jpg",
        "s3://uploads/../others/7.jpg",
        "file:///etc/passwd",
        "/etc/passwd",
        "http://127.0.0.1/7.jpg",
        "https://evil.example/7.jpg",
    ],
)
def test_an_address_that_is_not_on_the_allow_list_is_not_read(address: str) -> None:
    worker = WorkerSettings(storage=("s3://uploads/",), fetch_hosts=("cdn.example",))
    loader = open_loader(Settings(worker=worker), lambda _seconds: None)
    with pytest.raises(UploadError, match="allow list"):
        loader.load(UploadEvent("post/7", address))
