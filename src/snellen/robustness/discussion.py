"""The discussion of a stress test, computed from its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from statistics import mean

from snellen.data.transforms import ASSIGNMENT, TransformStrength, describe_transform
from snellen.prose import counted, how_many, listed, plain, sentence, share, stem, with_article, word
from snellen.robustness.acuity import AcuityChart, AcuityLine, acuity, shared_transforms
from snellen.robustness.spectrum import CUTOFF
from snellen.robustness.stress import Outcome, StressPair, StressResult

_FEW = 6
"""Up to so many photographs are named one by one; more are counted."""
_RESIZING_NOISE = ("noise", "jpeg", "brightness", "contrast")
"""Transforms that scale or add fine detail, so that the energy after them says nothing of what they took away."""
_AFTER = {"mirror": "after mirroring", "crop": "after the crop", "rotation": "after rotation", "grayscale": "in gray"}


def discuss(photographs: Sequence[StressResult], originals: Sequence[StressResult] = ()) -> str:
    """Paragraphs about the assignment's four transforms, then about the strengths that change the answer.

    Args:
        photographs: results of photographs, attacked ones or not.
        originals: results of what they were made from, as many and in the same order; empty where they are not known.
    """
    known: Sequence[StressResult | None] = originals or [None] * len(photographs)
    pairs = list(zip(photographs, known, strict=True))
    attacked = [one for one in photographs if one.attacked]
    clean = [one for one in photographs if not one.attacked]
    paragraphs = []
    if attacked:
        made = [pair for pair in pairs if pair[0].attacked]
        paragraphs += [_overview(made), *(_case(made, transform) for transform in _assignments(attacked))]
        paragraphs.append(_survival(attacked))
    if clean:
        paragraphs.append(_clean(clean))
    paragraphs.append(discuss_acuity(acuity(photographs)))
    paragraphs.append(
        "What this does not prove: a transform that undoes these attacks is no defence, since an attack that expects "
        "it (a robust one) is made to bear it."
        if attacked
        else "What this does not prove: one strength of each says nothing of those between, and a rotation of a "
        "picture is not a rotation in the world."
    )
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def headline(attacked: Sequence[StressResult]) -> str:
    """How many attacks survive each of the assignment's transforms, in one sentence."""
    counts = [f"{how_many(_survivors(attacked, one))} {_AFTER[one[0]]}" for one in _assignments(attacked)]
    return f"Of {counted(len(attacked), 'attacked photograph')}, still seen as the attack wants: {', '.join(counts)}"


def discuss_acuity(chart: AcuityChart) -> str:
    """The mildest strength of each transform at which half or fewer of the photographs keep their answer."""
    groups = ((chart.clean, "clean"), (chart.attacked, "attacked"))
    return " ".join(_limits(lines, what) for lines, what in groups if lines)


def _assignments(group: Sequence[StressResult]) -> list[TransformStrength]:
    """Those of the assignment's four that all of a group were put to."""
    return [one for one in ASSIGNMENT.items() if one in shared_transforms(group)]


def _fooled(group: Sequence[StressResult]) -> list[StressResult]:
    """Those that the attack fooled: an attack that failed leaves nothing to undo."""
    return [one for one in group if one.before.top.index != one.label]


def _survivors(group: Sequence[StressResult], transform: TransformStrength) -> int:
    return sum(one.keeps(one.outcome(*transform)) for one in _fooled(group))


