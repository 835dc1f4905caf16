"""The exam's stress test: the attacked photographs, and the originals, under transforms."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from snellen.attacks.result import AttackResult
from snellen.data.images import open_photo
from snellen.data.photo_labels import Rectangle
from snellen.data.transforms import (
    ASSIGNMENT,
    TRANSFORMS,
    TransformStrength,
    all_transforms,
    assignment_transforms,
    describe_transform,
)
from snellen.errors import ModelError
from snellen.exam.context import ENGINES_SPEED, Context, content_of_files, megapixels, names_of
from snellen.exam.object_crop import SHARE, ObjectCrop, object_crop
from snellen.exam.parts.attack import attack_photographs
from snellen.exam.parts.features import GRAD_CAM
from snellen.exam.report.document import (
    Answer,
    Block,
    Discussion,
    Fact,
    Heading,
    Paragraph,
    Picture,
    Points,
    Reference,
    Table,
)
from snellen.figures import BLUE, GREY, VERMILION
from snellen.models.classifier import Classifier
from snellen.models.predictions import Prediction
from snellen.prose import decimal, how_many, in_percent, listed, sentence, share, share_range, stem, word
from snellen.robustness.alignment import MEASURED, Gain, NoiseGains, noise_gains
from snellen.robustness.discussion import (
    FINE_DETAIL,
    discuss,
    discuss_causes,
    discuss_plainly,
    discuss_undone,
    headline,
)
from snellen.robustness.figures import Cropped, draw_cover, draw_crops, draw_stress
from snellen.robustness.files import stress_files, write_results
from snellen.robustness.report import StressReport
from snellen.robustness.stress import Outcome, StressResult
from snellen.runs.files import write_figure, write_json

REFERENCES = (
    Reference(
        "Anish Athalye, Logan Engstrom, Andrew Ilyas and Kevin Kwok. Synthesizing robust adversarial "
        "examples. ICML 2018. arXiv 1707.07397.",
        r"an attack that expects it|robust attack",
    ),
    GRAD_CAM,
)


ASKED = (
    (
        "Problem 4, part 2",
        "The attacked photographs mirrored, cropped, rotated, grayscale: new classes, probabilities",
        "",
        "The new most likely class",
    ),
    ("Problem 4, part 2", "Why it did or did not work in each case", "Why the fooling survives or not", ""),
)
CHART, COVER, OBJECT_CROP = "acuity.png", "acuity-letters.png", "object-crop.png"
_MOST_OF_A_TABLE = 8
_ROWS_OF_A_PICTURE = 4
_CODE = f"""from snellen.exam.results import read_attacks
from snellen.robustness.figures import draw_stress
from snellen.robustness.files import stress_files

attacks = read_attacks()
files, originals = [one.saved for one in attacks], [one.source for one in attacks]
report = stress_files(classifier, files, originals, labels=[one.label.index for one in attacks])
draw_stress(report.photographs[:{_ROWS_OF_A_PICTURE}])"""
_SECONDS_OF_A_MEGAPIXEL = 0.042
"""Of one transform and the way to the network's input; measured on one core."""
_PASSES_BESIDE_TRANSFORMS = 7
"""A heat map takes about three; the crops of the attacked file and of the original are seen once each, and either half
of grayscale."""
_PASSES_OF_GAINS = 5
"""A gradient is as long as about three, and two answers are asked for."""
_MOST_MEGAPIXELS = 3
"""Of a photograph; of larger ones only what a network can see is transformed."""


def inputs(context: Context) -> object:
    """Beside what decides the attack's answer, where the objects lie."""
    return tuple(context.objects)


def cover(folder: Path) -> Picture:
    """The acuity chart that :func:`run` drew into ``folder``."""
    return Picture(
        folder / COVER,
        "A line for each transform of the photographs, from its mildest strength to its strongest, "
        "both named. The bluer a letter, the more of its panel's photographs keep the answer that they had before: "
        "those that were not attacked on the left, the attacked ones on the right.",
    )


def seconds(context: Context, seconds_of_pass: float) -> float:
    """Seconds that :func:`run` takes, roughly: each attacked file and its original transformed, and a pass of each."""
    of_pixels = _SECONDS_OF_A_MEGAPIXEL * megapixels(context.photographs, _MOST_MEGAPIXELS)
    passes = (2 * len(all_transforms()) / ENGINES_SPEED + _PASSES_BESIDE_TRANSFORMS) * len(context.photographs)
    passes += _PASSES_OF_GAINS * len(MEASURED) * len(context.photographs[:_ROWS_OF_A_PICTURE])
    return passes * seconds_of_pass + 2 * len(all_transforms()) * of_pixels


