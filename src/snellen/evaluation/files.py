"""A run folder of an evaluation: its numbers, a table by photograph, its figures, a model card; and how it is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from snellen.data.datasets.tree import MAX_TEXT_BYTES
from snellen.errors import InputError
from snellen.evaluation.comparison import ModelComparison
from snellen.evaluation.corrupted import CorruptionResult
from snellen.evaluation.evaluate import EvaluatedPhotograph, EvaluationResult
from snellen.evaluation.figures import draw_classes, draw_confusion, draw_errors
from snellen.evaluation.model_card import model_card
from snellen.evaluation.transformed import TransformResult
from snellen.models.predictions import Prediction
from snellen.runs.files import replace_figure, write_figure, write_json, write_text
from snellen.runs.serialise import read_json
from snellen.runs.table import csv_text, read_csv
from snellen.runs.text import read_text

RESULT, PHOTOGRAPHS, CONFUSION_TABLE, CARD = "evaluation.json", "photographs.csv", "confusion.csv", "README.md"
CALIBRATION, CONFUSION, CLASSES, ERRORS = "calibration.png", "confusion.png", "classes.png", "errors.png"
COMPARISON, DISAGREEMENTS = "comparison.json", "disagreements.png"
CORRUPTIONS_RESULT, CORRUPTIONS_FIGURE = "corruptions.json", "corruptions.png"
CORRUPTIONS_TABLE = "corruptions.csv"
TRANSFORMS_RESULT, TRANSFORMS_TABLE, ACUITY = "transforms.json", "transforms.csv", "acuity.png"
BESIDE = (
    COMPARISON, DISAGREEMENTS, CORRUPTIONS_RESULT, CORRUPTIONS_TABLE, CORRUPTIONS_FIGURE, TRANSFORMS_RESULT,
    TRANSFORMS_TABLE, ACUITY,
)  # fmt: skip
"""What a comparison, corruptions and transforms write beside an evaluation."""

_COLUMNS = (
    "image", "split", "class", "label", "label_index", "label_probability", "top", "top_index", "probability", "rank",
    "correct", "error",
)  # fmt: skip


def write_evaluation(result: EvaluationResult, out: Path) -> list[str]:
    """Write everything about an evaluation to ``out``; gives the names of the figures that there are."""
    write_json(out / RESULT, result.to_dict())
    write_text(out / PHOTOGRAPHS, to_csv(result))
    write_text(out / CONFUSION_TABLE, confusion_csv(result))
    write_text(out / CARD, model_card(result))
    figures = {
        CALIBRATION: result.plot() if result.tells_calibration else None,
        CLASSES: draw_classes(result),
        CONFUSION: draw_confusion(result),
        ERRORS: draw_errors(result),
    }
    for name, figure in figures.items():
        replace_figure(out / name, figure)
    return [name for name, figure in figures.items() if figure is not None]


def write_comparison(comparison: ModelComparison, out: Path) -> None:
    """Write the numbers of a comparison and, where the photographs may be opened, its pictures."""
    write_json(out / COMPARISON, {**comparison.to_dict(), "discussion": comparison.discussion()})
    replace_figure(out / DISAGREEMENTS, None if comparison.source is None else comparison.plot())


def write_corruptions(result: CorruptionResult, out: Path) -> None:
    """Write the numbers, a table by corruption and severity, and the figure of accuracy under corruptions."""
    write_json(out / CORRUPTIONS_RESULT, {**result.to_dict(), "discussion": result.discussion()})
    head = ("corruption", "severity", "correct", "n", "accuracy", "low", "high", "calibration_error")
    rows = []
    for one in result.outcomes:
        rate = one.accuracy
        numbers = (rate.share, rate.low, rate.high, one.calibration_error)
        rows.append([one.corruption, one.severity, rate.count, rate.n, *(f"{value:.4f}" for value in numbers)])
    write_text(out / CORRUPTIONS_TABLE, csv_text(head, rows))
    write_figure(out / CORRUPTIONS_FIGURE, result.plot())


def write_transforms(result: TransformResult, out: Path) -> None:
    """Write the numbers, a table by transform and strength, and the acuity chart of accuracy."""
    write_json(out / TRANSFORMS_RESULT, {**result.to_dict(), "discussion": result.discussion()})
    head = ("transform", "strength", "correct", "n", "accuracy", "low", "high")
    rows = []
    for one in result.outcomes:
        rate = one.accuracy
        shares = (f"{value:.4f}" for value in (rate.share, rate.low, rate.high))
        rows.append([one.transform, f"{one.strength:g}", rate.count, rate.n, *shares])
    write_text(out / TRANSFORMS_TABLE, csv_text(head, rows))
    write_figure(out / ACUITY, result.plot())


def to_csv(result: EvaluationResult) -> str:
    """A line for each photograph; those that are in no number last, with the reason."""
    rows: list[list[object]] = [
        [
            one.image, one.split, one.dataset_class, one.label.label, one.label.index, f"{one.label.probability:.6g}",
            one.top.label, one.top.index, f"{one.top.probability:.6g}", one.rank, one.correct, "",
        ]
        for one in result.photographs
    ]  # fmt: skip
    left_out = (*result.unscored, *result.failures)
    rows += ([failure.image, *[""] * (len(_COLUMNS) - 2), failure.error] for failure in left_out)
    return csv_text(_COLUMNS, rows)


def confusion_csv(result: EvaluationResult) -> str:
    """The confusion matrix, a line for each of its cells that is not zero."""
    cells: dict[tuple[str, str], int] = {}
    for one in result.photographs:
        cell = one.label.label, one.top.label
        cells[cell] = cells.get(cell, 0) + 1
    most_first = sorted(cells.items(), key=lambda one: (-one[1], one[0]))
    return csv_text(("true", "predicted", "count"), [[*cell, count] for cell, count in most_first])


@dataclass(frozen=True, eq=False)
class StoredEvaluation:
    """What a run folder holds of an evaluation.

    Attributes:
        model: name of the model.
        dataset: name of the data set.
        data: its fingerprint.
        photographs: what was answered for each photograph.
    """

    model: str
    dataset: str
    data: str
    photographs: Sequence[EvaluatedPhotograph]


def read_evaluation(folder: Path) -> StoredEvaluation:
    """What :func:`write_evaluation` wrote.

    Raises:
        InputError: there is no evaluation, or it is damaged.
    """
    try:
        about = read_json(folder / RESULT)
        rows = [row for row in read_csv(read_text(folder / PHOTOGRAPHS, MAX_TEXT_BYTES)) if not row["error"]]
        photographs = [_photograph(row) for row in rows]
        return StoredEvaluation(about["model"], about["dataset"], about["provenance"]["data"], photographs)
    except (InputError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder}: holds no evaluation", "the run folder of one") from error


def _photograph(row: dict[str, str]) -> EvaluatedPhotograph:
    label = Prediction(row["label"], int(row["label_index"]), float(row["label_probability"]))
    top = Prediction(row["top"], int(row["top_index"]), float(row["probability"]))
    return EvaluatedPhotograph(row["image"], row["split"], row["class"], label, top, int(row["rank"]))
