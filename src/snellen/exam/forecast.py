"""How long the exam will take, measured on this machine before it starts."""

from __future__ import annotations

import contextlib
import time

import torch

from snellen.data.datasets import open_dataset
from snellen.errors import SnellenError
from snellen.exam.context import Context
from snellen.exam.parts import attack
from snellen.exam.parts.training import recipes
from snellen.models.classifier import Classifier
from snellen.robustness.stress import all_transforms
from snellen.training.speed import seconds_per_image

_GRADIENT = 3
"""A gradient costs about as much as this many passes."""
_GRADIENTS = 40
"""Of an attack that succeeds, with room to spare."""
_PASSES_OF_FEATURES = 40
"""One for each channel silenced, and those of the gradients."""
_OVERHEAD = 3.0
"""Seconds of a part that are not the network's: decoding, drawing."""


def seconds_of_pass(classifier: Classifier) -> float:
    """Seconds that the network takes for one photograph; the first pass, which warms up, is not counted."""
    view = torch.zeros(1, 3, *classifier.preprocessing.size)
    times = []
    for _ in range(3):
        started = time.perf_counter()
        with torch.inference_mode():
            classifier.logits_from_inputs(view)
        times.append(time.perf_counter() - started)
    return min(times[1:])


def forecast(part: str, context: Context, seconds: float) -> float:
    """Seconds that a part will take, roughly; of a data set that cannot be opened, nothing.

    Args:
        part: its name.
        context: what it will be given.
        seconds: of one pass; see :func:`seconds_of_pass`.
    """
    attacked = min(len(context.photographs), attack.PHOTOGRAPHS)
    passes = {
        "categories": len(context.photographs),
        "features": _PASSES_OF_FEATURES,
        "attack": attacked * _GRADIENTS * _GRADIENT,
        "stress": 2 * attacked * len(all_transforms()),
    }
    if part in passes:
        return _OVERHEAD + passes[part] * seconds
    total = _OVERHEAD
    with contextlib.suppress(SnellenError):
        if part == "probe":
            total += seconds * sum(len(open_dataset(name)) for name in context.datasets)
        elif part == "training" and not context.training_runs:
            images = len(open_dataset(context.training))
            total += images * sum(seconds_per_image(recipe) for recipe in recipes(context.training))
    return total
