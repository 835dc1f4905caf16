"""Success rates over many attacks, apart for photographs that were correct and those that were wrong before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from snellen.attacks.result import AttackResult
from snellen.intervals import Rate


@dataclass(frozen=True)
class SuccessRates:
    """Rates of one group of attacks, each of its files.

    Attributes:
        n: number of attacks.
        success: rate at which the criterion was met: the target seen, or, untargeted, the label not.
        changed: rate at which the label was not on top any more, whatever was.
        control_success, control_changed: the same rates for uniform noise of the same bound.
        within: rate at which the file's norm is at most its bound.
        held_out: rate of success among all held-out draws of robust attacks.
        held_out_plain: the same rate for the plain attacks on the same draws.
    """

    n: int
    success: Rate
    changed: Rate
    control_success: Rate
    control_changed: Rate
    within: Rate
    held_out: Rate
    held_out_plain: Rate


@dataclass(frozen=True)
class AttackSummary:
    """The attacks in two groups.

    Attributes:
        correct: rates of photographs whose label the classifier gave; where no label was given, its answer counts.
        wrong: rates of photographs that it had wrong before any attack: changing those proves nothing.
        curve: pairs of a bound in steps of 1/255 and the rate of success of correct photographs within it; empty where
            the attacks did not search for the smallest.
    """

    correct: SuccessRates
    wrong: SuccessRates
    curve: tuple[tuple[int, Rate], ...]


def summarise(attacks: Sequence[AttackResult], *, smallest: bool) -> AttackSummary:
    """Count successes.

    Args:
        attacks: results of one configuration.
        smallest: whether each searched for its smallest epsilon.
    """
    correct = [attack for attack in attacks if attack.correct]
    wrong = [attack for attack in attacks if not attack.correct]
    return AttackSummary(_rates(correct), _rates(wrong), _curve(correct) if smallest and correct else ())


def _rates(attacks: Sequence[AttackResult]) -> SuccessRates:
    held_out = [held_out for attack in attacks for held_out in attack.held_out]
    draws = sum(one.draws for one in held_out)
    return SuccessRates(
        n=len(attacks),
        success=Rate.of(attack.attacked.success for attack in attacks),
        changed=Rate.of(attack.attacked.changed for attack in attacks),
        control_success=Rate.of(attack.control.success for attack in attacks),
        control_changed=Rate.of(attack.control.changed for attack in attacks),
        within=Rate.of(attack.norm <= attack.epsilon for attack in attacks),
        held_out=Rate.of_count(sum(one.successes for one in held_out), draws),
        held_out_plain=Rate.of_count(sum(one.plain_successes for one in held_out), draws),
    )


def _curve(attacks: Sequence[AttackResult]) -> tuple[tuple[int, Rate], ...]:
    """The rate of success within each bound: an attack that succeeds within its smallest does so within all larger."""
    last = max(attack.epsilon for attack in attacks)
    return tuple(
        (steps, Rate.of(attack.attacked.success and attack.epsilon <= steps for attack in attacks))
        for steps in range(last + 1)
    )
