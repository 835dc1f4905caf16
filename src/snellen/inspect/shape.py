"""What the eye sees in a map: the level that most of it has, and the forms that stand out, where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_opening
from skimage.filters import threshold_otsu
from skimage.measure import label, regionprops

from snellen.prose import listed

_TWO_VALUED, _LEAST_GROUP = 0.9, 0.2
"""Share of a map's variance that two groups of its values leave within neither, from which it has two values; and the
share of the map that each of the two must hold."""
_NEAR, _MOST_NEAR, _DARK = 0.15, 0.6, 0.25
"""How near the median a value has its level, as a share of the map's range; the share of the map from which on that is
its ground; and the distance from either end of the range up to which that is dark, or bright."""
_STANDS_OUT, _SOME = 0.25, 0.01
"""How far from a middle ground a value stands out, as a share of the map's range; and the share of the map from which
on such values are seen."""
EVERYWHERE = 0.6
"""Share of a map above half, from which what lies below half is the figure, not the ground."""
_OF_THE_LARGEST = 0.25
"""A region that has less of the largest one's area is not named."""
_NAMED, _LARGEST = 4, 3
"""How many regions are told one by one, and of how many more the places."""
_LONG, _BAND, _ALL_OVER = 2.0, 0.6, 0.8
"""How many times longer than wide a region is that has a direction; the share of the map's side over which it is then a
band; and that of both sides over which a region is all over the map."""
_BENT, _LEAST_BENT = 0.7, 5
"""Share of its convex hull that a region fills at most which is bent, and how many values it has at least."""
_MARGIN = 0.15
"""How far from a margin the centre of what touches it and lies along it is at most, as a share of the map's side."""
_SPOT = 2
"""Values of a map up to which a region has no form."""
FEW = 12
"""Regions of a map up to which the largest are told one by one."""
FINE, _THIN = 28, 0.3
"""Side of a map from which on lines can be told from spots; and the share of what stands out that a square of 3 x 3
values fits into, up to which it is lines."""
_MOST_OF_A_BAND = 4
"""How many values a bent band has at most, as a multiple of the map's longer side."""
_CONCENTRATED = 0.6
"""Share of what stands out that lies in one third of the map, from which it is said to lie there."""
_DIRECTIONS = ("horizontal", "rising", "vertical", "falling")


@dataclass(frozen=True)
class Region:
    """A connected region of a map, diagonal neighbours included.

    Attributes:
        area: share of the map, in (0, 1].
        direction: ``horizontal``, ``rising`` (to the right), ``vertical`` or ``falling`` of one that is long; else
            empty.
        band: whether it is long, and goes over most of the map's side.
        all_over: whether it goes over nearly all of both sides.
        spot: whether it is but one value or two.
        place: where its centre lies, such as ``at the bottom left``; ``along the left margin`` of one that touches it.
        ends: of one that is bent, and so long, where its two ends lie, such as ``the right`` and ``the bottom``.
    """

    area: float
    direction: str
    band: bool
    all_over: bool
    spot: bool
    place: str
    ends: tuple[str, ...] = ()

    def __str__(self) -> str:
        """``a horizontal band in the middle``, ``a vertical streak at the left``, ``a blob at the top``."""
        if self.ends:
            return f"a bent band from {self.ends[0]} to {self.ends[1]}"
        if self.all_over:
            return "joined patches across the whole map"
        form = f"a {self.direction} {'band' if self.band else 'streak'}" if self.direction else "a blob"
        return f"{'a spot' if self.spot else form} {self.place}"


@dataclass(frozen=True)
class Shape:
    """What a map looks like: above half is above half way from its least to its greatest value, where its colours part.

    Attributes:
        area: share of the map above half, in [0, 1]; 0 of one that does not vary.
        regions: number of connected regions there.
        largest: those regions that have at least a quarter of the largest one's area, the largest first.
        levels: the means of its two groups of values, of a map that has hardly any between; else None.
        ground: the level that most of the map has; empty where it has none.
        rises, falls: shares of the map that lie a quarter of its range or more above a middle ground, and below it.
        lines: whether what stands out is thin lines: above half, or of a middle ground what rises or falls.
        where: the part of the map that most of it lies in, such as ``at the left``; ``all over`` where there is none.
            Of a map that is mostly above half it is what lies below that stands out.
    """

    area: float
    regions: int
    largest: tuple[Region, ...]
    levels: tuple[float, float] | None
    ground: Literal["", "dark", "middle", "bright"]
    rises: float
    falls: float
    lines: bool
    where: str


