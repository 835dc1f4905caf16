"""The common corruptions of ImageNet-C, and its four extra ones, on the bytes of one photograph.

Definitions and constants: Hendrycks and Dietterich, "Benchmarking neural network robustness to common corruptions and
perturbations", ICLR 2019, arXiv 1903.12261, and the code that its authors published; where that called ImageMagick
(motion blur, snow) the definition is that of the package ``imagecorruptions``. ``benchmarks/corruptions.py`` compares
them with that package image by image; ``docs/limits.md`` says where they differ. The published data set was saved as
JPEG of quality 85 afterwards; here nothing is compressed but by ``jpeg_compression``.
"""

from __future__ import annotations

import functools
import importlib.util
import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from scipy.ndimage import convolve1d, distance_transform_edt, gaussian_filter, gaussian_filter1d, uniform_filter
from scipy.signal import fftconvolve
from skimage.feature import canny
from torch.nn import functional

Bytes = npt.NDArray[np.uint8]
"""A photograph (H, W, 3), RGB."""
Floats = npt.NDArray[np.float32]
Random = np.random.Generator

SEVERITIES = (1, 2, 3, 4, 5)
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_GLASS_PERMUTATIONS = 4
"""How many draws of glass blur's shuffling there are for one size: a photograph takes one of them by its seed."""
_FROST_PACKAGE = "imagecorruptions"
_FROST_PICTURES = 6


@dataclass(frozen=True)
class Corruption:
    """One corruption.

    Attributes:
        name: name, as ImageNet-C's folders have it.
        group: ``noise``, ``blur``, ``weather``, ``digital`` or ``extra``.
        alexnet: AlexNet's published top-1 error at each severity, which the mean corruption error divides by; empty for
            an extra one.
        apply: function from bytes (H, W, 3), a severity from 1 to 5 and a generator to float values from 0 to 255.
    """

    name: str
    group: str
    alexnet: tuple[float, ...]
    apply: Callable[[Bytes, int, Random], npt.NDArray[Any]]

    def __call__(self, photograph: Bytes, severity: int, random: Random) -> Bytes:
        """The photograph (H, W, 3) corrupted; fractions are cut off, as the published code does."""
        values: Bytes = np.clip(self.apply(photograph, severity, random), 0, 255).astype(np.uint8)
        return values


def _levels(unit: npt.NDArray[Any]) -> Floats:
    """Values in [0, 1], clipped, as levels from 0 to 255."""
    return np.asarray(unit.clip(0, 1) * 255, np.float32)


def _largest(values: Floats) -> Floats:
    """The largest of the three channels (H, W, 1); far faster than a maximum along the last axis."""
    return np.maximum(np.maximum(values[..., :1], values[..., 1:2]), values[..., 2:])


def _unit(photograph: Bytes) -> Floats:
    return photograph.astype(np.float32) / np.float32(255)


def _gaussian_noise(photograph: Bytes, severity: int, random: Random) -> Floats:
    scale = (0.08, 0.12, 0.18, 0.26, 0.38)[severity - 1]
    noise = random.standard_normal(photograph.shape, dtype=np.float32)
    return _levels(_unit(photograph) + np.float32(scale) * noise)


def _shot_noise(photograph: Bytes, severity: int, random: Random) -> Floats:
    photons = (60, 25, 12, 5, 3)[severity - 1]
    seen = random.poisson(_unit(photograph) * photons).astype(np.float32)
    return _levels(seen / np.float32(photons))


def _impulse_noise(photograph: Bytes, severity: int, random: Random) -> Floats:
    amount = (0.03, 0.06, 0.09, 0.17, 0.27)[severity - 1]
    drawn = random.random(photograph.shape, dtype=np.float32)
    values = photograph.astype(np.float32)
    values[drawn < amount] = 0
    values[drawn < amount / 2] = 255
    return values


def _speckle_noise(photograph: Bytes, severity: int, random: Random) -> Floats:
    scale = (0.15, 0.2, 0.35, 0.45, 0.6)[severity - 1]
    unit = _unit(photograph)
    noise = random.standard_normal(photograph.shape, dtype=np.float32)
    return _levels(unit + np.float32(scale) * unit * noise)


