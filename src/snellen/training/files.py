"""The files of a training run: ``metrics.json``, its curves, its confusion matrix, its first filters."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from snellen.errors import InputError
from snellen.runs.files import atomic_path, write_figure, write_json
from snellen.runs.serialise import from_plain, read_json, serialised_fields, to_plain
from snellen.training.figures import draw_confusion
from snellen.training.filters import filters_image
from snellen.training.results import TrainingResult, rate_at

METRICS = "metrics.json"
_MOST_RUNS = 10_000
CURVES, FILTERS, CONFUSION = "curves.png", "filters.png", "confusion.png"
FILTERS_START = "filters-start.png"


def write_figures(folder: Path, result: TrainingResult, start: Tensor | None, filters: Tensor | None) -> None:
    """Draw one run in its folder.

    Args:
        folder: folder of the run.
        result: result of the run.
        start: filters (F, 3, h, w) of the first layer before the first step; None where the network has no such layer.
        filters: the same after the last.
    """
    write_figure(folder / CURVES, result.plot())
    write_figure(folder / CONFUSION, draw_confusion(result))
    for name, one in ((FILTERS_START, start), (FILTERS, filters)):
        if one is not None:
            with atomic_path(folder / name) as temporary:
                filters_image(one).save(temporary, format="PNG")


def write_result(folder: Path, result: TrainingResult) -> None:
    """Write ``metrics.json``, its headline first."""
    write_json(folder / METRICS, headline(result) | to_plain(result))


def headline(result: TrainingResult) -> dict[str, Any]:
    """What ``metrics.json`` begins with: numbers that stand in the result too."""
    return {
        "test_accuracy": result.test.accuracy.share,
        "test_accuracy_interval": [result.test.accuracy.low, result.test.accuracy.high],
        "seconds": round(result.seconds, 1),
    }


def write_summary(folder: Path, results: Sequence[TrainingResult]) -> None:
    """Write ``metrics.json`` of the same recipe with several seeds: mean and sample deviation.

    The interval is that of one network with the mean accuracy on these test images; what the seeds add is the
    deviation.
    """
    accuracies = [result.test.accuracy.share for result in results]
    mean = statistics.mean(accuracies)
    rate = rate_at(mean, results[0].data.test_images)
    with_tta = [result.test_tta.accuracy.share for result in results if result.test_tta is not None]
    write_json(
        folder / METRICS,
        {
            "test_accuracy": mean,
            "test_accuracy_interval": [rate.low, rate.high],
            "test_accuracy_deviation": statistics.stdev(accuracies) if len(accuracies) > 1 else None,
            "test_tta_accuracy": statistics.mean(with_tta) if with_tta else None,
            "seconds": round(statistics.mean(result.seconds for result in results), 1),
            "runs": [
                {"seed": result.seed, "folder": seed_folder(result.seed), "test_accuracy": result.test.accuracy.share}
                for result in results
            ],
        },
    )


def seed_folder(seed: int | Literal["*"]) -> str:
    """The folder of one seed's run in the folder of several; of any seed, as a pattern."""
    return f"seed-{seed}"


def read_results(folder: str | Path) -> list[TrainingResult]:
    """The results in a run's folder: one, or one for each seed.

    Raises:
        InputError: no finished run, or a damaged one.
    """
    folder = Path(folder)
    values = _read_metrics(folder)
    if "runs" not in values:
        return [_result_from(values, folder)]
    where = str(folder / METRICS)
    seeds = [run.seed for run in from_plain(_Summary, {"runs": values["runs"]}, where).runs]
    if not 1 <= len(seeds) <= _MOST_RUNS:
        raise InputError(f"{where}: {len(seeds):,} runs", f"1 to {_MOST_RUNS:,}")
    if len(set(seeds)) < len(seeds):
        raise InputError(f"{where}: the same seed more than once", "each run once")
    folders = [folder / seed_folder(seed) for seed in seeds]
    return [_result_from(_read_metrics(one), one) for one in folders]


@dataclass(frozen=True)
class _RunOfSeed:
    """One entry of a summary's list of runs."""

    seed: int
    folder: str
    test_accuracy: float


@dataclass(frozen=True)
class _Summary:
    """The part of a summary that says which runs it is of."""

    runs: tuple[_RunOfSeed, ...]


def _read_metrics(folder: Path) -> dict[str, Any]:
    path = folder / METRICS
    if not path.is_file():
        raise InputError(f"{folder}: no finished training run: no {METRICS}", "a training run's folder")
    values = read_json(path)
    if not isinstance(values, dict):
        raise InputError(f"{path}: not the metrics of a training run")
    return values


def _result_from(values: dict[str, Any], folder: Path) -> TrainingResult:
    known = {field.name for field in serialised_fields(TrainingResult)}
    fields = {key: value for key, value in values.items() if key in known}  # not the headline
    return from_plain(TrainingResult, fields, str(folder / METRICS))
