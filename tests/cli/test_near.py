"""Near matches on the command line: found, named as such, and never to be blocked."""

from __future__ import annotations

from tests.cli.conftest import append_config
from tests.command_line import CommandLine
from tests.pictures import drawn, hashes_of

VALUE = hashes_of(1, "pdq")["pdq"].value.hex()
# 36 bits away, nine in each quarter.
NEAR = f"{int(VALUE, 16) ^ sum(0x1FF << 64 * part for part in range(4)):064x}"


def _list(command_line: CommandLine) -> None:
    file = command_line.write("one.csv", f"algorithm,value,entry_id,category\npdq,{NEAR},e1,A\n")
    assert command_line.run("lists", "import", "one", file).exit_code == 0


def test_a_picture_that_is_only_near_is_matched_for_review(command_line: CommandLine) -> None:
    _list(command_line)
    file = command_line.write("a.jpg", drawn(1))
    result = command_line.run("scan", file)
    assert (result.exit_code, result.stderr) == (1, "0 clear, 1 matched, 0 unscreened\n")
    assert result.stdout.splitlines()[0] == f"matched     {file}  review"
    assert "near, " in result.stdout
    (row,) = command_line.json("matches", "list")
    assert (row["nearness"], row["action"]) == ("near", "review")


def test_a_hash_that_is_only_near_is_matched_for_review(command_line: CommandLine) -> None:
    _list(command_line)
    assert command_line.run("lookup", f"pdq:{VALUE}").exit_code == 1
    (outcome,) = command_line.json("lookup", f"pdq:{VALUE}")
    (match,) = outcome["matches"]
    assert (outcome["outcome"], outcome["action"]) == ("matched", "review")
    assert (match["nearness"], match["distance_bits"]) == ("near", 36)
    append_config(command_line, "[policy.lists.one]\nreview_bits = { pdq = 0 }\n")
    assert command_line.run("lookup", f"pdq:{VALUE}").exit_code == 0
