"""What the outline of a file says of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outline:
    """A file as it was found before any decoder saw it.

    `pixels` is the file without the metadata that no picture needs, where leaving it out is easy.
    `is_whole` is false where parts that the outline names are missing at the end. `track_frames`
    counts frames that are not pictures of their own but parts of a film. `doubt` says in words why
    viewers may show another picture than the decoder gives; it is empty where they do not.
    """

    pixels: bytes
    is_whole: bool = True
    track_frames: int = 0
    doubt: str = ""
