"""What each choice of the recipe deep is worth: the recipe with one choice undone, on images held out of training.

    python benchmarks/ablations.py DATASET [--epochs 4] [--seeds 2] [--only NAME ...] [--out runs/ablations]

So that a dozen of them fit into an hour, one narrower network takes the place of the recipe's two and the epochs are
few: what protects from overfitting is worth less here than in a full run. A tenth of the training images is held out
and takes the test images' place; the test images are not used. Killed and started again it goes on. After each it
writes benchmarks/results/ablations.json, where the other variants stay if they were measured alike, and at the end it
prints a Markdown table.
"""

import argparse
import dataclasses
import json
import statistics
from pathlib import Path
from typing import Any

from snellen.errors import did_you_mean
from snellen.runs.files import write_json
from snellen.runs.progress import Progress
from snellen.runs.provenance import hardware, versions
from snellen.runs.serialise import to_plain
from snellen.training.data import InMemoryDataset, hold_out, load_data
from snellen.training.recipe import Augmentation, Optimiser, ProgressiveResizing, Recipe, Schedule, read_recipe
from snellen.training.trainer import train

HELD_OUT = 0.1
WIDTHS = [48, 256, 256]
"""Of the network that the choices are undone in."""
RESULTS = Path(__file__).parent / "results" / "ablations.json"


def variants(base: Recipe) -> dict[str, tuple[str, Recipe]]:
    """By name: what is undone, in words, and the recipe without it."""

    def without(words: str, **changes: object) -> tuple[str, Recipe]:
        return words, dataclasses.replace(base, **changes)

    muon, augmentation = base.optimiser, base.augmentation
    return {
        "base": ("the recipe with one network of 48, 256 and 256 channels", base),
        "ordinary": without(
            "ordinary filters, the images mirrored every other epoch",
            network=str(Path(__file__).with_name("ordinary.py")),
            augmentation=dataclasses.replace(augmentation, flip="alternating"),
        ),
        "he": without("He initialisation in place of whitening and identities", initialisation="he"),
        "adamw": without(
            "AdamW with a rising start and decay in place of Muon",
            optimiser=Optimiser("adamw", 0.005, 0.9, 0.05),
            schedule=Schedule(0.2),
        ),
        "half-rate": without(
            "half the learning rate", optimiser=dataclasses.replace(muon, learning_rate=muon.learning_rate / 2)
        ),
        "slow-head": without(
            "a quarter of the rate for the head and the shifts",
            optimiser=dataclasses.replace(muon, adamw_learning_rate=muon.adamw_learning_rate / 4),
        ),
        "no-augmentation": without("images as they are", augmentation=Augmentation()),
        "no-cutout": without("no square cut out", augmentation=dataclasses.replace(augmentation, cutout=0)),
        "no-smoothing": without("targets not smoothed", label_smoothing=0.0),
        "relu": without("ReLU in place of GELU", network_options={**base.network_options, "activation": "relu"}),
        "first-4": without("first filters of 4 x 4", network_options={**base.network_options, "first": 4}),
        "narrow": without("half the width", network_options={"widths": [width // 2 for width in WIDTHS]}),
        "two": without(
            "two networks of 48, 176 and 176 channels", network_options={"widths": [48, 176, 176], "members": 2}
        ),
        "no-progressive-resizing": without(
            "images of 32 pixels from the first epoch on", progressive_resizing=ProgressiveResizing()
        ),
        "whole": without("the recipe's own two networks", network_options=read_recipe("deep").network_options),
    }


def measured_alike(facts: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The rows by name that were written with the same ``facts``; none where any differs."""
    earlier = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    alike = all(earlier.get(key) == value for key, value in facts.items())
    return dict(earlier["rows"]) if alike else {}


def held_out_data(dataset: str, size: int) -> InMemoryDataset:
    """A data set whose test images are a tenth of its training images; its own are left out."""
    data = load_data(dataset, size)
    kept, held = hold_out(data.train, HELD_OUT, seed=0)
    return dataclasses.replace(data, train=kept, test=held)


class Lines(Progress):
    """A line after each epoch."""

    def __init__(self, name: str) -> None:
        self.name = name

    def note(self, line: str) -> None:
        """Print how the epoch went."""
        print(f"{self.name}, {line}", flush=True)


def main() -> None:
    """Train, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("dataset")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--batch", type=int, default=None)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=None)
    parser.add_argument("--out", type=Path, default=Path("runs/ablations"))
    asked = parser.parse_args()
    base = read_recipe("deep", epochs=asked.epochs, batch=asked.batch, network_options={"widths": WIDTHS})
    table = variants(base)
    names = list(table) if asked.only is None else ["base", *(name for name in asked.only if name != "base")]
    for name in names:
        if name not in table:
            parser.error(f"no variant {name!r}; {did_you_mean(name, table) or ', '.join(table)}")
    data = held_out_data(asked.dataset, base.size)
    facts = {
        "dataset": asked.dataset,
        "epochs": base.epochs,
        "batch": base.batch,
        "seeds": asked.seeds,
        "held_out_images": len(data.test),
        "hardware": hardware(),
    }
    rows = measured_alike(facts)
    for name in names:
        words, recipe = table[name]
        results = [
            train(data, recipe, out=asked.out / f"{name}-{seed}", seed=seed, resume=True, progress=Lines(name)).result
            for seed in range(asked.seeds)
        ]
        rows[name] = {
            "what": words,
            "recipe": to_plain(recipe),
            "held_out_accuracies": [result.test.accuracy.share for result in results],
            "seconds": statistics.mean(result.seconds for result in results),
            "parameters": results[0].parameters,
        }
        in_order = {name: rows[name] for name in table if name in rows}
        write_json(RESULTS, facts | {"rows": in_order, "versions": versions()})
    reference = statistics.mean(rows["base"]["held_out_accuracies"])
    print("| recipe | held-out accuracy | difference | minutes |\n| --- | --- | --- | --- |")
    for name in names:
        row = rows[name]
        mean = statistics.mean(row["held_out_accuracies"])
        difference = "" if name == "base" else f"{(mean - reference) * 100:+.2f} points"
        print(f"| {row['what']} | {mean:.2%} | {difference} | {row['seconds'] / 60:.1f} |")


if __name__ == "__main__":
    main()
