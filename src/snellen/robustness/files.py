"""Puts photographs to the stress test and writes what came of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from snellen.data.images import Failure, read_image, read_pixels, to_pixels
from snellen.data.labels import label_of_folder
from snellen.errors import InputError
from snellen.models.classifier import Classifier
from snellen.robustness.acuity import AcuityLine, acuity
from snellen.robustness.figures import draw_acuity, draw_stress, draw_transforms
from snellen.robustness.stress import Answer, StressResult, stress, stress_pair
from snellen.runs.files import write_figure, write_json, write_text
from snellen.runs.provenance import fingerprint


@dataclass(frozen=True)
class StressReport:
    """A stress test of several photographs.

    Attributes:
        photographs: those that could be read.
        originals: of those that were attacked, in the same order; empty where none were given.
        charts: acuity lines by their title: of the photographs, and of the originals where there are any.
        failures: photographs that could not be read, or not together with their originals.
        data: fingerprint of the photographs.
    """

    photographs: tuple[StressResult, ...]
    originals: tuple[StressResult, ...]
    charts: dict[str, tuple[AcuityLine, ...]]
    failures: tuple[Failure, ...]
    data: str


def stress_files(
    classifier: Classifier,
    sources: Sequence[str],
    originals: Sequence[str] = (),
    *,
    done: Callable[[], None] = lambda: None,
) -> StressReport:
    """Stress photographs, each with its original where there is one; a bad one does not stop the others.

    Args:
        classifier: the one under examination.
        sources: paths of photographs. One in a folder named by its WordNet id, as in ImageNet, shows that class.
        originals: paths of what they were made from, as many and in the same order; or empty.
        done: called after each photograph.
    """
    photographs: list[StressResult] = []
    clean: list[StressResult] = []
    failures: list[Failure] = []
    contents: list[str] = []
    for number, source in enumerate(sources):
        try:
            image = read_image(source)
            pixels = to_pixels(image)
            if originals:
                label = label_of_folder(classifier.labels, originals[number])
                attacked, original = stress_pair(
                    classifier,
                    pixels,
                    read_pixels(originals[number]),
                    label=label,
                    name=source,
                    original_name=originals[number],
                )
                photographs.append(attacked)
                clean += [original] if original is not None else []
            else:
                label = label_of_folder(classifier.labels, source)
                photographs.append(stress(classifier, pixels, label=label, name=source))
            contents.append(fingerprint(image.tobytes()))
        except InputError as error:
            failures.append(Failure(source, str(error)))
        done()
    return stress_report(photographs, clean, failures, fingerprint("".join(contents)))


def stress_report(
    photographs: Sequence[StressResult], clean: Sequence[StressResult], failures: Sequence[Failure], data: str
) -> StressReport:
    """The examination that stressed photographs, and the originals of attacked ones, add up to."""
    charts = _charts(photographs, clean)
    return StressReport(tuple(photographs), tuple(clean), charts, tuple(failures), data)


def _charts(photographs: Sequence[StressResult], clean: Sequence[StressResult]) -> dict[str, tuple[AcuityLine, ...]]:
    count = f" ({len(photographs)})" if len(photographs) > 1 else ""
    charts: dict[str, tuple[AcuityLine, ...]] = {}
    if clean:
        charts[f"clean{count}: is the class kept?"] = acuity(clean)
        charts[f"attacked{count}: is the attack's class kept?"] = acuity(photographs)
    elif photographs:
        charts[f"is the class kept?{count}"] = acuity(photographs)
    return charts


def write_results(result: StressReport, out: Path, *, most_rows: int = 8) -> None:
    """Write ``stress.json``, ``stress.csv`` and the figures; the grid of at most ``most_rows`` photographs."""
    write_json(out / "stress.json", result)
    write_text(out / "stress.csv", to_csv(result))
    if result.photographs:
        write_figure(out / "acuity.png", draw_acuity(result.charts))
        shown = result.photographs[:most_rows]
        write_figure(out / "stress.png", draw_stress([(read_image(one.image), one) for one in shown]))
        write_figure(out / "manipulations.png", draw_transforms(read_image(shown[0].image)))


def to_csv(result: StressReport) -> str:
    """A line for each photograph and manipulation, originals last."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["image", "attacked", "manipulation", "strength", "top", "index", "probability", "label_probability",
         "target_probability", "margin", "high_frequency_kept", "kept", "error"]
    )  # fmt: skip
    for one in (*result.photographs, *result.originals):
        for answer in (one.before, *one.answers):
            writer.writerow([one.image, one.attacked, *_cells(answer), one.keeps(answer), ""])
    for failure in result.failures:
        writer.writerow([failure.image, *[""] * 11, failure.error])
    return text.getvalue()


def _cells(answer: Answer) -> list[str]:
    numbers = (answer.top.probability, answer.label, answer.target, answer.margin, answer.high_frequency_kept)
    return [
        answer.manipulation,
        f"{answer.strength:g}",
        answer.top.label,
        str(answer.top.index),
        *("" if number is None else f"{number:.6f}" for number in numbers),
    ]
