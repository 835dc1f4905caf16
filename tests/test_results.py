"""The committed results are what the README says of them."""

import json
import re
import statistics
from collections.abc import Callable
from pathlib import Path

import pytest

from snellen.exam.parts import training as parts
from snellen.intervals import Rate
from snellen.prose import word
from snellen.training.ablations import HELD_OUT_IMAGES
from snellen.training.discussion import DEVIATION_OF_DEEP, alike_but_for_networks, is_copy
from snellen.training.files import read_results
from snellen.training.normalisation import FIRST_EPOCH, FOUND, GUESSING, SEARCHED
from snellen.training.recipe import read_recipe

ROOT = Path(__file__).parents[1]
CIFAR = ROOT / "results" / "cifar10"
RECIPES = ("plain", "batchnorm", "deep")
OWN_RATE, COPY = "batchnorm-own-rate", "deep-copy"
RUNS = ("plain", "batchnorm", OWN_RATE, "deep", COPY)
RECIPE_OF = {OWN_RATE: str(ROOT / "benchmarks" / f"{OWN_RATE}.toml"), COPY: "deep"}


def test_the_docs_show_the_table_of_the_runs_and_what_it_says(snellen_command) -> None:
    done = snellen_command("compare", *(CIFAR / name for name in RUNS), "--markdown")
    assert done.returncode == 0, done.stderr
    shown = {True: ROOT / "README.md", False: ROOT / "docs" / "training-runs.md"}
    texts = {of_table: " ".join(page.read_text(encoding="utf-8").split()) for of_table, page in shown.items()}
    for line in done.stdout.splitlines():
        assert " ".join(line.split()) in texts[line.startswith("|")]


def test_runs_of_another_kind_are_sent_where_they_are_compared(tmp_path: Path, snellen_command) -> None:
    (tmp_path / "evaluation.json").touch()
    done = snellen_command("compare", tmp_path)
    said = (
        f"{tmp_path}: no training run: it holds evaluation.json (snellen evaluate DATASET --model ONE --against OTHER)"
    )
    assert (done.returncode, said in done.stderr) == (2, True)


def test_the_rates_of_the_discussion_are_those_that_were_measured() -> None:
    measured = json.loads((ROOT / "benchmarks" / "results" / "normalisation.json").read_text(encoding="utf-8"))
    rows = measured["rows"].values()

    def means(stage: str, network: str, value: Callable[[dict], float]) -> dict[float, tuple[int, float]]:
        of_rate: dict[float, list[float]] = {}
        for row in rows:
            if (row["stage"], row["network"]) == (stage, network):
                of_rate.setdefault(row["rate"], []).append(value(row))
        return {rate: (len(found), statistics.mean(found)) for rate, found in of_rate.items()}

    for network in ("plain", "batchnorm"):
        losses = means("rates", network, lambda row: row["losses"][0])
        accuracies = means("search", network, lambda row: row["accuracy"]["share"])
        assert {rate: (3, pytest.approx(loss, abs=6e-4)) for rate, loss in FIRST_EPOCH[network].items()} == losses
        assert {rate: (2, pytest.approx(share, abs=6e-5)) for rate, share in SEARCHED[network].items()} == accuracies
    assert {row["accuracy"]["n"] for row in rows} == {HELD_OUT_IMAGES}


def test_what_was_measured_beforehand_says_where() -> None:
    for name, said in (("normalisation", parts._RATES_CAPTION), ("ablations", parts._ablations().caption)):
        measured = json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text(encoding="utf-8"))
        script, hardware = re.search(r"by (benchmarks/\w+\.py) on (.+)\.$", said).groups()
        assert script == f"benchmarks/{name}.py"
        assert measured["hardware"].startswith(hardware)


