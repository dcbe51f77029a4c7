"""Targets: the share of altered copies that each level is to find, by group of alterations."""

from __future__ import annotations

from dataclasses import dataclass

from hashmatch.hashes import Level

from .alterations import Group


@dataclass(frozen=True, slots=True)
class Target:
    """Share in percent that a level finds of a group; None where nothing is promised."""

    standard: float | None = None
    thorough: float | None = None

    def at(self, level: Level) -> float | None:
        """Return the target of that level."""
        match level:
            case Level.STANDARD:
                return self.standard
            case Level.THOROUGH:
                return self.thorough
            case Level.PLAIN:
                return None


_NOTHING = Target()
_TARGETS = {
    Group.ENCODING: Target(99.5, 99.5),
    Group.RESIZING: Target(99.5, 99.5),
    Group.FILTERS: Target(99.5, 99.5),
    Group.COLOUR: Target(99.5, 99.5),
    Group.UNIFORM_BORDERS: Target(99, 99),
    Group.ORIENTATION: Target(99, 99),
    Group.SCREENS: Target(98, 98),
    Group.CHAT: Target(85, 85),
    Group.COLLAGE_OF_TWO: Target(92, 92),
    Group.COLLAGE_OF_FOUR: Target(60, 75),
    Group.PICTURE_IN_PICTURE: Target(85, 85),
    Group.UNEVEN_BORDERS: Target(None, 97),
    Group.TURNED_WITH_CORNERS: Target(None, 95),
    Group.TURNED_CUT_2: Target(None, 95),
    Group.TURNED_CUT_3: Target(None, 70),
    Group.CROP_SMALL: Target(None, 96),
    Group.CROP_5: Target(None, 90),
    Group.CROP_10: Target(None, 60),
    Group.PHOTOGRAPH_OF_SCREEN: Target(None, 95),
    Group.PERSPECTIVE_SMALL: Target(None, 90),
    Group.TONE_MAP: Target(None, 97),
}


def target_of(group: Group) -> Target:
    """Return the target of a group."""
    return _TARGETS.get(group, _NOTHING)
