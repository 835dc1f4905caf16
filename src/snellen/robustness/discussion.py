"""The discussion of a stress test, computed from its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import mean

from snellen.data.transforms import (
    ASSIGNMENT,
    GRAY_NOISE,
    GRAY_PHOTOGRAPH,
    TransformStrength,
    describe_transform,
)
from snellen.prose import (
    at_least,
    at_most,
    between,
    clause,
    counted,
    decimal,
    from_to,
    how_many,
    listed,
    plain,
    rounded_down,
    rounded_up,
    sentence,
    share,
    share_range,
    signed,
    stem,
    word,
)
from snellen.robustness.acuity import AcuityChart, AcuityLine, acuity, shared_transforms
from snellen.robustness.alignment import AS_IS, MILDEST_BLUR, MILDEST_SHIFT, NoiseGains
from snellen.robustness.detail import (
    BLUR,
    Cause,
    Colour,
    DetailKept,
    blurs,
    cause,
    compared,
    detail_left,
    kept,
    put_to,
    stands,
    whose_colour,
)
from snellen.robustness.spectrum import CUTOFF
from snellen.robustness.stress import Outcome, StressPair, StressResult

_FEW = 6
"""Up to so many photographs are named one by one; more are counted."""
_TELLING = 0.05
"""By how much the shares that are left of two attacks' noise, or their leads, must differ, for it to be said."""
_BY = {
    "mirror": "mirroring",
    "crop": "the crop",
    "rotation": "the rotation",
    "grayscale": "grayscale",
}
_AFTER = {"mirror": "after mirroring", "crop": "after the crop", "rotation": "after rotation", "grayscale": "in gray"}
_EFFECTS = {
    "mirror": "changes left and right",
    "crop": "shows the rest larger, so that the noise is resampled",
    "rotation": "tilts it, and samples it between the pixels it was made for",
    "grayscale": "takes its colour and leaves its brightness in place",
}
_BORNE = {
    "mirror": "undoes no attack: this noise does its work the wrong way round, too",
    "grayscale": "undoes no attack: what lies in brightness is enough",
}
_BORNE_OTHERWISE = "undoes no attack, so that these attacks bear it"


@dataclass(frozen=True)
class Reason:
    """Why one transform undoes attacks or does not, as far as it takes from the noise.

    Attributes:
        transform: what is done, such as ``mirroring``.
        effect: what it does to the noise.
        explains: what follows from what became of the attacks.
    """

    transform: str
    effect: str
    explains: str


def discuss(photographs: Sequence[StressResult], originals: Sequence[StressResult] = ()) -> str:
    """Paragraphs about the assignment's four transforms, then about the strengths that change the answer.

    Args:
        photographs: results of photographs, attacked ones or not.
        originals: results of what they were made from, as many and in the same order; empty where they are not known.
    """
    told = [f"{sentence(one.transform)} {one.effect}; it {one.explains}." for one in reasons(photographs, originals)]
    why = " ".join([*told, f"({FINE_DETAIL})"] if told else [])
    paragraphs = [*discuss_undone(photographs, originals), why, *discuss_causes(photographs, originals)]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def discuss_undone(photographs: Sequence[StressResult], originals: Sequence[StressResult] = ()) -> list[str]:
    """What undid how many attacks, by how much, and how often the own class came back; see :func:`discuss`."""
    made = [pair for pair in _pairs(photographs, originals) if pair[0].attacked]
    return [text for text in [_what_undid(made)] if text] if made else []


def reasons(photographs: Sequence[StressResult], originals: Sequence[StressResult] = ()) -> list[Reason]:
    """Why each of the assignment's transforms undoes attacks or does not; see :func:`discuss`.

    Empty where no attack fooled, or none left noise of :data:`FINE_DETAIL`.
    """
    fooled = _with_noise(_pairs(photographs, originals))
    transforms = _assignments([one for one, _ in fooled]) if fooled else []
    return [_reason(fooled, transform) for transform in transforms]


def discuss_plainly(
    photographs: Sequence[StressResult],
    originals: Sequence[StressResult] = (),
    gains: Sequence[NoiseGains] = (),
) -> list[str]:
    """Why each of the assignment's transforms undoes attacks or does not, in plain words: a paragraph for each.

    Another says under which of them the noise no longer adds up, as far as that was measured.

    Args:
        photographs: see :func:`discuss`.
        originals: see there.
        gains: see :func:`discuss_causes`.
    """
    fooled = _with_noise(_pairs(photographs, originals))
    transforms = _assignments([one for one, _ in fooled]) if fooled else []
    told = [_plainly(fooled, transform) for transform in transforms]
    apart = [_AFTER[one[0]] for one in transforms if _adds_up_no_more(_undone(fooled, one), one, gains)]
    return [*told, f"So {listed(apart)} the noise's values no longer add up to the target."] if apart else told


def _adds_up_no_more(undone: Sequence[StressPair], transform: TransformStrength, gains: Sequence[NoiseGains]) -> bool:
    """Whether a transform leaves less than half of the gain to first order of each attack that it undoes, one or more.

    In units of chance; not where that is not known, or could be chance without a transform.
    """
    by_name = {one.image: one for one in gains}
    known = [by_name[original.image] for _, original in undone if original is not None and original.image in by_name]
    if not known or len(known) < len(undone):
        return False
    return min(_times(known, AS_IS)) >= _BY_CHANCE and _halved(known, transform)


