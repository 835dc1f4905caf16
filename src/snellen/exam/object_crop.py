"""A crop that leaves about 80% of the object, as the assignment asks: of the heat for the photograph's own class.

Nobody outlines the object. What supports the class in the network (Grad-CAM of the clean photograph) stands in its
place, which need not be all of the object, nor nothing but it. What counts is what the network sees: its preprocessing
crops the crop once more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from snellen.data.images import Photo
from snellen.data.preprocessing import Preprocessing
from snellen.data.seen import SeenPhotograph
from snellen.data.transforms import OBJECT_CROP
from snellen.inspect.heatmap import heatmap
from snellen.models.classifier import Classifier
from snellen.models.predictions import probabilities_of
from snellen.robustness.spectrum import high_frequency_energy
from snellen.robustness.stress import Outcome, outcome_of
from snellen.runs.serialise import NOT_SERIALISED

SHARE = OBJECT_CROP[1]
_HALVINGS = 30


class Box(NamedTuple):
    """A rectangle in pixels of a photograph, between whose edges pixels may lie."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class ObjectCrop:
    """One attacked photograph and its original, cropped alike.

    Attributes:
        name: path of the original.
        box: left, top, right and bottom of the crop, in pixels.
        area: share of the photograph's area that it leaves.
        heat: share of the heat for the photograph's class that the network sees of the crop.
        attacked: what is seen in the attacked file, and left of its noise.
        clean: what is seen in the original.
        whole: the original.
        image: the attacked file's crop.
    """

    name: str
    box: tuple[int, int, int, int]
    area: float
    heat: float
    attacked: Outcome
    clean: Outcome
    whole: Image.Image = field(repr=False, compare=False, metadata=NOT_SERIALISED)
    image: Image.Image = field(repr=False, compare=False, metadata=NOT_SERIALISED)


def object_crop(
    classifier: Classifier, original: Photo, attacked: Image.Image, label: int, target: int
) -> ObjectCrop | None:
    """Crop a photograph and its attacked file to about 80% of the heat; None where no heat is for the class.

    Args:
        classifier: classifier under examination.
        original: the clean photograph.
        attacked: the attacked one, as large.
        label: index of the class that it shows.
        target: index of the class that the attack is to show.

    Raises:
        ModelError: the network gives no heat map.
    """
    width, height = original.size
    whole = Box(*classifier.preprocessing.geometry(height, width).box)
    values = heatmap(classifier, original.image, label).values
    if not values.any():
        return None
    box = box_with(values, whole, original.size, classifier.preprocessing)
    image, clean, asked = attacked.crop(box), original.image.crop(box), (label, target)
    left = _energy(classifier, clean, image) / (_energy(classifier, original.image, attacked) or math.nan)
    return ObjectCrop(
        name=original.name,
        box=box,
        area=(box[2] - box[0]) * (box[3] - box[1]) / (width * height),
        heat=share_within(values, whole, seen_of(box, classifier.preprocessing)),
        attacked=outcome_of(classifier, OBJECT_CROP, probabilities_of(classifier, image), target, asked, left),
        clean=outcome_of(classifier, OBJECT_CROP, probabilities_of(classifier, clean), label, asked),
        whole=original.image,
        image=image,
    )


def _energy(classifier: Classifier, clean: Image.Image, attacked: Image.Image) -> float:
    """Of an attack's noise at high frequencies, in the network's input."""
    seen = (SeenPhotograph(classifier.preprocessing, Photo("", one)) for one in (attacked, clean))
    with torch.no_grad():
        inputs, clean_inputs = (one.under(("", 0.0)) for one in seen)
    return high_frequency_energy(inputs - clean_inputs).item()


def box_with(
    values: npt.NDArray[np.float32],
    whole: Box,
    size: tuple[int, int],
    preprocessing: Preprocessing,
    share: float = SHARE,
) -> tuple[int, int, int, int]:
    """A rectangle of a photograph's proportions of which the network sees a share of the heat.

    Its centre is the heat's, as far as the photograph reaches. By bisection: nothing holds none of the heat, the
    photograph all of it.

    Args:
        values: heat (H, W), at least 0 and not all 0.
        whole: what the values cover.
        size: the photograph's width and height in pixels.
        preprocessing: the network's, which crops what is left once more.
        share: share of the heat's sum.
    """
    centre = centre_of(values, whole)

    def box(side: float) -> tuple[int, int, int, int]:
        across, down = (max(1, round(side * one)) for one in size)
        left, top = (
            min(max(round(middle - length / 2), 0), most - length)
            for middle, length, most in zip(centre, (across, down), size, strict=True)
        )
        return left, top, left + across, top + down

    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        enough = share_within(values, whole, seen_of(box(middle), preprocessing)) >= share
        low, high = (low, middle) if enough else (middle, high)
    return box(high)


def centre_of(values: npt.NDArray[np.float32], whole: Box) -> tuple[float, float]:
    """The mean place (across, down) of ``values`` (H, W), which cover ``whole``."""
    rows, columns = ((np.arange(cells) + 0.5) / cells for cells in values.shape)
    weights = values / values.sum()
    across, down = float(weights.sum(axis=0) @ columns), float(weights.sum(axis=1) @ rows)
    return whole.left + across * (whole.right - whole.left), whole.top + down * (whole.bottom - whole.top)


def seen_of(box: tuple[int, int, int, int], preprocessing: Preprocessing) -> Box:
    """What a network sees of a crop, in pixels of the photograph: its own preprocessing may crop once more."""
    left, top, right, bottom = box
    seen = Box(*preprocessing.geometry(bottom - top, right - left).box)
    # A border that the preprocessing adds shows nothing of the photograph.
    return Box(
        max(left + seen.left, left),
        max(top + seen.top, top),
        min(left + seen.right, right),
        min(top + seen.bottom, bottom),
    )


def share_within(values: npt.NDArray[np.float32], whole: Box, part: Box) -> float:
    """Share of the sum of ``values`` (H, W), each spread evenly over its cell of ``whole``, that lies in ``part``.

    Args:
        values: at least 0; where all are 0 the share is NaN.
        whole: what the values cover.
        part: a rectangle.
    """

    def covered(cells: int, start: float, stop: float, first: float, last: float) -> npt.NDArray[np.float64]:
        edges = np.linspace(start, stop, cells + 1).clip(first, last)
        return np.diff(edges) * cells / (stop - start)

    across = covered(values.shape[1], whole.left, whole.right, part.left, part.right)
    down = covered(values.shape[0], whole.top, whole.bottom, part.top, part.bottom)
    total = float(values.sum())
    return float(down @ values @ across) / total if total else math.nan
