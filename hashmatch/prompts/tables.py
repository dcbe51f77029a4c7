"""Tables: what each character of a text folds to, looked up for a whole text at once.

In numpy, since `str.translate` takes ten times as long where a text is not ASCII.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

_UNICODE = 0x110000
_UNKNOWN, _NONE, _SEVERAL = 0, _UNICODE, _UNICODE + 1


def points_of(text: str) -> npt.NDArray[np.uint32]:
    """Return the code points of a text."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def text_of(points: npt.NDArray[np.uint32]) -> str:
    """Return the text of code points."""
    return points.tobytes().decode("utf-32-le", "surrogatepass")


class Table:
    """Table of the characters that each character folds to. It is filled as they are met."""

    def __init__(self, fold: Callable[[str], str]) -> None:
        self._fold = fold
        self._folded = np.zeros(_UNICODE, np.uint32)
        self._several: dict[int, npt.NDArray[np.uint32]] = {}

    def fold(self, points: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
        """Return the code points that others fold to."""
        folded: npt.NDArray[np.uint32] = self._folded[points]
        if not folded.all():
            for point in np.unique(points[folded == _UNKNOWN]).tolist():
                self._folded[point] = self._learn(point)
            folded = self._folded[points]
        if folded.max(initial=0) < _UNICODE:
            return folded
        parts, begin = list[npt.NDArray[np.uint32]](), 0
        for at in np.flatnonzero(folded == _SEVERAL).tolist():
            parts += [folded[begin:at], self._several[int(points[at])]]
            begin = at + 1
        folded = np.concatenate([*parts, folded[begin:]]) if parts else folded
        return folded.compress(folded != _NONE)

    def origins(self, points: npt.NDArray[np.uint32]) -> npt.NDArray[np.intp]:
        """Return of which of the code points each is that they fold to. They were folded before."""
        folded = self._folded[points]
        counts = (folded != _NONE).astype(np.intp)
        for at in np.flatnonzero(folded == _SEVERAL).tolist():
            counts[at] = len(self._several[int(points[at])])
        return np.repeat(np.arange(len(points)), counts)

    def _learn(self, point: int) -> int:
        one = points_of(self._fold(chr(point)))
        if len(one) == 1:
            return int(one[0])
        self._several[point] = one
        return _SEVERAL if len(one) else _NONE
