"""What people call a colour: the nearest of the colours that ordinary names stand for, in CIELAB."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import numpy.typing as npt
from skimage.color import rgb2lab

EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "black": ("000000", "141414"),
    "gray": ("505050", "808080", "a9a9a9"),
    "light gray": ("d3d3d3",),
    "white": ("ffffff", "f5f5f5"),
    "red": ("ff0000", "dc143c"),
    "dark red": ("8b0000", "500000", "330014"),
    "pink": ("ffc0cb", "ff69b4"),
    "orange": ("ffa500", "ff8c00"),
    "brown": ("8b4513", "a0522d", "654321", "3d2314"),
    "beige": ("f5deb3", "d2b48c"),
    "yellow": ("ffff00", "ffd700"),
    "olive": ("808000", "556b2f"),
    "green": ("00ff00", "32cd32", "228b22", "008000"),
    "dark green": ("006400", "003200"),
    "turquoise": ("40e0d0", "008b8b"),
    "light blue": ("add8e6", "87ceeb"),
    "blue": ("0000ff", "4169e1", "4682b4"),
    "dark blue": ("00008b", "191970"),
    "purple": ("800080", "9370db", "4b0082"),
}
"""sRGB colours that a name stands for, mostly those of CSS that bear it."""


def mean_colour(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """The mean (3,) in CIELAB of ``pixels`` (h, w, 3) in sRGB."""
    mean: npt.NDArray[np.float64] = rgb2lab(pixels).mean(axis=(0, 1))
    return mean


def colour_name(lab: npt.NDArray[np.float64]) -> str:
    """The name whose example is nearest (CIE 1976) to a colour (3,) in CIELAB."""
    names, examples = _examples()
    return names[int(np.linalg.norm(examples - lab, axis=1).argmin())]


@cache
def _examples() -> tuple[list[str], npt.NDArray[np.float64]]:
    """The name of each example, and the example (n, 3) in CIELAB."""
    pairs = [(name, bytes.fromhex(one)) for name, examples in EXAMPLES.items() for one in examples]
    colours = np.array([[list(one) for _, one in pairs]], dtype=np.uint8)
    return [name for name, _ in pairs], rgb2lab(colours)[0]
