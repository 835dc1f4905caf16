"""A crop that leaves about 80% of the object, as the assignment asks: of the heat for the photograph's own class.

Nobody outlines the object. What the network itself looks at for the class (Grad-CAM of the clean photograph) stands in
its place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from snellen.data.images import Photo
from snellen.inspect.heatmap import heatmap
from snellen.models.classifier import Classifier
from snellen.models.predictions import Prediction, probabilities_of
from snellen.runs.serialise import NOT_SERIALISED

SHARE = 0.8
_HALVINGS = 30


class Box(NamedTuple):
    """A rectangle in pixels of a photograph, between whose edges pixels may lie."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Seen:
    """What is seen in one cropped photograph.

    Attributes:
        top: most probable class.
        label: probability of the class that the photograph shows.
        target: probability of the class that the attack made of it.
    """

    top: Prediction
    label: float
    target: float


@dataclass(frozen=True)
class ObjectCrop:
    """One attacked photograph and its original, cropped alike.

    Attributes:
        name: path of the original.
        box: left, top, right and bottom of the crop, in pixels.
        area: share of the photograph's area that it leaves.
        heat: share of the heat for the photograph's class that it leaves.
        heat_seen: of that heat what the network sees of the crop, which its preprocessing crops once more.
        attacked: what is seen in the attacked file.
        clean: what is seen in the original.
        image: the attacked file's crop.
    """

    name: str
    box: tuple[int, int, int, int]
    area: float
    heat: float
    heat_seen: float
    attacked: Seen
    clean: Seen
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
    geometry = classifier.preprocessing.geometry
    values, whole = heatmap(classifier, original.image, label).values, Box(*geometry(height, width).box)
    if not values.any():
        return None
    box = box_with(values, whole, original.size)
    seen = Box(*geometry(box[3] - box[1], box[2] - box[0]).box)
    image = attacked.crop(box)
    return ObjectCrop(
        name=original.name,
        box=box,
        area=(box[2] - box[0]) * (box[3] - box[1]) / (width * height),
        heat=share_within(values, whole, Box(*box)),
        heat_seen=share_within(
            values, whole, Box(box[0] + seen.left, box[1] + seen.top, box[0] + seen.right, box[1] + seen.bottom)
        ),
        attacked=_seen(classifier, image, label, target),
        clean=_seen(classifier, original.image.crop(box), label, target),
        image=image,
    )


def _seen(classifier: Classifier, image: Image.Image, label: int, target: int) -> Seen:
    values = probabilities_of(classifier, image)
    top = int(values.argmax())
    return Seen(
        Prediction(classifier.labels[top], top, float(values[top])), float(values[label]), float(values[target])
    )


def box_with(
    values: npt.NDArray[np.float32], whole: Box, size: tuple[int, int], share: float = SHARE
) -> tuple[int, int, int, int]:
    """The largest rectangle of a photograph's proportions, in one of its corners, that leaves a share of the heat.

    Args:
        values: heat (H, W), at least 0 and not all 0.
        whole: what the values cover.
        size: the photograph's width and height in pixels.
        share: share of the heat's sum.
    """
    boxes = [_in_corner(values, whole, size, corner, share) for corner in _CORNERS]
    return max(boxes, key=lambda box: (box[2] - box[0]) * (box[3] - box[1]))


_CORNERS = ((0, 0), (1, 0), (0, 1), (1, 1))
"""Of the photograph, as shares of what is cut away that lie left and above."""


def _in_corner(
    values: npt.NDArray[np.float32], whole: Box, size: tuple[int, int], corner: tuple[int, int], share: float
) -> tuple[int, int, int, int]:
    """By bisection: the larger a rectangle in one corner, the more of the heat lies in it."""

    def box(side: float) -> tuple[int, int, int, int]:
        across, down = (max(1, round(side * one)) for one in size)
        left, top = corner[0] * (size[0] - across), corner[1] * (size[1] - down)
        return left, top, left + across, top + down

    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if share_within(values, whole, Box(*box(middle))) >= share else (middle, high)
    return box(high)


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
