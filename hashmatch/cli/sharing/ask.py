"""`hashmatch sharing ask`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from ..exit_codes import EXIT_CLEAR, EXIT_MATCHED
from ..output import print_line, say


@click.command("ask")
@click.argument("url")
@click.argument("list_name", metavar="LIST")
@click.argument(
    "files",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    nargs=-1,
    required=True,
    metavar="FILE...",
)
@click.option(
    "--token-env",
    default="HASHMATCH_SHARED_TOKEN",
    show_default=True,
    help="Environment variable that has the token.",
)
@click.option(
    "--public-key", "keys", multiple=True, help="Key that has to have signed the tags; repeatable."
)
@click.option(
    "--ca-file",
    type=click.Path(exists=True, dir_okay=False),
    help="Certificates to trust; by default the usual ones.",
)
def command(
    url: str,
    list_name: str,
    files: tuple[Path, ...],
    token_env: str,
    keys: tuple[str, ...],
    ca_file: str | None,
) -> None:
    """Ask a publisher whether its list has files of yours, without saying which.

    Exact copies are found, and no others. Exits with 1 if any is listed.
    """
    from hashmatch.audit import parse_public_keys
    from hashmatch.lists import open_client
    from hashmatch.operations.asking import Publisher, exact_hashes

    token = os.environ.get(token_env, "")
    if not token:
        raise click.UsageError(f"the environment variable {token_env} has no token")
    hashes = [(path, one) for path in files for one in exact_hashes(path)]
    headers = {"Authorization": f"Bearer {token}"}
    with open_client(url, timeout_s=60.0, headers=headers, ca_file=ca_file or "") as client:
        client.base_url = url
        publisher = Publisher(client, list_name, parse_public_keys(keys, "--public-key"))
        say(f"entries of {list_name}: {publisher.read_tags()}")
        answers = publisher.has([one for _, one in hashes])
    listed = {path for (path, _), is_listed in zip(hashes, answers, strict=True) if is_listed}
    for path in files:
        print_line(f"{'listed' if path in listed else 'not listed':<12}{path}")
    click.get_current_context().exit(EXIT_MATCHED if listed else EXIT_CLEAR)
