"""Says what attacks did, in sentences computed from the numbers, and what that does not prove."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from snellen.attacks.carry_over import CarryOver
from snellen.attacks.config import SMALLEST, AttackConfig
from snellen.attacks.control import RandomSigns
from snellen.attacks.gradient_ascent import GROWTH, SHRINKAGE, accepted_steps
from snellen.attacks.least_bound import LeastBound
from snellen.attacks.result import AttackResult
from snellen.attacks.robust_accuracy import GradientCheck, RobustnessResult
from snellen.attacks.success_rates import AttackSummary
from snellen.attacks.visibility import DARK, JPEG_QUALITY, Visibility
from snellen.intervals import Rate
from snellen.models.predictions import Prediction
from snellen.prose import (
    at_least,
    between,
    called,
    counted,
    decimal,
    from_to,
    how_many,
    in_percent,
    listed,
    plain,
    rounded_down,
    rounded_up,
    sentence,
    share,
    stem,
    with_article,
    word,
)

_X = "X\N{PRIME}"
"""The photograph under attack, as the assignment writes it."""


def _limits(some_failed: bool) -> str:
    """What attacks on one network do not prove; of failed ones only where there are any."""
    failed = ", and a failed attack does not prove that no noise within the bound would do" if some_failed else ""
    return (
        f"This is a white-box attack on one network: it does not say how another network would see these files{failed}."
    )


def discuss_attack(attack: AttackResult) -> str:
    """Sentences about one attack."""
    original, attacked, control = attack.original, attack.attacked.top, attack.control.top
    sentences = [
        f"{attack.name} is seen as {plain(original.label)}, {share(original.probability)}; with noise of at most "
        f"{attack.norm}/255 its file is seen as {plain(attacked.label)}, {share(attacked.probability)}. Uniform noise "
        f"of at most {attack.epsilon}/255 leaves it {plain(control.label)}, {share(control.probability)}."
    ]
    if not attack.correct:
        sentences.append(
            f"It shows {plain(attack.label.label)}: it was wrong before the attack, and changing it proves nothing."
        )
    if attack.reason is not None:
        sentences.append(f"The attack failed: {attack.reason}.")
    if attack.held_out:
        successes, unaware, draws = (
            sum(getattr(one, key) for one in attack.held_out) for key in ("successes", "plain_successes", "draws")
        )
        sentences.append(
            f"Under transforms that the attack did not see, {successes} of {draws} draws still meet the criterion, of "
            f"the plain attack's {unaware}."
        )
    return " ".join([*sentences, _limits(not attack.attacked.success)])


def discuss_attacks(attacks: Sequence[AttackResult], controls: Sequence[RandomSigns]) -> list[str]:
    """Paragraphs about a few attacks with one target: how many succeed and how easily, why, and what is not proved.

    Args:
        attacks: of the photographs' own pixels.
        controls: random noise of their size on the first of the photographs, one or more.
    """
    some_failed = not all(one.attacked.success for one in attacks)
    paragraphs = [
        _found(attacks, controls),
        _weakest(attacks),
        *_trouble(attacks),
        _why(controls),
        _in_fact(attacks, controls),
        _limits(some_failed),
    ]
    return [text for text in paragraphs if text]


def headline(attacks: Sequence[AttackResult], controls: Sequence[RandomSigns]) -> str:
    """How many files are seen as the attack wants, in one sentence."""
    hit = sum(one.attacked.success for one in attacks)
    return (
        f"{_how_many(hit, len(attacks))} {_wanted(attacks)} after a change of at most "
        f"{max(one.norm for one in attacks)}/255; random noise of that size does it in {random_hits(controls)} draws"
    )


def random_hits(controls: Sequence[RandomSigns]) -> str:
    """In how many of all draws random noise does what the attacks do: ``0 of 80``."""
    return f"{sum(one.hits for one in controls)} of {sum(one.draws for one in controls)}"


def _how_many(count: int, of: int) -> str:
    """``All four photographs are``, ``Three of four photographs are``, ``The photograph is not``."""
    if of == 1:
        return "The photograph is" if count else "The photograph is not"
    if 1 < count == of:
        return f"{'Both' if of == 2 else f'All {word(of)}'} photographs are"
    return f"{sentence(how_many(count))} of {counted(of, 'photograph')} {'is' if count == 1 else 'are'}"


def _wanted(attacks: Sequence[AttackResult]) -> str:
    target = attacks[0].target
    return "taken for another class" if target is None else f"seen as {with_article(plain(target.label))}"


def _found(attacks: Sequence[AttackResult], controls: Sequence[RandomSigns]) -> str:
    """How many succeed, how surely, and what random noise of the same size does."""
    hit = [one for one in attacks if one.attacked.success]
    if not hit:
        none = "The photograph could not" if len(attacks) == 1 else f"None of {len(attacks)} photographs could"
        return f"{none} be {_wanted(attacks)} within the bound."
    least = min(hit, key=lambda one: one.attacked.top.probability)
    sure = f"with at least {at_least(least.attacked.top.probability)}"
    steps = [one.gradients for one in hit]
    effort = f"{min(steps)} gradients" if min(steps) == max(steps) else f"{min(steps)} to {max(steps)} gradients"
    some = "" if len(controls) == len(attacks) else f" on {_first(len(controls))}"
    return (
        f"{_how_many(len(hit), len(attacks))} {_wanted(attacks)}, {sure}, after {effort} each. "
        f"{_control(controls, some)}"
    )


def _first(photographs: int) -> str:
    return "the first photograph" if photographs == 1 else f"the first {word(photographs)} photographs"


def _control(controls: Sequence[RandomSigns], some: str) -> str:
    """What random noise of the same size does: how often what the attack does, and which other answers it changes."""
    rate = Rate.of_count(sum(one.hits for one in controls), sum(one.draws for one in controls))
    noise, attacks = (between([getattr(one, of) for one in controls], 1) for of in _STRENGTHS)
    moved = [
        f"{stem(one.name)} ({counted(one.changed, 'draw')}, most often {_seen(one.instead)})"
        for one in controls
        if one.instead is not None
    ]
    text = (
        f"Random noise of that size did so{some} in {random_hits(controls)} draws (95% interval {share(rate.low)} to "
        f"{share(rate.high)}): {word(controls[0].draws)} a photograph, in which each value of the network's own input "
        f"goes up or down by {controls[0].epsilon}/255 by chance. That is a root mean square of {noise} levels where "
        f"the network looks; the attack's noise has {attacks} there."
    )
    if rate.count:
        also = f" It changed the answer on {listed(moved)} as well." if moved else ""
        return f"{text} Not all is the attack's.{also}"
    if not moved:
        return f"{text} It changed no answer: size alone is not enough."
    return (
        f"{text} But it changed the answer on {listed(moved)}: size alone is not enough to choose the class, and there "
        "it was enough to lose one."
    )


_STRENGTHS = ("strength", "attack_strength")


def _seen(prediction: Prediction) -> str:
    return f"{plain(prediction.label)}, {share(prediction.probability)}"


def _trouble(attacks: Sequence[AttackResult]) -> list[str]:
    """What has to be said before these attacks mean anything."""
    wrong = [stem(one.name) for one in attacks if not one.correct]
    unsure = [stem(one.name) for one in attacks if one.correct and one.original.probability < _UNSURE]
    texts = []
    if wrong:
        texts.append(
            f"{sentence(listed(wrong))} {'was' if len(wrong) == 1 else 'were'} seen wrongly before any attack, so "
            f"changing {'it' if len(wrong) == 1 else 'them'} proves nothing."
        )
    if unsure:
        texts.append(
            f"The network was unsure of {listed(unsure)} to begin with (below {share(_UNSURE)}); turning a sure "
            "answer proves more."
        )
    return [" ".join(texts)] if texts else []


_UNSURE = 0.5


def _weakest(attacks: Sequence[AttackResult], confidence: float = AttackConfig.confidence) -> str:
    """What holds the target down on the one photograph on which a search falls short of the others, and how it ended.

    Empty where none or several stop short of ``confidence``, or where nothing is known of the search.
    """
    if len(attacks) < 2 or not all(one.curve for one in attacks):
        return ""
    short = [one for one in attacks if max(met.probability for met in one.curve) < confidence]
    if len(short) != 1:
        return ""
    (one,) = short
    if one.attacked.target is None:
        return ""
    others = "the other one reaches" if len(attacks) == 2 else "each of the others reaches"
    return (
        f"The attack gets least far on {stem(one.name)}: {share(one.attacked.target)} after "
        f"{_gradients(len(one.curve))}, where {others} the {share(confidence)} at which a search stops."
        f"{_who_has_the_rest(one)}{_at_the_end([met.probability for met in one.curve])}"
    )


def _who_has_the_rest(one: AttackResult) -> str:
    """Whether a photograph's own class or all others keep the rest of the probability from the target."""
    if not one.correct or one.target is None or one.attacked.target is None:
        return ""
    own, others = one.attacked.label, max(0.0, 1 - one.attacked.target - one.attacked.label)
    if own >= others:
        return f" Its own class holds out: it still has {share(own)}."
    before = max(0.0, 1 - one.original.probability - one.target.probability)
    return (
        f" Its own class is not what holds out, it is down to {share(own)}: all other classes have {share(others)} "
        f"together, and in the clean photograph had {share(before)}."
    )