@functools.lru_cache(maxsize=64)
def _gaussian_matrix(size: int, sigma: float, mode: str, truncate: float) -> Floats:
    """The matrix (size, size) that filters one axis: for filters as wide as the photograph far faster than SciPy's."""
    matrix: Floats = gaussian_filter1d(np.eye(size, dtype=np.float32), sigma, axis=0, mode=mode, truncate=truncate)
    return matrix


def _blurred(values: Floats, sigma: float, mode: str = "nearest", truncate: float = 4.0) -> Floats:
    """A Gaussian blur of the first two axes of (H, W) or (H, W, 3), as scikit-image's ``gaussian`` does it."""
    if sigma < 3 and values.ndim == 3:  # then the filter is short
        return np.asarray(gaussian_filter(values, (sigma, sigma, 0), mode=mode, truncate=truncate))
    down = _gaussian_matrix(values.shape[0], sigma, mode, truncate)
    across = _gaussian_matrix(values.shape[1], sigma, mode, truncate)
    filtered = np.tensordot(down, values, axes=(1, 0))
    return np.moveaxis(np.tensordot(across, filtered, axes=(1, 1)), 0, 1)


def _gaussian_blur(photograph: Bytes, severity: int, _: Random) -> Floats:
    return _levels(_blurred(_unit(photograph), (1, 2, 3, 4, 6)[severity - 1]))


@functools.lru_cache(maxsize=64)
def _shuffle(height: int, width: int, reach: int, rounds: int, seed: int) -> npt.NDArray[np.int64]:
    """Where each pixel comes from (H * W,) after every pixel, last row first, has changed places with a neighbour."""
    random = np.random.default_rng(seed)
    places = list(range(height * width))
    rows, columns = range(height - reach, reach, -1), range(width - reach, reach, -1)
    for _ in range(rounds):
        offsets = random.integers(-reach, reach, (len(rows), len(columns), 2))
        steps = (offsets[..., 0] + offsets[..., 1] * width).tolist()
        for row, of_row in zip(rows, steps, strict=True):
            here = row * width + width - reach
            for step in of_row:
                # A place beyond the last row or column, where the published code would fail, keeps its own.
                there = here + step
                if there < height * width:
                    places[here], places[there] = places[there], places[here]
                here -= 1
    return np.array(places)


def _glass_blur(photograph: Bytes, severity: int, random: Random) -> Floats:
    sigma, reach, rounds = ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2))[severity - 1]
    height, width = photograph.shape[:2]
    softened = (_blurred(_unit(photograph), sigma) * 255).astype(np.uint8)
    if min(height, width) > 2 * reach:
        places = _shuffle(height, width, reach, rounds, int(random.integers(_GLASS_PERMUTATIONS)))
        softened = softened.reshape(-1, 3)[places].reshape(height, width, 3)
    return _levels(_blurred(_unit(softened), sigma))


@functools.cache
def _disk(radius: int, alias: float) -> Floats:
    """A disk's kernel (k, k), its edge softened by a Gaussian."""
    reach = max(8, radius)
    places = np.arange(-reach, reach + 1)
    disk = (places[:, None] ** 2 + places**2 <= radius**2).astype(np.float64)
    taps = np.arange(-1, 2) if radius <= 8 else np.arange(-2, 3)
    smooth = np.exp(-(taps**2) / (2 * alias**2))
    smooth /= smooth.sum()
    # OpenCV's GaussianBlur: the border is continued by its reflection about the last value.
    disk = convolve1d(convolve1d(disk / disk.sum(), smooth, axis=0, mode="mirror"), smooth, axis=1, mode="mirror")
    return np.asarray(disk, np.float32)


def _defocus_blur(photograph: Bytes, severity: int, _: Random) -> Floats:
    kernel = _disk(*((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5))[severity - 1])
    reach = len(kernel) // 2
    values = np.pad(_unit(photograph), ((reach, reach), (reach, reach), (0, 0)), mode="reflect")
    found: Floats = fftconvolve(values, kernel[:, :, None], mode="valid", axes=(0, 1))
    return _levels(found)


