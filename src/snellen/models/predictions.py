"""What a classifier answers: its most probable categories, its probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from snellen.data.images import pixels_from_bytes
from snellen.errors import InputError, ModelError
from snellen.models.classifier import Classifier

_ROUNDING = 1e-6
"""By how much float32 probabilities miss the sum of 1 at most; logits of two classes hardly ever come as near."""


@dataclass(frozen=True)
class Prediction:
    """One category: its name, its index among the logits, its softmax probability in [0, 1]."""

    label: str
    index: int
    probability: float


def softmax(logits: Tensor) -> Tensor:
    """Probabilities (N, K), float64 on the CPU, of logits (N, K) of any precision on any device.

    Some devices, Apple's among them, have no float64.

    Raises:
        ModelError: see :func:`check_logits`.
    """
    logits = logits.detach().cpu().double()
    check_logits(logits)
    return logits.softmax(dim=1)


def check_logits(logits: Tensor) -> None:
    """Refuse what has no probabilities, or is probabilities already: their softmax would be all but even.

    Raises:
        ModelError: NaN or plus infinity among the logits (N, K), or rows that sum to 1 with nothing below 0.
    """
    if not (logits < torch.inf).all():
        raise ModelError("the network gave NaN or infinite logits", "weights and inputs with which it gives numbers")
    sums = logits.sum(dim=1)
    if len(logits) and (logits >= 0).all() and ((sums - 1).abs() < _ROUNDING).all():
        raise ModelError("the network gave probabilities, which sum to 1", "logits: take the softmax off its end")


def top_predictions(classifier: Classifier, logits: Tensor, k: int) -> list[tuple[Prediction, ...]]:
    """The ``k`` most probable categories of each row of ``logits`` (N, K); all K where k is larger.

    Raises:
        InputError: k is not a whole number above 0.
    """
    if not isinstance(k, int) or k < 1:
        raise InputError(f"k is {k!r}", "a whole number above 0")
    probabilities, indices = softmax(logits).topk(min(k, logits.shape[1]), dim=1)
    return [
        tuple(Prediction(classifier.labels[index], index, value) for value, index in zip(row, column, strict=True))
        for row, column in zip(probabilities.tolist(), indices.tolist(), strict=True)
    ]


def top_prediction(classifier: Classifier, probabilities: Tensor) -> Prediction:
    """The most probable class of ``probabilities`` (K,)."""
    index = int(probabilities.argmax())
    return Prediction(classifier.labels[index], index, float(probabilities[index]))


def probabilities_of(classifier: Classifier, image: Image.Image) -> Tensor:
    """Softmax probabilities (K,), float64, of one RGB image, as every file that is classified gets them."""
    return probabilities_of_inputs(classifier, classifier.preprocessing.preprocess_image(image))


def probabilities_of_inputs(classifier: Classifier, inputs: npt.NDArray[np.uint8]) -> Tensor:
    """Softmax probabilities (K,), float64, of the bytes (h, w, 3) of one photograph at the network's input size."""
    with torch.inference_mode():
        return softmax(classifier.logits_from_inputs(pixels_from_bytes(inputs)))[0]


def logits_and_gradient(classifier: Classifier, inputs: Tensor, target: int, other: int) -> tuple[Tensor, Tensor]:
    """What a small change of one input does to the lead of one class over another.

    Args:
        classifier: the classifier.
        inputs: one input (1, 3, h, w), pixels in [0, 1]; left as it is.
        target: index of the class whose lead is asked.
        other: index of the class that it is ahead of, or behind.

    Returns:
        Logits (K,), and the gradient (1, 3, h, w) in the input of the target's logit less the other's; on the CPU.
    """
    pixels = inputs.detach().to(classifier.device).requires_grad_()
    with torch.enable_grad():
        logits = classifier.logits_from_inputs(pixels)[0]
        (gradient,) = torch.autograd.grad(logits[target] - logits[other], pixels)
    return logits.detach().cpu(), gradient.cpu()
