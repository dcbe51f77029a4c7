"""`hashmatch lookup`: hashes that were computed elsewhere against all lists."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator

import click

from hashmatch.errors import InputError
from hashmatch.hashers import find_algorithm
from hashmatch.hashes import Hash
from hashmatch.outcome import Failure, Outcome, Reason
from hashmatch.pipeline import Scanner

from .context import App, json_option, pass_app, show_hashes_option
from .verdicts import show_outcomes


@click.command("lookup")
@click.argument("hashes", nargs=-1, required=True, metavar="ALGORITHM:HEX...")
@show_hashes_option
@json_option
@pass_app
def command(app: App, hashes: tuple[str, ...], *, show_hashes: bool, as_json: bool) -> None:
    """Screen hashes that were computed elsewhere, each by itself, and record the matches.

    "-" reads one a line from stdin; answers come in the same order. A hash may be followed by a
    space and the platform's content id.
    """
    with app.scanner() as scanner:
        outcomes = ((None, _look_up(scanner, *one)) for one in _numbered(hashes))
        code = show_outcomes(outcomes, as_json=as_json, show_hashes=show_hashes)
    click.get_current_context().exit(code)


def _numbered(hashes: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield (where it stands, text) for each hash asked for."""
    for place, text in enumerate(hashes, start=1):
        if text == "-":
            yield from ((f"line {number}", line) for number, line in enumerate(sys.stdin, start=1))
        else:
            yield f"argument {place}", text


def _look_up(scanner: Scanner, where: str, text: str) -> Outcome:
    written, _, content_id = text.strip().partition(" ")
    name, _, value = written.partition(":")
    try:
        algorithm = find_algorithm(name)
        one = Hash(algorithm, algorithm.parse(value))
    except InputError as error:
        failure = Failure(Reason.UNDECODABLE, error.message)
        return scanner.refuse(failure, content_id=content_id.strip() or where)
    return scanner.lookup([one], content_id=content_id.strip() or _content_id(one))


def _content_id(one: Hash) -> str:
    """Return a name under which the same hash is recorded once, and which does not show it."""
    mark = hashlib.sha256(one.algorithm.name.encode() + one.value).hexdigest()
    return f"lookup:{mark[:16]}"
