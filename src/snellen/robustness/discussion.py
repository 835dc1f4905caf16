"""The discussion of a stress test, computed from its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from snellen.data.transforms import TRANSFORMS
from snellen.robustness.acuity import acuity
from snellen.robustness.spectrum import CUTOFF
from snellen.robustness.stress import Answer, StressResult, assignment_transforms


def discuss(photographs: Sequence[StressResult]) -> str:
    """Sentences about the assignment's four manipulations, then about the strengths that change the answer."""
    attacked = [one for one in photographs if one.attacked]
    clean = [one for one in photographs if not one.attacked]
    sentences = [_fate(attacked, trial) for trial in assignment_transforms()] if attacked else []
    if attacked:
        sentences.append(_frequencies(attacked))
    if clean:
        sentences.append(_clean(clean))
    sentences.extend(_limits(group, what) for group, what in ((clean, "clean"), (attacked, "attacked")) if group)
    sentences.append(
        "What this does not prove: a manipulation that undoes these attacks is no defence, since an attack that "
        "expects it (snellen attack --robust) is made to bear it."
        if attacked
        else "What this does not prove: one strength of each says nothing of those between, and a turn in a picture "
        "is not a turn in the world."
    )
    return " ".join(sentence for sentence in sentences if sentence)


def _fate(attacked: Sequence[StressResult], trial: tuple[str, float]) -> str:
    """What one manipulation did to the attacked photographs."""
    pairs = [(one, one.answer(*trial)) for one in attacked]
    kept = [one for one, answer in pairs if one.keeps(answer)]
    restored = [one for one, answer in pairs if not one.keeps(answer) and answer.top.index == one.label]
    third = [(one, answer) for one, answer in pairs if not one.keeps(answer) and answer.top.index != one.label]
    parts = []
    if kept:
        parts.append(f"leaves {_names(kept)} fooled")
    if restored:
        parts.append(
            f"gives {_names(restored)} back its class" if len(restored) == 1 else f"restores {_names(restored)}"
        )
    parts += [f"makes {_name(one)} {_article(answer.top.label)}" for one, answer in third]
    margins = mean(one.before.margin for one, _ in pairs), mean(answer.margin for _, answer in pairs)
    return (
        f"{TRANSFORMS[trial[0]].describe(trial[1]).capitalize()} {_listed(parts)}; the attack's margin goes from "
        f"{margins[0]:+.2f} to {margins[1]:+.2f} on average."
    )


def _frequencies(attacked: Sequence[StressResult]) -> str:
    """How the noise's high frequencies fare, and whether losing them goes with losing the target."""
    answers = [(one, answer) for one in attacked for answer in one.answers if _finite(answer)]
    if not answers:
        return ""
    kept = [answer.high_frequency_kept or 0.0 for one, answer in answers if one.keeps(answer)]
    undone = [answer.high_frequency_kept or 0.0 for one, answer in answers if not one.keeps(answer)]
    four = ", ".join(
        f"{name} {1 - mean(one.answer(name, strength).high_frequency_kept or 0.0 for one in attacked):.0%}"
        for name, strength in assignment_transforms()
    )
    sentence = (
        f"Of the noise's energy above {CUTOFF:g} cycles a pixel of the network's input, these lose: {four} (a negative "
        "loss is a gain)."
    )
    if kept and undone:
        sentence += (
            f" Over all manipulations and strengths, the noise keeps {mean(kept):.0%} of that energy where the attack "
            f"survives and {mean(undone):.0%} where it does not"
        )
        sentence += (
            ": the attack lives by fine detail, which resampling and smoothing take away."
            if mean(undone) < 0.8 * mean(kept)
            else ": its loss alone does not explain what undoes the attack."
        )
    intact = [one for one in attacked if not one.keeps(one.answer("mirror", 1.0))]
    if intact:
        sentence += (
            f" Mirroring loses no detail and still undoes {len(intact)} of {len(attacked)}: the noise is made for "
            "where each part of the photograph lies, not for what it shows."
        )
    return sentence


def _finite(answer: Answer) -> bool:
    return answer.high_frequency_kept is not None and answer.high_frequency_kept == answer.high_frequency_kept


def _clean(clean: Sequence[StressResult]) -> str:
    counts = ", ".join(
        f"{TRANSFORMS[name].describe(strength)} {sum(one.keeps(one.answer(name, strength)) for one in clean)}"
        for name, strength in assignment_transforms()
    )
    return f"Of {len(clean)} photographs that were not attacked, this many keep their class: {counts}."


def _limits(group: Sequence[StressResult], what: str) -> str:
    """The mildest strength at which at most half of a group keeps its answer, for each manipulation that has one."""
    ends = [
        (line.manipulation, strength)
        for line in acuity(group)
        for strength, rate in zip(line.strengths, line.kept, strict=True)
        if rate.share <= 0.5
    ]
    first = dict(reversed(ends))
    if not first:
        return f"No manipulation takes its answer from half of the {what} photographs at any strength tried."
    listed = "; ".join(TRANSFORMS[name].describe(first[name]) for name in TRANSFORMS if name in first)
    return f"The mildest strengths at which half or fewer of the {what} photographs keep their answer: {listed}."


def _name(one: StressResult) -> str:
    return Path(one.image).stem.removesuffix("-adversarial")


def _names(some: Sequence[StressResult]) -> str:
    return _listed([_name(one) for one in some])


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _article(label: str) -> str:
    return f"{'an' if label[0].lower() in 'aeiou' else 'a'} {label}"
