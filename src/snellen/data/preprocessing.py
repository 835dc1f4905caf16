"""From a photograph to what the network sees: resize, centre crop, normalise.

The same geometry is available twice. :meth:`Preprocessing.preprocess_image` runs Pillow's resize on an image of
bytes, as every ordinary pipeline does, and is fast. :meth:`Preprocessing.preprocess` runs on pixels and is
differentiable. Both filter with the same coefficients, in Pillow's order, rounded to 8 bits after
each of the two passes, so they agree to a rounding step; the gradient passes the rounding
straight through (Bengio et al., arXiv 1308.3432). An attack through :meth:`Preprocessing.preprocess` therefore
meets what the classifier will meet.

Shape letters used throughout Snellen: N images, C channels, H height, W width.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import PIL
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from snellen.errors import InputError, ModelError, shown
from snellen.runs.serialise import from_plain, read_json

Interpolation = Literal["bilinear", "bicubic", "lanczos"]
CropMode = Literal["center", "squash", "border"]

# Pillow filters with integers of this many fractional bits.
_PILLOW_COEFFICIENT_BITS = 22
_TOLERANCE = 1e-6
# A photograph of 1 x 10,000 would be resized to 256 x 2,560,000 before its crop; past this many pixels
# only the crop is computed.
_LARGEST_RESIZE = 1 << 26
_LARGEST_MATRIX = 1 << 27
LARGEST_INPUT = 2048
"""Pixels on a side of a network's input; a file that asks for more is mistaken or hostile."""


