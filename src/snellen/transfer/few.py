"""What a network can learn from few examples: accuracy against the number of examples of each class."""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from snellen.data.datasets.base import ImageSet, Targets
from snellen.data.datasets.leaks import Leak
from snellen.data.images import Failure
from snellen.errors import InputError
from snellen.inference.features import DEFAULT_FEATURES, FeatureConfig
from snellen.models.classifier import Classifier
from snellen.models.scores import score
from snellen.runs.progress import SILENT, Progress
from snellen.runs.provenance import Provenance
from snellen.runs.result import Result
from snellen.transfer.linear import ClassifierKind, check_kind, fit_linear
from snellen.transfer.splits import EmbeddedSplits, embed_splits

if TYPE_CHECKING:
    from matplotlib.figure import Figure

C = 100.0
"""The regularisation, the same throughout: no example is to spare for choosing it."""


@dataclass(frozen=True)
class FewShotPoint:
    """Accuracy from so many examples of each class.

    Attributes:
        shots: number of training examples of each class.
        accuracies: mean-per-class accuracy on the whole test split, for each drawing of the examples.
    """

    shots: int
    accuracies: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over the drawings."""
        return statistics.fmean(self.accuracies)

    @property
    def deviation(self) -> float:
        """Standard deviation over the drawings; zero of one."""
        return statistics.stdev(self.accuracies) if len(self.accuracies) > 1 else 0.0


@dataclass(frozen=True)
class FewShotResult(Result):
    """What a network learned from few examples; all accuracies are shares in [0, 1].

    Attributes:
        dataset: name of the data set.
        split: one sentence on where training and test split come from.
        note: what must be said of the data set; empty for an ordinary one.
        model: name of the network.
        kind: kind of the linear classifier.
        c: its regularisation.
        labels: names of the classes.
        n: number of test images.
        points: accuracy for each number of examples, fewest first.
        leaks: test images that are training images too.
        failures: images that could not be read.
        provenance: what makes it repeatable; its seed is that of the first drawing.
    """

    dataset: str
    split: str
    note: str
    model: str
    kind: ClassifierKind
    c: float
    labels: tuple[str, ...]
    n: int
    points: tuple[FewShotPoint, ...]
    leaks: tuple[Leak, ...]
    failures: tuple[Failure, ...]
    provenance: Provenance

    def plot(self) -> Figure:
        """Accuracy against the number of examples."""
        from snellen.transfer.figures import draw_few_shot

        return draw_few_shot(self)

    def discussion(self) -> str:
        """What the numbers say, a paragraph each."""
        from snellen.transfer.discussion import discuss_few_shot

        return "\n\n".join(discuss_few_shot(self))

    def to_dict(self) -> dict[str, Any]:
        """The result as what JSON knows, with the mean and deviation of each point and the discussion."""
        points = [
            {"shots": p.shots, "mean": p.mean, "deviation": p.deviation, "accuracies": list(p.accuracies)}
            for p in self.points
        ]
        return super().to_dict() | {"points": points, "discussion": self.discussion().split("\n\n")}


def few_shot(
    classifier: Classifier,
    dataset: ImageSet | str | Path,
    shots: Sequence[int],
    seeds: int = 10,
    *,
    kind: ClassifierKind = "logistic",
    features: FeatureConfig = DEFAULT_FEATURES,
    seed: int = 0,
    progress: Progress = SILENT,
) -> FewShotResult:
    """Learn the classes of ``dataset`` from few examples of each, drawn several times, and test each time on all.

    Args:
        classifier: the network; its own classes are not used.
        dataset: labelled photographs; or their name, see :func:`snellen.open_dataset`.
        shots: numbers of examples of each class.
        seeds: number of drawings of the examples.
        kind: kind of the linear classifier: ``logistic``, ``svm`` or ``ridge``.
        features: how the features are computed.
        seed: seed of the first drawing, and of the split where the set has none; the next drawing has the next seed.
        progress: told of each image and each drawing.

    Raises:
        InputError: no number of shots, or more than the smallest class has; see also
            :func:`snellen.data.datasets.base.train_test`.
    """
    check_kind(kind)
    wanted = sorted(set(shots))
    if not wanted or wanted[0] < 1:
        raise InputError(f"`shots` {', '.join(map(str, shots)) or 'none'}", "whole numbers from 1, such as 1,2,5,10")
    if seeds < 1:
        raise InputError(f"`seeds` is {seeds}", "1 or more")
    splits = embed_splits(classifier, dataset, features, seed, progress)
    _check_enough(splits, wanted[-1])
    progress.begin("Learning from few", len(wanted) * seeds)
    points = []
    for count in wanted:
        accuracies = []
        for drawing in range(seed, seed + seeds):
            accuracies.append(_accuracy(splits, count, drawing, kind))
            progress.advance()
        points.append(FewShotPoint(count, tuple(accuracies)))
    return FewShotResult(
        dataset=splits.dataset.name,
        split=splits.data.description,
        note=splits.dataset.note,
        model=classifier.name,
        kind=kind,
        c=C,
        labels=tuple(splits.data.labels),
        n=len(splits.test.targets),
        points=tuple(points),
        leaks=splits.leaks,
        failures=(*splits.train.failures, *splits.test.failures),
        provenance=classifier.provenance(splits.dataset.fingerprint, seed=seed),
    )


def draw_shots(targets: Targets, shots: int, seed: int) -> npt.NDArray[np.intp]:
    """The places of ``shots`` examples of each class, drawn without replacement, class by class.

    With the same seed, fewer shots are the first of more: a curve over shots adds examples and replaces none.
    """
    random = np.random.default_rng(seed)
    orders = [random.permutation(np.flatnonzero(targets == label)) for label in range(int(targets.max()) + 1)]
    return np.concatenate([order[:shots] for order in orders])


def _accuracy(splits: EmbeddedSplits, shots: int, seed: int, kind: ClassifierKind) -> float:
    chosen = draw_shots(splits.train.targets, shots, seed)
    with warnings.catch_warnings():
        # From one example of each class there are as many classes as examples, which scikit-learn wonders about.
        warnings.filterwarnings("ignore", message="The number of unique classes is greater than 50%")
        probe = fit_linear(splits.train.features[chosen], splits.train.targets[chosen], kind, C, seed)
    predicted = probe.predict(splits.test.features)
    return score(splits.test.targets, predicted, len(splits.data.labels)).mean_per_class.value


def _check_enough(splits: EmbeddedSplits, most: int) -> None:
    counts = np.bincount(splits.train.targets, minlength=len(splits.data.labels))
    fewest = int(counts.argmin())
    if counts[fewest] < most:
        label = splits.data.labels[fewest]
        raise InputError(
            f"`shots` {most}: {splits.dataset.name} has {counts[fewest]} training images of {label}",
            f"at most {counts[fewest]} a class",
        )
