"""What batch normalisation changes in the assignment's network, compared twice, and how the weights' start counts.

    python benchmarks/normalisation.py DATASET [--seeds 5] [--stage rates search lengths runs starts] [--epochs N]
                                       [--images N] [--device auto] [--processes 1] [--out DIR]

``plain`` and ``batchnorm`` differ in nothing but the normalisation and the peak learning rate, which is what this is
about. Of the training images a tenth is held out for all stages but `runs`, which alone uses the test images, once for
each network.

- rates: the training loss after one epoch at each of the same rates, for both, three seeds each: all of the first seed
  before the second, so that a first curve stands after a third of the time.
- search: held-out accuracy after ten epochs at each of the same rates that trained at all, two seeds: each network's
  best rate. Equal searches, so that neither has an advantage.
- lengths: held-out accuracy of each network at its best rate after 10, 20 and 40 epochs, two seeds. The shortest at
  which neither is more than half a point below its longest is that of the next stage, unless ``--epochs`` says another.
- runs: on all training images, tested once: each network at its own best rate, and batchnorm at plain's, which is every
  setting alike. Each is left as a run of ``snellen train --seeds``.
- starts: plain at its best rate from He's, Xavier's, PyTorch's own and too small weights, three epochs, three seeds.

``--images N`` trains on N of the training images, as many of each class, the same ones each time; the result and the
figure say so. ``--processes`` trains so many networks at a time, which pays on a GPU. Killed and started again it goes
on. After each training it writes benchmarks/results/normalisation.json; after each stage it draws normalisation.png.
"""

import argparse
import dataclasses
import functools
import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from snellen.figures import BLUE, GREEN, ORANGE, VERMILION, new_figure, styled
from snellen.runs.files import Run, write_figure, write_json
from snellen.runs.provenance import hardware, versions
from snellen.training.files import read_results, seed_folder, write_summary
from snellen.training.recipe import Recipe, read_recipe
from trainings import decoded, device_of, held_out_data, row_of, side_by_side, trained, with_images

NETWORKS = ("plain", "batchnorm")
RATES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
SEARCHED = (0.001, 0.002, 0.005, 0.01, 0.02)
LENGTHS = (10, 20, 40)
LOSES_AT_MOST = 0.005
"""Share of the held-out images by which a shorter training may fall behind the longest."""
SEARCH_EPOCHS, START_EPOCHS = 10, 3
STARTS = ("he", "xavier", "own", "small")
STAGES = ("rates", "search", "lengths", "runs", "starts")
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
        """Its name."""
        return f"{self.stage}-{self.network}-{self.rate:g}-{self.start}-{self.epochs}-{self.seed}"

    @property
    def arm(self) -> str:
        """The folder of what differs by the seed alone."""
        return f"{self.stage}-{self.network}-{self.rate:g}-{self.start}-{self.epochs}"

    def recipe(self) -> Recipe:
        """The shipped recipe with this rate, start and length."""
        shipped = read_recipe(self.network, epochs=self.epochs, initialisation=self.start)
        optimiser = dataclasses.replace(shipped.optimiser, learning_rate=self.rate)
        return dataclasses.replace(shipped, optimiser=optimiser)


def trials(stage: str, best: Mapping[str, float], epochs: int, seeds: int) -> list[Trial]:
    """The trainings of a stage; those after the search need the ``best`` rate of each network."""
    if stage == "rates":
        return [Trial(stage, one, rate, "he", 1, seed) for seed in range(3) for rate in RATES for one in NETWORKS]
    if stage == "search":
        return [
            Trial(stage, one, rate, "he", SEARCH_EPOCHS, seed)
            for seed in range(2)
            for one in NETWORKS
            for rate in SEARCHED
        ]
    if stage == "lengths":
        longest_first = sorted(LENGTHS, reverse=True)
        return [
            Trial(stage, one, best[one], "he", length, seed)
            for length in longest_first
            for one in NETWORKS
            for seed in range(2)
        ]
    if stage == "starts":
        return [
            Trial(stage, "plain", best["plain"], start, START_EPOCHS, seed) for start in STARTS for seed in range(3)
        ]
    arms = dict.fromkeys([("plain", best["plain"]), ("batchnorm", best["plain"]), ("batchnorm", best["batchnorm"])])
    return [Trial(stage, network, rate, "he", epochs, seed) for seed in range(seeds) for network, rate in arms]