def _plainly(fooled: Sequence[StressPair], transform: TransformStrength) -> str:
    """Why one transform undoes attacks, and where that tells little of them; or that it undoes none."""
    by, undone = sentence(_BY[transform[0]]), _undone(fooled, transform)
    if not undone:
        return f"{by} {_BORNE.get(transform[0], _BORNE_OTHERWISE)}."
    lost = _lost_when_clean(undone, transform)
    told = f"{by} undoes {_these(len(undone), len(fooled))}: {_PLAINLY[transform[0]]}."
    if not lost:
        return told
    kept = _kept_when_clean(lost)
    photograph = f"photograph loses its {kept}" if len(lost) == 1 else f"photographs lose their {kept}"
    return (
        f"{told} On {_names([one for one, _ in lost])} the clean {photograph} there as well: {_BY[transform[0]]} takes "
        "away what the network needs, which tells little of the attack."
    )


_PLAINLY = {
    "mirror": "the noise stays as strong, but each of its values lies on the other side, at a place that it was not "
    "computed for",
    "crop": "the network sees the rest larger, and the noise's values lie at other places and in another size",
    "rotation": "the noise is tilted, and its values lie at other places and between the pixels",
    "grayscale": "the noise was computed in colour for a photograph in colour, and of both only the brightness is left",
}


def _lost_when_clean(pairs: Sequence[StressPair], transform: TransformStrength) -> list[StressPair]:
    """Those whose clean photograph is known to lose its class, or the wrong answer before it, under a transform."""
    return [
        (one, original)
        for one, original in pairs
        if original is not None and not original.keeps(original.outcome(*transform))
    ]


def _kept_when_clean(pairs: Sequence[StressPair]) -> str:
    """What clean photographs keep or lose: ``class``, or ``answer`` where one of them is misclassified before."""
    return "answer" if any(original is not None and original.misclassified for _, original in pairs) else "class"


def discuss_causes(
    photographs: Sequence[StressResult],
    originals: Sequence[StressResult] = (),
    gains: Sequence[NoiseGains] = (),
) -> list[str]:
    """What the cases together suggest, and the strengths that change the answer.

    Args:
        photographs: see :func:`discuss`.
        originals: see there.
        gains: what the noise of some of the attacks gains under transforms, by the originals' names.
    """
    pairs = _pairs(photographs, originals)
    attacked = [pair for pair in pairs if pair[0].attacked and pair[0].fooled]
    clean = [one for one in photographs if not one.attacked]
    paragraphs = []
    if attacked:
        fooled = _with_noise(pairs)
        paragraphs += [_aligned(gains), _outlived(gains), _place_or_detail(fooled, gains), _colour(fooled, gains)]
        paragraphs += [_target_and_damage(fooled), _ordered(fooled), _thirds(fooled, gains)]
    if clean:
        paragraphs.append(_clean(clean))
    paragraphs.append(_mildest(attacked) if attacked and not clean else discuss_acuity(acuity(photographs)))
    paragraphs.append(
        "A transform that undoes these attacks is no defence: an attacker who expects it can compute noise that "
        "survives it (a robust attack)."
        if attacked
        else "What this does not prove: the strengths tried say nothing of those between, and a rotation of a picture "
        "is not a rotation in the world."
    )
    return [paragraph for paragraph in paragraphs if paragraph]


def _pairs(photographs: Sequence[StressResult], originals: Sequence[StressResult]) -> list[StressPair]:
    known: Sequence[StressResult | None] = originals or [None] * len(photographs)
    return list(zip(photographs, known, strict=True))


def headline(attacked: Sequence[StressResult]) -> str:
    """How many attacks survive each of the assignment's transforms, in one sentence."""
    counts = [f"{how_many(_survivors(attacked, one))} {_after_exactly(one)}" for one in _assignments(attacked)]
    return f"Of {counted(len(attacked), 'attacked photograph')}, still seen as the attack wants: {', '.join(counts)}"


def _after_exactly(transform: TransformStrength) -> str:
    """One of the assignment's transforms with its strength: ``after the crop to 80%``, ``after rotation by 30°``."""
    described = describe_transform(transform).removesuffix(" of the area")
    return {"crop": f"after the {described}", "rotation": f"after {described}"}.get(transform[0], _AFTER[transform[0]])


def discuss_acuity(chart: AcuityChart) -> str:
    """The mildest strength of each transform at which half or fewer of the photographs keep their answer."""
    groups = ((chart.clean, "clean"), (chart.misclassified, "misclassified"), (chart.attacked, "attacked"))
    return " ".join(_limits(lines, what) for lines, what in groups if lines)


def _assignments(group: Sequence[StressResult]) -> list[TransformStrength]:
    """Those of the assignment's four that all of a group were put to."""
    return [one for one in ASSIGNMENT.items() if one in shared_transforms(group)]


def _survivors(group: Sequence[StressResult], transform: TransformStrength) -> int:
    return sum(one.keeps(one.outcome(*transform)) for one in group if one.fooled)


def _by_number_kept(group: Sequence[StressResult], transforms: Sequence[TransformStrength]) -> dict[int, list[str]]:
    """For each number of a group the transforms under which so many keep their answer."""
    by_count: dict[int, list[str]] = {}
    for transform in transforms:
        kept = sum(one.keeps(one.outcome(*transform)) for one in group)
        by_count.setdefault(kept, []).append(_BY[transform[0]])
    return by_count


