"""The page of benchmarks says what the results say, and every benchmark can be started."""

import json
import os
import runpy
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

import forked
from snellen.data.images import Failure
from snellen.errors import ImageError, InputError
from snellen.runs.serialise import differences, to_plain
from snellen.training.recipe import read_recipe

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PROGRAMS = [
    path
    for path in sorted((ROOT / "benchmarks").glob("*.py"))
    if "ArgumentParser" in path.read_text(encoding="utf-8") and path.stem != "__main__"
]


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


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_says_how_to_ask_it(path: Path) -> None:
    """Also where what it compares with is not installed."""
    done = forked.run("--help", program=path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: ")


def test_the_zoo_on_its_page_is_the_zoo_that_was_measured() -> None:
    zoo = runpy.run_path(str(ROOT / "benchmarks" / "zoo.py"), run_name="zoo")
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    assert zoo["table"](json.loads((RESULTS / "zoo.json").read_text(encoding="utf-8"))["lines"]) in page, (
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
    result = json.loads((tmp_path / "cost.json").read_text(encoding="utf-8"))
    assert [curve["title"] for curve in result["curves"]] == [
        "embedding", "one photograph", "the network", "an attack", "decoding",
    ]  # fmt: skip
    for curve in result["curves"]:
        assert all(value > 0 for _, value in curve["points"])
        assert all(len(limit) == len(curve["points"]) for limit in curve["limits"].values())
    assert (tmp_path / "cost.png").exists()


def test_a_photograph_that_cannot_be_read_ends_a_comparison() -> None:
    all_read = runpy.run_path(str(ROOT / "benchmarks" / "photographs.py"), run_name="photographs")["all_read"]
    assert all_read(iter([1, 2])) == [1, 2]
    for bad in (ImageError("b.jpg: cut short"), Failure("b.jpg", "b.jpg: cut short")):
        with pytest.raises(ImageError, match=r"^b\.jpg: cut short$"):
            all_read([1, bad])


@pytest.fixture(scope="module")
def normalisation() -> dict:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        return runpy.run_path(str(ROOT / "benchmarks" / "normalisation.py"), run_name="normalisation")


def test_a_first_curve_stands_after_a_third_of_the_time(normalisation) -> None:
    """All rates of both networks with the first seed, then all with the second, then with the third."""
    trials = normalisation["trials"]("rates", {}, 30, 5)
    first = [(one.network, one.rate) for one in trials[: len(trials) // 3]]
    assert [(one.network, one.rate) for one in trials] == 3 * first
    assert set(first) == {(one, rate) for one in normalisation["NETWORKS"] for rate in normalisation["RATES"]}
    assert [one.seed for one in trials] == [seed for seed in range(3) for _ in first]


def _searched(normalisation, shares: Mapping[tuple[str, float], float]) -> dict[str, dict]:
    """Rows of the search, with an accuracy for each network and rate: one half where none is given."""
    return {
        one.key: {"accuracy": {"share": shares.get((one.network, one.rate), 0.5)}}
        for one in normalisation["trials"]("search", {}, 0, 0)
    }


def test_the_best_rate_and_the_shortest_length_that_loses_little(normalisation) -> None:
    rows = _searched(normalisation, {("plain", 0.005): 0.75, ("batchnorm", 0.02): 0.76})
    best = normalisation["best_rates"](rows)
    assert best == {"plain": 0.005, "batchnorm": 0.02}
    assert normalisation["chosen_length"](rows) is None
    reached = {("plain", 10): 0.74, ("plain", 20): 0.76, ("plain", 40): 0.764, ("batchnorm", 10): 0.78}
    for one in normalisation["trials"]("lengths", best, 0, 0):
        rows[one.key] = {"accuracy": {"share": reached.get((one.network, one.epochs), 0.784)}}
    assert normalisation["chosen_length"](rows) == 20
    rows.pop(next(iter(rows)))
    assert normalisation["best_rates"](rows) == {}


def test_the_variants_of_deep_change_one_choice_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    program = runpy.run_path(str(ROOT / "benchmarks" / "ablations.py"), run_name="ablations")
    for base in (read_recipe("deep"), read_recipe("deep", **program["SHORT"])):
        for name, (_, recipe) in program["variants"](base).items():
            changed = {path[0] for path, _, _ in differences(to_plain(base), to_plain(recipe))}
            assert len(changed) == {"base": 0, "ordinary": 2, "adamw": 2}.get(name, 1), name
    # What was measured can be measured again.
    measured = json.loads((RESULTS / "ablations.json").read_text(encoding="utf-8"))
    assert measured["base"]["network_options"] == program["SHORT"]["network_options"]
    assert measured["rows"].keys() <= program["variants"](read_recipe("deep", **program["SHORT"])).keys()


def test_as_many_images_of_each_class(normalisation) -> None:
    from snellen.training.data import load_data

    data = load_data("digits", 8)
    few = normalisation["with_images"](data, 105)
    assert few.train.targets.bincount().tolist() == [10] * 10
    assert few.fingerprint != data.fingerprint
    assert few.test is data.test
    assert normalisation["with_images"](data, None) is data
    with pytest.raises(InputError, match=r"20000 images of 10 classes \(at least 1 and at most 380, evenly\)"):
        normalisation["with_images"](data, 20_000)


def test_a_curve_of_the_rates_alone_is_drawn(normalisation) -> None:
    rows = [
        {"stage": "rates", "network": network, "rate": rate, "start": "he", "losses": [1.0]}
        for network in normalisation["NETWORKS"]
        for rate in normalisation["RATES"]
    ]
    rates, runs, starts = normalisation["draw"](rows, {}, 5000).axes
    assert rates.get_title() == "5,000 training images"
    assert [list(line.get_xdata()) for line in rates.lines] == [list(normalisation["RATES"])] * 2
    assert [panel.get_visible() for panel in (rates, runs, starts)] == [True, False, False]


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> dict:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return runpy.run_path(str(ROOT / "benchmarks" / "gpu.py"), run_name="gpu")


def test_the_pieces_for_a_gpu(gpu, tmp_path: Path) -> None:
    """A tiny run of one piece; one that fails and one that does not end, of which the error stays."""
    bench = gpu["Bench"]("cpu", tmp_path, tmp_path)
    assert gpu["run_piece"](bench, "data", 60)["train"] == 64
    pieces = gpu["PIECES"]
    pieces["fails"] = (lambda _: {}["nothing"], 60)
    pieces["hangs"] = (lambda _: time.sleep(60), 60)
    assert gpu["run_piece"](bench, "fails", 60)["error"] == "KeyError: 'nothing'"
    assert gpu["run_piece"](bench, "hangs", 0.2)["error"].startswith("not done after 0.2 s")


def test_the_shell_of_a_gpu_packs_and_unpacks(tmp_path: Path) -> None:
    """Data in parts, put together again; a part that was changed is noticed before anything runs."""
    checkout = tmp_path / "checkout"
    (checkout / "benchmarks").mkdir(parents=True)
    shutil.copy(ROOT / "benchmarks" / "gpu.sh", checkout / "benchmarks")
    for name in ("cifar10", "imagenet-100"):
        (tmp_path / "shared" / "data" / name).mkdir(parents=True)
    (tmp_path / "shared" / "data" / "cifar10" / "train.parquet").write_bytes(b"images")
    (checkout / "benchmarks" / "gpu.py").write_text("import sys\nprint(*sys.argv[1:])\n", encoding="utf-8")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    (tmp_path / "bin" / "python3").chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}

    def shell(*arguments: object) -> subprocess.CompletedProcess:
        command = [checkout / "benchmarks" / "gpu.sh", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=environment)

    packed = shell("--pack", tmp_path / "packed")
    assert packed.returncode == 0, packed.stderr
    done = shell("--parts", tmp_path / "packed", "machine")
    assert done.returncode == 0, done.stderr
    data = checkout / "runs" / "gpu" / "data"
    assert done.stdout.split() == ["--data", str(data), "machine"]
    assert (data / "cifar10" / "train.parquet").read_bytes() == b"images"
    part = tmp_path / "packed" / "part.00"
    part.write_bytes(part.read_bytes().replace(b"images", b"imagez"))
    assert "part.00: FAILED" in shell("--parts", tmp_path / "packed").stdout


def test_what_carries_over_is_counted_among_what_was_right(bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three photographs the network was right about two, of which one fools it afterwards."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    transfer = runpy.run_path(str(ROOT / "benchmarks" / "transfer.py"), run_name="transfer")
    attacks = {"snellen": {"processor_seconds": 6.0, "after": {"held": [9, 2, 9], "source": [9, 9, 9]}}}
    one = {"labels": [1, 2, 3], "before": {"held": [1, 2, 4], "source": [1, 2, 3]}, "attacks": attacks}
    rates = transfer["summary"]({"8/255 0-3": one})
    found = rates["8/255"]["snellen"]
    assert found["seconds_a_photograph"] == 2
    assert [(rate["count"], rate["n"]) for rate in found["fooled"].values()] == [(1, 2), (3, 3)]
    table = next(benchmark for benchmark in bench["BENCHMARKS"] if benchmark.name == "transfer").table
    head, row = table({"rates": rates, "held_out": ["held"], "sources": ["source"]})
    assert head == ["bound", "attack", "photographs", "held", "source, a source", "processor seconds a photograph"]
    assert row[:3] == ["8/255", "snellen", "3"]
    assert row[4].startswith("3 of 3 (")


def test_an_attack_that_was_made_before_is_not_made_again_for_another_peer(
    lite0, imagenet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    transfer = runpy.run_path(str(ROOT / "benchmarks" / "transfer.py"), run_name="transfer")
    network = {transfer["SOURCES"][0]: lite0}
    attackers = {"before": None, "now": lambda files, *_: files}
    before = {"processor_seconds": 5.0, "after": {}}
    found = transfer["ten"](attackers, network, [str(imagenet[0])], 8, {"before": before})
    assert found["attacks"]["before"] == before
    assert found["attacks"]["now"]["after"] == found["before"]


def test_each_kind_of_piece_has_its_row(bench) -> None:
    table = next(benchmark for benchmark in bench["BENCHMARKS"] if benchmark.name == "gpu").table
    half = {"share": 0.5}
    pieces = {
        "tests": {"error": "not done after 60 s: ...", "seconds": 60.2},
        "deep-0": {"accuracy": half, "accuracy_tta": half, "training_seconds": 9.0},
        "airbench94": {"runs": [{"accuracy": 0.93, "accuracy_tta": 0.94, "training_seconds": 3.0}], "seconds": 20.0},
        "embed": {"medians": {"snellen": 1234.5, "timm, compiled": 999.0}, "seconds": 8.0},
    }
    _, *rows = table({"pieces": pieces})
    assert [row[1] for row in rows] == [
        "not done after 60 s: ...",
        "50.00%, 50.00% with test-time augmentation, 9.0 s",
        "93.00%, 94.00% with test-time augmentation, 3.0 s",
        "snellen: 1,234 a second; timm, compiled: 999 a second",
    ]


def test_a_gpus_goals_without_all_of_its_pieces(bench) -> None:
    goals = next(benchmark for benchmark in bench["BENCHMARKS"] if benchmark.name == "gpu").goals
    runs = {name: {"runs": [{"training_seconds": taken}]} for name, taken in (("quick", 2.0), ("airbench94", 3.0))}
    attack = {"medians": {"snellen (torch bfloat16)": 50.0, "foolbox": 100.0, "torchattacks": 90.0}}
    pieces = {"deep-0": {"accuracy": {"share": 0.95}}, "attack": attack, **runs}
    said = [goal.judged({"pieces": pieces}) for goal in goals]
    assert said[0].endswith("trains: 1.5, promised at least 1: kept")
    assert said[1:] == [
        "mean accuracy of deep not measured, promised at least 0.9401",
        "accuracy of the long run not measured, promised at least 0.96",
        "times the best peer's gradients a second 0.5, promised at least 1: falls short",
    ]


def test_a_single_dear_transform_is_told_from_many(bench) -> None:
    explained = next(benchmark for benchmark in bench["BENCHMARKS"] if benchmark.name == "limits-large").explained
    furthest = {"transform": "blur of 1%", "probability": 0.01, "levels": 0.25}

    def said(stress: float, blur: float) -> str:
        return explained({
            "furthest": furthest, "exact_processor_seconds": 100.0, "seconds": {"stress": {"processor": stress}},
            "seconds_of_transforms": {"noise": 1.0, "blur": blur},
        })  # fmt: skip

    assert said(20.0, 3.0) == (
        "A tenth of the exact way would be 10.0 s; of the 20.0 s the dearest transforms take blur 3.0 s, noise 1.0 s: "
        "no single one is what is over. Furthest is the answer under blur of 1%: what the network is given differs "
        "there by 0.25 of 255 levels on the mean."
    )
    # As much as is over, or nothing over: then no such sentence.
    assert "no single one" not in said(13.0, 3.0)
    assert "no single one" not in said(9.0, 3.0)
