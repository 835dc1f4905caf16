"""What a training run was, what it learned and how well: ``metrics.json`` in its folder."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from snellen.data.datasets.leaks import Leak
from snellen.intervals import Rate
from snellen.runs.files import free_name
from snellen.runs.provenance import Provenance
from snellen.runs.result import Result
from snellen.training.evaluate import Evaluation
from snellen.training.recipe import Recipe

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class EpochMetrics:
    """One epoch of a training.

    Attributes:
        loss: mean cross-entropy (nats) over the training images as they were augmented, and attacked where the recipe
            does so, while the network learned from them; smoothed where the recipe smooths; of an ensemble the
            members' mean.
        accuracy: share of those images that were classified correctly; of an ensemble the members' mean.
        learning_rate: mean learning rate over the steps.
        seconds: duration, without the evaluation of the held-out images.
        images_per_second: speed, over all processes.
        held_out_loss, held_out_accuracy: loss and accuracy after the epoch on the training images that were held out;
            None where none were.
    """

    loss: float
    accuracy: float
    learning_rate: float
    seconds: float
    images_per_second: float
    held_out_loss: float | None = None
    held_out_accuracy: float | None = None


@dataclass(frozen=True)
class TrainingData:
    """The images of a training.

    Attributes:
        name: name of the data set, as it was asked for.
        split_description: one sentence on where the training and the test split come from.
        note: what must be said of the set; empty for an ordinary one.
        labels: names of the classes.
        train_images, held_out_images, test_images: numbers of images.
        failures: lines, one for each image that could not be read and was left out.
        leaks: test images that are training images too, as they were decoded for training.
    """

    name: str
    split_description: str
    note: str
    labels: tuple[str, ...]
    train_images: int
    held_out_images: int
    test_images: int
    failures: tuple[str, ...]
    leaks: tuple[Leak, ...] = ()


@dataclass(frozen=True)
class TrainingResult(Result):
    """One network, trained from scratch with one seed.

    Attributes:
        recipe: recipe, every setting resolved.
        seed: seed of every random choice.
        data: images that it learned from and was tested on.
        parameters: number of the network's parameters.
        first_layer: shape (F, 3, h, w) of its first filters; None where it has no such layer.
        precision: what the products were computed in, ``bfloat16`` or ``float32``, and whether wide 3 x 3 convolutions
            were computed by Winograd's algorithm.
        processes: number of processes that trained together.
        history: metrics of each epoch.
        test: evaluation on the test split, done once, after the last epoch.
        test_tta: the same with test-time augmentation; None where it was not asked for.
        provenance: what it takes to make it again.
        noise_like_filters: share of the first filters that are like noise, see
            :func:`snellen.training.filters.noise_like`; None where the network has none.
        first_weights: digest of the weights that it started from, see
            :func:`snellen.training.initialise.digest_of_weights`; empty where an earlier version began the run.
    """

    recipe: Recipe
    seed: int
    data: TrainingData
    parameters: int
    first_layer: tuple[int, ...] | None
    precision: str
    processes: int
    history: tuple[EpochMetrics, ...]
    test: Evaluation
    test_tta: Evaluation | None
    provenance: Provenance
    noise_like_filters: Rate | None = None
    first_weights: str = ""

    @property
    def seconds(self) -> float:
        """Time spent in the epochs."""
        return sum(epoch.seconds for epoch in self.history)

    @property
    def network_name(self) -> str:
        """The network's name; of a file, its name without the folders."""
        return self.recipe.network.rpartition("/")[2]

    @property
    def title(self) -> str:
        """What a figure calls the run: its network, and how its loss differs from the plain one."""
        smoothing = self.recipe.label_smoothing
        return f"{self.network_name} (targets smoothed by {smoothing:g})" if smoothing else self.network_name

    def plot(self) -> Figure:
        """Loss, accuracy and learning rate against epochs."""
        from snellen.training.figures import draw_curves

        return draw_curves([self])

    def discussion(self) -> str:
        """What the run shows."""
        from snellen.training.discussion import discuss

        return " ".join(discuss(self))


@dataclass(frozen=True)
class TrainingComparison(Result):
    """Training runs beside each other.

    Attributes:
        runs: results of each run, which differ in their seeds.
    """

    runs: tuple[tuple[TrainingResult, ...], ...]

    @property
    def results(self) -> list[TrainingResult]:
        """All results, one run after another."""
        return [result for results in self.runs for result in results]

    def plot(self) -> Figure:
        """Loss, accuracy and learning rate of all runs against epochs."""
        from snellen.training.figures import draw_curves

        return draw_curves(self.results)

    def discussion(self) -> str:
        """On what machines they were trained, and what differs."""
        from snellen.training.discussion import compare, where

        return " ".join([where(self.results), *compare(self.runs)])


def same_images(one: TrainingResult, other: TrainingResult) -> bool:
    """Whether two runs learned from, and were tested on, the same images, so that their accuracies compare."""
    return one.provenance.data == other.provenance.data


def names_of(results: Sequence[TrainingResult]) -> list[str]:
    """What runs beside each other are called: each by its network, and by its learning rate where that has several."""
    rates: dict[str, set[float]] = {}
    for result in results:
        rates.setdefault(result.network_name, set()).add(result.recipe.optimiser.learning_rate)
    return [
        f"{result.network_name} (rate {result.recipe.optimiser.learning_rate:g})"
        if len(rates[result.network_name]) > 1
        else result.network_name
        for result in results
    ]


def file_names_of(results: Sequence[TrainingResult]) -> list[str]:
    """Names of files and folders for runs beside each other, each its own: ``batchnorm-rate-0.02``."""
    taken: set[str] = set()
    return [free_name(re.sub(r"[^\w.]+", "-", name).strip("-"), "", taken) for name in names_of(results)]


def recipe_files_of(results: Sequence[TrainingResult]) -> list[str]:
    """The same of their recipes: of runs of one recipe the first one's."""
    names = file_names_of(results)
    return [
        next(name for name, other in zip(names, results, strict=True) if other.recipe == one.recipe) for one in results
    ]


def rate_at(share: float, count: int) -> Rate:
    """The rate of ``count`` trials that is nearest to ``share``."""
    return Rate.of_count(round(share * count), count)


def smoothed_floor(result: TrainingResult) -> float:
    """The smallest training loss there can be, in nats: the entropy of one target, smoothed as the recipe says."""
    classes, smoothing = len(result.data.labels), result.recipe.label_smoothing
    others = smoothing / classes
    shares = [1 - smoothing + others, *[others] * (classes - 1)]
    return -sum(one * math.log(one) for one in shares if one)