def _what_undid(pairs: Sequence[StressPair]) -> str:
    """Which transform undoes how many attacks, by how much, and whether the own class comes back."""
    fooled = [pair for pair in pairs if pair[0].fooled]
    spared = [one for one, _ in pairs if not one.fooled]
    apart = f"The attack did not fool {_names(spared)}, so that there is nothing to undo there. " if spared else ""
    attacked = [one for one, _ in fooled]
    transforms = _assignments([one for one, _ in pairs])
    if not fooled or not transforms:
        return apart.strip()
    by_count = _by_number_kept(attacked, transforms)
    if len(fooled) == 1:
        undone, survived = by_count.get(0, []), by_count.get(1, [])
        parts = [f"survives {listed(survived)}"] if survived else []
        parts += [f"is undone by {listed(undone)}"] if undone else []
        found = f"The attack {' and '.join(parts)}."
    else:
        every = "both" if len(fooled) == 2 else "all"
        parts = [
            f"{every if count == len(fooled) else how_many(count)} {'survives' if count < 2 else 'survive'} "
            f"{listed(names) if count else ' or '.join(filter(None, (', '.join(names[:-1]), names[-1])))}"
            for count, names in sorted(by_count.items())
        ]
        found = f"Of the {word(len(fooled))} attacks {listed(parts)}."
    return f"{apart}{found} {_leads(attacked, transforms)} {_own_class_back(fooled, transforms)}".strip()


def _leads(attacked: Sequence[StressResult], transforms: Sequence[TransformStrength]) -> str:
    """How far the attack's class is ahead, before and under each transform."""
    by, leads = zip(
        *((_BY[name], _points(mean(one.outcome(name, at).margin for one in attacked))) for name, at in transforms),
        strict=True,
    )
    after = [f"{by[0]} makes it {leads[0]}", *(f"{one} {lead}" for one, lead in zip(by[1:], leads[1:], strict=True))]
    before = _points(mean(one.before.margin for one in attacked))
    on_average = " on average" if len(attacked) > 1 else ""
    return f"The attack's lead over the best other class is {before} points{on_average}; {listed(after)}."


def _of(count: int, whole: int) -> str:
    return f"{how_many(count)} of {word(whole)}"


def _own_class_back(fooled: Sequence[StressPair], transforms: Sequence[TransformStrength]) -> str:
    """How many of the cases in which the attack's class is lost get their own back, and how many another."""
    cases = [(one, original, one.outcome(*transform)) for one, original in fooled for transform in transforms]
    undone = [case for case in cases if not case[0].keeps(case[2])]
    third = [case for case in undone if case[2].top.index != case[0].label]
    mended, anyway = len(undone) - len(third), sum(_without_attack(original, outcome) for _, original, outcome in third)
    if not undone:
        return ""
    lost = counted(len(undone), "case")
    if mended == len(undone):
        return f"Wherever the attack's class is lost ({lost}) the photograph's own class wins again."
    if not mended:
        return (
            f"Where the attack's class is lost ({lost}) the photograph's own does not come back: a third class wins"
            f"{_anyway(anyway, len(third))}."
        )
    return (
        f"Where the attack's class is lost ({lost}) the photograph's own does not always come back: it wins in "
        f"{word(mended)}, a third class in {word(len(third))}{_anyway(anyway, len(third))}."
    )


def _anyway(anyway: int, third: int) -> str:
    """In how many cases the third class is not the attack's doing."""
    if not anyway:
        return ""
    return f",{'' if anyway == third else f' in {word(anyway)} of them'} the same as without the attack"


def _without_attack(original: StressResult | None, outcome: Outcome) -> bool:
    """Whether what an attacked photograph was made from is known to get the same class under the same transform."""
    if original is None:
        return False
    return original.outcome(outcome.transform, outcome.strength).top.index == outcome.top.index


def _points(margin: float) -> str:
    return signed(100 * margin, 0) if round(100 * margin) else "0"


FINE_DETAIL = f"Fine detail: the noise's energy above {CUTOFF:g} cycles a pixel of the network's input."


def _with_noise(pairs: Sequence[StressPair]) -> list[StressPair]:
    """The attacks that fooled, and whose noise has fine detail."""
    return [pair for pair in pairs if pair[0].attacked and pair[0].fooled and _noisy([pair[0]])]


def _undone(fooled: Sequence[StressPair], transform: TransformStrength) -> list[StressPair]:
    return [(one, original) for one, original in fooled if not one.keeps(one.outcome(*transform))]


def _reason(fooled: Sequence[StressPair], transform: TransformStrength) -> Reason:
    name = transform[0]
    effect = f"{_EFFECTS[name]} ({_fine_detail([one for one, _ in fooled], transform)})"
    undone = _undone(fooled, transform)
    if not undone:
        return Reason(_BY[name], effect, _BORNE.get(name, _BORNE_OTHERWISE))
    told = [
        f"undoes {_these(len(undone), len(fooled))}{_clean_there(undone, transform)}",
        *_damage(undone, transform),
    ]
    return Reason(_BY[name], effect, ". ".join(told))