def measured(trial: Trial, dataset: str, images: int | None, device: str, out: Path) -> dict[str, Any]:
    """What one training came to."""
    recipe = trial.recipe()
    source = decoded if trial.stage == "runs" else held_out_data
    data = with_images(source(dataset, recipe.size), images)
    folder = out / trial.arm / seed_folder(trial.seed)
    return dataclasses.asdict(trial) | row_of(trained(data, recipe, folder, trial.seed, device))


def best_rates(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Each network's rate of the highest mean held-out accuracy in the search; empty before both are searched."""
    found: dict[str, float] = {}
    for network in NETWORKS:
        asked = [trial for trial in trials("search", {}, 0, 0) if trial.network == network]
        if any(trial.key not in rows for trial in asked):
            return {}
        of_rate = {rate: [rows[trial.key] for trial in asked if trial.rate == rate] for rate in SEARCHED}
        trained_all = {rate: some for rate, some in of_rate.items() if all("accuracy" in row for row in some)}
        found[network] = max(trained_all, key=lambda rate: _mean_accuracy(trained_all[rate]))
    return found


def chosen_length(rows: Mapping[str, Mapping[str, Any]]) -> int | None:
    """The shortest of :data:`LENGTHS` that no network loses much by; None before all are trained."""
    best = best_rates(rows)
    if not best or any(trial.key not in rows for trial in trials("lengths", best, 0, 0)):
        return None

    def accuracy(network: str, length: int) -> float:
        of_length = (
            trial for trial in trials("lengths", best, 0, 0) if (trial.network, trial.epochs) == (network, length)
        )
        return _mean_accuracy([rows[trial.key] for trial in of_length])

    return next(
        length
        for length in LENGTHS
        if all(accuracy(one, length) >= accuracy(one, max(LENGTHS)) - LOSES_AT_MOST for one in NETWORKS)
    )


def _mean_accuracy(rows: Sequence[Mapping[str, Any]]) -> float:
    shares: list[float] = [row["accuracy"]["share"] for row in rows]
    return statistics.mean(shares)


def summarise(arm: Path) -> None:
    """Leave an arm of the runs as ``snellen train --seeds`` leaves its folder."""
    results = [result for folder in sorted(arm.glob(seed_folder("*"))) for result in read_results(folder)]
    with Run(arm) as run:
        write_summary(arm, results)
        run.write_manifest(results[0].provenance)


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
    """Train stage by stage; write after each training, draw after each stage."""
    parser = argparse.ArgumentParser()
    parser.add_argument("dataset")
    parser.add_argument("--epochs", type=int, help="of the runs; chosen by the stage before where not given")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--stage", nargs="*", choices=STAGES, default=STAGES)
    parser.add_argument("--images", type=int, help="train on so many of the training images; on all where not given")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--processes", type=int, default=1, help="networks that are trained at a time")
    parser.add_argument("--out", type=Path, default=Path("runs/normalisation"))
    asked = parser.parse_args()
    out = asked.out / f"{asked.images}-images" if asked.images else asked.out
    facts = {"dataset": asked.dataset, "seeds": asked.seeds, "images": asked.images}
    facts |= {"hardware": hardware(device_of(asked.device)), "processes": asked.processes}
    earlier = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    if earlier and earlier.get("images") != asked.images:
        parser.error(f"{RESULTS.name} holds trainings on {earlier.get('images') or 'all'} images: move it away first")
    rows: dict[str, Any] = dict(earlier.get("rows", {})) if earlier.get("dataset") == asked.dataset else {}
    work = functools.partial(measured, dataset=asked.dataset, images=asked.images, device=asked.device, out=out)
    decoded(asked.dataset, read_recipe("plain").size)
    for stage in (stage for stage in STAGES if stage in asked.stage):
        best, epochs = best_rates(rows), asked.epochs or chosen_length(rows)
        if stage in ("lengths", "runs", "starts") and not best:
            parser.error(f"{stage} needs the best rates: run the stage search first")
        if stage == "runs" and not epochs:
            parser.error("runs needs a length: run the stage lengths first, or give --epochs")
        wanted = trials(stage, best, epochs or 0, asked.seeds)
        missing = [trial for trial in wanted if trial.key not in rows]
        for trial, row in side_by_side(work, missing, asked.processes):
            rows[trial.key] = row
            chosen = {"best_rates": best_rates(rows), "epochs": asked.epochs or chosen_length(rows)}
            write_json(RESULTS, facts | chosen | {"rows": rows, "versions": versions()})
        write_figure(RESULTS.with_suffix(".png"), draw(list(rows.values()), best_rates(rows), asked.images))
        if stage == "runs":
            for arm in dict.fromkeys(trial.arm for trial in wanted):
                summarise(out / arm)


if __name__ == "__main__":
    main()
