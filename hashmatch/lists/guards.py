"""Guards: objections to deliveries that would empty a list, or flood it with false positives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hashmatch.config import GuardSettings
from hashmatch.errors import SyncLeaseError
from hashmatch.policy import Policy
from hashmatch.store.lists import Comparison
from hashmatch.store.schema import HashList

from .applying import Additions
from .benign import BenignSample, Matched, read_samples


@dataclass(slots=True)
class Guards:
    """Guards of one sync, applied to the sum of the changes of its deliveries.

    `before` is the number of active entries when the sync began. `is_first` says that the list was
    never synced completely; its growth is then unlimited.
    """

    settings: GuardSettings
    policy: Policy
    before: int
    is_first: bool
    _samples: Mapping[str, BenignSample] = field(init=False)
    _withdrawn: int = field(default=0, init=False)
    _added: int = field(default=0, init=False)
    # Which hashes of the sample the entries added so far match, by algorithm.
    _matched: Mapping[str, Matched] = field(default_factory=dict, init=False)
    # The same with the examined delivery, and the generation of the list that it was for.
    _examined: tuple[int, Mapping[str, Matched]] = field(default=(0, {}), init=False)
    # Algorithms of added entries, by name, of which the benign sample has no hashes.
    _not_sampled: set[str] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        """Read the benign sample, if there is one. Raises `ConfigError`."""
        path = self.settings.benign_sample
        self._samples = read_samples(Path(path), self.policy) if path else {}

    def examine(self, row: HashList, additions: Additions, renew: Callable[[], None]) -> None:
        """Compare every row that would be added with the benign sample.

        `renew` is called for each batch of them.
        """
        matched = dict(self._matched)
        for name, values in additions if self._samples else ():
            renew()
            if (sample := self._samples.get(name)) is None:
                self._not_sampled.add(name)
                continue
            threshold_bits = self.policy.threshold_bits(row.name, sample.algorithm)
            if threshold_bits is None:  # They are not matched, and so flood nothing.
                continue
            found = sample.match(values, threshold_bits)
            matched[name] = found | matched.get(name, found)
        self._examined = row.generation, matched

    def objection(self, row: HashList, comparison: Comparison) -> str:
        """Return why the examined delivery must not be applied, "" where it may.

        Raises `SyncLeaseError` where the list has changed since, so that other rows were added.
        """
        generation, matched = self._examined
        if row.generation != generation:
            raise SyncLeaseError(
                f"list {row.name} was changed while a delivery of its source was examined",
                hint="The delivery was not applied; the next sync tries again.",
            )
        # The deliveries of one sync add up, so that splitting a change does not evade the limits.
        withdrawn = self._withdrawn + comparison.withdrawn
        added = self._added + comparison.added
        objection = (
            self._object_to_withdrawals(withdrawn)
            or self._object_to_growth(added - withdrawn)
            or self._object_to_flood(matched)
        )
        if not objection:
            self._withdrawn, self._added, self._matched = withdrawn, added, matched
        return objection

    def remark(self) -> str:
        """Return which added entries no guard compared with harmless pictures, "" for none."""
        if not self._added:
            return ""
        if not self._samples:
            return "no added entry was compared with harmless pictures: there is no benign sample"
        if not self._not_sampled:
            return ""
        names = ", ".join(sorted(self._not_sampled))
        return f"added entries were not compared: the benign sample has no hashes of {names}"

    def _object_to_withdrawals(self, withdrawn: int) -> str:
        max_share = self.settings.max_withdrawn_share
        if withdrawn <= max(self.settings.least_changes, max_share * self.before):
            return ""
        return f"it withdraws {withdrawn} of {self.before} entries, more than {max_share:.0%}"

    def _object_to_growth(self, growth: int) -> str:
        max_factor = self.settings.max_growth_factor
        limit = max(self.settings.least_changes, (max_factor - 1) * self.before)
        if self.is_first or growth <= limit:
            return ""
        return (
            f"it increases the list from {self.before} to {self.before + growth} entries, more than"
            f" {max_factor:g} times as many"
        )

    def _object_to_flood(self, matched: Mapping[str, Matched]) -> str:
        for name, sample in self._samples.items():
            number = sample.count(matched[name]) if name in matched else 0
            if number > self.settings.max_benign_share * len(sample):
                return (
                    f"the entries that it adds match {number} of the {len(sample)}"
                    f" {name} hashes of the benign sample"
                )
        return ""