def _aligned(gains: Sequence[NoiseGains]) -> str:
    """Whether the noise lies along the gradient, as it is and under transforms, and what follows for a sum of signs."""
    if not gains:
        return ""
    before = _times(gains, AS_IS)
    as_it_is = f"{_between(before)} times what random signs as strong gain by chance"
    if min(before) < _BY_CHANCE:
        return (
            "Why cannot be told from the gradient at the photograph: to first order the noise gains the target "
            f"{as_it_is}, even without a transform."
        )
    text = (
        "Measured: to first order noise raises the target's lead (its logit less the own class's) by the sum of its "
        f"values times the gradient's. As it is, {_agreeing(gains, [AS_IS])} of the noise's values have the gradient's "
        f"sign, where chance gives 50%; so the sum is {as_it_is}."
    )
    halved = [one for one in (*ASSIGNMENT.items(), MILDEST_SHIFT) if _halved(gains, one)]
    if halved:
        after = [_after(one) for one in halved]
        after[-1] += " of the shorter side" if halved[-1] == MILDEST_SHIFT else ""
        short = all(gain.real < gain.lacking for one in gains for gain in map(one.gain, halved))
        rises = ", and the lead rises by less than is needed each time" if short else ""
        text += (
            f" Of that sum, in units of chance, less than half is left {listed(after)}{rises}. No value of the noise "
            "need grow smaller for that: which way each moves the lead depends on the gradient's sign at its place, "
            f"and there {_agreeing(gains, halved)} of the signs are right."
        )
    if not _halved(gains, MILDEST_BLUR) and halved:
        text += (
            f" The control is {describe_transform(MILDEST_BLUR)} (a Gaussian whose deviation is that share of the "
            f"shorter side), which moves nothing: {_left(gains, MILDEST_BLUR)} of the sum is left."
        )
    return text


def _outlived(gains: Sequence[NoiseGains]) -> str:
    """What is left of the clean photographs' leads over the target, beside what is left of what the noise gains.

    Of the assignment's transforms that leave more of the first on each photograph; empty where none does.
    """
    known = [one for one in gains if min(one.gain(AS_IS).lacking, one.gain(AS_IS).real) > 0]
    told, moves = list[tuple[str, str, str]](), False
    for transform in ASSIGNMENT.items() if known else ():
        lead = min(one.gain(transform).lacking / one.gain(AS_IS).lacking for one in known)
        gain = max(one.gain(transform).real / one.gain(AS_IS).real for one in known)
        if lead > gain + _TELLING:
            least_left, most_left = (decimal(end, 0) for end in (rounded_down(100 * lead), rounded_up(100 * gain)))
            told.append((_after(transform), f"{least_left}%", f"{most_left}%"))
            moves = moves or transform[0] in _MOVING
    if not told:
        return ""
    least, most = ("at least ", "at most ") if len(known) > 1 else ("", "")
    (where, lead_left, gain_left), *others = told
    further = [f"{after} {lead} and {gain}" for after, lead, gain in others]
    text = (
        f"Why the photograph outlives its noise: {where} {least}{lead_left} of its own class's lead over the target is "
        f"left, but {most}{gain_left} of what the noise gains{f'; {listed(further)}' if further else ''}."
    )
    if not moves:
        return text
    return (
        f"{text} A hypothesis, which was not tested: in training networks are shown photographs flipped and cropped, "
        "and learn to answer alike; noise that was computed for each pixel's place they are not shown."
    )


_BY_CHANCE = 3
"""Standard deviations of what random signs gain within which a gain may be theirs."""


def _agreeing(gains: Sequence[NoiseGains], transforms: Sequence[TransformStrength]) -> str:
    return share_range([one.gain(transform).agreeing for one in gains for transform in transforms])


def _left(gains: Sequence[NoiseGains], transform: TransformStrength) -> str:
    """What is left of each attack's gain to first order, in units of chance: ``19% to 31%``."""
    return _percents(
        [after / before for after, before in zip(_times(gains, transform), _times(gains, AS_IS), strict=True)]
    )


def _percents(shares: Sequence[float]) -> str:
    """The least and the greatest of some shares, of which some may be below zero: ``19% to 31%``."""
    return from_to(*(f"{decimal(100 * end, 0)}%" for end in (min(shares), max(shares))))


def _after(transform: TransformStrength) -> str:
    """``after mirroring``, ``in gray``, ``after shift by 2%``."""
    return _AFTER.get(transform[0], f"after {describe_transform(transform)}")


def _times(gains: Sequence[NoiseGains], transform: TransformStrength) -> list[float]:
    return [one.gain(transform).times_chance for one in gains]


def _halved(gains: Sequence[NoiseGains], transform: TransformStrength) -> bool:
    """Whether each attack's gain to first order, in units of chance, is less than half of what it is as it is."""
    return all(after < before / 2 for after, before in zip(_times(gains, transform), _times(gains, AS_IS), strict=True))


def _between(values: Sequence[float]) -> str:
    """The least and the greatest of some numbers: ``12 to 40``, below 10 with a decimal and a true minus sign."""
    return between(values, 0 if min(map(abs, values)) >= _WHOLE else 1)


_WHOLE = 10
"""From here on numbers have no decimals."""


def _thirds(fooled: Sequence[StressPair], gains: Sequence[NoiseGains]) -> str:
    """Whether the third classes that win under a transform were among the clean photograph's first answers there."""
    by_name = {one.image: one for one in gains}
    known = [
        (one, outcome, by_name[original.image].gain(transform).rank)
        for one, original in fooled
        if original is not None and original.image in by_name
        for transform in _assignments([one])
        if (outcome := one.outcome(*transform)).top.index not in (one.label, one.before.top.index)
    ]
    near = [case for case in known if case[2] <= _NEAR]
    if not near:
        return ""
    cases = [
        f"{outcome.top.label} on {stem(one.image)} {_AFTER[outcome.transform]} ({_place(rank)})"
        for one, outcome, rank in near[:_FEW]
    ]
    every = "All third classes" if len(near) == len(known) > 1 else f"{sentence(word(len(near)))} of the third classes"
    if len(known) == 1:
        return f"The third class was among the clean photograph's first {word(_NEAR)} there: {cases[0]}."
    return f"{every} were among the clean photograph's first {word(_NEAR)} under the same transform: {listed(cases)}."


