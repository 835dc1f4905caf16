"""How well a classifier names images that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from snellen.intervals import Rate
from snellen.models.classifier import Classifier
from snellen.training.data import InMemorySplit

_BATCH = 500
_SHIFTS = (0, -1, 1)


@dataclass(frozen=True)
class Evaluation:
    """A classifier's answers on a split.

    Attributes:
        accuracy: share of images named rightly, with its 95% interval.
        loss: mean cross-entropy, in nats.
        per_class: the accuracy of each class, in the labels' order.
        confusion: row: the true class; column: the answer; entry: number of images.
    """

    accuracy: Rate
    loss: float
    per_class: tuple[Rate, ...]
    confusion: tuple[tuple[int, ...], ...]


def evaluate(classifier: Classifier, split: InMemorySplit, averaged: bool = False) -> Evaluation:
    """Test ``classifier`` on a split whose images have its input size.

    Args:
        classifier: in its own precision; put the call in an autocast context for another.
        split: the images and their classes.
        averaged: whether to average the logits over six views (see :func:`logits_of_six`).
    """
    see = logits_of_six if averaged else Classifier.logits_from_inputs
    with torch.inference_mode():
        parts = [see(classifier, pixels_from_bytes(part)).float().cpu() for part in split.images.split(_BATCH)]
    return scored(torch.cat(parts), split.targets.cpu(), len(classifier.labels))


def pixels_from_bytes(images: Tensor) -> Tensor:
    """Views (N, 3, H, W) in [0, 1] of bytes (N, H, W, 3)."""
    return images.permute(0, 3, 1, 2).float().div(255)


def logits_of_six(classifier: Classifier, views: Tensor) -> Tensor:
    """Mean logits over each view and its mirror image, in place and moved diagonally by a pixel either way.

    The border is reflected. Of a network that does not mind mirrors, three of the six say nothing new.
    """
    height, width = views.shape[-2:]
    padded = functional.pad(views, (1, 1, 1, 1), mode="reflect")
    shifted = [padded[..., 1 + s : 1 + s + height, 1 + s : 1 + s + width] for s in _SHIFTS]
    seen = [classifier.logits_from_inputs(side) for view in shifted for side in (view, view.flip(-1))]
    return torch.stack(seen).mean(dim=0)


def scored(logits: Tensor, targets: Tensor, classes: int) -> Evaluation:
    """What ``logits`` (N, K) are worth where ``targets`` (N,) are right."""
    answers = logits.argmax(dim=1)
    confusion = torch.bincount(targets * classes + answers, minlength=classes**2).reshape(classes, classes)
    right = answers == targets
    return Evaluation(
        accuracy=Rate.of(right.tolist()),
        loss=float(functional.cross_entropy(logits.double(), targets)),
        per_class=tuple(Rate.of(right[targets == label].tolist()) for label in range(classes)),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
    )
