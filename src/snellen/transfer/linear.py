"""The linear probe: features scaled to unit length, and a linear classifier on top.

The assignment's problem 2. The regularisation C is chosen by cross-validation inside the training split; the
test split is looked at once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import Normalizer, normalize
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from snellen.errors import InputError
from snellen.transfer.features import FeatureSet
from snellen.transfer.scores import Score, Scores, mean_per_class_accuracy, score

Kind = Literal["logistic", "svm", "ridge"]
KINDS: tuple[Kind, ...] = get_args(Kind)
GRID = (0.1, 1.0, 10.0, 100.0, 1000.0, 10000.0)
"""The values of C that cross-validation compares; larger is less regularised."""
FOLDS = 5
_MOST_ITERATIONS = 2000

Matrix = npt.NDArray[np.float32]
Targets = npt.NDArray[np.int64]


@dataclass(frozen=True)
class GridPoint:
    """One value of C: the mean and the standard deviation over folds of the mean-per-class accuracy."""

    c: float
    accuracy: float
    deviation: float


@dataclass(frozen=True, eq=False)
class LinearProbe:
    """A trained linear classifier of unit-length features.

    Attributes:
        weight: (K, D) float32.
        bias: (K,) float32. The class is the largest of ``weight @ feature + bias``.
        kind: how it was trained.
        c: its regularisation.
        trials: what cross-validation found.
        folds: how many there were.
        seconds: of the last fit, on the whole training split.
        search_seconds: of the cross-validation.
    """

    weight: Matrix
    bias: Matrix
    kind: Kind
    c: float
    trials: tuple[GridPoint, ...]
    folds: int
    seconds: float
    search_seconds: float

    def decide(self, features: npt.NDArray[np.floating]) -> Matrix:
        """Logits (N, K) of features (N, D) of any length."""
        logits: Matrix = normalize(features.astype(np.float32)) @ self.weight.T + self.bias
        return logits


@dataclass(frozen=True, eq=False)
class ProbeScores:
    """How well a probe does on the test split.

    Attributes:
        n: test images.
        n_train: training images.
        scores: accuracy, per class, confusion.
        train_accuracy: mean-per-class accuracy on the training split itself.
        predicted: (N,) the class given to each test image.
    """

    n: int
    n_train: int
    scores: Scores
    train_accuracy: float
    predicted: Targets

    @property
    def mean_per_class(self) -> Score:
        """Mean-per-class accuracy."""
        return self.scores.mean_per_class


def linear_classifier(kind: Kind, c: float, seed: int = 0) -> Any:
    """An untrained scikit-learn classifier; C means the same for all kinds: larger is less regularised."""
    if kind == "logistic":
        return LogisticRegression(C=c, max_iter=_MOST_ITERATIONS)
    if kind == "svm":
        return LinearSVC(C=c, max_iter=_MOST_ITERATIONS * 5, random_state=seed)
    # The penalty of ridge regression, alpha |w|^2, is the other two's |w|^2 / 2C.
    return RidgeClassifier(alpha=1 / (2 * c))


def probe_pipeline(features: Any, kind: Kind = "logistic", c: float = 100.0, seed: int = 0) -> Pipeline:
    """The whole probe as an ordinary scikit-learn pipeline from photographs to classes: untrained.

    Args:
        features: a transformer, :class:`snellen.CNNFeatures`.
        kind: the classifier.
        c: its regularisation; search it as ``<classifier's step>__C``.
        seed: of the classifier.
    """
    return make_pipeline(features, Normalizer(), linear_classifier(kind, c, seed))


def train_probe(features: npt.NDArray[np.floating], targets: Targets, kind: Kind, seed: int = 0) -> LinearProbe:
    """Choose C inside this training split, then fit on all of it.

    Args:
        features: (N, D), of any length; they are scaled to unit length.
        targets: (N,) classes 0 to K - 1, each at least twice.
        kind: ``logistic`` (multinomial, L-BFGS), ``svm`` (one against the rest) or ``ridge``.
        seed: of the folds.

    Raises:
        InputError: an unknown kind.
    """
    check_kind(kind)
    started = time.perf_counter()
    unit: Matrix = normalize(features.astype(np.float32))
    trials, folds = _cross_validate(unit, targets, kind, seed)
    c = middle_of_plateau(trials, folds)
    searched = time.perf_counter()
    weight, bias = fit_linear(unit, targets, kind, c, seed)
    fitted = time.perf_counter()
    return LinearProbe(weight, bias, kind, c, trials, folds, fitted - searched, searched - started)


def fit_linear(unit: Matrix, targets: Targets, kind: Kind, c: float, seed: int = 0) -> tuple[Matrix, Matrix]:
    """Weight (K, D) and bias (K,) of one classifier, trained on unit-length features (N, D)."""
    # These matrices are small: a second thread costs more in waiting than it computes.
    with threadpool_limits(1):
        points, basis = _rotated(unit)
        model = linear_classifier(kind, c, seed).fit(points, targets)
        coefficients, bias = np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)
        weight = coefficients if basis is None else coefficients @ basis.T
    if len(weight) == 1:  # of two classes scikit-learn keeps only the margin of the second over the first
        weight, bias = np.concatenate([np.zeros_like(weight), weight]), np.concatenate([np.zeros_like(bias), bias])
    return weight.astype(np.float32), bias.astype(np.float32)


def middle_of_plateau(trials: Sequence[GridPoint], folds: int) -> float:
    """The middle one of the values of C that cross-validation cannot tell from the best; the smaller of two.

    Those are the neighbours of the best that lie within its standard error (Breiman et al. 1984, section 3.4.3,
    who take the simplest of them). On few images the best of a flat stretch is chance; its middle is the value
    that is furthest from where accuracy falls off.
    """
    best = max(range(len(trials)), key=lambda index: trials[index].accuracy)
    enough = trials[best].accuracy - trials[best].deviation / math.sqrt(folds)
    first = last = best
    while first > 0 and trials[first - 1].accuracy >= enough:
        first -= 1
    while last + 1 < len(trials) and trials[last + 1].accuracy >= enough:
        last += 1
    return trials[(first + last) // 2].c


def evaluate_probe(probe: LinearProbe, train: FeatureSet, test: FeatureSet, seed: int = 0) -> ProbeScores:
    """Score a probe on the test split; the bootstrap is drawn with ``seed``."""
    predicted = probe.decide(test.features).argmax(axis=1)
    again = probe.decide(train.features).argmax(axis=1)
    classes = len(probe.bias)
    return ProbeScores(
        n=len(test.targets),
        n_train=len(train.targets),
        scores=score(test.targets, predicted, classes, seed),
        train_accuracy=mean_per_class_accuracy(train.targets, again, classes),
        predicted=predicted,
    )


def check_kind(kind: str) -> Kind:
    """The kind that ``kind`` names.

    Raises:
        InputError: not one of :data:`KINDS`.
    """
    for known in KINDS:
        if kind == known:
            return known
    raise InputError(f"no classifier {kind!r}", ", ".join(KINDS))


def _rotated(unit: Matrix) -> tuple[Matrix, Matrix | None]:
    """The same points in as few dimensions as they span, and the basis (D, N) they are written in.

    N points of D > N dimensions lie in a space of N dimensions. All three classifiers penalise |w|^2, which no
    rotation changes, and their best w lies in the span of the points: the solution is the same, for less work.
    """
    if len(unit) >= unit.shape[1]:
        return unit, None
    basis, coordinates = np.linalg.qr(unit.T)
    return np.ascontiguousarray(coordinates.T), basis


def _cross_validate(unit: Matrix, targets: Targets, kind: Kind, seed: int) -> tuple[tuple[GridPoint, ...], int]:
    folds = min(FOLDS, int(np.bincount(targets).min()))
    classes = int(targets.max()) + 1
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    trials = []
    with threadpool_limits(1):
        points, _ = _rotated(unit)
        parts = list(splitter.split(points, targets))
        for c in GRID:
            accuracies = [
                mean_per_class_accuracy(
                    targets[held_out],
                    linear_classifier(kind, c, seed).fit(points[kept], targets[kept]).predict(points[held_out]),
                    classes,
                )
                for kept, held_out in parts
            ]
            trials.append(GridPoint(c, float(np.mean(accuracies)), float(np.std(accuracies, ddof=1))))
    return tuple(trials), folds
