"""The committed results are what the README says of them."""

from pathlib import Path

import pytest

from snellen.training.results import read_results

ROOT = Path(__file__).parents[1]
CIFAR = ROOT / "results" / "cifar10"
RECIPES = ("plain", "batchnorm", "deep")


def test_the_readme_shows_the_table_of_the_runs(snellen_command) -> None:
    done = snellen_command("compare", *(CIFAR / name for name in RECIPES), "--markdown")
    assert done.returncode == 0, done.stderr
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    for line in done.stdout.splitlines():
        assert " ".join(line.split()) in readme


@pytest.mark.parametrize("name", RECIPES)
def test_a_run_was_full_length(name: str) -> None:
    for result in read_results(CIFAR / name):
        assert (result.recipe.network, result.train_images, result.test_images) == (name, 50_000, 10_000)
        assert len(result.history) == result.recipe.epochs
        assert result.held_out_images == 0
