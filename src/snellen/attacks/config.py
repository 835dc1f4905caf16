"""What an attack is asked for, checked before any work."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

from snellen.errors import InputError

Method = Literal["apgd", "gradient_ascent"]
Space = Literal["image", "input"]

SMALLEST = "min"
"""As an epsilon: the smallest that meets the criterion."""
RANDOM = "random"
"""As a target: one drawn for each photograph."""

_ACCEPTED = "such as 4/255 or 0.0157, between 0 and 1; or min, the smallest that succeeds"


@dataclass(frozen=True)
class AttackConfig:
    """How to attack.

    Attributes:
        target: name or index of the class to be seen; ``random`` draws one for each photograph; None is
            untargeted: any class but the label.
        epsilon: bound of the infinity norm, as :func:`epsilon_steps` reads it.
        method: ``apgd`` or ``gradient_ascent``; see the modules of those names.
        space: ``image`` moves the photograph's own pixels, ``input`` the network's input.
        robust: whether to expect the photograph to be turned, cropped, mirrored and so on; see
            :mod:`snellen.attacks.eot`.
        steps: largest number of gradients for each photograph; None takes the method's own. At least 2, the first of
            which is taken of the photograph as it is; 1 does where ``step_size`` is given.
        step_size: the assignment's lambda; only ``gradient_ascent`` has one. None searches for
            it at each step; see :mod:`snellen.attacks.gradient_ascent`.
        confidence: probability of the criterion at which a search may end early, in (0, 1).
        seed: seed of random targets, of the control and of the EOT samples.

    Raises:
        InputError: a value that cannot be, or values that contradict each other.
    """

    target: str | int | None
    epsilon: str | float = "4/255"
    method: Method = "apgd"
    space: Space = "image"
    robust: bool = False
    steps: int | None = None
    step_size: float | None = None
    confidence: float = 0.9
    seed: int = 0

    def __post_init__(self) -> None:
        epsilon_steps(self.epsilon)
        if self.method not in get_args(Method):
            raise InputError(f"no method named {self.method!r}", " or ".join(get_args(Method)))
        if self.space not in get_args(Space):
            raise InputError(f"no space named {self.space!r}", " or ".join(get_args(Space)))
        if self.steps is not None and self.steps < 1:
            raise InputError(f"{self.steps} steps", "at least 1")
        if self.steps == 1 and self.step_size is None:
            raise InputError("1 step, which a search takes to see the gradient before it moves", "more `steps`")
        if not 0 < self.confidence < 1:
            raise InputError(f"a confidence of {self.confidence:g}", "a probability between 0 and 1")
        if self.step_size is not None and (self.method != "gradient_ascent" or self.step_size <= 0):
            accepted = "positive, and only for gradient_ascent"
            raise InputError(f"a step size of {self.step_size:g} for {self.method}", accepted)
        if self.robust and self.epsilon == SMALLEST:
            raise InputError("a robust attack has no smallest epsilon", "a number such as 8/255")
        if self.robust and (self.method != "apgd" or self.space != "image"):
            raise InputError(
                "a robust attack has its own method and moves the photograph's own pixels",
                "neither `method` nor `space`",
            )


_NUMBER = re.compile(r"([+-]?[0-9.]{1,30}(?:e[+-]?[0-9]{1,2})?)(?:/([0-9]{1,9}))?", re.ASCII | re.IGNORECASE)


def epsilon_steps(epsilon: str | float) -> int | None:
    """The bound in whole steps of 1/255, rounded down; None for ``min``.

    Raises:
        InputError: neither a number between 0 and 1 nor ``min``.
    """
    if epsilon == SMALLEST:
        return None
    value = _fraction(epsilon, _ACCEPTED)
    if not 0 <= value <= 1:
        guess = f"did you mean {epsilon}/255? " if 1 < value <= 255 and "/" not in str(epsilon) else ""
        raise InputError(f"epsilon is {epsilon}", guess + _ACCEPTED)
    # 4 / 255 as a float lies a hair below the fraction.
    return math.floor(value * 255 + Fraction(1, 10**6))


def epsilon_value(epsilon: str | float, at_most: float = 1.0) -> float:
    """The bound as a number, as it was written: ``4/255`` or ``0.5``.

    Raises:
        InputError: not a number above 0 and at most ``at_most``.
    """
    accepted = f"such as 4/255 or 0.5, above 0 and at most {at_most:g}"
    value = _fraction(epsilon, accepted)
    if not 0 < value <= at_most:
        raise InputError(f"epsilon is {epsilon}", accepted)
    return float(value)


def _fraction(epsilon: str | float, accepted: str) -> Fraction:
    # A fraction of any length or exponent would be worked out to its last digit.
    found = _NUMBER.fullmatch(str(epsilon).replace(" ", ""))
    try:
        return Fraction(found[1]) / Fraction(found[2] or 1) if found else Fraction("nan")
    except (ValueError, ZeroDivisionError):
        raise InputError(f"epsilon {epsilon!r} is not a number", accepted) from None
