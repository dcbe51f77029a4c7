"""Rules: thresholds, the quality gate, and the action for each list and category."""

from __future__ import annotations

from collections.abc import Mapping

from hashmatch.config import ListPolicySettings, PolicySettings, Settings
from hashmatch.errors import ConfigError
from hashmatch.hashes import Algorithm, Hash, Kind, is_match
from hashmatch.outcome import Action, Nearness, strongest
from hashmatch.provenance import Declared, Provenance

_NO_OVERRIDES = ListPolicySettings()


class Policy:
    """Policy of one configuration for a set of algorithms.

    Raises `ConfigError` naming the key that has an unknown algorithm, a distance for exact hashes,
    a distance that about every pair of hashes would meet, or a quality for an algorithm without
    one.
    """

    def __init__(self, settings: Settings, algorithms: Mapping[str, Algorithm]) -> None:
        self._settings: PolicySettings = settings.policy
        self._guards, self._lists = settings.guards, settings.lists
        self._algorithms = algorithms
        _check(settings, algorithms)

    @property
    def unscreened_action(self) -> Action:
        """Return the action for an unscreened image."""
        return self._settings.unscreened_action

    @property
    def low_quality_is_clear(self) -> bool:
        """Say whether an image of low quality may be called clear."""
        return self._settings.low_quality == "clear"

    def threshold_bits(self, list_name: str, algorithm: Algorithm) -> int | None:
        """Return the distance up to which hashes match entries of a list; None for not at all."""
        overrides = self._overrides(list_name).thresholds_bits
        general = self._settings.thresholds_bits.get(algorithm.name, algorithm.threshold_bits)
        return overrides.get(algorithm.name, general)

    def review_bits(self, list_name: str, algorithm: Algorithm) -> int | None:
        """Return the distance up to which hashes are near entries of a list, for people to look at.

        It is above the threshold of the list; None where nothing is near without matching.
        """
        threshold_bits = self.threshold_bits(list_name, algorithm)
        if threshold_bits is None:
            return None
        return self.review_bits_beyond(threshold_bits, list_name, algorithm)

    def review_bits_beyond(
        self, threshold_bits: int, list_name: str | None, algorithm: Algorithm
    ) -> int | None:
        """Return what `review_bits` would be at another threshold of a list, or of all others."""
        bits = self._settings.review_bits.get(algorithm.name, algorithm.review_bits)
        if list_name is not None:
            bits = self._overrides(list_name).review_bits.get(algorithm.name, bits)
        return None if bits is None or is_match(bits, threshold_bits) else bits

    def is_low_quality(self, one: Hash) -> bool:
        """Say whether a hash is of too low quality to be matched (the quality gate).

        A faint picture is judged with its contrast stretched, which does not change its bits. A
        hash of unknown quality is not of low quality: it is matched.
        """
        gate = self._settings.min_quality.get(one.algorithm.name, one.algorithm.min_quality)
        if gate is None:
            return False
        quality = one.best_quality
        return quality is not None and quality < gate

    def declared_action(self, provenance: Provenance | None) -> Action:
        """Return the action for an image by what its file declares, whatever it matches."""
        match Declared.NONE if provenance is None else provenance.declared:
            case Declared.GENERATED:
                return self._settings.generated_action
            case Declared.PARTLY:
                return self._settings.partly_generated_action
            case _:
                return Action.ALLOW

    def action(
        self,
        list_name: str,
        category: str,
        nearness: Nearness = Nearness.MATCH,
        provenance: Provenance | None = None,
    ) -> Action:
        """Return the action for an image that matched an entry of that list and category.

        A match that is only near blocks nothing. What the file declares never makes it milder.
        """
        # The more specific setting wins: that of the category, of the list, and of the policy.
        overrides = self._overrides(list_name)
        action = overrides.categories.get(category) or overrides.action or self._settings.action
        if provenance is not None and provenance.declared is not Declared.NONE:
            action = strongest((action, overrides.generated_action or Action.ALLOW))
        return Action.REVIEW if nearness is Nearness.NEAR and action is Action.BLOCK else action

    def term_action(self, list_name: str, category: str) -> Action:
        """Return the action for a prompt that matched a term of that list and category.

        Lists of terms hold everyday words, too: by default nothing is blocked.
        """
        overrides = self._overrides(list_name)
        own = overrides.categories.get(category) or overrides.action
        return own or self._settings.prompt_action

    def may_block(self, list_name: str) -> bool:
        """Say whether a match of any category of that list is blocked."""
        overrides = self._overrides(list_name)
        general = overrides.action or self._settings.action
        others = overrides.categories.values()
        return Action.BLOCK in (general, *others, overrides.generated_action)

    def max_contents_per_entry(self, list_name: str) -> int:
        """Return how many content items a day an entry of the list may match; 0 is no limit."""
        section = self._lists.get(list_name)
        guards = section.guards if section is not None and section.guards else self._guards
        return guards.max_contents_per_entry

    def named_lists(self) -> frozenset[str]:
        """Return the lists that the configuration names, whether or not they exist."""
        return frozenset(self._settings.lists)

    def _overrides(self, list_name: str) -> ListPolicySettings:
        return self._settings.lists.get(list_name, _NO_OVERRIDES)


def _check(settings: Settings, algorithms: Mapping[str, Algorithm]) -> None:
    policy = settings.policy
    sections: dict[str, PolicySettings | ListPolicySettings] = {"policy": policy}
    sections |= {f"policy.lists.{name}": one for name, one in policy.lists.items()}
    for key, section in sections.items():
        _check_distances(settings, f"{key}.thresholds_bits", section.thresholds_bits, algorithms)
        _check_distances(settings, f"{key}.review_bits", section.review_bits, algorithms)
    for name in policy.min_quality:
        key = f"policy.min_quality.{name}"
        if _known(settings, key, name, algorithms).min_quality is None:
            raise _config_error(settings, key, "this algorithm measures no quality")


def _check_distances(
    settings: Settings,
    key: str,
    distances_bits: Mapping[str, int],
    algorithms: Mapping[str, Algorithm],
) -> None:
    for name, distance_bits in distances_bits.items():
        algorithm = _known(settings, f"{key}.{name}", name, algorithms)
        if algorithm.kind is Kind.EXACT:
            problem = "exact hashes match when they are equal, at no other distance"
            raise _config_error(settings, f"{key}.{name}", problem)
        # Unrelated pictures are about this far apart.
        limit = algorithm.unrelated_distance_bits
        if distance_bits >= limit:
            problem = f"a distance of {limit} or more matches everything"
            raise _config_error(settings, f"{key}.{name}", problem)


def _known(
    settings: Settings, key: str, name: str, algorithms: Mapping[str, Algorithm]
) -> Algorithm:
    if name not in algorithms:
        problem = f"unknown algorithm; the known ones are {', '.join(algorithms)}"
        raise _config_error(settings, key, problem)
    return algorithms[name]


def _config_error(settings: Settings, key: str, problem: str) -> ConfigError:
    return ConfigError(
        f"{settings.source or 'configuration'}: {key}: {problem}",
        hint="'hashmatch config sample' documents every key.",
    )
