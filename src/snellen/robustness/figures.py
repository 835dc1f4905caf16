"""Draws photographs under transforms, and the acuity chart: an eye chart with a line for each transform."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from snellen.data.images import to_image, to_pixels
from snellen.data.transforms import ASSIGNMENT, TRANSFORMS, Transform, apply_transform, describe_transform
from snellen.errors import InputError
from snellen.figures import BLUE, GREY, VERMILION, eye_chart, new_figure, styled, thumbnail
from snellen.intervals import Rate
from snellen.models.predictions import Prediction
from snellen.prose import in_percent
from snellen.robustness.acuity import AcuityChart, AcuityLine, shared_transforms
from snellen.robustness.stress import Outcome, StressResult

_WIDTH = 6.3
"""In inches, as wide as the text of a report."""


def draw_acuity(chart: AcuityChart) -> Figure:
    """A panel of clean, one of misclassified and one of attacked photographs, where there are any.

    A line for each transform, and on it a letter for each strength; see :func:`snellen.figures.eye_chart`.
    """
    return eye_chart(_lines(chart, _caption))


def draw_cover(chart: AcuityChart) -> Figure:
    """The chart's letters alone, which can be read at a third of a page; a line's caption has its two end strengths."""
    return eye_chart(_lines(chart, _caption_with_ends), below=lambda *_: "")


def _lines(chart: AcuityChart, caption: Callable[[AcuityLine], str]) -> dict[str, dict[str, list[tuple[str, Rate]]]]:
    """By panel and by the line's caption, the strengths of a line with their shares."""
    return {title: {caption(line): _letters(line) for line in lines} for title, lines in _panels(chart)}


def _caption(line: AcuityLine) -> str:
    return TRANSFORMS[line.transform].caption


def _caption_with_ends(line: AcuityLine) -> str:
    """A line's caption with its mildest and its strongest strength: ``rotation by 2…90°``."""
    ends = dict.fromkeys(strength for strength, _ in (_letters(line)[0], _letters(line)[-1]))
    return _caption(line).removesuffix(" of the area").replace("…", "…".join(ends))


def _letters(line: AcuityLine) -> list[tuple[str, Rate]]:
    mark = TRANSFORMS[line.transform].mark
    return [(mark(strength), rate) for strength, rate in zip(line.strengths, line.kept, strict=True)]


def _panels(chart: AcuityChart) -> list[tuple[str, tuple[AcuityLine, ...]]]:
    """The lines of each panel under its title."""
    asked = {
        "clean": (chart.clean, "is the class kept?"),
        "misclassified": (chart.misclassified, "is the answer kept?"),
        "attacked": (chart.attacked, "is the attack's class kept?"),
    }
    drawn = {group: panel for group, panel in asked.items() if panel[0]}
    if not drawn:
        raise InputError("acuity chart: no photograph", "a clean one, or an attack that fooled")
    panels = []
    for group, (lines, question) in drawn.items():
        count = f" ({lines[0].kept[0].n})" if lines[0].kept[0].n > 1 else ""
        # Alone, a panel needs no name, but that its answers were wrong before must be said.
        named = len(drawn) > 1 or lines is chart.misclassified
        panels.append((f"{group}{count}: {question}" if named else f"{question}{count}", lines))
    return panels


def draw_stress(results: Sequence[StressResult]) -> Figure:
    """A row for each photograph: as it is, then under the assignment's four, titled with class and probability.

    Blue titles name the class that the photograph shows, vermilion ones what an attack made of it, gray ones a
    third class. Photographs that were put to other transforms are drawn under the first four that all share.
    """
    shared = shared_transforms(results)
    transforms = [one for one in ASSIGNMENT.items() if one in shared] or shared[:4]
    with styled():
        tallest = [min(1.5, one.thumbnail.height / one.thumbnail.width) for one in results]
        seen = [[one.before, *(one.outcome(*transform) for transform in transforms)] for one in results]
        tops = [[outcome.top for outcome in outcomes] for outcomes in seen]
        heights = [_WIDTH / 5.3 * side + _inches_of_titles(row) for side, row in zip(tallest, tops, strict=True)]
        figure = new_figure(_WIDTH, sum(heights) + 0.3)
        grid = figure.subplots(len(results), 1 + len(transforms), squeeze=False, height_ratios=heights)
        first = max(1 + _title(top).count("\n") for top in tops[0])
        for number, (row, one, outcomes) in enumerate(zip(grid, results, seen, strict=True)):
            pixels = to_pixels(one.thumbnail)
            for axes, outcome in zip(row, outcomes, strict=True):
                if number == 0:
                    _head(axes, outcome.title, first)
                image = to_image(apply_transform(pixels, (outcome.transform, outcome.strength)))
                _draw_seen(axes, image, outcome.top, _colour(one, outcome))
    return figure


