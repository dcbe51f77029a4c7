"""Which deliveries are held back: those that would empty the protection, or flood it."""

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

# A flood shows in a part of what is added, too.
_MOST_LOOKED_AT = 500_000


@dataclass(slots=True)
class Guards:
    """Watches over the deliveries of one sync, whose changes count together.

    `is_first` says that the list never followed its source to the end: then it may grow as it
    likes. `before` is the number of its entries when the sync began.
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
        """Return why a delivery that was just taken over must be taken back, "" if nothing is."""
        withdrawn = self._withdrawn + comparison.withdrawn
        added = self._added + comparison.added
        said = (
            self._of_withdrawals(withdrawn)
            or self._of_growth(added - withdrawn)
            or self._of_flood(session, row, comparison)
        )
        if not said:
            self._withdrawn, self._added = withdrawn, added
        return said

    def _of_withdrawals(self, withdrawn: int) -> str:
        most = self.settings.max_withdrawn_share
        if withdrawn <= max(self.settings.least_changes, most * self.before):
            return ""
        return f"it withdraws {withdrawn} of {self.before} entries, more than {most:.0%}"

    def _of_growth(self, growth: int) -> str:
        most = self.settings.max_growth_factor
        limit = max(self.settings.least_changes, (most - 1) * self.before)
        if self.is_first or growth <= limit:
            return ""
        return (
            f"it makes {self.before + growth} entries of {self.before}, more than {most:g} times"
            " as many"
        )

    def _of_flood(self, session: Session, row: HashList, comparison: Comparison) -> str:
        if not comparison.added:
            return ""
        for algorithm, benign in self.benign.items():
            matched = self._count_matched(session, row, algorithm, benign)
            if matched > self.settings.max_benign_share * len(benign):
                return (
                    f"what it adds matches {matched} of the {len(benign)} {algorithm.name} hashes"
                    " of the benign sample"
                )
        return ""

    def _count_matched(
        self, session: Session, row: HashList, algorithm: Algorithm, benign: Sequence[bytes]
    ) -> int:
        """Count the benign hashes that the entries now added to the list would match."""
        added = read_values_added(session, row, algorithm.name, limit=_MOST_LOOKED_AT)
        if not added:
            return 0
        size = algorithm.bits // 8
        values = np.frombuffer(b"".join(added), np.uint8).reshape(len(added), size)
        keys = np.arange(len(added))
        segment = SEGMENT_OF_KIND[algorithm.kind].build(algorithm, Entries(keys, keys * 0, values))
        threshold_bits = self.policy.threshold_bits(row.name, algorithm)
        queries = np.frombuffer(b"".join(benign), np.uint8).reshape(len(benign), size)
        return len(np.unique(segment.find(queries, threshold_bits).queries))


def read_sample(path: Path, policy: Policy) -> dict[Algorithm, list[bytes]]:
    """Return the hashes of a file as `hashmatch hash --json` writes it, by algorithm.

    Those under the quality gate are left out. Raises `ConfigError` where the file cannot be read.
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
                if not policy.is_too_plain(Hash(algorithm, value, fields.get("quality"))):
                    values[algorithm].append(value)
    except OSError as error:
        raise ConfigError(f"{path}: the benign sample cannot be read") from error
    except (HashmatchError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{path}: line {number} of the benign sample is no hash",
            hint="Make it with 'hashmatch hash FILES... --json > sample.jsonl'.",
        ) from error
    return dict(values)
