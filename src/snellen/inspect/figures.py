"""Draws what was seen in a photograph: categories, feature maps, heat maps, and the patches that activate a channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch.nn import functional

from snellen.data.images import ImageLike, open_photo
from snellen.data.preprocessing import Preprocessing
from snellen.figures import BLUE, GREY, new_figure, percent, styled, thumbnail
from snellen.inspect.categories import Classification
from snellen.inspect.feature_maps import FeatureMap, FeatureMaps, LayerSummary, stage_of
from snellen.inspect.heatmap import Heatmap
from snellen.inspect.top_patches import TopPatches
from snellen.prose import in_percent, sentence, signed

Array = npt.NDArray[np.float32]

# Its lightness rises evenly, so it reads the same in grey print and for every kind of colour vision.
_COLOURS = "viridis"
# In a PNG file nearest; in an SVG file the map's own few values, not a picture of them.
_AS_IT_IS = "none"
_HEADING = 74
"""Characters that a line of a heading holds."""
_WIDTH = 7.4
_LAYER_WIDTH, _ABREAST = 6.3, 3
_STEP, _ABOVE = 1.06, 30
"""From a picture of a row to the next, in its widths, and points above it for what is written there."""
_SIDE_IN_A_ROW = 320
"""The longest side, in pixels, of a photograph of which several stand in a row: a little more than is drawn."""


def draw_classifications(results: Sequence[Classification]) -> Figure:
    """One row for each of at least one photograph: the picture, and a bar for each of its top categories."""
    with styled():
        most = max(len(result.predictions) for result in results)
        figure = new_figure(6.3, max(1.15, 0.23 * most) * len(results))
        axes = figure.subplots(len(results), 2, squeeze=False, width_ratios=(1, 1.6))
        for (picture, bars), result in zip(axes, results, strict=True):
            picture.imshow(_small(result.photograph))
            picture.set_axis_off()
            rows = range(len(result.predictions))
            colours = [BLUE if row == 0 else GREY for row in rows]
            drawn = bars.barh(rows, [p.probability for p in result.predictions], color=colours, height=0.62)
            bars.bar_label(drawn, [in_percent(p.probability) for p in result.predictions], padding=3, fontsize=8)
            bars.set_yticks(rows, [p.label for p in result.predictions])
            bars.set_xlim(0, 1.15)
            bars.set_xticks([0, 0.5, 1], ["0", "50%", "100%"])
            bars.set_ylim(max(2.5, len(rows) - 0.5), -0.6)
            bars.tick_params(left=False)
            bars.spines["left"].set_visible(False)
    return figure


def draw_feature_maps(result: FeatureMaps) -> Figure:
    """One row for each layer: its maps, each scaled to [0, 1], with the range below."""
    first = result.layers[0]
    return _draw_rows(result, first.height / first.width, scaled)


def draw_layer(result: FeatureMaps, name: str) -> Figure:
    """The network's input, and beside it the maps of one layer at the same place, three in a row."""
    layer = next(layer for layer in result.layers if layer.name == name)
    members = [number for number, one in enumerate(result.maps) if one.layer == name]
    rows = -(-(len(members) + 1) // _ABREAST)
    seen = result.preprocessing.preprocess_image(open_photo(result.photograph, "figure").image)
    side = _LAYER_WIDTH / _ABREAST
    with styled():
        figure = new_figure(_LAYER_WIDTH, (side * seen.shape[0] / seen.shape[1] + 0.22) * rows + 0.3)
        figure.suptitle(_heading(layer, result.input_size), fontsize=9, x=0.008, ha="left", weight="bold")
        panels: list[Axes] = [*figure.subplots(rows, _ABREAST, squeeze=False).flat]
        for axes in panels:
            axes.set_axis_off()
        panels[0].imshow(seen)
        panels[0].set_title("what the network is given", fontsize=8)
        for axes, number in zip(panels[1:], members, strict=False):
            one = result.maps[number]
            axes.imshow(scaled(result.values[number]), cmap=_COLOURS, vmin=0, vmax=1, interpolation=_AS_IT_IS)
            axes.set_title(f"channel {one.channel}: {one.low:.2f} to {one.high:.2f}", fontsize=8, y=1)
    return figure


def draw_overlays(result: FeatureMaps) -> Figure:
    """The same maps over the photograph, each where it belongs; what the crop leaves out is dim."""
    image = _small(result.photograph, _SIDE_IN_A_ROW)

    def over(values: Array) -> Array:
        return blend(image, on_photograph(scaled(values), result.preprocessing, *image.shape[:2]))

    return _draw_rows(result, image.shape[0] / image.shape[1], over)


def draw_heatmap(result: Heatmap) -> Figure:
    """The photograph, and beside it the part of it that supports the class."""
    image = _small(result.photograph)
    height, width = image.shape[:2]
    with styled():
        figure = new_figure(_WIDTH, 0.3 + 0.49 * _WIDTH * height / width)
        left, right = figure.subplots(1, 2)
        left.imshow(image)
        right.imshow(blend(image, on_photograph(result.values, result.preprocessing, height, width)))
        for axes in (left, right):
            axes.set_axis_off()
        left.set_title(f"{result.label}: {in_percent(result.probability)}")
        right.set_title(f"supports {result.label} ({result.layer})")
    return figure


def draw_top_patches(channels: Sequence[TopPatches]) -> Figure:
    """One row for each channel: its top-activating patches, each with the value that it reaches."""
    columns = max([1, *(len(channel.patches) for channel in channels)])
    with styled():
        figure = new_figure(_WIDTH, 1.02 * len(channels))
        grid = figure.subplots(len(channels), columns + 1, squeeze=False, width_ratios=(1.5, *[1] * columns))
        for row, channel in zip(grid, channels, strict=True):
            for axes in row:
                axes.set_axis_off()
            row[0].text(0, 0.5, f"{channel.layer}\nchannel {channel.channel}", va="center", fontsize=8)
            if not channel.patches:
                row[1].text(0, 0.5, "never above zero", va="center", fontsize=8)
            for axes, patch in zip(row[1:], channel.patches, strict=False):
                axes.imshow(patch.pixels, interpolation="nearest")
                axes.set_title(f"{patch.value:.2f}", fontsize=7, pad=2, y=1)
    return figure


def draw_patches(channels: Sequence[TopPatches]) -> Figure:
    """The top-activating patches of many channels: a band for each layer, in it a block of patches for each channel."""
    layers = list(dict.fromkeys(channel.layer for channel in channels))
    bands = [
        (layer if start == 0 else "", members[start : start + _BLOCKS])
        for layer in layers
        for members in [[channel for channel in channels if channel.layer == layer]]
        for start in range(0, len(members), _BLOCKS)
    ]
    most = max([1, *(len(channel.patches) for channel in channels)])
    columns = min(_PATCHES_ABREAST, most)
    rows = -(-most // columns)
    with styled():
        figure = new_figure(_PATCH * (columns + 0.2) * _BLOCKS, (_PATCH * rows + 0.5) * len(bands))
        figure.set_layout_engine("constrained", w_pad=0.01, h_pad=0.01, wspace=0.02, hspace=0.02)
        panels = figure.subfigures(len(bands), _BLOCKS, squeeze=False, wspace=0.06)
        for panels_of_band, (title, members) in zip(panels, bands, strict=True):
            for number, (panel, channel) in enumerate(zip(panels_of_band, members, strict=False)):
                heading = f"{title}\n" if number == 0 else "\n"
                panel.suptitle(f"{heading}channel {channel.channel}", fontsize=8, x=0.05, ha="left")
                grid = panel.subplots(rows, columns, squeeze=False)
                for axes in grid.flat:
                    axes.set_axis_off()
                if not channel.patches:
                    grid.flat[0].text(0, 0.5, "never above zero", va="center", fontsize=7)
                for axes, patch in zip(grid.flat, channel.patches, strict=False):
                    axes.imshow(patch.pixels, interpolation="nearest")
                    # A thin frame, in which a white patch can be seen.
                    axes.set_axis_on()
                    axes.set(xticks=[], yticks=[])
                    axes.spines[:].set(visible=True, color=GREY, linewidth=0.3)
    return figure


_BLOCKS, _PATCHES_ABREAST, _PATCH = 5, 2, 0.6
"""Channels in a band, patches beside each other in a channel's block, and a patch's side in inches: 15 mm."""


def scaled(values: Array) -> Array:
    """A map scaled to [0, 1] by its own least and greatest value; 0 everywhere where the two are equal."""
    low, high = float(values.min()), float(values.max())
    return ((values - low) / (high - low) if high > low else np.zeros_like(values)).astype(np.float32)


def on_photograph(values: Array, preprocessing: Preprocessing, height: int, width: int) -> Array:
    """A map (H, W) upsampled to where it belongs in a photograph of ``height`` x ``width``; NaN outside the crop."""
    left, top, right, bottom = preprocessing.geometry(height, width).box
    rows = slice(max(round(top), 0), min(round(bottom), height))
    columns = slice(max(round(left), 0), min(round(right), width))
    size = (rows.stop - rows.start, columns.stop - columns.start)
    stretched = functional.interpolate(torch.from_numpy(values)[None, None], size, mode="bilinear", align_corners=False)
    laid = np.full((height, width), np.nan, dtype=np.float32)
    laid[rows, columns] = stretched[0, 0].numpy()
    return laid


def blend(image: Array, heat: Array) -> Array:
    """``image`` (H, W, 3) in gray under the colours of ``heat`` (H, W) in [0, 1]; where that is NaN, pale gray."""
    grey = np.repeat((image @ np.array([0.299, 0.587, 0.114], np.float32))[..., None], 3, axis=2)
    inside = np.isfinite(heat)
    value = np.where(inside, heat, 0)
    colours = matplotlib.colormaps[_COLOURS](value)[..., :3]
    opacity = (0.25 + 0.55 * value)[..., None]
    blended: Array = np.where(inside[..., None], (1 - opacity) * grey + opacity * colours, 0.7 + 0.3 * grey)
    return blended.astype(np.float32)


def _small(photograph: ImageLike, side: int = 480) -> Array:
    """A thumbnail (h, w, 3) in [0, 1]."""
    return np.asarray(thumbnail(open_photo(photograph, "figure").image, side), dtype=np.float32) / np.float32(255)


def _draw_rows(result: FeatureMaps, proportion: float, picture: Callable[[Array], Array]) -> Figure:
    """A row for each layer: its maps, each as the ``picture`` of it, of ``proportion`` height over width.

    A row is one pair of axes, in which a picture is as wide as 1: to make, lay out and draw fifteen takes five times
    as long.
    """
    rows = [[number for number, m in enumerate(result.maps) if m.layer == layer.name] for layer in result.layers]
    columns = max(map(len, rows))
    with styled():
        width = max(_WIDTH, 1.48 * columns)
        figure = new_figure(width, (width / columns * proportion + 0.98) * len(rows))
        bands = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
        for axes, layer, members in zip(bands, result.layers, rows, strict=True):
            axes.set_axis_off()
            heading = _heading(layer, result.input_size)
            axes.set_title(heading, fontsize=9, loc="left", weight="bold", y=1, pad=_ABOVE)
            for place, number in enumerate(members):
                left = place * _STEP
                drawn = picture(result.values[number])
                axes.imshow(
                    drawn,
                    cmap=_COLOURS,
                    vmin=0,
                    vmax=1,
                    interpolation=_AS_IT_IS if drawn.ndim == 2 else "auto",
                    extent=(left, left + 1, proportion, 0),
                )
                _label(axes, left + 0.5, result.maps[number], in_layout=place == 0)
            axes.set_xlim(0, (columns - 1) * _STEP + 1)
            axes.set_ylim(proportion, 0)
    return figure


def _heading(layer: LayerSummary, input_size: tuple[int, int]) -> str:
    sees = "the whole input" if layer.receptive_field == input_size else _size(*layer.receptive_field) + " pixels"
    size, stage = _size(layer.height, layer.width), stage_of(layer.depth)
    name = f"{sentence(stage)}: {layer.name}" if stage else layer.name
    measured = f"depth {percent(layer.depth, 0)}, {size} values, receptive field {sees}"
    # A long name, which would run out of the figure, has a line of its own.
    return f"{name}, {measured}" if len(name) + len(measured) < _HEADING else f"{name}\n{measured}"


def _size(height: int, width: int) -> str:
    return f"{height} x {width}"


def _label(axes: Axes, middle: float, feature: FeatureMap, in_layout: bool) -> None:
    """What is written above and below a picture whose ``middle`` is there; one of a row need be laid out."""
    change = signed(feature.importance, 3)
    above = f"channel {feature.channel}\ninterest {feature.interest:.2f}"
    below = f"{feature.low:.2f} to {feature.high:.2f}\nablated: {change}"
    where: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "ha": "center"}
    axes.annotate(above, (middle, 1), (0, 4), va="bottom", fontsize=8, in_layout=in_layout, **where)
    axes.annotate(below, (middle, 0), (0, -4), va="top", fontsize=7.5, color=GREY, in_layout=in_layout, **where)
