"""`hashmatch serve`: screening over HTTP."""

from __future__ import annotations

import click

from .context import App, pass_app


@click.command("serve")
@click.option("--host", help="Address to listen on; by default service.host.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), help="Port to listen on; by default service.port."
)
@click.option(
    "--workers", type=click.IntRange(1, 64), help="Number of processes; by default service.workers."
)
@pass_app
def command(app: App, host: str | None, port: int | None, workers: int | None) -> None:
    """Serve screening over HTTP.

    A signal stops it, once accepted requests are finished. Callers need tokens: hashmatch
    tokens create NAME --scope scan
    """
    from hashmatch.service import serve

    given = {"host": host, "port": port, "workers": workers}
    chosen = {name: value for name, value in given.items() if value is not None}
    service = app.settings.service.model_copy(update=chosen)
    serve(app.settings.model_copy(update={"service": service}))
