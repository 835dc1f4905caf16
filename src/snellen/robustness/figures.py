"""Draws the acuity chart: an eye chart whose lines are manipulations, from mild to strong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from snellen.data.images import to_image, to_pixels
from snellen.data.transforms import TRANSFORMS
from snellen.figures import BLUE, GREY, VERMILION, new_figure, styled
from snellen.robustness.acuity import AcuityLine
from snellen.robustness.stress import Answer, StressResult, apply_transform, assignment_transforms

_LARGEST, _SMALLEST = 19.0, 8.0


def draw_acuity(charts: Mapping[str, Sequence[AcuityLine]]) -> Figure:
    """Charts side by side, such as of a clean and of an attacked photograph.

    A line for each manipulation, and on it a letter for each strength that shrinks as the strength grows: blue
    where the answer is kept, hollow gray where it is not. Of a set, the letter's colour and the number below it
    give the share.

    Args:
        charts: lines by the chart's title; at least one.
    """
    first = next(iter(charts.values()))
    with styled():
        figure = new_figure(0.9 + 3.0 * len(charts), 0.48 * len(first) + 0.5)
        row = figure.subplots(1, len(charts), sharey=True, squeeze=False)[0]
        for axes, (title, lines) in zip(row, charts.items(), strict=True):
            _draw_chart(axes, lines)
            axes.set_title(title, loc="left", fontsize=9)
        row[0].set_yticks(range(len(first)), [_caption(line) for line in first], fontsize=7.5)
    return figure


def _draw_chart(axes: Axes, lines: Sequence[AcuityLine]) -> None:
    most = max(len(line.strengths) for line in lines)
    for number, line in enumerate(lines):
        several = any(rate.n > 1 for rate in line.kept)
        for place, (strength, rate) in enumerate(zip(line.strengths, line.kept, strict=True)):
            size = _LARGEST - (_LARGEST - _SMALLEST) * place / max(most - 1, 1)
            axes.text(
                place,
                number - 0.12,
                "E",
                ha="center",
                va="center",
                fontsize=size,
                fontweight="bold",
                color=_blend(rate.share),
            )
            below = f"{strength:g}\n{rate.share:.0%}".replace("%", " %") if several else f"{strength:g}"
            axes.text(place, number + 0.22, below, ha="center", va="top", fontsize=5, color=GREY, linespacing=1.0)
    axes.set_xlim(-0.6, most - 0.4)
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.set_xticks([0, most - 1], ["mild", "strong"], fontsize=7.5)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _blend(share: float) -> tuple[float, float, float]:
    """From a pale gray, nothing kept, to blue, all kept."""
    pale = (0.87, 0.87, 0.87)
    red, green, blue = (low + (high - low) * share for low, high in zip(pale, to_rgb(BLUE), strict=True))
    return red, green, blue


def _caption(line: AcuityLine) -> str:
    unit = TRANSFORMS[line.manipulation].unit
    return f"{line.manipulation}\n{unit}" if unit else line.manipulation


_SHOWN = 400
"""The longest side of a drawn photograph, in pixels."""


def draw_stress(photographs: Sequence[tuple[Image.Image, StressResult]]) -> Figure:
    """A row for each photograph: as it is, then under the assignment's four, titled with class and probability.

    Blue titles name the class that the photograph shows, vermilion ones what an attack made of it, gray ones a
    third class.
    """
    trials = (("", 0.0), *assignment_transforms())
    with styled():
        tallest = [min(1.5, image.height / image.width) for image, _ in photographs]
        heights = [1.3 * side + 0.42 for side in tallest]
        figure = new_figure(6.9, sum(heights) + 0.2)
        grid = figure.subplots(len(photographs), len(trials), squeeze=False, height_ratios=heights)
        for number, (row, (image, stressed)) in enumerate(zip(grid, photographs, strict=True)):
            pixels = _thumbnail(image)
            answers = (stressed.before, *(stressed.answer(*trial) for trial in assignment_transforms()))
            for axes, trial, answer in zip(row, trials, answers, strict=True):
                axes.imshow(to_image(apply_transform(pixels, trial)))
                axes.set_axis_off()
                if number == 0:
                    _head(axes, TRANSFORMS[trial[0]].describe(trial[1]) if trial[0] else "as it is")
                name = answer.top.label if len(answer.top.label) < 20 else answer.top.label[:18] + "…"
                axes.set_title(
                    f"{name}\n{answer.top.probability:.1%}".replace("%", " %"),
                    fontsize=7,
                    color=_colour(stressed, answer),
                )
    return figure


def _head(axes: Axes, text: str) -> None:
    """A column's heading, above the title of its first row."""
    axes.annotate(
        text.removesuffix(" of the area").replace("%", " %"),
        (0.5, 1.0),
        (0, 26),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="center",
        fontsize=8,
        fontweight="bold",
    )


def _colour(stressed: StressResult, answer: Answer) -> str:
    if answer.top.index == stressed.label:
        return BLUE
    return VERMILION if stressed.attacked and answer.top.index == stressed.before.top.index else GREY


def draw_transforms(image: Image.Image) -> Figure:
    """Each manipulation of one photograph, at the assignment's strength or in the middle of its ladder."""
    pixels = _thumbnail(image)
    with styled():
        figure = new_figure(6.5, 3 * (1.6 * min(1.4, image.height / image.width) + 0.3))
        for axes, transform in zip(figure.subplots(3, 4).flat, TRANSFORMS.values(), strict=True):
            strength = dict(assignment_transforms()).get(
                transform.name, transform.ladder[len(transform.ladder) * 5 // 8]
            )
            axes.imshow(to_image(apply_transform(pixels, (transform.name, strength))))
            axes.set_title(transform.describe(strength).replace("%", " %"), fontsize=7)
            axes.set_axis_off()
    return figure


def _thumbnail(image: Image.Image) -> torch.Tensor:
    shown = image.copy()
    shown.thumbnail((_SHOWN, _SHOWN))
    return to_pixels(shown)
