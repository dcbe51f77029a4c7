"""Script for AUTOMATIC1111's web UI and Forge. A folder of scripts holds one file with it:

    from hashmatch.gate.webui import *

The host runs scripts so that an error of one lets the picture out. So each picture is blanked
first, and put back once it is clear.
"""

from __future__ import annotations

from typing import Any

from modules import script_callbacks, scripts, shared  # type: ignore[import-not-found]
from PIL import Image

from .decisions import Context
from .shared import shared_gate

__all__ = ["HashmatchScript"]

_ADAPTER = "webui"
if not hasattr(scripts.Script, "postprocess_image_after_composite"):
    raise ImportError("this version of the web UI has no hook after which nothing is changed")


def screen(holder: Any) -> None:
    """Leave in `holder.image` the picture that is there only if it may be shown."""
    picture = holder.image
    holder.image = Image.new("RGB", picture.size, "grey")
    if shared_gate(_ADAPTER).check(picture, context=Context(_ADAPTER)).are_all_shown:
        holder.image = picture


class HashmatchScript(scripts.Script):  # type: ignore[misc]
    """Gate of every picture, after everything else was done to it."""

    sorting_priority = 1_000_000

    def __init__(self) -> None:
        # Here, since a reload of the host forgets the callbacks and not this module.
        script_callbacks.on_before_image_saved(screen)

    def title(self) -> str:
        """Return the name that the host shows."""
        return "hashmatch gate"

    def show(self, is_img2img: bool) -> Any:  # noqa: FBT001 (the host's interface)
        """Return that it always runs."""
        return scripts.AlwaysVisible

    def process(self, p: Any, *_: Any) -> None:
        """Turn off what would show or keep a picture before it is checked."""
        for name in (
            "live_previews_enable",
            "save_images_before_color_correction",
            "save_images_before_face_restoration",
            "save_images_before_highres_fix",
            "save_init_img",
        ):
            shared.opts.data[name] = False
        if getattr(p, "init_images", None):
            given = [_Picture(one) for one in p.init_images]
            p.init_images = [Image.new("RGB", one.image.size, "grey") for one in given]
            for one in given:
                screen(one)
            p.init_images = [one.image for one in given]

    def postprocess_image_after_composite(self, _p: Any, pp: Any, *_: Any) -> None:
        """Check one picture."""
        screen(pp)

    def postprocess(self, _p: Any, processed: Any, *_: Any) -> None:
        """Check the results as a whole: composites and grids come after the last hook of each."""
        given, processed.images[:] = list(processed.images), []
        for one in map(_Picture, given):
            screen(one)
            processed.images.append(one.image)


class _Picture:
    """A picture of a list."""

    def __init__(self, image: Any) -> None:
        self.image = image
