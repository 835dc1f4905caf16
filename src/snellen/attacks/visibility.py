"""How far an attacked file is from its photograph where the noise is, and how well the photograph's detail hides it.

A mean over all values says little of what is seen: noise hides in detail as coarse or fine as itself, and is seen where
the photograph is smooth. So contrast is measured of both within small cells: the standard deviation of the luma
(ITU-R BT.601) once its smooth part, a plane fitted to the cell, is taken away. Shading hides nothing.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from snellen.attacks.result import AttackResult
from snellen.attacks.verify import Bytes
from snellen.data.images import open_photo

JPEG_QUALITY = 75
"""Pillow's default."""
Window = tuple[slice, slice]
"""Rows and columns."""
_CELL, _CELLS = 16, 48
"""The side of a cell in pixels; of a large photograph so many go into the longer side."""
_CELLS_ACROSS = 3
"""Cells a side of what is shown around one."""
DARK = 32
"""A luma below which screens show little of a few levels."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class FlatCell:
    """The flattest cell of the noise's area, where noise is seen most easily.

    Attributes:
        window: where it lies in the photograph.
        around: three cells a side with it in their middle, as far as the area reaches.
        detail: contrast of the photograph's own detail in it, in levels of 255.
        noise: contrast of the noise in it, in levels of 255.
        standing_out: share of all cells of the area that are not dark and in which the noise has more contrast than the
            photograph.
    """

    window: Window
    around: Window
    detail: float
    noise: float
    standing_out: float


@dataclass(frozen=True)
class Visibility:
    """How far one attacked file is from its photograph.

    Attributes:
        name: path of the photograph, or what stands for it.
        size: width and height in pixels.
        psnr: of the attacked file within the noise's area, in dB; see :func:`psnr` and :func:`noise_area`.
        jpeg_psnr: of the photograph saved as JPEG of :data:`JPEG_QUALITY`, in the same area, as a yardstick.
        flattest: the flattest cell of that area.
    """

    name: str
    size: tuple[int, int]
    psnr: float
    jpeg_psnr: float
    flattest: FlatCell


def visibility(attack: AttackResult) -> Visibility:
    """Measure one attacked file, from its bytes."""
    image = open_photo(attack.source, "attack").image
    file = io.BytesIO()
    image.save(file, format="JPEG", quality=JPEG_QUALITY)
    original, attacked = np.asarray(image), np.asarray(attack.image)
    area = noise_area(original, attacked)
    with Image.open(file) as compressed:
        of_jpeg = psnr(np.asarray(compressed)[area], original[area])
    of_file = psnr(attacked[area], original[area])
    return Visibility(attack.name, image.size, of_file, of_jpeg, flattest_cell(original, attacked))


def psnr(changed: Bytes, original: Bytes) -> float:
    """Peak signal-to-noise ratio in dB: 10 log10(255^2 / mean squared difference) over all values; infinite for none.

    Args:
        changed: a photograph (H, W, 3).
        original: what it was made from, as large.
    """
    # Strip by strip: a difference of bytes needs wider integers, and a photograph may have many pixels.
    strips = (slice(start, start + 256) for start in range(0, len(original), 256))
    squares = sum(int(np.square(changed[s].astype(np.int32) - original[s]).sum(dtype=np.int64)) for s in strips)
    return 10 * math.log10(255**2 * original.size / squares) if squares else math.inf


def noise_area(original: Bytes, attacked: Bytes) -> Window:
    """The smallest rectangle that holds all that differs between two photographs (H, W, 3); all where nothing does."""
    changed = (original != attacked).any(axis=2)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    if not len(rows):
        return slice(0, len(original)), slice(0, original.shape[1])
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def flattest_cell(original: Bytes, attacked: Bytes) -> FlatCell:
    """The cell of the noise's area, of those on a grid, in which the photograph has least contrast.

    Dark cells, where nobody sees a few levels, are left out where there are others; noise stands out in none of them.

    Args:
        original: a photograph (H, W, 3).
        attacked: what an attack made of it.
    """
    area = noise_area(original, attacked)
    before, after = original[area], attacked[area]
    cell = _side_of_cell(*before.shape[:2])
    detail, noise, luma = _by_cell(before, after, cell)
    dark = luma < DARK
    flatness = detail if dark.all() else np.where(dark, np.inf, detail)
    place = tuple(int(number) for number in np.unravel_index(flatness.argmin(), flatness.shape))

    def window(first: Sequence[int], cells: Sequence[int]) -> Window:
        rows, columns = (
            slice(side.start + start * cell, side.start + (start + count) * cell)
            for side, start, count in zip(area, first, cells, strict=True)
        )
        return rows, columns

    shown = [min(_CELLS_ACROSS, cells) for cells in flatness.shape]
    beside = [
        min(max(one - count // 2, 0), cells - count)
        for one, count, cells in zip(place, shown, flatness.shape, strict=True)
    ]
    return FlatCell(
        window=window(place, (1, 1)),
        around=window(beside, shown),
        detail=math.sqrt(detail[place]),
        noise=math.sqrt(noise[place]),
        standing_out=float(((noise > detail) & ~dark).mean()),
    )


def _side_of_cell(height: int, width: int) -> int:
    wanted = max(_CELL, max(height, width) // _CELLS)
    return max(1, min(wanted, height // _CELLS_ACROSS, width // _CELLS_ACROSS))


def _by_cell(before: Bytes, after: Bytes, cell: int) -> tuple[npt.NDArray[np.float64], ...]:
    """In each cell the contrast, squared, of the photograph and of the noise, and the mean luma (rows, columns)."""
    columns = before.shape[1] // cell
    rows: list[tuple[npt.NDArray[np.float64], ...]] = []
    for top in range(0, before.shape[0] - cell + 1, cell):
        # A row at a time, since a photograph may have many pixels.
        strip = (slice(top, top + cell), slice(0, columns * cell))
        luma, changed = (one[strip].astype(np.float32) @ _LUMA for one in (before, after))
        photograph, noise = (one.reshape(cell, columns, cell) for one in (luma, changed - luma))
        rows.append((_variance_about_planes(photograph), _variance_about_planes(noise), photograph.mean((0, 2))))
    return tuple(np.stack(some).astype(np.float64) for some in zip(*rows, strict=True))


def _variance_about_planes(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Of ``values`` (cell, N, cell) the mean square (N,) of what a plane fitted to each cell leaves of it.

    Rows and columns of a whole cell are orthogonal, so the two slopes are fitted apart.
    """
    cell = len(values)
    centred = values - values.mean((0, 2), keepdims=True)
    squares: npt.NDArray[np.float64] = np.square(centred).mean((0, 2), dtype=np.float64)
    places = np.arange(cell, dtype=np.float32) - (cell - 1) / 2
    spread = float(np.square(places).mean())
    if not spread:
        return squares
    # Of either axis what the values and the places have in common; the other axis is averaged first.
    slopes = [places @ centred.mean(axis=2) / cell, centred.mean(axis=0) @ places / cell]
    left = squares - sum(np.square(one, dtype=np.float64) for one in slopes) / spread
    clipped: npt.NDArray[np.float64] = np.maximum(left, 0)
    return clipped