def run(context: Context) -> Answer:
    """Stress the files of the exam's attack; write ``result.json``, ``stress.csv`` and the figures."""
    classifier, folder = context.classifier, context.folder
    attacked = context.needed["attack"]
    attacks = attack_photographs(context, attacked).attacks
    files, originals = [str(attacked / a.file) for a in attacks], [a.name for a in attacks]
    result = stress_files(classifier, files, originals, labels=[a.label.index for a in attacks])
    write_results(result, folder, most_rows=_ROWS_OF_A_PICTURE)
    write_json(folder / "result.json", {"examination": result, "provenance": context.provenance})
    drawn = dict(zip(context.photographs, context.objects, strict=False))
    crops = _object_crops(classifier, files[:_MOST_OF_A_TABLE], attacks[:_MOST_OF_A_TABLE], drawn)
    labels, target = {a.name: a.label.index for a in attacks}, attacks[0].target
    assert target is not None  # the exam's attack has one
    write_json(folder / "object-crop.json", {"crops": crops, "provenance": context.provenance})
    gains = [
        noise_gains(classifier, open_photo(file), open_photo(one.name), one.label.index, target.index)
        for file, one in zip(files, attacks[:_ROWS_OF_A_PICTURE], strict=False)
        if one.attacked.success
    ]
    write_json(folder / "gains.json", {"gains": gains, "provenance": context.provenance})
    blocks: list[Block] = [
        Paragraph(
            "The attacked files of the previous section, each transformed at its own size and classified again: "
            "[[stress/transforms]] shows them, [[stress/classes]] has the classes and their probabilities."
        ),
        Points([_done(transform) for transform in assignment_transforms()]),
        Paragraph(_about_crop(crops, labels, target.index)),
        Picture(
            folder / "stress.png",
            "The attacked photographs under the four transforms, with the new most likely class: blue where it is the "
            "photograph's own again, vermilion where the attack's survives, gray where it is a third."
            + (f" The first {_ROWS_OF_A_PICTURE} of {len(attacks)}." if len(attacks) > _ROWS_OF_A_PICTURE else ""),
            1.0,
            name="transforms",
        ),
        *_of_objects(crops, labels, target.index, folder),
        _table(result, {one.name: one for one in crops}),
        Discussion(discuss_undone(result.photographs, result.originals)),
        Heading("Why the fooling survives or not"),
        *_why(result, gains),
        Heading("Other transforms and strengths"),
        Paragraph(
            "Beside what is asked: as on an eye chart, the letters of a line of [[stress/acuity]] shrink from left to "
            "right, and a smaller one stands for a stronger transform. [[stress/definitions]] defines those that the "
            "assignment does not name."
        ),
        _definitions(),
        Picture(
            folder / CHART,
            _about_letters(len(result.photographs), any(one.misclassified for one in result.originals)),
            0.75,
            name="acuity",
        ),
        Discussion(discuss(result.originals).split("\n\n")),
    ]
    facts = [_fact(result, transform) for transform in assignment_transforms()]
    first = folder / "first.png"
    write_figure(first, draw_stress(result.photographs[:1]))
    write_figure(folder / COVER, draw_cover(result.acuity))
    return Answer(
        names_of([a.name for a in attacks]),
        facts,
        blocks,
        headline(result.photographs),
        Picture(first, "The first attacked file under four transforms."),
        [] if crops else [("", f"the crop is of the photograph, not of the object: {_UNKNOWN_OBJECT}")],
        content=content_of_files(context.photographs),
    )


