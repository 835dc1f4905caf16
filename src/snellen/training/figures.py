"""The figures of training runs: their curves, and their confusion matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MultipleLocator, NullFormatter, PercentFormatter

from snellen.figures import new_figure, styled
from snellen.training.normalisation import COURSES, FIRST_EPOCH, GUESSING, SEARCHED
from snellen.training.results import TrainingResult, names_of, same_images, smoothed_floor

_MOST_CELLS_WITH_NUMBERS = 12
_LEGEND_WIDTH, _LEGEND_SAMPLE = 94, 10
"""Characters beside each other in the figure of curves, and what a line's sample takes of them."""
_APART, _DASHES = 0.02, ("-", "--", "-.", (0, (8, 2, 2, 2, 2, 2)))
"""How far a diamond stands from the one before, as a share of the epochs; and how the lines of rates are dashed."""


def draw_curves(results: Sequence[TrainingResult]) -> Figure:
    """Training loss, accuracy and learning rate against epochs; runs of one network and length share a colour.

    The accuracy is that on the training images as they were augmented; dashed, where there are any, that on
    the images held out; the diamond after the last epoch is the test accuracy with its 95% interval. Each run's diamond
    stands beside that of the one before, and its learning rate is dashed in its own way, so that none covers another.
    """
    labels = _labels(results)
    names = list(dict.fromkeys(labels))
    with styled():
        figure = new_figure(6.3, 3.7)
        mosaic = figure.subplot_mosaic([["loss", "accuracy"], ["loss", "rate"]], width_ratios=(1.5, 1))
        panels: list[Any] = [mosaic[name] for name in ("loss", "accuracy", "rate")]
        _, accuracy, rate = panels
        for number, (result, label) in enumerate(zip(results, labels, strict=True)):
            first = labels.index(label) == number
            _draw_run(panels, result, names.index(label), label if first else None)
        for panel, title in zip(panels, ("training loss (nats)", "accuracy", "learning rate"), strict=True):
            panel.set_title(title)
            panel.set_xlabel("" if panel is accuracy else "epoch")
            panel.xaxis.get_major_locator().set_params(integer=True)
        accuracy.set_ylim(top=1.03)
        accuracy.yaxis.set_major_formatter(PercentFormatter(1, 0))
        rate.set_yscale("log")
        rate.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
        rate.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        rate.yaxis.set_minor_formatter(NullFormatter())
        figure.legend(loc="outside lower center", ncols=_legend_columns(names))
    return figure


def draw_rates() -> Figure:
    """What ``plain`` and ``batchnorm`` reach at each peak learning rate: :mod:`snellen.training.normalisation`.

    Beside it the training loss against epochs, at one rate and at each network's best; lines of one kind are seeds.
    """
    with styled():
        figure = new_figure(6.3, 4.0)
        mosaic = figure.subplot_mosaic([["course", "loss"], ["course", "accuracy"]], width_ratios=(1.25, 1))
        course, loss, accuracy = (mosaic[name] for name in ("course", "loss", "accuracy"))
        colours = {name: f"C{number}" for number, name in enumerate(FIRST_EPOCH)}
        for name, rate in COURSES:
            _draw_courses(course, name, rate, colours[name])
        course.set_title("training loss (nats)")
        course.set_xlabel("epoch")
        course.legend()
        for panel, measured in ((loss, FIRST_EPOCH), (accuracy, SEARCHED)):
            for name, of_rate in measured.items():
                panel.plot(list(of_rate), list(of_rate.values()), "o-", ms=3, color=colours[name], label=name)
            panel.set_xscale("log")
            panel.set_xlabel("peak learning rate")
            panel.legend()
            panel.xaxis.set_major_locator(LogLocator(subs=(1,) if panel is loss else (1, 2, 5)))
            panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            panel.xaxis.set_minor_formatter(NullFormatter())
        loss.axhline(GUESSING, color="gray", linestyle=":", linewidth=0.8)
        loss.set_title("loss of a single epoch")
        accuracy.set_title("held-out accuracy, 10 epochs")
        accuracy.yaxis.set_major_locator(MultipleLocator(0.05))
        accuracy.yaxis.set_major_formatter(PercentFormatter(1, 0))
    return figure


