"""`hashmatch prompt check`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from hashmatch.errors import InputError

from ..context import App, json_option, pass_app, standard_input
from ..exit_codes import EXIT_CLEAR, EXIT_MATCHED, EXIT_UNSCREENED
from ..output import print_json, print_line, say

if TYPE_CHECKING:
    from hashmatch.prompts import PromptVerdict


@click.command("check")
@click.argument("prompts", nargs=-1, required=True, metavar="PROMPT...")
@click.option("--prompt-id", default="", help="The platform's own name for the prompt.")
@json_option
@pass_app
def command(app: App, prompts: tuple[str, ...], prompt_id: str, *, as_json: bool) -> None:
    """Look for listed terms in prompts.

    "-" reads prompts from stdin, one a line: other users of a machine see what is on a command
    line. Neither a prompt nor a term is printed; answers come in the same order.
    """
    from hashmatch.wiring import open_prompt_screener_with

    if prompt_id and len(prompts) > 1:
        raise click.UsageError("--prompt-id is for one prompt.")
    counts: Counter[str] = Counter()
    with open_prompt_screener_with(app.settings) as screener:
        for number, prompt in enumerate(_read(prompts), start=1):
            verdict = screener.check(prompt, prompt_id=prompt_id, source="cli")
            name = prompt_id or f"prompt {number}"
            counts["unscreened" if verdict.reason else verdict.outcome] += 1
            if as_json:
                print_json({"prompt": name, **verdict.as_json()})
            else:
                _show(name, verdict)
    say(", ".join(f"{number} {name}" for name, number in counts.items()) or "nothing to screen")
    click.get_current_context().exit(_exit_code(counts))


def _read(prompts: tuple[str, ...]) -> Iterator[str]:
    for one in prompts:
        if one != "-":
            yield one
            continue
        for number, line in enumerate(standard_input(), start=1):
            try:
                yield line.decode().rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise InputError(f"line {number} of stdin is not UTF-8") from error


def _show(name: str, verdict: PromptVerdict) -> None:
    problem = f"  {verdict.reason}: {verdict.detail}" if verdict.reason else ""
    print_line(f"{verdict.outcome:<10}  {name}{problem}")
    for one in verdict.matches:
        category = f" category {one.category}" if one.category else ""
        print_line(f"{'':<10}    list {one.list_name} entry {one.entry_id}{category}: {one.action}")


def _exit_code(counts: Counter[str]) -> int:
    if counts["unscreened"] or not counts:
        return EXIT_UNSCREENED
    return EXIT_MATCHED if counts["review"] or counts["block"] else EXIT_CLEAR
