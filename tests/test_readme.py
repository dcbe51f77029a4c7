"""The commands of the README are run, as somebody would who has just installed hashmatch."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hashmatch.outcome import (
    Action,
    Clear,
    Matched,
    OutcomeName,
    Reason,
    Unscreened,
    outcome_name,
)
from tests.documents import PAGES, blocks
from tests.pictures import drawn, list_of
from tests.service.serving import free_port

README = PAGES["README.md"]


def _block(*words: str) -> str:
    """Return the one block for the shell that has these words."""
    (found,) = (one for one in blocks(README, "sh") if all(word in one for word in words))
    return found


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """An environment in which `hashmatch` is a command, and nothing is configured."""
    programs = tmp_path / "bin"
    programs.mkdir()
    command = programs / "hashmatch"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m hashmatch "$@"\n')
    command.chmod(0o755)
    return {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "LC_ALL": "C.UTF-8",
    }


def _run(script: str, folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    ran = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    return ran.returncode, ran.stdout + ran.stderr


@contextmanager
def _serving(folder: Path, environment: dict[str, str], port: int) -> Iterator[None]:
    serve = ["hashmatch", "serve", "--port", str(port)]
    with subprocess.Popen(
        serve, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
    ) as service:
        try:
            assert service.stderr is not None
            for line in service.stderr:
                if "running" in line.lower():
                    break
            else:
                raise AssertionError("the service did not start")
            yield
        finally:
            service.terminate()
            service.communicate()


@pytest.mark.timeout(300)
def test_the_first_scan_and_the_service_work_as_the_readme_says(
    tmp_path: Path, shell: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    (uploads / "listed.jpg").write_bytes(drawn(1, "PNG"))
    (uploads / "stranger.jpg").write_bytes(drawn(9))
    (tmp_path / "list.csv").write_text(list_of(1, 2, algorithms=("pdq", "sha256")))
    (tmp_path / "a.jpg").write_bytes(drawn(2))

    *before, scan, show = _block("hashmatch init").splitlines()
    code, said = _run("set -e\n" + "\n".join(before), tmp_path, shell)
    assert code == 0, said
    code, said = _run(scan, tmp_path, shell)
    assert (code, "1 clear, 1 matched, 0 unscreened" in said) == (1, True), said
    code, said = _run(show, tmp_path, shell)
    assert code == 0, said
    assert "e1" in said

    create, serve = _block("tokens create").splitlines()
    assert serve == "hashmatch serve"
    code, token = _run(create, tmp_path, shell)
    assert code == 0
    (secret,) = (one for one in token.split() if len(one) > 30)
    port = free_port()
    ask = _block("curl").replace(":8765/", f":{port}/")
    with _serving(tmp_path, shell, port):
        code, answer = _run(ask, tmp_path, {**shell, "TOKEN": secret})
    assert code == 0
    assert '"outcome":"matched"' in answer.replace(" ", "")

    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"image_bytes": drawn(1)}
    called: list[str] = []
    for name in ("publish", "act_on", "queue_for_review"):
        names[name] = lambda *_, name=name: called.append(name)
    (example,) = blocks(README, "python")
    exec(compile(example, "README.md", "exec"), names)
    assert called == ["act_on"]
    assert outcome_name(names["outcome"]) is OutcomeName.MATCHED  # type: ignore[arg-type]


@pytest.mark.parametrize("page", ["README.md", "docs/reference/python.md"])
def test_the_examples_publish_only_what_is_clear_and_allowed(page: str) -> None:
    (example,) = (one for one in blocks(PAGES[page], "python") if "match outcome:" in one)
    decision = compile(example[example.index("match outcome:") :], page, "exec")
    for outcome, expected in (
        (Clear("post/1", None, (), 1.0), "publish"),
        (Clear("post/1", None, (), 1.0, action=Action.REVIEW), "queue_for_review"),
        (_UNSCREENED, "queue_for_review"),
    ):
        called: list[str] = []
        names: dict[str, object] = {"Action": Action, "Clear": Clear, "Matched": Matched}
        for name in ("publish", "act_on", "queue_for_review"):
            names[name] = lambda *_, name=name, called=called: called.append(name)
        exec(decision, {**names, "outcome": outcome})
        assert called == [expected]


_UNSCREENED = Unscreened("post/1", Action.REVIEW, Reason.TRUNCATED, "cut off", None, (), 1.0)


def test_the_ways_to_install_are_those_that_their_tools_know() -> None:
    lines = _block("uv tool install").splitlines()
    assert [one.split()[0] for one in lines] == ["python3", "uv", "pipx", "podman"]
    assert all("constraints.txt" in one or "Containerfile" in one for one in lines)
