"""Whether classes that a network knows already fare better than the others: a test by exchanging the classes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_MOST = 9999
_ROUNDING = 1e-9


@dataclass(frozen=True)
class ClassPermutation:
    """A permutation test of the difference between two groups of classes; the classes are the units, not images.

    Attributes:
        p_value: share of the choices of as many classes whose mean accuracy lies as far from that of the rest.
        choices: number of choices that there are.
        exact: whether all were tried; else 9,999 drawn with seed 0, and the one that was made.
    """

    p_value: float
    choices: int
    exact: bool

    @property
    def least(self) -> float:
        """The least p value that so many choices allow."""
        return 1 / self.choices


def permute_classes(accuracies: Sequence[float], chosen: Sequence[bool]) -> ClassPermutation:
    """Test, on both sides, whether the chosen classes' mean accuracy differs from the others'.

    Args:
        accuracies: (K,) accuracy of each class, in [0, 1].
        chosen: (K,) whether it is one of the chosen; some are, and some are not.
    """
    values = np.array(accuracies, dtype=np.float64)
    count, classes = sum(chosen), len(values)

    def difference(rows: Sequence[int]) -> float:
        inside = values[list(rows)]
        return abs(float(inside.mean() - (values.sum() - inside.sum()) / (classes - count)))

    found = difference([row for row, one in enumerate(chosen) if one]) - _ROUNDING
    choices = math.comb(classes, count)
    if choices <= _MOST:
        as_far = sum(difference(rows) >= found for rows in itertools.combinations(range(classes), count))
        return ClassPermutation(as_far / choices, choices, exact=True)
    random = np.random.default_rng(0)
    as_far = sum(difference(random.permutation(classes)[:count].tolist()) >= found for _ in range(_MOST))
    return ClassPermutation((as_far + 1) / (_MOST + 1), choices, exact=False)
