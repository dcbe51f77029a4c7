"""Metrics for Prometheus: counts and times, and never the name of an image or a hash."""

from __future__ import annotations

import collections
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from hashmatch.cases import PENDING, State
from hashmatch.errors import HashmatchError
from hashmatch.outcome import Clear, Outcome, outcome_name
from hashmatch.prompts import PromptVerdict
from hashmatch.store.engine import Database, read_unsealed
from hashmatch.store.figures import count_cases, count_overdue
from hashmatch.store.lists import (
    ALLOW,
    FAILED,
    OWN,
    QUARANTINED,
    TERMS,
    ListState,
    Quarantine,
    SyncFacts,
    read_lists,
    read_newest_runs,
    read_quarantines,
)
from hashmatch.store.lookups import read_limited_entries
from hashmatch.store.matches import read_flooding
from hashmatch.store.outbox import count_unsent
from hashmatch.store.schema import utc_now

MULTIPROCESS_DIR = "PROMETHEUS_MULTIPROC_DIR"
_REQUEST_SECONDS = "hashmatch_request_seconds"
_SCREENING_S = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_STAGE_S = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)
# The state of the store is read at most once in this time, however many servers scrape.
_CACHE_S = 5.0
_READ_LIMIT_S = 5.0


class Metrics:
    """Metrics of one process; with several workers, its part of the shared ones."""

    def __init__(self) -> None:
        # Each counter would get a second series with the time of its creation.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._scans = self._counter(
            "hashmatch_scans", "Images and hashes screened.", "outcome", "reason"
        )
        self._declared = self._counter(
            "hashmatch_declared",
            "Images by what their files declare: to be generated, partly, or none of it.",
            "declared",
            "outcome",
        )
        self._prompts = self._counter(
            "hashmatch_prompts", "Prompts screened for listed terms.", "outcome", "reason"
        )
        self._stages = Histogram(
            "hashmatch_stage_seconds",
            "Duration of a stage: receive (the body), wait (in the queue), read (decode and hash),"
            " look_up, record.",
            ["stage"],
            buckets=_STAGE_S,
            registry=self.registry,
        )
        self._requests = self._counter(
            "hashmatch_requests", "Requests answered.", "method", "route", "status"
        )
        self._request_seconds = Histogram(
            _REQUEST_SECONDS,
            "Time until the answer.",
            ["route"],
            buckets=_SCREENING_S,
            registry=self.registry,
        )
        self._jobs = self._gauge(
            "hashmatch_jobs",
            "Scans, lookups, fetches and reports waiting or running.",
            "work",
            "state",
        )
        self._buffered = self._gauge(
            "hashmatch_buffered_bytes", "Size of request bodies in memory."
        )
        self._syncs = self._counter("hashmatch_syncs", "Syncs started by the service.", "result")
        self._sent = self._counter(
            "hashmatch_outbox_sent", "Attempts to send outbox messages.", "result"
        )
        self._exchanged = self._counter(
            "hashmatch_exchange_entries", "Entries sent to exchanges.", "exchange", "result"
        )

    def observe_stage(self, stage: str, time_s: float) -> None:
        """Observe the duration of a stage."""
        self._stages.labels(stage).observe(time_s)

    def count_outcomes(self, *outcomes: Outcome) -> None:
        """Count outcomes of images."""
        found = collections.Counter((outcome_name(one), _reason(one)) for one in outcomes)
        for (name, reason), number in found.items():
            self._scans.labels(name, reason).inc(number)
        for one in outcomes:
            if one.provenance is not None:
                self._declared.labels(one.provenance.declared.value, outcome_name(one)).inc()

    def count_prompt(self, verdict: PromptVerdict) -> None:
        """Count a prompt."""
        self._prompts.labels(verdict.outcome.value, verdict.reason or "").inc()

    def count_request(self, method: str, route: str, status: int, time_s: float) -> None:
        """Count an answered request; `route` is the pattern of its path, not the path."""
        self._requests.labels(method, route, status).inc()
        self._request_seconds.labels(route).observe(time_s)

    def count_sync(self, result: str) -> None:
        """Count a sync."""
        self._syncs.labels(result).inc()

    def count_sent(self, result: str, number: int) -> None:
        """Count messages that were sent, failed or died."""
        self._sent.labels(result).inc(number)

    def count_exchanged(self, exchange: str, result: str, number: int) -> None:
        """Count entries that were sent to an exchange, withdrawn, refused, or failed."""
        self._exchanged.labels(exchange, result).inc(number)

    def note_jobs(self, work: str, running: int, waiting: int) -> None:
        """Set the numbers of running and waiting jobs."""
        self._jobs.labels(work, "running").set(running)
        self._jobs.labels(work, "waiting").set(waiting)

    def note_buffered(self, buffered_bytes: int) -> None:
        """Set the size of the request bodies in memory."""
        self._buffered.set(buffered_bytes)

    def exposition(self, state: StoreState) -> bytes:
        """Return all metrics in Prometheus' text format."""
        # The state of the store is the same for all processes, and is not summed.
        return generate_latest(self._of_all()) + generate_latest(state)

    def request_times(self, route: str) -> list[tuple[float, int]]:
        """Return how many answers of a route took up to each time in seconds, by interval."""
        counts = [
            (float(one.labels["le"]), int(one.value))
            for family in self._of_all().collect()
            if family.name == _REQUEST_SECONDS
            for one in family.samples
            if one.name.endswith("_bucket") and one.labels.get("route") == route
        ]
        counts.sort()
        before = [0, *(number for _, number in counts)]
        return [(end, number - less) for (end, number), less in zip(counts, before, strict=False)]

    def _of_all(self) -> CollectorRegistry:
        """Return the metrics of all processes: the one that is asked sums up their files."""
        if not os.environ.get(MULTIPROCESS_DIR):
            return self.registry
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return registry

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(name, help_text, labels, registry=self.registry)

    def _gauge(self, name: str, help_text: str, *labels: str) -> Gauge:
        return Gauge(name, help_text, labels, registry=self.registry, multiprocess_mode="livesum")