def _triangle(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.maximum(1.0 - np.abs(x), 0.0)


def _cubic(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Keys' cubic convolution kernel with a = -0.5 (IEEE Trans. ASSP 29, 1981)."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


def _lanczos(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(np.abs(x) < 3.0, np.sinc(x) * np.sinc(x / 3.0), 0.0)


_Kernel = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]
_FILTERS: dict[str, tuple[float, _Kernel, Image.Resampling]] = {
    "bilinear": (1.0, _triangle, Image.Resampling.BILINEAR),
    "bicubic": (2.0, _cubic, Image.Resampling.BICUBIC),
    "lanczos": (3.0, _lanczos, Image.Resampling.LANCZOS),
}


def resize_matrix(
    size_in: int, size_out: int, interpolation: Interpolation, rows: range
) -> tuple[slice, npt.NDArray[np.float64]]:
    """``rows`` of the matrix (size_out, size_in) that resizes one axis as Pillow does, antialiased.

    Returns:
        The input positions that these rows use, and the rows (len(rows), positions); each sums to one.

    Raises:
        InputError: the axis is too long for so small an output.
    """
    support, kernel, _ = _FILTERS[interpolation]
    scale = size_in / size_out
    stretch = max(scale, 1.0)
    centres = (np.asarray(rows)[:, None] + 0.5) * scale
    first = np.maximum((centres - support * stretch + 0.5).astype(int), 0)
    last = np.minimum((centres + support * stretch + 0.5).astype(int), size_in)
    window = slice(int(first.min()), int(last.max()))
    if len(rows) * (window.stop - window.start) > _LARGEST_MATRIX:
        raise InputError(f"cannot resize {size_in} pixels to {size_out} differentiably", "a photograph less elongated")
    positions = np.arange(window.start, window.stop)[None, :]
    matrix = kernel((positions - centres + 0.5) / stretch)
    matrix = np.where((positions >= first) & (positions < last), matrix, 0.0)
    matrix /= matrix.sum(axis=1, keepdims=True)
    unit = float(1 << _PILLOW_COEFFICIENT_BITS)
    return window, np.round(matrix * unit) / unit


_Operators = tuple[slice, Tensor, Tensor]


@functools.lru_cache(maxsize=64)
def _resize_operators(
    size_in: int, size_out: int, start: int, length: int, interpolation: Interpolation, device: torch.device
) -> _Operators:
    """The input rows that matter for ``length`` output rows from ``start``, and the matrix and its transpose.

    Sparse on the CPU, where a row holds a handful of coefficients; dense on accelerators.
    """
    window, matrix = resize_matrix(size_in, size_out, interpolation, range(start, start + length))
    weights = torch.from_numpy(matrix).to(device=device, dtype=torch.float32)
    transposed = weights.T.contiguous()
    if device.type == "cpu":
        return window, _sparse(weights), _sparse(transposed)
    return window, weights, transposed


def _sparse(matrix: Tensor) -> Tensor:
    with warnings.catch_warnings():
        # PyTorch calls its CSR layout a beta; the one operation used here, matrix times dense, is tested.
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support")
        return matrix.to_sparse_csr()


def _apply_to_rows(matrix: Tensor, values: Tensor) -> Tensor:
    """``matrix`` (O, I) applied along the second-last axis of ``values`` (N, C, I, W): (N, C, O, W)."""
    n, c, _, w = values.shape
    columns = values.permute(2, 0, 1, 3).reshape(values.shape[2], n * c * w)
    return (matrix @ columns).reshape(-1, n, c, w).permute(1, 2, 0, 3)


def resize_by(pixels: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """``pixels`` (N, C, H, W) on the CPU times matrices (h, H) and (w, W), mostly of zeros: (N, C, h, w)."""
    used = across.any(dim=0).nonzero()
    columns = slice(int(used[0]), int(used[-1]) + 1)
    resized = _apply_to_rows(_sparse(down), pixels[..., columns])
    return _apply_to_rows(_sparse(across[:, columns]), resized.transpose(2, 3)).transpose(2, 3)


class _ResizeAxis(torch.autograd.Function):
    """One pass of Pillow's resize along the rows, in bytes: filter, clip to [0, 255], round halves up."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, matrix: Tensor, transposed: Tensor) -> Tensor:
        filtered = _apply_to_rows(matrix, values)
        ctx.transposed = transposed
        ctx.save_for_backward((filtered >= 0) & (filtered <= 255))
        return filtered.clamp_(0, 255).add_(0.5).floor_()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (inside,) = ctx.saved_tensors
        return _apply_to_rows(ctx.transposed, gradients[0] * inside), None, None


_resize_axis: Callable[[Tensor, Tensor, Tensor], Tensor] = _ResizeAxis.apply


@functools.lru_cache(maxsize=64)
def _on_device(values: tuple[float, ...], device: torch.device) -> Tensor:
    """One number a channel (1, C, 1, 1) on ``device``, copied there once: a copy at each call would stall a GPU."""
    with torch.inference_mode(False):
        return torch.tensor(values, device=device).view(1, -1, 1, 1)


def _pillow_resizes_columns_first(before: tuple[int, int], after: tuple[int, int]) -> bool:
    """Whether the installed Pillow's first pass goes along the columns of (height, width) ``before``.

    Up to version 12 it never does; the rule since 13 was found by comparing both orders on 529 pairs of sizes.
    """
    if int(PIL.__version__.partition(".")[0]) < 13:
        return False
    return after[0] < before[0] and before[0] - after[0] > 2 * (before[1] - after[1])


@dataclass(frozen=True)
class Geometry:
    """Where the network looks in a photograph of one size.

    Attributes:
        resized: (height, width) after the resize, in pixels.
        top, left: the crop's first row and column in the resized photograph.
        box: (left, top, right, bottom) of what is seen, in the photograph's own pixels.
        vertical_first: whether Pillow resizes the columns before the rows.
    """

    resized: tuple[int, int]
    top: int
    left: int
    box: tuple[float, float, float, float]
    vertical_first: bool


@dataclass(frozen=True)
class Preprocessing:
    """Resize so that the crop keeps ``crop_fraction``, crop the centre, normalise.

    Attributes:
        size: (height, width) of the network's input, in pixels.
        crop_fraction: crop size over resized size, in (0, 1].
        interpolation: filter of the resize, antialiased.
        mean, std: per-channel normalisation of pixels in [0, 1].
        crop_mode: ``center`` keeps the photograph's proportions and loses its margins; ``squash`` keeps the margins
            and loses the proportions; ``border`` keeps both, between margins of the mean's colour.

    Raises:
        InputError: a number that makes no sense; says what would.
    """

    size: tuple[int, int]
    crop_fraction: float
    interpolation: Interpolation
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    crop_mode: CropMode = "center"

    def __post_init__(self) -> None:
        for name, value, count in (("size", self.size, 2), ("mean", self.mean, 3), ("std", self.std, 3)):
            if not isinstance(value, tuple | list) or len(value) != count:
                accepted = "(224, 224): height and width" if name == "size" else "three numbers, of red, green and blue"
                raise InputError(f"`{name}` is {shown(value)}", accepted)
        if self.interpolation not in _FILTERS:
            raise InputError(f"`interpolation` is {shown(self.interpolation)}", f"one of {', '.join(_FILTERS)}")
        if not all(1 <= side <= LARGEST_INPUT for side in self.size):
            raise InputError(f"`size` is {self.size[0]} x {self.size[1]}", f"1 to {LARGEST_INPUT} pixels a side")
        if not 0 < self.crop_fraction <= 1:
            raise InputError(f"`crop` is {self.crop_fraction:g}", "more than 0, at most 1")
        if max(self.size) / self.crop_fraction > 4 * LARGEST_INPUT:
            raise InputError(
                f"`crop` is {self.crop_fraction:g} of a larger image", f"at most {4 * LARGEST_INPUT} pixels"
            )
        if not all(-1 <= value <= 1 for value in self.mean):
            # NaN is refused too: it is in no interval.
            raise InputError(f"`mean` is {_numbers(self.mean)}", "-1 to 1: pixels are in [0, 1], so divide by 255")
        if not all(1e-4 <= value <= 10 for value in self.std):
            raise InputError(f"`std` is {_numbers(self.std)}", "0.0001 to 10: pixels are in [0, 1], so divide by 255")

    @classmethod
    def from_timm(cls, config: Mapping[str, Any]) -> Preprocessing:
        """The preprocessing that a timm data configuration (``resolve_data_config``) describes.

        Raises:
            ModelError: the configuration asks for what this class does not do.
        """
        channels, height, width = config["input_size"]
        interpolation, crop_mode = config["interpolation"], config.get("crop_mode", "center")
        if channels != 3:
            raise ModelError(f"the model takes {channels} channels", "Snellen examines networks of RGB photographs")
        if interpolation not in _FILTERS:
            raise ModelError(f"the model's interpolation is {interpolation!r}", f"one of {', '.join(_FILTERS)}")
        if crop_mode not in get_args(CropMode):
            raise ModelError(f"the model's crop mode is {crop_mode!r}", f"one of {', '.join(get_args(CropMode))}")
        return cls(
            size=(height, width),
            crop_fraction=float(config["crop_pct"]),
            interpolation=interpolation,
            mean=tuple(config["mean"]),
            std=tuple(config["std"]),
            crop_mode=crop_mode,
        )

    def geometry(self, height: int, width: int) -> Geometry:
        """The resize and crop of a photograph of ``height`` x ``width`` pixels, as timm rounds them."""
        resized = self._resized(height, width)
        top, left = (_start_of_crop(*sides) for sides in zip(resized, self.size, strict=True))
        down, across = height / resized[0], width / resized[1]
        box = (left * across, top * down, (left + self.size[1]) * across, (top + self.size[0]) * down)
        vertical_first = _pillow_resizes_columns_first((height, width), resized)
        return Geometry(resized, top, left, box, vertical_first)

    def _resized(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) after the resize."""
        scaled = tuple(math.floor(side / self.crop_fraction) for side in self.size)
        if self.crop_mode == "squash":
            return scaled[0], scaled[1]
        if self.crop_mode == "center" and scaled[0] == scaled[1]:
            # torchvision's rounding; where the sides differ, timm has its own.
            if height <= width:
                return scaled[0], int(scaled[0] * width / height)
            return int(scaled[0] * height / width), scaled[0]
        ratios = height / scaled[0], width / scaled[1]
        ratio = max(ratios) if self.crop_mode == "border" else min(ratios)
        return max(1, round(height / ratio)), max(1, round(width / ratio))

    @property
    def _fill(self) -> tuple[int, int, int]:
        """The colour of a border: the mean, in bytes."""
        red, green, blue = (min(max(round(255 * value), 0), 255) for value in self.mean)
        return red, green, blue

    def preprocess(self, pixels: Tensor) -> Tensor:
        """The network's inputs (N, 3, *size) in [0, 1] for ``pixels`` (N, 3, H, W), differentiable; not normalised."""
        height, width = pixels.shape[-2:]
        rows, columns = self.window(height, width)
        return self.preprocess_window(pixels[..., rows, columns], height, width)

    def window(self, height: int, width: int) -> tuple[slice, slice]:
        """The rows and columns of a photograph of ``height`` x ``width`` pixels that its input depends on."""
        geometry = self.geometry(height, width)
        (rows, *_), (columns, *_) = self._operators(geometry, height, width, torch.device("cpu"))
        return rows, columns

    def preprocess_window(self, window: Tensor, height: int, width: int) -> Tensor:
        """The input of a photograph of ``height`` x ``width`` pixels of which only the :meth:`window` is given."""
        operators = self._operators(self.geometry(height, width), height, width, window.device)
        return self._filtered(window, operators, height, width)

    def preprocess_reduced(self, pixels: Tensor, height: int, width: int) -> Tensor:
        """As :meth:`preprocess`, of ``pixels`` (N, 3, H, W) that a photograph of ``height`` x ``width`` was reduced to.

        Resize and crop are that photograph's own, which those of ``pixels`` may miss by a rounding.
        """
        before, across = pixels.shape[-2:]
        operators = self._operators(self.geometry(height, width), before, across, pixels.device)
        (rows, *_), (columns, *_) = operators
        return self._filtered(pixels[..., rows, columns], operators, height, width)

    def matrices(self, height: int, width: int) -> tuple[Tensor, Tensor]:
        """What resizes a photograph of ``height`` x ``width`` pixels to the h x w that are seen of it.

        Returns:
            Matrices (h, height) along the columns and (w, width) along the rows, dense; each of their rows sums to one.
        """
        down, across = (
            functional.pad(matrix.to_dense(), (used.start, side - used.stop))
            for side, (used, matrix, _) in zip(
                (height, width),
                self._operators(self.geometry(height, width), height, width, torch.device("cpu")),
                strict=True,
            )
        )
        return down, across

    def inputs_of(self, resized: Tensor, height: int, width: int) -> Tensor:
        """The inputs of photographs of ``height`` x ``width`` pixels whose seen part is given, resized (N, 3, h, w).

        It is rounded to 8 bits, as every resize is, and gets its border.
        """
        return self._bordered(resized.mul(255).round().clamp(0, 255), height, width).contiguous().div(255)

    def _filtered(self, window: Tensor, operators: tuple[_Operators, _Operators], height: int, width: int) -> Tensor:
        """The input of a photograph of ``height`` x ``width``, from what ``operators`` take."""
        (_, down, down_t), (_, across, across_t) = operators
        vertical_first = self.geometry(height, width).vertical_first
        seen = window.float().mul(255)
        if vertical_first:
            seen = _resize_axis(seen, down, down_t)
        seen = _resize_axis(seen.transpose(2, 3), across, across_t).transpose(2, 3)
        if not vertical_first:
            seen = _resize_axis(seen, down, down_t)
        return self._bordered(seen, height, width).contiguous().div(255)

    def _operators(
        self, geometry: Geometry, height: int, width: int, device: torch.device
    ) -> tuple[_Operators, _Operators]:
        """What resizes ``height`` x ``width`` pixels to the part of ``geometry`` that is seen."""
        down, across = (
            # Of a resized photograph that is smaller than the input, all is seen.
            _resize_operators(before, after, max(start, 0), min(length, after), self.interpolation, device)
            for before, after, start, length in (
                (height, geometry.resized[0], geometry.top, self.size[0]),
                (width, geometry.resized[1], geometry.left, self.size[1]),
            )
        )
        return down, across

    def _bordered(self, seen: Tensor, height: int, width: int) -> Tensor:
        """``seen`` (N, 3, h, w), in bytes, in the middle of an input whose border has the mean's colour."""
        down, across = self.size[0] - seen.shape[2], self.size[1] - seen.shape[3]
        if not down and not across:
            return seen
        geometry = self.geometry(height, width)
        top, left = max(-geometry.top, 0), max(-geometry.left, 0)
        fill = _on_device(tuple(map(float, self._fill)), seen.device)
        return functional.pad(seen - fill, (left, across - left, top, down - top)) + fill

    def preprocess_image(self, image: Image.Image) -> npt.NDArray[np.uint8]:
        """The network's input for an RGB Pillow image: bytes (height, width, 3)."""
        geometry = self.geometry(image.height, image.width)
        resampling = _FILTERS[self.interpolation][2]
        if math.prod(geometry.resized) > _LARGEST_RESIZE:
            return np.array(image.resize(self.size[::-1], resampling, box=geometry.box))
        resized = image.resize(geometry.resized[::-1], resampling)
        right, bottom = geometry.left + self.size[1], geometry.top + self.size[0]
        if self.crop_mode == "border":
            canvas = Image.new("RGB", self.size[::-1], self._fill)
            canvas.paste(resized, (-geometry.left, -geometry.top))
            return np.array(canvas)
        return np.array(resized.crop((geometry.left, geometry.top, right, bottom)))

    def preprocess_fast(self, array: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """As :meth:`preprocess_image`, from bytes (H, W, 3), within two levels of 255 of it and in a third of the time.

        PyTorch's resize of bytes is vectorised and keeps the coefficients in 16 bits where Pillow has 32.
        """
        geometry = self.geometry(*array.shape[:2])
        vectorised = self.interpolation in ("bilinear", "bicubic") and self.crop_mode != "border"
        if not vectorised or math.prod(geometry.resized) > _LARGEST_RESIZE:
            return self.preprocess_image(Image.fromarray(array))
        pixels = torch.from_numpy(array).permute(2, 0, 1)[None]
        resized = functional.interpolate(pixels, size=geometry.resized, mode=self.interpolation, antialias=True)
        right, bottom = geometry.left + self.size[1], geometry.top + self.size[0]
        crop = resized[0, :, geometry.top : bottom, geometry.left : right]
        return np.ascontiguousarray(crop.permute(1, 2, 0).numpy())

    def normalise(self, inputs: Tensor) -> Tensor:
        """``inputs`` (N, 3, H, W) in [0, 1], less the mean, over the deviation."""
        mean, std = _on_device(self.mean, inputs.device), _on_device(self.std, inputs.device)
        return (inputs - mean) / std

    def describe(self) -> str:
        """One sentence for a report."""
        height, width = self.size
        down, across = (math.floor(side / self.crop_fraction) for side in self.size)
        both = f"{down}" if down == across else f"{down} x {across}"
        how = {
            "center": f"the shorter side to {both} pixels" if down == across else f"to cover {both} pixels",
            "squash": f"to {both} pixels",
            "border": f"to fit into {both} pixels, on a border of the mean's colour",
        }[self.crop_mode]
        mean, std = (", ".join(f"{value:.3g}" for value in values) for values in (self.mean, self.std))
        return (
            f"Resize {how} ({self.interpolation}, antialiased), crop the central {height} x {width}, "
            f"scale to [0, 1], subtract ({mean}), divide by ({std})."
        )


IMAGENET_PREPROCESSING = Preprocessing((224, 224), 0.875, "bilinear", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""What most networks of ImageNet are tested with: the centre 224 of the shorter side's 256."""

_TIMM_KEYS = {"input_size": "size", "crop_pct": "crop"}


@dataclass(frozen=True)
class PreprocessingConfig:
    """A preprocessing as a person or a file gives it; what is None is left to something else to say.

    Attributes:
        size: side of the input in pixels, or its height and width; timm's (3, height, width) too.
        crop: crop size over resized size, in (0, 1].
        interpolation: filter of the resize.
        mean, std: one number for each channel, or one for all, of pixels in [0, 1].
        crop_mode: see :class:`Preprocessing`.
    """

    size: int | tuple[int, int] | tuple[int, int, int] | None = None
    crop: float | None = None
    interpolation: Interpolation | None = None
    mean: float | tuple[float, float, float] | None = None
    std: float | tuple[float, float, float] | None = None
    crop_mode: CropMode | None = None

    @classmethod
    def of(cls, preprocessing: Preprocessing) -> PreprocessingConfig:
        """All that ``preprocessing`` says."""
        one = preprocessing
        return cls(one.size, one.crop_fraction, one.interpolation, one.mean, one.std, one.crop_mode)

    @classmethod
    def from_plain(cls, values: Any, where: str) -> PreprocessingConfig:
        """What a JSON or TOML table says, in these words or timm's (``input_size``, ``crop_pct``).

        Raises:
            InputError: an unknown key or a value of another type; ``where`` begins the message.
        """
        if isinstance(values, Mapping):
            values = {_TIMM_KEYS.get(str(key), key): value for key, value in values.items()}
        return from_plain(cls, values, where)

    def over(self, other: PreprocessingConfig) -> PreprocessingConfig:
        """What this says, and where it says nothing what ``other`` does."""
        names = [field.name for field in dataclasses.fields(self)]
        said = {name: getattr(other, name) if getattr(self, name) is None else getattr(self, name) for name in names}
        return PreprocessingConfig(**said)

    def missing(self) -> list[str]:
        """The names of what is needed and not said."""
        return [name for name in ("mean", "std", "size", "crop", "interpolation") if getattr(self, name) is None]

    def complete(self) -> Preprocessing:
        """The preprocessing, nothing of which is guessed but that a crop is of the centre.

        Raises:
            InputError: something is missing, by name, or makes no sense.
        """
        missing = self.missing()
        if self.crop is None or self.interpolation is None or missing:
            raise InputError(
                "which preprocessing?",
                f"give {', '.join(f'`{name}`' for name in missing)}, or `preprocessing`: a JSON file, or imagenet",
            )
        return Preprocessing(
            size=_height_and_width(self.size),
            crop_fraction=self.crop,
            interpolation=self.interpolation,
            mean=_per_channel(self.mean),
            std=_per_channel(self.std),
            crop_mode=self.crop_mode or "center",
        )


def read_preprocessing(path: Path) -> PreprocessingConfig:
    """What a JSON file says of a preprocessing; see :meth:`PreprocessingConfig.from_plain`.

    Raises:
        InputError: no such file, no JSON object, an unknown key, a value of another type.
    """
    return PreprocessingConfig.from_plain(read_json(path, "a JSON object with mean, std, size, crop"), str(path))


def crop_fraction_of(size: int, resized: int) -> float:
    """The crop fraction by which ``size`` pixels are resized to exactly ``resized``, however the division rounds."""
    fraction = size / resized
    return fraction if math.floor(size / fraction) == resized else math.nextafter(fraction, 0)


def _start_of_crop(resized: int, size: int) -> int:
    """The first row of the central ``size`` of ``resized``, as timm rounds it; negative where a border is needed."""
    return round((resized - size) / 2.0) if resized >= size else -((size - resized) // 2)


def _height_and_width(size: int | tuple[int, ...] | None) -> tuple[int, int]:
    if not isinstance(size, tuple):
        assert size is not None
        return size, size
    if len(size) == 3 and size[0] != 3:
        raise InputError(f"`size` is {size}: {size[0]} channels", "3: Snellen examines networks of RGB photographs")
    return size[-2], size[-1]


def _per_channel(value: float | tuple[float, float, float] | None) -> tuple[float, float, float]:
    assert value is not None
    return value if isinstance(value, tuple) else (value, value, value)


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def check_pixels(pixels: Tensor, operation: str) -> None:
    """Refuse what is not ``pixels``: float (N, 3, H, W) in [0, 1], give or take 1e-6.

    Raises:
        InputError: says what was seen.
    """
    accepted = "pixels are a float tensor (N, 3, H, W), RGB in [0, 1]"
    if not isinstance(pixels, Tensor):
        raise InputError(f"{operation}: got {type(pixels).__name__}", accepted)
    if pixels.ndim != 4 or pixels.shape[1] != 3 or 0 in pixels.shape:
        raise InputError(f"{operation}: got a tensor of shape {tuple(pixels.shape)}", accepted)
    if not pixels.is_floating_point():
        raise InputError(f"{operation}: got {pixels.dtype}", f"{accepted}; divide bytes by 255")
    low, high = (value.item() for value in pixels.detach().aminmax())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise InputError(f"{operation}: got NaN or infinite values", accepted)
    if low < -_TOLERANCE or high > 1 + _TOLERANCE:
        guess = "divide bytes by 255" if low >= 0 and high > 2 else "do not normalise: the classifier does"
        raise InputError(f"{operation}: got values from {low:.4g} to {high:.4g}", f"{accepted}; {guess}")