def shape_of(values: npt.NDArray[np.floating], level: float = 0.5) -> Shape:
    """The shape of a map (H, W).

    Args:
        values: the map.
        level: what counts as half: a share of the way from the least to the greatest value.
    """
    low, high = float(values.min()), float(values.max())
    if not high > low:
        return Shape(0.0, 0, (), None, "", 0.0, 0.0, False, "")
    scaled = (values - low) / (high - low)
    bright = scaled > level
    found = sorted(regionprops(label(bright, connectivity=2)), key=lambda one: -one.num_pixels)
    most = found[0].num_pixels
    named = [one for one in found if one.num_pixels >= _OF_THE_LARGEST * most]
    ground, middle = _ground(scaled)
    rises, falls = scaled > middle + _STANDS_OUT, scaled < middle - _STANDS_OUT
    area = float(bright.mean())
    out = rises | falls if ground == "middle" else ~bright if area >= EVERYWHERE else bright
    return Shape(
        area=area,
        regions=len(found),
        largest=tuple(_region(one.coords, values.shape, float(one.solidity) if one.num_pixels > _SPOT else 1.0)
                      for one in named),
        levels=_two_levels(values),
        ground=ground,
        rises=float(rises.mean()) if ground == "middle" else 0.0,
        falls=float(falls.mean()) if ground == "middle" else 0.0,
        lines=_are_lines(out),
        where=_where(out),
    )  # fmt: skip


def _ground(scaled: npt.NDArray[np.floating]) -> tuple[Literal["", "dark", "middle", "bright"], float]:
    """The level that most values of a map in [0, 1] have, and their median."""
    median = float(np.median(scaled))
    if float((abs(scaled - median) <= _NEAR).mean()) < _MOST_NEAR:
        return "", median
    return "dark" if median < _DARK else "bright" if median > 1 - _DARK else "middle", median


def _are_lines(out: npt.NDArray[np.bool_]) -> bool:
    """Whether what stands out of a map (H, W) is nowhere three values wide, or hardly anywhere."""
    if min(out.shape) < FINE or not out.any():
        return False
    wide = binary_opening(out, np.ones((3, 3)))
    return float(wide.sum()) <= _THIN * float(out.sum())


def _where(out: npt.NDArray[np.bool_]) -> str:
    """The third of the height and of the width that most of what stands out of a map (H, W) lies in."""
    places = []
    for axis, names in ((1, ("top", "", "bottom")), (0, ("left", "", "right"))):
        along = out.sum(axis=axis).astype(np.float64)
        thirds = [float(part.sum()) for part in np.array_split(along, 3)]
        most = int(np.argmax(thirds))
        places.append(names[most] if thirds[most] >= _CONCENTRATED * sum(thirds) else "")
    told = " ".join(filter(None, places))
    return f"at the {told}" if told else "all over"


def _region(coordinates: npt.NDArray[np.int64], size: tuple[int, ...], solidity: float) -> Region:
    """What there is to say of a region of a map of that size, from its positions (n, 2).

    ``solidity`` is the share of its convex hull that it fills.
    """
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
        ends=_ends(coordinates, size) if solidity <= _BENT and len(coordinates) >= _LEAST_BENT else (),
    )


def _ends(coordinates: npt.NDArray[np.int64], size: tuple[int, ...]) -> tuple[str, ...]:
    """Where the two positions (n, 2) of a region lie that are farthest from each other; none where that is one place.

    Of a region of many positions, which is a pattern and no band, none too.
    """
    if len(coordinates) > _MOST_OF_A_BAND * max(size):
        return ()
    apart = np.square(coordinates[:, None] - coordinates[None]).sum(axis=2)
    two = np.unravel_index(int(apart.argmax()), apart.shape)
    places = [_place(coordinates[[end]], size, "").removeprefix("at ").removeprefix("in ") for end in two]
    return tuple(places) if places[0] != places[1] else ()


