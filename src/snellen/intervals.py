"""Rates and other estimates, each with the interval that its count supports, and the test of paired outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_Z = 1.959963984540054
"""The normal distribution's quantile that 95% lie within."""


SIGNIFICANCE = 0.05
"""The level below which a p-value lets a sentence say that something is no chance."""


@dataclass(frozen=True)
class Rate:
    """A share of trials with its 95% Wilson score interval (Wilson, JASA 22, 1927).

    Attributes:
        count: trials that did.
        n: trials; zero leaves share and interval undefined (NaN).
        share: count / n.
        low, high: the interval's ends.
    """

    count: int
    n: int
    share: float
    low: float
    high: float

    @classmethod
    def of(cls, outcomes: Iterable[bool]) -> Rate:
        """The rate of the true ones."""
        seen = list(outcomes)
        return cls.of_count(sum(seen), len(seen))

    @classmethod
    def of_count(cls, count: int, n: int) -> Rate:
        """The rate of ``count`` of ``n`` trials."""
        if not n:
            return cls(0, 0, float("nan"), float("nan"), float("nan"))
        # A second of a start that most commands can do without.
        from scipy.stats import binomtest

        interval = binomtest(count, n).proportion_ci(method="wilson")
        return cls(count, n, count / n, float(interval.low), float(interval.high))

    @property
    def interval(self) -> str:
        """The ends in words: ``0.931 to 0.984``; ``unknown`` of no trials."""
        return _ends(self.low, self.high)

    def __str__(self) -> str:
        if not self.n:
            return "none of 0"
        if self.n == 1:  # whose interval says nothing
            return f"{self.count} of 1"
        return f"{self.share:.0%} ({self.count} of {self.n}; 95% interval {self.low:.0%} to {self.high:.0%})"


@dataclass(frozen=True)
class Estimate:
    """A number with its 95% interval, for what is no share of a count.

    Attributes:
        value: what was measured.
        low, high: the interval's ends; NaN where nothing is known of them.
    """

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, resampled: npt.NDArray[np.float64]) -> Estimate:
        """The percentile interval of ``resampled`` (R,), the same number of R resamples (Efron and Tibshirani 1993).

        Resamples that are all alike, as those of one trial are, tell nothing of how the number varies.
        """
        low, high = np.quantile(resampled, [0.025, 0.975])
        if np.ptp(resampled) == 0:
            low = high = np.nan
        return cls(value, float(low), float(high))

    @classmethod
    def of_difference(cls, first: Sequence[float], second: Sequence[float]) -> Estimate:
        """By how much the mean of ``first`` is above that of ``second``, with the interval of Welch's t.

        Welch, Biometrika 34, 1947: two samples whose deviations need not be alike. Fewer than two values of one, or
        values that are all alike, tell nothing of how they vary.
        """
        from scipy.stats import t

        value = float(np.mean(first) - np.mean(second))
        if min(len(first), len(second)) < 2 or np.ptp(first) + np.ptp(second) == 0:
            return cls(value, float("nan"), float("nan"))
        parts = [float(np.var(values, ddof=1)) / len(values) for values in (first, second)]
        freedom = sum(parts) ** 2 / (parts[0] ** 2 / (len(first) - 1) + parts[1] ** 2 / (len(second) - 1))
        reach = float(t.ppf(0.975, freedom)) * sum(parts) ** 0.5
        return cls(value, value - reach, value + reach)

    @classmethod
    def of_classes(cls, correct: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> Estimate:
        """The mean over classes of their rates, with Wilson's interval at the effective number of trials.

        The effective number is that of independent trials of one rate that would leave the mean as uncertain (Kish
        1965; for Wilson's interval Dean and Pagano, Journal of Survey Statistics and Methodology 3, 2015). A class of
        few trials, all right, seems not to vary; so the variance of each class is that of its rate with two trials more
        at the common rate, and that is the rate of all trials with two right ones and two wrong ones more (Agresti and
        Coull 1998).

        Args:
            correct: trials (K,) of each class that were right.
            counts: all trials (K,) of each class; classes without any are left out.
        """
        correct, counts = correct[counts > 0], counts[counts > 0]
        if not len(counts):
            return cls(float("nan"), float("nan"), float("nan"))
        common = (correct.sum() + 2) / (counts.sum() + 4)
        rates = (correct + 2 * common) / (counts + 2)
        variance = (rates * (1 - rates) / counts).sum() / len(counts) ** 2
        effective = rates.mean() * (1 - rates.mean()) / variance
        value = float((correct / counts).mean())
        centre = (value + _Z**2 / (2 * effective)) / (1 + _Z**2 / effective)
        half = _Z * np.sqrt(value * (1 - value) / effective + _Z**2 / (4 * effective**2)) / (1 + _Z**2 / effective)
        return cls(value, float(max(0.0, centre - half)), float(min(1.0, centre + half)))

    @property
    def interval(self) -> str:
        """The ends in words: ``0.931 to 0.984``; ``unknown`` where they are."""
        return _ends(self.low, self.high)

    def __str__(self) -> str:
        return f"{self.value:.3f} (95% interval {self.interval})"


def _ends(low: float, high: float) -> str:
    return "unknown" if np.isnan(low) else f"{low:.3f} to {high:.3f}"


@dataclass(frozen=True)
class Paired:
    """How often two are right on the same trials, and McNemar's exact test of whether they are equally good.

    Of the trials that one gets right and the other wrong, each is equally likely to be either where the two are equally
    good (McNemar, Psychometrika 12, 1947).

    Attributes:
        both_right, only_first, only_second, both_wrong: numbers of trials.
        p_value: how often two equally good ones would part at least this unevenly.
    """

    both_right: int
    only_first: int
    only_second: int
    both_wrong: int
    p_value: float

    @classmethod
    def of(cls, first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> Paired:
        """From whether each is right on each trial (N,)."""
        # A second of a start that most commands can do without.
        from scipy.stats import binomtest

        only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
        discordant = only_first + only_second
        return cls(
            both_right=int((first & second).sum()),
            only_first=only_first,
            only_second=only_second,
            both_wrong=int((~first & ~second).sum()),
            p_value=float(binomtest(only_first, discordant, 0.5).pvalue) if discordant else 1.0,
        )