def _table(result: StressReport, crops: Mapping[str, ObjectCrop]) -> Table:
    """What becomes of each attacked file under the assignment's transforms, and of its original under the same.

    Args:
        result: the stress test.
        crops: crops by the object, by the path of the original, of the photographs that have one.
    """
    shown = list(zip(result.photographs, result.originals, strict=True))[:_MOST_OF_A_TABLE]
    columns = ("photograph", "transform", "attacked file", "probability", "own class", "target")
    rows: list[tuple[str, ...]] = []
    for one, original in shown:
        for number, (outcome, clean) in enumerate(zip(_asked(one), _asked(original), strict=True)):
            rows.append(
                (
                    stem(one.image) if number == 0 else "",
                    _title(outcome.title),
                    *_row(outcome.top, outcome.label_probability, outcome.target_probability, clean.top),
                )
            )
        crop = crops.get(original.image)
        if crop is not None and not _of_all(crop):
            seen = crop.attacked
            row = _row(seen.top, seen.label_probability, seen.target_probability, crop.clean.top)
            rows.append(("", seen.title, *row))
    return Table(
        (*columns, "clean file", "probability"),
        rows,
        "The new most likely class of the attacked file and its probability, what became of its own class's and the "
        "target's; and the most likely class of the clean photograph under the same transform."
        + (f" Object's crop: {_leaves(list(crops.values()))}." if crops else "")
        + _same_crop([one for one in crops.values() if _of_all(one)])
        + (
            f" The first {len(shown)} of {len(result.photographs)}; stress.csv has all."
            if len(shown) < len(result.photographs)
            else ""
        ),
        "classes",
    )


def _title(transform: str) -> str:
    return transform.removesuffix(" of the area")


def _of_all(crop: ObjectCrop) -> bool:
    """Whether the object was drawn to fill its photograph, so that its crop is that of the photograph."""
    return crop.drawn == (0, 0, *crop.whole.size)


def _same_crop(crops: Sequence[ObjectCrop]) -> str:
    """Why photographs have no row of the object's crop; empty for none."""
    if not crops:
        return ""
    names = listed([stem(one.name) for one in crops])
    return f" On {names} the drawn rectangle is the whole photograph, so that the object's crop is the crop to 80%."


def _why(result: StressReport, gains: Sequence[NoiseGains]) -> list[Block]:
    """Why attacks survive each transform or do not, and what the noise gains under it.

    Args:
        result: the stress test.
        gains: what the noise of the first attacks gains, as far as that was measured.
    """
    told = discuss_plainly(result.photographs, result.originals, gains)
    told += discuss_causes(result.photographs, result.originals, gains)
    # The term is defined where it is used first, if it is.
    for number in [number for number, one in enumerate(told) if "fine detail" in one][:1]:
        told[number] += f" ({FINE_DETAIL})"
    if not gains:
        return [Discussion(told)]
    return [
        Discussion(told),
        Paragraph("[[stress/gains]] has what the target needs on each photograph and what the noise gains there."),
        _gained(gains, len(result.photographs)),
    ]


def _gained(gains: Sequence[NoiseGains], of: int) -> Table:
    """What the noise of each attack, one or more of so many, gains under the transforms."""
    rows = [
        (_title(describe_transform(transform)), *(_gain(one.gain(transform)) for one in gains))
        for transform in MEASURED
    ]
    return Table(
        ("transform", *(stem(one.image) for one in gains)),
        rows,
        "What the target's lead, its logit less the own class's, gains by the noise under each transform, of what it "
        "needs there. In parentheses the sum of the noise's values times the gradient's, in units of what random signs "
        "as strong gain by chance (one standard deviation). Gradient and noise are those of the network's input under "
        f"the transform.{f' {sentence(word(len(gains)))} of {of} photographs.' if len(gains) < of else ''}",
        "gains",
    )


def _gain(one: Gain) -> str:
    return f"{decimal(one.real, 1)} of {decimal(one.lacking, 1)} ({decimal(one.times_chance, 0)})"


def _row(top: Prediction, label: float, target: float | None, clean: Prediction) -> tuple[str, ...]:
    """The cells of one attacked file and of its original under one transform."""
    return (
        top.label,
        in_percent(top.probability),
        in_percent(label),
        "" if target is None else in_percent(target),
        clean.label,
        in_percent(clean.probability),
    )


def _object_crops(
    classifier: Classifier,
    files: Sequence[str],
    attacks: Sequence[AttackResult],
    drawn: Mapping[str, Rectangle | None],
) -> list[ObjectCrop]:
    """Each attacked file and its original cropped to about 80% of the object, where it is known where that is.

    Args:
        classifier: classifier under examination.
        files: the attacked files.
        attacks: what made them, in the same order.
        drawn: rectangles that were drawn around objects, by the path of the original.
    """
    crops = []
    for file, one in zip(files, attacks, strict=True):
        assert one.target is not None  # the exam's attack has one
        clean, attacked, asked = open_photo(one.name), open_photo(file), (one.label.index, one.target.index)
        # Some networks give no heat map.
        with contextlib.suppress(ModelError):
            crop = object_crop(classifier, clean, attacked.image, asked, drawn.get(one.name))
            crops += [] if crop is None else [crop]
    return crops