_NEAR = 5


def _place(rank: int) -> str:
    return ("first", "second", "third", "fourth", "fifth")[rank - 1]


def _colour(fooled: Sequence[StressPair], gains: Sequence[NoiseGains]) -> str:
    """Whose loss of colour undoes attacks in gray, and what gray leaves of the noise's gain.

    Where the clean photograph loses its class in gray as well nothing is said of the attack.
    """
    known = [pair for pair in fooled if put_to([pair[0]], _GRAY) and pair not in _lost_when_clean([pair], _GRAY)]
    undone = [pair for pair in known if not stands(pair[0], _GRAY)]
    told = _about_colour([one for one, _ in undone])
    if not told:
        return ""
    halves = (
        f"To tell whose colour counts, the noise and the photograph were turned gray one at a time. {'. '.join(told)}."
    )
    return " ".join([halves, *_gain_in_gray(undone, gains)])


def _gain_in_gray(undone: Sequence[StressPair], gains: Sequence[NoiseGains]) -> list[str]:
    """What gray leaves of the noise's gain to first order, on the photograph in colour and on that in gray."""
    by_name = {one.image: one for one in gains}
    known = [by_name[original.image] for _, original in undone if original is not None and original.image in by_name]
    if not known or len(known) < len(undone) or min(one.gain(AS_IS).times_chance for one in known) < _BY_CHANCE:
        return []
    in_gray = [one.gain(_GRAY).first_order / one.gain(AS_IS).first_order for one in known]
    both = all(left < one.gray_gain < 1 for left, one in zip(in_gray, known, strict=True))
    return [
        f"Of its gain to first order the gray noise keeps {_percents([one.gray_gain for one in known])} on the "
        f"photograph in colour and {_percents(in_gray)} on that in gray, whose gradient is another"
        f"{': either loss counts' if both else ''}."
    ]


_GRAY = ("grayscale", ASSIGNMENT["grayscale"])


def _about_colour(undone: Sequence[StressResult]) -> list[str]:
    """Whose loss of colour undoes attacks in gray, from each taken alone; see :mod:`snellen.robustness.detail`."""
    by_colour = {one: [attack for attack in undone if whose_colour(attack) is one] for one in Colour}
    told = []
    for colour, some in by_colour.items():
        if some:
            noise, photograph = (
                share_range([one.outcome(*alone).target_probability or 0.0 for one in some])
                for alone in (GRAY_NOISE, GRAY_PHOTOGRAPH)
            )
            where = "" if len(some) == len(undone) else f"on {_names(some)}, "
            told.append(sentence(where + _WHOSE[colour].format(noise=noise, photograph=photograph)))
    return told


_WHOSE = {
    Colour.NOISE: "to take the noise's colour is enough (the target has {noise}), to take the photograph's is not "
    "({photograph}, still seen)",
    Colour.PHOTOGRAPH: "to take the photograph's colour is enough (the target has {photograph}), to take the noise's "
    "is not ({noise}, still seen)",
    Colour.EITHER: "to take the noise's colour is enough (the target has {noise}), and so is to take the photograph's "
    "({photograph})",
    Colour.BOTH_TOGETHER: "to take the noise's colour is not enough (the target has {noise}, still seen), nor the "
    "photograph's ({photograph}), but both together are",
}


def _attacks(count: int, of: int) -> str:
    """``the attack``, ``both attacks``, ``all four attacks``, ``no attack``, ``one of four attacks``."""
    if not count:
        return "no attack"
    if count < of:
        return f"{word(count)} of {word(of)} attacks"
    return _these(of, of) if of == 1 else f"{_these(of, of)} attacks"


def _damage(undone: Sequence[StressPair], transform: TransformStrength) -> list[str]:
    """Whether the own class of photographs whose attack is undone recovers, beside the clean ones under the same."""
    known = _own_classes(undone, transform)
    if len(known) < len(undone):
        return []
    staying = [one for one in known if one.damaged]
    if not staying and all(one.lost < _GONE for one in known):
        return [f"The damage goes, too: {_own(known)}"]
    if not staying:
        return [f"Of the damage {_lost(known)} points stay: {_own(known)}"]
    where = "" if len(staying) == len(known) else f" on {listed([one.name for one in staying])}"
    return [f"The target goes, the damage stays{where}: {_own(staying)}"]


@dataclass(frozen=True)
class _OwnClass:
    """The probability of one photograph's own class under a transform, attacked and clean."""

    name: str
    attacked: float
    clean: float

    @property
    def damaged(self) -> bool:
        """Whether less than half of what the clean photograph has is left."""
        return self.attacked < self.clean / 2

    @property
    def lost(self) -> float:
        """How much of the clean photograph's probability is not there."""
        return self.clean - self.attacked


_GONE = 0.01
"""Of the own class's probability: where less than that is lost, the damage is gone."""


def _own_classes(pairs: Sequence[StressPair], transform: TransformStrength) -> list[_OwnClass]:
    """Of those whose original is known."""
    return [
        _OwnClass(
            stem(one.image),
            one.outcome(*transform).label_probability,
            original.outcome(*transform).label_probability,
        )
        for one, original in pairs
        if original is not None
    ]


