"""Held-out accuracy against time: the recipe deep beside a stock ResNet-18 given the same time.

    python benchmarks/time_to_accuracy.py DATASET [--minutes 30] [--out runs/time]

Both run in Snellen's loop (bfloat16, channels-last), so that the network and the recipe are what differs: a stock
loop would make ResNet-18 slower still. Each gets as many epochs as fit into the minutes, at the speed that a few
steps at each size of image show. A tenth of the training images is held out and evaluated after each epoch. Killed
and started again it goes on. Writes benchmarks/results/time_to_accuracy.json and .png.
"""

import argparse
import contextlib
import dataclasses
import json
import tempfile
from itertools import accumulate, count
from pathlib import Path

from snellen.figures import new_figure, styled
from snellen.runs.files import write_figure, write_json
from snellen.runs.progress import Progress
from snellen.runs.provenance import fingerprint, hardware, versions
from snellen.training.data import InMemoryDataset, load_data
from snellen.training.loop import size_at
from snellen.training.recipe import ProgressiveResizing, Recipe, read_recipe
from snellen.training.results import TrainingResult
from snellen.training.trainer import train

HERE = Path(__file__).parent
HELD_OUT = 0.1
STEPS_TIMED = 6


class Timed(Exception):  # noqa: N818
    """Enough steps were seen."""


class Stopwatch(Progress):
    """Stops a training after a few steps and keeps its speed."""

    def begin(self, stage: str, total: int | None = None) -> None:
        """An epoch begins."""
        del stage
        self.steps_left = min(STEPS_TIMED, total or STEPS_TIMED)

    def advance(self, count: int = 1, **metrics: float) -> None:
        """Note the speed."""
        self.images_per_second = metrics["images_per_second"]
        self.steps_left -= count
        if self.steps_left <= 0:
            raise Timed


def speed(data: InMemoryDataset, recipe: Recipe, size: int, out: Path) -> float:
    """Images a second that ``recipe`` learns from at ``size`` pixels."""
    stopwatch = Stopwatch()
    with contextlib.suppress(Timed):
        train(
            data,
            dataclasses.replace(recipe, progressive_resizing=ProgressiveResizing(size, 1)),
            out=out,
            holdout=HELD_OUT,
            progress=stopwatch,
        )
    return stopwatch.images_per_second


def epochs_that_fit(data: InMemoryDataset, recipe: Recipe, minutes: float, out: Path) -> int:
    """How many epochs of ``recipe`` take ``minutes``; kept in a file, for a second start must ask for the same."""
    kept = out / "epochs.json"
    if not kept.exists():
        sizes = {size_at(recipe, epoch) for epoch in range(recipe.epochs)}
        with tempfile.TemporaryDirectory() as folder:
            speeds = {size: speed(data, recipe, size, Path(folder, str(size))) for size in sizes}
        images = (1 - HELD_OUT) * len(data.train)

        def seconds(epochs: int) -> float:
            whole = dataclasses.replace(recipe, epochs=epochs)
            return sum(images / speeds[size_at(whole, epoch)] for epoch in range(epochs))

        fitting = next(epochs for epochs in count(1) if seconds(epochs + 1) > minutes * 60)
        out.mkdir(parents=True, exist_ok=True)
        write_json(kept, fitting)
    return int(json.loads(kept.read_text(encoding="utf-8")))


def main() -> None:
    """Train, draw, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("dataset")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--out", type=Path, default=Path("runs/time"))
    asked = parser.parse_args()
    resnet = read_recipe(str(HERE / "resnet18.toml"), str(HERE / "resnet18.py"))
    recipes = {"deep": read_recipe("deep"), "ResNet-18": resnet}
    data = load_data(asked.dataset, recipes["deep"].size)
    results: dict[str, TrainingResult] = {}
    for name, recipe in recipes.items():
        # Of other minutes or another recipe nothing is gone on with.
        out = asked.out / f"{name}-{fingerprint(repr((recipe, asked.minutes)))[:6]}"
        fitting = dataclasses.replace(recipe, epochs=epochs_that_fit(data, recipe, asked.minutes, out))
        results[name] = train(data, fitting, out=out / "run", holdout=HELD_OUT, resume=True).result
    curves = {
        name: {
            "seconds": list(accumulate(epoch.seconds for epoch in result.history)),
            "held_out_accuracy": [
                epoch.held_out_accuracy for epoch in result.history if epoch.held_out_accuracy is not None
            ],
        }
        for name, result in results.items()
    }
    facts = {"dataset": asked.dataset, "minutes": asked.minutes, "hardware": hardware(), "versions": versions()}
    write_json(HERE / "results" / "time_to_accuracy.json", facts | {"curves": curves})
    with styled():
        figure = new_figure(4.2, 2.8)
        axes = figure.subplots()
        for name, curve in curves.items():
            axes.plot([s / 60 for s in curve["seconds"]], curve["held_out_accuracy"], marker=".", label=name)
        axes.set_xlabel("minutes of training")
        axes.set_ylabel("held-out accuracy")
        axes.set_ylim(0, 1)
        axes.set_xlim(left=0)
        axes.legend()
    write_figure(HERE / "results" / "time_to_accuracy.png", figure)
    print(*(f"{name}: {curve['held_out_accuracy'][-1]:.2%}" for name, curve in curves.items()), sep="\n")


if __name__ == "__main__":
    main()