def _reason(outcome: Outcome) -> str:
    return "" if isinstance(outcome, Clear) else outcome.reason or ""


@dataclass(frozen=True, slots=True)
class _Sample:
    name: str
    help_text: str
    labels: dict[str, str]
    value: float


class StoreState(Collector):
    """Lists, outbox and cases as metrics; while the store is unreachable, only that fact."""

    def __init__(self, database: Database, index_age_s: Callable[[], float]) -> None:
        self._database = database
        self._index_age_s = index_age_s
        self._samples: list[_Sample] = []
        self._read_at_s = float("-inf")

    def collect(self) -> Iterator[Any]:
        """Yield the metrics, read again where they are older than a few seconds."""
        if time.monotonic() - self._read_at_s > _CACHE_S:
            self._samples, self._read_at_s = list(self._read()), time.monotonic()
        families: dict[str, GaugeMetricFamily] = {}
        age = _Sample(
            "hashmatch_index_age_seconds",
            "Time since the index was last known to follow the lists.",
            {},
            self._index_age_s(),
        )
        for one in (*self._samples, age):
            if one.name not in families:
                families[one.name] = GaugeMetricFamily(
                    one.name, one.help_text, labels=list(one.labels)
                )
            families[one.name].add_metric(list(one.labels.values()), one.value)
        yield from families.values()

    def _read(self) -> Iterator[_Sample]:
        try:
            with self._database.reading(limit_s=_READ_LIMIT_S) as session:
                lists = (*read_lists(session), *read_lists(session, ALLOW, TERMS))
                runs = read_newest_runs(session)
                quarantines = read_quarantines(session)
                flooding = collections.Counter(
                    one.list_name for one in read_flooding(session) if not one.action
                )
                limited = collections.Counter(
                    one.list_name for one in read_limited_entries(session)
                )
                unsent = count_unsent(session)
                cases = count_cases(session)
                overdue = count_overdue(session, PENDING)
                unsealed = read_unsealed(session)
        except HashmatchError:
            yield _Sample("hashmatch_store_up", "Whether the store answers.", {}, 0)
            return
        yield _Sample("hashmatch_store_up", "Whether the store answers.", {}, 1)
        now = utc_now()
        for one in lists:
            yield from _of_list(one, now)
            if one.kind != OWN:  # An own list has no source.
                quarantine = quarantines.get(one.name)
                yield from _of_deliveries(one.name, now, runs.get(one.name, ()), quarantine)
                help_text = "Entries that match too much, about which nobody has decided."
                own = {"list": one.name}
                yield _Sample("hashmatch_flooding_entries", help_text, own, flooding[one.name])
                help_text = "Entries about which look-ups reached the limit of a day, of a week."
                yield _Sample("hashmatch_limited_entries", help_text, own, limited[one.name])
        for state, number in unsent.items():
            help_text = "Messages that are waiting or dead."
            yield _Sample("hashmatch_outbox_messages", help_text, {"state": state}, number)
        # Zeros included, so that no series disappears when its last case moves on.
        for case_state in State:
            help_text = "Cases in each state."
            yield _Sample(
                "hashmatch_cases",
                help_text,
                {"state": case_state.value},
                cases.get(case_state.value, 0),
            )
        yield _Sample("hashmatch_cases_overdue", "Cases past their due time.", {}, overdue)
        help_text = "Records of the audit log that are not sealed yet."
        yield _Sample("hashmatch_audit_unsealed_records", help_text, {}, unsealed.records)
        help_text = "Age of the oldest audit record that is not sealed, 0 without any."
        age_s = 0.0 if unsealed.oldest is None else (now - unsealed.oldest).total_seconds()
        yield _Sample("hashmatch_audit_unsealed_age_seconds", help_text, {}, max(age_s, 0.0))


def _of_list(one: ListState, now: datetime) -> Iterator[_Sample]:
    """Yield what is known of a list by itself."""
    own = {"list": one.name}
    yield _Sample("hashmatch_list_entries", "Active entries.", own, one.active_entries)
    yield _Sample("hashmatch_list_generation", "Generation of the list.", own, one.generation)
    age_s = (now - one.changed_at).total_seconds()
    yield _Sample("hashmatch_list_age_seconds", "Time since the list changed.", own, age_s)
    if one.licence_end is not None:
        left = (one.licence_end - now.date()).days
        help_text = "Days until the licence ends."
        yield _Sample("hashmatch_list_licence_days_left", help_text, own, left)


def _of_deliveries(
    name: str, now: datetime, runs: Sequence[SyncFacts], quarantine: Quarantine | None
) -> Iterator[_Sample]:
    """Yield how the deliveries of a list that follows a source went."""
    own = {"list": name}
    help_text = "Whether a delivery is quarantined and waits for a decision."
    # A rejected delivery stays on record, but no longer waits for a decision.
    is_quarantined = float(quarantine is not None and quarantine.rejected_at is None)
    yield _Sample("hashmatch_list_quarantined", help_text, own, is_quarantined)
    # A success changed the list, or found it up to date.
    good = [run for run in runs if run.outcome not in (FAILED, QUARANTINED)]
    if good:
        help_text = "Time since the last complete sync."
        age_s = (now - good[0].ended_at).total_seconds()
        yield _Sample("hashmatch_list_synced_age_seconds", help_text, own, age_s)