def _at_the_end(met: Sequence[float]) -> str:
    """Whether the target still rose in the last quarter of a search, from its probability at each gradient."""
    until = len(met) * 3 // 4
    if not until:
        return ""
    earlier, last = max(met[:until]), max(met)
    if last - earlier < _STILL_RISING:
        return f" The search has come to rest: its last quarter adds next to nothing to the {share(earlier)} before it."
    return (
        f" In the last quarter of the search the target still rose from {share(earlier)} to {share(last)}: "
        f"{_gradients(len(met))} were too few to tell how far it gets."
    )


_STILL_RISING = 0.02
"""What a search that has not come to rest adds to the target's probability in its last quarter, at least."""


def _why(controls: Sequence[RandomSigns]) -> str:
    """Why so small a bound is enough, from the gradient at the network's input; empty where nothing is needed."""
    # Where the target is seen already nothing has to be gained.
    controls = [one for one in controls if one.gap > 0]
    if not controls:
        return ""
    height, width = controls[0].size
    chance = rounded_up(max(one.by_chance for one in controls), 1)
    short = [one for one in controls if one.most < one.gap]
    if not short:
        least = rounded_down(min(one.most / one.gap for one in controls), 1)
        verdict = f"That sum is {'at least ' if len(controls) > 1 else ''}{least:g} times what is needed"
    elif len(short) == len(controls):
        verdict = "That sum is less than is needed, so that the gradient must grow on the way"
    else:
        names = listed([stem(one.name) for one in short])
        verdict = f"On {names} that sum is less than is needed, so that the gradient must grow there on the way"
    return (
        f"Why so little can be enough: the network is given {3 * height * width:,} values ({height} x {width} x 3). If "
        f"each goes {controls[0].epsilon}/255 the way its gradient points, the target gains on the class that is seen, "
        "to first order, the bound times the sum of the absolute gradient: steps too small to see add up in one logit "
        f"(Goodfellow et al., arXiv 1412.6572). {verdict}. Steps of the same size in random directions cancel: one "
        f"standard deviation of what they gain is {_at_most(controls)}{chance:.1f} logits (the bound times the "
        "gradient's norm)."
    )


