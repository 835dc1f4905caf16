"""The exam's stress test: the attacked photographs, and the originals, under transforms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from snellen.data.images import Photo, open_photo
from snellen.data.transforms import (
    ASSIGNMENT,
    TRANSFORMS,
    TransformStrength,
    all_transforms,
    assignment_transforms,
    crop_window,
    describe_transform,
)
from snellen.errors import ModelError
from snellen.exam.context import Context, megapixels, names_of
from snellen.exam.parts.attack import attack_photographs
from snellen.exam.parts.features import GRAD_CAM
from snellen.exam.report.document import Answer, Discussion, Fact, Heading, Paragraph, Picture, Points, Reference, Table
from snellen.inspect.heatmap import heatmap
from snellen.models.classifier import Classifier
from snellen.prose import four_places, share, stem
from snellen.robustness.discussion import discuss, headline
from snellen.robustness.figures import draw_stress
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
CHART = "acuity.png"
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
_PASSES_OF_A_HEATMAP = 3
Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels."""
_MOST_MEGAPIXELS = 3
"""Of a photograph; of larger ones only what a network can see is transformed."""


def inputs(_: Context) -> object:
    """Nothing but what decides the attack's answer."""
    return ()


def cover(folder: Path) -> Picture:
    """The acuity chart that :func:`run` drew into ``folder``."""
    return Picture(
        folder / CHART,
        "The acuity chart: a line for each transform of the photographs, mild to strong. The bluer a letter, the more "
        "of the photographs keep their class.",
    )


def seconds(context: Context, seconds_of_pass: float) -> float:
    """Seconds that :func:`run` takes, roughly: each attacked file and its original transformed, and a pass of each."""
    of_pixels = _SECONDS_OF_A_MEGAPIXEL * megapixels(context.photographs, _MOST_MEGAPIXELS)
    passes = 2 * len(all_transforms()) + _PASSES_OF_A_HEATMAP
    return passes * len(context.photographs) * seconds_of_pass + 2 * len(all_transforms()) * of_pixels


def run(context: Context) -> Answer:
    """Stress the files of the exam's attack; write ``result.json``, ``stress.csv`` and the figures."""
    classifier, folder = context.classifier, context.folder
    attacked = context.needed["attack"]
    attacks = attack_photographs(context, attacked).attacks
    files, originals = [str(attacked / a.file) for a in attacks], [a.name for a in attacks]
    result = stress_files(classifier, files, originals, labels=[a.label.index for a in attacks])
    write_results(result, folder, most_rows=_ROWS_OF_A_PICTURE)
    write_json(folder / "result.json", {"examination": result, "provenance": context.provenance})
    blocks = (
        Paragraph("The attacked files of the previous section, each transformed at its own size and classified again."),
        Points([_definition(name) for name, _ in assignment_transforms()]),
        Paragraph(_about_crop(classifier, [(a.name, a.label.index) for a in attacks[:_MOST_OF_A_TABLE]])),
        Picture(
            folder / "stress.png",
            "The attacked photographs under the four transforms, with the new most likely class: blue where it is the "
            "photograph's own again, vermilion where the attack's survives, gray where it is a third."
            + (f" The first {_ROWS_OF_A_PICTURE} of {len(attacks)}." if len(attacks) > _ROWS_OF_A_PICTURE else ""),
            0.92,
        ),
        _table(result),
        Heading("Why the fooling survives or not"),
        Discussion(discuss(result.photographs, result.originals).split("\n\n")),
        Heading("The acuity chart"),
        Paragraph(
            "As on an eye chart, the letters of a line shrink from left to right: a smaller one stands for a stronger "
            "transform. " + " ".join(_definition(name) for name in TRANSFORMS if name not in ASSIGNMENT)
        ),
        Picture(
            folder / CHART,
            _about_letters(len(result.photographs)),
            0.8,
        ),
        Discussion(discuss(result.originals).split("\n\n")),
    )
    facts = [_fact(result, transform) for transform in assignment_transforms()]
    first = folder / "first.png"
    write_figure(first, draw_stress(result.photographs[:1]))
    return Answer(
        names_of([a.name for a in attacks]),
        facts,
        blocks,
        headline(result.photographs),
        Picture(first, "The first attacked file under four transforms."),
    )


def _table(result: StressReport) -> Table:
    """What becomes of each attacked file under the assignment's transforms, and of its original under the same."""
    shown = list(zip(result.photographs, result.originals, strict=True))[:_MOST_OF_A_TABLE]
    columns = ("photograph", "transform", "attacked file", "probability", "own class", "target")
    rows = [
        (
            stem(one.image) if number == 0 else "",
            outcome.title.removesuffix(" of the area"),
            outcome.top.label,
            four_places(outcome.top.probability),
            four_places(outcome.label_probability),
            "" if outcome.target_probability is None else four_places(outcome.target_probability),
            clean.top.label,
            four_places(clean.top.probability),
        )
        for one, original in shown
        for number, (outcome, clean) in enumerate(zip(_asked(one), _asked(original), strict=True))
    ]
    return Table(
        (*columns, "clean file", "probability"),
        rows,
        "The new most likely class of the attacked file and its probability, what became of its own class's and the "
        "target's; and the most likely class of the clean photograph under the same transform."
        + (
            f" The first {len(shown)} of {len(result.photographs)}; stress.csv has all."
            if len(shown) < len(result.photographs)
            else ""
        ),
    )


