"""Whether the model's list of labels looks shifted: right answers under the wrong names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.stats import binomtest

from snellen.data.labels import Labels
from snellen.evaluation.matching import ClassMatch

Classes = npt.NDArray[np.int64]

_MOST_SHIFTED = 5
_LEAST_GAIN = 0.2
_ENOUGH_A_CLASS = 5
_SIGNIFICANT = 1e-3


def label_order_warning(
    targets: Classes, predicted: Classes, labels: Labels, matches: Sequence[ClassMatch]
) -> tuple[str, ...]:
    """A warning where a shift of the labels, or another order of them, explains far more of the answers.

    Args:
        targets: true classes (N,).
        predicted: predicted classes (N,).
        labels: the model's.
        matches: how the data set's classes were found among them.
    """
    classes, n = len(labels), len(targets)
    right = int((predicted == targets).sum())
    shifts = [shift for step in range(1, _MOST_SHIFTED + 1) for shift in (step, -step) if 2 * step <= classes]
    counts = {shift: int(((predicted + shift) % classes == targets).sum()) for shift in shifts}
    best = max(counts, key=lambda shift: counts[shift], default=0)
    if best and _explains_more(counts[best], right, n):
        return (
            f"The label order looks shifted by {best:+d}: {counts[best]} of {n} answers would be right if the class "
            f"called {labels[0]!r} were the one called {labels[best % classes]!r}, and so on; {right} are as it is.",
        )
    return _another_order(targets, predicted, labels, matches, right)


def _another_order(
    targets: Classes, predicted: Classes, labels: Labels, matches: Sequence[ClassMatch], right: int
) -> tuple[str, ...]:
    """A warning where giving each class one other name makes far more answers right; with few of each class it would
    by chance, so not then.
    """
    occurring = np.unique(targets)
    if len(occurring) < 2 or len(targets) < _ENOUGH_A_CLASS * len(occurring):
        return ()
    counts = np.zeros((len(occurring), len(labels)), dtype=np.int64)
    np.add.at(counts, (np.searchsorted(occurring, targets), predicted), 1)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    under_best = int(counts[rows, columns].sum())
    if not _explains_more(under_best, right, len(targets)):
        return ()
    moved = [(occurring[row], column) for row, column in zip(rows, columns, strict=True) if occurring[row] != column]
    true, said = moved[0]
    by_number = " The classes were matched by their numbers." if any(one.how == "index" for one in matches) else ""
    return (
        f"The label order looks wrong: {under_best} of {len(targets)} answers would be right under other names, such "
        f"as {labels[int(true)]!r} for what is called {labels[int(said)]!r}; {right} are as it is.{by_number}",
    )


def _explains_more(count: int, right: int, n: int) -> bool:
    """Whether ``count`` right answers of ``n`` are far more than ``right``, and not by chance."""
    if count - right < _LEAST_GAIN * n or count < 2 * right:
        return False
    return bool(binomtest(count, count + right, 0.5, alternative="greater").pvalue < _SIGNIFICANT)
