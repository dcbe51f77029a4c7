"""Guards: objections to deliveries that would empty a list, or flood it with false positives."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sqlalchemy.orm import Session

from hashmatch.config import GuardSettings
from hashmatch.errors import ConfigError, HashmatchError
from hashmatch.hashers import find_algorithm
from hashmatch.hashes import Algorithm, Hash
from hashmatch.index import SEGMENT_OF_KIND, Entries
from hashmatch.policy import Policy
from hashmatch.store.lists import Comparison, read_values_added
from hashmatch.store.schema import HashList

# A sample of the added entries is enough to reveal a flood, and bounds the memory.
_MAX_SAMPLED = 500_000


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
    benign: Mapping[Algorithm, Sequence[bytes]] = field(init=False)
    _withdrawn: int = field(default=0, init=False)
    _added: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Read the benign sample, if there is one. Raises `ConfigError`."""
        path = self.settings.benign_sample
        self.benign = read_sample(Path(path), self.policy) if path else {}

    def objection(self, session: Session, row: HashList, comparison: Comparison) -> str:
        """Return why a delivery that was just applied must be undone, "" where it may stay."""
        # The deliveries of one sync add up, so that splitting a change does not evade the limits.
        withdrawn = self._withdrawn + comparison.withdrawn
        added = self._added + comparison.added
        objection = (
            self._object_to_withdrawals(withdrawn)
            or self._object_to_growth(added - withdrawn)
            or self._object_to_flood(session, row, comparison)
        )
        if not objection:
            self._withdrawn, self._added = withdrawn, added
        return objection

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

    def _object_to_flood(self, session: Session, row: HashList, comparison: Comparison) -> str:
        if not comparison.added:
            return ""
        for algorithm, benign in self.benign.items():
            matched = self._count_matched(session, row, algorithm, benign)
            if matched > self.settings.max_benign_share * len(benign):
                return (
                    f"the entries that it adds match {matched} of the {len(benign)}"
                    f" {algorithm.name} hashes of the benign sample"
                )
        return ""

    def _count_matched(
        self, session: Session, row: HashList, algorithm: Algorithm, benign: Sequence[bytes]
    ) -> int:
        """Count the benign hashes that the newly added entries of the list would match."""
        added = read_values_added(session, row, algorithm.name, limit=_MAX_SAMPLED)
        if not added:
            return 0
        size = algorithm.bits // 8
        values = np.frombuffer(b"".join(added), np.uint8).reshape(len(added), size)
        # The index itself decides, with the list's own threshold: a guard that matched in another
        # way would miss a flood, or report a false one. The keys only have to differ.
        keys = np.arange(len(added))
        segment = SEGMENT_OF_KIND[algorithm.kind].build(algorithm, Entries(keys, keys * 0, values))
        threshold_bits = self.policy.threshold_bits(row.name, algorithm)
        queries = np.frombuffer(b"".join(benign), np.uint8).reshape(len(benign), size)
        return len(np.unique(segment.find(queries, threshold_bits).queries))


def read_sample(path: Path, policy: Policy) -> dict[Algorithm, list[bytes]]:
    """Return the hashes of a file written by `hashmatch hash --json`, by algorithm.

    Hashes of low quality are left out, since they are never matched. Raises `ConfigError` where the
    file cannot be read.
    """
    values: defaultdict[Algorithm, list[bytes]] = defaultdict(list)
    number = 0
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                number += 1
                fields = json.loads(line)
                algorithm = find_algorithm(fields["algorithm"])
                value = algorithm.parse(fields["value"])
                if not policy.is_low_quality(Hash(algorithm, value, fields.get("quality"))):
                    values[algorithm].append(value)
    except OSError as error:
        raise ConfigError(f"{path}: the benign sample cannot be read") from error
    except (HashmatchError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{path}: line {number} of the benign sample is not a hash",
            hint="Create it with 'hashmatch hash FILES... --json > sample.jsonl'.",
        ) from error
    return dict(values)
