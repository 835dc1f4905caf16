"""What the eye sees in a map: how many bright regions it has, where they lie, and whether they are blobs or bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from skimage.filters import threshold_otsu
from skimage.measure import label, regionprops

from snellen.prose import counted, listed, share, word

_TWO_VALUED, _LEAST_GROUP = 0.9, 0.2
"""Share of a map's variance that two groups of its values leave within neither, from which it has two values; and the
share of the map that each of the two must hold."""
EVERYWHERE = 0.6
"""Share of a map above half, from which what lies below half is the figure, not the ground."""
_OF_THE_LARGEST = 0.25
"""A region that has less of the largest one's area is not named."""
_NAMED = 3
_LONG, _BAND, _ALL_OVER = 2.0, 0.6, 0.8
"""How many times longer than wide a region is that has a direction; the share of the map's side over which it is then a
band; and that of both sides over which a region is all over the map."""
_MARGIN = 0.15
"""How far from a margin the centre of what touches it and lies along it is at most, as a share of the map's side."""
_SPOT = 2
"""Values of a map up to which a region has no form."""
FEW = 12
"""Regions of a map up to which the largest are told one by one."""
_DIRECTIONS = ("lying", "rising", "standing", "falling")


@dataclass(frozen=True)
class Region:
    """A connected region of a map, diagonal neighbours included.

    Attributes:
        area: share of the map, in (0, 1].
        direction: ``lying``, ``rising`` (to the right), ``standing`` or ``falling`` of one that is long; else empty.
        band: whether it is long, and goes over most of the map's side.
        all_over: whether it goes over nearly all of both sides.
        spot: whether it is but one value or two.
        place: where its centre lies, such as ``at the bottom left``; ``along the left margin`` of one that touches it.
    """

    area: float
    direction: str
    band: bool
    all_over: bool
    spot: bool
    place: str

    def __str__(self) -> str:
        """``a lying band in the middle``, ``a standing streak at the left``, ``a blob at the top``."""
        if self.all_over:
            return f"one region across the whole map ({share(self.area)} of it)"
        form = f"a {self.direction} {'band' if self.band else 'streak'}" if self.direction else "a blob"
        return f"{'a spot' if self.spot else form} {self.place}"


@dataclass(frozen=True)
class Shape:
    """What a map looks like above half: half way from its least to its greatest value, where its colours part.

    Attributes:
        area: share of the map above half, in [0, 1]; 0 of one that does not vary.
        regions: number of connected regions there.
        largest: those regions that have at least a quarter of the largest one's area, the largest first.
        levels: the means of its two groups of values, of a map that has hardly any between; else None.
        upper: the share of the map in the upper of the two groups, by Otsu's threshold.
    """

    area: float
    regions: int
    largest: tuple[Region, ...]
    levels: tuple[float, float] | None
    upper: float


def shape_of(values: npt.NDArray[np.floating]) -> Shape:
    """The shape of a map (H, W)."""
    low, high = float(values.min()), float(values.max())
    if not high > low:
        return Shape(0.0, 0, (), None, 0.0)
    bright = values > (low + high) / 2
    found = sorted(regionprops(label(bright, connectivity=2)), key=lambda one: -one.num_pixels)
    most = found[0].num_pixels
    largest = tuple(_region(one.coords, values.shape) for one in found if one.num_pixels >= _OF_THE_LARGEST * most)
    levels, upper = _two_levels(values)
    return Shape(float(bright.mean()), len(found), largest, levels, upper)


