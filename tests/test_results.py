"""The committed results are what the README says of them."""

import dataclasses
from pathlib import Path

import pytest

from snellen.training.files import read_results
from snellen.training.recipe import read_recipe

ROOT = Path(__file__).parents[1]
CIFAR = ROOT / "results" / "cifar10"
RECIPES = ("plain", "batchnorm", "deep")
RUNS = (*RECIPES, "ceiling")


def test_the_readme_shows_the_table_of_the_runs(snellen_command) -> None:
    done = snellen_command("compare", *(CIFAR / name for name in RUNS), "--markdown")
    assert done.returncode == 0, done.stderr
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    for line in done.stdout.splitlines():
        assert " ".join(line.split()) in readme


@pytest.mark.parametrize("name", RECIPES)
def test_a_run_was_of_the_recipe_as_it_is_at_full_length(name: str) -> None:
    for result in read_results(CIFAR / name):
        assert result.recipe == read_recipe(name)
        assert (result.data.train_images, result.data.held_out_images, result.data.test_images) == (50_000, 0, 10_000)
        assert len(result.history) == result.recipe.epochs


def test_the_long_run_was_of_deep_for_more_epochs() -> None:
    deep = read_recipe("deep")
    (result,) = read_results(CIFAR / "ceiling")
    assert result.recipe == dataclasses.replace(deep, epochs=result.recipe.epochs)
    assert len(result.history) == result.recipe.epochs > deep.epochs
    assert (result.data.train_images, result.data.held_out_images, result.data.test_images) == (50_000, 0, 10_000)


@pytest.mark.parametrize("name", RUNS)
def test_a_folder_holds_its_run_and_nothing_of_another(name: str) -> None:
    of_one = {"confusion.png", "curves.png", "filters.png", "manifest.json", "metrics.json"}
    seeds = sorted(path for path in (CIFAR / name).iterdir() if path.is_dir())
    if seeds:
        assert {path.name for path in (CIFAR / name).iterdir() if path.is_file()} == {"manifest.json", "metrics.json"}
        assert [path.name for path in seeds] == [f"seed-{result.seed}" for result in read_results(CIFAR / name)]
    for folder in seeds or [CIFAR / name]:
        assert {path.name for path in folder.iterdir()} == of_one