def _lost(some: Sequence[_OwnClass]) -> str:
    """How many points of the own class's probability are lost: ``8 to 16``."""
    return between([100 * max(0.0, one.lost) for one in some], 0)


def _own(some: Sequence[_OwnClass]) -> str:
    attacked, clean = share_range([one.attacked for one in some]), share_range([one.clean for one in some])
    return f"the own class has {attacked}, in the clean photograph {clean}"


def _fine_detail(attacked: Sequence[StressResult], transform: TransformStrength) -> str:
    """What is left of the noise's energy at high frequencies, on average."""
    left = kept(attacked, transform).detail
    return f"{_percent_left(left)} of its fine detail is left"


def _percent_left(left: float) -> str:
    # Some transforms sharpen, and leave more than there was.
    if round(left, 3) == 1:
        return "all"
    return "nearly all" if _NEARLY_ALL <= left < 1 else share(left) if left < 1 else f"{left:.0%}"


_NEARLY_ALL = 0.99
"""Of fine detail, which a mirror changes by what lies at the borders of the network's view alone."""


def _place_or_detail(fooled: Sequence[StressPair], gains: Sequence[NoiseGains]) -> str:
    """What decides, by all transforms that move the noise and by the blurs, which do not.

    An attack that no blur leaves cannot tell: it is named apart, with the margin by which it fails.
    """
    attacks = [one for one, _ in fooled]
    stand = [one for one in attacks if any(stands(one, blur) for blur in blurs([one]))]
    if not stand or len(stand) == len(fooled):
        return _decides(attacks)
    said = _decides(stand)
    if not said or said == _UNTOLD:
        return said
    frail = " ".join(_frail(one, original, gains) for one, original in fooled if one not in stand)
    names = listed([stem(one.image) for one in stand])
    means = f" (means of these {word(len(stand))})" if len(stand) > 1 else ""
    return f"{frail} On {names}{means} {clause(said)}"


def _frail(one: StressResult, original: StressResult | None, gains: Sequence[NoiseGains]) -> str:
    """That even the mildest blur undoes an attack, and by how much, where that was measured."""
    undone = f"On {stem(one.image)} even the mildest blur undoes the attack"
    known = [found.gain(MILDEST_BLUR) for found in gains if original is not None and found.image == original.image]
    if not known or not put_to([one], MILDEST_BLUR):
        return f"{undone}, so that blurs cannot tell place from detail there."
    gain, top = known[0], one.outcome(*MILDEST_BLUR).top
    real, lacking = decimal(gain.real, 1), decimal(gain.lacking, 1)
    if gain.real < gain.lacking:
        return f"{undone}: there the target gains {real} of the {lacking} logits that it needs to pass the own class."
    if top.index == one.label:
        # Two ways of computing the same logits disagree about which is ahead.
        return f"{undone}, but by next to nothing."
    return (
        f"{undone}: there the target gains {real} logits, where {lacking} are enough to pass the own class, but what "
        f"is seen is {plain(top.label)}, {share(top.probability)}."
    )


def _decides(fooled: Sequence[StressResult]) -> str:
    """What decides of some attacks, all together."""
    rows = compared(fooled) if fooled else []
    blurred = [row for row in rows if row.transform[0] == BLUR]
    moved = [row for row in rows if row.transform[0] in _MOVING and not row.survive]
    if not blurred or not moved:
        return ""
    standing = min((row for row in blurred if row.survive == row.of), key=lambda row: row.detail, default=None)
    first = next((row for row in blurred if not row.survive), None)
    alone = "the attack" if len(fooled) == 1 else _attacks(len(fooled), len(fooled))
    more = [
        row
        for row in moved
        if standing is not None
        and row.detail >= standing.detail
        and all(cause(one, row.transform) is Cause.NOT_DETAIL for one in fooled)
    ]
    if standing is not None and more:
        each = "each undoes" if len(more) > 1 else "it undoes"
        second = (
            f" The loss of detail is enough as well: {describe_transform(first.transform)} "
            f"({share(first.detail)} left), which moves nothing, undoes {alone}."
            if first is not None
            else ""
        )
        return (
            f"Place is enough: {describe_transform(standing.transform)} leaves {share(standing.detail)} of "
            f"the noise's fine detail and {alone}; {_more(more)}, and {each} {alone}.{second}"
        )
    if first is not None and all(row.detail <= first.detail for row in moved):
        return (
            f"Detail is enough: {describe_transform(first.transform)}, which moves nothing, leaves "
            f"{share(first.detail)} of the noise's fine detail and undoes {alone}; {_more(moved)}. Whether place "
            "counts as well cannot be told."
        )
    return _UNTOLD


_UNTOLD = "Whether place or detail decides cannot be told from the steps that were tried."


def _more(rows: Sequence[DetailKept]) -> str:
    """``mirror leaves 99.7%, crop to 80% of the area 92% and shift by 2% 84%``."""
    first, *others = [(describe_transform(row.transform), _percent_left(row.detail)) for row in rows]
    return listed([f"{first[0]} leaves {first[1]}", *(f"{name} {left}" for name, left in others)])


_MOVING = ("mirror", "crop", "rotation", "shift")
"""Transforms that leave the noise as it is but for its place, size or direction, and for what resampling takes."""
_MOVED = (*_MOVING, "scale")
"""The transforms that take the noise to other places, or to another size."""


