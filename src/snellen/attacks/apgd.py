"""The default search: signed steps with momentum, whose size adapts itself.

Auto-PGD, algorithm 1 of Croce and Hein, "Reliable evaluation of adversarial robustness with an ensemble of
diverse parameter-free attacks", ICML 2020, arXiv 2003.01690. It has nothing to tune. One difference: the first step is
half of epsilon where the paper's is twice epsilon, which throws every pixel from one side of the ball to the
other until it is halved; a targeted search then needs several times the steps.
"""

from __future__ import annotations

import math

from snellen.attacks.search import Ball, Search

_ALPHA = 0.75
_RHO = 0.75


def checkpoints(steps: int) -> list[int]:
    """The steps at which the step size is reconsidered: rarely at first, then more and more often."""
    shares = [0.0, 0.22]
    while shares[-1] < 1:
        shares.append(shares[-1] + max(shares[-1] - shares[-2] - 0.03, 0.06))
    # Rounded first: the shares are sums of decimals, which floats miss by a hair.
    return [math.ceil(round(share * steps, 6)) for share in shares if share <= 1]


def apgd(ball: Ball, steps: int) -> Search:
    """Ascend from the ball's centre; halve the step, and go back to the best point, where the objective rises rarely.

    Args:
        ball: where the search stays.
        steps: number of gradients.
    """
    step_size = ball.radius / 2
    previous = x = best = ball.centre
    objective, gradient = highest, best_gradient = yield x
    reconsider = checkpoints(steps)
    rises, step_size_then, highest_then = 0, step_size, highest
    for k in range(1, steps):
        z = ball.project(gradient.sign().mul_(step_size).add_(x))
        alpha = _ALPHA if k > 1 else 1.0
        # x + alpha (z - x) + (1 - alpha) (x - previous), in few tensors: those of a large photograph cost time.
        moved = z.sub_(x).mul_(alpha).add_(x).add_((x - previous).mul_(1 - alpha))
        previous, x = x, ball.project(moved)
        objective_before = objective
        objective, gradient = yield x
        rises += objective > objective_before
        if objective > highest:
            best, highest, best_gradient = x, objective, gradient
        if k in reconsider:
            since = k - reconsider[reconsider.index(k) - 1]
            rose_rarely = rises < _RHO * since
            unchanged = step_size == step_size_then and highest == highest_then
            rises, step_size_then, highest_then = 0, step_size, highest
            if rose_rarely or unchanged:
                step_size, x, objective, gradient = step_size / 2, best, highest, best_gradient
    return best
