"""The demo of a gate lets nothing listed out, however it is asked for, and also says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from hashmatch.cli.main import cli
from hashmatch.operations.generator_demo import run_generator_demo


def test_nothing_listed_comes_out_of_the_demo(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    first = run_generator_demo(folder, pictures=10)
    for one in first.forms:
        assert (one.made, one.listed, one.leaked) == (10, 1, 0), one
    still, batched, streamed, *failing = first.forms
    assert (still.came_out, batched.came_out, streamed.came_out) == (9, 9, 18)
    assert [one.came_out for one in failing] == [0, 0, 0]
    (totals,) = first.report["gates"]
    assert (totals["pictures"], totals["withheld"], totals["coverage"]) == (40, 4, 1.0)


@pytest.mark.long
@pytest.mark.timeout(400)
def test_the_demo_runs_again_in_its_folder(tmp_path: Path) -> None:
    for _ in range(2):
        result = CliRunner().invoke(cli, ["demo", "--generator", "--dir", str(tmp_path / "demo")])
        assert result.exit_code == 0, result.output
    assert "no list" in result.output
