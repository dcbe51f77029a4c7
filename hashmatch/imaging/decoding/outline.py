"""Outline of a file: the facts known before decoding."""

from __future__ import annotations

from dataclasses import dataclass

from .animation import Animation
from .colour import Declared


@dataclass(frozen=True, slots=True)
class Outline:
    """A file as read before any decoder saw it.

    `pixels` is the file without the metadata that no picture needs, where it is easy to remove.
    `is_complete` is false if parts that the outline names are missing at the end. `track_frames`
    counts the frames of an image sequence, which are not pictures of their own. `ambiguity` says in
    words why viewers may show another picture than the decoder returns; it is empty if they do not.
    `colours` are those that the container declares, and `exif` its metadata, where they are read
    here. `animation` has the frames of formats whose frames are composed here. `is_premultiplied`
    says that the colours are stored, and decoded, as they look over black. `still` is the place in
    `pixels` of the only picture of a WebP file in which nothing is unusual.
    """

    pixels: bytes
    is_complete: bool = True
    track_frames: int = 0
    ambiguity: str = ""
    colours: tuple[Declared, ...] = ()
    exif: bytes = b""
    animation: Animation | None = None
    is_premultiplied: bool = False
    still: slice | None = None
