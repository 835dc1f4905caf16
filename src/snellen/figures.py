"""One look for all figures: colour-blind-safe, readable in print, the same bytes for the same numbers."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import matplotlib
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from snellen.intervals import Rate

# Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), told apart by every kind of colour vision.
BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE, YELLOW = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#F0E442",
)  # fmt: skip
GREY = "#5F6B73"
# Points of an eye chart's letters; the numbers below them are more than six where a chart fills a page's width.
_LARGEST, _SMALLEST = 19.0, 8.0

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
    # A figure that is laid out keeps its places, whatever a user's own settings say.
    "figure.autolayout": False,
    "figure.constrained_layout.use": False,
    # Of a PNG file, and of pictures in a PDF; both pages and screens show a figure no larger than it is.
    "savefig.dpi": 200,
    # Letters keep their drawn shapes: at this resolution hinting costs a third of all drawing and is not seen.
    "text.hinting": "none",
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


def strength_and_share(strength: str, rate: Rate) -> str:
    """What stands below a letter of an eye chart: the strength and, of more than one photograph, the share in percent.

    Without their units, for which there is no room between two of three digits.
    """
    return "\n".join(filter(None, (strength, f"{100 * rate.share:.0f}" if rate.n > 1 else "")))


def eye_chart(
    panels: Mapping[str, Mapping[str, Sequence[tuple[str, Rate]]]],
    below: Callable[[str, Rate], str] = strength_and_share,
) -> Figure:
    """Panels side by side, each under its title; in each a line of letters by its caption, the same in all.

    A letter stands for a strength and shrinks as that grows: blue where the share is all, pale gray where it is none.

    Args:
        panels: by title and by caption, the strengths of a line with their shares, mild to strong.
        below: what stands below the letter of a strength and its share.
    """
    captions = list(next(iter(panels.values())))
    with styled():
        figure = new_figure(0.9 + 3.0 * len(panels), 0.58 * len(captions) + 0.5)
        row = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axes, (title, lines) in zip(row, panels.items(), strict=True):
            _draw_letters(axes, list(lines.values()), below)
            axes.set_title(title, loc="left", fontsize=9)
        row[0].set_yticks(range(len(captions)), captions, fontsize=8.5)
    return figure


def _draw_letters(axes: Axes, lines: Sequence[Sequence[tuple[str, Rate]]], below: Callable[[str, Rate], str]) -> None:
    most = max(map(len, lines))
    for number, line in enumerate(lines):
        for column, (strength, rate) in enumerate(line):
            size = _LARGEST - (_LARGEST - _SMALLEST) * column / max(most - 1, 1)
            axes.text(
                column,
                number - 0.12,
                "E",
                ha="center",
                va="center",
                fontsize=size,
                fontweight="bold",
                color=_blend(rate.share),
                in_layout=False,
            )
            # What lies within the axes need not be measured for the layout, which takes as long as drawing it.
            axes.text(
                column,
                number + 0.1,
                below(strength, rate),
                ha="center",
                va="top",
                fontsize=8,
                color=GREY,
                linespacing=1.0,
                in_layout=False,
            )
    axes.set_xlim(-0.6, most - 0.4)
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.set_xticks([0, most - 1], ["mild", "strong"], fontsize=8.5)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _blend(share: float) -> tuple[float, float, float]:
    """From a pale gray, nothing, to blue, all."""
    pale = (0.87, 0.87, 0.87)
    red, green, blue = (low + (high - low) * share for low, high in zip(pale, to_rgb(BLUE), strict=True))
    return red, green, blue


def percent(share: float, digits: int = 1) -> str:
    """A share as a label writes it: ``76.9%``."""
    return f"{100 * share:.{digits}f}%"


def shortened(name: str, most: int) -> str:
    """``name`` in at most ``most`` characters, the last an ellipsis where it is longer."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def thumbnail(image: Image.Image, side: int = 480) -> Image.Image:
    """A copy whose longest side is at most ``side`` pixels."""
    small = image.copy()
    small.thumbnail((side, side))
    return small


def lay_out(figure: Figure) -> None:
    """Give everything in ``figure`` its place, for the resolution of files; call it inside :func:`styled`.

    ``savefig`` does so for each file, and draws all once more for it. A figure that is laid out keeps its places.
    """
    engine = figure.get_layout_engine()
    if engine is None:
        return
    with _resolution_of_files(figure):
        engine.execute(figure)
    figure.set_layout_engine(None)


@contextlib.contextmanager
def _resolution_of_files(figure: Figure) -> Iterator[None]:
    before = figure.dpi
    figure.dpi = STYLE["savefig.dpi"]
    try:
        yield
    finally:
        figure.dpi = before


def png_of(figure: Figure, software: str | None = None) -> bytes:
    """The figure as the bytes of a PNG file.

    Packing what Matplotlib itself writes, with a channel of opacity, takes three times as long for about as many bytes.

    Args:
        figure: the figure.
        software: what the file names as its maker.
    """
    canvas = FigureCanvasAgg(figure)
    with styled():
        lay_out(figure)
        with _resolution_of_files(figure):
            canvas.draw()
            size = canvas.get_width_height()
    drawn = Image.frombuffer("RGBA", size, canvas.buffer_rgba(), "raw", "RGBA", 0, 1).convert("RGB")
    about, file = PngInfo(), io.BytesIO()
    if software is not None:
        about.add_text("Software", software)
    dpi = STYLE["savefig.dpi"]
    drawn.save(file, "PNG", pnginfo=about, dpi=(dpi, dpi), compress_level=3)
    return file.getvalue()
