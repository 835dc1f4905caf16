"""What a training run was, what it learned and how well: kept as ``metrics.json`` in its folder."""

from __future__ import annotations

import dataclasses
import json
import statistics
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from snellen.errors import InputError
from snellen.intervals import Rate
from snellen.runs import Provenance, to_plain, write_json
from snellen.training.evaluation import Evaluation
from snellen.training.recipe import Recipe

METRICS = "metrics.json"


@dataclass(frozen=True)
class Epoch:
    """One epoch of a run.

    Attributes:
        loss, accuracy: on the training images as they were augmented, while the network learned from them.
        learning_rate: mean over the epoch.
        seconds: of the epoch, without the look at the held-out images.
        images_per_second: in it, over all processes.
        held_out_loss, held_out_accuracy: after the epoch, on the training images held out; None where none are.
    """

    loss: float
    accuracy: float
    learning_rate: float
    seconds: float
    images_per_second: float
    held_out_loss: float | None = None
    held_out_accuracy: float | None = None


@dataclass(frozen=True)
class TrainingResult:
    """One network, trained from scratch with one seed.

    Attributes:
        recipe: how, every setting resolved.
        seed: of every random choice.
        dataset: its name.
        how: where its training and test split come from.
        about: what must be said of the set; empty for an ordinary one.
        labels: names of the classes.
        train_images, held_out_images, test_images: how many there were of each.
        failures: a line for each image that could not be read and was left out.
        parameters: of the network.
        first_layer: shape (F, 3, h, w) of its first filters; None where it has no such layer.
        precision: ``bfloat16`` or ``float32``: what the products were computed in.
        processes: how many trained together.
        history: one entry an epoch.
        test: on the test split, looked at once, after the last epoch.
        test_averaged: the same with test-time augmentation; None where it was not asked for.
        provenance: what it takes to make it again.
    """

    recipe: Recipe
    seed: int
    dataset: str
    how: str
    about: str
    labels: tuple[str, ...]
    train_images: int
    held_out_images: int
    test_images: int
    failures: tuple[str, ...]
    parameters: int
    first_layer: tuple[int, ...] | None
    precision: str
    processes: int
    history: tuple[Epoch, ...]
    test: Evaluation
    test_averaged: Evaluation | None
    provenance: Provenance

    @property
    def seconds(self) -> float:
        """Time spent in the epochs."""
        return sum(epoch.seconds for epoch in self.history)


def write_result(folder: Path, result: TrainingResult) -> None:
    """Write ``metrics.json``, its headline first."""
    headline = {
        "test_accuracy": result.test.accuracy.share,
        "test_accuracy_interval": [result.test.accuracy.low, result.test.accuracy.high],
        "seconds": round(result.seconds, 1),
    }
    write_json(folder / METRICS, headline | to_plain(result))


def write_summary(folder: Path, results: Sequence[TrainingResult]) -> None:
    """Write ``metrics.json`` of the same recipe with several seeds: mean and sample deviation.

    The interval is that of one network with the mean accuracy on these test images; what the seeds add is the
    deviation.
    """
    accuracies = [result.test.accuracy.share for result in results]
    mean = statistics.mean(accuracies)
    rate = rate_at(mean, results[0].test_images)
    averaged = [result.test_averaged.accuracy.share for result in results if result.test_averaged is not None]
    write_json(
        folder / METRICS,
        {
            "test_accuracy": mean,
            "test_accuracy_interval": [rate.low, rate.high],
            "test_accuracy_deviation": statistics.stdev(accuracies) if len(accuracies) > 1 else None,
            "test_averaged_accuracy": statistics.mean(averaged) if averaged else None,
            "seconds": round(statistics.mean(result.seconds for result in results), 1),
            "runs": [
                {"seed": result.seed, "folder": seed_folder(result.seed), "test_accuracy": result.test.accuracy.share}
                for result in results
            ],
        },
    )


def rate_at(share: float, count: int) -> Rate:
    """The rate of ``count`` trials of which ``share`` did, rounded to a whole number."""
    return Rate.of(number < round(share * count) for number in range(count))


def seed_folder(seed: int | Literal["*"]) -> str:
    """The folder of one seed's run in the folder of several; of any seed, as a pattern."""
    return f"seed-{seed}"


def read_results(folder: Path) -> list[TrainingResult]:
    """The results in a run's folder: one, or one for each seed.

    Raises:
        InputError: no finished run, or a damaged one.
    """
    path = folder / METRICS
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"{folder}: no finished training run: no {METRICS}", "a folder `snellen train` made"
        ) from error
    except ValueError as error:
        raise InputError(f"{path}: damaged: {error}") from error
    try:
        if "runs" in values:
            return [result for run in values["runs"] for result in read_results(folder / run["folder"])]
        fields = {field.name for field in dataclasses.fields(TrainingResult)}
        return [_from_plain(TrainingResult, {key: value for key, value in values.items() if key in fields})]
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise InputError(f"{path}: not what `snellen train` writes: {error}") from error


def _from_plain(kind: Any, value: Any) -> Any:
    """What :func:`snellen.runs.to_plain` made ``value`` of, given its type; null is NaN where a number belongs."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        types_of = get_type_hints(kind)
        return kind(**{key: _from_plain(types_of[key], item) for key, item in value.items()})
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return None if value is None else _from_plain(inner[0], value)
    if origin is tuple:
        return tuple(_from_plain(inner[0], item) for item in value)
    if origin is Literal or (origin is not None and issubclass(origin, Mapping)):
        return value
    if kind is float:
        return float("nan") if value is None else float(value)
    return value
