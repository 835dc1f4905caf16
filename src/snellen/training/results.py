"""What a training run was, what it learned and how well: kept as ``metrics.json`` in its folder."""

from __future__ import annotations

from dataclasses import dataclass

from snellen.intervals import Rate
from snellen.runs.provenance import Provenance
from snellen.training.evaluate import Evaluation
from snellen.training.recipe import Recipe

METRICS = "metrics.json"


@dataclass(frozen=True)
class Epoch:
    """One epoch of a run.

    Attributes:
        loss, accuracy: on the training images as they were augmented, while the network learned from them.
        learning_rate: mean over the epoch.
        seconds: of the epoch, without the look at the held-out images.
        images_per_second: in it, over all processes.
        held_out_loss, held_out_accuracy: after the epoch, on the training images held out; None where none are.
    """

    loss: float
    accuracy: float
    learning_rate: float
    seconds: float
    images_per_second: float
    held_out_loss: float | None = None
    held_out_accuracy: float | None = None


@dataclass(frozen=True)
class TrainingResult:
    """One network, trained from scratch with one seed.

    Attributes:
        recipe: how, every setting resolved.
        seed: of every random choice.
        dataset: its name.
        how: where its training and test split come from.
        about: what must be said of the set; empty for an ordinary one.
        labels: names of the classes.
        train_images, held_out_images, test_images: how many there were of each.
        failures: a line for each image that could not be read and was left out.
        parameters: of the network.
        first_layer: shape (F, 3, h, w) of its first filters; None where it has no such layer.
        precision: ``bfloat16`` or ``float32``: what the products were computed in.
        processes: how many trained together.
        history: one entry an epoch.
        test: on the test split, looked at once, after the last epoch.
        test_averaged: the same with test-time augmentation; None where it was not asked for.
        provenance: what it takes to make it again.
    """

    recipe: Recipe
    seed: int
    dataset: str
    how: str
    about: str
    labels: tuple[str, ...]
    train_images: int
    held_out_images: int
    test_images: int
    failures: tuple[str, ...]
    parameters: int
    first_layer: tuple[int, ...] | None
    precision: str
    processes: int
    history: tuple[Epoch, ...]
    test: Evaluation
    test_averaged: Evaluation | None
    provenance: Provenance

    @property
    def seconds(self) -> float:
        """Time spent in the epochs."""
        return sum(epoch.seconds for epoch in self.history)


def rate_at(share: float, count: int) -> Rate:
    """The rate of ``count`` trials of which ``share`` did, rounded to a whole number."""
    return Rate.of(number < round(share * count) for number in range(count))
