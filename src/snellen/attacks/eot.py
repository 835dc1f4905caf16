"""A robust attack: momentum iterative steps over an expectation over transformation.

Expectation over transformation (EOT), Athalye, Engstrom, Ilyas and Kwok, "Synthesizing robust adversarial examples",
ICML 2018, arXiv 1707.07397. Each step samples transforms of the photograph and follows the mean of their gradients.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from snellen.attacks.batch import InputTransform
from snellen.attacks.search import Ball, Search
from snellen.data.preprocessing import Preprocessing
from snellen.data.transforms import ASSIGNMENT, find_transform

_DECAY = 0.9
# A larger photograph is reduced before it is transformed: the transforms of each step cost by the pixel.
_WORKING_SIDE = 448


@dataclass(frozen=True)
class TransformRange:
    """A transform that a robust attack expects.

    Attributes:
        name: name of the transform.
        low, high: bounds between which its strengths are drawn evenly.
        weight: how often it is drawn, against the others.
    """

    name: str
    low: float
    high: float
    weight: float = 1.0


EOT_TRANSFORMS = (
    TransformRange("mirror", 1.0, 1.0),
    TransformRange("crop", 0.05, 0.3),
    TransformRange("rotation", -33.0, 33.0, weight=3.0),
    TransformRange("grayscale", 0.5, 1.0),
    TransformRange("scale", 0.0, 0.2, weight=0.5),
    TransformRange("brightness", -0.3, 0.3, weight=0.5),
    TransformRange("noise", 0.0, 8.0, weight=0.5),
)
"""The distribution of a robust attack's transforms; rotation goes a little beyond the 30 degrees it must bear."""


def momentum_iterative(ball: Ball, steps: int) -> Search:
    """Ascend by signed steps along the momentum of the gradients, which evens out what the samples change.

    The step shrinks from half the radius by half a cosine: the last steps average many samples. Momentum as in MI-FGSM:
    Dong et al., "Boosting adversarial attacks with momentum", CVPR 2018, arXiv 1710.06081, algorithm 1.
    """
    x = ball.centre
    momentum = torch.zeros_like(x)
    for step in range(steps):
        _, gradient = yield x
        momentum = _DECAY * momentum + gradient / gradient.abs().mean()
        step_size = ball.radius / 2 * (1 + math.cos(math.pi * step / steps)) / 2
        x = ball.project(x + step_size * momentum.sign())
    return x


class EOTSampler:
    """Samples transforms from a photograph of ``height`` x ``width`` pixels to the network's input.

    Args:
        preprocessing: preprocessing of the network.
        height, width: size of the photograph, in pixels.
        count: number of samples in one step.
        seed: seed of the samples.
    """

    def __init__(self, preprocessing: Preprocessing, height: int, width: int, count: int, seed: int) -> None:
        self._preprocessing = preprocessing
        self._reduce = reduction(preprocessing, height, width)
        self._count = count
        self._generator = torch.Generator().manual_seed(seed)

    def __call__(self) -> Sequence[InputTransform]:
        """The samples of the next step."""
        weights = torch.tensor([expected.weight for expected in EOT_TRANSFORMS])
        chosen = torch.multinomial(weights, self._count, replacement=True, generator=self._generator)
        return [self._sample(EOT_TRANSFORMS[index]) for index in chosen.tolist()]

    def _sample(self, expected: TransformRange) -> InputTransform:
        share = torch.rand((), generator=self._generator).item()
        strength = expected.low + share * (expected.high - expected.low)
        seed = int(torch.randint(2**31, (), generator=self._generator))

        def to_input(point: Tensor) -> Tensor:
            reduced = point if self._reduce is None else self._reduce.preprocess(point)
            transformed = find_transform(expected.name)(reduced, strength, torch.Generator().manual_seed(seed))
            return self._preprocessing.preprocess(transformed)

        return to_input


def reduction(preprocessing: Preprocessing, height: int, width: int) -> Preprocessing | None:
    """The resize to the size at which a photograph is transformed while it is attacked; None where it is small."""
    factor = max(_WORKING_SIDE, 2 * max(preprocessing.size)) / min(height, width)
    if factor >= 1:
        return None
    size = (round(height * factor), round(width * factor))
    return dataclasses.replace(preprocessing, size=size, crop_fraction=1.0, crop_mode="squash")


@dataclass(frozen=True)
class HeldOut:
    """How an attacked photograph fares under draws of one transform that its attack never saw.

    Attributes:
        transform: name of the transform.
        successes: number of draws under which the criterion is met.
        plain_successes: the same number for the plain attack on the same draws.
        draws: number of draws.
    """

    transform: str
    successes: int
    plain_successes: int
    draws: int


@functools.cache
def held_out_draws(seed: int, count: int = 10) -> tuple[tuple[str, float, int], ...]:
    """Name, strength and seed of draws of the assignment's four transforms.

    A mirrored and a gray photograph, ``count`` crops that keep 70% to 95% of the area anywhere in the frame, and
    ``count`` rotations: both by 30 degrees, the others drawn from between.
    """
    # Far from the stream of any attack, whose seeds count upwards.
    generator = torch.Generator().manual_seed(2**40 + seed)
    drawn = torch.rand(2, count, generator=generator).tolist()
    crops = [("crop", 0.05 + 0.25 * share) for share in drawn[0]]
    rotations = [("rotation", angle) for angle in (-30.0, 30.0, *(60 * share - 30 for share in drawn[1][2:]))]
    single = [(name, ASSIGNMENT[name]) for name in ("mirror", "grayscale")]
    return tuple((name, strength, number) for number, (name, strength) in enumerate(single + crops + rotations))
