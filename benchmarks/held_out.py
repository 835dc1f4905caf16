"""How recipes do on images held out of training, to choose between them by; the test images are not used.

    python benchmarks/held_out.py DATASET RECIPE... [--seed 0 ...] [--device auto] [--processes 1] [--out runs/held-out]

A RECIPE is the name of one of Snellen's own, a TOML file, or the name of a row of benchmarks/results/held_out.json,
which is then made again. A tenth of the training images takes the test images' place. Killed and started again it goes
on. Adds a row for each to that file, beside those of earlier days, with the whole recipe in it; not the time, since
several may share the cores.
"""

import argparse
import functools
import json
from pathlib import Path
from typing import Any

from snellen.runs.files import write_json
from snellen.runs.provenance import fingerprint, hardware, versions
from snellen.runs.serialise import from_plain, to_plain
from snellen.training.recipe import Recipe, read_recipe
from trainings import decoded, device_of, held_out_data, row_of, side_by_side, trained

RESULTS = Path(__file__).parent / "results" / "held_out.json"


def kept_rows() -> dict[str, Any]:
    """The rows that are there now, by name."""
    return dict(json.loads(RESULTS.read_text(encoding="utf-8"))["rows"]) if RESULTS.is_file() else {}


def measured(item: tuple[str, Recipe, int], dataset: str, device: str, out: Path) -> dict[str, Any]:
    """The row of one training, of a key, a recipe and a seed."""
    key, recipe, seed = item
    data = held_out_data(dataset, recipe.size)
    facts = {"dataset": dataset, "recipe": to_plain(recipe), "seed": seed, "held_out_images": len(data.test)}
    row = row_of(trained(data, recipe, out / key, seed, device, tta=True))
    return facts | row | {"hardware": hardware(device_of(device))}


def main() -> None:
    """Train, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("dataset")
    parser.add_argument("recipes", nargs="+")
    parser.add_argument("--seed", type=int, nargs="+", default=[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--processes", type=int, default=1, help="networks that are trained at a time")
    parser.add_argument("--out", type=Path, default=Path("runs/held-out"))
    asked = parser.parse_args()
    items = []
    for name in asked.recipes:
        if earlier := kept_rows().get(name):
            items.append((name, from_plain(Recipe, earlier["recipe"], RESULTS.name), int(earlier["seed"])))
        else:
            recipe = read_recipe(name)
            key = f"{Path(name).stem}-{fingerprint(repr(recipe))[:6]}"
            items += [(f"{key}-{seed}", recipe, seed) for seed in asked.seed]
    for size in {recipe.size for _, recipe, _ in items}:
        decoded(asked.dataset, size)
    work = functools.partial(measured, dataset=asked.dataset, device=asked.device, out=asked.out)
    for (key, _, _), row in side_by_side(work, items, asked.processes):
        write_json(
            RESULTS,
            {"rows": kept_rows() | {key: row}, "hardware": hardware(device_of(asked.device)), "versions": versions()},
        )
        said = f"held out {row['accuracy']['share']:.2%}" if "accuracy" in row else row["diverged"]
        print(f"{key}: {said}", flush=True)


if __name__ == "__main__":
    main()
