"""The least bound that is enough: the attack again within smaller ones, for what noise the target really takes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from snellen.attacks.attack import attack
from snellen.attacks.config import AttackConfig
from snellen.attacks.result import AttackResult
from snellen.attacks.state import STEPS
from snellen.attacks.visibility import visibility
from snellen.models.classifier import Classifier


@dataclass(frozen=True)
class LeastBound:
    """The least bound within which one photograph's attack succeeds.

    Attributes:
        name: path of the photograph, or what stands for it.
        norm: infinity norm of the attack's own noise, in steps of 1/255.
        steps: least bound, in steps of 1/255; at most ``norm``.
        standing_out: share of the attacked area that is not dark and where noise of that bound has more contrast than
            the photograph; see :class:`snellen.attacks.visibility.FlatCell`.
        gradients: the most that each bound was tried with.
    """

    name: str
    norm: int
    steps: int
    standing_out: float
    gradients: int


def least_bound(classifier: Classifier, successful: AttackResult, config: AttackConfig) -> LeastBound:
    """Search for the least bound by bisection; more room is taken to do wherever less does.

    Args:
        classifier: the attacked classifier.
        successful: an attack that succeeded.
        config: how each bound is tried; its own is not looked at.
    """
    failed, best = 0, successful
    while best.norm - failed > 1:
        middle = (failed + best.norm) // 2
        bounded = dataclasses.replace(config, epsilon=f"{middle}/255")
        tried = attack(classifier, successful.source, label=successful.label.index, config=bounded)
        if tried.attacked.success:
            best = tried
        else:
            failed = middle
    gradients = config.steps or STEPS[config.method]
    return LeastBound(successful.name, successful.norm, best.norm, visibility(best).flattest.standing_out, gradients)
