"""How well predicted classes agree with the true ones: accuracy, by class, and what is confused with what."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import confusion_matrix

from snellen.intervals import Estimate, Rate


@dataclass(frozen=True)
class Scores:
    """How well predictions agree with the truth.

    Attributes:
        accuracy: share of all images that are classified correctly (top-1).
        mean_per_class: mean over the classes that occur of their accuracies (balanced accuracy).
        per_class: accuracy of each class, in the labels' order; n is 0 for a class that does not occur.
        confusion: (K, K) number of images of class row that are classified as column.
    """

    accuracy: Rate
    mean_per_class: Estimate
    per_class: tuple[Rate, ...]
    confusion: tuple[tuple[int, ...], ...]


def score(targets: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], classes: int) -> Scores:
    """Score predicted classes (N,) against ``targets`` (N,), both from 0 to ``classes`` - 1.

    Rates carry Wilson intervals, the mean over classes that of :meth:`snellen.intervals.Estimate.of_classes`. They
    measure the uncertainty that comes from the choice of test images, not that of training.

    Args:
        targets: true classes.
        predicted: predicted classes.
        classes: number of classes, K.
    """
    return scores_of(confusion_matrix(targets, predicted, labels=range(classes)))


def scores_of(confusion: npt.NDArray[np.int64]) -> Scores:
    """The scores that a confusion matrix (K, K) gives: see :func:`score`."""
    counts, correct = confusion.sum(axis=1), confusion.diagonal()
    return Scores(
        accuracy=Rate.of_count(int(correct.sum()), int(counts.sum())),
        mean_per_class=Estimate.of_classes(correct, counts),
        per_class=tuple(Rate.of_count(int(c), int(n)) for c, n in zip(correct, counts, strict=True)),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
    )


@dataclass(frozen=True)
class Confusion:
    """A pair of classes, by index, and how often the first is taken for the second."""

    true: int
    predicted: int
    count: int


def most_confused(scores: Scores, most: int = 5) -> tuple[Confusion, ...]:
    """The pairs of classes that are confused most often: by count, then by the count of the way back, then by index."""
    wrong = np.array(scores.confusion)
    np.fill_diagonal(wrong, 0)
    order = np.lexsort((-wrong.T.ravel(), -wrong.ravel()))[:most]
    pairs = (np.unravel_index(flat, wrong.shape) for flat in order)
    return tuple(Confusion(int(t), int(p), int(wrong[t, p])) for t, p in pairs if wrong[t, p] > 0)
