"""`hashmatch worker`: screen uploads as a broker announces them."""

from __future__ import annotations

import threading

import click

from hashmatch.hashes import Level

from .context import App, level_option, orientations_option, pass_app
from .output import say


@click.command("worker")
@click.option(
    "--workers",
    type=click.IntRange(1, 1000),
    help="Decoders; by default intake.workers, or one per processor.",
)
@level_option
@orientations_option
@pass_app
def command(app: App, workers: int | None, level: str | None, *, orientations: bool | None) -> None:
    """Screen uploads as a broker announces them, and publish the verdicts.

    [worker] names the broker (NATS, Redis, RabbitMQ or Kafka), its topics, and where uploads
    may be. A signal stops it once the messages in work are settled.
    """
    from hashmatch.config import read_secret
    from hashmatch.engines import ItemScreener
    from hashmatch.engines.worker import (
        Settler,
        StoppedError,
        Worker,
        forget_old_events,
        open_broker,
        open_loader,
    )
    from hashmatch.wiring import open_scanner_with, read_digest_key

    decoders = app.decoders(workers)
    settings = app.settings_with(
        workers=decoders,
        orientations=orientations,
        level=None if level is None else Level(level),
    )
    own = settings.worker
    password = "" if own.password is None else read_secret(own.password)
    broker = open_broker(own, password, own.prefetch or 2 * decoders)
    key = read_digest_key(settings, own.digest_key, "worker")
    stop = threading.Event()

    def pause(seconds: float) -> None:
        if stop.wait(seconds):
            raise StoppedError

    loader = open_loader(settings, pause)
    with (
        app.database() as database,
        open_scanner_with(settings, is_counted=False, configured=app.settings) as scanner,
    ):
        screener = ItemScreener(scanner, pause=pause)
        settler = Settler(database, screener, loader, key, stop, say)
        worker = Worker(broker, settler, stop, say)
        worker.run(lambda: forget_old_events(database, own.remember_days))
