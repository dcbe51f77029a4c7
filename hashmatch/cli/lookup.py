"""`hashmatch lookup`: match hashes that were computed elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from hashmatch.errors import InputError, UnsupportedAlgorithmError
from hashmatch.hashes import Hash
from hashmatch.outcome import Failure, Outcome, Reason

from .context import App, json_option, pass_app, show_hashes_option, standard_input
from .verdicts import show_outcomes

if TYPE_CHECKING:
    from hashmatch.screening import Scanner


@click.command("lookup")
@click.argument("hashes", nargs=-1, required=True, metavar="ALGORITHM:HEX...")
@click.option("--together", is_flag=True, help="All hashes are of one image.")
@click.option("--content-id", default="", help="The platform's own name for that image.")
@show_hashes_option
@json_option
@pass_app
def command(
    app: App,
    hashes: tuple[str, ...],
    *,
    together: bool,
    content_id: str,
    show_hashes: bool,
    as_json: bool,
) -> None:
    """Screen hashes that were computed elsewhere.

    They are matched one by one, and the matches recorded. A hash is written pdq:HEX, or
    pdq:HEX:QUALITY where its quality is known. Further hashes of the same image may follow it, and
    the platform's content id: "pdq:HEX md5:HEX post/9". "-" reads hashes from stdin, an image a
    line; answers come in the same order.
    """
    if together and "-" in hashes:
        raise click.UsageError("--together is for hashes on the command line; a line is an image.")
    if content_id and not together and (len(hashes) > 1 or "-" in hashes):
        raise click.UsageError("--content-id is for one image: use it with --together.")
    asked = (" ".join(hashes),) if together else hashes
    with app.scanner(isolation="none") as scanner:  # Nothing is decoded here.
        outcomes = (
            (None, _look_up(scanner, *one, content_id, together=together))
            for one in _numbered(asked)
        )
        code = show_outcomes(outcomes, as_json=as_json, show_hashes=show_hashes)
    click.get_current_context().exit(code)


def _numbered(hashes: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """Yield (where it stands, text) for each image asked for."""
    for place, text in enumerate(hashes, start=1):
        if text == "-":
            lines = enumerate(standard_input(), start=1)
            yield from ((f"line {number}", line) for number, line in lines)
        else:
            yield f"argument {place}", os.fsencode(text)


def _look_up(
    scanner: Scanner, where: str, text: bytes, content_id: str, *, together: bool
) -> Outcome:
    from hashmatch.screening import anonymous_content_id

    try:
        hashes, name = _parse(text)
        # What is no hash may be meant as one: it is no name where none belongs.
        if name and (content_id or together):
            raise InputError("a part that is no hash, where only hashes belong")
        name = content_id or name or anonymous_content_id(*hashes)
        return scanner.lookup(hashes, content_id=name)
    except InputError as error:
        # The hint names the algorithms that are known.
        detail = f"{error.message}. {error.hint}" if error.hint else error.message
        return scanner.refuse(Failure(Reason.UNDECODABLE, detail), content_id=where)


def _parse(text: bytes) -> tuple[list[Hash], str]:
    """Return the hashes of an image and its content id, which may be empty.

    Raises `InputError`, also for a further hash that is malformed: an image is not clear by the
    others alone.
    """
    try:
        written, _, rest = text.decode().strip().partition(" ")
    except UnicodeDecodeError as error:
        raise InputError("invalid UTF-8") from error
    hashes = [_parse_hash(written)]
    while rest.strip():
        written, _, after = rest.strip().partition(" ")
        if not _is_hash(written):
            break
        hashes.append(_parse_hash(written))
        rest = after
    if any(map(_is_hash, rest.split())):
        raise InputError("a hash after the content id, where it is not looked up")
    return hashes, rest.strip()


def _is_hash(written: str) -> bool:
    """Say whether a text is meant as a hash, of an algorithm that is known even if unsupported."""
    from hashmatch.hashers import find_algorithm

    name, colon, _ = written.partition(":")
    try:
        find_algorithm(name)
    except UnsupportedAlgorithmError:
        return bool(colon)
    except InputError:
        return False
    return bool(colon)


def _parse_hash(written: str) -> Hash:
    from hashmatch.hashers import find_algorithm

    name, *rest = written.split(":")
    if len(rest) not in (1, 2):
        raise InputError("not written as ALGORITHM:HEX or ALGORITHM:HEX:QUALITY")
    algorithm = find_algorithm(name)
    value = algorithm.parse(rest[0])
    return Hash(algorithm, value, _parse_quality(rest[1]) if len(rest) > 1 else None)


def _parse_quality(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 3 or int(text) > 100:
        raise InputError("the quality is not a number from 0 to 100")
    return int(text)
