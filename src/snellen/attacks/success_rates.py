"""Honest accounting: rates over many attacks, apart for photographs that were right and already wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from snellen.attacks.result import AttackResult
from snellen.intervals import Rate


@dataclass(frozen=True)
class SuccessRates:
    """Rates of one group of attacks, each of its files.

    Attributes:
        n: attacks.
        hit: the goal was met: the target seen, or, untargeted, the label not.
        changed: the label was not on top any more, whatever was.
        control_hit, control_changed: the same for uniform noise of the same bound.
        within: the file's norm is at most its bound.
        held_out: hits among all held-out draws of robust attacks.
        held_out_plain: of the plain attacks on the same draws.
    """

    n: int
    hit: Rate
    changed: Rate
    control_hit: Rate
    control_changed: Rate
    within: Rate
    held_out: Rate
    held_out_plain: Rate


@dataclass(frozen=True)
class AttackSummary:
    """The attacks in two groups.

    Attributes:
        correct: photographs that the classifier had right; where no label was given, its answer counts as right.
        wrong: photographs that it had wrong before any attack: changing those proves nothing.
        curve: pairs of a bound in steps of 1/255 and the rate of correct photographs hit within it; empty where
            the attacks did not search for the smallest.
    """

    correct: SuccessRates
    wrong: SuccessRates
    curve: tuple[tuple[int, Rate], ...]


def summarise(attacks: Sequence[AttackResult], *, smallest: bool) -> AttackSummary:
    """Count attacks.

    Args:
        attacks: of one plan.
        smallest: whether each searched for its smallest epsilon.
    """
    correct = [attack for attack in attacks if attack.correct]
    wrong = [attack for attack in attacks if not attack.correct]
    return AttackSummary(_account(correct), _account(wrong), _curve(correct) if smallest and correct else ())


def _account(attacks: Sequence[AttackResult]) -> SuccessRates:
    held = [held for attack in attacks for held in attack.held_out]
    return SuccessRates(
        n=len(attacks),
        hit=Rate.of(attack.attacked.hit for attack in attacks),
        changed=Rate.of(attack.attacked.changed for attack in attacks),
        control_hit=Rate.of(attack.control.hit for attack in attacks),
        control_changed=Rate.of(attack.control.changed for attack in attacks),
        within=Rate.of(attack.norm <= attack.epsilon for attack in attacks),
        held_out=_pooled([(one.hits, one.draws) for one in held]),
        held_out_plain=_pooled([(one.plain_hits, one.draws) for one in held]),
    )


def _pooled(counts: Sequence[tuple[int, int]]) -> Rate:
    hits, draws = sum(count for count, _ in counts), sum(n for _, n in counts)
    return Rate.of([True] * hits + [False] * (draws - hits))


def _curve(attacks: Sequence[AttackResult]) -> tuple[tuple[int, Rate], ...]:
    """The share hit within each bound: an attack that hits within its smallest bound hits within all larger ones."""
    last = max(attack.epsilon for attack in attacks)
    return tuple(
        (steps, Rate.of(attack.attacked.hit and attack.epsilon <= steps for attack in attacks))
        for steps in range(last + 1)
    )


def discuss(accounts: AttackSummary) -> str:
    """Sentences computed from the rates."""
    correct, wrong = accounts.correct, accounts.wrong
    sentences = []
    if correct.n:
        sentences.append(
            f"Of the attacked files, read back from disk, {correct.hit} meet the goal; the label is no longer on top "
            f"in {correct.changed}. Uniform noise of the same bound meets it in {correct.control_hit} and moves the "
            f"label from the top in {correct.control_changed}."
        )
    if correct.held_out.n:
        sentences.append(
            f"Under manipulations that the attack did not see, {correct.held_out} of the draws still meet the goal, of "
            f"the plain attack's {correct.held_out_plain}."
        )
    if accounts.curve:
        first = next((steps for steps, rate in accounts.curve if rate.share >= 0.5), None)
        sentences.append(
            "No bound that was tried fools half of the photographs."
            if first is None
            else f"Half of the photographs are fooled within {first}/255, all that are fooled within "
            f"{accounts.curve[-1][0]}/255."
        )
    if wrong.n:
        sentences.append(
            f"Kept apart: {wrong.n} photographs that were wrong before any attack, of which {wrong.hit} meet the goal."
        )
    sentences.append(
        "This is a white-box attack on one network: it does not say how another network would see these files, and a "
        "failed attack does not prove that no noise within the bound would do."
    )
    return " ".join(sentences)
