"""`hashmatch lookup`: match hashes that were computed elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from hashmatch.errors import InputError
from hashmatch.hashes import Hash
from hashmatch.outcome import Failure, Outcome, Reason

from .context import App, json_option, pass_app, show_hashes_option, standard_input
from .verdicts import show_outcomes

if TYPE_CHECKING:
    from hashmatch.screening import Scanner


@click.command("lookup")
@click.argument("hashes", nargs=-1, required=True, metavar="ALGORITHM:HEX...")
@show_hashes_option
@json_option
@pass_app
def command(app: App, hashes: tuple[str, ...], *, show_hashes: bool, as_json: bool) -> None:
    """Screen hashes that were computed elsewhere.

    They are matched one by one, and the matches recorded. A hash is written pdq:HEX, or
    pdq:HEX:QUALITY where its quality is known. A space and the platform's content id may follow
    it: "pdq:HEX post/9". "-" reads hashes from stdin, one per line; answers come in the same order.
    """
    with app.scanner(isolation="none") as scanner:  # Nothing is decoded here.
        outcomes = ((None, _look_up(scanner, *one)) for one in _numbered(hashes))
        code = show_outcomes(outcomes, as_json=as_json, show_hashes=show_hashes)
    click.get_current_context().exit(code)


def _numbered(hashes: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """Yield (where it stands, text) for each hash asked for."""
    for place, text in enumerate(hashes, start=1):
        if text == "-":
            lines = enumerate(standard_input(), start=1)
            yield from ((f"line {number}", line) for number, line in lines)
        else:
            yield f"argument {place}", os.fsencode(text)


def _look_up(scanner: Scanner, where: str, text: bytes) -> Outcome:
    try:
        one, content_id = _parse(text)
        return scanner.lookup([one], content_id=content_id)
    except InputError as error:
        return scanner.refuse(Failure(Reason.UNDECODABLE, error.message), content_id=where)


def _parse(text: bytes) -> tuple[Hash, str]:
    """Return the hash and its content id. Raises `InputError`."""
    from hashmatch.hashers import find_algorithm
    from hashmatch.screening import anonymous_content_id

    try:
        written, _, content_id = text.decode().strip().partition(" ")
    except UnicodeDecodeError as error:
        raise InputError("invalid UTF-8") from error
    name, *rest = written.split(":")
    if len(rest) not in (1, 2):
        raise InputError("not written as ALGORITHM:HEX or ALGORITHM:HEX:QUALITY")
    algorithm = find_algorithm(name)
    value = algorithm.parse(rest[0])
    quality = _parse_quality(rest[1]) if len(rest) > 1 else None
    one = Hash(algorithm, value, quality)
    return one, content_id.strip() or anonymous_content_id(one)


def _parse_quality(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 3 or int(text) > 100:
        raise InputError("the quality is not a number from 0 to 100")
    return int(text)