def _target_and_damage(fooled: Sequence[StressPair]) -> str:
    """Which of the assignment's transforms take the target and the damage, and which the target alone."""
    transforms = [one for one in _assignments([one for one, _ in fooled]) if _undone(fooled, one)] if fooled else []
    if not transforms or any(original is None for _, original in fooled):
        return ""
    known = {one: _own_classes(_undone(fooled, one), one) for one in transforms}
    damaged = {one: [own for own in known[one] if own.damaged] for one in transforms}
    both = [one for one in transforms if all(own.lost < _GONE for own in known[one])]
    partly = [one for one in transforms if one not in both and not damaged[one]]
    told = [f"{_remove(both)} the target and the damage."] if both else []
    told += [f"{_remove(partly)} the target, but not all of the damage."] if partly else []
    for transform, some in damaged.items():
        if some:
            where = "" if len(some) == len(known[transform]) else f" on {listed([one.name for one in some[:_FEW]])}"
            in_gray = _IN_GRAY if transform[0] == "grayscale" else ""
            told.append(f"{_remove([transform])} the target, not the damage{where}.{in_gray}")
    return " ".join(told)


def _remove(transforms: Sequence[TransformStrength]) -> str:
    names = [_BY[name] for name, _ in transforms]
    return f"{sentence(listed(names))} {'removes' if len(names) == 1 else 'remove'}"


_IN_GRAY = " What is left there of the noise, its brightness, costs the own class more than half of its probability."


def _mildest(attacked: Sequence[StressPair]) -> str:
    """Which transforms undo half of the attacks at the first step of their ladders; where none does, how far it takes.

    And what these steps cost the clean photographs. Transforms of one strength, such as the mirror, have no mild one.
    """
    chart = acuity([one for one, _ in attacked])
    lines = [line for line in chart.attacked if len(line.strengths) > 1 and line.kept[0].share <= 0.5]
    if not lines:
        return discuss_acuity(chart)
    by_count: dict[int, list[TransformStrength]] = {}
    for line in lines:
        by_count.setdefault(line.kept[0].n - line.kept[0].count, []).append((line.transform, line.strengths[0]))
    parts = [
        f"{listed([describe_transform(step) for step in steps])} {'each undo' if len(steps) > 1 else 'undoes'} "
        f"{_these(count, len(attacked))}"
        for count, steps in sorted(by_count.items(), reverse=True)
    ]
    steps = [step for steps in by_count.values() for step in steps]
    cost = _cost(attacked, steps)
    return f"Little is needed: of the mildest steps tried, {listed(parts)}.{cost}{_in_place(chart, by_count)}"


def _in_place(chart: AcuityChart, by_count: Mapping[int, Sequence[TransformStrength]]) -> str:
    """Which mildest steps undo no attack, where those change values alone and each that undoes all moves the noise."""
    harmless = [line for line in chart.attacked if len(line.strengths) > 1 and line.kept[0].share == 1]
    undoing = by_count.get(max(by_count), ())
    if not harmless or not all(name in _MOVED for name, _ in undoing):
        return ""
    if any(line.transform in _MOVED for line in harmless):
        return ""
    steps = [describe_transform((line.transform, line.strengths[0])) for line in harmless]
    verb, they = ("undo", "they change") if len(steps) > 1 else ("undoes", "it changes")
    leaves = "leave" if len(steps) > 1 else "leaves"
    return f" {sentence(listed(steps))} {verb} none: {they} values and {leaves} the noise in its place."


def _cost(attacked: Sequence[StressPair], steps: Sequence[TransformStrength]) -> str:
    """On how many clean photographs each of some transforms costs the class; empty where that is not known."""
    known = [original for _, original in attacked if original is not None]
    if len(known) < len(attacked):
        return ""
    kept = _kept_when_clean(attacked)
    lost = [sum(not one.keeps(one.outcome(*step)) for one in known) for step in steps]
    leaves, costs = ("They leave", "They cost") if len(steps) > 1 else ("It leaves", "It costs")
    if len(known) == 1:
        some = f"{sentence(word(sum(lost)))} of them {'costs' if sum(lost) == 1 else 'cost'}"
        by_number = {0: leaves, len(steps): costs}
        return f" {by_number.get(sum(lost), some)} the clean photograph its {kept}."
    whole = f"of the {word(len(known))} clean photographs"
    if not any(lost):
        return f" {leaves} each {whole} its {kept}."
    if min(lost) < max(lost):
        return f" {costs} up to {word(max(lost))} {whole} their {kept}, too."
    each = "Each costs" if len(steps) > 1 else costs
    return f" {each} {word(lost[0])} {whole} {'its' if lost[0] == 1 else 'their'} {kept}, too."


def _these(count: int, of: int) -> str:
    """Some of the attacks: ``the attack``, ``both``, ``all four``, ``three of four``."""
    if of == 1:
        return "the attack"
    if count < of:
        return _of(count, of)
    return "both" if of == 2 else f"all {word(of)}"


def _clean_there(undone: Sequence[StressPair], transform: TransformStrength) -> str:
    """How many of the photographs keep their class under the transform where they were not attacked."""
    known = [original for _, original in undone if original is not None]
    if len(known) < len(undone):
        return ""
    kept, what = sum(original.keeps(original.outcome(*transform)) for original in known), _kept_when_clean(undone)
    if len(known) == 1:
        return f", where the clean photograph {'keeps' if kept else 'loses'} its {what}{'' if kept else ' as well'}"
    which = "each" if kept == len(known) else how_many(kept)
    return f"; of these, {which} {'keep their' if 1 < kept < len(known) else 'keeps its'} {what} when clean"


