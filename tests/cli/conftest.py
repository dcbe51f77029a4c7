"""What the tests of the command line share: folders that are prepared once, and copied."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.command_line import CommandLine
from tests.pictures import drawn

# What decoding in processes of its own adds is tested elsewhere.
_IN_PROCESS = '[intake]\nisolation = "none"\n'
_CASES = """
[audit]
signing_key = { file = "sign.key" }
[cases]
detail_keys = [{ file = "details.key" }]
four_eyes = ["dismiss"]
[retention]
closed_days = 0.000000001
[escalations.desk]
to = "webhook"
url = "https://desk.example/"
secret = { file = "details.key" }
[escalations.ncmec]
to = "cybertipline"
username = "u"
password = { file = "details.key" }
reporter = { email = "a@b.example" }
"""


def append_config(line: CommandLine, text: str) -> None:
    """Add to the configuration, whose last section is [intake]."""
    config = line.folder / "hashmatch.toml"
    config.write_text(config.read_text() + text)


@pytest.fixture
def command_line(command_line: CommandLine) -> CommandLine:
    """The command line in a folder of its own, which decodes in this process."""
    append_config(command_line, _IN_PROCESS)
    return command_line


@contextmanager
def _preparing(folder: Path, prepared: Path) -> Iterator[CommandLine]:
    """The command line in a new folder, and in no configuration but its own."""
    data = folder.with_name("empty")
    data.mkdir(mode=0o700)
    shutil.copy(prepared, data / "hashmatch.db")
    line = CommandLine.initialised(folder, data)
    append_config(line, _IN_PROCESS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in ("HASHMATCH_CONFIG", "HASHMATCH_DATA_DIR", "HASHMATCH_DATABASE_URL"):
            patch.delenv(name, raising=False)
        yield line


@pytest.fixture(scope="session")
def _listed_data(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Path:
    folder = tmp_path_factory.mktemp("listed") / "work"
    with _preparing(folder, prepared) as line:
        line.import_pictures("demo", 1, 2)
    return folder / "data"


@pytest.fixture(scope="session")
def _matched_data(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Path:
    folder = tmp_path_factory.mktemp("matched") / "work"
    with _preparing(folder, prepared) as line:
        line.import_pictures("one", 1, 2)
        for seed, content_id in ((1, "post/1"), (2, "=HYPERLINK(1)"), (9, "post/9")):
            line.run("scan", "-", "--content-id", content_id, stdin=drawn(seed))
        line.run("scan", "gone.jpg")
    return folder / "data"


@pytest.fixture(scope="session")
def _desk_folder(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Path:
    folder = tmp_path_factory.mktemp("desk") / "work"
    with _preparing(folder, prepared) as line:
        assert line.run("audit", "make-key", "sign.key").exit_code == 0
        assert line.run("cases", "make-key", "details.key").exit_code == 0
        append_config(line, _CASES)
        line.import_pictures("one", 1, 2)
        for seed in (1, 2):
            line.run("scan", "-", "--content-id", f"post/{seed}", stdin=drawn(seed))
    return folder


@pytest.fixture
def ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, _listed_data: Path) -> CommandLine:
    """The command line with a list of drawings 1 and 2, which decodes in this process."""
    line = CommandLine.initialised(tmp_path / "work", _listed_data)
    append_config(line, _IN_PROCESS)
    monkeypatch.chdir(line.folder)
    return line


@pytest.fixture
def matched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, _matched_data: Path) -> CommandLine:
    """The command line as it is by default, with two matches, a clear and an unscreened image."""
    line = CommandLine.initialised(tmp_path / "work", _matched_data)
    monkeypatch.chdir(line.folder)
    return line


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, _desk_folder: Path) -> CommandLine:
    """The command line with keys, and two cases."""
    folder = tmp_path / "work"
    shutil.copytree(_desk_folder, folder)
    config = folder / "hashmatch.toml"
    config.write_text(config.read_text().replace(str(_desk_folder), str(folder)))
    monkeypatch.chdir(folder)
    return CommandLine(folder)
