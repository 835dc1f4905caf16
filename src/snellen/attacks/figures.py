"""Draws attacks: the assignment's rows of three, and the security curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from snellen.attacks.result import AttackResult
from snellen.attacks.success_rates import AttackSummary
from snellen.attacks.verify import Bytes
from snellen.figures import BLUE, GREY, VERMILION, new_figure, styled
from snellen.models.predictions import Prediction

_SHOWN = 480
"""The longest side of a drawn photograph, in pixels."""


@dataclass(frozen=True, eq=False)
class AttackPicture:
    """An attack with its two images: the original and what its file holds, of one size, RGB."""

    attack: AttackResult
    original: Image.Image
    attacked: Image.Image


def draw_attacks(exhibits: Sequence[AttackPicture]) -> Figure:
    """A row for each attack: the original, the noise, and their sum, titled with class and probability.

    The noise is stretched so that its bound is black and white; a large one shows every k-th pixel of it, as it is.
    """
    with styled():
        heights = [2.05 * min(1.4, one.original.height / one.original.width) + 0.3 for one in exhibits]
        figure = new_figure(6.3, sum(heights))
        grid = figure.subplots(len(exhibits), 3, squeeze=False, height_ratios=heights)
        for row, read_picture in zip(grid, exhibits, strict=True):
            attack = read_picture.attack
            images = (
                _thumbnail(read_picture.original),
                stretched_noise(read_picture),
                _thumbnail(read_picture.attacked),
            )
            titles = (
                _title(attack.original),
                f"noise, ±{attack.norm}/255 stretched" if attack.norm else "no noise",
                _title(attack.attacked.top),
            )
            for axes, image, title in zip(row, images, titles, strict=True):
                axes.imshow(image)
                axes.set_title(title, fontsize=8)
                axes.set_axis_off()
            if not attack.attacked.hit:
                row[2].set_title(titles[2] + "\n(not fooled as asked)", fontsize=8, color=VERMILION)
    return figure


def stretched_noise(read_picture: AttackPicture) -> Bytes:
    """The difference of the two images with its norm stretched to black and white and no change mid-gray."""
    step = -(-max(read_picture.original.size) // _SHOWN)
    original, attacked = (
        np.asarray(image)[::step, ::step].astype(int) for image in (read_picture.original, read_picture.attacked)
    )
    scale = max(read_picture.attack.norm, 1)
    stretched: Bytes = np.round(127.5 + 127.5 * (attacked - original) / scale).clip(0, 255).astype(np.uint8)
    return stretched


def draw_security(accounts: AttackSummary) -> Figure:
    """The security curve: the share fooled against the bound, with its 95% intervals."""
    steps = [bound for bound, _ in accounts.curve]
    rates = [rate for _, rate in accounts.curve]
    with styled():
        figure = new_figure(5.0, 3.0)
        axes = figure.subplots()
        axes.fill_between(
            steps, [rate.low for rate in rates], [rate.high for rate in rates], step="post", color=BLUE, alpha=0.2
        )
        axes.step(steps, [rate.share for rate in rates], where="post", color=BLUE)
        axes.axhline(accounts.correct.control_hit.share, color=GREY, linestyle=":")
        axes.annotate(
            "uniform noise of the same bounds",
            (1, accounts.correct.control_hit.share),
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
        axes.set_yticks([0, 0.5, 1], ["0", "50 %", "100 %"])
        axes.set_title(f"{accounts.correct.n} photographs, 95 % Wilson intervals", loc="left")
    return figure


def _thumbnail(image: Image.Image) -> Image.Image:
    shown = image.copy()
    shown.thumbnail((_SHOWN, _SHOWN))
    return shown


def _title(prediction: Prediction) -> str:
    return f"{prediction.label}, {prediction.probability:.1%}".replace("%", " %")
