"""The assignment's own rule, to the letter: gradient ascent with projection."""

from __future__ import annotations

from snellen.attacks.search import Ball, Search

STEP_SIZE = 1000.0
"""The assignment's lambda where none is given: the gradient of a probability is small everywhere."""


def gradient_ascent(ball: Ball, steps: int, step_size: float = STEP_SIZE) -> Search:
    """Increase P(y_fool | X') from X by gradient steps, clipped to within epsilon of X.

    X' <- X' + lambda dP(y_fool | X') / dX'
    X' <- clip(X', X - epsilon, X + epsilon)

    Where P(y_fool | X) is near zero so is its gradient, and the rule stalls.
    """
    x = ball.centre
    for _ in range(steps):
        _, gradient = yield x
        x = ball.project(x + step_size * gradient)
    return x
