"""The discussion of a stress test, computed from its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from statistics import mean

from snellen.data.transforms import ASSIGNMENT, TransformStrength, describe_transform
from snellen.robustness.acuity import AcuityChart, AcuityLine, acuity, shared_transforms
from snellen.robustness.spectrum import CUTOFF
from snellen.robustness.stress import StressResult


def discuss(photographs: Sequence[StressResult]) -> str:
    """Sentences about the assignment's four transforms, then about the strengths that change the answer."""
    attacked = [one for one in photographs if one.attacked]
    clean = [one for one in photographs if not one.attacked]
    sentences = []
    if attacked:
        sentences += [_fate(attacked, transform) for transform in _assignments(attacked)]
        sentences.append(_frequencies(attacked))
    if clean:
        sentences.append(_clean(clean))
    sentences.append(discuss_acuity(acuity(photographs)))
    sentences.append(
        "What this does not prove: a transform that undoes these attacks is no defence, since an attack that "
        "expects it (a robust one) is made to bear it."
        if attacked
        else "What this does not prove: one strength of each says nothing of those between, and a rotation of a "
        "picture is not a rotation in the world."
    )
    return " ".join(sentence for sentence in sentences if sentence)


def discuss_acuity(chart: AcuityChart) -> str:
    """The mildest strength of each transform at which half or fewer of the photographs keep their answer."""
    groups = ((chart.clean, "clean"), (chart.attacked, "attacked"))
    return " ".join(_limits(lines, what) for lines, what in groups if lines)


def _assignments(group: Sequence[StressResult]) -> list[TransformStrength]:
    """Those of the assignment's four that all of a group were put to."""
    return [one for one in ASSIGNMENT.items() if one in shared_transforms(group)]


def _fate(attacked: Sequence[StressResult], transform: TransformStrength) -> str:
    """What one transform did to the attacked photographs."""
    pairs = [(one, one.outcome(*transform)) for one in attacked]
    kept = [one for one, outcome in pairs if one.keeps(outcome)]
    restored = [one for one, outcome in pairs if not one.keeps(outcome) and outcome.top.index == one.label]
    third = [(one, outcome) for one, outcome in pairs if not one.keeps(outcome) and outcome.top.index != one.label]
    # An attack that failed leaves nothing to undo.
    fooled = [one for one in kept if one.before.top.index != one.label]
    spared = [one for one in kept if one.before.top.index == one.label]
    parts = []
    if fooled:
        parts.append(f"leaves {_names(fooled)} fooled")
    if spared:
        parts.append(f"changes nothing for {_names(spared)}, which the attack did not fool")
    if restored:
        parts.append(
            f"gives {_names(restored)} back its class" if len(restored) == 1 else f"restores {_names(restored)}"
        )
    parts += [f"makes {_name(one)} {_article(outcome.top.label)}" for one, outcome in third]
    margins = mean(one.before.margin for one, _ in pairs), mean(outcome.margin for _, outcome in pairs)
    return (
        f"{describe_transform(transform).capitalize()} {_listed(parts)}; the attack's margin goes from "
        f"{margins[0]:+.2f} to {margins[1]:+.2f} on average."
    )


def _frequencies(attacked: Sequence[StressResult]) -> str:
    """How the noise's high frequencies fare, and whether losing them goes with losing the target."""
    noisy = [one for one in attacked if one.before.high_frequency_kept and isfinite(one.before.high_frequency_kept)]
    if not noisy:
        return ""
    losses = ", ".join(
        f"{name} {_whole_percent(1 - mean(one.outcome(name, strength).high_frequency_kept or 0.0 for one in noisy))}"
        for name, strength in _assignments(noisy)
    )
    still = [one for one in attacked if one not in noisy]
    left_out = f", but for {_names(still)}, where there is none" if still else ""
    sentence = (
        f"Of the noise's energy above {CUTOFF:g} cycles a pixel of the network's input{left_out}, these lose: {losses} "
        "(a negative loss is a gain)."
        if losses
        else ""
    )
    return " ".join(part for part in (sentence, _survival(noisy), _mirrored(attacked)) if part)


