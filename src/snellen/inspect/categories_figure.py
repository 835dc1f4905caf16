"""Draws photographs beside the probabilities of their top categories."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from PIL import Image

from snellen.figures import BLUE, GREY, new_figure, styled
from snellen.inspect.categories import Classification

_THUMBNAIL = (640, 640)


def draw_categories(photographs: Sequence[tuple[Image.Image, Classification]]) -> Figure:
    """One row for each photograph: the picture, and a bar for each of its top categories.

    Args:
        photographs: RGB images with what was seen in them; at least one.
    """
    with styled():
        bars_of_one = max(len(classification.predictions) for _, classification in photographs)
        figure = new_figure(6.3, max(1.15, 0.23 * bars_of_one) * len(photographs))
        axes = figure.subplots(len(photographs), 2, squeeze=False, width_ratios=(1, 1.6))
        for (picture, bars), (image, classification) in zip(axes, photographs, strict=True):
            shown = image.copy()
            shown.thumbnail(_THUMBNAIL)
            picture.imshow(shown)
            picture.set_axis_off()
            rows = range(len(classification.predictions))
            colours = [BLUE if row == 0 else GREY for row in rows]
            drawn = bars.barh(rows, [p.probability for p in classification.predictions], color=colours, height=0.62)
            bars.bar_label(drawn, [_percent(p.probability) for p in classification.predictions], padding=3, fontsize=8)
            bars.set_yticks(rows, [p.label for p in classification.predictions])
            bars.set_xlim(0, 1.15)
            bars.set_xticks([0, 0.5, 1], ["0", "50 %", "100 %"])
            bars.set_ylim(max(2.5, len(rows) - 0.5), -0.6)
            bars.tick_params(left=False)
            bars.spines["left"].set_visible(False)
    return figure


def _percent(probability: float) -> str:
    return f"{probability:.1%}".replace("%", " %")
