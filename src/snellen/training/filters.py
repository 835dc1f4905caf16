"""The first layer's filters as one RGB picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch import Tensor

from snellen.intervals import Rate

COLUMNS = 16
_WIDTH = 1536
"""About how wide the enlarged picture is, in pixels; a weight becomes a square of whole pixels."""
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

    One pixel a weight, one white pixel between filters: 64 filters of 11 x 11 make 4 rows, 47 x 191 pixels.
    """
    tiles = np.rint(stretched(filters.numpy()) * 255).astype(np.uint8).transpose(0, 2, 3, 1)
    count, height, width, _ = tiles.shape
    columns = min(COLUMNS, count)
    rows = -(-count // columns)
    picture = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1, 3), 255, dtype=np.uint8)
    for number, tile in enumerate(tiles):
        top, left = number // columns * (height + 1), number % columns * (width + 1)
        picture[top : top + height, left : left + width] = tile
    return picture


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