def _about_crop(classifier: Classifier, photographs: Sequence[tuple[str, int]]) -> str:
    """How much of what an object's crop is to leave, the assignment's leaves: by the heat of the clean photographs.

    Args:
        classifier: classifier under examination.
        photographs: paths, each with the index of the class that it shows.
    """
    unknown = "how much of the object it leaves is not known, since this network gives no heat map of it."
    try:
        measured = [_heat_kept(classifier, open_photo(path), label) for path, label in photographs]
    except ModelError:
        measured = []
    kept = [one for one in measured if not math.isnan(one[0])]
    if not kept:
        return f"The crop is of the photograph, not of the object; {unknown}"
    cropped, seen = map(_range, zip(*kept, strict=True))
    again = "also after" if seen == cropped else f"and {seen} after"
    return (
        "The crop is of the photograph, not of the object: of the heat for the photograph's own class (Grad-CAM of "
        f"what the network sees of the clean photograph) it leaves {cropped}, {again} the network's own preprocessing"
        f"{'' if seen == cropped else ', which crops once more'}."
    )


def _range(shares: Sequence[float]) -> str:
    low, high = share(min(shares)), share(max(shares))
    # What is nearly all is not worth a range.
    return low if low == high or low.startswith("more than") else f"{low} to {high}"


def _heat_kept(classifier: Classifier, photo: Photo, label: int) -> tuple[float, float]:
    """Shares of a class's heat that lie within the assignment's crop, and within what the network sees of that."""
    width, height = photo.size
    rows, columns = crop_window(height, width, ASSIGNMENT["crop"])
    crop = (columns.start, rows.start, columns.stop, rows.stop)
    geometry = classifier.preprocessing.geometry
    left, top, right, bottom = geometry(rows.stop - rows.start, columns.stop - columns.start).box
    seen = (crop[0] + left, crop[1] + top, crop[0] + right, crop[1] + bottom)
    values = heatmap(classifier, photo.image, label).values
    whole = geometry(height, width).box
    return share_within(values, whole, crop), share_within(values, whole, seen)


def share_within(values: npt.NDArray[np.float32], whole: Box, part: Box) -> float:
    """Share of the sum of ``values`` (H, W), each spread evenly over its cell of ``whole``, that lies in ``part``.

    Args:
        values: at least 0; where all are 0 the share is NaN.
        whole: what the values cover.
        part: a rectangle.
    """

    def covered(cells: int, start: float, stop: float, first: float, last: float) -> npt.NDArray[np.float64]:
        edges = np.linspace(start, stop, cells + 1).clip(first, last)
        return np.diff(edges) * cells / (stop - start)

    across = covered(values.shape[1], whole[0], whole[2], part[0], part[2])
    down = covered(values.shape[0], whole[1], whole[3], part[1], part[3])
    total = float(values.sum())
    return float(down @ values @ across) / total if total else math.nan


def _about_letters(photographs: int) -> str:
    """What the acuity chart's letters mean, and how coarse the share of so many photographs is."""
    step = (
        f" One photograph of {photographs} is {100 / photographs:.3g} points, and the share need not fall steadily."
        if photographs > 1
        else ""
    )
    return (
        "Each letter stands for one strength of one transform: the smaller, the stronger; the bluer, the more of the "
        f"photographs keep the answer they have without it.{step}"
    )


def _asked(one: StressResult) -> list[Outcome]:
    """The outcomes of one photograph as it is and under the assignment's transforms."""
    return [one.before, *(one.outcome(*transform) for transform in assignment_transforms())]


def code(_: Context, picture: str) -> str:
    """Python that draws ``picture`` anew in a notebook; empty where none does."""
    return {"stress.png": _CODE, CHART: "report.plot()"}.get(picture, "")


def _definition(name: str) -> str:
    """A transform's name and what it does."""
    return f"{'JPEG' if name == 'jpeg' else name.capitalize()}: {TRANSFORMS[name].definition}"


def _fact(result: StressReport, transform: TransformStrength) -> Fact:
    """How many answers one transform leaves as they are."""
    clean, fooled = (
        f"{sum(one.keeps(one.outcome(*transform)) for one in group)} of {len(group)}"
        for group in (result.originals, result.photographs)
    )
    return Fact(describe_transform(transform), f"class kept {clean}, fooling survives {fooled}")