def _overview(pairs: Sequence[StressPair]) -> str:
    """Which transform undoes most, and whether what is undone is mended."""
    attacked = [one for one, _ in pairs]
    fooled = _fooled(attacked)
    spared = [one for one in attacked if one not in fooled]
    apart = f"The attack did not fool {_names(spared)}, so that there is nothing to undo there. " if spared else ""
    transforms = _assignments(attacked)
    if not fooled or not transforms:
        return apart.strip()
    counts = {transform: _survivors(attacked, transform) for transform in transforms}
    mildest, harshest = max(counts.values()), min(counts.values())
    if mildest == harshest:
        found = f"Each of the four leaves {_of(mildest, len(fooled))} fooled."
    else:
        worst = [describe_transform(one) for one, count in counts.items() if count == harshest]
        best = [describe_transform(one) for one, count in counts.items() if count == mildest]
        found = (
            f"The attacks bear {listed(best)} best ({_of(mildest, len(fooled))} still fooled) and {listed(worst)} "
            f"worst ({_of(harshest, len(fooled))})."
        )
    return f"{apart}{found} {_mended([pair for pair in pairs if pair[0] in fooled], transforms)}".strip()


def _of(count: int, whole: int) -> str:
    return f"{how_many(count)} of {word(whole)}"


def _mended(fooled: Sequence[StressPair], transforms: Sequence[TransformStrength]) -> str:
    """How many of the cases in which the attack's class is lost get their own back, and how many another."""
    cases = [(one, original, one.outcome(*transform)) for one, original in fooled for transform in transforms]
    undone = [case for case in cases if not case[0].keeps(case[2])]
    third = [case for case in undone if case[2].top.index != case[0].label]
    mended, anyway = len(undone) - len(third), sum(_without_attack(original, outcome) for _, original, outcome in third)
    if not undone:
        return ""
    if mended == len(undone):
        return "Whatever is undone gets its own class back."
    return (
        f"To undo is not to mend: of the {word(len(undone))} cases in which the attack's class is lost, the "
        f"photograph's own class comes back in {how_many(mended)}; otherwise a third class wins"
        + (f", in {word(anyway)} the one that wins without the attack too." if anyway else ".")
    )


def _without_attack(original: StressResult | None, outcome: Outcome) -> bool:
    """Whether what an attacked photograph was made from is known to get the same class under the same transform."""
    if original is None:
        return False
    return original.outcome(outcome.transform, outcome.strength).top.index == outcome.top.index


def _case(made: Sequence[StressPair], transform: TransformStrength) -> str:
    """What one transform did, and what it does to the noise."""
    return f"{sentence(describe_transform(transform))}: {_fate(made, transform)}. {_reason(made, transform)}".strip()


def _fate(made: Sequence[StressPair], transform: TransformStrength) -> str:
    pairs = [(one, one.outcome(*transform)) for one, _ in made]
    fooled = [one for one, outcome in pairs if one.keeps(outcome) and one.before.top.index != one.label]
    spared = [one for one, outcome in pairs if one.keeps(outcome) and one.before.top.index == one.label]
    restored = [one for one, outcome in pairs if not one.keeps(outcome) and outcome.top.index == one.label]
    third = [
        (one, original, outcome)
        for (one, outcome), (_, original) in zip(pairs, made, strict=True)
        if not one.keeps(outcome) and outcome.top.index != one.label
    ]
    parts = []
    if fooled:
        parts.append(f"{_names(fooled)} {_stay(fooled)} fooled")
    if spared:
        parts.append(f"{_names(spared)}, which the attack did not fool, {_stay(spared)} as {_they(spared)}")
    if restored:
        parts.append(f"{_names(restored)} {'gets its' if len(restored) == 1 else 'get their'} own class back")
    if len(third) > _FEW:
        parts.append(f"{word(len(third))} become something else")
    else:
        parts += [
            f"{stem(one.image)} becomes {with_article(plain(outcome.top.label))}"
            + (" (as it does without the attack)" if _without_attack(original, outcome) else "")
            for one, original, outcome in third
        ]
    margins = mean(one.before.margin for one, _ in pairs), mean(outcome.margin for _, outcome in pairs)
    before, after = (_points(margin) for margin in margins)
    return (
        f"{listed(parts)}. The attack's lead over the best other class goes from {before} to {after} points on average"
    )


def _stay(some: Sequence[StressResult]) -> str:
    return "stays" if len(some) == 1 else "stay"


def _they(some: Sequence[StressResult]) -> str:
    return "it is" if len(some) == 1 else "they are"


