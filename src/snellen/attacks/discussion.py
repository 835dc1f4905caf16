"""Says what attacks did, in sentences computed from the numbers, and what that does not prove."""

from __future__ import annotations

import math

from snellen.attacks.carry_over import CarryOver
from snellen.attacks.result import AttackResult
from snellen.attacks.robust_accuracy import GradientCheck, RobustnessResult
from snellen.attacks.success_rates import AttackSummary

_LIMITS = (
    "This is a white-box attack on one network: it does not say how another network would see these files, and a "
    "failed attack does not prove that no noise within the bound would do."
)


def discuss_attack(attack: AttackResult) -> str:
    """Sentences about one attack."""
    original, attacked, control = attack.original, attack.attacked.top, attack.control.top
    sentences = [
        f"{attack.name} is seen as {original.label}, {original.probability:.1%}; with noise of at most "
        f"{attack.norm}/255 its file is seen as {attacked.label}, {attacked.probability:.1%}. Uniform noise of at "
        f"most {attack.epsilon}/255 leaves it {control.label}, {control.probability:.1%}."
    ]
    if not attack.correct:
        sentences.append(
            f"It shows {attack.label.label}: it was wrong before the attack, and changing it proves nothing."
        )
    if attack.reason is not None:
        sentences.append(f"The attack failed: {attack.reason}.")
    if attack.held_out:
        successes, plain, draws = (
            sum(getattr(one, key) for one in attack.held_out) for key in ("successes", "plain_successes", "draws")
        )
        sentences.append(
            f"Under transforms that the attack did not see, {successes} of {draws} draws still meet the criterion, of "
            f"the plain attack's {plain}."
        )
    return " ".join([*sentences, _LIMITS])


def discuss(summary: AttackSummary) -> str:
    """Sentences about many attacks."""
    correct, wrong = summary.correct, summary.wrong
    sentences = []
    if correct.n:
        sentences.append(
            f"Of the attacked files, read back from disk, {correct.success} meet the criterion; the label is no longer "
            f"on top in {correct.changed}. Uniform noise of the same bound meets it in {correct.control_success} and "
            f"moves the label from the top in {correct.control_changed}."
        )
    if correct.held_out.n:
        sentences.append(
            f"Under transforms that the attack did not see, {correct.held_out} of the draws still meet the criterion, "
            f"of the plain attack's {correct.held_out_plain}."
        )
    if summary.curve:
        sentences.append(_half(summary))
    if wrong.n:
        sentences.append(
            f"Kept apart: {wrong.n} photographs that were wrong before any attack, of which {wrong.success} meet the "
            "criterion."
        )
    return " ".join([*sentences, _LIMITS])


def _half(summary: AttackSummary) -> str:
    half = next((steps for steps, rate in summary.curve if rate.share >= 0.5), None)
    if half is None:
        return "No bound that was tried fools half of the photographs."
    return (
        f"Half of the photographs are fooled within {half}/255, all that are fooled within {summary.curve[-1][0]}/255."
    )


def discuss_robust_accuracy(result: RobustnessResult) -> str:
    """Sentences about robust accuracy."""
    listed = "; ".join(f"within {point.epsilon} {point.accuracy}" for point in result.points)
    first = result.points[0]
    by_attack = ", ".join(f"{name.replace('_', '-')} {count}" for name, count in first.felled.items())
    norm = "infinity norm" if result.config.norm == "Linf" else "Euclidean norm"
    return " ".join(
        [
            f"{result.model} is right on {result.clean}, and under every attack of the standard ensemble ({norm}, on "
            f"the network's input): {listed}. {result.sampled}".strip(),
            f"Within {first.epsilon} these fell, to the first attack that succeeded: {by_attack}.",
            _discuss_check(result.check),
            "What this does not prove: it is an upper bound, since another attack may fell more; it holds for this "
            "norm and for these photographs, and says nothing of rotations, of patches, or of other networks.",
        ]
    )


def _discuss_check(check: GradientCheck) -> str:
    verdict = (
        "These are signs of masked gradients: the robust accuracy is likely to be overstated."
        if check.suspicious
        else "No sign of masked gradients."
    )
    return (
        f"{verdict} Of {check.photographs} photographs {check.zero_gradients} have no gradient, "
        f"{check.black_box_only} fell only to the attack that sees none, {check.one_step_only} fell to one step and "
        f"not to twenty; within a bound that leaves nothing of the photograph, {check.unbounded} fall."
    )


def discuss_carry_over(other: CarryOver, seen: bool = False) -> str:
    """What the attacked files do to another network; ``seen`` is one of an ensemble that they were made for."""
    relation = "which the attack used" if seen else "which the attack never saw"
    return (
        f"{other.model}, {relation}, has {other.correct} of the originals right; of these files, "
        f"{other.changed} are no longer seen as their class and {other.success} meet the criterion."
    )


def discuss_stall(attack: AttackResult, rate: float) -> str:
    """Why a constant lambda stalls on this photograph, from the gradients that an attack on it met.

    Args:
        attack: attack with a target, whose curve says P(y_fool) and the norm of its gradient at each step.
        rate: the constant lambda that is spoken of.
    """
    met = [(one.probability, one.gradient_norm) for one in attack.curve if one.gradient_norm is not None]
    if not met:
        return f"{attack.name}: nothing is known of the gradient of P(y_fool)."
    (first, norm), (steepest_at, steepest) = met[0], max(met, key=lambda one: one[1])
    width, height = attack.image.size
    # The root mean square of one value's move, in steps of 1/255.
    moved = rate * norm / math.sqrt(3 * width * height) * 255
    sentences = [
        f"In {attack.name} P(y_fool) is {first:.1e} at first, so P (1 - P), to which its gradient is proportional, is "
        f"{first * (1 - first):.1e}: the norm of dP/dX' is {norm:.1e} there and {steepest:.1e} where it is steepest, "
        f"at P = {steepest_at:.2f}, {steepest / max(norm, 1e-300):.0f} times as much."
    ]
    if moved < 0.5:
        sentences.append(
            f"With a constant lambda of {rate:g} the first step moves a value by {moved:.1e} of 1/255 (root mean "
            f"square): it takes {math.ceil(0.5 / max(moved, 1e-300)):,} such steps until most values of an 8-bit file "
            "have changed at all, and until then neither P nor its gradient does. That is the stall."
        )
    else:
        sentences.append(f"A constant lambda of {rate:g} moves a value by {moved:.1f} of 1/255 at once: no stall.")
    last = met[-1][0]
    sentences.append(
        f"The attack shown here, whose steps do not depend on the size of the gradient, took P to {last:.2f} in "
        f"{len(attack.curve)} gradients."
    )
    return " ".join(sentences)
