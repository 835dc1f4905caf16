"""How much of a report's pages stays white: the highest blank band of each page, as a share of its height."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pypdfium2

_MARGINS = (23, 25)
"""Millimetres of a page above and below which nothing of the text stands."""
_MILLIMETRE = 72 / 25.4


def blank_bands(pdf: Path) -> list[float]:
    """The highest blank band of each page between its margins, as a share of the page's height."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [_band(np.asarray(page.render(scale=0.5, grayscale=True).to_pil())) for page in document]
    finally:
        document.close()


def _band(page: np.ndarray) -> float:
    """The same of one page, as levels of gray (H, W)."""
    top, bottom = (round(side * _MILLIMETRE * 0.5) for side in _MARGINS)
    inked = np.flatnonzero((page[top:-bottom] < 200).any(axis=1))
    ends = np.concatenate([[-1], inked, [len(page) - top - bottom]])
    return float(np.diff(ends).max() - 1) / len(page)


if __name__ == "__main__":
    for number, band in enumerate(blank_bands(Path(sys.argv[1])), 1):
        sys.stdout.write(f"{number:3} {band:6.1%} {'#' * round(100 * band)}\n")