def _in_fact(attacks: Sequence[AttackResult], controls: Sequence[RandomSigns]) -> str:
    """What one step along the gradient gains in fact, and so how much of the attacks' success linearity explains.

    Empty where nothing has to be gained, or the gradient is flat.
    """
    some = [one for one in controls if one.gap > 0 and one.most > 0]
    if not some:
        return ""
    ahead = [one for one in some if one.stepped > one.gap]
    if len(some) == 1:
        where = ""
    elif 0 < len(ahead) < len(some):
        where = f" on {listed([stem(one.name) for one in ahead])} alone"
    else:
        where = f" on {'each' if ahead else 'none'} of the {word(len(some))} photographs"
    puts = "puts" if ahead or where else "does not put"
    same = rounded_up(max(one.cosine for one in some), 2)
    turned = (
        f" The gradient turns on the way: its cosine with that at the attacked file is {_at_most(some)}"
        f"{decimal(same, 2)}, where 1 is the same direction."
        if same < _TURNED
        else ""
    )
    return (
        f"In fact that one step gains {_made_up(some)} of what is needed, and {puts} the target ahead of the class "
        f"that is seen{where}.{turned}{_explained(attacks, some, ahead)}"
    )


_TURNED = 0.7
"""A gradient whose cosine with another is below that points elsewhere: by more than half a right angle."""


