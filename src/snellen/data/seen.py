"""What a network sees of a photograph under transforms, at the cost of what it can see.

A small photograph is transformed pixel by pixel, exactly as :mod:`snellen.data.transforms` says. Of one whose shorter
side is eight times what the network's resize leaves of it or more, that would cost minutes for details that no network
of that input size can see. There, what changes each pixel by itself, or resamples the whole (scale, resolution), is
computed on bytes, and resized by :meth:`Preprocessing.preprocess_fast`. What samples between pixels (rotation, shift,
blur) is computed on the means of squares of so many pixels that at least four times the resized side is left.
``benchmarks/limits.py`` compares both on a photograph of 16 megapixels.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from snellen.data.images import Photo, pixels_from_bytes, to_pixels
from snellen.data.preprocessing import Preprocessing
from snellen.data.transforms import GRAY, TransformStrength, crop_window, fewer_pixels, find_transform, occluded_window

_OVERSAMPLED = 4
_ON_REDUCED = ("rotation", "shift", "blur")
"""The transforms that sample between pixels."""
_STRIP = 32
"""Rows that are changed at a time: as floats they fit into a core's own memory."""

_Bytes = npt.NDArray[np.uint8]
_Change = Callable[[Tensor, slice, slice], Tensor]
"""From pixels (1, 3, h, w) and their rows and columns in the photograph to changed pixels."""


class SeenPhotograph:
    """A photograph as a network sees it, under one transform after another.

    Args:
        preprocessing: preprocessing of the network.
        photo: photograph.
    """

    def __init__(self, preprocessing: Preprocessing, photo: Photo) -> None:
        self._preprocessing = preprocessing
        self._photo = photo
        self._width, self._height = photo.size
        resized = preprocessing.geometry(self._height, self._width).resized
        self._factor = min(self._height // resized[0], self._width // resized[1]) // _OVERSAMPLED

    @property
    def large(self) -> bool:
        """Whether the photograph has far more pixels than the network can see."""
        return self._factor >= 2

    def under(self, transform: TransformStrength, generator: torch.Generator | None = None) -> Tensor:
        """The network's input (1, 3, h, w) in [0, 1], under a transform at a strength.

        Args:
            transform: name and strength; no name stands for the photograph as it is.
            generator: see :class:`snellen.data.transforms.Transform`.

        Raises:
            InputError: no transform of that name, or a strength beyond its range.
        """
        name, strength = transform
        preprocessing = self._preprocessing
        if self.large and (not name or strength == 0):
            return pixels_from_bytes(preprocessing.preprocess_image(self._photo.image))
        if not self.large:
            pixels = self._photo.pixels
            return preprocessing.preprocess(find_transform(name)(pixels, strength, generator) if name else pixels)
        find_transform(name).check(strength)
        if name in _ON_REDUCED:
            moved = find_transform(name)(self._reduced, strength, generator)
            return preprocessing.preprocess_reduced(moved, self._height, self._width)
        return pixels_from_bytes(preprocessing.preprocess_fast(self._changed(name, strength, generator)))

    def _changed(self, name: str, strength: float, generator: torch.Generator | None) -> _Bytes:
        """The bytes (H, W, 3) under a transform that moves nothing between pixels."""
        if name in ("scale", "resolution"):
            return self._resampled(name, strength)
        if name == "jpeg":
            file = io.BytesIO()
            self._photo.image.save(file, format="JPEG", quality=round(100 - strength))
            with Image.open(file) as decoded:
                return np.array(decoded)
        if name == "crop":
            return np.ascontiguousarray(self._bytes[crop_window(self._height, self._width, strength, generator)])
        if name == "occlusion":
            occluded = self._bytes.copy()
            occluded[occluded_window(self._height, self._width, strength, generator)] = GRAY
            return occluded
        if name == "noise":
            noise = self._noise if generator is None else torch.randn(self._shape, generator=generator)
            return self._by_strips(lambda pixels, *at: pixels.add_(noise[:, *at], alpha=strength / 255).clamp_(0, 1))
        if name == "contrast":
            mean = torch.tensor(self._mean)
            return self._by_strips(lambda pixels, *_: torch.lerp(pixels, mean, strength).clamp_(0, 1))
        if name == "mirror":
            mirrored = self._photo.image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            return np.array(Image.blend(self._photo.image, mirrored, strength))
        return self._by_strips(lambda pixels, *_: find_transform(name)(pixels, strength))

    def _resampled(self, name: str, strength: float) -> _Bytes:
        """The bytes (H, W, 3), resampled to fewer: in a gray frame, or back to what they were."""
        rows, columns = fewer_pixels(self._height, self._width, strength)
        fewer = self._photo.image.resize((columns, rows), Image.Resampling.BILINEAR)
        if name == "resolution":
            return np.array(fewer.resize((self._width, self._height), Image.Resampling.BILINEAR))
        framed = np.full((self._height, self._width, 3), GRAY, np.uint8)
        top, left = (self._height - rows) // 2, (self._width - columns) // 2
        framed[top : top + rows, left : left + columns] = np.asarray(fewer)
        return framed

    def _by_strips(self, change: _Change) -> _Bytes:
        """The bytes, changed where the network looks."""
        changed = self._bytes.copy()
        rows, columns = self._preprocessing.window(self._height, self._width)
        for start in range(rows.start, rows.stop, _STRIP):
            strip = slice(start, min(start + _STRIP, rows.stop))
            pixels = change(pixels_from_bytes(self._bytes[strip, columns]), strip, columns)
            changed[strip, columns] = pixels.mul(255).round_().byte()[0].permute(1, 2, 0).numpy()
        return changed

    @property
    def _shape(self) -> tuple[int, int, int]:
        return 3, self._height, self._width

    @functools.cached_property
    def _bytes(self) -> _Bytes:
        return np.array(self._photo.image)

    @functools.cached_property
    def _mean(self) -> float:
        return float(self._bytes.mean() / 255)

    @functools.cached_property
    def _noise(self) -> Tensor:
        # As the transform draws it where no generator is given: the same at every strength.
        return torch.randn(self._shape, generator=torch.Generator().manual_seed(0))

    @functools.cached_property
    def _reduced(self) -> Tensor:
        # Not `reduce`, whose last squares would reach beyond the border and shift all others.
        size = round(self._width / self._factor), round(self._height / self._factor)
        return to_pixels(self._photo.image.resize(size, Image.Resampling.BOX))
