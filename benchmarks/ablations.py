"""What each choice of the recipe deep is worth: the recipe with one choice undone, on images held out of training.

    python benchmarks/ablations.py DATASET [--epochs 4] [--seeds 2] [--only NAME ...] [--out runs/ablations]

So that a dozen of them fit into an hour, the layers have half of the recipe's width and the epochs are few: what
protects from overfitting is worth less here than in a full run. A tenth of the training images is held out and takes
the test images' place; the test images are not looked at. Killed and started again it goes on. Writes
benchmarks/results/ablations.json after each and prints a Markdown table.
"""

import argparse
import dataclasses
import statistics
from pathlib import Path
from typing import Any

from snellen.errors import did_you_mean
from snellen.runs import hardware, versions, write_json
from snellen.training.data import DataSet, hold_out, load_data
from snellen.training.recipe import Augmentation, Growth, Optimiser, Recipe, Schedule, read_recipe
from snellen.training.results import Epoch
from snellen.training.trainer import Watch, train

HELD_OUT = 0.1


def halved(recipe: Recipe) -> list[int]:
    """Half of the width of each of a recipe's groups."""
    return [width // 2 for width in recipe.network_options["widths"]]


def variants(base: Recipe) -> dict[str, tuple[str, Recipe]]:
    """By name: what is undone, in words, and the recipe without it."""

    def without(words: str, **changes: object) -> tuple[str, Recipe]:
        return words, dataclasses.replace(base, **changes)

    muon, cut = base.optimiser, base.augmentation
    return {
        "base": ("the recipe at half the width", base),
        "ordinary": without(
            "ordinary filters, the images mirrored every other epoch",
            network=str(Path(__file__).with_name("ordinary.py")),
            augmentation=dataclasses.replace(cut, flip="alternating"),
        ),
        "he": without("He initialisation in place of whitening and identities", initialisation="he"),
        "adamw": without(
            "AdamW in place of Muon", optimiser=Optimiser("adamw", 0.005, 0.9, 0.05), schedule=Schedule(0.2)
        ),
        "half-rate": without(
            "half the learning rate", optimiser=dataclasses.replace(muon, learning_rate=muon.learning_rate / 2)
        ),
        "slow-head": without(
            "a quarter of the rate for the head and the shifts",
            optimiser=dataclasses.replace(muon, other_learning_rate=muon.other_learning_rate / 4),
        ),
        "no-augmentation": without("images as they are", augmentation=Augmentation()),
        "no-cutout": without("no square cut out", augmentation=dataclasses.replace(cut, cutout=0)),
        "no-smoothing": without("targets not smoothed", label_smoothing=0.0),
        "relu": without("ReLU in place of GELU", network_options={**base.network_options, "activation": "relu"}),
        "first-4": without("first filters of 4 x 4", network_options={**base.network_options, "first": 4}),
        "narrow": without("half the width", network_options={**base.network_options, "widths": halved(base)}),
        "no-growth": without("images of 32 pixels from the first epoch on", growth=Growth()),
        "wide": without("the recipe's own width", network_options=read_recipe("deep").network_options),
    }


def held_out_data(dataset: str, size: int) -> DataSet:
    """A data set whose test images are a tenth of its training images; its own are left out."""
    data = load_data(dataset, size)
    kept, held = hold_out(data.train, HELD_OUT, seed=0)
    return dataclasses.replace(data, train=kept, test=held)


class Lines(Watch):
    """A line after each epoch."""

    def __init__(self, name: str) -> None:
        self.name = name

    def epoch(self, number: int, epoch: Epoch) -> None:
        """Print how the epoch went."""
        print(
            f"{self.name}, epoch {number}: loss {epoch.loss:.4f}, {epoch.images_per_second:,.0f} images/s", flush=True
        )


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
    narrower = {"widths": halved(read_recipe("deep"))}
    base = read_recipe("deep", epochs=asked.epochs, batch=asked.batch, network_options=narrower)
    table = variants(base)
    names = list(table) if asked.only is None else ["base", *(name for name in asked.only if name != "base")]
    for name in names:
        if name not in table:
            parser.error(f"no variant {name!r}; {did_you_mean(name, table) or ', '.join(table)}")
    data = held_out_data(asked.dataset, base.size)
    rows: list[dict[str, Any]] = []
    for name in names:
        words, recipe = table[name]
        results = [
            train(data, recipe, out=asked.out / f"{name}-{seed}", seed=seed, resume=True, watch=Lines(name)).result
            for seed in range(asked.seeds)
        ]
        rows.append(
            {
                "name": name,
                "what": words,
                "held_out_accuracies": [result.test.accuracy.share for result in results],
                "seconds": statistics.mean(result.seconds for result in results),
                "parameters": results[0].parameters,
            }
        )
        facts = {"dataset": asked.dataset, "epochs": asked.epochs, "seeds": asked.seeds}
        made = {"held_out_images": len(data.test), "hardware": hardware(), "versions": versions()}
        write_json(Path(__file__).parent / "results" / "ablations.json", facts | {"rows": rows} | made)
    reference = statistics.mean(rows[0]["held_out_accuracies"])
    print("| recipe | held-out accuracy | difference | minutes |\n| --- | --- | --- | --- |")
    for row in rows:
        mean = statistics.mean(row["held_out_accuracies"])
        difference = "" if row["name"] == "base" else f"{(mean - reference) * 100:+.2f} points"
        print(f"| {row['what']} | {mean:.2%} | {difference} | {row['seconds'] / 60:.1f} |")


if __name__ == "__main__":
    main()
