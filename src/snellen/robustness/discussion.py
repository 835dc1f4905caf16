"""The discussion of a stress test, computed from its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from statistics import mean

from PIL import Image

from snellen.data.transforms import ASSIGNMENT, TransformStrength, describe_transform
from snellen.prose import counted, how_many, listed, plain, sentence, share, stem, with_article, word
from snellen.robustness.acuity import AcuityChart, AcuityLine, acuity, shared_transforms
from snellen.robustness.spectrum import CUTOFF
from snellen.robustness.stress import Outcome, StressPair, StressResult

_FEW = 6
"""Up to so many photographs are named one by one; more are counted."""
_MOST_CASES = 4
"""Attacks that are gone through one by one."""
_TELLING = 0.05
"""By how much the shares that are left of two attacks' noise, or their leads, must differ, for it to be said."""
_RESIZING_NOISE = ("noise", "jpeg", "brightness", "contrast")
"""Transforms that scale or add fine detail, so that the energy after them says nothing of what they took away."""
_BY = {"mirror": "mirroring", "crop": "the crop", "rotation": "the rotation", "grayscale": "grayscale"}
_AFTER = {"mirror": "after mirroring", "crop": "after the crop", "rotation": "after rotation", "grayscale": "in gray"}


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
    paragraphs = [*discuss_cases(photographs, originals), why, *discuss_causes(photographs, originals)]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def discuss_cases(photographs: Sequence[StressResult], originals: Sequence[StressResult] = ()) -> list[str]:
    """What undid how many attacks, and what became of each; see :func:`discuss`."""
    made = [pair for pair in _pairs(photographs, originals) if pair[0].attacked]
    return [text for text in (_what_undid(made), _cases(made)) if text] if made else []


def reasons(photographs: Sequence[StressResult], originals: Sequence[StressResult] = ()) -> list[Reason]:
    """Why each of the assignment's transforms undoes attacks or does not; see :func:`discuss`.

    None where no attack fooled, or none left noise of :data:`FINE_DETAIL`.
    """
    fooled = _with_noise(_pairs(photographs, originals))
    transforms = _assignments([one for one, _ in fooled]) if fooled else []
    return [_REASONS[transform[0]](fooled, transform) for transform in transforms]


def discuss_causes(photographs: Sequence[StressResult], originals: Sequence[StressResult] = ()) -> list[str]:
    """What the cases together suggest, and the strengths that change the answer; see :func:`discuss`."""
    pairs = _pairs(photographs, originals)
    attacked = [pair for pair in pairs if pair[0].attacked]
    clean = [one for one in photographs if not one.attacked]
    paragraphs = []
    if attacked:
        paragraphs += [_about_colour(_with_noise(pairs)), _survival([one for one, _ in attacked])]
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


def _by_number_kept(group: Sequence[StressResult], transforms: Sequence[TransformStrength]) -> dict[int, list[str]]:
    """For each number of a group the transforms under which so many keep their answer."""
    by_count: dict[int, list[str]] = {}
    for transform in transforms:
        kept = sum(one.keeps(one.outcome(*transform)) for one in group)
        by_count.setdefault(kept, []).append(_BY[transform[0]])
    return by_count