def _at_most(some: Sequence[RandomSigns]) -> str:
    return "at most " if len(some) > 1 else ""


def _made_up(some: Sequence[RandomSigns]) -> str:
    """How much of what is needed one step gains, where least and where most: ``46% (cat) to 88% (dog)``."""
    by_share = sorted(some, key=lambda one: one.stepped / one.gap)
    shares = [f"{decimal(100 * one.stepped / one.gap, 0)}%" for one in (by_share[0], by_share[-1])]
    if shares[0] == shares[1]:
        return shares[0]
    return f"{shares[0]} ({stem(by_share[0].name)}) to {shares[1]} ({stem(by_share[-1].name)})"


def _explained(attacks: Sequence[AttackResult], some: Sequence[RandomSigns], ahead: Sequence[RandomSigns]) -> str:
    """What linearity explains of the attacks' success, by the photographs on which one step puts the target ahead."""
    succeeded = {one.name for one in attacks if one.attacked.success}
    rest = [one for one in some if one not in ahead]
    if not rest:
        return " So linearity is enough here."
    if not all(one.name in succeeded and one.stepped > 0 for one in rest):
        return ""
    enough = f"is enough on {listed([stem(one.name) for one in ahead])}; elsewhere it " if ahead else ""
    return (
        f" So linearity {enough}explains which way to go and the first part of the gain, not the success: the rest is "
        "found by a search that asks for the gradient anew at every step."
    )


def discuss_visibility(measured: Sequence[Visibility], least: Sequence[LeastBound] = ()) -> str:
    """How visible a few attacks' noise is: its size beside JPEG's, and where photographs are too smooth to hide it.

    Args:
        measured: the attacked files.
        least: the least bound that is enough on some of them.
    """
    changed = [one for one in measured if math.isfinite(one.psnr)]
    if not changed:
        return ""
    milder = sum(one.psnr > one.jpeg_psnr for one in changed)
    which = {1: "it", 2: "both"}.get(milder, f"all {word(milder)}")
    more = which if milder == len(changed) else f"{how_many(milder)} of {word(len(changed))}"
    return (
        f"How visible it is: to save the photograph as JPEG of quality {JPEG_QUALITY}, Pillow's default, changes "
        f"{more} more than the noise does, by the PSNR where that lies. Such a mean says nothing of where the change "
        f"lies, and smooth regions hide none. {_standing_out(changed, least)}"
    )


def _standing_out(changed: Sequence[Visibility], least: Sequence[LeastBound]) -> str:
    """In how much of each photograph the noise has more contrast than it, and by how much in its flattest cell."""
    seen = [one for one in changed if one.flattest.standing_out > 0]
    hidden = [one for one in changed if one.flattest.standing_out == 0]
    measured = (
        f"in small cells that are not dark (brightness {DARK} of 255 or more; compared is its deviation once shading, "
        "a fitted plane, is taken away)"
    )
    contrasts = (
        f"Noise against detail in the flattest cell ({_side(changed)} pixels a side; a dark one only where all are): "
        f"{_of_each(changed, _contrast, 'levels')}."
    )
    if not seen:
        return (
            f"Compared {measured}, the noise is nowhere stronger than the photograph's own detail."
            f"{_enough(changed, least)} {contrasts}"
        )
    nowhere = f"; on {_some(hidden)} nowhere" if hidden else ""
    areas = _of_each(seen, lambda one: share(one.flattest.standing_out), "of the attacked area")
    return (
        f"Compared {measured}, the noise is stronger than the photograph's own detail in this much: {areas}{nowhere}. "
        f"There it stands out, and can be seen by whoever enlarges the file.{_enough(changed, least)} "
        f"{contrasts}"
    )


