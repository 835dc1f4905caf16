"""A crop that leaves about 80% of the object, as the assignment asks.

Where somebody drew a rectangle around the object, of that: it is shrunk about its centre. Where nobody did, what
supports the class in the network (Grad-CAM of the clean photograph) stands in the object's place, which need not be all
of it, nor nothing but it; what counts then is what the network sees, whose preprocessing crops the crop once more.
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
from snellen.data.photo_labels import Rectangle
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
        drawn: rectangle that was drawn around the object; None where the heat for the class stands for it.
        kept: share of the drawn rectangle's area that the crop leaves; of the heat, what the network sees of it.
        seen: share of the drawn rectangle's area, or of the heat, that the network sees.
        attacked: what is seen in the attacked file, and left of its noise.
        clean: what is seen in the original.
        whole: the original.
        image: the attacked file's crop.
    """

    name: str
    box: Rectangle
    area: float
    drawn: Rectangle | None
    kept: float
    seen: float
    attacked: Outcome
    clean: Outcome
    whole: Image.Image = field(repr=False, compare=False, metadata=NOT_SERIALISED)
    image: Image.Image = field(repr=False, compare=False, metadata=NOT_SERIALISED)


def object_crop(
    classifier: Classifier,
    original: Photo,
    attacked: Image.Image,
    asked: tuple[int, int],
    drawn: Rectangle | None = None,
) -> ObjectCrop | None:
    """Crop a photograph and its attacked file to about 80% of the object; None where no heat is for its class.

    Args:
        classifier: classifier under examination.
        original: the clean photograph.
        attacked: the attacked one, as large.
        asked: index of the class that it shows, and of that which the attack is to show.
        drawn: rectangle that was drawn around the object; None takes the heat for the class.

    Raises:
        ModelError: the network gives no heat map, and nobody drew a rectangle.
    """
    width, height = original.size
    preprocessing = classifier.preprocessing
    if drawn is None:
        whole = Box(*preprocessing.geometry(height, width).box)
        values = heatmap(classifier, original.image, asked[0]).values
        if not values.any():
            return None
        box = box_with(values, whole, original.size, preprocessing)
    else:
        whole, values = Box(*drawn), np.ones((1, 1), np.float32)
        box = shrunk(drawn)
    seen = share_within(values, whole, seen_of(box, preprocessing))
    kept = seen if drawn is None else share_within(values, whole, Box(*box))
    image, clean = attacked.crop(box), original.image.crop(box)
    left = _energy(classifier, clean, image) / (_energy(classifier, original.image, attacked) or math.nan)
    return ObjectCrop(
        name=original.name,
        box=box,
        area=(box[2] - box[0]) * (box[3] - box[1]) / (width * height),
        drawn=drawn,
        kept=kept,
        seen=seen,
        attacked=outcome_of(classifier, OBJECT_CROP, probabilities_of(classifier, image), asked[1], asked, left),
        clean=outcome_of(classifier, OBJECT_CROP, probabilities_of(classifier, clean), asked[0], asked),
        whole=original.image,
        image=image,
    )


def shrunk(drawn: Rectangle) -> Rectangle:
    """The rectangle of the same centre and proportions that has :data:`SHARE` of the area, to whole pixels.

    Args:
        drawn: rectangle within a photograph.
    """

    def side(first: int, last: int) -> tuple[int, int]:
        length = max(1, round(math.sqrt(SHARE) * (last - first)))
        start = round((first + last - length) / 2)
        return start, start + length

    (left, right), (top, bottom) = side(drawn[0], drawn[2]), side(drawn[1], drawn[3])
    return left, top, right, bottom


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
) -> Rectangle:
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

    def box(side: float) -> Rectangle:
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


def seen_of(box: Rectangle, preprocessing: Preprocessing) -> Box:
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
