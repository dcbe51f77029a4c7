"""Colour management: a stored picture as the one in sRGB that screens show."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import assert_never

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from .curves import SRGB_TRANSFER, TRANSFERS, primaries_of
from .declared import Calibration, Coded, Colour, Declared, GainMap, Profile
from .gain import apply_gain
from .hdr import is_hdr, light_by_sample, table_to_srgb, to_srgb_primaries
from .profiles import build_profile, has_tables, with_plain_header

# A shift of every colour by less, of 255, is rounding.
_MAX_ROUNDING = 2
# The largest shift of a grey by profiles in use, which have a linear curve.
_MAX_GENTLE_SHIFT = 75
# A larger step from one level to the next, of 255, depends on how a decoder rounds. Linear profiles
# begin with steps of 13.
_MAX_STEP = 16
# Noise of this share of a reduced picture's contrast moves its PDQ hash by up to 14 bits.
_MAX_NOISE, _REDUCED = 0.1, (64, 64)
_COMPARABLE = frozenset({"L", "RGB", "RGBA", "CMYK"})
_CURVE_POINTS = 1024
_MODES_BY_SPACE = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_FAILURES = (ImageCms.PyCMSError, OSError, ValueError, TypeError, struct.error, ArithmeticError,
             np.linalg.LinAlgError)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Transform:
    """A usable profile: the mode that it is for, and how far it is from sRGB."""

    mode: str
    transform: ImageCms.ImageCmsTransform
    is_srgb: bool
    is_gentle: bool
    is_steep: bool


def manage(picture: Image.Image, colour: Colour) -> Image.Image | None:
    """Return a picture of mode L, RGB, RGBA or CMYK as sRGB, None where that changes nothing.

    A declaration that cannot be understood changes nothing, as in browsers.
    """
    if isinstance(colour, GainMap):
        return _manage_gain(picture, colour)
    if isinstance(colour, Coded) and is_hdr(colour.transfer):
        if picture.mode == "CMYK":
            return None
        table = table_to_srgb(colour.primaries, colour.transfer)
        return _keeping_alpha(picture, lambda opaque: opaque.convert("RGB").filter(table))
    found = _find_transform(colour)
    return None if found is None or found.is_srgb else _apply(found, picture)


def _manage_gain(picture: Image.Image, gain: GainMap) -> Image.Image | None:
    base = gain.base
    if isinstance(base, Coded) and is_hdr(base.transfer):
        light, to_shown = light_by_sample(base.transfer), to_srgb_primaries(base.primaries)
    else:
        picture = (base and manage(picture, base)) or picture
        light, to_shown = TRANSFERS[SRGB_TRANSFER](np.linspace(0, 1, 256)), np.eye(3)
    return _keeping_alpha(
        picture, lambda opaque: apply_gain(opaque.convert("RGB"), gain, light, to_shown)
    )


def has_effect(colour: Declared) -> bool:
    """Say whether a declaration is understood and says other than sRGB."""
    if isinstance(colour, Coded) and is_hdr(colour.transfer):
        return True
    found = _find_transform(colour)
    return found is not None and not found.is_srgb


def keeps_detail(colour: Colour) -> bool:
    """Say whether averaging pixels before or after colour management makes no visible difference.

    So it is with the profiles of cameras and screens, and with gain maps, which are smooth.
    """
    if isinstance(colour, GainMap):
        return colour.base is None or keeps_detail(colour.base)
    if isinstance(colour, Coded) and is_hdr(colour.transfer):
        return False
    found = _find_transform(colour)
    return found is None or found.is_srgb or found.is_gentle


def is_steep(colour: Colour) -> bool:
    """Say whether samples that differ by one may be shown as entirely different ones."""
    found = None if isinstance(colour, GainMap) else _find_transform(colour)
    return found is not None and found.is_steep


def magnifies_rounding(picture: Image.Image, colour: Colour) -> bool:
    """Say whether the picture would look otherwise with samples that differ slightly.

    Decoders of lossy formats differ by that much.
    """
    if not is_steep(colour):
        return False
    if picture.mode not in _COMPARABLE:
        return True
    if (shown := manage(picture, colour)) is None:
        return False
    usual = _reduced(shown)
    return any(
        np.std(_reduced(manage(other, colour) or shown) - usual) > _MAX_NOISE * np.std(usual)
        for other in _decoded_otherwise(picture)
    )


def _reduced(picture: Image.Image) -> NDArray[np.float64]:
    grey = picture.convert("RGB").convert("L")
    return np.asarray(grey.resize(_REDUCED, Image.Resampling.BOX), np.float64)


def _decoded_otherwise(picture: Image.Image) -> Iterator[Image.Image]:
    """Yield the picture as other decoders may return it: rounded otherwise, or in another range."""
    samples = np.asarray(picture, np.float64)
    random = np.random.default_rng(0)
    others = [samples + 1, samples - 1, samples + random.integers(-1, 2, samples.shape)]
    if picture.format == "AVIF" and getattr(picture, "n_frames", 1) > 1:
        # Decoders disagree about the range of the samples of some animations.
        others += [(samples - 16) * 255 / 219, samples * 219 / 255 + 16]
    for one in others:
        yield Image.fromarray(np.clip(one, 0, 255).round().astype(np.uint8), picture.mode)


def _apply(found: _Transform, picture: Image.Image) -> Image.Image | None:
    if (found.mode == "CMYK") != (picture.mode == "CMYK"):
        return None  # Browsers take no notice of a profile for another kind of picture.
    if found.mode == "L" and picture.mode not in ("L", "RGB", "RGBA"):
        return None
    try:
        return _keeping_alpha(
            picture,
            lambda opaque: ImageCms.applyTransform(opaque.convert(found.mode), found.transform),
        )
    except _FAILURES:
        return None


def _keeping_alpha(
    picture: Image.Image, change: Callable[[Image.Image], Image.Image | None]
) -> Image.Image | None:
    if picture.mode != "RGBA":
        return change(picture)
    changed = change(picture.convert("RGB"))
    if changed is not None:
        changed.putalpha(picture.getchannel("A"))
    return changed


@lru_cache(maxsize=64)
def _find_transform(colour: Declared) -> _Transform | None:
    """Return the transform of a declaration, None for one that cannot be understood."""
    try:
        data = _profile_data(colour)
    except _FAILURES:
        return None
    return _open_profile(data) or _open_profile(with_plain_header(data))


def _open_profile(data: bytes) -> _Transform | None:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(data))
        mode = _MODES_BY_SPACE[source.profile.xcolor_space.strip()]
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
        if mode == "CMYK":
            return _Transform(mode, transform, is_srgb=False, is_gentle=False, is_steep=True)
        return _examine(mode, transform, has_tables=has_tables(data))
    except (KeyError, *_FAILURES):
        return None


def _profile_data(colour: Declared) -> bytes:
    samples = np.linspace(0, 1, _CURVE_POINTS)
    match colour:
        case Profile(data):
            return data
        case Coded(primaries, transfer):
            # 2 means unspecified, and so does every number without a meaning.
            curve = TRANSFERS.get(transfer, TRANSFERS[SRGB_TRANSFER])
            return build_profile(primaries_of(primaries), curve(samples))
        case Calibration(exponent, chromaticities):
            return build_profile(chromaticities, samples ** (1 / exponent))
    assert_never(colour)


def _examine(mode: str, transform: ImageCms.ImageCmsTransform, *, has_tables: bool) -> _Transform:
    """Return a transform with how it compares with sRGB.

    Of a profile of curves and primaries, the curves are seen on the ramps of each colour, and the
    primaries at their ends. Of one with tables, a few colours say nothing.
    """
    ramp = np.arange(256, dtype=np.uint8)
    ramps = np.zeros((4, 256, 3), np.uint8)
    for channel in range(3):
        ramps[channel, :, channel] = ramp
    ramps[3] = ramp[:, None]
    picture = Image.fromarray(ramps[3:] if mode == "L" else ramps).convert(mode)
    shown = ImageCms.applyTransform(picture, transform)
    if shown is None:
        raise ValueError("a profile without effect")
    levels = np.asarray(shown, np.int64)
    shifts = np.abs(levels - np.asarray(picture.convert("RGB"), np.int64))
    is_rising = bool((np.diff(levels[-1].mean(axis=1)) >= -_MAX_ROUNDING).all())
    return _Transform(
        mode,
        transform,
        is_srgb=not has_tables and bool(shifts.max() <= _MAX_ROUNDING),
        is_gentle=not has_tables and is_rising and bool(shifts[-1].max() <= _MAX_GENTLE_SHIFT),
        is_steep=bool(np.abs(np.diff(levels, axis=1)).max() > _MAX_STEP),
    )
