"""The files that show a training run: its curves, its confusions, its first filters."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from snellen.figures import save_figure
from snellen.training.figures import draw_confusion, draw_curves
from snellen.training.filters import save_filters
from snellen.training.results import TrainingResult

CURVES, FILTERS, CONFUSION = "curves.png", "filters.png", "confusion.png"


def save_figures(folder: Path, result: TrainingResult, filters: Tensor | None) -> None:
    """Draw one run in its folder.

    Args:
        folder: where to.
        result: of the run.
        filters: the first layer's (F, 3, h, w); None where the network has no such layer.
    """
    save_figure(draw_curves([result]), folder / CURVES)
    save_figure(draw_confusion(result), folder / CONFUSION)
    if filters is not None:
        save_filters(filters, folder / FILTERS)
