"""What a network sees of a photograph under transforms, at the cost of what it can see.

A small photograph is transformed pixel by pixel, exactly as :mod:`snellen.data.transforms` says. Of one whose shorter
side is eight times what the network's resize leaves of it or more, that would cost minutes for details that no network
of that input size can see. There, what changes each pixel by itself is computed on bytes, where the network looks, and
resized by :meth:`Preprocessing.preprocess_fast`. What mixes pixels is computed on the means of squares of so many that
at least four times the resized side is left. Rotation and shift move those; scale, resolution and blur, each of which
is one linear map along the columns and one along the rows, go into the coefficients of the resize, which are far fewer
than the pixels. ``benchmarks/limits.py`` compares both on a photograph of 16 megapixels.
"""

from __future__ import annotations

import functools
import io

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from snellen.data.images import Photo, pixels_from_bytes, to_pixels
from snellen.data.preprocessing import Preprocessing, resize_by
from snellen.data.transforms import GRAY, TransformStrength, blur_axis, crop_window, find_transform, occluded_window

_OVERSAMPLED = 4
_MOVING = ("rotation", "shift")
"""The transforms that sample between pixels."""
_ALONG_AXES = ("scale", "resolution", "blur")
"""The transforms that are linear along the columns and along the rows, but for the constant gray of a frame."""
_NEGLIGIBLE = 1e-7
"""A coefficient so small changes nothing: a level is 1/255."""
_STRIP = 32
"""Rows that are changed at a time: as floats they fit into a core's own memory."""
_BLOCK = 16
"""Pixels on a side of what JPEG codes by itself, where two pixels share a colour as by default."""

_Bytes = npt.NDArray[np.uint8]


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
        if name in _MOVING:
            moved = find_transform(name)(self._reduced, strength, generator)
            return preprocessing.preprocess_reduced(moved, self._height, self._width)
        if name in _ALONG_AXES:
            return self._along_axes(name, strength)
        return pixels_from_bytes(preprocessing.preprocess_fast(self._changed(name, strength, generator)))

    def _along_axes(self, name: str, strength: float) -> Tensor:
        """The network's input under a transform that goes into the coefficients of the resize."""
        height, width = self._height, self._width
        short = min(height, width)
        down, across = (
            _of_squares(_of_transformed(matrix, name, strength, short), side)
            for matrix, side in zip(self._preprocessing.matrices(height, width), self._reduced.shape[2:], strict=True)
        )
        # The frame has what the coefficients lack to one; it is gray, and the pixels are what they are beyond that.
        resized = resize_by(self._reduced - GRAY / 255, down, across) + GRAY / 255
        return self._preprocessing.inputs_of(resized, height, width)

    def _changed(self, name: str, strength: float, generator: torch.Generator | None) -> _Bytes:
        """The bytes (H, W, 3) under a transform that mixes no pixels; those beyond the network's view may stay."""
        if name == "crop":
            return np.ascontiguousarray(self._bytes[crop_window(self._height, self._width, strength, generator)])
        if name == "mirror":
            mirrored = self._photo.image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            return np.array(Image.blend(self._photo.image, mirrored, strength))
        changed = self._bytes.copy()
        if name == "occlusion":
            changed[occluded_window(self._height, self._width, strength, generator)] = GRAY
        elif name == "noise":
            noise = self._noise if generator is None else self._drawn(generator)
            seen, given = (torch.from_numpy(one)[self._window] for one in (changed, self._bytes))
            for start in range(0, len(noise), _STRIP):
                strip = slice(start, start + _STRIP)
                seen[strip] = given[strip].float().add_(noise[strip], alpha=strength).clamp_(0, 255).round_()
        elif name == "jpeg":
            file = io.BytesIO()
            self._seen.save(file, format="JPEG", quality=round(100 - strength))
            with Image.open(file) as decoded:
                changed[self._window] = np.asarray(decoded)
        elif name == "grayscale":
            gray = self._seen.convert("L").convert("RGB")
            changed[self._window] = np.asarray(Image.blend(self._seen, gray, strength))
        else:
            changed[self._window] = np.asarray(self._seen.point(self._levels(name, strength)))
        return changed

    def _levels(self, name: str, strength: float) -> list[int]:
        """What becomes of each level of each channel under brightness or contrast."""
        levels = torch.arange(256) / 255
        if name == "contrast":
            changed = torch.lerp(levels, torch.tensor(self._mean), strength).clamp(0, 1)
        else:
            changed = find_transform(name)(levels, strength)
        table: list[int] = changed.mul(255).round().int().tolist()
        return table * 3

    def _drawn(self, generator: torch.Generator) -> Tensor:
        """Noise (h, w, 3) of the window, of the photograph's as the transform draws it."""
        noise = torch.randn((3, self._height, self._width), generator=generator)
        return noise[:, *self._window].permute(1, 2, 0).contiguous()

    @functools.cached_property
    def _window(self) -> tuple[slice, slice]:
        """Whole JPEG blocks that hold the rows and columns where the network looks, and one more around.

        A decoder interpolates the colours between blocks.
        """
        rows, columns = (
            slice(max(one.start // _BLOCK - 1, 0) * _BLOCK, min((-(-one.stop // _BLOCK) + 1) * _BLOCK, side))
            for one, side in zip(
                self._preprocessing.window(self._height, self._width), (self._height, self._width), strict=True
            )
        )
        return rows, columns

    @functools.cached_property
    def _seen(self) -> Image.Image:
        """The photograph within the window."""
        rows, columns = self._window
        return self._photo.image.crop((columns.start, rows.start, columns.stop, rows.stop))

    @functools.cached_property
    def _bytes(self) -> _Bytes:
        return np.array(self._photo.image)

    @functools.cached_property
    def _mean(self) -> float:
        return float(self._bytes.mean() / 255)

    @functools.cached_property
    def _noise(self) -> Tensor:
        # As the transform draws it where no generator is given: the same at every strength.
        return self._drawn(torch.Generator().manual_seed(0))

    @functools.cached_property
    def _reduced(self) -> Tensor:
        # Not `reduce`, whose last squares would reach beyond the border and shift all others.
        size = round(self._width / self._factor), round(self._height / self._factor)
        return to_pixels(self._photo.image.resize(size, Image.Resampling.BOX)).contiguous()


def _of_transformed(matrix: Tensor, name: str, strength: float, short: int) -> Tensor:
    """``matrix`` (n, side), which resizes a line of pixels, as one that transforms it first, but for constants.

    ``name`` is one of the transforms along the axes, ``short`` the photograph's shorter side.
    """
    if name == "blur":
        # What reflects at both ends and blurs evenly to both sides is its own transpose.
        return blur_axis(matrix[None, None], strength / 100 * short, axis=3)[0, 0]
    with torch.enable_grad():
        # Lines are photographs one pixel high: one pixel wide, PyTorch 2.13's gradient of such a resize is wrong.
        lines = torch.zeros(len(matrix), 1, 1, matrix.shape[1], requires_grad=True)
        resized = (find_transform(name)(lines, strength) * matrix[:, None, None]).sum()
        (coefficients,) = torch.autograd.grad(resized, lines)
    return coefficients[:, 0, 0]


def _of_squares(matrix: Tensor, squares: int) -> Tensor:
    """``matrix`` (n, side) as one (n, squares) of the means of so many equal parts of the side."""
    side = matrix.shape[1]
    square_of = (2 * torch.arange(side) + 1) * squares // (2 * side)
    summed = matrix.new_zeros(len(matrix), squares).index_add_(1, square_of, matrix)
    return torch.where(summed.abs() < _NEGLIGIBLE, 0.0, summed)
