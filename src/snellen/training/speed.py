"""A measurement of a recipe's speed, to say beforehand how long a training will take."""

from __future__ import annotations

import dataclasses
from collections import Counter

import torch

from snellen.data.preprocessing import Preprocessing
from snellen.models.create import create
from snellen.training.data import InMemorySplit
from snellen.training.loop import Training, size_at, train_epoch
from snellen.training.optimise import make_optimisers
from snellen.training.processes import Processes
from snellen.training.recipe import ProgressiveResizing, Recipe

_IMAGES, _BATCH, _CLASSES, _EPOCHS = 64, 64, 10, 3


def seconds_per_image(recipe: Recipe) -> float:
    """Seconds that learning from one image takes on this machine's processor, all epochs together.

    Each size of :attr:`~snellen.training.recipe.Recipe.progressive_resizing` is measured on a few blank images.
    """
    sizes = Counter(size_at(recipe, epoch) for epoch in range(recipe.epochs))
    return sum(epochs * _seconds_at(size, recipe) for size, epochs in sizes.items())


def _seconds_at(size: int, recipe: Recipe) -> float:
    """Seconds that learning once from one image of ``size`` pixels takes."""
    split = InMemorySplit(
        torch.zeros(_IMAGES, recipe.size, recipe.size, 3, dtype=torch.uint8), torch.zeros(_IMAGES).long()
    )
    preprocessing = Preprocessing((recipe.size, recipe.size), 1.0, "bicubic", (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    once = dataclasses.replace(recipe, batch=_BATCH, epochs=1, progressive_resizing=ProgressiveResizing(size, 1))
    with torch.random.fork_rng(devices=[]):
        network = create(recipe.network, _CLASSES, recipe.network_options)
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimisers = make_optimisers(network, recipe.optimiser)
        training = Training(once, 0, network, optimisers, split, preprocessing, Processes("cpu"))
        # The first epoch warms up; what else runs on the machine slows some of the others.
        return min(train_epoch(training, 0).seconds for _ in range(_EPOCHS)) / _IMAGES
