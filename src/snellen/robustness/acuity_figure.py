"""Draws the acuity chart: an eye chart whose lines are manipulations, from mild to strong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from snellen.figures import BLUE, GREY, new_figure, styled
from snellen.robustness.acuity import Line
from snellen.transforms import TRANSFORMS

_LARGEST, _SMALLEST = 19.0, 8.0


def draw_acuity(charts: Mapping[str, Sequence[Line]]) -> Figure:
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


def _draw_chart(axes: Axes, lines: Sequence[Line]) -> None:
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


def _caption(line: Line) -> str:
    unit = TRANSFORMS[line.manipulation].unit
    return f"{line.manipulation}\n{unit}" if unit else line.manipulation
