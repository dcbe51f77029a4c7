"""`hashmatch gate proxy`."""

from __future__ import annotations

import click

from ..context import App, pass_app
from ..output import say


@click.command("proxy")
@click.argument("server", metavar="URL")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8080, show_default=True,
              help="Port to listen on.")  # fmt: skip
@click.option("--name", default="proxy", show_default=True, help="Name of the gate on record.")
@click.option("--prompts", is_flag=True, help="Look for listed terms in requests.")
@click.option("--pass-others", is_flag=True, help="Let files pass that are no pictures.")
@pass_app
def command(
    app: App, server: str, host: str, port: int, name: str, *, prompts: bool, pass_others: bool
) -> None:
    """Serve what the server of images at URL does, behind a gate.

    It must be the only way to that server: let it listen where nobody else comes. A signal stops
    it.
    """
    from hashmatch.gate import guarded_proxy, open_gate_with, serve_proxy

    with open_gate_with(app.settings, name=name, checks_prompts=prompts) as gate:
        proxy = guarded_proxy(server, gate, passes_others=pass_others)
        say(f"http://{host}:{port} serves what {server} does, behind the gate {name}")
        serve_proxy(proxy, host=host, port=port)
