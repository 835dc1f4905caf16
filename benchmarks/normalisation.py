"""What batch normalisation changes in the assignment's network, compared twice, and how the weights' start counts.

    python benchmarks/normalisation.py DATASET [--epochs 30] [--seeds 3] [--stage rates search runs starts]
                                       [--images N] [--out DIR]

``plain`` and ``batchnorm`` differ in nothing but the normalisation and the peak learning rate, which is what this is
about. Of the training images a tenth is held out for the first two stages; the test images are used by the third alone,
once for each network.

- rates: the training loss after one epoch at each of the same rates, for both, two seeds each: all of the first seed
  before the second, so that a first curve stands after half of the time.
- search: held-out accuracy after a few epochs at each of the same rates that trained at all, one seed: each network's
  best rate. Equal searches, so that neither has an advantage.
- runs: on all training images, tested once: each network at its own best rate, and batchnorm at plain's, which is every
  setting alike.
- starts: plain at its best rate from He's, Xavier's, PyTorch's own and too small weights, three epochs, held out.

``--images N`` trains on N of the training images, as many of each class, the same ones each time; the result and the
figure say so. Killed and started again it goes on. After each training it writes benchmarks/results/normalisation.json
and draws benchmarks/results/normalisation.png.
"""

import argparse
import dataclasses
import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from matplotlib.axes import Axes

from ablations import Lines, held_out_data
from snellen.errors import InputError, SnellenError
from snellen.figures import BLUE, GREEN, ORANGE, VERMILION, new_figure, styled
from snellen.runs.files import write_figure, write_json
from snellen.runs.provenance import fingerprint, hardware, versions
from snellen.runs.serialise import to_plain
from snellen.training.data import InMemoryDataset, load_data
from snellen.training.recipe import Recipe, read_recipe
from snellen.training.trainer import train

NETWORKS = ("plain", "batchnorm")
RATES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
SEARCHED = (0.001, 0.003, 0.01, 0.03)
SEARCH_EPOCHS, START_EPOCHS = 6, 3
STARTS = ("he", "xavier", "own", "small")
STAGES = ("rates", "search", "runs", "starts")
RESULTS = Path(__file__).parent / "results" / "normalisation.json"
COLOURS = {"plain": VERMILION, "batchnorm": BLUE}


@dataclasses.dataclass(frozen=True)
class Trial:
    """One training: what it is for, and its recipe."""

    stage: str
    network: str
    rate: float
    start: str
    epochs: int
    seed: int

    @property
    def key(self) -> str:
        """Its name, which is its folder's too."""
        return f"{self.stage}-{self.network}-{self.rate:g}-{self.start}-{self.epochs}-{self.seed}"

    def recipe(self) -> Recipe:
        """The shipped recipe with this rate, start and length."""
        shipped = read_recipe(self.network, epochs=self.epochs, initialisation=self.start)
        optimiser = dataclasses.replace(shipped.optimiser, learning_rate=self.rate)
        return dataclasses.replace(shipped, optimiser=optimiser)


def trials(stage: str, best: Mapping[str, float], epochs: int, seeds: int) -> list[Trial]:
    """The trainings of a stage; those after the search need the ``best`` rate of each network."""
    if stage == "rates":
        return [Trial(stage, one, rate, "he", 1, seed) for seed in range(2) for rate in RATES for one in NETWORKS]
    if stage == "search":
        return [Trial(stage, one, rate, "he", SEARCH_EPOCHS, 0) for one in NETWORKS for rate in SEARCHED]
    if stage == "starts":
        return [
            Trial(stage, "plain", best["plain"], start, START_EPOCHS, seed) for start in STARTS for seed in range(2)
        ]
    arms = dict.fromkeys([("plain", best["plain"]), ("batchnorm", best["plain"]), ("batchnorm", best["batchnorm"])])
    return [Trial(stage, network, rate, "he", epochs, seed) for seed in range(seeds) for network, rate in arms]


def with_images(data: InMemoryDataset, count: int | None) -> InMemoryDataset:
    """The data set with ``count`` of its training images, as many of each class, drawn by a fixed seed."""
    if count is None:
        return data
    targets = data.train.targets
    order = torch.randperm(len(targets), generator=torch.Generator().manual_seed(0))
    of_class = [order[targets[order] == label] for label in range(len(data.labels))]
    each = count // len(of_class)
    if not 0 < each <= min(map(len, of_class)):
        raise InputError(f"{count} images of {len(of_class)} classes", f"at least 1 and at most {len(targets)}, evenly")
    kept = torch.cat([some[:each] for some in of_class]).sort().values
    some = data.train.select(kept)
    return dataclasses.replace(data, train=some, fingerprint=fingerprint(f"{data.fingerprint} {count}"))


def measured(trial: Trial, data: InMemoryDataset, out: Path) -> dict[str, Any]:
    """What one training came to; one whose loss is no longer finite has none."""
    facts = dataclasses.asdict(trial)
    try:
        result = train(
            data, trial.recipe(), out=out / trial.key, seed=trial.seed, resume=True, progress=Lines(trial.key)
        ).result
    except InputError:
        raise
    except SnellenError as error:
        return {**facts, "diverged": str(error)}
    return {
        **facts,
        "losses": [epoch.loss for epoch in result.history],
        "training_accuracy": result.history[-1].accuracy,
        "accuracy": to_plain(result.test.accuracy),
        "noise_like_filters": to_plain(result.noise_like_filters),
        "seconds": result.seconds,
    }


