"""Pipelines in the place of those of diffusers, which make the same calls in the same order.

Written from diffusers 0.42.1: `pipeline_stable_diffusion`, `pipeline_stable_diffusion_xl`,
`pipeline_if`, `image_processor`. `test_real_diffusers` makes the same claims of the real ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


class Tensor:
    """As much of a tensor as these pipelines use: of shape (batch, channels, height, width)."""

    def __init__(self, values: NDArray[Any], kind: str = "torch.float32") -> None:
        self.values = values
        self.dtype = kind

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, place: Any) -> Tensor:
        return Tensor(self.values[place], self.dtype)

    def __setitem__(self, place: Any, value: Any) -> None:
        self.values[place] = value

    def detach(self) -> Tensor:
        return self

    def cpu(self) -> Tensor:
        return self

    def clone(self) -> Tensor:
        return Tensor(self.values.copy(), self.dtype)

    def float(self) -> Tensor:
        return Tensor(self.values.astype(np.float32))

    def numpy(self) -> NDArray[Any]:
        if self.dtype == "torch.bfloat16":
            raise TypeError("Got unsupported ScalarType BFloat16")
        return self.values


class ImageProcessor:
    """Steps of `VaeImageProcessor` after the decoder; its range is from -1 to 1."""

    scale = 8

    def postprocess(
        self,
        image: Tensor,
        output_type: str = "pil",
        do_denormalize: Sequence[bool] | None = None,
    ) -> Any:
        if output_type == "latent":
            return image
        each = do_denormalize or [True] * len(image)
        pages = [
            np.clip(page / 2 + 0.5, 0, 1) if flag else page
            for page, flag in zip(image.values, each, strict=True)
        ]
        if output_type == "pt":
            return Tensor(np.stack(pages))
        pixels = np.stack(pages).transpose(0, 2, 3, 1).astype(np.float32)
        return pixels if output_type == "np" else self.numpy_to_pil(pixels)

    @staticmethod
    def numpy_to_pil(pixels: NDArray[Any]) -> list[Image.Image]:
        return [Image.fromarray(one) for one in (pixels * 255).round().astype(np.uint8)]


def as_decoded(pictures: Sequence[Image.Image]) -> Tensor:
    """Return pictures as a decoder of latents gives them."""
    pixels = np.stack([np.asarray(one) for one in pictures]).transpose(0, 3, 1, 2)
    return Tensor(pixels.astype(np.float32) / 127.5 - 1)


@dataclass
class Output:
    images: Any
    nsfw_content_detected: list[bool] | None = None


class _Pipeline:
    """A pipeline that "generates" these pictures."""

    def __init__(self, pictures: Sequence[Image.Image]) -> None:
        self.pictures = pictures
        self.image_processor: Any = ImageProcessor()
        self.name = "tiny"

    def to(self, device: str) -> _Pipeline:
        return self


@dataclass
class Condition:
    """A picture with other facts, as pipelines of videos take it."""

    image: Any
    strength: float = 1.0


class WithChecker(_Pipeline):
    """Stable Diffusion 1 and 2: the checker gets what was decoded, the extractor pictures."""

    def __init__(self, pictures: Sequence[Image.Image]) -> None:
        super().__init__(pictures)
        self.safety_checker: Any = None
        self.feature_extractor: Any = lambda _images, **_: "features of an adapter"

    def run_safety_checker(self, image: Tensor, device: str, dtype: str) -> Any:
        if self.safety_checker is None:
            return image, None
        pictures = self.image_processor.postprocess(image, output_type="pil")
        features = self.feature_extractor(pictures, return_tensors="pt").to(device)
        return self.safety_checker(images=image, clip_input=features.pixel_values.to(dtype))

    def __call__(
        self,
        prompt: str = "",
        image: Any = None,
        mask_image: Any = None,
        output_type: str = "pil",
        return_dict: bool = True,
        ip_adapter_image: Any = None,
    ) -> Any:
        if ip_adapter_image is not None:
            self.adapted = self.feature_extractor(ip_adapter_image, return_tensors="pt")
        decoded, flags = as_decoded(self.pictures), None
        if output_type != "latent":
            decoded, flags = self.run_safety_checker(decoded, "cuda", "fp16")
        each = [True] * len(decoded) if flags is None else [not one for one in flags]
        images = self.image_processor.postprocess(decoded, output_type, each)
        return Output(images, flags) if return_dict else (images, flags)


class WithoutChecker(_Pipeline):
    """SDXL, SD3, Flux: pictures leave through the image processor, latents past it."""

    overlay: Image.Image | None = None

    def __call__(
        self,
        prompt: str = "",
        image: Any = None,
        output_type: str = "pil",
        return_dict: bool = True,
    ) -> Any:
        images: Any = as_decoded(self.pictures)
        if output_type != "latent":
            images = self.image_processor.postprocess(images, output_type=output_type)
            if self.overlay is not None:
                images = [self.overlay for _ in images]
        return Output(images) if return_dict else (images,)


class DeepFloydIF(_Pipeline):
    """DeepFloyd IF: numpy pictures, a checker of three results, and tensors past the checker."""

    __module__ = "diffusers.pipelines.deepfloyd_if.pipeline_if"

    def __init__(self, pictures: Sequence[Image.Image]) -> None:
        super().__init__(pictures)
        del self.image_processor
        self.safety_checker: Any = None
        self.feature_extractor: Any = None

    def run_safety_checker(self, image: NDArray[Any], device: str, dtype: str) -> Any:
        if self.safety_checker is None:
            return image, None, None
        pictures = ImageProcessor.numpy_to_pil(image)
        features = self.feature_extractor(pictures, return_tensors="pt").to(device)
        image, flags, watermark_detected = self.safety_checker(
            images=image, clip_input=features.pixel_values.to(dtype=dtype)
        )
        return image, flags, watermark_detected

    def __call__(self, prompt: str = "", output_type: str = "pil") -> Any:
        decoded = as_decoded(self.pictures)
        if output_type == "pt":
            return Output(decoded)
        pixels = (decoded.values / 2 + 0.5).clip(0, 1).transpose(0, 2, 3, 1)
        pixels, flags, _ = self.run_safety_checker(pixels, "cpu", "float32")
        return Output(ImageProcessor.numpy_to_pil(pixels), flags)


class VideoProcessor(ImageProcessor):
    """Steps of `VideoProcessor`: one batch of one video."""

    def postprocess_video(self, video: Tensor, output_type: str = "np") -> Any:
        return [self.postprocess(video, output_type)]


@dataclass
class Frames:
    frames: Any


class Video(_Pipeline):
    """Pipelines of videos, of which some have an image processor for their inputs."""

    def __init__(self, pictures: Sequence[Image.Image]) -> None:
        super().__init__(pictures)
        self.video_processor: Any = VideoProcessor()

    def __call__(self, prompt: str = "", output_type: str = "pil") -> Any:
        decoded = as_decoded(self.pictures)
        return Frames(self.video_processor.postprocess_video(decoded, output_type=output_type))


class WithoutHook:
    """A pipeline of which nothing is known."""

    def __call__(self, prompt: str = "") -> Any:
        raise NotImplementedError