def _what_undid(pairs: Sequence[StressPair]) -> str:
    """Which transform undoes how many attacks, by how much, and whether what is undone is mended."""
    fooled = [pair for pair in pairs if _fooled([pair[0]])]
    spared = [one for one, _ in pairs if not _fooled([one])]
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
    return f"{apart}{found} {_leads(attacked, transforms)} {_mended(fooled, transforms)}".strip()


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
    if not mended:
        return f"To undo is not to mend: a third class wins each time{_anyway(anyway, len(third))}."
    return (
        f"To undo is not to mend: in {word(mended)} of the {word(len(undone))} cases in which the attack's class is "
        f"lost the photograph gets its own back, in {word(len(third))} a third wins{_anyway(anyway, len(third))}."
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
    written = f"{100 * margin:+.0f}"
    return "0" if written in ("-0", "+0") else written


def _cases(made: Sequence[StressPair]) -> str:
    """Of each of the first attacks what undid it and what it became, and what the numbers say of why."""
    transforms = _assignments([one for one, _ in made])
    fooled = [pair for pair in made if _fooled([pair[0]])]
    if not transforms:
        return ""
    return " ".join(
        f"{sentence(stem(one.image))}: "
        f"{'; '.join([*_became(one, original, transforms), *_in_gray(original, transforms)])}"
        f"{_surest(one, fooled, transforms)}."
        for one, original in fooled[:_MOST_CASES]
    )


def _became(one: StressResult, original: StressResult | None, transforms: Sequence[TransformStrength]) -> list[str]:
    """What one attacked photograph is under transforms: those that make the same of it together."""
    under: dict[int, list[TransformStrength]] = {}
    for transform in transforms:
        under.setdefault(one.outcome(*transform).top.index, []).append(transform)
    parts = []
    for some in under.values():
        outcome = one.outcome(*some[0])
        by, ending = listed([_BY[name] for name, _ in some]), "s" if len(some) == 1 else ""
        if one.keeps(outcome):
            parts.append(f"the attack survives {by}")
        elif outcome.top.index == one.label:
            parts.append(f"{by} give{ending} its own class back")
        else:
            a_third = with_article(plain(outcome.top.label))
            parts.append(f"{by} make{ending} it {a_third}{_when_clean(one, original, some)}")
    return parts


def _when_clean(one: StressResult, original: StressResult | None, transforms: Sequence[TransformStrength]) -> str:
    """What the photograph that was not attacked has to do with a third class that wins under transforms."""
    if original is None:
        return ""
    outcomes = [one.outcome(*transform) for transform in transforms]
    clean = [original.outcome(*transform) for transform in transforms]
    if all(_without_attack(original, outcome) for outcome in outcomes):
        return ", as without the attack"
    if original.runner_up.index == outcomes[0].top.index:
        return ", the clean photograph's own second guess"
    if len(clean) == 1 and not original.keeps(clean[0]):
        return f" and of the clean photograph {with_article(plain(clean[0].top.label))}"
    return ""


def _in_gray(original: StressResult | None, transforms: Sequence[TransformStrength]) -> list[str]:
    """That a photograph without colour stays as it is in gray, so that grayscale can only have changed the noise."""
    gray = ("grayscale", ASSIGNMENT["grayscale"])
    if gray not in transforms or original is None or not _is_gray(original.thumbnail):
        return []
    return ["the photograph is gray already, so that grayscale changes nothing but the noise"]


def _surest(one: StressResult, fooled: Sequence[StressPair], transforms: Sequence[TransformStrength]) -> str:
    """That the one attack of several that survives a transform was the surest of them, where it was."""
    bearing = [other for other, _ in fooled if any(other.keeps(other.outcome(*transform)) for transform in transforms)]
    surest = max((other for other, _ in fooled), key=lambda other: other.before.top.probability)
    if len(fooled) == 1 or len(bearing) != 1 or bearing[0] is not one or surest is not one:
        return ""
    return f"; before the transforms it was the surest of the {word(len(fooled))}"


def _is_gray(image: Image.Image) -> bool:
    red, green, blue = image.convert("RGB").split()
    return red == green == blue


FINE_DETAIL = f"Fine detail is the noise's energy above {CUTOFF:g} cycles a pixel of the network's input."


def _with_noise(pairs: Sequence[StressPair]) -> list[StressPair]:
    """The attacks that fooled, and whose noise has fine detail."""
    return [pair for pair in pairs if pair[0].attacked and _fooled([pair[0]]) and _noisy([pair[0]])]


def _undone(fooled: Sequence[StressPair], transform: TransformStrength) -> list[StressPair]:
    return [(one, original) for one, original in fooled if not one.keeps(one.outcome(*transform))]


def _undoes(fooled: Sequence[StressPair], transform: TransformStrength) -> str:
    """How many attacks a transform that undoes some undoes, and how many of these keep their class when clean."""
    undone = _undone(fooled, transform)
    return f"undoes {_these(len(undone), len(fooled))}{_clean_there(undone, transform)}"


def _of_mirror(fooled: Sequence[StressPair], transform: TransformStrength) -> Reason:
    effect = f"takes nothing, but changes left and right ({_fine_detail(fooled, transform)})"
    if not _undone(fooled, transform):
        return Reason("mirroring", effect, "undoes no attack: this noise does its work the wrong way round, too")
    return Reason(
        "mirroring",
        effect,
        f"{_undoes(fooled, transform)}. So place and direction count: it was computed for these spots and for filters "
        "that are not mirrored with it",
    )


def _of_crop(fooled: Sequence[StressPair], transform: TransformStrength) -> Reason:
    effect = f"shows the rest larger, so that the noise is resampled ({_fine_detail(fooled, transform)})"
    return _by_a_ladder(fooled, transform, Reason("the crop", effect, ""), "scale", "Shrinking")


def _of_rotation(fooled: Sequence[StressPair], transform: TransformStrength) -> Reason:
    effect = f"tilts it, and samples it between the pixels it was made for ({_fine_detail(fooled, transform)})"
    return _by_a_ladder(fooled, transform, Reason("the rotation", effect, ""), "blur", "Blur")


def _by_a_ladder(
    fooled: Sequence[StressPair], transform: TransformStrength, reason: Reason, name: str, what: str
) -> Reason:
    """``reason`` with what became of the attacks, beside another transform that does one of the same things alone."""
    if not _undone(fooled, transform):
        return replace(reason, explains="undoes no attack, so that these attacks bear it")
    return replace(reason, explains=". ".join(filter(None, [_undoes(fooled, transform), _ladder(fooled, name, what)])))


def _of_grayscale(fooled: Sequence[StressPair], transform: TransformStrength) -> Reason:
    effect = f"takes its colour and nothing else ({_fine_detail(fooled, transform)})"
    if not _undone(fooled, transform):
        return Reason("grayscale", effect, "undoes no attack: what lies in brightness is enough")
    return Reason("grayscale", effect, _undoes(fooled, transform))


_REASONS = {"mirror": _of_mirror, "crop": _of_crop, "rotation": _of_rotation, "grayscale": _of_grayscale}


def _about_colour(fooled: Sequence[StressPair]) -> str:
    """What grayscale, which takes nothing but colour, suggests of the attacks' colour; empty where it undoes none."""
    transform = ("grayscale", ASSIGNMENT["grayscale"])
    if not fooled or transform not in shared_transforms([one for one, _ in fooled]):
        return ""
    undone = _undone(fooled, transform)
    if not undone:
        return ""
    return " ".join(
        filter(None, [_isolated(fooled, transform), _photograph_too(undone, transform), _ordered(fooled, transform)])
    )


def _isolated(fooled: Sequence[StressPair], transform: TransformStrength) -> str:
    """What became of an attack where a transform that takes colour can take none but the noise's."""
    gray = [one for one, original in fooled if original is not None and _is_gray(original.thumbnail)]
    if not gray:
        return ""
    one = gray[0]
    outcome = one.outcome(*transform)
    lead = f"its lead goes from {_points(one.before.margin)} to {_points(outcome.margin)} points"
    left = share(outcome.high_frequency_kept or 0.0)
    isolated = (
        f"{sentence(stem(one.image))} is gray to begin with, so that grayscale takes nothing but the noise's colour "
        f"and leaves {left} of its fine detail"
    )
    if one.keeps(outcome):
        return f"{isolated}; the attack survives ({lead}). This suggests that brightness alone carries it."
    return (
        f"{isolated}; the attack is undone all the same ({lead}). This suggests that its colour, which no gray "
        "photograph has, did much of its work."
    )


def _photograph_too(undone: Sequence[StressPair], transform: TransformStrength) -> str:
    """On which photographs the transform changes the clean answer too, and what follows."""
    lost = [
        one for one, original in undone if original is not None and not original.keeps(original.outcome(*transform))
    ]
    if not lost or len(undone) == 1:
        return ""
    return (
        f"On {_names(lost)} gray changes the clean answer too, so that there what the photograph loses may be the "
        "reason, and not what the noise loses."
    )


def _mildest(attacked: Sequence[StressPair]) -> str:
    """Which transforms undo half of the attacks at the first step of their ladders; where none does, how far it takes.

    And what these steps cost the clean photographs. Transforms of one strength, such as the mirror, have no mild one.
    """
    chart = acuity([one for one, _ in attacked])
    lines = [line for line in chart.attacked if len(line.strengths) > 1 and line.kept[0].share <= 0.5]
    if not lines:
        return discuss_acuity(chart)
    steps = [(line.transform, line.strengths[0]) for line in lines]
    tried = "the mildest step tried, undoes" if len(steps) == 1 else "the mildest steps tried, each undo"
    undone = [line.kept[0].n - line.kept[0].count for line in lines]
    least = "at least " if min(undone) < max(undone) else ""
    return (
        f"Little is needed: {listed([describe_transform(step) for step in steps])}, {tried} {least}"
        f"{_these(min(undone), len(attacked))}{_cost([original for _, original in attacked], steps)}."
    )


def _cost(originals: Sequence[StressResult | None], steps: Sequence[TransformStrength]) -> str:
    """On how many clean photographs each of some transforms costs the class; empty where that is not known."""
    known = [one for one in originals if one is not None]
    if len(known) < len(originals):
        return ""
    lost = [sum(not one.keeps(one.outcome(*step)) for one in known) for step in steps]
    if len(known) == 1:
        some = f"{word(sum(lost))} of them {'costs' if sum(lost) == 1 else 'cost'}"
        does = {0: "leaves", len(steps): "costs"}.get(sum(lost), some)
        return f", and {does} the clean photograph its class"
    whole = f"of the {word(len(known))} clean photographs"
    if not any(lost):
        return f", and {'leave' if len(steps) > 1 else 'leaves'} each {whole} its class"
    each = "each cost" if len(steps) > 1 else "costs"
    if min(lost) == max(lost):
        return f", but {each} {word(lost[0])} {whole} {'its' if lost[0] == 1 else 'their'} class, too"
    return f", but cost up to {word(max(lost))} {whole} their class, too"


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
    kept = sum(original.keeps(original.outcome(*transform)) for original in known)
    if len(known) == 1:
        return f", where the clean photograph {'keeps' if kept else 'loses'} its class{'' if kept else ' as well'}"
    which = "each" if kept == len(known) else how_many(kept)
    return f"; of these, {which} {'keep their' if 1 < kept < len(known) else 'keeps its'} class when clean"


def _ordered(fooled: Sequence[StressPair], transform: TransformStrength) -> str:
    """Whether the attacks that survive a transform are those whose noise it leaves most of, or that they are not."""
    left = {True: list[tuple[float, str]](), False: list[tuple[float, str]]()}
    for one, _ in fooled:
        outcome = one.outcome(*transform)
        left[one.keeps(outcome)].append((outcome.high_frequency_kept or 0.0, stem(one.image)))
    if not left[True] or not left[False]:
        return ""
    (least, survivor), (most, victim) = min(left[True]), max(left[False])
    if least >= most + _TELLING:
        which = "The one that survives keeps" if len(left[True]) == 1 else "Those that survive keep at least"
        return f"{which} {share(least)} of the noise's fine detail, those undone at most {share(most)}."
    return (
        f"How much fine detail is left does not tell the cases apart: {victim} keeps {share(most)} of it and is "
        f"undone, {survivor} keeps {share(least)} and survives.{_by_lead(fooled, transform)}"
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
        f" One reading is that the lead before counts, which was at least {_points(least)} points where the attack "
        f"survives and at most {_points(most)} where it is undone."
    )


def _fine_detail(pairs: Sequence[StressPair], transform: TransformStrength) -> str:
    """What is left of the noise's energy at high frequencies, on average."""
    lost = 1 - mean(one.outcome(*transform).high_frequency_kept or 0.0 for one, _ in pairs)
    if abs(lost) < 0.005:
        return "none of its fine detail is lost"
    return f"{share(lost)} of its fine detail is lost" if lost > 0 else f"its fine detail grows by {share(-lost)}"


def _ladder(fooled: Sequence[StressPair], name: str, what: str) -> str:
    """The mildest step of another transform that undoes half of the attacks, as evidence, and what it costs."""
    attacked, originals = [one for one, _ in fooled], [original for _, original in fooled]
    strengths = [strength for other, strength in shared_transforms(attacked) if other == name]
    undoing = [s for s in strengths if 2 * _survivors(attacked, (name, s)) <= len(fooled)]
    if not undoing:
        return ""
    mildest = (name, min(undoing, key=abs))
    undone = _these(len(fooled) - _survivors(attacked, mildest), len(fooled))
    _, amount = describe_transform(mildest).split(" ", 1)
    return f"{what} {amount} alone undoes {undone}{_cost(originals, [mildest])}"


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
    alone = len(noisy) == 1
    return (
        f"Over all transforms and strengths but those that add fine detail or change its size (noise, JPEG, "
        f"brightness, contrast), {share(mean(kept))} of the noise's fine detail is left where the attack survives "
        f"(n = {len(kept)}) and {share(mean(undone))} where it does not (n = {len(undone)}). These are cases of "
        f"{counted(len(noisy), 'photograph')}, and {'they' if alone else 'those of one'} are not independent, so that "
        f"no interval is given. {verdict}"
    )


def _by_mirroring(attacked: Sequence[StressResult]) -> str:
    """What contradicts that it is all a matter of fine detail: a mirror takes none."""
    mirror, fooled = ("mirror", ASSIGNMENT["mirror"]), _fooled(attacked)
    if not fooled or mirror not in shared_transforms(attacked):
        return ""
    undone = len(fooled) - _survivors(attacked, mirror)
    return f", but mirroring, which takes none, undoes {_these(undone, len(fooled))} as well" if undone else ""


def _clean(clean: Sequence[StressResult]) -> str:
    if len(clean) == 1:
        return _clean_one(clean[0])
    transforms = _assignments(clean)
    if not transforms:
        return ""
    keep = [
        f"{'all' if count == len(clean) else how_many(count)} {'keeps its' if count < 2 else 'keep their'} class under "
        f"{listed(names)}"
        for count, names in sorted(_by_number_kept(clean, transforms).items(), reverse=True)
    ]
    return f"Of the {word(len(clean))} photographs that were not attacked {listed(keep)}."


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
    never = ["JPEG" if line.transform == "jpeg" else line.transform for line in lines if _stays(line)]
    return (
        f"The mildest strengths at which half or fewer of the {what} photographs keep their answer: {listed(of_half)}."
        + (f" At every strength tried more than half keep it under {listed(never)}." if never else "")
    )


def _stays(line: AcuityLine) -> bool:
    """Whether more than half of the photographs keep their answer at every strength of a transform."""
    return all(rate.share > 0.5 for rate in line.kept)


def _names(some: Sequence[StressResult]) -> str:
    return counted(len(some), "photograph") if len(some) > _FEW else listed([stem(one.image) for one in some])