def _points(margin: float) -> str:
    written = f"{100 * margin:+.0f}"
    return "0" if written in ("-0", "+0") else written


def _reason(made: Sequence[StressPair], transform: TransformStrength) -> str:
    """Why, through what becomes of the noise: its fine detail, its place, its scale, its colour."""
    name, attacked = transform[0], [one for one, _ in made]
    noisy = _noisy(attacked)
    if not noisy:
        return ""
    kept = mean(one.outcome(*transform).high_frequency_kept or 0.0 for one in noisy)
    fine = _fine_detail(kept)
    undone = len(_fooled(attacked)) - _survivors(attacked, transform)
    if name == "mirror":
        consequence = (
            "so what undoes the attack is place and orientation alone: the noise was made for each part of the "
            "photograph where it lay, and the filters that it plays on are not mirrored with it"
            if undone
            else "and place and orientation alone do not undo it"
        )
        return f"Mirroring leaves the noise whole ({fine}) and only turns it round, {consequence}."
    if name == "crop":
        return (
            "The crop shows the rest larger, so noise and photograph are resampled together at another scale "
            f"({fine}), and each piece of noise meets other filters. {_ladder(attacked, 'scale', 'Shrinking')}"
        ).strip()
    if name == "rotation":
        return (
            f"Turning resamples the noise between the pixels it was made for ({fine}) and tilts every stripe of it, "
            f"while the object stays what it is. {_ladder(attacked, 'blur', 'Blur')}"
        ).strip()
    return (
        "Grayscale moves nothing, neither place nor scale; what it takes is colour, of the photograph and of the "
        f"noise ({fine}): the part in which the three channels differ. {_needed(made, transform)}"
    )


def _needed(made: Sequence[StressPair], transform: TransformStrength) -> str:
    """How many attacks were lost with what a transform takes away, where the photograph without them is not."""
    fooled = [(one, original) for one, original in made if _fooled([one])]
    undone = [(one, original) for one, original in fooled if not one.keeps(one.outcome(*transform))]
    if not undone:
        return "The rest is enough."
    unmoved = [original for _, original in undone if original and original.keeps(original.outcome(*transform))]
    if not unmoved:
        lost = f"{_attacks(len(undone), len(fooled))} {'is' if len(undone) == 1 else 'are'} undone"
        known = all(original for _, original in undone)
        return f"{lost}{', but there the clean photograph loses its class as well' if known else ''}."
    return f"{_attacks(len(unmoved), len(fooled))} needed it: undone, where the clean photograph keeps its class."


def _attacks(count: int, of: int) -> str:
    return "The attack" if of == 1 else f"{sentence(_of(count, of))} attacks"


def _fine_detail(kept: float) -> str:
    """What is left of the noise's energy at high frequencies."""
    lost = 1 - kept
    if abs(lost) < 0.005:
        return f"none of its energy above {CUTOFF:g} cycles a pixel is lost"
    if lost < 0:
        return f"its energy above {CUTOFF:g} cycles a pixel even grows by {share(-lost)}"
    return f"{share(lost)} of its energy above {CUTOFF:g} cycles a pixel is lost"


def _ladder(attacked: Sequence[StressResult], name: str, what: str) -> str:
    """The mildest step of another transform that undoes half of the attacks, as evidence."""
    fooled = _fooled(attacked)
    strengths = [strength for other, strength in shared_transforms(attacked) if other == name]
    undoing = [s for s in strengths if fooled and 2 * _survivors(attacked, (name, s)) <= len(fooled)]
    if not undoing:
        return ""
    mildest = (name, min(undoing, key=abs))
    undone = len(fooled) - _survivors(attacked, mildest)
    count = "half of them" if 2 * undone == len(fooled) else _of(undone, len(fooled))
    return f"{what} alone undoes {count} ({describe_transform(mildest)})."


