"""Accuracy per class, its mean, their uncertainty, and what is confused with what."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Targets = npt.NDArray[np.int64]

RESAMPLES = 10_000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Score:
    """An accuracy in [0, 1], and the ends of its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Scores:
    """How well predictions agree with the truth.

    Attributes:
        mean_per_class: the mean over classes of the share of its images that are named right.
        top1: the share of all images that are named right.
        per_class: (K,) the share of each class.
        counts: (K,) images of each class.
        confusion: (K, K) images of class row that are called column.
    """

    mean_per_class: Score
    top1: Score
    per_class: npt.NDArray[np.float64]
    counts: Targets
    confusion: Targets


@dataclass(frozen=True)
class Confused:
    """A pair of classes, by index, and how often the first is called the second."""

    true: int
    predicted: int
    count: int


def mean_per_class_accuracy(targets: Targets, predicted: Targets, classes: int) -> float:
    """The mean over the classes that occur of the share of its images that are named right."""
    counts = np.bincount(targets, minlength=classes)
    right = np.bincount(targets[targets == predicted], minlength=classes)
    return float((right[counts > 0] / counts[counts > 0]).mean())


def score(targets: Targets, predicted: Targets, classes: int, seed: int = 0) -> Scores:
    """Score predictions (N,) of targets (N,), each class of which occurs.

    The intervals are those of the stratified bootstrap (Efron and Tibshirani 1993): images are drawn again
    within their class, so the number right in class c is binomial with n_c and the share seen. That is drawn
    directly. It measures the uncertainty that comes from the choice of test images, not that of training.
    """
    confusion = np.bincount(targets * classes + predicted, minlength=classes * classes).reshape(classes, classes)
    counts = confusion.sum(axis=1)
    right = confusion.diagonal()
    per_class = right / counts
    drawn = np.random.default_rng(seed).binomial(counts, per_class, size=(RESAMPLES, classes))
    return Scores(
        mean_per_class=_interval(float(per_class.mean()), (drawn / counts).mean(axis=1)),
        top1=_interval(float(right.sum() / counts.sum()), drawn.sum(axis=1) / counts.sum()),
        per_class=per_class,
        counts=counts,
        confusion=confusion,
    )


def most_confused(confusion: Targets, most: int = 5) -> tuple[Confused, ...]:
    """The pairs of classes that are confused most often, by count, then by index."""
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = (np.unravel_index(flat, wrong.shape) for flat in order)
    return tuple(Confused(int(t), int(p), int(wrong[t, p])) for t, p in pairs if wrong[t, p] > 0)


def _interval(value: float, resampled: npt.NDArray[np.float64]) -> Score:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Score(value, float(low), float(high))