def _place(coordinates: npt.NDArray[np.int64], size: tuple[int, ...], direction: str) -> str:
    """Where positions (n, 2) of a map lie: in which third of the height and of the width, or along which margin."""
    down, across = (coordinates.mean(axis=0) + 0.5) / size
    row = "top" if down < 1 / 3 else "bottom" if down > 2 / 3 else ""
    column = "left" if across < 1 / 3 else "right" if across > 2 / 3 else ""
    margin = {"horizontal": row, "vertical": column}.get(direction, "")
    (top, left), (bottom, right) = coordinates.min(axis=0), np.subtract(size, 1) - coordinates.max(axis=0)
    touches = {"top": top, "left": left, "bottom": bottom, "right": right}.get(margin) == 0
    if touches and min(down, across, 1 - down, 1 - across) < _MARGIN:
        return f"along the {margin} margin"
    return f"at the {f'{row} {column}'.strip()}" if row or column else "in the middle"


def _two_levels(values: npt.NDArray[np.floating]) -> tuple[float, float] | None:
    """The means of two groups of values that hold nearly all of their variance between them; None where none do.

    Otsu, A threshold selection method from gray-level histograms, 1979: the threshold that leaves the least variance
    within the groups.
    """
    upper = values > threshold_otsu(values)
    of_upper = float(upper.mean())
    if not _LEAST_GROUP <= of_upper <= 1 - _LEAST_GROUP:
        return None
    means = float(values[~upper].mean()), float(values[upper].mean())
    between = of_upper * (1 - of_upper) * (means[1] - means[0]) ** 2
    return means if between >= _TWO_VALUED * float(values.var()) else None


def describe_shape(shape: Shape) -> str:
    """A map's shape as a person would tell it, without a full stop: ``a horizontal band in the middle``."""
    if not shape.regions:
        return "the same everywhere"
    if shape.ground == "middle":
        return f"an even middle level with {_out_of_the_middle(shape)}"
    if shape.area >= EVERYWHERE:
        return f"bright but for dark {'lines' if shape.lines else 'places'} {shape.where}"
    if shape.levels is not None:
        return f"bright or dark with little between: {describe_regions(shape)}"
    return describe_regions(shape)


def _out_of_the_middle(shape: Shape) -> str:
    """What stands out of a middle ground: brighter, darker or both; the regions where it is few and brighter."""
    sides = [name for name, part in (("bright", shape.rises), ("dark", shape.falls)) if part >= _SOME]
    if shape.lines:
        return f"thin {listed(sides) or 'faint'} lines {shape.where}"
    if shape.rises >= max(shape.falls, _SOME) and shape.regions <= FEW and shape.area < EVERYWHERE:
        return describe_regions(shape)
    return f"{listed([f'{side}er' for side in sides]) or 'hardly different'} places {shape.where}"


def describe_regions(shape: Shape) -> str:
    """The regions above half alone: what the largest are and where they lie, and that there are more."""
    more = shape.regions - len(shape.largest)
    if shape.regions > FEW:
        return f"{'dark with ' if shape.ground == 'dark' else ''}{_texture(shape)} {shape.where}"
    if len(shape.largest) > _NAMED:
        places = list(dict.fromkeys(one.place for one in shape.largest))[:_LARGEST]
        noun = "spots" if all(one.spot for one in shape.largest) else "blobs"
        direction = direction_of(shape.largest)
        return f"several {f'{direction} streaks' if direction else noun}, the largest {listed(places)}"
    spots = {0: [], 1: ["one spot"]}.get(more, ["a few spots"])
    return listed([*map(str, shape.largest), *spots])


def _texture(shape: Shape) -> str:
    """What many regions are: lines or patches, of a direction where most have one."""
    direction = direction_of(shape.largest)
    if shape.lines:
        return f"many thin bright {f'{direction} ' if direction else ''}lines"
    if any(one.all_over for one in shape.largest):
        return "large bright patches, many of them joined,"
    return f"many bright {direction} streaks" if direction else "many small bright patches"


def direction_of(regions: Sequence[Region]) -> str:
    """The direction that has more than half of the area of some regions; empty where none has."""
    area = sum(one.area for one in regions)
    of_each = {way: sum(one.area for one in regions if one.direction == way) for way in _DIRECTIONS}
    return next((way for way, held in of_each.items() if held > area / 2), "")


def number_of_regions(values: npt.NDArray[np.floating]) -> int:
    """How many connected regions a map (H, W) has above half; 0 of one that does not vary."""
    low, high = float(values.min()), float(values.max())
    return int(label(values > (low + high) / 2, connectivity=2).max()) if high > low else 0