def _about_crop(crops: Sequence[ObjectCrop], labels: Mapping[str, int], target: int) -> str:
    """How much of the object a crop to 80% of it leaves, and what becomes of attacks and photographs.

    Args:
        crops: of the photographs whose object is known.
        labels: index of the class that each shows, by its path.
        target: index of the class that the attacks are to show.
    """
    if not crops:
        return f"The crop is of the photograph, not of the object: {_UNKNOWN_OBJECT}."
    drawn, by_heat = ([one for one in crops if (one.drawn is None) is heat] for heat in (False, True))
    where = [*([_by_hand(drawn)] if drawn else []), *([_by_heat(by_heat, beside=drawn)] if by_heat else [])]
    survive = sum(one.attacked.top.index == target for one in crops)
    back = sum(one.attacked.top.index == labels[one.name] for one in crops)
    kept = sum(one.clean.top.index == labels[one.name] for one in crops)
    return (
        "The crop of this list is of the photograph. Each is cropped by its object as well ([[stress/object-crop]]). "
        f"{' '.join(where)} {_after_crop(len(crops), survive, back, kept)}"
    )


def _by_hand(crops: Sequence[ObjectCrop]) -> str:
    """How photographs are cropped whose object somebody drew a rectangle around, one or more."""
    kept, seen = (_range([getattr(one, key) for one in crops]) for key in ("kept", "seen"))
    return (
        "The author drew a rectangle around the object by hand; the crop is that rectangle shrunk about its centre, "
        f"so that {kept} of its area is left. The network's preprocessing crops once more: it sees {seen} of the drawn "
        "rectangle."
    )


def _by_heat(crops: Sequence[ObjectCrop], beside: Sequence[ObjectCrop]) -> str:
    """How photographs are cropped, one or more, whose object nobody drew a rectangle around, beside others."""
    seen, area = (_range([getattr(one, key) for one in crops]) for key in ("seen", "area"))
    asked, found = share(SHARE), f"the rectangle is {area} of the area"
    saw = sentence(found if seen == asked else f"it sees {seen}; {found}")
    where = (
        f"Around {listed([stem(one.name) for one in crops])} nobody drew one: the object" if beside else "The object"
    )
    return (
        f"{where} is taken to lie where the heat for its own class does (Grad-CAM of the clean photograph): the crop "
        "is the rectangle of the photograph's proportions, its centre that of the heat as far as the photograph "
        f"reaches, of which the network, whose preprocessing crops once more, sees about {asked} of the heat. {saw}. "
        "Heat is where the class is supported, which need not be the whole object, nor the object alone."
    )


def _after_crop(crops: int, survive: int, back: int, kept: int) -> str:
    """What became of so many attacks and of their photographs, attacked and clean, under the crop by the object."""
    if crops == 1:
        bears, own, clean = ("" if count else "not " for count in (survive, back, kept))
        return f"The attack does {bears}survive it, and the own class is {own}seen; when clean it is {clean}seen."
    photographs = {0: "no photograph gets its", 1: f"one of {word(crops)} photographs gets its"}.get(
        back, f"{'all' if back == crops else f'{word(back)} of'} {word(crops)} photographs get their"
    )
    as_clean = "as many as when clean" if back == kept else f"when clean {how_many(kept)}"
    return (
        f"{sentence(how_many(survive))} of the {word(crops)} attacks {'survives' if survive < 2 else 'survive'} it: "
        f"{photographs} own class, {as_clean}."
    )


_UNKNOWN_OBJECT = (
    "how much of the object it leaves is not known, since nobody drew a rectangle around it, and this network gives no "
    "heat map of it"
)


def _leaves(crops: Sequence[ObjectCrop]) -> str:
    """How much of the object crops leave, one or more, in a caption."""
    told = {
        True: f"the crop leaves about {share(SHARE)} of the rectangle that the author drew around the object",
        False: f"the network sees about {share(SHARE)} of the heat for the own class",
    }
    kinds = {one.drawn is not None for one in crops}
    return told[kinds.pop()] if len(kinds) == 1 else f"{told[True]}, or, where there is none, {told[False]}"


def _range(shares: Sequence[float]) -> str:
    # What is nearly all is not worth a range.
    least = share(min(shares))
    return least if least.startswith("more than") else share_range(shares)