def _draw_courses(axes: Any, name: str, rate: float, colour: str) -> None:
    """The losses of each seed of one network at one rate; dashed where the network has another course at another."""
    dashed = rate != min(one for other, one in COURSES if other == name)
    for number, losses in enumerate(COURSES[name, rate]):
        label = f"{name}, rate {rate:g}" if number == 0 else None
        axes.plot(range(1, len(losses) + 1), losses, "--" if dashed else "-", color=colour, linewidth=1, label=label)


def _labels(results: Sequence[TrainingResult]) -> list[str]:
    """A name for each run; with its length where one network was trained for several; says where images are others."""
    names = [
        result.title.replace(result.network_name, name, 1)
        for result, name in zip(results, names_of(results), strict=True)
    ]
    lengths = [result.recipe.epochs for result in results]
    distinct = set(zip(names, lengths, strict=True))
    several = {name for name in names if sum(name == other for other, _ in distinct) > 1}
    return [
        name
        + (f", {epochs} epochs" if name in several else "")
        + ("" if same_images(result, results[0]) else ", other images")
        for result, name, epochs in zip(results, names, lengths, strict=True)
    ]


def _legend_columns(labels: Sequence[str]) -> int:
    """As many columns, up to four, as the legend has room for; it fills one after another."""
    for columns in range(min(4, len(labels)), 1, -1):
        parts = np.array_split(np.array([len(label) + _LEGEND_SAMPLE for label in labels]), columns)
        if sum(part.max() for part in parts) <= _LEGEND_WIDTH:
            return columns
    return 1


def _draw_run(panels: Sequence[Any], result: TrainingResult, place: int, label: str | None) -> None:
    """One run, of the kind that comes at that ``place``, in the panels of the loss, the accuracy and the rate."""
    loss, accuracy, rate = panels
    history, colour = result.history, f"C{place}"
    epochs = np.arange(1, len(history) + 1)
    dot = "o" if len(history) == 1 else None
    loss.plot(epochs, [e.loss for e in history], color=colour, label=label, marker=dot, markersize=3)
    if label and result.recipe.label_smoothing:
        loss.axhline(smoothed_floor(result), color=colour, linestyle=":", linewidth=0.8)
    accuracy.plot(epochs, [e.accuracy for e in history], color=colour, marker=dot, markersize=3)
    if history[0].held_out_accuracy is not None:
        accuracy.plot(epochs, [e.held_out_accuracy for e in history], color=colour, linestyle="--")
    test = result.test.accuracy
    accuracy.errorbar(
        [len(history) * (1 + _APART * (1 + place))],
        [test.share],
        yerr=[[test.share - test.low], [test.high - test.share]],
        color=colour,
        marker="D",
        markersize=3.5,
        capsize=2,
    )
    rates = [e.learning_rate for e in history]
    rate.plot(epochs, rates, linestyle=_DASHES[place % len(_DASHES)], color=colour, marker=dot, markersize=3)


def draw_confusion(result: TrainingResult) -> Figure:
    """The confusion matrix: true classes (rows) against predicted ones (columns), as shares of the true class."""
    counts = np.array(result.test.confusion, dtype=float)
    shares = counts / counts.sum(axis=1, keepdims=True).clip(min=1)
    labels = result.data.labels
    classes = len(labels)
    side = min(6.3, 1.7 + 0.22 * classes)
    with styled():
        figure = new_figure(side, side * 0.92)
        axes = figure.subplots()
        shown = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        ticks = range(classes) if classes <= 40 else range(0, classes, classes // 20)
        names = [labels[tick].replace("_", " ") for tick in ticks]
        axes.set_xticks(ticks, names, rotation=45, ha="right", rotation_mode="anchor", fontsize=7)
        axes.set_yticks(ticks, names, fontsize=7)
        axes.set_xlabel("predicted class")
        axes.set_ylabel("true class")
        if classes <= _MOST_CELLS_WITH_NUMBERS:
            for (row, column), share in np.ndenumerate(shares):
                colour = "white" if share > 0.5 else "black"
                if counts[row, column]:
                    axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", color=colour, fontsize=7)
        bar = figure.colorbar(shown, ax=axes, shrink=0.8, label="percent of the true class")
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f}"))
    return figure