def test_what_the_search_of_rates_found_is_what_was_measured() -> None:
    measured = json.loads((ROOT / "benchmarks" / "results" / "normalisation.json").read_text(encoding="utf-8"))
    rows = list(measured["rows"].values())

    def search(network: str, rate: float) -> list[dict]:
        return [row for row in rows if (row["stage"], row["network"], row["rate"]) == ("search", network, rate)]

    def right(network: str, rate: float) -> Rate:
        shares = [row["accuracy"]["share"] for row in search(network, rate)]
        return Rate.of_count(round(statistics.mean(shares) * HELD_OUT_IMAGES), HELD_OUT_IMAGES)

    def ends(network: str, rate: float) -> float:
        return statistics.mean(row["losses"][-1] for row in search(network, rate))

    def first_epoch(network: str, rate: float) -> float:
        found = [row for row in rows if (row["stage"], row["network"], row["rate"]) == ("rates", network, rate)]
        return statistics.mean(row["losses"][0] for row in found)

    rates = sorted({row["rate"] for row in rows if row["stage"] == "search"})
    same, (best, without) = (
        0.005,
        (max(rates, key=lambda rate: right(network, rate).share) for network in ("batchnorm", "plain")),
    )
    assert len(rates) == 5
    assert {len(search(n, rate)) for n in SEARCHED for rate in rates} == {2}
    assert f"(0.02 with it, the highest, so the best may lie higher; {same:g} without)" in FOUND
    assert (best, without) == (max(rates), same)
    with_it, beside = (
        list(zip(*(row["losses"] for row in search(network, same)), strict=True)) for network in ("batchnorm", "plain")
    )
    ahead = [max(ours) < min(theirs) for ours, theirs in zip(with_it, beside, strict=True)]
    assert f"the loss stays lower for {word(ahead.index(False))} epochs and ends higher" in FOUND
    for rate in (same, best):
        loss = f"at {ends('batchnorm', rate):.2f} against {ends('plain', same):.2f}"
        assert loss in FOUND
        ours, theirs = right("batchnorm", rate), right("plain", same)
        assert re.search(f"{ours.share:.1%}( of the images held out)? are right against {theirs.share:.1%}", FOUND)
        assert max(ours.low, theirs.low) < min(ours.high, theirs.high)
    margin = max(rate.high - rate.share for rate in (right("batchnorm", same), right("plain", same)))
    assert f"(± {100 * margin:.1f} points) overlap" in FOUND
    reached = [right(network, max(rates)).share for network in ("batchnorm", "plain")]
    assert f"at {max(rates):g} it reaches {reached[0]:.1%} and the one without {reached[1]:.1%}" in FOUND
    tried = sorted({row["rate"] for row in rows if row["stage"] == "rates"})
    lost = next(rate for rate in tried if first_epoch("plain", rate) >= GUESSING)
    assert f"no better than guessing ({GUESSING:.2f}) from {lost:g} on" in FOUND
    assert f"with it the loss is {first_epoch('batchnorm', lost):.2f}, and still " in FOUND
    assert f"{first_epoch('batchnorm', max(tried)):.2f} at {max(tried):g}." in FOUND


@pytest.mark.parametrize("name", RECIPES)
def test_a_run_was_of_the_published_images(name: str) -> None:
    results = read_results(CIFAR / name)
    assert {result.provenance.data for result in results} == {"6289a6634851efd1"}
    assert not any(map(is_copy, results))


def test_deep_on_the_published_images_and_on_the_copy() -> None:
    """Three seeds of each, and their deviation."""
    for name, mean, deviation in (("deep", 0.94397, 0.00179), (COPY, 0.91463, DEVIATION_OF_DEEP)):
        results = read_results(CIFAR / name)
        assert [result.seed for result in results] == [0, 1, 2]
        shares = [result.test.accuracy.share for result in results]
        assert statistics.mean(shares) == pytest.approx(mean, abs=1e-5)
        assert statistics.stdev(shares) == pytest.approx(deviation, abs=5e-5)
    assert all(map(is_copy, read_results(CIFAR / COPY)))


@pytest.mark.parametrize("name", RUNS)
def test_a_run_was_of_the_recipe_as_it_is_at_full_length(name: str) -> None:
    for result in read_results(CIFAR / name):
        assert result.recipe == read_recipe(RECIPE_OF.get(name, name))
        assert (result.data.train_images, result.data.held_out_images, result.data.test_images) == (50_000, 0, 10_000)
        assert len(result.history) == result.recipe.epochs


def test_the_assignments_first_two_runs_differ_in_the_normalisation_alone() -> None:
    (plain,), (batchnorm,) = (read_results(CIFAR / name) for name in ("plain", "batchnorm"))
    assert alike_but_for_networks(plain, batchnorm)
    assert None not in (plain.test.mistakes, batchnorm.test.mistakes)


@pytest.mark.parametrize("name", RUNS)
def test_a_folder_holds_its_run_and_nothing_of_another(name: str) -> None:
    of_one = {"confusion.png", "curves.png", "filters.png", "manifest.json", "metrics.json"}
    if not name.startswith("deep"):  # whose filters are learned
        of_one.add("filters-start.png")
    seeds = sorted(path for path in (CIFAR / name).iterdir() if path.is_dir())
    if seeds:
        assert {path.name for path in (CIFAR / name).iterdir() if path.is_file()} == {"manifest.json", "metrics.json"}
        assert [path.name for path in seeds] == [f"seed-{result.seed}" for result in read_results(CIFAR / name)]
    for folder in seeds or [CIFAR / name]:
        assert {path.name for path in folder.iterdir()} == of_one
