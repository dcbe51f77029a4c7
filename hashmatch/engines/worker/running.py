"""Running of the worker: messages are settled in threads until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

from hashmatch.errors import BrokerError, HashmatchError
from hashmatch.store.engine import Database
from hashmatch.store.events import remove_old_events
from hashmatch.store.schema import utc_now

from .brokers import Broker, Delivery
from .settling import Say, Settled, Settler, StoppedError

_START_S = 20.0
_PAUSE_S = 1.0
_REPORT_EVERY_S = 30.0
_FORGET_EVERY_S = 3_600.0


class Worker:
    """Takes the deliveries of a broker to a settler, and what becomes of them back."""

    def __init__(self, broker: Broker, settler: Settler, stop: threading.Event, say: Say) -> None:
        self._broker = broker
        self._settler = settler
        self._stop = stop
        self._say = say
        self._threads = ThreadPoolExecutor(broker.prefetch + 1, "hashmatch-worker")
        self._counts: Counter[str] = Counter()

    def run(self, forget: Callable[[], None]) -> None:
        """Work until a signal ends it. `forget` is called now and then, in a thread.

        Raises `BrokerError` where the broker does not answer at first, or ends the work.
        """
        try:
            asyncio.run(self._run(forget))
        except HashmatchError:
            raise
        # Each client raises errors of its own; their messages may have the address with its user.
        except Exception as error:
            raise BrokerError(
                f"{self._broker.settings.broker}: the broker fails ({type(error).__name__})",
                hint="See that it runs, and that worker.user and worker.password are right.",
            ) from error
        finally:
            self._stop.set()
            self._threads.shutdown()

    async def _run(self, forget: Callable[[], None]) -> None:
        from faststream import FastStream

        async with asyncio.timeout(_START_S):
            await self._broker.prepare()
        self._broker.subscribe(self._settle)
        app = FastStream(self._broker.app_broker, logger=None)
        is_signalled = asyncio.Event()

        def end() -> None:
            is_signalled.set()
            app.exit()

        @app.after_startup
        async def started() -> None:
            for one in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(one, end)
            self._report_start()

        app.on_shutdown(self._stop.set)
        housekeeping = asyncio.create_task(self._housekeeping(forget))
        try:
            await app.run()
        finally:
            housekeeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await housekeeping
            await self._broker.close()
        # Where a stream is gone, it is FastStream that ends the work.
        if not is_signalled.is_set():
            raise BrokerError(
                f"{self._broker.settings.broker}: the broker has lost the group or its topic",
                hint="Start the worker again: it makes what is missing.",
            )

    def _report_start(self) -> None:
        settings = self._broker.settings
        self._say(
            f"settling {settings.uploads} of {settings.broker}, {self._broker.prefetch} at a time"
        )

    async def _settle(self, delivery: Delivery) -> bool:
        """Settle a message; False where it is to be delivered again."""
        loop = asyncio.get_running_loop()
        most = self._broker.settings.deliveries
        try:
            async with self._extended(delivery):
                settle = partial(self._settler.settle, delivery.body)
                if delivery.attempt > most:
                    problem = f"it was delivered {most} times, and never settled"
                    settle = partial(self._settler.give_up, delivery.body, problem)
                settled = await loop.run_in_executor(self._threads, settle)
                await self._publish(delivery.body, settled)
        except StoppedError:
            return False
        except Exception as error:  # noqa: BLE001 (not settled, whatever it is)
            self._say(f"a message is not settled, and comes again: {type(error).__name__}: {error}")
            await asyncio.sleep(_PAUSE_S)
            return False
        self._counts["settled"] += 1
        return True

    async def _publish(self, body: bytes, settled: Settled) -> None:
        settings = self._broker.settings
        for verdict in settled.verdicts:
            await self._broker.publish(settings.verdicts, verdict.body, verdict.message_id, {})
        if settled.problem:
            self._counts["dead letters"] += 1
            # Another each time: one that is sent again and fails again is no double of itself.
            message_id = secrets.token_hex(16)
            problem = settled.problem.encode("ascii", "backslashreplace").decode()
            await self._broker.publish(
                settings.dead_letters, body, message_id, {"hashmatch-problem": problem}
            )

    @contextlib.asynccontextmanager
    async def _extended(self, delivery: Delivery) -> AsyncIterator[None]:
        """Keep the broker from delivering a message again while it is in work."""

        async def extend() -> None:
            while True:
                await asyncio.sleep(self._broker.settings.lease_s / 3)
                # Where it fails, the message comes again, and is settled twice.
                with contextlib.suppress(Exception):
                    await delivery.extend()

        task = asyncio.create_task(extend())
        try:
            yield
        finally:
            task.cancel()

    async def _housekeeping(self, forget: Callable[[], None]) -> None:
        """Report what was done, and forget what is old, now and then."""
        forgot_s, reported = -_FORGET_EVERY_S, Counter[str]()
        while True:
            if time.monotonic() - forgot_s > _FORGET_EVERY_S:
                forgot_s = time.monotonic()
                try:
                    await asyncio.get_running_loop().run_in_executor(self._threads, forget)
                except HashmatchError as error:  # Next time, then.
                    self._say(f"old events are not removed: {error.message}")
            await asyncio.sleep(_REPORT_EVERY_S)
            if self._counts != reported:
                reported = self._counts.copy()
                self._say(", ".join(f"{number:,} {name}" for name, number in reported.items()))


def forget_old_events(database: Database, days: float) -> None:
    """Remove the digests of events that were counted so many days ago. Raises `StoreError`."""
    before = (utc_now() - timedelta(days=days)).date()
    turns, rows = database.turns(), 1
    while rows:
        with turns.next() as session:
            rows = remove_old_events(session, before, limit=turns.rows)
