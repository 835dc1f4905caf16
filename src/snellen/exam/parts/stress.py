"""The exam's stress test: the attacked photographs, and the originals, under transforms."""

from __future__ import annotations

from pathlib import Path

from snellen.data.transforms import (
    ASSIGNMENT,
    TRANSFORMS,
    TransformStrength,
    all_transforms,
    assignment_transforms,
    describe_transform,
)
from snellen.exam.context import Context, megapixels, names_of
from snellen.exam.parts.attack import attack_photographs
from snellen.exam.report.document import Answer, Discussion, Fact, Heading, Paragraph, Picture, Points, Reference, Table
from snellen.robustness.discussion import discuss, headline
from snellen.robustness.figures import draw_stress
from snellen.robustness.files import stress_files, write_results
from snellen.robustness.report import StressReport
from snellen.runs.files import write_figure, write_json

REFERENCES = (
    Reference(
        "Anish Athalye, Logan Engstrom, Andrew Ilyas and Kevin Kwok. Synthesizing robust adversarial "
        "examples. ICML 2018. arXiv 1707.07397.",
        r"an attack that expects it",
    ),
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
    return 2 * len(all_transforms()) * (len(context.photographs) * seconds_of_pass + of_pixels)


def run(context: Context) -> Answer:
    """Stress the files of the exam's attack; write ``result.json``, ``stress.csv`` and the figures."""
    classifier, folder = context.classifier, context.folder
    attacked = context.needed["attack"]
    attacks = attack_photographs(context, attacked).attacks
    files, originals = [str(attacked / a.file) for a in attacks], [a.name for a in attacks]
    result = stress_files(classifier, files, originals, labels=[a.label.index for a in attacks])
    shown = result.photographs[:_MOST_OF_A_TABLE]
    write_results(result, folder, most_rows=_ROWS_OF_A_PICTURE)
    write_json(folder / "result.json", {"examination": result, "provenance": context.provenance})
    blocks = (
        Paragraph("The attacked files of the previous section, each transformed at its own size and classified again."),
        Points([_definition(name) for name, _ in assignment_transforms()]),
        Picture(
            folder / "stress.png",
            "The attacked photographs under the four transforms, with the new most likely class: blue where it is the "
            "photograph's own again, vermilion where the attack's survives, gray where it is a third."
            + (f" The first {_ROWS_OF_A_PICTURE} of {len(attacks)}." if len(attacks) > _ROWS_OF_A_PICTURE else ""),
            0.92,
        ),
        Table(
            ("photograph", "transform", "most likely", "probability", "original class", "target"),
            [
                (
                    Path(one.image).stem.removesuffix("-adversarial") if number == 0 else "",
                    outcome.title,
                    outcome.top.label,
                    f"{outcome.top.probability:.4f}",
                    f"{outcome.label_probability:.4f}",
                    "" if outcome.target_probability is None else f"{outcome.target_probability:.4f}",
                )
                for one in shown
                for number, outcome in enumerate(
                    (one.before, *(one.outcome(*asked) for asked in assignment_transforms()))
                )
            ],
            "The new most likely class and its probability, and what became of the original class's and the target's."
            + (f" The first {len(shown)} of {len(attacks)}; stress.csv has all." if len(shown) < len(attacks) else ""),
        ),
        Heading("Why the fooling survives or not"),
        Discussion(discuss(result.photographs, result.originals).split("\n\n")),
        Heading("The acuity chart"),
        Paragraph(
            "As on an eye chart, each line grows harder to read from left to right. "
            + " ".join(_definition(name) for name in TRANSFORMS if name not in ASSIGNMENT)
        ),
        Picture(
            folder / CHART,
            "Each letter stands for one strength of one transform: the bluer, the more of the photographs keep the "
            "answer they have without it.",
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
