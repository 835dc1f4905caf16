"""Draws the stress test: the assignment's grid, and what each manipulation does to a photograph."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from snellen.figures import BLUE, GREY, VERMILION, new_figure, styled
from snellen.images import to_image, to_pixels
from snellen.robustness.stress import Answer, Stressed, assignment_trials, manipulate
from snellen.transforms import TRANSFORMS

_SHOWN = 400
"""The longest side of a drawn photograph, in pixels."""


def draw_stress(photographs: Sequence[tuple[Image.Image, Stressed]]) -> Figure:
    """A row for each photograph: as it is, then under the assignment's four, titled with class and probability.

    Blue titles name the class that the photograph shows, vermilion ones what an attack made of it, gray ones a
    third class.
    """
    trials = (("", 0.0), *assignment_trials())
    with styled():
        tallest = [min(1.5, image.height / image.width) for image, _ in photographs]
        heights = [1.3 * side + 0.42 for side in tallest]
        figure = new_figure(6.9, sum(heights) + 0.2)
        grid = figure.subplots(len(photographs), len(trials), squeeze=False, height_ratios=heights)
        for number, (row, (image, stressed)) in enumerate(zip(grid, photographs, strict=True)):
            pixels = _thumbnail(image)
            answers = (stressed.before, *(stressed.answer(*trial) for trial in assignment_trials()))
            for axes, trial, answer in zip(row, trials, answers, strict=True):
                axes.imshow(to_image(manipulate(pixels, trial)))
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


def _colour(stressed: Stressed, answer: Answer) -> str:
    if answer.top.index == stressed.label:
        return BLUE
    return VERMILION if stressed.attacked and answer.top.index == stressed.before.top.index else GREY


def draw_manipulations(image: Image.Image) -> Figure:
    """Each manipulation of one photograph, at the assignment's strength or in the middle of its ladder."""
    pixels = _thumbnail(image)
    with styled():
        figure = new_figure(6.5, 3 * (1.6 * min(1.4, image.height / image.width) + 0.3))
        for axes, transform in zip(figure.subplots(3, 4).flat, TRANSFORMS.values(), strict=True):
            strength = dict(assignment_trials()).get(transform.name, transform.ladder[len(transform.ladder) * 5 // 8])
            axes.imshow(to_image(manipulate(pixels, (transform.name, strength))))
            axes.set_title(transform.describe(strength).replace("%", " %"), fontsize=7)
            axes.set_axis_off()
    return figure


def _thumbnail(image: Image.Image) -> torch.Tensor:
    shown = image.copy()
    shown.thumbnail((_SHOWN, _SHOWN))
    return to_pixels(shown)