def _enough(changed: Sequence[Visibility], least: Sequence[LeastBound]) -> str:
    """On which photographs less noise would have been enough, and on which not; empty where that is not known."""
    names = [one.name for one in changed]
    known = [one for one in least if one.name in names][:_MOST_NAMED]
    smaller = [one for one in known if one.steps < one.norm]
    needed: dict[int, list[str]] = {}
    for one in known:
        if one.steps == one.norm:
            needed.setdefault(one.norm, []).append(stem(one.name))
    told = ""
    if smaller:
        less = listed([f"{one.steps}/255 on {stem(one.name)}{_stands_out_then(one, changed)}" for one in smaller])
        told = (
            f" Less would have been enough: {less}. The bound is the one that was asked for, the same for all; an "
            f'attack run by itself with epsilon = "{SMALLEST}" finds the smallest for each photograph.'
        )
    if needed:
        bounds = listed([f"{norm}/255 on {listed(some)}" for norm, some in sorted(needed.items())])
        within = max(one.gradients for one in known)
        told += f" Within {within} gradients the same search found nothing below {bounds}."
    return told


def _stands_out_then(least: LeastBound, changed: Sequence[Visibility]) -> str:
    """In how much of a photograph noise of its least bound stands out, where that of its attacked file does."""
    if not any(one.name == least.name and one.flattest.standing_out for one in changed):
        return ""
    where = f"in {share(least.standing_out)}" if least.standing_out else "nowhere"
    return f" (noise of that bound stands out {where})"


def _of_each(some: Sequence[Visibility], written: Callable[[Visibility], str], unit: str) -> str:
    """Something of each of the first few: ``6% of the attacked area on coffee, 1% on peppers``."""
    first, *rest = some[:_MOST_NAMED]
    parts = [
        f"{written(first)} {unit} on {stem(first.name)}",
        *(f"{written(one)} on {stem(one.name)}" for one in rest),
    ]
    others = f" (the first {word(_MOST_NAMED)} of {word(len(some))})" if len(some) > _MOST_NAMED else ""
    return f"{listed(parts)}{others}"


def _some(some: Sequence[Visibility]) -> str:
    names = [stem(one.name) for one in some[:_MOST_NAMED]]
    return listed([*names, f"{word(len(some) - _MOST_NAMED)} more"] if len(some) > _MOST_NAMED else names)


_MOST_NAMED = 4


def _contrast(one: Visibility) -> str:
    return f"{one.flattest.noise:.1f} against {one.flattest.detail:.1f}"


def _side(some: Sequence[Visibility]) -> str:
    """How large the flattest cells of the first few are, in pixels of the photograph: ``16 to 58``."""
    return between([one.flattest.window[0].stop - one.flattest.window[0].start for one in some[:_MOST_NAMED]], 0)


def discuss(summary: AttackSummary) -> str:
    """Sentences about many attacks."""
    correct, wrong = summary.correct, summary.wrong
    sentences = []
    if correct.n:
        sentences.append(
            f"Of the attacked files, read back from disk, {correct.success} meet the criterion; the label is no "
            f"longer on top in {correct.changed}. Uniform noise of the same bound meets it in "
            f"{correct.control_success} and moves the label from the top in {correct.control_changed}."
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
            f"Kept apart: {counted(wrong.n, 'photograph')} wrong before any attack, of which {wrong.success} "
            f"{'meets' if wrong.n == 1 else 'meet'} the criterion."
        )
    some_failed = any(rates.success.count < rates.success.n for rates in (correct, wrong))
    return " ".join([*sentences, _limits(some_failed)])


def _half(summary: AttackSummary) -> str:
    half = next((steps for steps, rate in summary.curve if rate.share >= 0.5), None)
    if half is None:
        return "No bound that was tried fools half of the photographs."
    # Where an attack fails the curve goes on to the largest bound that was tried.
    most = next(steps for steps, rate in summary.curve if rate.count == summary.curve[-1][1].count)
    return f"Half of the photographs are fooled within {half}/255, all that are fooled within {most}/255."


