"""The exam's stress test: the attacked photographs, and the originals, under manipulations."""

from __future__ import annotations

from pathlib import Path

from snellen.data.transforms import TRANSFORMS
from snellen.exam.context import Context, names_of
from snellen.exam.parts import attack
from snellen.exam.parts.attack import attack_photographs
from snellen.exam.report.document import Answer, Fact, Heading, Paragraph, Picture, Points, Table
from snellen.robustness.discussion import discuss
from snellen.robustness.files import StressReport, stress_files, write_results
from snellen.robustness.stress import assignment_transforms
from snellen.runs.files import write_json

REFERENCES = (
    "Anish Athalye, Logan Engstrom, Andrew Ilyas and Kevin Kwok. Synthesizing robust adversarial examples. ICML 2018. "
    "arXiv 1707.07397.",
)


ASKED = (
    (
        "Problem 4, part 2",
        "The attacked photographs mirrored, cropped, turned, grayscale: new classes, probabilities",
        "",
    ),
    ("Problem 4, part 2", "Why it did or did not work in each case", "Why the fooling survives or not"),
)
CHART = "acuity.png"


def inputs(context: Context) -> object:
    """What decides the answer: what decides the attack's."""
    return attack.inputs(context)


def run(context: Context) -> Answer:
    """Stress the files of the exam's attack; write ``result.json``, ``stress.csv`` and the figures."""
    classifier, folder = context.classifier, context.folder
    attacked = context.folder.parent / "attack"
    attacks = attack_photographs(context, attacked).attacks
    result = stress_files(classifier, [str(attacked / a.file) for a in attacks], [a.image for a in attacks])
    write_results(result, folder)
    write_json(folder / "result.json", {"examination": result, "provenance": context.provenance})
    blocks = (
        Paragraph("The attacked files of the previous section, each manipulated at its own size and classified again."),
        Points([TRANSFORMS[name].definition for name, _ in assignment_transforms()]),
        Picture(
            folder / "stress.png",
            "The attacked photographs under the four manipulations, with the new most likely class: blue where it is "
            "the photograph's own again, vermilion where the attack's survives, gray where it is a third.",
        ),
        Table(
            ("photograph", "manipulation", "most likely", "probability", "original class", "target"),
            [
                (
                    Path(one.image).stem.removesuffix("-adversarial") if number == 0 else "",
                    TRANSFORMS[answer.manipulation].describe(answer.strength) if number else "as it is",
                    answer.top.label,
                    f"{answer.top.probability:.4f}",
                    f"{answer.label:.4f}",
                    "" if answer.target is None else f"{answer.target:.4f}",
                )
                for one in result.photographs
                for number, answer in enumerate(
                    (one.before, *(one.answer(*trial) for trial in assignment_transforms()))
                )
            ],
            "The new most likely class and its probability, and what became of the original class's and the target's.",
        ),
        Heading("Why the fooling survives or not"),
        Paragraph(discuss(result.photographs)),
        Heading("The acuity chart"),
        Paragraph(
            "As on an eye chart, each line grows harder to read from left to right. "
            + " ".join(f"{name.capitalize()}: {t.definition}" for name, t in TRANSFORMS.items() if name not in _FOUR)
        ),
        Picture(
            folder / CHART,
            "Each letter stands for one strength of one manipulation: the bluer, the more of the photographs keep the "
            "answer they have without it.",
        ),
        Paragraph(discuss(result.originals)),
    )
    facts = [_fact(result, trial) for trial in assignment_transforms()]
    return Answer(names_of([a.image for a in attacks]), facts, blocks)


def _fact(result: StressReport, trial: tuple[str, float]) -> Fact:
    """How many answers one manipulation leaves as they are."""
    clean, fooled = (
        f"{sum(one.keeps(one.answer(*trial)) for one in group)} of {len(group)}"
        for group in (result.originals, result.photographs)
    )
    return Fact(TRANSFORMS[trial[0]].describe(trial[1]), f"class kept {clean}, fooling survives {fooled}")


_FOUR = {name for name, _ in assignment_transforms()}
