"""Why a transform undoes an attack: whether its noise still lies along the gradient that it was computed for.

To first order, noise n raises the target's lead (its logit less that of the photograph's own class) by the sum of its
values times the gradient's. Where their signs agree more often than not, steps too small to see add up; by random signs
they cancel. Under a transform T the network is given T(x), and of the attacked photograph T(x + d): the noise that is
measured is their difference, and the gradient is the one at T(x).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from snellen.data.images import Photo
from snellen.data.seen import SeenPhotograph
from snellen.data.transforms import ASSIGNMENT, TRANSFORMS, TransformStrength, apply_transform
from snellen.models.classifier import Classifier
from snellen.models.predictions import logits_and_gradient

AS_IS: TransformStrength = ("", 0.0)
MILDEST_SHIFT, MILDEST_BLUR = (
    ("shift", TRANSFORMS["shift"].ladder[0]),
    ("blur", TRANSFORMS["blur"].ladder[0]),
)
"""A move that is the least of its ladder, and what moves nothing."""
MEASURED = (AS_IS, *ASSIGNMENT.items(), MILDEST_SHIFT, MILDEST_BLUR)


@dataclass(frozen=True)
class Gain:
    """What an attack's noise gains for its target under one transform.

    Attributes:
        transform: name of the transform; empty for the photograph as it is.
        strength: its strength.
        first_order: sum of the noise's values times the gradient's, which the target's lead gains to first order.
        by_chance: standard deviation of that sum for random signs as strong: the gradient's Euclidean norm times the
            noise's root mean square.
        agreeing: share of the noise's values, of those that are not 0, that have the gradient's sign.
        real: what the target's lead gains in fact.
        lacking: what it must gain for the target to be ahead of the own class: the clean one's lead.
        rank: place among the clean photograph's classes, 1 the most probable, of the class that is seen of the attacked
            one, both under the transform.
    """

    transform: str
    strength: float
    first_order: float
    by_chance: float
    agreeing: float
    real: float
    lacking: float
    rank: int

    @property
    def times_chance(self) -> float:
        """The gain to first order in units of what random signs gain by chance; NaN where there is nothing to gain."""
        return self.first_order / self.by_chance if self.by_chance else math.nan


@dataclass(frozen=True)
class NoiseGains:
    """What one attack's noise gains under each of :data:`MEASURED`.

    Attributes:
        image: name of the original.
        gains: one for each transform.
        gray_energy: share of the noise's energy that is left where it alone is gray.
        gray_gain: share of the gain to first order, without a transform, that the noise in gray makes.
    """

    image: str
    gains: tuple[Gain, ...]
    gray_energy: float
    gray_gain: float

    def gain(self, transform: TransformStrength) -> Gain:
        """The gain under one of :data:`MEASURED`."""
        return self.gains[MEASURED.index(transform)]


def noise_gains(classifier: Classifier, attacked: Photo, original: Photo, label: int, target: int) -> NoiseGains:
    """Measure what an attack's noise gains, each transform by one gradient.

    Args:
        classifier: classifier under examination.
        attacked: an attacked photograph.
        original: what it was made from, as large.
        label: index of the class that it shows.
        target: index of the class that the attack is to show.
    """
    seen, clean_seen = (SeenPhotograph(classifier.preprocessing, one) for one in (attacked, original))
    gains, gray_energy, gray_gain = list[Gain](), math.nan, math.nan
    for transform in MEASURED:
        with torch.no_grad():
            clean, moved = clean_seen.under(transform), seen.under(transform)
        noise = moved - clean
        logits, gradient = logits_and_gradient(classifier, clean, target, label)
        with torch.inference_mode():
            after = classifier.logits_from_inputs(moved)[0].cpu()
        products = (gradient * noise).double()
        gains.append(
            Gain(
                *transform,
                first_order=float(products.sum()),
                by_chance=float(gradient.double().norm() * noise.double().square().mean().sqrt()),
                agreeing=float((products > 0).sum() / max(int((noise != 0).sum()), 1)),
                real=float((after[target] - after[label]) - (logits[target] - logits[label])),
                lacking=float(logits[label] - logits[target]),
                rank=1 + int((logits > logits[after.argmax()]).sum()),
            )
        )
        if transform == AS_IS:
            gray = apply_transform(noise, ("grayscale", 1.0))
            gray_energy = _share(float(gray.square().sum()), float(noise.square().sum()))
            gray_gain = _share(float((gradient * gray).double().sum()), gains[0].first_order)
    return NoiseGains(original.name, tuple(gains), gray_energy, gray_gain)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