def discuss_robust_accuracy(result: RobustnessResult) -> str:
    """Sentences about robust accuracy."""
    standing = "; ".join(f"within {point.epsilon} {point.accuracy}" for point in result.points)
    first = result.points[0]
    by_attack = ", ".join(f"{name.replace('_', '-')} {count}" for name, count in first.felled.items())
    norm = "infinity norm" if result.config.norm == "Linf" else "Euclidean norm"
    return " ".join(
        [
            f"{called(result.model)} is right on {result.clean}, and under every attack of the standard ensemble "
            f"({norm}, on the network's input): {standing}. {result.sampled}".strip(),
            f"Within {first.epsilon} these fell, to the first attack that succeeded: {by_attack}.",
            _discuss_check(result.check),
            "What this does not prove: it is an upper bound, since another attack may fell more; it holds for this "
            "norm and for these photographs, and says nothing of rotations, of patches, or of other networks.",
        ]
    )


def _discuss_check(check: GradientCheck) -> str:
    if not check.photographs:
        return "Whether gradients are masked was not looked at: no photograph is classified correctly."
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
    who = f"{other.model}, {'which the attack used' if seen else 'which the attack never saw'}"
    untold = sum(not one.label_given for one in other.photographs)
    fate = f"{other.changed} are no longer seen as their class and {other.success} meet the criterion."
    own = "nobody said what they show, so what it sees in the original counts as their class"
    if untold and untold == len(other.photographs):
        return f"{who}, is shown files of which {own}: {fate}"
    if not other.correct.n and not untold:
        return f"{who}, has no class of the originals' names, so nothing can be said of these files."
    right = f"{who}, has {other.correct} of the originals right"
    if untold:
        return f"{right}; of {word(untold)} more {own}. Of all these files, {fate}"
    return f"{right}; of these files, {fate}" if other.changed.n else f"{right}, so there is nothing to fool."


def discuss_rule(pairs: Sequence[tuple[AttackResult, AttackResult]], most: int, rate: float) -> list[str]:
    """How the assignment's own update did beside a strong attack on a few photographs, where it stalled and why.

    Args:
        pairs: for each photograph the strong attack, whose steps do not depend on how steep P(y_fool) is, and the
            update, its step size searched for.
        most: gradients that the update was given on each.
        rate: the constant step size λ that is spoken of.
    """
    hit = [rule for _, rule in pairs if rule.attacked.success]
    missed = [rule for _, rule in pairs if not rule.attacked.success]
    before = (
        f"The assignment's update, {_X} = {_X} + λ · dP/d{_X}, was given at most {most} gradients on each photograph. "
        "Backtracking finds λ: it starts where the mean step is the whole bound. Where P(y_fool) has risen the step "
        f"stands and the mean step grows by the factor {GROWTH:g}; where it has not the step is taken back, and tried "
        f"again with {SHRINKAGE:g} of it. λ itself is that mean step over the mean absolute gradient, so it falls as "
        "the gradient grows."
    )
    clipped = (
        f"As in the assignment's two steps, the clip stands in place of the penalty on ‖{_X} \N{MINUS SIGN} X‖∞: it "
        "holds the distance to ε exactly, where the penalty would only make distance costly, and pull back none but "
        "the values that are farthest off."
    )
    found = []
    if hit:
        every = "both" if len(hit) == 2 else f"all {word(len(hit))}"
        which = every if 1 < len(hit) == len(pairs) else listed([stem(one.name) for one in hit])
        reached = [rule.attacked.target or rule.attacked.top.probability for rule in hit]
        least = f" with at least {at_least(min(reached))}" if len(hit) > 1 else f" with {share(reached[0])}"
        found.append(f"It works on {which},{least}, in {_range([len(one.curve) for one in hit])} gradients.")
    if missed:
        names = listed([stem(one.name) for one in missed])
        found += [f"It does not get there on {names}.", *map(_stalled, missed)]
    return [" ".join([before, *found, clipped]), discuss_stall([rule for _, rule in pairs], rate)]


