"""The commands of the pages are run, page by page, over a store that has what they name."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_line import CommandLine
from tests.documents import PAGES, blocks
from tests.pictures import drawn, list_of

_CONFIG = """
[intake]
isolation = "none"
[audit]
signing_key = { file = "sign.key" }
[cases]
detail_keys = [{ file = "own.key" }]
[escalations.desk]
to = "webhook"
url = "https://desk.example/"
secret = { file = "own.key" }
[guards]
benign_sample = "harmless.jsonl"
"""
# What the pages have by way of example, and what it is here.
_KNOWN = {
    "--match 123": "--match 1",
    "/srv/uploads": "harmless",
    "sha256:6c1f...": "sha256:" + "6c" * 32,
}
# What is not run here, by its beginning, and where it is run.
_NOT_RUN = {
    "hashmatch serve": "goes on until a signal: tests/test_readme.py",
    "hashmatch worker": "needs a broker: tests/engines/worker",
    "hashmatch gate proxy": "goes on until a signal: tests/gate",
    "hashmatch backfill s3:": "needs a bucket: tests/engines",
    "hashmatch backfill manifest.jsonl": "needs an archive and a manifest: tests/engines",
    "hashmatch evaluate recall": "needs hundreds of pictures: tests/cli/test_evaluate.py",
    "hashmatch evaluate false-matches": "needs hundreds of pictures: tests/cli/test_evaluate.py",
    "hashmatch evaluate thresholds": "needs their results: tests/cli/test_evaluate.py",
    "hashmatch policy adopt": "needs an evaluation: tests/cli/test_policy.py",
    "hashmatch report regulator ofcom": "needs an evaluation: tests/cli/test_report_regulator.py",
    "hashmatch lists import iwf delivery.csv --mapping": "needs a delivery: tests/lists",
    "hashmatch lists accept": "needs a quarantined delivery: tests/cli",
    "hashmatch lists reject": "needs a quarantined delivery: tests/cli/test_lists_syncing.py",
    "hashmatch lists diff": "needs a quarantined delivery: tests/cli/test_lists_syncing.py",
    "hashmatch lists flooding iwf": "needs thousands of matches: tests/screening/test_flooding.py",
    "hashmatch matches feedback": "needs an exchange: tests/cli/test_matches.py",
    "hashmatch cases escalate 7 --to ncmec": "needs NCMEC: tests/cybertip",
    "hashmatch cases escalate 7 --to nca": "needs the NCA's desk: tests/cli/test_nca.py",
    "hashmatch cases nca": "needs the NCA's desk: tests/cli/test_nca.py",
    "hashmatch cases retract": "needs a report at NCMEC: tests/cli/test_cases.py",
    "hashmatch cases settle": "needs a report at NCMEC: tests/cli/test_cases.py",
    "hashmatch report export --format cybertip": "needs a reporter: tests/cli/test_report.py",
    "hashmatch evaluate review --id": "needs a reviewed sample: tests/cli/test_evaluate.py",
    "hashmatch notices record": "needs an entry of an own list: tests/cli/test_notices.py",
    "hashmatch outbox retry": "needs a dead message: tests/outbox",
    "hashmatch outbox drop": "needs a dead message: tests/outbox",
}
# What a page shows as another way, after the first has been taken: what is answered then.
_REFUSED = {
    "--until 2027-12-31 --only iwf": "allows this hash already",
    "lists disable memes '#7'": "no active entry #7",
    "lists add memes --allow": "there is a list named memes already",
    "lists add iwf --licensor": "there is a list named iwf already",
    "evaluate review --sample 50 --near": "no match of this kind was recorded",
}


def _lines(page: str) -> Iterator[str]:
    for block in blocks(PAGES[page], "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("hashmatch "):
                yield line


def _run(line: CommandLine, command: str) -> tuple[int, str]:
    """Run a line as a shell would, with its redirections."""
    words = shlex.split(command, comments=True)[1:]
    stdin, target = None, None
    for sign in ("<", ">"):
        if sign in words:
            place = words.index(sign)
            name = Path(words[place + 1])
            words[place : place + 2] = []
            if sign == "<":
                stdin = name.read_bytes()
            else:
                target = name
    words = [
        name
        for word in words
        for name in (sorted(map(str, Path().glob(word))) if "*" in word else [word])
    ]
    result = line.run(*words, stdin=stdin)
    if target is not None:
        target.write_text(result.stdout)
    return result.exit_code, result.output


@pytest.fixture
def prepared_line(command_line: CommandLine) -> CommandLine:
    """A folder with what the pages name: lists, ten images, their cases, and files."""
    config = command_line.folder / "hashmatch.toml"
    config.write_text(config.read_text() + _CONFIG)
    pictures = list_of(*range(1, 11), algorithms=("pdq", "sha256")).replace(",e7,", ",4711,")
    command_line.write("list.csv", pictures)
    header, row = list_of(30).splitlines()
    command_line.write("memes.csv", f"{header},note,tags\n{row},a drawing,by:Jane\n")
    command_line.write("ours.csv", f"{header},note\n{row},\n")
    command_line.write("keywords.csv", "term,entry_id\nzanzibar kite,t1\n")
    command_line.write("prompts.txt", "a kite over the sea\n")
    command_line.write("harmless/one.jpg", drawn(40))
    command_line.write("harmless.jsonl", "")
    command_line.write("reported.png", drawn(50, "PNG"))
    command_line.write("details.json", json.dumps({"account": {"id": "u1"}}))
    command_line.write("photo.jpg", drawn(60))
    command_line.write("request.json", _example("docs/guides/notices.md", "reference"))
    for make in (("audit", "make-key", "sign.key"), ("cases", "make-key", "own.key")):
        assert command_line.run(*make).exit_code == 0
    assert command_line.run("lists", "add", "iwf").exit_code == 0
    assert command_line.run("lists", "import", "iwf", "list.csv").exit_code == 0
    for seed in range(1, 11):
        scan = ("scan", "-", "--content-id", f"post/{seed}")
        assert command_line.run(*scan, stdin=drawn(seed)).exit_code == 1
    return command_line


def _example(page: str, word: str) -> str:
    (found,) = (
        one for one in blocks(PAGES[page], "json") if one.lstrip(" {\n").startswith(f'"{word}"')
    )
    return found


_PAGES = [page for page in PAGES if page != "README.md" and any(_lines(page))]


@pytest.mark.parametrize("page", _PAGES)
def test_the_commands_of_a_page_do_what_it_says(page: str, prepared_line: CommandLine) -> None:
    known = dict(_KNOWN)
    for command in _lines(page):
        if any(command.startswith(one) for one in _NOT_RUN):
            continue
        for old, new in known.items():
            command = command.replace(old, new)
        code, said = _run(prepared_line, command)
        if found := re.search(r"NR(-[0-9A-Z]{4}){3}", said):
            known.setdefault("NR-4F7K-2M9Q-X3TB", found[0])
        if found := re.search(r"[0-9]+:[0-9a-f]{64}", said):
            known.setdefault("41207:9f2c6d0b", found[0])
        refused = [words for part, words in _REFUSED.items() if part in command]
        assert code == (2 if refused else 0), f"{command}\n{said}"
        assert all(words in said for words in refused), f"{command}\n{said}"


def test_whatever_is_not_run_is_on_a_page() -> None:
    every = [line for page in PAGES for line in _lines(page)]
    parts = ["hashmatch", *_NOT_RUN, *_REFUSED]
    assert [one for one in parts if not any(one in line for line in every)] == []
