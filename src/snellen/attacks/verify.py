"""The truth about an attack, measured from the 8-bit file as any program would read it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch import Tensor

from snellen.attacks.config import Space
from snellen.attacks.search import Criterion
from snellen.data.images import Source, read_image, source_name
from snellen.errors import SnellenError
from snellen.models.classifier import Classifier
from snellen.models.predictions import Prediction, probabilities_of, probabilities_of_inputs

Bytes = npt.NDArray[np.uint8]
"""A photograph (H, W, 3), RGB, as its file holds it."""


@dataclass(frozen=True)
class Verdict:
    """What the classifier sees in one image.

    Attributes:
        top: most probable class.
        label: probability of the class that the photograph shows.
        target: probability of the target; None where there is none.
        success: whether the criterion is met: the target is on top, or, untargeted, the label is not.
        changed: whether the label is not on top.
    """

    top: Prediction
    label: float
    target: float | None
    success: bool
    changed: bool


def probabilities(classifier: Classifier, image: Image.Image, space: Space) -> Tensor:
    """Class probabilities (K,) of a photograph; in the space ``input``, of an image of the network's input size."""
    if space == "image":
        return probabilities_of(classifier, image)
    return probabilities_of_inputs(classifier, np.asarray(image))


def prediction(classifier: Classifier, values: Tensor, index: int) -> Prediction:
    """One class with its probability."""
    return Prediction(classifier.labels[index], index, float(values[index]))


def judge(classifier: Classifier, values: Tensor, criterion: Criterion) -> Verdict:
    """What class probabilities (K,) say."""
    return Verdict(
        top=prediction(classifier, values, int(values.argmax())),
        label=float(values[criterion.label]),
        target=None if criterion.target is None else float(values[criterion.target]),
        success=bool(criterion.is_met(values[None])[0]),
        changed=int(values.argmax()) != criterion.label,
    )


def verify(
    classifier: Classifier, file: Source, original: Bytes, criterion: Criterion, space: Space
) -> tuple[Verdict, int]:
    """Read an attacked file back: what is seen in it, and how far it is from the original in steps of 1/255.

    Raises:
        SnellenError: the file is not of the original's size.
    """
    image = read_image(file)
    attacked = np.asarray(image)
    if attacked.shape != original.shape:
        raise SnellenError(f"{source_name(file)}: is {attacked.shape}, the original {original.shape}")
    return judge(classifier, probabilities(classifier, image, space), criterion), norm(attacked, original)


def norm(attacked: Bytes, original: Bytes) -> int:
    """The infinity norm of the difference, in steps of 1/255."""
    # Strip by strip: a difference of bytes needs wider integers, and a photograph may have many pixels.
    strips = (slice(start, start + 256) for start in range(0, len(original), 256))
    return max(int(np.abs(attacked[s].astype(np.int16) - original[s]).max(initial=0)) for s in strips)


def uniform_noise(original: Bytes, steps: int, seed: int) -> Image.Image:
    """The unattacked control: each value moved by a whole number of steps drawn evenly from -steps to steps."""
    generator = np.random.default_rng(seed)
    noisy = np.empty_like(original)
    for start in range(0, len(original), 256):
        strip = original[start : start + 256].astype(np.int16)
        drawn = generator.integers(-steps, steps, size=strip.shape, dtype=np.int16, endpoint=True)
        noisy[start : start + 256] = np.clip(strip + drawn, 0, 255)
    return Image.fromarray(noisy)
