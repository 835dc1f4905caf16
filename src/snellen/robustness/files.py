"""Puts files to the stress test and writes what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from snellen.data.images import Failure, open_photo
from snellen.data.labels import label_of_folder
from snellen.errors import InputError
from snellen.models.classifier import Classifier
from snellen.robustness.figures import draw_stress, draw_transforms
from snellen.robustness.report import StressReport, stress_report
from snellen.robustness.stress import Outcome, StressPair, check_originals, stress_engine, stress_pair
from snellen.runs.files import write_figure, write_json, write_text
from snellen.runs.progress import SILENT, Progress
from snellen.runs.provenance import fingerprint
from snellen.runs.table import csv_text


def stress_files(
    classifier: Classifier,
    sources: Sequence[str],
    originals: Sequence[str] = (),
    *,
    labels: Sequence[int | None] = (),
    progress: Progress = SILENT,
) -> StressReport:
    """Stress photographs, each with its original where there is one; a bad one does not stop the others.

    Args:
        classifier: classifier under examination.
        sources: paths of photographs. One in a folder named as a class, or by its WordNet id, shows that class.
        originals: paths of what they were made from, as many and in the same order; or empty.
        labels: class that each of them shows, whatever its folder says; empty, or None in it, where nobody said.
        progress: told of each photograph.

    Raises:
        InputError: another number of originals.
    """
    check_originals(len(sources), len(originals) or len(sources))
    pairs: list[StressPair] = []
    failures: list[Failure] = []
    contents: list[str] = []
    engine = stress_engine(classifier, len(sources) + len(originals), progress=progress)
    progress.begin("Transforming", len(sources))
    for number, source in enumerate(sources):
        try:
            photo = open_photo(source)
            original = open_photo(originals[number]) if originals else None
            label = labels[number] if labels else None
            label = label_of_folder(classifier.labels, (original or photo).name) if label is None else label
            pairs.append(stress_pair(classifier, engine, photo, original, label))
            contents.append(fingerprint(photo.image.tobytes()))
        except InputError as error:
            failures.append(Failure(source, str(error)))
        progress.advance()
    return stress_report(pairs, failures, fingerprint("".join(contents)), engine)


def write_results(report: StressReport, out: Path, *, most_rows: int = 8) -> None:
    """Write ``stress.json``, ``stress.csv`` and the figures; the grid of at most ``most_rows`` photographs."""
    write_json(out / "stress.json", report)
    write_text(out / "stress.csv", to_csv(report))
    if report.photographs:
        write_figure(out / "acuity.png", report.plot())
        write_figure(out / "stress.png", draw_stress(report.photographs[:most_rows]))
        write_figure(out / "transforms.png", draw_transforms(report.photographs[0].thumbnail))


def to_csv(report: StressReport) -> str:
    """A line for each photograph and transform at a strength, originals last; ``label_index`` is what each shows."""
    head = (
        "image", "attacked", "label_index", "transform", "strength", "top", "index", "probability", "label_probability",
        "target_probability", "margin", "high_frequency_kept", "kept", "error",
    )  # fmt: skip
    rows: list[list[object]] = [
        [one.image, one.attacked, one.label, *_cells(outcome), one.keeps(outcome), ""]
        for one in (*report.photographs, *report.originals)
        for outcome in (one.before, *one.outcomes)
    ]
    rows += ([failure.image, *[""] * 12, failure.error] for failure in report.failures)
    return csv_text(head, rows)


def _cells(outcome: Outcome) -> list[str]:
    top = outcome.top
    numbers = (top.probability, outcome.label_probability, outcome.target_probability, outcome.margin)
    return [
        outcome.transform,
        f"{outcome.strength:g}",
        top.label,
        str(top.index),
        *("" if number is None else f"{number:.6f}" for number in (*numbers, outcome.high_frequency_kept)),
    ]