def _region(coordinates: npt.NDArray[np.int64], size: tuple[int, ...]) -> Region:
    """What there is to say of a region of a map of that size, from its positions (n, 2)."""
    positions = (coordinates + 0.5) / size
    # One value is a square, not a point.
    spread = np.cov(positions.T, bias=True).reshape(2, 2) + np.diag([1 / (12 * side**2) for side in size])
    (short, long), axes = np.linalg.eigh(spread)
    extent = (np.ptp(coordinates, axis=0) + 1) / size
    direction, spot = "", len(coordinates) <= _SPOT
    if long > _LONG**2 * short and not spot:
        down, across = axes[:, 1]
        direction = _DIRECTIONS[round(float(np.arctan2(-down, across)) / (np.pi / 4)) % 4]
    return Region(
        area=len(coordinates) / (size[0] * size[1]),
        direction=direction,
        band=bool(direction) and float(extent.max()) >= _BAND,
        all_over=float(extent.min()) >= _ALL_OVER,
        spot=spot,
        place=_place(coordinates, size, direction),
    )


def _place(coordinates: npt.NDArray[np.int64], size: tuple[int, ...], direction: str) -> str:
    """Where positions (n, 2) of a map lie: in which third of the height and of the width, or along which margin."""
    down, across = (coordinates.mean(axis=0) + 0.5) / size
    row = "top" if down < 1 / 3 else "bottom" if down > 2 / 3 else ""
    column = "left" if across < 1 / 3 else "right" if across > 2 / 3 else ""
    margin = {"lying": row, "standing": column}.get(direction, "")
    (top, left), (bottom, right) = coordinates.min(axis=0), np.subtract(size, 1) - coordinates.max(axis=0)
    touches = {"top": top, "left": left, "bottom": bottom, "right": right}.get(margin) == 0
    if touches and min(down, across, 1 - down, 1 - across) < _MARGIN:
        return f"along the {margin} margin"
    return f"at the {f'{row} {column}'.strip()}" if row or column else "in the middle"


def _two_levels(values: npt.NDArray[np.floating]) -> tuple[tuple[float, float] | None, float]:
    """The means of two groups of values that hold nearly all of their variance between them, and the upper's share.

    Otsu, A threshold selection method from gray-level histograms, 1979: the threshold that leaves the least variance
    within the groups.
    """
    upper = values > threshold_otsu(values)
    of_upper = float(upper.mean())
    if not _LEAST_GROUP <= of_upper <= 1 - _LEAST_GROUP:
        return None, of_upper
    means = float(values[~upper].mean()), float(values[upper].mean())
    between = of_upper * (1 - of_upper) * (means[1] - means[0]) ** 2
    return (means if between >= _TWO_VALUED * float(values.var()) else None), of_upper


def describe_shape(shape: Shape) -> str:
    """A map's shape as a person would tell it, without a full stop: ``a lying band in the middle``."""
    if not shape.regions:
        return "the same everywhere"
    bright = f"bright on {share(shape.area)} of it" if shape.area >= EVERYWHERE else describe_regions(shape)
    if shape.levels is None:
        return bright
    low, high = shape.levels
    return f"two values, {low:.1f} and {high:.1f}: {bright}"


def describe_regions(shape: Shape) -> str:
    """The regions above half alone: what the largest are and where they lie, and how many more there are."""
    if not any(one.all_over for one in shape.largest) and (len(shape.largest) > _NAMED or shape.regions > FEW):
        direction = _direction(shape.largest)
        noun = f"{direction} streaks" if direction else "spots"
        return f"{word(shape.regions)} {noun} over {share(shape.area)} of it"
    more = shape.regions - len(shape.largest)
    return listed([*map(str, shape.largest), *([counted(more, "spot")] if more else [])])


def _direction(regions: Sequence[Region]) -> str:
    """The direction that has more than half of the area of some regions; empty where none has."""
    area = sum(one.area for one in regions)
    of_each = {way: sum(one.area for one in regions if one.direction == way) for way in _DIRECTIONS}
    return next((way for way, held in of_each.items() if held > area / 2), "")


def number_of_regions(values: npt.NDArray[np.floating]) -> int:
    """How many connected regions a map (H, W) has above half; 0 of one that does not vary."""
    low, high = float(values.min()), float(values.max())
    return int(label(values > (low + high) / 2, connectivity=2).max()) if high > low else 0
