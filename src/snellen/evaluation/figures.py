"""Figures of an evaluation: reliability and risk, the confusion matrix, the worst errors, two models' disagreements."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageOps

from snellen.data.datasets.base import ImageSet
from snellen.data.images import read_image
from snellen.data.transforms import find_transform
from snellen.errors import ImageError
from snellen.evaluation.calibration import Calibration
from snellen.evaluation.comparison import ModelComparison
from snellen.evaluation.corrupted import CorruptionResult
from snellen.evaluation.corruptions import CORRUPTIONS
from snellen.evaluation.evaluate import EvaluationResult
from snellen.evaluation.transformed import TransformResult
from snellen.figures import BLUE, GREEN, GREY, VERMILION, eye_chart, new_figure, styled
from snellen.intervals import Rate
from snellen.prose import share

MOST_CLASSES = 60
"""The most classes of which a confusion matrix is drawn."""
_COLUMNS = 6
_SIDE = 240
_NUMBERS_UP_TO = 20
_GROUPS_ABREAST = 3


def draw_calibration(calibration: Calibration) -> Figure:
    """The reliability diagram, and the share of wrong answers among the most confident photographs."""
    with styled():
        figure = new_figure(6.6, 3.1)
        left, right = figure.subplots(1, 2)
        _draw_reliability(left, calibration)
        _draw_risk(right, calibration)
    return figure


def _draw_reliability(axes: Axes, calibration: Calibration) -> None:
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle="--", label="calibrated")
    confidence = [one.confidence for one in calibration.bins]
    accuracy = [one.accuracy for one in calibration.bins]
    axes.vlines(confidence, accuracy, confidence, color=VERMILION, linewidth=1.2, label="gap")
    axes.plot(confidence, accuracy, "o", color=BLUE, markersize=4, label="share right")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.set_aspect("equal")
    axes.set_xlabel("confidence")
    axes.set_ylabel("share that is right")
    sizes = {one.n for one in calibration.bins}
    of = str(sizes.pop()) if len(sizes) == 1 else f"{min(sizes)} or {max(sizes)}"
    bins = "1 bin" if len(calibration.bins) == 1 else f"{len(calibration.bins)} bins"
    axes.set_title(f"reliability: {bins} of {of}", loc="left")
    axes.legend(loc="lower right", fontsize=7)


def _draw_risk(axes: Axes, calibration: Calibration) -> None:
    axes.plot(np.arange(1, 101), [100 * risk for risk in calibration.risks], color=BLUE)
    axes.set_xlim(0, 100)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("coverage: surest photographs answered, %")
    axes.set_ylabel("risk: wrong among them, %")
    axes.set_title(f"area {calibration.scores.risk_coverage.value:.4f}", loc="left")


def draw_confusion(result: EvaluationResult) -> Figure | None:
    """The confusion matrix over the classes that occur, in percent of the row; None of one class, or of more than 60.

    The last column holds the answers that are none of these.
    """
    classes = [one.index for one in result.per_class]
    if not 1 < len(classes) <= MOST_CLASSES:
        return None
    place = {index: number for number, index in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes) + 1), dtype=int)
    for one in result.photographs:
        counts[place[one.label.index], place.get(one.top.index, len(classes))] += 1
    names = [_short(one.label) for one in result.per_class]
    columns = [*names, "another"]
    if not counts[:, -1].any():
        counts, columns = counts[:, :-1], names
    shares = 100 * counts / counts.sum(axis=1, keepdims=True)
    side = min(10.0, max(4.2, 2.4 + 0.2 * len(classes)))
    with styled():
        figure = new_figure(side + 0.6, side)
        axes = figure.subplots()
        picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
        size = 8 if len(classes) <= 40 else 5
        axes.set_xticks(range(len(columns)), columns, rotation=90, fontsize=size)
        axes.set_yticks(range(len(names)), names, fontsize=size)
        axes.set_xlabel("predicted class")
        axes.set_ylabel("true class")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        if len(classes) <= _NUMBERS_UP_TO:
            for row, column in zip(*np.nonzero(counts), strict=True):
                colour = "white" if shares[row, column] > 50 else "black"
                axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour, fontsize=7)
        figure.colorbar(picture, ax=axes, label="percent of the class", shrink=0.7)
    return figure


def draw_classes(result: EvaluationResult, most: int = 30) -> Figure | None:
    """The accuracy of the hardest classes, with intervals; None where there is one class."""
    if len(result.per_class) == 1:
        return None
    hardest = result.hardest(most)
    with styled():
        figure = new_figure(6.3, 0.8 + 0.19 * len(hardest))
        axes = figure.subplots()
        for row, one in enumerate(hardest):
            rate = one.accuracy
            axes.hlines(row, 100 * rate.low, 100 * rate.high, color=GREY, linewidth=1)
            axes.plot(100 * rate.share, row, "o", color=BLUE, markersize=4)
        names = [f"{_short(one.label)} ({one.accuracy.n})" for one in hardest]
        axes.set_yticks(range(len(hardest)), names, fontsize=7)
        axes.set_ylim(len(hardest) - 0.5, -0.5)
        axes.set_xlim(-2, 102)
        axes.set_xlabel("accuracy of the class in %, with its 95% interval (number of photographs)")
    return figure


def draw_errors(result: EvaluationResult) -> Figure | None:
    """The surest wrong answers and the least sure right ones, as pictures; None where nothing is wrong."""
    if not result.wrong_and_sure:
        return None
    rows = [result.wrong_and_sure[:_COLUMNS], result.wrong_and_sure[_COLUMNS : 2 * _COLUMNS]]
    rows.append(result.right_and_unsure[:_COLUMNS])
    cells = [
        [
            (
                one.image,
                f"{_short(one.label.label)}\n" + (f"seen as {_short(one.top.label)}" if not one.correct else "right")
                + f", {share(one.top.probability)}",
                GREEN if one.correct else VERMILION,
            )
            for one in row
        ]
        for row in rows
        if row
    ]  # fmt: skip
    return _grid(cells, photographs_of(result.source, [image for row in cells for image, _, _ in row]))


def draw_disagreements(comparison: ModelComparison) -> Figure:
    """Photographs that only the first model gets right above those that only the second does."""
    cells = [
        [
            (one.image, f"{_short(one.label)}; {who}:\n{_short(one.wrong)}, {share(one.probability)}", VERMILION)
            for one in some[:_COLUMNS]
        ]
        for some, who in (
            (comparison.first_right, comparison.models[1]),
            (comparison.second_right, comparison.models[0]),
        )
        if some
    ]
    names = [image for row in cells for image, _, _ in row]
    return _grid(cells, {} if comparison.source is None else photographs_of(comparison.source, names))


def _grid(cells: Sequence[Sequence[tuple[str, str, str]]], photographs: Mapping[str, Image.Image]) -> Figure:
    """Photographs in rows, each under its title in its colour."""
    columns = max((len(row) for row in cells), default=1)
    with styled():
        figure = new_figure(max(2.4, 1.35 * columns), max(0.6, 1.75 * len(cells)))
        grid = figure.subplots(max(1, len(cells)), columns, squeeze=False)
        for axes in grid.flat:
            axes.axis("off")
        if not cells:
            grid[0, 0].set_title("no photograph on which one is right and the other wrong", fontsize=7)
        for line, row in zip(grid, cells, strict=False):
            for axes, (image, title, colour) in zip(line, row, strict=False):
                if image in photographs:
                    axes.imshow(photographs[image])
                wrapped = "\n".join(textwrap.fill(part, 24) for part in title.split("\n"))
                axes.set_title(wrapped, fontsize=5.5, color=colour, y=1)
    return figure


def photographs_of(source: ImageSet, names: Collection[str]) -> dict[str, Image.Image]:
    """Thumbnails of the photographs of these image ids; one that cannot be read is left out."""
    wanted, found = set(names), dict[str, Image.Image]()
    if not wanted:
        return found
    for _, example in source.read():
        if example.name in wanted and example.name not in found:
            try:
                found[example.name] = ImageOps.fit(read_image(example.source), (_SIDE, _SIDE))
            except ImageError:
                continue
            if len(found) == len(wanted):
                break
    return found


def _short(label: str) -> str:
    return textwrap.shorten(label.replace("_", " "), 28, placeholder="...")


def draw_corruptions(result: CorruptionResult) -> Figure:
    """Accuracy against severity, a panel for each group of corruptions; severity 0 is the photograph as it is."""
    names = list(dict.fromkeys(one.corruption for one in result.outcomes))
    groups = list(dict.fromkeys(CORRUPTIONS[name].group for name in names))
    with styled():
        rows = -(-len(groups) // _GROUPS_ABREAST) or 1
        figure = new_figure(max(3.0, 2.1 * min(len(groups), _GROUPS_ABREAST)), 2.7 * rows)
        grid = figure.subplots(rows, max(1, min(len(groups), _GROUPS_ABREAST)), sharey=True, squeeze=False)
        panels = [*grid.flat]
        for axes in panels[len(groups) :]:
            axes.set_axis_off()
        for axes, group in zip(panels, groups, strict=False):
            for name in (name for name in names if CORRUPTIONS[name].group == group):
                rates = {one.severity: one.accuracy.share for one in result.outcomes if one.corruption == name}
                points = {0: result.clean.share} | rates
                axes.plot(
                    list(points),
                    [100 * accuracy for accuracy in points.values()],
                    "o-",
                    markersize=3,
                    label=name.replace("_", " "),
                )
            axes.set_title(group, loc="left")
            axes.set_ylim(0, 102)
            axes.set_xlabel("severity")
            axes.legend(fontsize=6, loc="upper right")
        for axes in grid[:, 0]:
            axes.set_ylabel("accuracy, %")
    return figure


def draw_transforms(result: TransformResult) -> Figure:
    """The acuity chart of accuracy: a line for each transform, a letter for each strength."""
    lines: dict[str, list[tuple[str, Rate]]] = {}
    for one in result.outcomes:
        transform = find_transform(one.transform)
        lines.setdefault(transform.caption, []).append((transform.mark(one.strength), one.accuracy))
    return eye_chart({f"accuracy of {result.n}; as they are, {share(result.clean.share)}": lines})
