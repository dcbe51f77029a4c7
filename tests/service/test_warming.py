"""Claims about a service that starts: it is not ready before it is warm."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from hashmatch.config import Settings
from hashmatch.outcome import Failure, Reason
from hashmatch.screening import Scanner
from hashmatch.service.runtime.warming import Warming
from hashmatch.store.engine import Database
from tests.pictures import list_of
from tests.scanning import MakeScanner, recorded
from tests.service.conftest import Serve
from tests.service.serving import PATIENCE_S
from tests.store.importing import import_text

# A warm service scans pictures of several formats, one of which matches. Prints what that loaded.
_FIRST_SCANS = """
import io, sys, time
from pathlib import Path
from hashmatch.config import Settings
from hashmatch.hashes import Level
from hashmatch.outcome import Clear, Matched
from hashmatch.service.runtime.state import ServiceState
from hashmatch.service.telemetry.metrics import Metrics
from hashmatch.synthetic import draw_picture

def picture(seed, name):
    stream = io.BytesIO()
    draw_picture(seed, 400, 300).save(stream, name)
    return stream.getvalue()

pictures = [picture(1, "PNG"), picture(7, "JPEG"), picture(8, "WEBP")]
settings = Settings.model_validate({"data_dir": Path(sys.argv[1]), "intake": {"workers": 2}})
state = ServiceState(settings, Metrics())
while not state.is_warm:
    time.sleep(0.01)
intake = state.scanner._intake
before, processes = set(sys.modules), set(intake.pids())
found = [type(state.scanner.scan(one, content_id="x")) for one in pictures]
assert found == [Matched, Clear, Clear], found
print(sorted(set(sys.modules) - before), len(processes), processes == set(intake.pids()))
state.close()
"""


class _SlowScanner(Scanner):
    """A scanner that is warm once the test says so, and fails to be at first."""

    may_go_on: threading.Event
    failures: list[Failure]

    def warm_up(self, picture: bytes) -> Failure | None:
        """Wait for the test."""
        assert picture
        assert self.may_go_on.wait(PATIENCE_S)
        return self.failures.pop() if self.failures else None


@pytest.fixture
def slow(make_scanner: MakeScanner) -> _SlowScanner:
    scanner = make_scanner()
    scanner.__class__ = _SlowScanner
    assert isinstance(scanner, _SlowScanner)
    scanner.may_go_on, scanner.failures = threading.Event(), []
    return scanner


def _await(warming: Warming) -> None:
    while warming.failure is not None:
        threading.Event().wait(0.005)


def test_it_says_that_it_is_warming_up_until_it_is_warm(slow: _SlowScanner) -> None:
    with closing(Warming(slow)) as warming:
        assert warming.failure == Failure(Reason.STARTING, "the service is still warming up")
        slow.may_go_on.set()
        _await(warming)


def test_what_keeps_it_from_being_warm_is_the_reason_and_tried_again(
    slow: _SlowScanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashmatch.service.runtime.warming._RETRY_S", 0.01)
    slow.failures = [Failure(Reason.DECODER_CRASHED, "no process could be started")]
    slow.may_go_on.set()
    with closing(Warming(slow)) as warming:
        _await(warming)
    assert slow.failures == []


def test_the_probe_names_it(serve: Serve) -> None:
    with serve() as served:
        warming = served.service._warming
        warming.failure = Failure(Reason.STARTING, "the service is still warming up")
        answer = served.anonymous.get("/readyz")
        assert (answer.status_code, answer.json()) == (
            503, {"status": "unready", "reason": "starting"}
        )  # fmt: skip
        assert served.anonymous.get("/healthz").status_code == 200
        warming.failure = None
        assert served.anonymous.get("/readyz").status_code == 200


def test_warming_up_records_and_counts_nothing(
    database: Database, make_scanner: MakeScanner
) -> None:
    from tests.pictures import drawn  # The very picture of the list.

    with make_scanner() as scanner:
        assert scanner.warm_up(drawn(1)) is None
    assert recorded(database) == 0


def test_the_first_scan_of_a_warm_service_loads_nothing_more(
    settings: Settings, database: Database
) -> None:
    import_text(database, "one", list_of(1))
    command = [sys.executable, "-c", _FIRST_SCANS, str(settings.data_dir)]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[] 2 True"
