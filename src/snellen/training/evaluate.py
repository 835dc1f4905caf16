"""How well a classifier does on images that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from snellen.data.images import pixels_from_bytes
from snellen.models.classifier import Classifier
from snellen.models.scores import Scores, score
from snellen.training.data import InMemorySplit

_BATCH = 500
_SHIFTS = (0, -1, 1)


@dataclass(frozen=True)
class Evaluation(Scores):
    """A classifier's scores on a split, and its loss.

    Attributes:
        loss: mean cross-entropy, in nats.
        mistakes: places in the split, from 0, of the images that are classified wrongly, by which two classifiers can
            be compared image by image; None in results that do not hold them.
    """

    loss: float
    mistakes: tuple[int, ...] | None = None


def evaluate(classifier: Classifier, split: InMemorySplit, tta: bool = False) -> Evaluation:
    """Test ``classifier`` on a split whose images have its input size.

    Args:
        classifier: classifier in its own precision; put the call in an autocast context for another.
        split: images and their classes.
        tta: whether to augment at test time (see :func:`tta_logits`).
    """
    forward = tta_logits if tta else Classifier.logits_from_inputs
    with torch.inference_mode():
        parts = [forward(classifier, pixels_from_bytes(part)).float().cpu() for part in split.images.split(_BATCH)]
    return evaluation_of(torch.cat(parts), split.targets.cpu())


def tta_logits(classifier: Classifier, inputs: Tensor) -> Tensor:
    """Mean logits (N, K) over six variants of ``inputs`` (N, 3, h, w): test-time augmentation.

    The variants are each image and its mirror image, in place and moved diagonally by a pixel either way; the border is
    reflected. A flip-equivariant network answers three of the six as it answers the others.
    """
    height, width = inputs.shape[-2:]
    padded = functional.pad(inputs, (1, 1, 1, 1), mode="reflect")
    shifted = [padded[..., 1 + s : 1 + s + height, 1 + s : 1 + s + width] for s in _SHIFTS]
    logits = [classifier.logits_from_inputs(one) for images in shifted for one in (images, images.flip(-1))]
    return torch.stack(logits).mean(dim=0)


def evaluation_of(logits: Tensor, targets: Tensor) -> Evaluation:
    """How well ``logits`` (N, K) agree with the true classes ``targets`` (N,), both on the CPU."""
    predicted = logits.argmax(dim=1)
    return Evaluation(
        **vars(score(targets.numpy(), predicted.numpy(), logits.shape[1])),
        loss=float(functional.cross_entropy(logits.double(), targets)),
        mistakes=tuple((predicted != targets).nonzero()[:, 0].tolist()),
    )
