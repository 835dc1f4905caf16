"""One look for all figures: colour-blind-safe, readable in print, the same bytes for the same numbers."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import matplotlib
from cycler import cycler
from matplotlib.figure import Figure
from PIL import Image

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


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of ``width`` x ``height`` inches; draw on it inside :func:`styled`."""
    return Figure(figsize=(width, height), layout="constrained")


def styled() -> Any:
    """A context in which Matplotlib draws in Snellen's style."""
    return matplotlib.rc_context(dict[Any, Any](STYLE))


def percent(share: float, digits: int = 1) -> str:
    """A share as a label writes it: ``76.9 %``."""
    return f"{100 * share:.{digits}f} %"


def thumbnail(image: Image.Image, side: int = 480) -> Image.Image:
    """A copy whose longest side is at most ``side`` pixels."""
    small = image.copy()
    small.thumbnail((side, side))
    return small


def png_of(figure: Figure) -> bytes:
    """The figure as the bytes of a PNG file."""
    file = io.BytesIO()
    with styled():
        figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()