def _ordered(fooled: Sequence[StressPair]) -> str:
    """Whether the attacks that survive grayscale are those whose noise it leaves most of, or that they are not."""
    if not fooled or _GRAY not in shared_transforms([one for one, _ in fooled]):
        return ""
    left = {True: list[tuple[float, str]](), False: list[tuple[float, str]]()}
    for one, _ in fooled:
        left[stands(one, _GRAY)].append((detail_left(one, _GRAY), stem(one.image)))
    if not left[True] or not left[False]:
        return ""
    (least, survivor), (most, victim) = min(left[True]), max(left[False])
    if least >= most + _TELLING:
        kept = f"The one that survives keeps {share(least)}"
        if len(left[True]) > 1:
            kept = f"Those that survive keep at least {at_least(least)}"
        return f"{kept} of the noise's fine detail, those undone at most {at_most(most)}."
    return (
        f"How much fine detail is left does not tell the cases apart: {victim} keeps {share(most)} of it and is "
        f"undone, {survivor} keeps {share(least)} and survives.{_by_lead(fooled, _GRAY)}"
    )


def _by_lead(fooled: Sequence[StressPair], transform: TransformStrength) -> str:
    """A reading of why some attacks survive: that they had more to lose, where each of them had."""
    leads = {True: list[float](), False: list[float]()}
    for one, _ in fooled:
        leads[one.keeps(one.outcome(*transform))].append(one.before.margin)
    least, most = min(leads[True]), max(leads[False])
    if least < most + _TELLING:
        return (
            " One reading is that it counts which part of the noise is left, and not how much: a share does not show "
            "which part the network answers to."
        )
    return (
        " One reading is that the lead before counts, which was at least "
        f"{_points(rounded_down(least, 2))} points where the attack survives and at most "
        f"{_points(rounded_up(most, 2))} where it is undone."
    )


def _noisy(attacked: Sequence[StressResult]) -> list[StressResult]:
    """Those whose noise has high frequencies."""
    return [one for one in attacked if one.before.high_frequency_kept and isfinite(one.before.high_frequency_kept)]


def _clean(clean: Sequence[StressResult]) -> str:
    """Under which of the assignment's transforms photographs keep their class; the misclassified are told apart."""
    right = [one for one in clean if not one.misclassified]
    wrong = [one for one in clean if one.misclassified]
    of_all = f"Of the {word(len(clean))} photographs that were not attacked"
    if not wrong:
        return _kept_under(right, of_all, "The photograph", "class")
    if len(clean) == 1:
        seen = f"The photograph is misclassified before any transform, as {plain(wrong[0].before.top.label)}."
        return f"{seen} {_kept_under(wrong, '', 'It', 'wrong answer')}".strip()
    some = "all are" if not right else f"{how_many(len(wrong))} {'is' if len(wrong) == 1 else 'are'}"
    sentences = [
        f"{of_all} {some} misclassified before any transform{', and counted apart' if right else ''}.",
        _kept_under(right, f"Of the {word(len(right))} others", "The other", "class"),
        _kept_under(wrong, f"Of the {word(len(wrong))} misclassified", "The misclassified one", "wrong answer"),
    ]
    return " ".join(filter(None, sentences))


def _kept_under(group: Sequence[StressResult], of_them: str, alone: str, what: str) -> str:
    """How many of a group keep what they had before under which of the assignment's transforms; empty for no group.

    Args:
        group: photographs that were not attacked.
        of_them: how a sentence on several begins.
        alone: what a sentence on the only one is of.
        what: what is kept or lost, such as ``class``.
    """
    if len(group) == 1:
        (one,) = group
        kept, lost = (
            [describe_transform(done) for done in _assignments(group) if one.keeps(one.outcome(*done)) is whether]
            for whether in (True, False)
        )
        parts = [f"keeps its {what} under {listed(kept)}"] if kept else []
        parts += [f"loses {'it' if kept else f'its {what}'} under {listed(lost)}"] if lost else []
        return f"{alone} {' and '.join(parts)}." if parts else ""
    keep = [
        f"{'all' if count == len(group) else how_many(count)} {'keeps its' if count < 2 else 'keep their'} {what} "
        f"under {listed(names)}"
        for count, names in sorted(_by_number_kept(group, _assignments(group)).items() if group else (), reverse=True)
    ]
    return f"{of_them} {listed(keep)}." if keep else ""


def _limits(lines: Sequence[AcuityLine], what: str) -> str:
    """The mildest strength at which at most half of a group keeps its answer, or that there is none, by transform."""
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
    never = ["JPEG" if line.transform == "jpeg" else line.transform for line in lines if _keeps_most(line)]
    return (
        f"The mildest strengths at which half or fewer of the {what} photographs keep their answer: {listed(of_half)}."
        + (f" At every strength tried more than half keep it under {listed(never)}." if never else "")
    )


def _keeps_most(line: AcuityLine) -> bool:
    """Whether more than half of the photographs keep their answer at every strength of a transform."""
    return all(rate.share > 0.5 for rate in line.kept)


def _names(some: Sequence[StressResult]) -> str:
    return counted(len(some), "photograph") if len(some) > _FEW else listed([stem(one.image) for one in some])
