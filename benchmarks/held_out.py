"""How recipes do on images held out of training, to choose between them by; the test images are not used.

    python benchmarks/held_out.py DATASET RECIPE... [--seed 0] [--out runs/held-out]

A RECIPE is the name of one of Snellen's own, a TOML file, or the name of a row of benchmarks/results/held_out.json,
which is then made again. A tenth of the training images takes the test images' place. Killed and started again it goes
on. Adds a row for each to that file, beside those of earlier days, with the whole recipe in it; not the time, since
several may share the cores.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from ablations import Lines, held_out_data
from snellen.runs.files import write_json
from snellen.runs.provenance import fingerprint, hardware, versions
from snellen.runs.serialise import from_plain, to_plain
from snellen.training.recipe import Recipe, read_recipe
from snellen.training.trainer import train

RESULTS = Path(__file__).parent / "results" / "held_out.json"


def kept_rows() -> dict[str, Any]:
    """The rows that are there now, by name."""
    return dict(json.loads(RESULTS.read_text(encoding="utf-8"))["rows"]) if RESULTS.is_file() else {}


def main() -> None:
    """Train, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("dataset")
    parser.add_argument("recipes", nargs="+")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/held-out"))
    asked = parser.parse_args()
    for name in asked.recipes:
        if earlier := kept_rows().get(name):
            key, recipe, seed = name, from_plain(Recipe, earlier["recipe"], RESULTS.name), earlier["seed"]
        else:
            recipe, seed = read_recipe(name), asked.seed
            key = f"{Path(name).stem}-{fingerprint(repr(recipe))[:6]}-{seed}"
        data = held_out_data(asked.dataset, recipe.size)
        result = train(data, recipe, out=asked.out / key, seed=seed, resume=True, tta=True, progress=Lines(key)).result
        assert result.test_tta is not None  # asked for
        row = {
            "dataset": asked.dataset,
            "recipe": to_plain(recipe),
            "seed": seed,
            "held_out_images": len(data.test),
            "accuracy": to_plain(result.test.accuracy),
            "accuracy_tta": to_plain(result.test_tta.accuracy),
            "last_loss": result.history[-1].loss,
            "last_training_accuracy": result.history[-1].accuracy,
            "threads": torch.get_num_threads(),
            "hardware": hardware(),
        }
        write_json(RESULTS, {"rows": kept_rows() | {key: row}, "hardware": hardware(), "versions": versions()})
        print(
            f"{key}: held out {result.test.accuracy.share:.2%}, with TTA {result.test_tta.accuracy.share:.2%}, "
            f"training {result.history[-1].accuracy:.2%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
