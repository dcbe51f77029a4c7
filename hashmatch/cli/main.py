"""Command line: one group, whose commands are imported only when they are called."""

from __future__ import annotations

import io
import os
import sys
import traceback
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from hashmatch._version import __version__
from hashmatch.errors import HashmatchError

from .context import App
from .exit_codes import EXIT_UNSCREENED
from .groups import LazyGroup

_COMMANDS = {
    "init": "Create hashmatch.toml and the database.",
    "demo": "Run the whole flow on drawn pictures and a made-up list.",
    "hash": "Compute the hashes of images.",
    "scan": "Screen images against all lists and record matches.",
    "backfill": "Screen all images of large stores, and go on where it was.",
    "lookup": "Screen hashes that were computed elsewhere.",
    "lists": "Manage hash lists, their entries and their deliveries.",
    "index": "Show, build and compact the index on disk.",
    "matches": "Show recorded matches.",
    "cases": "Review cases: decide, escalate, report.",
    "notices": "Register requests to remove intimate images, and work on them in time.",
    "outbox": "Show and send notifications to other systems.",
    "policy": "Show the policy in force, and record the reasons of its changes.",
    "sharing": "Share lists with others, and contribute confirmed cases to own lists.",
    "tokens": "Create, list and revoke access tokens of the service.",
    "serve": "Serve screening over HTTP.",
    "retained": "Show and remove retained hashes of past uploads.",
    "worker": "Screen uploads as a broker announces them, and publish the verdicts.",
    "evaluate": "Measure matching: recall, false matches, precision, other thresholds.",
    "report": "Export matches, cases and figures, and report to regulators.",
    "prompt": "Screen prompts for listed terms.",
    "gate": "Report on gates before image generators, and correct misuse.",
    "audit": "Verify and export the audit log.",
    "retention": "Remove data that has reached the end of its retention.",
    "db": "Upgrade, check, back up and restore the database.",
    "config": "Show and check the configuration.",
    "completion": "Write the completion of commands for a shell.",
    "manual": "Write the manual page of all commands, for man.",
    "doctor": "Check the installation, the configuration, the store and the lists.",
}


class HashmatchGroup(LazyGroup):
    """Top-level group: reports every failure in one way, with exit code 2.

    Python and click would end with 1 after some failures, which here means "matched".
    """

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name, "hashmatch.cli", options.pop("help"), _COMMANDS, **options)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error becomes a message and exit code 2."""
        try:
            return super().invoke(ctx)
        except click.exceptions.Exit:
            raise
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 (Python would end with 1)
            _explain(error)
        return ctx.exit(EXIT_UNSCREENED)


def _explain(error: BaseException) -> None:
    """Write an error message to stderr, if there is one."""
    with suppress(OSError):
        _say_what_went_wrong(error)


def _say_what_went_wrong(error: BaseException) -> None:
    match error:
        case click.ClickException():
            error.show()
        case HashmatchError():
            click.echo(f"hashmatch: {error.message}", err=True)
            if error.hint:
                click.echo(f"  {error.hint}", err=True)
        case KeyboardInterrupt() | click.Abort():
            click.echo("hashmatch: interrupted; what was recorded stays recorded", err=True)
        case BrokenPipeError():
            _abandon_stdout()  # The reader of our output has closed it.
        case OSError():
            _abandon_stdout()
            place = "" if error.filename is None else f"{error.filename}: "
            click.echo(f"hashmatch: {place}{error.strerror or error}", err=True)
        case _:
            traceback.print_exception(error)
            click.echo("hashmatch: this is a defect of hashmatch, please report it", err=True)


def _abandon_stdout() -> None:
    """Let nothing more be written to stdout, not even what Python still holds at its end."""
    with suppress(OSError, AttributeError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say_versions(ctx: click.Context) -> None:
    """Write the versions that matter for a report of a defect, and end."""
    from .versions import versions

    click.echo(f"hashmatch {__version__}")
    for name, version in versions():
        click.echo(f"  {name} {version}")
    ctx.exit()


@click.command(
    cls=HashmatchGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "-V",
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda ctx, _, is_asked: _say_versions(ctx) if is_asked else None,
    help="Show the versions of hashmatch and of what it rests on, and exit.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The configuration file; by default HASHMATCH_CONFIG, ./hashmatch.toml or the"
    " platform's configuration folder.",
)
@click.pass_context
def cli(ctx: click.Context, config: Path | None) -> None:
    """Match images against licensed hash lists, without ever keeping an image.

    Exit codes: 0 everything clear, 1 something matched, 2 something was not screened or the
    command failed.
    """
    ctx.obj = App(config)


def main() -> None:
    """Run the command line and exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # What a narrow terminal cannot show is escaped; nothing ends in the middle.
            stream.reconfigure(errors="backslashreplace")
    # Whatever a decoder warns of, the outcome says what became of the image.
    warnings.filterwarnings("ignore", module="PIL")
    try:
        code = cli.main(standalone_mode=False)
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
    except SystemExit:  # click ends so, with 1, when its help page meets a closed pipe.
        code = EXIT_UNSCREENED
    except BaseException as error:  # noqa: BLE001 (Python would end with 1)
        _explain(error)
        code = EXIT_UNSCREENED
    # Python's own way out would flush again, fail again and choose a code of its own.
    with suppress(OSError):
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
    os._exit(code or 0)
