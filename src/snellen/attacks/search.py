"""What all searches share: the ball they stay in, the criterion of success, the objectives, and how they are written.

A search is a generator: it yields a point, receives the objective and its gradient there, and returns its best
point. So each algorithm reads as for one photograph, and :mod:`snellen.attacks.batch` takes many of them through the
network at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

import torch
from torch import Tensor

Search = Generator[Tensor, tuple[float, Tensor], Tensor]
"""Yields points (1, 3, h, w), receives the objective there, which it is to increase, and its gradient (1, 3, h, w)."""


class Ball:
    """All points within ``radius`` of ``centre`` in the infinity norm and within [0, 1].

    Args:
        centre: point (1, 3, h, w), of 8-bit values over 255.
        radius: whole number of steps of 1/255, so that rounding to 8 bits never leaves the ball.
    """

    def __init__(self, centre: Tensor, radius: float) -> None:
        self.centre = centre
        self.radius = radius
        self._low = (centre - radius).clamp_(min=0)
        self._high = (centre + radius).clamp_(max=1)

    def project(self, point: Tensor) -> Tensor:
        """The point of the ball that is nearest to ``point``."""
        return point.clamp(self._low, self._high)


@dataclass(frozen=True)
class Criterion:
    """What counts as success.

    Attributes:
        label: index of the class that the photograph shows.
        target: index of the class to be seen instead; None where any other class will do.
    """

    label: int
    target: int | None

    def confidence(self, probabilities: Tensor) -> Tensor:
        """The probability (N,) that the criterion asks for, from those of the classes (N, K)."""
        if self.target is None:
            return 1 - probabilities[:, self.label]
        return probabilities[:, self.target]

    def is_met(self, probabilities: Tensor) -> Tensor:
        """Whether (N,) the most probable of the classes (N, K) is the target, or is not the label."""
        top = probabilities.argmax(dim=1)
        return top != self.label if self.target is None else top == self.target


Objective = Callable[[Criterion, Tensor], Tensor]
"""From logits (N, K) to what a search increases (N,)."""


def probability(criterion: Criterion, logits: Tensor) -> Tensor:
    """P(y_fool | X') (N,), the assignment's objective; untargeted, the probability of not being the label."""
    return criterion.confidence(logits.softmax(dim=1))


def log_probability_or_margin(criterion: Criterion, logits: Tensor) -> Tensor:
    """Log P(target) (N,); untargeted, the margin: how far the best other logit lies above the label's.

    Both are steep where the probability is flat: the first where the target's is near zero, the second (Carlini
    and Wagner, arXiv 1608.04644, f6) where the label's is near one.
    """
    if criterion.target is not None:
        return logits.log_softmax(dim=1)[:, criterion.target]
    others = torch.cat((logits[:, : criterion.label], logits[:, criterion.label + 1 :]), dim=1)
    return others.amax(dim=1) - logits[:, criterion.label]
