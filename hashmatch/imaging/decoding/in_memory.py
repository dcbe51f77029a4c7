"""Pictures that are in memory already, such as those of a generator, as frames to be hashed."""

from __future__ import annotations

from PIL import Image

from hashmatch.outcome import Media, Reason

from ..limits import DecodingError, Limits
from .colour import Profile, find_readings, has_effect
from .decoder import Frame, find_ambiguity

# The format of a picture that no file was decoded to.
_RAW = "RAW"


def open_picture(picture: Image.Image, limits: Limits) -> tuple[Media, Frame]:
    """Return the facts of a picture and its only frame. Raises `DecodingError`.

    A picture that was opened from a file has its orientation and colour profile with it. One with
    further frames is refused, since only the present one is in memory, and so is one of which
    viewers show other pixels than these.
    """
    limits.require_size(*picture.size)
    if getattr(picture, "n_frames", 1) > 1:
        detail = "the picture has further frames, which are not in memory; give its file's bytes"
        raise DecodingError(Reason.UNSUPPORTED, detail)
    picture.load()
    profile = picture.info.get("icc_profile")
    readings = find_readings(Profile(bytes(profile))) if profile else ()
    colours = tuple(one for one in readings if has_effect(one))
    frame = Frame(0, picture, colours)
    if ambiguity := find_ambiguity(frame):
        raise DecodingError(Reason.UNSUPPORTED, ambiguity)
    return Media(picture.format or _RAW, *picture.size, 1), frame