def _noisy(attacked: Sequence[StressResult]) -> list[StressResult]:
    """Those whose noise has high frequencies."""
    return [one for one in attacked if one.before.high_frequency_kept and isfinite(one.before.high_frequency_kept)]


def _survival(attacked: Sequence[StressResult]) -> str:
    """Whether losing the noise's fine detail goes with losing the attack's class, over all transforms."""
    noisy = _noisy(attacked)
    outcomes = [(one, outcome) for one in noisy for outcome in one.outcomes if outcome.transform not in _RESIZING_NOISE]
    kept = [outcome.high_frequency_kept or 0.0 for one, outcome in outcomes if one.keeps(outcome)]
    undone = [outcome.high_frequency_kept or 0.0 for one, outcome in outcomes if not one.keeps(outcome)]
    if not kept or not undone:
        return ""
    verdict = (
        f"So losing fine detail goes with losing the attack{_by_mirroring(attacked)}."
        if mean(undone) < 0.8 * mean(kept)
        else "So the loss of fine detail alone does not explain what undoes the attack; place and scale count as well."
    )
    return (
        "Over all transforms and strengths that neither add fine detail nor change its size (without noise, JPEG, "
        f"brightness and contrast), {share(mean(kept))} of the noise's is left where the attack survives and "
        f"{share(mean(undone))} where it does not. {verdict}"
    )


def _by_mirroring(attacked: Sequence[StressResult]) -> str:
    """What contradicts that it is all a matter of fine detail: a mirror takes none."""
    mirror, fooled = ("mirror", ASSIGNMENT["mirror"]), _fooled(attacked)
    if not fooled or mirror not in shared_transforms(attacked):
        return ""
    undone = len(fooled) - _survivors(attacked, mirror)
    return f", but mirroring, which takes none, undoes {_of(undone, len(fooled))} as well" if undone else ""


def _clean(clean: Sequence[StressResult]) -> str:
    if len(clean) == 1:
        return _clean_one(clean[0])
    transforms = _assignments(clean)
    if not transforms:
        return ""
    counts = [(describe_transform(one), sum(each.keeps(each.outcome(*one)) for each in clean)) for one in transforms]
    if all(count == len(clean) for _, count in counts):
        return f"All {len(clean)} photographs that were not attacked keep their class under every one of the four."
    return (
        f"Of {len(clean)} photographs that were not attacked, this many keep their class: "
        f"{', '.join(f'{name} {count}' for name, count in counts)}."
    )


def _clean_one(one: StressResult) -> str:
    """Which of the assignment's transforms leave one photograph's class, and which change it."""
    kept = [describe_transform(t) for t in _assignments([one]) if one.keeps(one.outcome(*t))]
    lost = [describe_transform(t) for t in _assignments([one]) if not one.keeps(one.outcome(*t))]
    parts = [
        *([f"keeps its class under {listed(kept)}"] if kept else []),
        *([f"loses it under {listed(lost)}"] if lost else []),
    ]
    return f"The photograph {' and '.join(parts)}." if parts else ""


def _limits(lines: Sequence[AcuityLine], what: str) -> str:
    """The mildest strength at which at most half of a group keeps its answer, for each transform that has one."""
    of_half = [
        describe_transform((line.transform, mildest))
        for line in lines
        for mildest in [s for s, rate in zip(line.strengths, line.kept, strict=True) if rate.share <= 0.5][:1]
    ]
    alone = lines[0].kept[0].n == 1
    if not of_half and alone:
        return f"No transform changes the {what} photograph's answer at any strength tried."
    if not of_half:
        return f"No transform takes its answer from half of the {what} photographs at any strength tried."
    if alone:
        return f"The mildest strengths that change the {what} photograph's answer: {listed(of_half)}."
    return (
        f"The mildest strengths at which half or fewer of the {what} photographs keep their answer: {listed(of_half)}."
    )


def _names(some: Sequence[StressResult]) -> str:
    return counted(len(some), "photograph") if len(some) > _FEW else listed([stem(one.image) for one in some])
