"""The default search: signed steps with momentum, whose size adapts itself.

Auto-PGD, algorithm 1 of Croce and Hein, "Reliable evaluation of adversarial robustness with an ensemble of
diverse parameter-free attacks", ICML 2020, arXiv 2003.01690. It has nothing to tune. One difference: the first step is
half of epsilon where the paper's is twice epsilon, which throws every pixel from one side of the ball to the
other until it is halved; a targeted search then needs several times the steps.
"""

from __future__ import annotations

import math

from snellen.attacks.search import Ball, Search

_MOMENTUM = 0.75
_RISING = 0.75


def checkpoints(steps: int) -> list[int]:
    """The steps at which the step size is reconsidered: rarely at first, then more and more often."""
    shares = [0.0, 0.22]
    while shares[-1] < 1:
        shares.append(shares[-1] + max(shares[-1] - shares[-2] - 0.03, 0.06))
    # Rounded first: the shares are sums of decimals, which floats miss by a hair.
    return [math.ceil(round(share * steps, 6)) for share in shares if share <= 1]


def apgd(ball: Ball, steps: int) -> Search:
    """Climb from the ball's centre; halve the step, and go back to the best point, where climbing has slowed."""
    size = ball.radius / 2
    previous = x = best = ball.centre
    slope = highest = yield x
    reconsider = checkpoints(steps)
    rises, size_then, height_then = 0, size, slope.height
    for step in range(1, steps):
        climbed = ball.clip(x + size * slope.gradient.sign())
        momentum = _MOMENTUM if step > 1 else 1.0
        previous, x = x, ball.clip(x + momentum * (climbed - x) + (1 - momentum) * (x - previous))
        below, slope = slope.height, (yield x)
        rises += slope.height > below
        if slope.height > highest.height:
            best, highest = x, slope
        if step in reconsider:
            since = step - reconsider[reconsider.index(step) - 1]
            slowed = rises < _RISING * since or (size == size_then and highest.height == height_then)
            rises, size_then, height_then = 0, size, highest.height
            if slowed:
                size, x, slope = size / 2, best, highest
    return best