def why_the_attack(
    pairs: Sequence[tuple[AttackResult, AttackResult]], confidence: float = AttackConfig.confidence
) -> str:
    """Why Auto-PGD is the attack and the assignment's update stands beside it, and on which photographs each was ahead.

    Ahead is what had brought the target to ``confidence`` with fewer gradients, or alone. Where neither had, both ends
    are told.

    Args:
        pairs: see :func:`discuss_rule`; one or more.
        confidence: probability at which either search stops.
    """
    ahead, behind, alike, short = list[str](), list[str](), list[str](), list[str]()
    better = False
    for strong, rule in pairs:
        name, attack, update = stem(rule.name), _pace(strong, confidence), _pace(rule, confidence)
        better = better or attack > update
        if max(attack[0], update[0]) == -_NEVER:
            ends = f"the attack ends at {in_percent(attack[1])}, the update at {in_percent(update[1])}"
            short.append(f" On {name} neither gets there: {ends}.")
        elif attack == update:
            alike.append(name)
        elif attack > update:
            ahead.append(f"{name} ({_against(attack, update, 'the update')})")
        else:
            behind.append(f"{name} ({_against(update, attack, 'the attack')})")
    reason = (
        "The attack is Auto-PGD, and not the update, because its steps follow the gradient's signs: where P(y_fool) is "
        "flat they are no shorter, and no λ has to be searched for."
    )
    told = [f"the attack reaches {share(confidence)} first on {listed(ahead)}"] if ahead else []
    told += [f"the update reaches {share(confidence)} first on {listed(behind)}"] if behind else []
    told += [f"both take as many gradients on {listed(alike)}"] if alike else []
    reached = f" {sentence('; '.join(told))}." if told else ""
    as_well = "" if better else " So the update would have done as well here."
    return f"{reason}{reached}{''.join(short)}{as_well}"


def _gradients(count: int) -> str:
    return "1 gradient" if count == 1 else f"{count:,} gradients"


def _pace(one: AttackResult, confidence: float) -> tuple[int, float]:
    """How soon a search had the target at a confidence, the more the sooner, and what its file has of it otherwise."""
    if max((met.probability for met in one.curve), default=0.0) >= confidence:
        return -len(one.curve), confidence
    return -_NEVER, round(one.attacked.target or 0.0, 3)


_NEVER = 1_000_000_000
"""More gradients than any search takes."""


def _against(winner: tuple[int, float], other: tuple[int, float], name: str) -> str:
    """What one search did, and beside it the other, which is called ``name`` where it did not get as far."""
    if other[0] == -_NEVER:
        return f"{_gradients(-winner[0])}; {name} ends at {in_percent(other[1])}"
    return f"{_gradients(-winner[0])} against {-other[0]:,}"


def _range(counts: Sequence[int]) -> str:
    low, high = (word(one) if max(counts) < _IN_DIGITS else f"{one:,}" for one in (min(counts), max(counts)))
    return from_to(low, high)


_IN_DIGITS = 13
"""From here on both ends of a range are."""


def _stalled(rule: AttackResult) -> str:
    """Where and why the update came to rest on a photograph, from what it met."""
    met = [one.probability for one in rule.curve]
    taken = accepted_steps(met)
    highest, back, rose_last = max(met), len(met) - len(taken), taken[-1] == len(met) - 1
    name, reached = sentence(stem(rule.name)), f"P(y_fool) from {_power(rule.curve[0].probability)} to {share(highest)}"
    if not rule.curve[0].gradient_norm:
        return f"{name} has no gradient at all to follow: P(y_fool) is {_power(rule.curve[0].probability)}, and flat."
    if 2 * back < len(rule.curve):
        end = "still rising as they ended" if rose_last else "with most steps still rising"
        return f"On {stem(rule.name)} {len(rule.curve)} gradients take {reached}, {end}: the budget was too small."
    halved = f"{word(back)} of its {len(rule.curve)} steps overshot and were taken back, each halving λ"
    return f"On {stem(rule.name)} it takes {reached}; {halved}, so that it all but stands still."


