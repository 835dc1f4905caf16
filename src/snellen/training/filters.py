"""The first layer's filters as one RGB picture, and what can be measured on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch import Tensor

from snellen.errors import InputError
from snellen.intervals import Rate

Floats = npt.NDArray[np.float64]

COLUMNS = 16
_WIDTH = 1536
"""About how wide the enlarged picture is, in pixels; a weight becomes a square of whole pixels."""
_GAP = 255
_NOISE_QUANTILE = 2.326
"""The 99th percentile of the normal distribution."""


def stretched(filters: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Each filter of (F, 3, h, w) less its smallest value, over its new largest; a constant filter is black."""
    smallest: npt.NDArray[np.float32] = filters.min(axis=(1, 2, 3), keepdims=True)
    lifted = filters - smallest
    largest = lifted.max(axis=(1, 2, 3), keepdims=True)
    scaled: npt.NDArray[np.float32] = np.divide(lifted, largest, out=np.zeros_like(lifted), where=largest > 0)
    return scaled


def mosaic(filters: Tensor) -> npt.NDArray[np.uint8]:
    """The filters (F, 3, h, w) as one picture (H, W, 3), 16 in a row, in order, each stretched by itself.

    One pixel a weight, one white pixel between filters, most of whose weights are gray: 64 filters of 11 x 11 make
    4 rows, 47 x 191 pixels.
    """
    tiles = np.rint(stretched(filters.numpy()) * 255).astype(np.uint8).transpose(0, 2, 3, 1)
    count, height, width, _ = tiles.shape
    picture = np.full((*_extent(count, height, width), 3), _GAP, dtype=np.uint8)
    for tile, place in zip(tiles, _places(count, height, width), strict=True):
        picture[place] = tile
    return picture


