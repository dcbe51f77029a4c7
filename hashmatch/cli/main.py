"""The command line: one group, whose commands are loaded only when they are called."""

from __future__ import annotations

import os
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from hashmatch import __version__
from hashmatch.errors import HashmatchError

from .context import App
from .exit_codes import EXIT_UNSCREENED

# In the order of the help page: where the command is, and what it does, so that the help page
# has to load none of them.
_COMMANDS = {
    "init": "Write hashmatch.toml and create the database.",
    "demo": "Run the whole flow on drawn pictures and a made-up list.",
    "hash": "Compute the hashes of images.",
    "scan": "Screen images against all lists and record the matches.",
    "lookup": "Screen hashes that were computed elsewhere.",
    "lists": "Make, import, inspect, withdraw from and remove lists.",
    "matches": "Show the recorded matches.",
    "report": "Export reports of the recorded matches.",
    "db": "Upgrade or check the database.",
    "doctor": "Check the installation, the configuration, the store and the lists.",
}


class HashmatchGroup(click.Group):
    """Loads commands on demand and reports every failure in one way, with exit code 2.

    Python and click would end with 1 after some failures, which here means "matched".
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help page."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load the module of that command."""
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"hashmatch.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command and turn what goes wrong into a message and exit code 2."""
        try:
            return super().invoke(ctx)
        except click.exceptions.Exit:
            raise
        except click.ClickException as error:
            error.show()
        except HashmatchError as error:
            click.echo(f"hashmatch: {error.message}", err=True)
            if error.hint:
                click.echo(f"  {error.hint}", err=True)
        except KeyboardInterrupt:
            click.echo("hashmatch: interrupted; what was recorded stays recorded", err=True)
        except BrokenPipeError:
            # Whoever read our output has gone; nothing more may be written to it, even at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except Exception:  # noqa: BLE001 (or Python would end with 1)
            traceback.print_exc()
            click.echo("hashmatch: this is a defect of hashmatch, please report it", err=True)
        return ctx.exit(EXIT_UNSCREENED)


@click.command(
    cls=HashmatchGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="hashmatch %(version)s")
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
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = EXIT_UNSCREENED
    except click.Abort:
        code = EXIT_UNSCREENED
    sys.exit(code)