def discuss_stall(attacks: Sequence[AttackResult], rate: float) -> str:
    """Why a constant step size λ stalls on these photographs, from the gradients that the assignment's update met.

    Args:
        attacks: what the update made of them; each curve says P(y_fool) and the norm of its gradient at each step.
        rate: the constant step size λ that is spoken of.
    """
    known = [one for one in attacks if any(met.gradient_norm is not None for met in one.curve)]
    if not known:
        return f"Nothing is known of the gradient of P(y_fool) on {listed([stem(one.name) for one in attacks])}."
    starts, steeper, moved = [], [], []
    for one in known:
        met = [(at.probability, at.gradient_norm) for at in one.curve if at.gradient_norm is not None]
        first, norm = met[0]
        width, height = one.image.size
        starts.append(first)
        steeper.append(max(norm for _, norm in met) / max(norm, _TINY))
        # The root mean square of one value's move, in steps of 1/255.
        moved.append(rate * norm / math.sqrt(3 * width * height) * 255)
    why = (
        f"Why λ must be searched for: the softmax makes dP/d{_X} proportional to P (1 \N{MINUS SIGN} P), and P begins "
        f"at {_between(starts, _power)}.{_no_one_step_size(steeper)}"
    )
    stalling = [one for one in moved if one < _HALF_A_LEVEL]
    if not stalling:
        return (
            f"{why} A constant λ of {rate:g} moves a value by at least {rounded_down(min(moved), 1):g} of 1/255 at "
            "once: here it does not stall."
        )
    where = "" if len(stalling) == len(moved) else f" on {word(len(stalling))} of {word(len(moved))}"
    return (
        f"{why} A constant λ of {rate:g} moves a value by {_between(stalling, _power)} of 1/255 in the first step "
        f"(root mean square){where}: {_between([_HALF_A_LEVEL / max(one, _TINY) for one in stalling], _roughly)} such "
        "steps would pass before most values of an 8-bit file change at all, if the gradient stayed as small."
    )


def _no_one_step_size(steeper: Sequence[float]) -> str:
    """How much steeper than at its start P(y_fool) gets on its path, where that tells against one step size."""
    telling = [one for one in steeper if one >= _TELLING]
    if not telling:
        return ""
    where = "" if len(telling) == len(steeper) else f" (on {word(len(telling))} of {word(len(steeper))})"
    return (
        f" Where the gradient is steepest on the update's own path{where} it is {_between(telling, _roughly)} times as "
        "long as at the beginning, so that no one λ suits both ends."
    )


_TELLING = 10
"""How many times as steep, for it to be said that one step size does not suit both ends."""
_HALF_A_LEVEL, _MOST_SAID, _TINY = 0.5, 1e10, 1e-300
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _between(numbers: Sequence[float], written: Callable[[float], str]) -> str:
    """``3 to 40``, each end as ``written``."""
    return from_to(written(min(numbers)), written(max(numbers)))


def _power(number: float) -> str:
    """A number to one digit: ``0.03``, and below a thousandth ``3 · 10⁻⁶``."""
    return _to_one_digit(number) if number == 0 or number >= 1e-3 else _scientific(number)


def _roughly(number: float) -> str:
    """A number above 1 to one digit, as a person says it: ``30,000``."""
    return f"{float(f'{number:.0e}'):,.0f}" if number < _MOST_SAID else _scientific(number)


def _to_one_digit(number: float) -> str:
    return f"{float(f'{number:.0e}'):g}"


def _scientific(number: float) -> str:
    digit, power = f"{number:.0e}".split("e")
    return f"{digit}\u00a0·\u00a010{str(int(power)).translate(_SUPERSCRIPTS)}"


def step_sizes(rule: AttackResult) -> str:
    """The λ of the first and of the last step that the assignment's update accepted; empty where it took none."""
    found = [rule.curve[step].step_size for step in accepted_steps([met.probability for met in rule.curve])]
    known = [one for one in found if one is not None]
    ends = [_power(one) if one < _LARGE else _scientific(one) for one in (known[:1] + known[-1:])]
    return " to ".join(dict.fromkeys(ends))


_LARGE = 1e4
"""From here on a step size is written by its power of ten."""
