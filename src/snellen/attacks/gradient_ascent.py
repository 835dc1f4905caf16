"""The assignment's own rule, to the letter: gradient ascent with projection, lambda given or searched for.

With P = P(y_fool | X'), the softmax makes dP/dX' = P (1 - P) times a difference of logits' slopes: where P is near zero
so is the gradient, and a constant lambda that moves anything there is far too large once P has risen.
"""

from __future__ import annotations

from collections.abc import Sequence

from snellen.attacks.search import Ball, Search

FIRST_SHARE, GROWTH, SHRINKAGE = 1.0, 1.2, 0.5
"""A searched lambda: of epsilon, how far a mean pixel moves in the first step; the factors where P rises and falls."""


def gradient_ascent(ball: Ball, steps: int, step_size: float) -> Search:
    """Increase P(y_fool | X') from X by gradient steps of one lambda, clipped to within epsilon of X.

    X' <- X' + lambda dP(y_fool | X') / dX'
    X' <- clip(X', X - epsilon, X + epsilon)

    Args:
        ball: where the search stays.
        steps: number of gradients.
        step_size: the assignment's lambda.
    """
    x = ball.centre
    for _ in range(steps):
        _, gradient = yield x
        x = ball.project(x + step_size * gradient)
    return x


def searched_gradient_ascent(ball: Ball, steps: int, step_sizes: list[float]) -> Search:
    """The same rule with a lambda that is searched for at each step, by backtracking.

    lambda = share * epsilon / mean |dP/dX'|: enormous where P is near zero, small where the gradient is steep. The
    share begins at :data:`FIRST_SHARE`. Where P has risen the step stands and the share grows by :data:`GROWTH`; where
    it has fallen the step is taken back and tried again with :data:`SHRINKAGE` of the share. Each try is one gradient.

    Args:
        ball: where the search stays.
        steps: number of gradients.
        step_sizes: filled with the lambda of each try.
    """
    x = best = ball.centre
    highest, best_gradient = yield x
    share = FIRST_SHARE
    for _ in range(1, steps):
        mean = best_gradient.abs().mean().item()
        step_sizes.append(share * ball.radius / mean if mean > 0 else 0.0)
        x = ball.project(best + step_sizes[-1] * best_gradient)
        value, gradient = yield x
        if value > highest:
            best, highest, best_gradient = x, value, gradient
            share *= GROWTH
        else:
            share *= SHRINKAGE
    return best


def accepted_steps(probabilities: Sequence[float]) -> list[int]:
    """Which of the gradients of :func:`searched_gradient_ascent` stand: those at which P is higher than before."""
    taken: list[int] = []
    for step, value in enumerate(probabilities):
        if not taken or value > probabilities[taken[-1]]:
            taken.append(step)
    return taken