def best_rates(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Each network's rate of the highest held-out accuracy in the search; empty before both are searched."""
    found: dict[str, float] = {}
    for network in NETWORKS:
        searched = [row for row in rows.values() if (row["stage"], row["network"]) == ("search", network)]
        if len(searched) < len(SEARCHED):
            return {}
        trained = [row for row in searched if "accuracy" in row]
        found[network] = max(trained, key=lambda row: row["accuracy"]["share"])["rate"]
    return found


def draw(rows: Sequence[Mapping[str, Any]], best: Mapping[str, float], images: int | None = None) -> Any:
    """Loss after one epoch against the rate; loss against epochs, with bands over seeds; loss from each start.

    What was not trained yet is left out; the ``best`` rates are empty before the search.
    """
    with styled():
        figure = new_figure(9.5, 3.1)
        rates, runs, starts = figure.subplots(1, 3)
        for network in NETWORKS:
            of_network = [row for row in rows if row["stage"] == "rates" and row["network"] == network]
            points = {
                rate: [row["losses"][0] for row in of_network if row["rate"] == rate and "losses" in row]
                for rate in RATES
            }
            kept = {rate: losses for rate, losses in points.items() if losses}
            colour, means = COLOURS[network], list(map(statistics.mean, kept.values()))
            rates.plot(list(kept), means, "o-", ms=3, color=colour, label=network)
            least, most = list(map(min, kept.values())), list(map(max, kept.values()))
            rates.fill_between(list(kept), least, most, alpha=0.2, lw=0, color=colour)
        rates.set_xscale("log")
        _labelled(rates, "peak learning rate", "training loss, first epoch")
        if images is not None:
            rates.set_title(f"{images:,} training images", fontsize=8)
        arms = [("plain", best["plain"], VERMILION), ("batchnorm", best["plain"], ORANGE)] if best else []
        arms += [("batchnorm", best["batchnorm"], BLUE)] if best and best["batchnorm"] != best["plain"] else []
        for network, rate, colour in arms:
            courses = [
                row["losses"]
                for row in rows
                if (row["stage"], row["network"], row["rate"]) == ("runs", network, rate) and "losses" in row
            ]
            _band(runs, courses, f"{network}, rate {rate:g} (n = {len(courses)})", colour)
        _labelled(runs, "epoch", "training loss")
        for start, colour in zip(STARTS, (VERMILION, ORANGE, BLUE, GREEN), strict=True):
            of_start = [row for row in rows if (row["stage"], row["start"]) == ("starts", start)]
            courses = [row["losses"] for row in of_start if "losses" in row]
            _band(starts, courses, start, colour)
        _labelled(starts, "epoch", "training loss of plain")
    return figure


def _band(axes: Axes, courses: Sequence[Sequence[float]], label: str, colour: str) -> None:
    if courses:
        epochs = range(1, 1 + min(map(len, courses)))
        columns = list(zip(*courses, strict=False))
        axes.plot(epochs, [statistics.mean(column) for column in columns], color=colour, label=label)
        axes.fill_between(epochs, list(map(min, columns)), list(map(max, columns)), alpha=0.2, lw=0, color=colour)


def _labelled(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    if axes.lines:
        axes.legend(fontsize=7)
    else:
        axes.set_visible(False)


def main() -> None:
    """Train stage by stage, write and draw after each training."""
    parser = argparse.ArgumentParser()
    parser.add_argument("dataset")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--stage", nargs="*", choices=STAGES, default=STAGES)
    parser.add_argument("--images", type=int, help="train on so many of the training images; on all where not given")
    parser.add_argument("--out", type=Path, default=Path("runs/normalisation"))
    asked = parser.parse_args()
    size = read_recipe("plain").size
    out = asked.out / f"{asked.images}-images" if asked.images else asked.out
    held_out, whole = None, None
    facts = {"dataset": asked.dataset, "epochs": asked.epochs, "seeds": asked.seeds, "hardware": hardware()}
    facts |= {"images": asked.images}
    earlier = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    if earlier and earlier.get("images") != asked.images:
        parser.error(f"{RESULTS.name} holds trainings on {earlier.get('images') or 'all'} images: move it away first")
    rows: dict[str, Any] = dict(earlier.get("rows", {})) if earlier.get("dataset") == asked.dataset else {}
    for stage in (stage for stage in STAGES if stage in asked.stage):
        best = best_rates(rows)
        if stage in ("runs", "starts") and not best:
            parser.error(f"{stage} needs the best rates: run the stage search first")
        for trial in trials(stage, best, asked.epochs, asked.seeds):
            if trial.key in rows:
                continue
            if stage == "runs":
                data = whole = whole or with_images(load_data(asked.dataset, size), asked.images)
            else:
                data = held_out = held_out or with_images(held_out_data(asked.dataset, size), asked.images)
            rows[trial.key] = measured(trial, data, out)
            best = best_rates(rows)
            write_json(RESULTS, facts | {"rows": rows, "best_rates": best, "versions": versions()})
            write_figure(RESULTS.with_suffix(".png"), draw(list(rows.values()), best, asked.images))


if __name__ == "__main__":
    main()
