"""`hashmatch completion`."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

_SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command("completion")
@click.argument("shell", type=click.Choice(list(_SHELLS)))
def command(shell: str) -> None:
    """Write the completion of commands for a shell.

    In ~/.bashrc: eval "$(hashmatch completion bash)". In ~/.zshrc: eval "$(hashmatch completion
    zsh)". For fish: hashmatch completion fish > ~/.config/fish/completions/hashmatch.fish.
    """
    from .main import cli

    click.echo(_SHELLS[shell](cli, {}, "hashmatch", "_HASHMATCH_COMPLETE").source())
