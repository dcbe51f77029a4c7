"""Benign sample: hashes of the operator's own harmless pictures, compared with what a list adds."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hashmatch.errors import ConfigError, HashmatchError
from hashmatch.hashers import find_algorithm
from hashmatch.hashes import Algorithm, Hash, Kind
from hashmatch.index import SEGMENT_OF_KIND, Entries, Segment
from hashmatch.policy import Policy

# Which hashes of a sample were matched, by place.
Matched: TypeAlias = NDArray[np.bool_]
# Every value of a block may be near every hash of the sample: this bounds the memory for them.
_MAX_PAIRS = 2_000_000


class BenignSample:
    """Benign hashes of one algorithm, searched for the values that a list adds.

    The index itself decides: a guard that matched in another way would miss a flood, or report a
    false one. It holds the sample, and not what is added, so that any number of values can be
    compared block by block.
    """

    def __init__(self, algorithm: Algorithm, values: Sequence[bytes]) -> None:
        size = algorithm.bits // 8
        rows = np.frombuffer(b"".join(values), np.uint8).reshape(len(values), size)
        self.algorithm = algorithm
        self._distinct, self._counts = np.unique(rows, axis=0, return_counts=True)
        # Equal hashes are one, so that a value equals one of them at most.
        pairs_a_value = 1 if algorithm.kind is Kind.EXACT else len(self._distinct)
        self._block = max(1, _MAX_PAIRS // pairs_a_value)

    def __len__(self) -> int:
        """Return the number of hashes, equal ones included."""
        return int(self._counts.sum())

    def match(self, values: Sequence[bytes], threshold_bits: int) -> Matched:
        """Return the hashes of the sample that any of the values matches."""
        matched = np.zeros(len(self._counts), np.bool_)
        queries = np.frombuffer(b"".join(values), np.uint8).reshape(len(values), -1)
        for start in range(0, len(queries), self._block):
            hits = self._segment.find(queries[start : start + self._block], threshold_bits)
            matched[hits.entry_keys] = True
        return matched

    def count(self, matched: Matched) -> int:
        """Return the number of matched hashes, equal ones included."""
        return int(self._counts[matched].sum())

    @cached_property
    def _segment(self) -> Segment:
        """The hashes with their places as keys, built when a list first adds something."""
        keys = np.arange(len(self._distinct))
        entries = Entries(keys, np.zeros_like(keys), self._distinct)
        return SEGMENT_OF_KIND[self.algorithm.kind].build(self.algorithm, entries)


def read_samples(path: Path, policy: Policy) -> dict[str, BenignSample]:
    """Return the hashes of a file written by `hashmatch hash --json`, by name of their algorithm.

    Hashes of low quality are left out, since they are never matched. Raises `ConfigError` where the
    file cannot be read.
    """
    return {
        algorithm.name: BenignSample(algorithm, values)
        for algorithm, values in _read_values(path, policy).items()
    }


def _read_values(path: Path, policy: Policy) -> Mapping[Algorithm, Sequence[bytes]]:
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
    return values
