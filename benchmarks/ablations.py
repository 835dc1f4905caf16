"""What each choice of the recipe deep is worth: the recipe with one choice changed, on images held out of training.

    python benchmarks/ablations.py DATASET [--short] [--seeds 3] [--only NAME ...] [--device auto] [--processes 1]
                                   [--out runs/ablations]

A tenth of the training images is held out and takes the test images' place; the test images are not used. ``--short``
takes one narrower network in place of the recipe's two and four epochs, so that two dozen of them fit into an hour or
two of two cores: what protects from overfitting is worth less there than in a full run. ``--processes`` trains so many
networks at a time, which pays on a GPU. Killed and started again it goes on. After each training it writes
benchmarks/results/ablations.json, where the other variants stay if they were measured alike, and at the end it prints a
Markdown table.
"""

import argparse
import dataclasses
import functools
import json
import statistics
from pathlib import Path
from typing import Any

from snellen.errors import did_you_mean
from snellen.runs.files import write_json
from snellen.runs.provenance import hardware, versions
from snellen.runs.serialise import to_plain
from snellen.training.files import seed_folder
from snellen.training.recipe import Augmentation, Optimiser, ProgressiveResizing, Recipe, Schedule, read_recipe
from trainings import device_of, held_out_data, row_of, side_by_side, trained

SHORT: dict[str, Any] = {"epochs": 4, "network_options": {"widths": [48, 256, 256]}}
RESULTS = Path(__file__).parent / "results" / "ablations.json"


def variants(base: Recipe) -> dict[str, tuple[str, Recipe]]:
    """By name: what is changed, in words, and the recipe with that; what may be better first."""

    def other(words: str, **changes: Any) -> tuple[str, Recipe]:
        return words, dataclasses.replace(base, **changes)

    muon, augmentation, options = base.optimiser, base.augmentation, base.network_options
    resizing, widths = base.progressive_resizing, base.network_options["widths"]
    if options.get("members", 1) > 1:
        networks = {"one-network": other("one network in place of two", network_options={"widths": [128, 512, 512]})}
    else:
        narrower = {"widths": [48, 176, 176], "members": 2}
        networks = {
            "two": other("two networks of 48, 176 and 176 channels", network_options=narrower),
            "whole": other("the recipe's own two networks", network_options=dict(read_recipe("deep").network_options)),
        }
    return {
        "base": ("the recipe", base),
        "no-cutout": other("no square blanked out", augmentation=dataclasses.replace(augmentation, cutout=0)),
        "shift-2": other("shifts of at most 2 pixels", augmentation=dataclasses.replace(augmentation, translate=2)),
        "less-smoothing": other("targets smoothed by 0.1", label_smoothing=0.1),
        "no-smoothing": other("targets not smoothed", label_smoothing=0.0),
        "half-rate": other(
            "half the learning rate", optimiser=dataclasses.replace(muon, learning_rate=muon.learning_rate / 2)
        ),
        "higher-rate": other(
            "1.5 times the learning rate", optimiser=dataclasses.replace(muon, learning_rate=muon.learning_rate * 1.5)
        ),
        "slow-head": other(
            "a quarter of the rate for the head and the shifts",
            optimiser=dataclasses.replace(muon, adamw_learning_rate=muon.adamw_learning_rate / 4),
        ),
        "momentum": other("a momentum of 0.8", optimiser=dataclasses.replace(muon, momentum=0.8)),
        "resized-shorter": other(
            "reduced images in half of the epochs", progressive_resizing=dataclasses.replace(resizing, share=0.5)
        ),
        **networks,
        "batch-500": other("batches of 500 images", batch=500),
        "no-progressive-resizing": other(
            "images of 32 pixels from the first epoch on", progressive_resizing=ProgressiveResizing()
        ),
        "ordinary": other(
            "ordinary filters, the images mirrored every other epoch",
            network=str(Path(__file__).with_name("ordinary.py")),
            augmentation=dataclasses.replace(augmentation, flip="alternating"),
        ),
        "he": other("He initialisation in place of whitening and identities", initialisation="he"),
        "adamw": other(
            "AdamW with a rising start and decay in place of Muon",
            optimiser=Optimiser("adamw", 0.005, 0.9, 0.05),
            schedule=Schedule(0.2),
        ),
        "no-augmentation": other("images neither shifted nor blanked out", augmentation=Augmentation()),
        "relu": other("ReLU in place of GELU", network_options={**options, "activation": "relu"}),
        "first-4": other("first filters of 4 x 4", network_options={**options, "first": 4}),
        "narrow": other("half the width", network_options={**options, "widths": [width // 2 for width in widths]}),
    }


def measured(item: tuple[str, Recipe, int], dataset: str, device: str, out: Path) -> dict[str, Any]:
    """What one training came to, of the variant with a name and a seed."""
    name, recipe, seed = item
    data = held_out_data(dataset, recipe.size)
    return row_of(trained(data, recipe, out / name / seed_folder(seed), seed, device, tta=True))


def main() -> None:
    """Train, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("dataset")
    parser.add_argument("--short", action="store_true", help="one narrower network, four epochs")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=None)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--processes", type=int, default=1, help="networks that are trained at a time")
    parser.add_argument("--out", type=Path, default=Path("runs/ablations"))
    asked = parser.parse_args()
    base = read_recipe("deep", **SHORT if asked.short else {})
    table = variants(base)
    names = list(table) if asked.only is None else ["base", *(name for name in asked.only if name != "base")]
    for name in names:
        if name not in table:
            parser.error(f"no variant {name!r}; {did_you_mean(name, table) or ', '.join(table)}")
    facts = {
        "dataset": asked.dataset,
        "base": to_plain(base),
        "held_out_images": len(held_out_data(asked.dataset, base.size).test),
        "hardware": hardware(device_of(asked.device)),
    }
    earlier = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    alike = all(earlier.get(key) == value for key, value in facts.items())
    rows: dict[str, dict[str, Any]] = dict(earlier["rows"]) if alike else {}
    out = asked.out / ("short" if asked.short else "whole")
    items = [(name, table[name][1], seed) for seed in range(asked.seeds) for name in names]
    missing = [item for item in items if str(item[2]) not in rows.get(item[0], {}).get("seeds", {})]
    work = functools.partial(measured, dataset=asked.dataset, device=asked.device, out=out)
    for (name, recipe, seed), found in side_by_side(work, missing, asked.processes):
        row = rows.setdefault(name, {"what": table[name][0], "recipe": to_plain(recipe), "seeds": {}})
        row["seeds"][str(seed)] = found
        in_order = {name: rows[name] for name in table if name in rows}
        write_json(RESULTS, facts | {"rows": in_order, "versions": versions()})
    print("| recipe | held-out accuracy | difference | seconds |\n| --- | --- | --- | --- |")
    reference = statistics.mean(_accuracies(rows["base"]))
    for name in names:
        trainings = [one for one in rows[name]["seeds"].values() if "accuracy" in one]
        mean = statistics.mean(_accuracies(rows[name]))
        seconds = statistics.mean(one["seconds"] for one in trainings)
        difference = "" if name == "base" else f"{(mean - reference) * 100:+.2f} points"
        print(f"| {table[name][0]} | {mean:.2%} | {difference} | {seconds:.1f} |")


def _accuracies(row: dict[str, Any]) -> list[float]:
    return [one["accuracy"]["share"] for one in row["seeds"].values() if "accuracy" in one]


if __name__ == "__main__":
    main()
