"""What one installation confirms, others match within a poll; what it withdraws, no longer."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Publisher
from .consuming import PROTOCOLS, consuming


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_entry_reaches_a_consumer_in_one_poll_and_leaves_it_in_one(
    publisher: Publisher, tmp_path: Path, protocol: str
) -> None:
    publisher.add(1)
    entry = publisher.add(2)
    publisher.publish()
    with consuming(tmp_path, publisher.served.url, publisher.token(), protocol) as consumer:
        consumer.pull()
        assert consumer.matches(1, 2, 3) == [1, 2]
        publisher.withdraw(entry)
        publisher.add(3)
        publisher.publish()
        consumer.pull()
        assert consumer.matches(1, 2, 3) == [1, 3]