def _extent(count: int, height: int, width: int) -> tuple[int, int]:
    """Height and width of the mosaic of so many filters, in pixels."""
    columns = min(COLUMNS, count)
    return -(-count // columns) * (height + 1) - 1, columns * (width + 1) - 1


def _places(count: int, height: int, width: int) -> list[tuple[slice, slice]]:
    """Where each filter lies in the mosaic: its rows and columns."""
    columns = min(COLUMNS, count)
    corners = [(number // columns * (height + 1), number % columns * (width + 1)) for number in range(count)]
    return [(slice(top, top + height), slice(left, left + width)) for top, left in corners]


def noise_like(filters: Tensor) -> Rate:
    """The share of the filters (F, 3, h, w) whose neighbouring weights are no more alike than independent ones are.

    A filter that has learned an edge, a colour or a grating is smooth: its weights resemble their neighbours. Of
    independent weights of mean 0 the correlation of N pairs of neighbours, down and across, has mean 0 and deviation
    1 / sqrt(N); a filter counts as noise up to the 99th percentile of a normal distribution of these.
    """
    variance = filters.square().mean(dim=(1, 2, 3))
    down, across = filters[..., :-1, :] * filters[..., 1:, :], filters[..., :-1] * filters[..., 1:]
    pairs = down[0].numel() + across[0].numel()
    if not pairs:
        return Rate.of([])
    alike = (down.sum(dim=(1, 2, 3)) + across.sum(dim=(1, 2, 3))) / (pairs * variance.clamp_min(1e-30))
    return Rate.of((alike <= _NOISE_QUANTILE / pairs**0.5).tolist())


def filters_image(filters: Tensor) -> Image.Image:
    """The :func:`mosaic` as an RGB image, each pixel enlarged to a square."""
    picture = mosaic(filters)
    zoom = max(1, _WIDTH // picture.shape[1])
    return Image.fromarray(picture.repeat(zoom, axis=0).repeat(zoom, axis=1))


def filters_of_image(image: Image.Image, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """The stretched filters (F, 3, h, w), 8 bits of each, of a :func:`filters_image`.

    Args:
        image: the picture.
        shape: the filters' shape.

    Raises:
        InputError: it is no picture of so many filters of that size.
    """
    count, _, height, width = shape
    down, across = _extent(count, height, width)
    zoom = image.width // across
    if zoom < 1 or image.size != (zoom * across, zoom * down):
        raise InputError(
            f"a picture of {image.width} x {image.height}",
            f"one of {count} filters of {height} x {width}, as training writes it",
        )
    picture = np.asarray(image.convert("RGB"))[::zoom, ::zoom]
    tiles = [picture[place] for place in _places(count, height, width)]
    return (np.stack(tiles).transpose(0, 3, 1, 2) / 255).astype(np.float32)


_SPECTRUM = 32
"""Side of the spectrum of a filter, which is padded with zeros to that: finer steps of frequency and direction."""
ORIENTED, _COLOURFUL, _SMOOTH = 0.4, 0.5, 0.4
"""From these values on a filter has one direction, is coloured, and is a patch and no speckle: energy that is spread
evenly has a quarter in any direction, and that of 11 x 11 independent weights beyond 0.37 once in a hundred filters;
these vary by two thirds in colour, and do not correlate."""
SECTOR = 22.5
"""How many degrees to either side of a direction its energy lies."""
_DIRECTIONS = 36
"""How many directions are tried."""


@dataclass(frozen=True, eq=False)
class FilterStructure:
    """What can be measured on filters as they are shown: each less its own mean, whatever its size.

    Attributes:
        smoothness: (F,) mean correlation of weights with their neighbours, down and across; 0 of independent ones.
        noise: (F,) whether that is no more than independent weights have, as :func:`noise_like` tests it.
        colour: (F,) share of the energy in which the three channels differ, in [0, 1].
        frequency: (F,) mean spatial frequency of the energy that is not a uniform colour, in cycles a weight; 0.5 is
            the finest.
        directed: (F,) how much of that energy, of all three channels together, makes stripes or edges within 22.5
            degrees of one direction, from 0 to 1; 1/4 of energy that is spread evenly.
        angle: (F,) that direction, in degrees in [0, 180): 0 is horizontal, 45 rises to the right, 90 is vertical.
    """

    smoothness: Floats
    noise: npt.NDArray[np.bool_]
    colour: Floats
    frequency: Floats
    directed: Floats
    angle: Floats

    def __len__(self) -> int:
        return len(self.smoothness)

    @property
    def oriented(self) -> npt.NDArray[np.bool_]:
        """Which (F,) have one direction: edges, bars and gratings, coloured ones among them."""
        return ~self.noise & (self.directed >= ORIENTED)

    @property
    def coloured_blobs(self) -> npt.NDArray[np.bool_]:
        """Which (F,) have none, are smooth, and vary more in colour than in brightness."""
        return ~self.oriented & (self.smoothness >= _SMOOTH) & (self.colour >= _COLOURFUL)


def filter_structure(filters: npt.NDArray[np.float32]) -> FilterStructure:
    """Measure filters (F, 3, h, w); see :class:`FilterStructure`. A constant one has 0 for everything."""
    varied = filters.astype(np.float64) - filters.mean(axis=(1, 2, 3), keepdims=True, dtype=np.float64)
    energy = _over(np.square(varied).sum(axis=(1, 2, 3)))
    down, across = varied[..., :-1, :] * varied[..., 1:, :], varied[..., :-1] * varied[..., 1:]
    pairs = down[0].size + across[0].size
    alike = (down.sum(axis=(1, 2, 3)) + across.sum(axis=(1, 2, 3))) / max(pairs, 1) * varied[0].size / energy
    gray = varied.mean(axis=1, keepdims=True)
    shapes = varied - varied.mean(axis=(2, 3), keepdims=True)
    power = np.square(np.abs(np.fft.fft2(shapes, s=(_SPECTRUM, _SPECTRUM)))).sum(axis=1)
    rows, columns = np.fft.fftfreq(_SPECTRUM)[:, None], np.fft.fftfreq(_SPECTRUM)[None, :]
    whole = _over(power.sum(axis=(1, 2)))
    directed, angle = _direction(power, rows, columns)
    return FilterStructure(
        smoothness=alike,
        noise=alike <= _NOISE_QUANTILE / max(pairs, 1) ** 0.5,
        colour=np.square(varied - gray).sum(axis=(1, 2, 3)) / energy,
        frequency=(power * np.hypot(rows, columns)).sum(axis=(1, 2)) / whole,
        directed=directed,
        angle=angle,
    )


def _direction(
    power: Floats, rows: npt.NDArray[np.floating], columns: npt.NDArray[np.floating]
) -> tuple[Floats, Floats]:
    """Of spectra (F, h, w) the share of the energy (F,) around the direction with most of it, and that direction."""
    # A wave runs across the stripes that it makes, and down is positive: stripes that rise to the right have waves that
    # run to the lower right.
    run = (90 - np.degrees(np.arctan2(rows, columns))) % 180
    angles = np.arange(_DIRECTIONS) * (180 / _DIRECTIONS)
    off = np.abs((run - angles[:, None, None] + 90) % 180 - 90)
    inside = ((off <= SECTOR) & (np.hypot(rows, columns) > 0)).reshape(_DIRECTIONS, -1).astype(np.float64)
    shares = power.reshape(len(power), -1) @ inside.T / _over(power.sum(axis=(1, 2)))[:, None]
    return shares.max(axis=1), angles[shares.argmax(axis=1)]


def _over(energy: Floats) -> Floats:
    """``energy`` to divide by, also where there is none."""
    return np.where(energy > 0, energy, np.inf)