def _survival(noisy: Sequence[StressResult]) -> str:
    """The energy that is left where attacks survive and where they do not."""
    outcomes = [(one, outcome) for one in noisy for outcome in one.outcomes]
    kept = [outcome.high_frequency_kept or 0.0 for one, outcome in outcomes if one.keeps(outcome)]
    undone = [outcome.high_frequency_kept or 0.0 for one, outcome in outcomes if not one.keeps(outcome)]
    if not kept or not undone:
        return ""
    verdict = (
        ": the attack lives by fine detail, which resampling and smoothing take away."
        if mean(undone) < 0.8 * mean(kept)
        else ": its loss alone does not explain what undoes the attack."
    )
    return (
        f"Over all transforms and strengths, the noise keeps {mean(kept):.0%} of that energy where the attack "
        f"survives and {mean(undone):.0%} where it does not{verdict}"
    )


def _mirrored(attacked: Sequence[StressResult]) -> str:
    mirror = ("mirror", ASSIGNMENT["mirror"])
    if mirror not in shared_transforms(attacked):
        return ""
    undone = [one for one in attacked if not one.keeps(one.outcome(*mirror))]
    if not undone:
        return ""
    return (
        f"Mirroring loses no detail and still undoes {len(undone)} of {len(attacked)}: the noise is made for "
        "where each part of the photograph lies, not for what it shows."
    )


def _whole_percent(share: float) -> str:
    """``12%``; what rounds to nothing has no sign."""
    written = f"{share:.0%}"
    return "0%" if written == "-0%" else written


def _clean(clean: Sequence[StressResult]) -> str:
    if len(clean) == 1:
        return _clean_one(clean[0])
    counts = ", ".join(
        f"{describe_transform(transform)} {sum(one.keeps(one.outcome(*transform)) for one in clean)}"
        for transform in _assignments(clean)
    )
    return (
        f"Of {len(clean)} photographs that were not attacked, this many keep their class: {counts}." if counts else ""
    )


def _clean_one(one: StressResult) -> str:
    """Which of the assignment's transforms leave one photograph's class, and which change it."""
    kept = [describe_transform(t) for t in _assignments([one]) if one.keeps(one.outcome(*t))]
    lost = [describe_transform(t) for t in _assignments([one]) if not one.keeps(one.outcome(*t))]
    parts = [
        *([f"keeps its class under {_listed(kept)}"] if kept else []),
        *([f"loses it under {_listed(lost)}"] if lost else []),
    ]
    return f"The photograph {' and '.join(parts)}." if parts else ""


def _limits(lines: Sequence[AcuityLine], what: str) -> str:
    """The mildest strength at which at most half of a group keeps its answer, for each transform that has one."""
    listed = "; ".join(
        describe_transform((line.transform, mildest))
        for line in lines
        for mildest in [s for s, rate in zip(line.strengths, line.kept, strict=True) if rate.share <= 0.5][:1]
    )
    if not listed and lines[0].kept[0].n == 1:
        return f"No transform changes the {what} photograph's answer at any strength tried."
    if not listed:
        return f"No transform takes its answer from half of the {what} photographs at any strength tried."
    if lines[0].kept[0].n == 1:
        return f"The mildest strengths that change the {what} photograph's answer: {listed}."
    return f"The mildest strengths at which half or fewer of the {what} photographs keep their answer: {listed}."


def _name(one: StressResult) -> str:
    return Path(one.image).stem.removesuffix("-adversarial")


def _names(some: Sequence[StressResult]) -> str:
    return _listed([_name(one) for one in some])


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _article(label: str) -> str:
    return f"{'an' if label[0].lower() in 'aeiou' else 'a'} {label}"
