"""The page of benchmarks says what the results say, and every benchmark can be started."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import forked

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"


@pytest.fixture(scope="module")
def bench() -> dict:
    """The names that ``python benchmarks`` defines."""
    return runpy.run_path(str(ROOT / "benchmarks"), run_name="bench")


def test_the_page_is_up_to_date(bench) -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert page == bench["tables"](), "run `python benchmarks --tables`"


def test_every_result_is_on_the_page(bench) -> None:
    names = {benchmark.name for benchmark in bench["BENCHMARKS"]}
    assert {path.stem for path in RESULTS.glob("*.json")} <= names
    assert len(names) == len(bench["BENCHMARKS"])


def test_programs_and_promises(bench) -> None:
    for benchmark in bench["BENCHMARKS"]:
        program, *_ = benchmark.command.removeprefix("-m tests.fuzz").split() or ["tests/fuzz/__main__.py"]
        assert (ROOT / program).is_file()
        assert benchmark.promise.endswith(".")
        assert benchmark.minutes > 0


def test_goals(bench) -> None:
    goal, *_ = next(one for one in bench["BENCHMARKS"] if one.name == "start").goals
    ratio = "help_over_its_imports"
    assert goal.judged({ratio: 2.5}) == "help over its imports 2.5, promised at most 3: kept"
    assert goal.judged({ratio: 3.5}) == "help over its imports 3.5, promised at most 3: falls short"


def test_a_result_of_other_versions_is_measured_again(bench) -> None:
    from snellen.runs.provenance import versions

    assert bench["is_current"]({"versions": versions() | {"a peer": "1"}})
    assert not bench["is_current"]({"versions": versions() | {"torch": "0.1"}})


def test_the_command() -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([sys.executable, ROOT / "benchmarks", *arguments], capture_output=True, text=True)

    listed = run("--list", "start")
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.startswith("start (")
    assert listed.stdout.endswith("    python benchmarks/start.py\n")
    assert run("embd").stderr == "no benchmark 'embd': did you mean embed?\n"


def test_the_zoo_on_its_page_is_the_zoo_that_was_measured() -> None:
    zoo = runpy.run_path(str(ROOT / "benchmarks" / "zoo.py"), run_name="zoo")
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    assert zoo["table"](json.loads((RESULTS / "zoo.json").read_text())["lines"]) in page, (
        "run `python benchmarks/zoo.py --table`"
    )


@pytest.mark.slow
def test_how_cost_grows(imagenet: list[Path], tmp_path: Path) -> None:
    """A tiny run of the program: every curve has points and a limit."""
    arguments = ["--images", "4", "--megapixels", "0.1", "--seconds", "0.01", "--data", str(imagenet[0].parent)]
    arguments += ["--batch", "4", "--steps", "2", "--side", "256"]
    outputs = ["--out", str(tmp_path / "cost.json"), "--figure", str(tmp_path / "cost.png")]
    done = forked.run(*arguments, *outputs, program=ROOT / "benchmarks" / "cost.py")
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "cost.json").read_text())
    assert [curve["title"] for curve in result["curves"]] == [
        "embedding", "one photograph", "the network", "an attack", "decoding",
    ]  # fmt: skip
    for curve in result["curves"]:
        assert all(value > 0 for _, value in curve["points"])
        assert all(len(limit) == len(curve["points"]) for limit in curve["limits"].values())
    assert (tmp_path / "cost.png").exists()
