"""Ways to scan for callers in Python: a file, a picture in memory, and many of them in parallel."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Generator, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from PIL import Image

from hashmatch.closing import Closing
from hashmatch.errors import InputError
from hashmatch.hashes import Level
from hashmatch.imaging import as_array, is_array, path_as_text, pictures_of, read_file
from hashmatch.outcome import Failure, Outcome

from .parallel import in_order
from .request import Picture

# Bytes of a file, the path of one, a Pillow image, or an array or tensor of one picture.
Upload: TypeAlias = Any
_BUFFERS = (bytes, bytearray, memoryview)


class ScanMethods(Closing):
    """Ways to scan that build on `scan` and `scan_pictures`."""

    _max_bytes: int

    @abstractmethod
    def scan(
        self, data: bytes, *, content_id: str, reference: str = "", level: Level | None = None
    ) -> Outcome:
        """Screen the bytes of one file."""

    @abstractmethod
    def scan_pictures(
        self, pictures: Sequence[Picture], *, level: Level | None = None
    ) -> list[Outcome]:
        """Screen pictures that are in memory, as a batch."""

    @abstractmethod
    def refuse(self, failure: Failure, *, content_id: str, reference: str = "") -> Outcome:
        """Count and return as unscreened an image that could not even be read."""

    def scan_file(
        self, path: str | Path, *, content_id: str = "", level: Level | None = None
    ) -> Outcome:
        """Screen one file; its absolute path is its reference, and its content id by default.

        Raises `TypeError` for what is no path. A file that cannot be read is unscreened.
        """
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(f"a {type(path).__name__} is no path: give a str or a pathlib.Path")
        file = Path(path)
        reference = path_as_text(file.absolute())
        data = read_file(file, self._max_bytes)
        if isinstance(data, Failure):
            return self.refuse(data, content_id=content_id or reference, reference=reference)
        return self.scan(data, content_id=content_id or reference, reference=reference, level=level)

    def scan_image(
        self, image: Any, *, content_id: str, reference: str = "", level: Level | None = None
    ) -> Outcome:
        """Screen one picture in memory: a Pillow image, or an array or tensor.

        An array is of shape (height, width), (height, width, channels) or (channels, height,
        width), with 1, 3 or 4 channels, of bytes or of floats from 0 to 1. There is no file, so
        that lists of exact hashes cannot match: scan the file where there is one. Raises
        `TypeError` for what is no picture, and `InputError` for an array that is none, for values
        of another range and for an empty content id.
        """
        picture = Picture(_as_picture(image), content_id, reference)
        return self.scan_pictures([picture], level=level)[0]

    def scan_many(
        self,
        images: Iterable[tuple[str, Upload]],
        *,
        level: Level | None = None,
        workers: int = 0,
    ) -> Generator[Outcome, None, None]:
        """Screen images in parallel, and yield their outcomes in their order.

        `images` are pairs of a content id and an image: the bytes of a file, a path, a Pillow image
        or an array. They are taken only a few ahead of the outcomes, so that they need not fit into
        memory together. `workers` is the maximum number at a time, 0 for one per processor. Raises
        what the other ways to scan raise, when the turn of the image comes.
        """
        jobs = (
            partial(self._scan_any, image, content_id=content_id, level=level)
            for content_id, image in images
        )
        yield from in_order(jobs, workers or os.cpu_count() or 1)

    def _scan_any(self, image: Upload, *, content_id: str, level: Level | None) -> Outcome:
        if isinstance(image, _BUFFERS):
            return self.scan(bytes(image), content_id=content_id, level=level)
        if isinstance(image, os.PathLike):
            return self.scan_file(Path(image), content_id=content_id, level=level)
        return self.scan_image(image, content_id=content_id, level=level)


def as_bytes(data: Any) -> bytes:
    """Return the bytes of a file. Raises `TypeError` for anything else."""
    if isinstance(data, bytes):
        return data
    if isinstance(data, _BUFFERS):
        return bytes(data)
    raise TypeError(
        f"a {type(data).__name__} is not the bytes of a file: scan_file takes a path, scan_image a"
        " Pillow image or an array"
    )


def _as_picture(image: Any) -> Image.Image:
    if isinstance(image, Image.Image):
        return image
    if not is_array(image):
        raise TypeError(
            f"a {type(image).__name__} is no picture: give a Pillow image, an array or a tensor;"
            " scan takes the bytes of a file, scan_file a path"
        )
    leading, pictures = pictures_of(as_array(image))
    if len(pictures) != 1:
        raise InputError(
            f"an array of shape {(*leading, '...')} holds {len(pictures)} pictures",
            hint="Give them one by one to scan_many, each with a content id of its own.",
        )
    return pictures[0]
