"""Figures of the probe: the confusion matrix, the most confused photographs, networks side by side."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageOps

from snellen.data.datasets.base import Example
from snellen.data.images import read_image
from snellen.errors import ImageError
from snellen.figures import BLUE, GREY, new_figure, styled
from snellen.transfer.few import FewShotResult
from snellen.transfer.probe import ProbeResult

NUMBERS_UP_TO = 20
"""Classes up to which a confusion matrix has its percents written into it."""
PHOTOGRAPHS_A_PAIR = 3
"""The most photographs of a pair of classes that a figure of mistakes shows."""
_ABREAST = 5


def draw_confusion(result: ProbeResult) -> Figure:
    """The confusion matrix: rows are the true classes, columns the predicted ones, percent of the row as shades."""
    names = list(result.names.values())
    # By the alphabet, where they are sorted with all capitals before the rest.
    order = list(range(len(names)))
    if list(result.labels) == sorted(result.labels):
        order.sort(key=lambda number: names[number].casefold())
    counts = np.array(result.confusion)[np.ix_(order, order)]
    shares = 100 * counts / counts.sum(axis=1, keepdims=True).clip(1)  # a class that the test lacks has an empty row
    labels = [names[number] for number in order]
    classes = len(labels)
    # As wide as a page's text where there are many classes, so that print does not shrink the names.
    side = min(10.0, max(4.2, 2.0 + 0.12 * classes))
    with styled():
        figure = new_figure(side + 0.6, side)
        axes = figure.subplots()
        picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
        size = 8 if classes <= 20 else 6.5 if classes <= 40 else 5
        axes.set_xticks(range(classes), labels, rotation=90, fontsize=size)
        axes.set_yticks(range(classes), labels, fontsize=size)
        axes.set_xlabel("predicted class")
        axes.set_ylabel("true class")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        if classes <= NUMBERS_UP_TO:
            for row, column in zip(*np.nonzero(counts), strict=True):
                share = shares[row, column]
                colour = "white" if share > 50 else "black"
                axes.text(column, row, f"{share:.0f}", ha="center", va="center", color=colour, fontsize=8)
        figure.colorbar(picture, ax=axes, label="percent of the class", shrink=0.7)
    return figure


def draw_confused(result: ProbeResult) -> Figure | None:
    """Photographs of the most confused pairs, under a photograph of each class that they were taken for.

    None where nothing was confused.
    """
    pairs, names = result.confused, result.names
    if not pairs:
        return None
    photographs = _photographs(result)
    references = list(dict.fromkeys(pair.predicted for pair in pairs))
    panels = [(photographs.get(_example_key(one)), f"to compare:\n{_wrapped(names[one])}", GREY) for one in references]
    panels += [
        (
            photographs.get(image),
            f"{_wrapped(names[pair.true])}\n{_wrapped(f'taken for {names[pair.predicted]}')}",
            "black",
        )
        for pair in pairs
        for image in pair.images[:PHOTOGRAPHS_A_PAIR]
    ]
    columns = min(_ABREAST, len(panels))
    rows = -(-len(panels) // columns)
    with styled():
        figure = new_figure(1.3 * columns, 1.62 * rows)
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes in grid.flat:
            axes.axis("off")
        for axes, (photograph, title, colour) in zip(grid.flat, panels, strict=False):
            if photograph is not None:
                axes.imshow(photograph)
            axes.set_title(title, fontsize=7, color=colour, y=1)
    return figure


def _wrapped(label: str) -> str:
    return textwrap.fill(label, 18)


def draw_comparison(results: Sequence[ProbeResult]) -> Figure:
    """Mean-per-class accuracy of several networks, with its interval."""
    with styled():
        figure = new_figure(6.0, 0.9 + 0.42 * len(results))
        axes = figure.subplots()
        for row, result in enumerate(results):
            found = result.mean_per_class_accuracy
            value, errors = found.value, [[found.value - found.low], [found.high - found.value]]
            axes.errorbar(value, row, xerr=errors, fmt="o", color=BLUE, capsize=3)
            axes.annotate(f"{value:.3f}", (value, row), (0, 6), textcoords="offset points", ha="center", fontsize=8)
        axes.set_yticks(range(len(results)), [result.model for result in results])
        axes.set_ylim(len(results) - 0.5, -0.6)
        axes.set_xlabel("mean-per-class accuracy, with its 95% interval")
    return figure


def draw_few_shot(result: FewShotResult) -> Figure:
    """Mean-per-class accuracy against the number of examples a class: each drawing, their mean and deviation."""
    shots = [point.shots for point in result.points]
    with styled():
        figure = new_figure(5.4, 3.6)
        axes = figure.subplots()
        for point in result.points:
            axes.plot([point.shots] * len(point.accuracies), point.accuracies, "o", color=GREY, alpha=0.4, markersize=3)
        means, deviations = ([getattr(point, of) for point in result.points] for of in ("mean", "deviation"))
        axes.errorbar(shots, means, yerr=deviations, fmt="o-", color=BLUE, capsize=3)
        for point in result.points:
            axes.annotate(
                f"{point.mean:.3f}", (point.shots, point.mean), (6, -10), textcoords="offset points", fontsize=8
            )
        axes.set_xscale("log")
        axes.set_xticks(shots, [str(count) for count in shots])
        axes.minorticks_off()
        axes.set_xlabel("training examples of each class")
        axes.set_ylabel("mean-per-class accuracy")
        axes.set_title(
            f"What it can learn from few: {len(result.labels)} classes, {result.n:,} test images", fontsize=9
        )
    return figure


def _example_key(label: str) -> str:
    # Image ids are never empty after the prefix, so no id is mistaken for a label.
    return f"\0{label}"


def _photographs(result: ProbeResult) -> Mapping[str, Image.Image]:
    """The photographs to draw: by image id, and the first of each predicted class by its label."""
    names = {name for pair in result.confused for name in pair.images[:PHOTOGRAPHS_A_PAIR]}
    classes = {pair.predicted for pair in result.confused}
    found: dict[str, Image.Image] = {}
    for example in result.data.test.read():
        if example.name in names:
            _add(found, example.name, example)
    for example in result.data.train.read():
        label = result.labels[example.label] if example.label is not None else ""
        if label in classes and _example_key(label) not in found:
            _add(found, _example_key(label), example)
    return found


def _add(found: dict[str, Image.Image], key: str, example: Example) -> None:
    try:
        image = read_image(example.source)
    except ImageError:
        return
    found[key] = ImageOps.fit(image, (240, 240))
