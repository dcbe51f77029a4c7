"""A report on its way, under strace: the file goes through memory alone."""

from __future__ import annotations

import subprocess

import pytest

from hashmatch.synthetic import draw_picture
from tests.command_line import CommandLine
from tests.cybertip.server import PASSWORD, SCHEMA, USER, CyberTiplineServer
from tests.lists.loopback import serving
from tests.pictures import encoded
from tests.programs import require_program
from tests.tracing import require_unwritten, traced, traces_of

_CONFIG = """
[outbox]
private_hosts = ["127.0.0.1"]
[escalations.ncmec]
to = "cybertipline"
environment = "production"
base = "{url}"
username = "{user}"
password = {{ env = "NCMEC_PASSWORD" }}
reporter = {{ email = "safety@platform.example" }}
file = {{ command = ["cat", "{{reference}}"] }}
"""


@pytest.mark.skipif(not SCHEMA.exists(), reason="needs NCMEC's schema, in shared/data")
@pytest.mark.timeout(300)
@pytest.mark.long
def test_a_report_writes_no_piece_of_its_file_to_any_file(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_program("strace")
    monkeypatch.setenv("NCMEC_PASSWORD", PASSWORD)
    command_line.import_pictures("one", 0)
    files = {f"{n}.png": encoded(draw_picture(0, 900 + n, 700), "PNG") for n in range(2)}
    for name, data in files.items():
        command_line.write(name, data)
    assert command_line.run("scan", *files).exit_code == 1
    with serving(CyberTiplineServer(), "/ispws") as server:
        config = command_line.folder / "hashmatch.toml"
        config.write_text(config.read_text() + _CONFIG.format(url=server.url, user=USER))
        assert command_line.run("cases", "decide", "1", "2", "--as", "confirm").exit_code == 0
        assert command_line.run("cases", "escalate", "1", "2", "--to", "ncmec").exit_code == 0
        command = traced(command_line, "outbox", "send")
        done = subprocess.run(command, cwd=command_line.folder, capture_output=True, text=True)
        assert "2 sent" in done.stderr
        sent = [data for one in server.finished() for data in one.files.values()]
    assert sorted(sent) == sorted(files.values())
    require_unwritten(traces_of(command_line), files)
