"""Shares of a count, with the interval that the count supports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from scipy.stats import binomtest


@dataclass(frozen=True)
class Rate:
    """A share of trials with its 95 % Wilson score interval (Wilson, JASA 22, 1927).

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
        if not seen:
            return cls(0, 0, float("nan"), float("nan"), float("nan"))
        interval = binomtest(sum(seen), len(seen)).proportion_ci(method="wilson")
        return cls(sum(seen), len(seen), sum(seen) / len(seen), float(interval.low), float(interval.high))

    def __str__(self) -> str:
        if not self.n:
            return "none of 0"
        return f"{self.share:.0%} ({self.count} of {self.n}; 95% interval {self.low:.0%} to {self.high:.0%})"