def _of_objects(crops: Sequence[ObjectCrop], labels: Mapping[str, int], target: int, folder: Path) -> list[Picture]:
    """The attacked files cropped by their objects, drawn into ``folder``."""
    if not crops:
        return []
    shown = crops[:_ROWS_OF_A_PICTURE]
    picture = folder / OBJECT_CROP
    colours = {target: VERMILION}
    rows = [
        Cropped(
            one.whole,
            one.box,
            one.image,
            one.attacked.top,
            {**colours, labels[one.name]: BLUE}.get(one.attacked.top.index, GREY),
            one.drawn,
        )
        for one in shown
    ]
    write_figure(picture, draw_crops(rows))
    first = f" The first {len(shown)} of {len(crops)}." if len(shown) < len(crops) else ""
    return [
        Picture(
            picture,
            "Above the originals with the rectangle that the crop by the object leaves, below the attacked photographs "
            f"cropped to it, with the new most likely class, coloured as in [[stress/transforms]]; {_leaves(shown)}."
            f"{' Dashed: what was drawn.' if any(one.drawn for one in shown) else ''}{first}",
            1.0,
            name="object-crop",
        )
    ]


def _about_letters(photographs: int, misclassified: bool = False) -> str:
    """What the acuity chart's letters mean, and how coarse the share of so many photographs is.

    Args:
        photographs: how many there are.
        misclassified: whether some of them are, before any transform: they have a panel of their own.
    """
    step = (
        f" One photograph of {photographs} is {100 / photographs:.3g} points, and the share need not fall steadily."
        if photographs > 1
        else ""
    )
    share_below = ", and under that the share in percent" if photographs > 1 else ""
    return (
        "Each letter stands for one strength of one transform: the smaller, the stronger. The bluer, the more of the "
        "photographs keep their class (clean, left) or the attack's (attacked, right). Below each: the strength, which "
        f"takes the place of the … at the left{share_below}.{step}{_APART if misclassified else ''}"
    )


_APART = (
    " What was misclassified before any transform has a panel of its own: there a bluer letter is a wrong answer that "
    "more of them keep."
)


def _asked(one: StressResult) -> list[Outcome]:
    """The outcomes of one photograph as it is and under the assignment's transforms."""
    return [one.before, *(one.outcome(*transform) for transform in assignment_transforms())]


def code(_: Context, picture: str) -> str:
    """Python that draws ``picture`` anew in a notebook; empty where none does."""
    return {"stress.png": _CODE, CHART: "report.plot()"}.get(picture, "")


def _done(transform: TransformStrength) -> str:
    """One of the assignment's transforms at its strength, and what is done."""
    return f"{sentence(describe_transform(transform))}: {_DONE[transform[0]]}"


_DONE = {
    "mirror": "left and right are exchanged.",
    "crop": "the central rectangle of the photograph's proportions is left.",
    "rotation": "about the centre, counter-clockwise, in the same frame, bilinear; the corners that come into it are "
    "filled by reflection.",
    "grayscale": "each of the three channels becomes the luma (ITU-R BT.601).",
}


def crops_by_objects(context: Context) -> list[str]:
    """The methods by which photographs were cropped by their objects: whether somebody drew around these, or not."""
    drawn = sum(one is not None for one in context.objects)
    names = [*(["shrunk"] if drawn else []), *(["box_with"] if drawn < len(context.photographs) else [])]
    return [f"snellen.exam.object_crop:{', '.join(names)}"] if names else []


def _definitions() -> Table:
    """What the transforms do that the assignment does not ask for."""
    others = [name for name in TRANSFORMS if name not in ASSIGNMENT]
    return Table(
        ("transform", "what is done at strength s"),
        [("JPEG" if name == "jpeg" else name, TRANSFORMS[name].definition) for name in others],
        "The other transforms of [[stress/acuity]].",
        "definitions",
    )


def _fact(result: StressReport, transform: TransformStrength) -> Fact:
    """How many answers one transform leaves as they are; of photographs misclassified before it, the wrong ones."""
    clean = [one for one in result.originals if not one.misclassified]
    misclassified = [one for one in result.originals if one.misclassified]
    groups = {
        "class kept": clean,
        **({"wrong answer kept": misclassified} if misclassified else {}),
        "fooling survives": [one for one in result.photographs if one.fooled],
    }
    counts = (
        f"{what} {sum(one.keeps(one.outcome(*transform)) for one in group)} of {len(group)}"
        for what, group in groups.items()
    )
    return Fact(describe_transform(transform), ", ".join(counts))