def _moved(values: Floats, radius: int, sigma: float, angle: float) -> Floats:
    """Blur along a line: half a Gaussian of places that lie behind, the border continued by its last value."""
    width = 2 * radius + 1
    kernel = np.exp(-(np.arange(width) ** 2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).astype(np.float32)
    down, across = math.sin(math.radians(angle)), math.cos(math.radians(angle))
    padding = [(width, width), (width, width)] + [(0, 0)] * (values.ndim - 2)
    padded = np.pad(values, padding, mode="edge")
    height, length = values.shape[:2]
    total = np.zeros_like(values)
    for place, weight in enumerate(kernel):
        top, left = (-math.ceil(place * share - 0.5) for share in (down, across))
        if abs(top) >= height or abs(left) >= length:
            break
        total += weight * padded[width - top : width - top + height, width - left : width - left + length]
    return total


def _motion_blur(photograph: Bytes, severity: int, random: Random) -> Floats:
    radius, sigma = ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))[severity - 1]
    return _moved(photograph.astype(np.float32), radius, sigma, random.uniform(-45, 45))


def _zoomed(values: Floats, factor: float) -> Floats:
    """The middle of (H, W, C), enlarged by ``factor``, bilinear, at the size that it had."""
    height, width = values.shape[:2]
    rows, columns = math.ceil(height / factor), math.ceil(width / factor)
    top, left = (height - rows) // 2, (width - columns) // 2
    middle = torch.from_numpy(np.ascontiguousarray(values[top : top + rows, left : left + columns]))
    size = (round(rows * factor), round(columns * factor))
    larger = functional.interpolate(middle.permute(2, 0, 1)[None], size=size, mode="bilinear", align_corners=True)
    zoomed: Floats = larger[0].permute(1, 2, 0).numpy()[:height, :width]
    return zoomed


def _zoom_blur(photograph: Bytes, severity: int, _: Random) -> Floats:
    factors = (
        np.arange(1, 1.11, 0.01), np.arange(1, 1.16, 0.01), np.arange(1, 1.21, 0.02), np.arange(1, 1.26, 0.02),
        np.arange(1, 1.31, 0.03),
    )[severity - 1]  # fmt: skip
    unit = _unit(photograph)
    total = unit.copy()
    for factor in factors:
        total += _zoomed(unit, float(factor))
    return _levels(total / (len(factors) + 1))


def _plasma(size: int, decay: float, random: Random) -> Floats:
    """A height map (size, size) from 0 to 1 by the diamond-square algorithm; ``size`` is a power of two."""
    heights = np.zeros((size, size), np.float32)
    step, wobble = size, 100.0

    def wobbled(sums: Floats) -> Floats:
        return sums / 4 + np.float32(wobble) * random.uniform(-wobble, wobble, sums.shape).astype(np.float32)

    while step >= 2:
        half = step // 2
        corners = heights[::step, ::step]
        squares = corners + np.roll(corners, -1, axis=0)
        squares = squares + np.roll(squares, -1, axis=1)
        heights[half::step, half::step] = wobbled(squares)
        middles, corners = heights[half::step, half::step], heights[::step, ::step]
        upright = middles + np.roll(middles, 1, axis=0) + corners + np.roll(corners, -1, axis=1)
        heights[::step, half::step] = wobbled(upright)
        level = middles + np.roll(middles, 1, axis=1) + corners + np.roll(corners, -1, axis=0)
        heights[half::step, ::step] = wobbled(level)
        step, wobble = half, wobble / decay
    heights -= heights.min()
    return np.asarray(heights / heights.max())


def _fog(photograph: Bytes, severity: int, random: Random) -> Floats:
    amount, decay = ((1.5, 2.0), (2.0, 2.0), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4))[severity - 1]
    unit = _unit(photograph)
    brightest = unit.max()
    height, width = unit.shape[:2]
    plasma = _plasma(1 << (max(height, width) - 1).bit_length(), decay, random)[:height, :width, None]
    return _levels((unit + np.float32(amount) * plasma) * brightest / (brightest + np.float32(amount)))


