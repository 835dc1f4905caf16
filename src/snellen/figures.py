"""One look for all figures: colour-blind-safe, readable in print, the same bytes for the same numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
from cycler import cycler
from matplotlib.figure import Figure

from snellen.errors import InputError
from snellen.runs import atomic_path

# Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), told apart by every kind of colour vision.
BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE, YELLOW = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#F0E442",
)  # fmt: skip
GREY = "#5F6B73"

STYLE: Mapping[str, Any] = {
    "font.size": 9,
    "font.family": "DejaVu Sans",
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=[BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, GREY]),
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.frameon": False,
    "figure.dpi": 150,
    "savefig.dpi": 200,
    # Labels and file names are text, whatever they hold.
    "text.parse_math": False,
    "svg.hashsalt": "snellen",
    "svg.fonttype": "none",
}

_ENDINGS = (".png", ".svg", ".pdf")


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of ``width`` x ``height`` inches; draw on it inside :func:`styled`."""
    return Figure(figsize=(width, height), layout="constrained")


def styled() -> Any:
    """A context in which Matplotlib draws in Snellen's style."""
    return matplotlib.rc_context(dict[Any, Any](STYLE))


def check_figure_path(path: Path) -> None:
    """Refuse a figure file whose ending is not one that is written.

    Raises:
        InputError: names the accepted endings.
    """
    if path.suffix.lower() not in _ENDINGS:
        raise InputError(f"{path}: cannot draw a {path.suffix or 'nameless'} file", f"endings: {', '.join(_ENDINGS)}")


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, SVG or PDF, by its ending, whole or not at all."""
    check_figure_path(path)
    dates = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}, ".png": {"Software": None}}
    with styled(), atomic_path(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:].lower(), metadata=dates[path.suffix.lower()])
