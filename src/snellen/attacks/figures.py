"""Draws attacks: the assignment's rows of three, and the security curve."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from PIL import Image

from snellen.attacks.config import AttackConfig
from snellen.attacks.gradient_ascent import accepted_steps
from snellen.attacks.result import AttackResult
from snellen.attacks.robust_accuracy import RobustnessResult
from snellen.attacks.success_rates import AttackSummary
from snellen.attacks.verify import Bytes
from snellen.attacks.visibility import Visibility
from snellen.data.images import open_photo
from snellen.figures import BLUE, GREY, VERMILION, new_figure, shortened, styled, thumbnail
from snellen.models.predictions import Prediction
from snellen.prose import in_percent, stem

_SIDE = 480
"""The longest side of a drawn photograph, in pixels."""
_LETTERS = 16
"""Of a name above a drawn detail."""
_LETTERS_OF_A_TITLE = 26
"""Of a line above a drawn photograph."""
_WIDTH, _WIDTH_OF_DETAIL = 5.04, 1.18
"""In inches, as wide as the report shows them, so that their letters are as large as they are drawn."""


def draw_attacks(attacks: Sequence[AttackResult]) -> Figure:
    """A row for each attack: the original, the noise, and their sum, titled with class and probability.

    The noise is stretched so that its bound is black and white; a large one shows every k-th pixel of it, as it is.
    """
    # Each row's photographs are read, reduced and let go: full-size ones may not fit into memory together.
    rows = [_images(attack) for attack in attacks]
    with styled():
        titles = [(_title(attack.original), _noise_title(attack.norm), _title_of_file(attack)) for attack in attacks]
        lines = [max(1 + title.count("\n") for title in row) for row in titles]
        heights = [
            _WIDTH / 3 * min(1.4, original.height / original.width) + 0.12 + 0.15 * count
            for (original, _, _), count in zip(rows, lines, strict=True)
        ]
        figure = new_figure(_WIDTH, sum(heights))
        grid = figure.subplots(len(attacks), 3, squeeze=False, height_ratios=heights)
        for row, images, attack, of_row in zip(grid, rows, attacks, titles, strict=True):
            for axes, image, title in zip(row, images, of_row, strict=True):
                axes.imshow(image)
                axes.set_title(title, fontsize=8, y=1)
                axes.set_axis_off()
            if not attack.attacked.success:
                row[2].title.set_color(VERMILION)
    return figure


def _title_of_file(attack: AttackResult) -> str:
    return _title(attack.attacked.top) + ("" if attack.attacked.success else "\n(not fooled as asked)")


def _noise_title(norm: int) -> str:
    return f"noise of ±{norm}/255, {127.5 / norm:.0f} times" if norm else "no noise"


def draw_details(attacks: Sequence[AttackResult], measured: Sequence[Visibility]) -> Figure:
    """A column for each attack: a small square of original, attacked file and noise, pixel by pixel.

    Framed is the flattest cell of the noise's area, where noise is seen most easily; see
    :func:`snellen.attacks.visibility.flattest_cell`.

    Args:
        attacks: the attacks.
        measured: what :func:`snellen.attacks.visibility.visibility` says of each.
    """
    details = [_details(*one) for one in zip(attacks, measured, strict=True)]
    with styled():
        figure = new_figure(_WIDTH_OF_DETAIL * len(attacks), 3 * (_WIDTH_OF_DETAIL - 0.3 / len(attacks)) + 0.5)
        grid = figure.subplots(3, len(attacks), squeeze=False)
        for axes in grid.flat:
            axes.set_xticks([])
            axes.set_yticks([])
            axes.set_frame_on(False)
        for axes, row in zip(grid[:, 0], ("original", "attacked", "noise"), strict=True):
            axes.set_ylabel(row, fontsize=8)
        for number, (images, attack, seen) in enumerate(zip(details, attacks, measured, strict=True)):
            for axes, image in zip(grid[:, number], images, strict=True):
                axes.imshow(image, interpolation="nearest")
                for frame in _frames(seen):
                    axes.add_patch(frame)
            grid[0, number].set_title(shortened(stem(attack.name), _LETTERS), fontsize=8, y=1)
            grid[2, number].set_title(f"±{attack.norm}/255", fontsize=8, y=1)
    return figure


def _frames(seen: Visibility) -> list[Rectangle]:
    """The flattest cell, in what is shown around it: a dark line with a light one in it, seen on any ground."""
    (rows, columns), (top, left) = seen.flattest.window, seen.flattest.around
    place = columns.start - left.start - 0.5, rows.start - top.start - 0.5
    width, height = columns.stop - columns.start, rows.stop - rows.start
    lines = (("black", 2.4), ("white", 1.0))
    return [
        Rectangle(place, width, height, fill=False, edgecolor=color, linewidth=thick, clip_on=False)
        for color, thick in lines
    ]


def _details(attack: AttackResult, seen: Visibility) -> tuple[Bytes, Bytes, Bytes]:
    """What lies around the flattest cell: of the original, of the attacked photograph and of the stretched noise."""
    before, after = (np.asarray(image) for image in (open_photo(attack.source, "figure").image, attack.image))
    square = seen.flattest.around
    return before[square], after[square], _stretched(before[square], after[square], attack.norm)


def _images(attack: AttackResult) -> tuple[Image.Image, Bytes, Image.Image]:
    """The original, the stretched noise and the attacked photograph, reduced to what is drawn."""
    original, attacked = open_photo(attack.source, "figure").image, attack.image
    return thumbnail(original, _SIDE), stretched_noise(original, attacked, attack.norm), thumbnail(attacked, _SIDE)


def stretched_noise(original: Image.Image, attacked: Image.Image, norm: int) -> Bytes:
    """The difference of two images with ``norm``/255 stretched to black and white and no change mid-gray."""
    step = -(-max(original.size) // _SIDE)
    before, after = (np.asarray(image)[::step, ::step] for image in (original, attacked))
    return _stretched(before, after, norm)


def _stretched(before: Bytes, after: Bytes, norm: int) -> Bytes:
    difference = after.astype(int) - before
    stretched: Bytes = np.round(127.5 + 127.5 * difference / max(norm, 1)).clip(0, 255).astype(np.uint8)
    return stretched


def draw_security_curve(summary: AttackSummary) -> Figure:
    """The security curve: the rate of success against the bound, with its 95% intervals."""
    steps = [bound for bound, _ in summary.curve]
    rates = [rate for _, rate in summary.curve]
    with styled():
        figure = new_figure(5.0, 3.0)
        axes = figure.subplots()
        axes.fill_between(
            steps, [rate.low for rate in rates], [rate.high for rate in rates], step="post", color=BLUE, alpha=0.2
        )
        axes.step(steps, [rate.share for rate in rates], where="post", color=BLUE)
        axes.axhline(summary.correct.control_success.share, color=GREY, linestyle=":")
        axes.annotate(
            "uniform noise of the same bounds",
            (1, summary.correct.control_success.share),
            (-2, 4),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
            fontsize=8,
            color=GREY,
        )
        axes.set_xlabel("bound of the infinity norm, in steps of 1/255")
        axes.set_ylabel("fooled as asked")
        axes.set_ylim(-0.02, 1.05)
        axes.set_xlim(0, max(steps) + 1)
        axes.set_yticks([0, 0.5, 1], ["0", "50%", "100%"])
        axes.set_title(f"{summary.correct.n} photographs, 95% Wilson intervals", loc="left")
    return figure


def _title(prediction: Prediction) -> str:
    return textwrap.fill(f"{prediction.label}, {in_percent(prediction.probability)}", _LETTERS_OF_A_TITLE)


def draw_robust_accuracy(result: RobustnessResult) -> Figure:
    """Robust accuracy against the bound, with its intervals; zero stands for no attack."""
    rates = [result.clean, *(point.accuracy for point in result.points)]
    names = ["0", *(point.epsilon for point in result.points)]
    with styled():
        figure = new_figure(max(3.2, 1.6 + 0.7 * len(names)), 2.8)
        axes = figure.subplots()
        shares = [100 * rate.share for rate in rates]
        errors = [[100 * (r.share - r.low) for r in rates], [100 * (r.high - r.share) for r in rates]]
        axes.errorbar(range(len(names)), shares, yerr=errors, fmt="o-", color=BLUE, capsize=3)
        axes.set_xticks(range(len(names)), names)
        axes.set_ylim(-2, 102)
        norm = "infinity norm" if result.config.norm == "Linf" else "Euclidean norm"
        axes.set_xlabel(f"bound of the {norm},\non the network's input")
        axes.set_ylabel("right under every attack, %")
    return figure


def draw_probability_curves(
    pairs: Sequence[tuple[AttackResult, AttackResult]], confidence: float = AttackConfig.confidence
) -> Figure:
    """For each photograph P(y_fool), and below it the norm of its gradient, at each gradient of two searches.

    The update's line goes through the steps that it accepted, those at which P has risen; its other tries are crosses.
    Each photograph has its own range of gradients: some take a few, some a hundred. P stands on a logit scale, on which
    50% and 75% lie apart as well as a millionth and a thousandth.

    Args:
        pairs: attacks on one photograph each: the strong one, and the assignment's own update.
        confidence: probability at which a search stops.
    """
    with styled():
        figure = new_figure(max(3.6, 1.575 * len(pairs)), 4.2)
        grid = figure.subplots(2, len(pairs), squeeze=False, sharex="col", sharey="row", height_ratios=(5, 3))
        for (above, below), (strong, rule) in zip(grid.T, pairs, strict=True):
            taken = accepted_steps([met.probability for met in rule.curve])
            tried = sorted(set(range(len(rule.curve))) - set(taken))
            for axes, values in ((above, _probabilities), (below, _norms)):
                every = range(len(strong.curve))
                _draw_steps(axes, values(strong), every, "o-", color=BLUE, label=_SEARCHES[0])
                _draw_steps(axes, values(rule), taken, "s-", color=VERMILION, label=_SEARCHES[1])
                _draw_steps(axes, values(rule), tried, "x", color=VERMILION, label=_SEARCHES[2])
                axes.xaxis.get_major_locator().set_params(integer=True, nbins=4)
            _on_logit_scale(above)
            below.set_yscale("log")
            # Labels are text here, not formulas.
            below.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
            above.axhline(confidence, color=GREY, linestyle=":", linewidth=0.8)
            above.set_title(shortened(stem(strong.name), _LETTERS), fontsize=8)
            below.set_xlabel("gradient")
        grid[0, 0].set_ylabel(f"{_P_FOOL}; dotted: {confidence:g}", parse_math=True, fontsize=8)
        grid[1, 0].set_ylabel("norm of $\\mathrm{d}P/\\mathrm{d}X'$", parse_math=True, fontsize=8)
        # In one row where the panels are wide enough together.
        columns = 3 if len(pairs) > 2 else 1
        handles = grid[0, 0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside lower center", ncols=columns, fontsize=7.5, columnspacing=1.2)
    return figure


_P_FOOL = "$P(y_\\mathrm{fool})$"
_SEARCHES = ("Auto-PGD", "the assignment's update", "taken back")


def _draw_steps(
    axes: Axes, values: Sequence[float], steps: Sequence[int], look: str, *, color: str, label: str
) -> None:
    at = [values[step] for step in steps]
    # Hollow, so that one curve does not hide the other's points; and few, so that they do not run together.
    axes.plot(
        [1 + step for step in steps], at, look, color=color, label=label, markersize=2.8, linewidth=0.8,
        markerfacecolor="none", markeredgewidth=0.6, markevery=max(1, -(-len(at) // _MARKED)),
    )  # fmt: skip


_MARKED = 12
"""The most points of a line, or tries, that are marked."""


def _on_logit_scale(axes: Axes) -> None:
    """Give an axis of probabilities a logit scale, with few ticks and those in plain numbers."""
    axes.set_yscale("logit")
    axes.yaxis.set_major_locator(FixedLocator(list(_TICKS)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _TICKS.get(value, "")))
    axes.yaxis.set_minor_locator(NullLocator())


_TICKS = {
    1e-15: "10⁻¹⁵", 1e-12: "10⁻¹²", 1e-9: "10⁻⁹", 1e-6: "10⁻⁶", 1e-4: "10⁻⁴",
    0.01: "0.01", 0.1: "0.1", 0.5: "0.5", 0.9: "0.9", 0.99: "0.99", 0.999: "0.999",
}  # fmt: skip
"""Probabilities that are named on a logit scale, as they are written."""


def _probabilities(attack: AttackResult) -> list[float]:
    # A logit scale has no place for what is rounded to 1.
    return [min(met.probability, _NEARLY_ONE) for met in attack.curve]


_NEARLY_ONE = 1 - 1e-4


def _norms(attack: AttackResult) -> list[float]:
    return [math.nan if met.gradient_norm is None else met.gradient_norm for met in attack.curve]
