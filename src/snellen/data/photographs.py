"""Photographs that installed packages ship, for an exam with no photograph at hand."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from snellen.errors import SnellenError


@dataclass(frozen=True)
class Photograph:
    """A photograph that shows one ImageNet object.

    Attributes:
        path: the file.
        label: the ImageNet class that a person would choose for it.
        title: what its source calls it.
        credit: where it comes from.
    """

    path: Path
    label: str
    title: str
    credit: str


_BUNDLED = (
    ("skimage", "data/coffee.png", "espresso", "Coffee cup", "scikit-image, by Rachel Michetti, CC0"),
    ("skimage", "data/chelsea.png", "tiger cat", "Chelsea the cat", "scikit-image, by Stefan van der Walt, CC0"),
    ("sklearn", "datasets/images/china.jpg", "palace", "china", "scikit-learn, by danielbuechele, CC BY 2.0"),
    ("skimage", "data/camera.png", "tripod", "Gray-level camera image", "scikit-image, by Lav Varshney, CC0"),
)


def bundled_photographs() -> list[Photograph]:
    """The four photographs that come with scikit-image and scikit-learn.

    Raises:
        SnellenError: the installed package no longer ships one of them.
    """
    return [Photograph(_find(package, file), *told) for package, file, *told in _BUNDLED]


def _find(package: str, file: str) -> Path:
    spec = importlib.util.find_spec(package)
    path = Path(spec.submodule_search_locations[0]) / file if spec and spec.submodule_search_locations else None
    if path is None or not path.is_file():
        raise SnellenError(f"the installed {package} has no {file}", "name your own photographs instead")
    return path
