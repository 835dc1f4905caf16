"""Whether the fine detail that a transform takes from an attack's noise is why it undoes the attack.

Blur takes fine detail and moves nothing, so it is the control. That the loss of detail is enough is told by a blur that
leaves at least as much and undoes the attack too; that it is not the reason by a blur that leaves no more and under
which the attack stands. What neither tells is not known. Of grayscale, which takes two colours, each taken alone tells
whether it is the noise's or the photograph's.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from snellen.data.transforms import ASSIGNMENT, GRAY_NOISE, GRAY_PHOTOGRAPH, TransformStrength
from snellen.robustness.acuity import shared_transforms
from snellen.robustness.stress import StressResult

BLUR = "blur"
_MOVING = ("crop", "rotation", "shift")
"""Transforms with a ladder that move the noise; of each the step that leaves most of its fine detail is told."""


class Cause(enum.Enum):
    """Why a transform undoes an attack, as far as blurs tell it."""

    NOT_DETAIL = enum.auto()
    DETAIL = enum.auto()
    UNKNOWN = enum.auto()


class Colour(enum.Enum):
    """Whose loss of colour is enough to undo an attack."""

    NOISE = enum.auto()
    PHOTOGRAPH = enum.auto()
    EITHER = enum.auto()
    BOTH_TOGETHER = enum.auto()


@dataclass(frozen=True)
class DetailKept:
    """What one transform leaves of some attacks' noise, and of the attacks.

    Attributes:
        transform: transform and strength.
        detail: energy of the noise at high frequencies that is left, over what it was; the mean over the attacks.
        survive: number of attacks whose class is still seen.
        of: number of attacks.
    """

    transform: TransformStrength
    detail: float
    survive: int
    of: int


def detail_left(one: StressResult, transform: TransformStrength) -> float:
    """Share of the noise's energy at high frequencies that a transform leaves of one attack."""
    return one.outcome(*transform).high_frequency_kept or 0.0


def stands(one: StressResult, transform: TransformStrength) -> bool:
    """Whether the attack's class is still seen under a transform."""
    return one.keeps(one.outcome(*transform))


def kept(attacked: Sequence[StressResult], transform: TransformStrength) -> DetailKept:
    """What a transform leaves of some attacks, one or more."""
    left = mean(detail_left(one, transform) for one in attacked)
    return DetailKept(transform, left, sum(stands(one, transform) for one in attacked), len(attacked))


def blurs(attacked: Sequence[StressResult]) -> list[TransformStrength]:
    """The blurs that all of some attacks were put to, mild to strong."""
    return sorted(one for one in shared_transforms(attacked) if one[0] == BLUR)


def standing_blurs(one: StressResult, transform: TransformStrength) -> list[TransformStrength]:
    """The blurs that leave no more of the fine detail than a transform does, and under which the attack stands."""
    left = detail_left(one, transform)
    return [blur for blur in blurs([one]) if detail_left(one, blur) <= left and stands(one, blur)]


def undoing_blurs(one: StressResult, transform: TransformStrength) -> list[TransformStrength]:
    """The blurs that leave at least as much of the fine detail as a transform does, and undo the attack too."""
    left = detail_left(one, transform)
    return [blur for blur in blurs([one]) if detail_left(one, blur) >= left and not stands(one, blur)]


def cause(one: StressResult, transform: TransformStrength) -> Cause:
    """Why a transform undoes an attack; unknown too where blurs tell both."""
    told = bool(standing_blurs(one, transform)), bool(undoing_blurs(one, transform))
    return {(True, False): Cause.NOT_DETAIL, (False, True): Cause.DETAIL}.get(told, Cause.UNKNOWN)


def put_to(attacked: Sequence[StressResult], *transforms: TransformStrength) -> list[StressResult]:
    """Those of some attacks that were put to transforms, or to controls, all of them."""
    known = ({(o.transform, o.strength) for o in (*one.outcomes, *one.controls)} for one in attacked)
    return [one for one, names in zip(attacked, known, strict=True) if names.issuperset(transforms)]


def whose_colour(one: StressResult) -> Colour | None:
    """Whose loss of colour is enough to undo an attack that grayscale undoes; None where it was not tried."""
    if not put_to([one], GRAY_NOISE, GRAY_PHOTOGRAPH):
        return None
    stand = stands(one, GRAY_NOISE), stands(one, GRAY_PHOTOGRAPH)
    return {
        (False, True): Colour.NOISE,
        (True, False): Colour.PHOTOGRAPH,
        (False, False): Colour.EITHER,
        (True, True): Colour.BOTH_TOGETHER,
    }[stand]


def fullest_step(attacked: Sequence[StressResult], name: str) -> TransformStrength | None:
    """The step of one transform's ladder that leaves most of the attacks' fine detail; None where none was tried."""
    steps = [one for one in shared_transforms(attacked) if one[0] == name]
    return max(steps, key=lambda step: kept(attacked, step).detail, default=None)


def compared(attacked: Sequence[StressResult]) -> list[DetailKept]:
    """The transforms that tell place and detail apart, from those that leave most to those that leave least.

    They are the assignment's four; of crops, rotations and shifts the step that leaves most; and the blurs, up to the
    first that leaves no attack.

    Args:
        attacked: attacks that fooled, one or more.
    """
    shared = shared_transforms(attacked)
    chosen = [one for one in ASSIGNMENT.items() if one in shared]
    chosen += [step for name in _MOVING if (step := fullest_step(attacked, name)) is not None]
    for blur in blurs(attacked):
        chosen.append(blur)
        if not kept(attacked, blur).survive:
            break
    return sorted((kept(attacked, one) for one in dict.fromkeys(chosen)), key=lambda one: -one.detail)