@functools.cache
def _frost_pictures() -> tuple[Bytes, ...]:
    """The pictures of frost that the package ``imagecorruptions`` ships; none where it is not installed."""
    spec = importlib.util.find_spec(_FROST_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return ()
    paths = sorted((Path(spec.submodule_search_locations[0]) / "frost").glob("frost*"))
    return tuple(np.asarray(Image.open(path).convert("RGB")) for path in paths[:_FROST_PICTURES])


@functools.lru_cache(maxsize=12)
def _frost_picture(number: int, height: int, width: int) -> Bytes:
    """One of the pictures, larger than ``height`` x ``width``."""
    picture = _frost_pictures()[number]
    factor = 1.1 * max(1.0, height / picture.shape[0], width / picture.shape[1])
    size = (math.ceil(picture.shape[1] * factor), math.ceil(picture.shape[0] * factor))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def _frost(photograph: Bytes, severity: int, random: Random) -> Floats:
    kept, added = ((1.0, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75))[severity - 1]
    height, width = photograph.shape[:2]
    picture = _frost_picture(int(random.integers(len(_frost_pictures()))), height, width)
    top, left = (int(random.integers(0, picture.shape[axis] - side)) for axis, side in enumerate((height, width)))
    frost = picture[top : top + height, left : left + width].astype(np.float32)
    return np.asarray(np.float32(kept) * photograph + np.float32(added) * frost, np.float32)


def _snow(photograph: Bytes, severity: int, random: Random) -> Floats:
    mean, deviation, zoom, least, radius, sigma, kept = (
        (0.1, 0.3, 3, 0.5, 10, 4, 0.8), (0.2, 0.3, 2, 0.5, 12, 4, 0.7), (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
        (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65), (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
    )[severity - 1]  # fmt: skip
    unit = _unit(photograph)
    drawn = random.normal(mean, deviation, unit.shape[:2]).astype(np.float32)
    larger = _zoomed(drawn[..., None], zoom)[..., 0]
    fallen = _moved(np.where(larger < least, 0, larger).clip(0, 1), int(radius), sigma, random.uniform(-135, -45))
    flakes = np.round(fallen * 255).astype(np.uint8)[..., None] / np.float32(255)
    grey = (unit @ _LUMA)[..., None] * np.float32(1.5) + np.float32(0.5)
    whitened = np.float32(kept) * unit + np.float32(1 - kept) * np.maximum(unit, grey)
    return _levels(whitened + flakes + np.rot90(flakes, 2))


def _spatter(photograph: Bytes, severity: int, random: Random) -> Floats:
    mean, deviation, sigma, least, strength, mud = (
        (0.65, 0.3, 4, 0.69, 0.6, False), (0.65, 0.3, 3, 0.68, 0.6, False), (0.65, 0.3, 2, 0.68, 0.5, False),
        (0.65, 0.3, 1, 0.65, 1.5, True), (0.67, 0.4, 1, 0.65, 1.5, True),
    )[severity - 1]  # fmt: skip
    unit = _unit(photograph)
    liquid = _blurred(random.normal(mean, deviation, unit.shape[:2]).astype(np.float32), sigma)
    liquid = np.where(liquid < least, 0, liquid).astype(np.float32)
    if mud:
        mask = _blurred((liquid > least).astype(np.float32), strength)[..., None]
        mask = np.where(mask < 0.8, 0, mask).astype(np.float32)
        return _levels(unit * (1 - mask) + mask * np.array([63, 42, 20], np.float32) / 255)
    water = _edges_of(liquid) * liquid
    water = water / max(float(water.max()), 1e-6) * np.float32(strength)
    return _levels(unit + water[..., None] * np.array([175, 238, 238], np.float32) / 255)


def _edges_of(liquid: Floats) -> Floats:
    """How near each place is to an edge of the liquid, equalised and sharpened as the published code does."""
    edges = canny((liquid * 255).clip(0, 255), sigma=0.1, low_threshold=50 / 4, high_threshold=150 / 4)
    distance = np.minimum(distance_transform_edt(~edges), 20) if edges.any() else np.full(liquid.shape, 20.0)
    distance = uniform_filter(distance, 3).astype(np.uint8)
    counts = np.bincount(distance.ravel(), minlength=256).cumsum()
    lowest = counts[counts > 0][0]
    levels = np.round((counts - lowest).clip(0) * 255 / max(counts[-1] - lowest, 1)).astype(np.float32)
    equal = np.pad(levels[distance], 1, mode="reflect")
    weights = {(0, 0): -2, (0, 1): -1, (1, 0): -1, (1, 1): 1, (1, 2): 1, (2, 1): 1, (2, 2): 2}
    height, width = liquid.shape
    sharp = sum(
        weight * equal[row : row + height, column : column + width] for (row, column), weight in weights.items()
    )
    smoothed: Floats = uniform_filter(np.clip(sharp, 0, 255), 3)
    return smoothed


def _brightness(photograph: Bytes, severity: int, _: Random) -> Floats:
    """Add to HSV's value: with hue and saturation kept, the channels grow in proportion."""
    more = (0.1, 0.2, 0.3, 0.4, 0.5)[severity - 1]
    unit = _unit(photograph)
    value = _largest(unit)
    brighter = np.minimum(value + np.float32(more), 1)
    return _levels(np.where(value > 0, unit * brighter / np.maximum(value, 1e-6), brighter))


def _saturate(photograph: Bytes, severity: int, _: Random) -> Floats:
    """Change HSV's saturation: with hue and value kept, the channels' gaps to the largest grow in proportion."""
    times, more = ((0.3, 0.0), (0.1, 0.0), (2.0, 0.0), (5.0, 0.1), (20.0, 0.2))[severity - 1]
    unit = _unit(photograph)
    value = _largest(unit)
    gaps = value - unit
    widest = _largest(gaps)
    saturation = widest / np.maximum(value, 1e-6)
    wanted = (saturation * np.float32(times) + np.float32(more)).clip(0, 1)
    # A grey has no hue; HSV calls it red.
    shares = np.where(widest > 0, gaps / np.maximum(widest, 1e-6), np.array([0, 1, 1], np.float32))
    return _levels(value * (1 - wanted * shares))


def _contrast(photograph: Bytes, severity: int, _: Random) -> Floats:
    share = (0.4, 0.3, 0.2, 0.1, 0.05)[severity - 1]
    unit = _unit(photograph)
    means = unit.mean(axis=(0, 1), keepdims=True, dtype=np.float64).astype(np.float32)
    return _levels((unit - means) * np.float32(share) + means)


def _elastic_transform(photograph: Bytes, severity: int, random: Random) -> Floats:
    """A random affine warp, then a smooth random displacement of each place; the constants are for sides of 224."""
    strength, sigma, jitter = (
        (244 * 2.0, 244 * 0.7, 244 * 0.1), (244 * 2.0, 244 * 0.08, 244 * 0.2), (244 * 0.05, 244 * 0.01, 244 * 0.02),
        (244 * 0.07, 244 * 0.01, 244 * 0.02), (244 * 0.12, 244 * 0.01, 244 * 0.02),
    )[severity - 1]  # fmt: skip
    height, width = photograph.shape[:2]
    centre = np.array([height // 2, width // 2], np.float64)
    side = min(height, width) // 3
    corners = np.array([centre + side, [centre[0] + side, centre[1] - side], centre - side])
    moved = corners + random.uniform(-jitter, jitter, corners.shape)
    # From where each place comes: the affine map that takes the moved corners back.
    back = np.linalg.solve(np.column_stack([moved, np.ones(3)]), corners)
    down, across = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    places = np.stack([across.ravel(), down.ravel(), np.ones(height * width)], axis=1) @ back
    warped = _sampled(_unit(photograph), places[:, 0], places[:, 1], whole_pixels=True)
    fields = [
        _blurred(random.uniform(-1, 1, (height, width)).astype(np.float32), sigma, "reflect", 3.0)
        * np.float32(strength)
        for _ in range(2)
    ]
    bent = _sampled(warped, (across + fields[0]).ravel(), (down + fields[1]).ravel(), whole_pixels=False)
    return _levels(bent)


def _sampled(
    values: Floats, across: npt.NDArray[np.floating], down: npt.NDArray[np.floating], *, whole_pixels: bool
) -> Floats:
    """Bilinear samples of (H, W, C) at places in pixels, the border reflected about the last pixel or its far edge."""
    height, width = values.shape[:2]
    if whole_pixels:
        grid = np.stack([2 * across / (width - 1) - 1, 2 * down / (height - 1) - 1], axis=1)
    else:
        grid = np.stack([(2 * across + 1) / width - 1, (2 * down + 1) / height - 1], axis=1)
    sampled = functional.grid_sample(
        torch.from_numpy(np.ascontiguousarray(values)).permute(2, 0, 1)[None],
        torch.from_numpy(grid.astype(np.float32)).view(1, height, width, 2),
        mode="bilinear",
        padding_mode="reflection",
        align_corners=whole_pixels,
    )
    found: Floats = sampled[0].permute(1, 2, 0).numpy()
    return found


def _pixelate(photograph: Bytes, severity: int, _: Random) -> Floats:
    share = (0.6, 0.5, 0.4, 0.3, 0.25)[severity - 1]
    height, width = photograph.shape[:2]
    size = max(1, int(width * share)), max(1, int(height * share))
    small = Image.fromarray(photograph).resize(size, Image.Resampling.BOX)
    return np.asarray(small.resize((width, height), Image.Resampling.BOX), np.float32)


def _jpeg_compression(photograph: Bytes, severity: int, _: Random) -> Floats:
    file = io.BytesIO()
    Image.fromarray(photograph).save(file, "JPEG", quality=(25, 18, 15, 10, 7)[severity - 1])
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"), np.float32)


ALEXNET_CLEAN = 0.43482
"""AlexNet's published top-1 error on clean photographs, which the relative error needs."""

_ALL = (
    Corruption("gaussian_noise", "noise", (0.69528, 0.82542, 0.93554, 0.98138, 0.99452), _gaussian_noise),
    Corruption("shot_noise", "noise", (0.71224, 0.85108, 0.93574, 0.98182, 0.99146), _shot_noise),
    Corruption("impulse_noise", "noise", (0.78374, 0.89808, 0.9487, 0.9872, 0.99548), _impulse_noise),
    Corruption("defocus_blur", "blur", (0.65624, 0.73202, 0.85036, 0.91364, 0.94714), _defocus_blur),
    Corruption("glass_blur", "blur", (0.64308, 0.75054, 0.88806, 0.91622, 0.93344), _glass_blur),
    Corruption("motion_blur", "blur", (0.5843, 0.70048, 0.82108, 0.8975, 0.92638), _motion_blur),
    Corruption("zoom_blur", "blur", (0.70008, 0.76992, 0.80784, 0.84198, 0.87198), _zoom_blur),
    Corruption("snow", "weather", (0.71726, 0.88392, 0.86468, 0.9187, 0.94952), _snow),
    Corruption("frost", "weather", (0.6139, 0.79734, 0.8879, 0.89942, 0.9343), _frost),
    Corruption("fog", "weather", (0.67474, 0.7605, 0.84378, 0.8726, 0.945), _fog),
    Corruption("brightness", "weather", (0.4514, 0.48502, 0.54048, 0.62166, 0.7244), _brightness),
    Corruption("contrast", "digital", (0.64548, 0.7615, 0.88874, 0.9776, 0.9927), _contrast),
    Corruption("elastic_transform", "digital", (0.52596, 0.70116, 0.55686, 0.64076, 0.80554), _elastic_transform),
    Corruption("pixelate", "digital", (0.52218, 0.5462, 0.73728, 0.87092, 0.91262), _pixelate),
    Corruption("jpeg_compression", "digital", (0.51002, 0.54718, 0.57294, 0.65458, 0.74778), _jpeg_compression),
    Corruption("speckle_noise", "extra", (), _speckle_noise),
    Corruption("gaussian_blur", "extra", (), _gaussian_blur),
    Corruption("spatter", "extra", (), _spatter),
    Corruption("saturate", "extra", (), _saturate),
)

CORRUPTIONS: Mapping[str, Corruption] = {corruption.name: corruption for corruption in _ALL}
"""Every corruption by its name."""


def missing_pictures(name: str) -> str:
    """Why a corruption cannot be made here, in words; empty where it can."""
    if name == "frost" and not _frost_pictures():
        return "frost needs its six pictures, which the package imagecorruptions ships and which are not installed"
    return ""