@dataclass(frozen=True)
class Cropped:
    """A photograph, what a crop leaves of its attacked file, and what is seen in that.

    Attributes:
        whole: the photograph.
        box: left, top, right and bottom of the crop, in its pixels.
        image: the attacked file's crop.
        top: most probable class of the crop.
        colour: colour of the crop's title.
        drawn: rectangle around the object, in the photograph's pixels; None where nobody drew one.
    """

    whole: Image.Image
    box: tuple[int, int, int, int]
    image: Image.Image
    top: Prediction
    colour: str
    drawn: tuple[int, int, int, int] | None = None


def draw_crops(crops: Sequence[Cropped]) -> Figure:
    """A column for each: the photograph with the crop's rectangle and, dashed, what was drawn around its object; below
    it the crop, with what is seen.
    """
    with styled():
        columns = max(4, len(crops))
        tallest = max(min(1.5, one.whole.height / one.whole.width) for one in crops)
        figure = new_figure(_WIDTH, 2 * (_WIDTH / columns) * tallest + _inches_of_titles([one.top for one in crops]))
        grid = figure.subplots(2, columns, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
            axes.set_anchor("N")
        for (above, below), one in zip(grid.T, crops, strict=False):
            small = thumbnail(one.whole)
            above.imshow(small)
            scale = small.width / one.whole.width
            for box, style in ((one.drawn, "--"), (one.box, "-")):
                if box is not None:
                    _outline(above, [scale * edge for edge in box], style)
            _draw_seen(below, thumbnail(one.image), one.top, one.colour)
    return figure


def _outline(axes: Axes, box: Sequence[float], style: str) -> None:
    left, top, right, bottom = box
    # White around the line, so that it is seen on any photograph.
    for colour, width, line in (("white", 2.4, "-"), (BLUE, 1.2, style)):
        axes.add_patch(
            Rectangle(
                (left, top), right - left, bottom - top, fill=False, edgecolor=colour, linewidth=width, linestyle=line
            )
        )


def _draw_seen(axes: Axes, image: Image.Image, top: Prediction, colour: str) -> None:
    axes.imshow(image)
    axes.set_axis_off()
    # At one height in a row, whatever the proportions are.
    axes.set_anchor("N")
    axes.set_title(_title(top), fontsize=7.5, color=colour, y=1)


def _title(top: Prediction) -> str:
    return f"{textwrap.fill(top.label, _LETTERS)}\n{in_percent(top.probability)}"


_LETTERS = 17
"""Of a class's name on one line."""


def _inches_of_titles(tops: Sequence[Prediction]) -> float:
    return 0.13 * max(1 + _title(top).count("\n") for top in tops) + 0.09


def _head(axes: Axes, text: str, lines: int) -> None:
    """A column's heading, above the title of its first row, of so many lines."""
    axes.annotate(
        text.removesuffix(" of the area"),
        (0.5, 1.0),
        (0, 8 + 9 * lines),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="center",
        fontsize=8,
        fontweight="bold",
    )


def _colour(one: StressResult, outcome: Outcome) -> str:
    if outcome.top.index == one.label:
        return BLUE
    return VERMILION if one.attacked and outcome.top.index == one.before.top.index else GREY


def draw_transforms(image: Image.Image) -> Figure:
    """One small photograph as it is, then under each transform, at the assignment's strength or one of its ladder."""
    pixels = to_pixels(image)
    shown = [("", 0.0), *((name, ASSIGNMENT.get(name, _middle(transform))) for name, transform in TRANSFORMS.items())]
    columns = 5
    rows = math.ceil(len(shown) / columns)
    with styled():
        figure = new_figure(6.5, rows * (1.25 * min(1.4, image.height / image.width) + 0.3))
        for place, transform in enumerate(shown):
            axes = figure.add_subplot(rows, columns, place + 1)
            axes.imshow(to_image(apply_transform(pixels, transform)))
            axes.set_title(describe_transform(transform), fontsize=6.5, y=1)
            axes.set_axis_off()
    return figure


def _middle(transform: Transform) -> float:
    return transform.ladder[len(transform.ladder) * 5 // 8]
