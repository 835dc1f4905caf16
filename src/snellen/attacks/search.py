"""What all searches share: the ball they stay in, the goal they climb to, and how they are written.

A search is a generator: it yields a point, receives the slope there, and returns its best point. So each
algorithm reads as for one photograph, and :mod:`snellen.attacks.batch` takes many of them through the network
at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

import torch
from torch import Tensor


class Ball:
    """All points within ``radius`` of ``centre`` in the infinity norm and within [0, 1].

    Args:
        centre: (1, 3, h, w), of 8-bit values over 255.
        radius: a whole number of steps of 1/255, so that rounding to 8 bits never leaves the ball.
    """

    def __init__(self, centre: Tensor, radius: float) -> None:
        self.centre = centre
        self.radius = radius
        self._low = (centre - radius).clamp_(min=0)
        self._high = (centre + radius).clamp_(max=1)

    def clip(self, point: Tensor) -> Tensor:
        """The point of the ball that is nearest to ``point``."""
        return point.clamp(self._low, self._high)


@dataclass(frozen=True, eq=False)
class Gradient:
    """What a search learns at a point: the height there, which it is to increase, and its gradient."""

    height: float
    gradient: Tensor


Search = Generator[Tensor, Gradient, Tensor]


@dataclass(frozen=True)
class Criterion:
    """What counts as fooled.

    Attributes:
        label: the class that the photograph shows.
        target: the class to be seen instead; None where any other class will do.
    """

    label: int
    target: int | None

    def confidence(self, probabilities: Tensor) -> Tensor:
        """The probability (N,) of the goal, from those of the classes (N, K)."""
        if self.target is None:
            return 1 - probabilities[:, self.label]
        return probabilities[:, self.target]

    def met(self, probabilities: Tensor) -> Tensor:
        """Whether (N,) the most probable of the classes (N, K) is the target, or is not the label."""
        top = probabilities.argmax(dim=1)
        return top != self.label if self.target is None else top == self.target


Objective = Callable[[Criterion, Tensor], Tensor]


def probability(goal: Criterion, logits: Tensor) -> Tensor:
    """P(y_fool | X') (N,), what the assignment climbs; untargeted, the probability of not being the label."""
    return goal.confidence(logits.softmax(dim=1))


def evidence(goal: Criterion, logits: Tensor) -> Tensor:
    """Log P(target) (N,); untargeted, how far the best other logit lies above the label's.

    Both are steep where the probability is flat: the first where the target's is near zero, the second (Carlini
    and Wagner, arXiv 1608.04644, f6) where the label's is near one.
    """
    if goal.target is not None:
        return logits.log_softmax(dim=1)[:, goal.target]
    others = torch.cat((logits[:, : goal.label], logits[:, goal.label + 1 :]), dim=1)
    return others.amax(dim=1) - logits[:, goal.label]
