"""The linear probe: features scaled to unit length, and a linear classifier on top.

The assignment's problem 2. The regularisation C is chosen by cross-validation inside the training split; the
test split is used once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.preprocessing import normalize
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from snellen.data.datasets.base import Targets
from snellen.errors import InputError

ClassifierKind = Literal["logistic", "svm", "ridge"]
KINDS: tuple[ClassifierKind, ...] = get_args(ClassifierKind)
GRID = (0.1, 1.0, 10.0, 100.0, 1000.0, 10000.0)
"""The values of C that cross-validation compares; larger is less regularised."""
FOLDS = 5
_MOST_ITERATIONS = 2000

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True)
class CVScore:
    """How well one value of C does in cross-validation.

    Attributes:
        c: value of C.
        mean, std: mean and standard deviation over the folds of the mean-per-class accuracy, as scikit-learn's
            ``cv_results_`` has them.
    """

    c: float
    mean: float
    std: float


@dataclass(frozen=True)
class CrossValidation:
    """How C was chosen inside the training split.

    Attributes:
        folds: number of folds.
        scores: result of each value of C in :data:`GRID`.
        seconds: time of the search.
        fit_seconds: time of the final fit, on the whole training split.
    """

    folds: int
    scores: tuple[CVScore, ...]
    seconds: float
    fit_seconds: float

    @property
    def best(self) -> CVScore:
        """The score of the highest mean, the first of equal ones."""
        return max(self.scores, key=lambda score: score.mean)

    @property
    def standard_error(self) -> float:
        """Of the mean over the folds at the best value of C."""
        return standard_error(self.best.std, self.folds)

    @property
    def plateau(self) -> tuple[CVScore, ...]:
        """The scores that :func:`middle_of_plateau` chooses the middle one of."""
        around = _plateau([score.mean for score in self.scores], self.standard_error)
        return self.scores[around.start : around.stop]


@dataclass(frozen=True, eq=False)
class LinearProbe:
    """A trained linear classifier of unit-length features.

    Attributes:
        weight: (K, D) float32.
        bias: (K,) float32.
        kind: how it was trained.
        c: its regularisation.
    """

    weight: Matrix
    bias: Matrix
    kind: ClassifierKind
    c: float

    def decision_function(self, features: npt.NDArray[np.floating]) -> Matrix:
        """Scores (N, K) of features (N, D) of any length: logits or margins; also of two classes one column each."""
        scores: Matrix = normalize(features.astype(np.float32)) @ self.weight.T + self.bias
        return scores

    def predict(self, features: npt.NDArray[np.floating]) -> Targets:
        """The class (N,) of the largest score."""
        classes: Targets = self.decision_function(features).argmax(axis=1)
        return classes

    def predict_proba(self, features: npt.NDArray[np.floating]) -> Matrix:
        """Probabilities (N, K) of a logistic probe.

        Raises:
            InputError: the scores of another kind are margins, not log-odds.
        """
        if self.kind != "logistic":
            raise InputError(f"a probe of kind {self.kind} gives no probabilities", "`kind` logistic")
        probabilities: Matrix = softmax(self.decision_function(features), axis=1)
        return probabilities


def linear_classifier(kind: ClassifierKind, c: float, seed: int = 0) -> Any:
    """An untrained scikit-learn classifier; C means the same for all kinds: larger is less regularised."""
    if kind == "logistic":
        return LogisticRegression(C=c, max_iter=_MOST_ITERATIONS)
    if kind == "svm":
        return LinearSVC(C=c, max_iter=_MOST_ITERATIONS * 5, random_state=seed)
    return RidgeClassifier(alpha=_alpha(c))


def train_probe(
    features: npt.NDArray[np.floating], targets: Targets, kind: ClassifierKind = "logistic", seed: int = 0
) -> tuple[LinearProbe, CrossValidation]:
    """Choose C inside this training split, then fit on all of it.

    Args:
        features: (N, D), of any length; they are scaled to unit length.
        targets: (N,) classes 0 to K - 1, each at least twice.
        kind: ``logistic`` (multinomial, L-BFGS), ``svm`` (one against the rest) or ``ridge``.
        seed: seed of the folds.

    Raises:
        InputError: an unknown kind.
    """
    check_kind(kind)
    started = time.perf_counter()
    points, basis = _rotated(normalize(features.astype(np.float32)))
    folds = min(FOLDS, int(np.bincount(targets).min()))
    search = GridSearchCV(
        linear_classifier(kind, 1.0, seed),
        {"alpha": [_alpha(c) for c in GRID]} if kind == "ridge" else {"C": GRID},
        scoring="balanced_accuracy",
        cv=StratifiedKFold(folds, shuffle=True, random_state=seed),
        refit=middle_of_plateau,
    )
    # These matrices are small: a second thread costs more in waiting than it computes.
    with threadpool_limits(1):
        search.fit(points, targets)
    seconds = time.perf_counter() - started - search.refit_time_
    found = search.cv_results_
    scores = zip(GRID, found["mean_test_score"], found["std_test_score"], strict=True)
    return (
        LinearProbe(*_coefficients(search.best_estimator_, basis), kind, GRID[search.best_index_]),
        CrossValidation(
            folds, tuple(CVScore(c, float(m), float(s)) for c, m, s in scores), seconds, search.refit_time_
        ),
    )


def fit_linear(
    features: npt.NDArray[np.floating], targets: Targets, kind: ClassifierKind, c: float, seed: int = 0
) -> LinearProbe:
    """A probe with this C, trained on features (N, D) of any length."""
    points, basis = _rotated(normalize(features.astype(np.float32)))
    with threadpool_limits(1):
        model = linear_classifier(kind, c, seed).fit(points, targets)
    return LinearProbe(*_coefficients(model, basis), kind, c)


def middle_of_plateau(cv_results: Mapping[str, Any]) -> int:
    """The index of the middle one of the values of C that cross-validation cannot tell from the best; the lower of two.

    Those are the neighbours of the best that lie within its standard error (Breiman et al. 1984, section 3.4.3,
    who take the simplest of them). On few images the best of a flat stretch is chance; its middle is the value
    that is furthest from where accuracy falls off.

    Args:
        cv_results: results of a grid search over rising C, as scikit-learn's ``cv_results_``: for its ``refit``.
    """
    folds = sum(key.startswith("split") for key in cv_results)
    means = cv_results["mean_test_score"]
    around = _plateau(means, standard_error(cv_results["std_test_score"][int(np.argmax(means))], folds))
    return around[(len(around) - 1) // 2]


def standard_error(deviation: float, folds: int) -> float:
    """Of a mean over folds. Their deviation is over their number; that of the mean divides by one less."""
    return deviation / math.sqrt(folds - 1)


def _plateau(means: Sequence[float], error: float) -> range:
    """The indices around the best of ``means`` that lie within ``error`` of it, with none between that does not."""
    best = int(np.argmax(means))
    first = last = best
    while first > 0 and means[first - 1] >= means[best] - error:
        first -= 1
    while last + 1 < len(means) and means[last + 1] >= means[best] - error:
        last += 1
    return range(first, last + 1)


def check_kind(kind: str) -> ClassifierKind:
    """The kind that ``kind`` names.

    Raises:
        InputError: not one of :data:`KINDS`.
    """
    for known in KINDS:
        if kind == known:
            return known
    raise InputError(f"no classifier {kind!r}", ", ".join(KINDS))


def _alpha(c: float) -> float:
    """Ridge regression's penalty alpha |w|^2, where that of the other two is |w|^2 / 2C."""
    return 1 / (2 * c)


def _rotated(unit: Matrix) -> tuple[Matrix, Matrix | None]:
    """The same points in as few dimensions as they span, and the basis (D, N) they are written in.

    N points of D > N dimensions lie in a space of N dimensions. All three classifiers penalise |w|^2, which no
    rotation changes, and their best w lies in the span of the points: the solution is the same, for less work.
    """
    if len(unit) >= unit.shape[1]:
        return unit, None
    with threadpool_limits(1):
        basis, coordinates = np.linalg.qr(unit.T)
    return np.ascontiguousarray(coordinates.T), basis


def _coefficients(model: Any, basis: Matrix | None) -> tuple[Matrix, Matrix]:
    """Weight (K, D) and bias (K,) of a trained classifier, out of the basis that its points were written in."""
    coefficients, bias = np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)
    weight = coefficients if basis is None else coefficients @ basis.T
    if len(weight) == 1:  # of two classes scikit-learn keeps only the margin of the second over the first
        weight, bias = np.concatenate([np.zeros_like(weight), weight]), np.concatenate([np.zeros_like(bias), bias])
    return weight.astype(np.float32), bias.astype(np.float32)
