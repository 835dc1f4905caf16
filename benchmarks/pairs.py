"""What two independently trained networks are worth together: the mean of their logits, on images held out of training.

    python benchmarks/pairs.py DATASET [--runs runs/held-out]

Takes every two of the runs of ``deep``'s kind that benchmarks/held_out.py has left there (it makes any row of
held_out.json again by its name) and the images that were held out of their training. Writes
benchmarks/results/pairs.json.
"""

import argparse
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from held_out import kept_rows
from snellen.data.images import pixels_from_bytes
from snellen.models.classifier import Classifier
from snellen.models.create import create
from snellen.models.resolve import MODEL_FILE
from snellen.runs.files import write_json
from snellen.runs.provenance import hardware, versions
from snellen.runs.serialise import from_plain
from snellen.training.data import InMemoryDataset
from snellen.training.recipe import Recipe
from trainings import held_out_data

RESULTS = Path(__file__).parent / "results" / "pairs.json"
BATCH = 500


@dataclass(frozen=True)
class Pair:
    """Two runs: the accuracy of each, and that of the mean of their logits."""

    runs: tuple[str, str]
    accuracies: tuple[float, float]
    together: float


def logits_of(run: Path, row: dict[str, Any], data: InMemoryDataset) -> Tensor:
    """Logits (N, classes) of a run's network for the images held out."""
    recipe = from_plain(Recipe, row["recipe"], run.name)
    network = create(recipe.network, len(data.labels), recipe.network_options)
    network.load_state_dict(load_file(run / MODEL_FILE))
    classifier = Classifier(network, data.preprocessing, data.labels, name=run.name, device="cpu")
    with torch.inference_mode():
        return torch.cat(
            [classifier.logits_from_inputs(pixels_from_bytes(part)) for part in data.test.images.split(BATCH)]
        )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("dataset")
    parser.add_argument("--runs", type=Path, default=Path("runs/held-out"))
    asked = parser.parse_args()
    rows = {name: row for name, row in kept_rows().items() if (asked.runs / name / MODEL_FILE).is_file()}
    rows = {name: row for name, row in rows.items() if name.startswith("deep")}
    if len(rows) < 2:
        parser.error(f"{asked.runs}: holds fewer than two runs; benchmarks/held_out.py makes them")
    data = held_out_data(asked.dataset, 32)
    logits = {name: logits_of(asked.runs / name, row, data) for name, row in rows.items()}

    def accuracy(answers: Tensor) -> float:
        return float((answers.argmax(1) == data.test.targets).double().mean())

    pairs = [
        Pair(
            (one, other),
            (accuracy(logits[one]), accuracy(logits[other])),
            accuracy(logits[one] + logits[other]),
        )
        for one, other in itertools.combinations(logits, 2)
    ]
    facts = {"dataset": asked.dataset, "held_out_images": len(data.test), "pairs": pairs}
    write_json(RESULTS, facts | {"hardware": hardware(), "versions": versions()})
    for pair in pairs:
        print(f"{' and '.join(pair.runs)}: {pair.accuracies[0]:.2%}, {pair.accuracies[1]:.2%}, "
              f"together {pair.together:.2%}")  # fmt: skip


if __name__ == "__main__":
    main()
