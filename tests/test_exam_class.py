"""Exams of a class: photographs that are drawn, labels that are told, many configurations, and what is handed in."""

import ast
import csv
import dataclasses
import io
import itertools
import json
import os
import re
import shutil
import subprocess
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import nbformat
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from safetensors.torch import save_file

from conftest import ROOT
from snellen import classify
from snellen.data.draw import drawn_in_turn
from snellen.data.images import Failure, expand
from snellen.data.labels import Labels
from snellen.data.photo_labels import photo_labels
from snellen.data.photographs import bundled_photographs
from snellen.data.preprocessing import PreprocessingConfig
from snellen.errors import InputError
from snellen.exam.cache import load_cached
from snellen.exam.config import ExamConfig, read_exam_config
from snellen.exam.contents import copy_names
from snellen.exam.context import names_of, photograph_names
from snellen.exam.many import configurations_of, folder_names, run_exams
from snellen.exam.photographs import choose_photographs, target_class
from snellen.exam.results import read_attacks, read_photographs, read_rules, read_trainings
from snellen.exam.run import run_exam
from snellen.exam.twins import files_in_common, shared_files
from snellen.exam.verify import Means, verify_exam
from snellen.inspect.heatmap import Heatmap
from snellen.prose import in_percent
from toys import MeanColours, classifier_of

COLOURS = ("red", "green", "blue", "black")
NETWORK = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1, bias=False)
        self.act = nn.ReLU()
        self.classifier = nn.Linear(3, 4, bias=False)

    def forward(self, inputs):
        return self.classifier(self.act(self.conv(inputs)).mean(dim=(2, 3)))

def network(classes):
    return Net()
"""


def toy_weights():
    import torch

    return torch.cat([4 * torch.eye(3), torch.zeros(1, 3)])


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> Path:
    """A network that names the strongest channel, and a pool of class folders whose files have equal names."""
    folder = tmp_path_factory.mktemp("toy")
    (folder / "net.py").write_text(NETWORK, encoding="utf-8")
    save_file(MeanColours(toy_weights()).state_dict(), folder / "net.safetensors")
    (folder / "classes.txt").write_text("\n".join(COLOURS), encoding="utf-8")
    random = np.random.default_rng(0)
    for channel, name in enumerate(COLOURS[:3]):
        (folder / "pool" / name).mkdir(parents=True)
        for number in range(4):
            pixels = random.integers(90, 110, (16, 16, 3), dtype=np.uint8)
            # The first of each class is no stronger in its own channel than in the next.
            shown = (channel + 1) % 3 if number == 0 else channel
            pixels[..., shown] += np.uint8(100 + 10 * number)
            Image.fromarray(pixels).save(folder / "pool" / name / f"{number}.png")
    return folder


def model_options(toy: Path) -> list[object]:
    """What the command line says of the toy."""
    return [
        "--model", toy / "net.safetensors", "--architecture", toy / "net.py", "--labels", toy / "classes.txt",
        "--mean", "0", "--std", "1", "--size", "16", "--crop", "1", "--interpolation", "bilinear",
    ]  # fmt: skip


def toy_classifier():
    from snellen.data.labels import Labels
    from snellen.models.classifier import Classifier

    plain = classifier_of(MeanColours(toy_weights()), 16, 4)
    return Classifier(plain.network, plain.preprocessing, Labels(COLOURS), name="toy", device="cpu")


def test_a_photograph_that_shows_the_target_is_told_on_the_first_page(toy: Path, tmp_path: Path, monkeypatch) -> None:
    """It cannot be attacked, which its section says, and the first page and the checklist too."""
    monkeypatch.setattr(Figure, "savefig", lambda _, path, **__: Image.new("RGB", (4, 4)).save(path, "PNG"))
    config = ExamConfig(
        model=str(toy / "net.safetensors"), architecture=str(toy / "net.py"), model_labels=str(toy / "classes.txt"),
        preprocessing=PreprocessingConfig(mean=0.0, std=1.0, size=16, crop=1.0, interpolation="bilinear"),
        photographs=tuple(str(toy / "pool" / name) for name in ("red/1.png", "green/2.png")),
        parts=("attack",), appendix="none", target="green", epsilon="2/255",
    )  # fmt: skip
    found = run_exam(config, tmp_path / "out")
    (finding,) = found.findings
    assert finding[1].rstrip(".").endswith("; one photograph could not be attacked")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count("2.png: shows &#39;green&#39; already") + page.count("2.png: shows 'green' already") == 2


def test_an_earlier_draws_files_are_gone(toy: Path, tmp_path: Path, monkeypatch) -> None:
    """Neither there nor signed; what somebody else put beside them stays, and is not signed."""
    monkeypatch.setattr(Figure, "savefig", lambda _, path, **__: Image.new("RGB", (4, 4)).save(path, "PNG"))
    config = ExamConfig(
        model=str(toy / "net.safetensors"), architecture=str(toy / "net.py"), model_labels=str(toy / "classes.txt"),
        preprocessing=PreprocessingConfig(mean=0.0, std=1.0, size=16, crop=1.0, interpolation="bilinear"),
        parts=("attack",), appendix="none", checklist=False, target="black", epsilon="2/255",
    )  # fmt: skip
    out = tmp_path / "out"

    def taken_of(*names: str) -> set[str]:
        photographs = tuple(str(toy / "pool" / name) for name in names)
        assert run_exam(dataclasses.replace(config, photographs=photographs), out).failed == ()
        listed = json.loads((out / "contents.json").read_text(encoding="utf-8"))["digests"]
        assert set(json.loads((out / "manifest.json").read_text(encoding="utf-8"))["files"]) >= set(listed)
        there = {path.relative_to(out).as_posix() for path in (out / "attack").rglob("*.*") if path.is_file()}
        assert {name for name in listed if name.startswith("attack/")} == there - {"attack/mine-adversarial.png"}
        return there

    five = ("red/1.png", "red/2.png", "red/3.png", "blue/1.png", "green/1.png")
    before = taken_of(*five)
    assert {"attack/red-1-adversarial.png", "attack/attacks-2.png", "attack/attacks/3-adversarial.json"} <= before
    shutil.copy(out / "attack" / "2-adversarial.png", out / "attack" / "mine-adversarial.png")
    after = taken_of("red/2.png", "green/0.png")
    assert {name for name in after if "adversarial" in name} == {
        f"attack/{name}" for name in (
            "2-adversarial.png", "0-adversarial.png", "attacks/2-adversarial.json", "attacks/0-adversarial.json",
            "mine-adversarial.png",
        )
    }  # fmt: skip
    assert "attack/attacks-2.png" not in after


def test_a_draw_is_even_wherever_it_ends() -> None:
    classes = ["a"] * 10 + ["b"] * 3 + [None]
    order = drawn_in_turn(classes, np.random.default_rng(3))
    assert sorted(order) == list(range(14))
    for end in range(1, 15):
        counts = Counter(classes[index] for index in order[:end])
        sizes = {"a": 10, "b": 3, None: 1}
        # Nobody has two more than another who still has some left.
        assert all(counts[x] - counts[y] <= 1 or counts[y] == sizes[y] for x in sizes for y in sizes)
    assert drawn_in_turn(classes, np.random.default_rng(4)) != order


def test_of_many_photographs_some_are_drawn_evenly(toy: Path) -> None:
    classifier = toy_classifier()
    config = ExamConfig(photographs=(str(toy / "pool"),), sample=3)
    chosen = choose_photographs(config, classifier)
    assert sorted(chosen.classes) == [0, 1, 2]
    assert chosen.rule == "3 of 12 photographs, drawn by seed 0, evenly over 3 classes."
    assert chosen == choose_photographs(config, classifier)
    draws = {choose_photographs(ExamConfig(photographs=config.photographs, sample=3, seed=n), classifier).paths
             for n in range(6)}  # fmt: skip
    assert len(draws) > 1
    everything = choose_photographs(ExamConfig(photographs=config.photographs, sample="all"), classifier)
    assert (len(everything.paths), everything.rule) == (12, "All 12 photographs.")


def test_files_that_are_named_by_themselves_are_not_left_to_the_draw(toy: Path) -> None:
    classifier = toy_classifier()
    named = tuple(str(toy / "pool" / name) for name in ("red/1.png", "blue/2.png", "green/3.png"))
    pool = (str(toy / "pool"),)
    for seed in range(4):
        chosen = choose_photographs(ExamConfig(photographs=(*named[:2], *pool), sample=4, seed=seed), classifier)
        assert chosen.paths[:2] == named[:2]
        assert len(chosen.paths) == 4
        assert chosen.rule == (
            f"4 of 12 photographs, two named by themselves and the rest drawn by seed {seed}, in an order even over 3 "
            "classes."
        )
    # What the model is not sure of is passed over, also where it was named.
    unsure = str(toy / "pool" / "red" / "0.png")
    chosen = choose_photographs(ExamConfig(photographs=(unsure, *pool), sample=3, sure=0.5), classifier)
    assert unsure not in chosen.paths
    assert "themselves" not in chosen.rule
    # As many as the sample, or more, are drawn as ever.
    drawn = {choose_photographs(ExamConfig(photographs=named, sample=2, seed=seed), classifier).paths
             for seed in range(6)}  # fmt: skip
    assert len(drawn) > 1
    chosen = choose_photographs(ExamConfig(photographs=(named[0], *pool), sample=2), classifier)
    assert ", one named by itself and the rest drawn by seed 0," in chosen.rule


def test_the_rule_says_what_was_passed_over(toy: Path, tmp_path: Path) -> None:
    """Photographs that cannot be read, or whose class nobody says, and classes that gave none."""
    classifier = toy_classifier()
    pool = shutil.copytree(toy / "pool", tmp_path / "pool")
    (pool / "red" / "0.png").write_bytes(b"")

    def rule(**said) -> str:
        return choose_photographs(ExamConfig(photographs=(str(pool),), **said), classifier).rule

    assert rule(sample="all") == "11 of 12 photographs; 1 could not be read."
    assert rule(sample="all", sure=0.5).endswith(
        "of the 12 that were tried, 1 of which could not be read. How often the model is right they do not say."
    )
    for number in range(1, 4):
        (pool / "red" / f"{number}.png").write_bytes(b"")
    said = "6 of 12 photographs, drawn by seed 0, in an order even over 3 classes; "
    assert re.fullmatch(f"{said}[23] could not be read.", rule(sample=6))
    assert rule(sample=6, sure=0.5).startswith(said.replace("; ", ": those"))
    shutil.rmtree(pool / "red")
    assert rule(sample=4) == "4 of 8 photographs, drawn by seed 0, evenly over 2 classes."
    assert rule(sample=1) == "1 of 8 photographs, drawn by seed 0, in an order even over 2 classes."
    shutil.copy(pool / "blue" / "1.png", pool)
    assert rule(sample=4) == (
        "4 of 9 photographs, drawn by seed 0, evenly over 2 classes and the photographs whose class nobody says."
    )
    shutil.rmtree(pool / "green")
    shutil.rmtree(pool / "blue")
    shutil.copy(toy / "pool" / "blue" / "2.png", pool)
    assert rule(sample=1) == "1 of 2 photographs, drawn by seed 0."


def test_a_students_name_decides_what_is_drawn(toy: Path) -> None:
    classifier = toy_classifier()

    def drawn(student: str) -> tuple[object, int]:
        photographs = (str(toy / "pool"),)
        config = ExamConfig(photographs=photographs, sample=3, student=student, target="random")
        chosen = choose_photographs(config, classifier)
        assert f"drawn by the name {student} and seed 0" in chosen.rule
        return chosen.paths, target_class(config, classifier, chosen.classes)

    assert drawn("Ada Lovelace") == drawn("ada  lovelace ")
    # As a Mac's file name has it, and as it is typed.
    for number in range(6):
        name = f"Zoë Müller {number}"
        assert drawn(unicodedata.normalize("NFD", name)) == drawn(unicodedata.normalize("NFC", name))
    assert len({drawn(f"student {number}") for number in range(6)}) > 3
    # The only class that no photograph of a draw of three shows.
    assert drawn("Ada Lovelace")[1] == 3


def test_only_those_that_the_model_is_sure_of(toy: Path) -> None:
    classifier = toy_classifier()
    photographs = (str(toy / "pool"),)
    chosen = choose_photographs(ExamConfig(photographs=photographs, sample="all", sure=0.5), classifier)
    assert {Path(path).name for path in chosen.paths} == {"1.png", "2.png", "3.png"}
    assert chosen.rule == (
        "9 of 12 photographs: those that the model gets right with a probability of at least 0.5, of the 12 that were "
        "tried. How often the model is right they do not say."
    )
    with pytest.raises(InputError, match="none of 12 photographs is classified right with .* at least 0.99"):
        choose_photographs(ExamConfig(photographs=photographs, sure=0.99), classifier)
    with pytest.raises(InputError, match="sure: nobody says what the photographs show"):
        choose_photographs(ExamConfig(sure=0.5), classifier)


def test_a_copy_of_a_bundled_photograph_keeps_its_label(tmp_path: Path, lite0) -> None:
    shutil.copy(bundled_photographs()[0].path, tmp_path / "mine.png")
    chosen = choose_photographs(ExamConfig(photographs=(str(tmp_path / "mine.png"),)), lite0)
    assert chosen.classes == (lite0.labels.find("espresso"),)
    config = ExamConfig(photographs=(str(tmp_path / "mine.png"),), labels={"mine.png": "cow pat"})
    with pytest.raises(InputError, match="labels: mine.png: no class named 'cow pat'"):
        choose_photographs(config, lite0)


def test_equal_names_are_told_apart(tmp_path: Path) -> None:
    paths = ["a/x/1.png", "b/x/1.png", "b/2.png", str(tmp_path / "3.png")]
    assert list(photograph_names(paths).values()) == ["a/x/1.png", "b/x/1.png", "2.png", "3.png"]
    copies = copy_names(["x/b.jpg", "y/b.jpg", "z/x_b.jpg", "z/x_b-2.jpg", "z/Y_B.jpg", "z/c.tar.png"])
    assert list(copies.values()) == ["x_b.jpg", "y_b.jpg", "x_b-2.jpg", "x_b-2-2.jpg", "Y_B-2.jpg", "c.tar.png"]
    assert names_of(["a/1.png", "b/1.png", "b/2.png"]) == "a/1.png, b/1.png, 2.png"
    assert photograph_names(["1.png", "./1.png"]) == {"1.png": "1.png", "./1.png": "./1.png"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sample = 0", "sample is 0 .*above 0, or all"),
        ("sample = 'some'", "sample is 'some'"),
        ("sure = 1.0", "sure is 1 .*below 1"),
        ("seed = -1", "seed is -1"),
        ("labels = 3", "labels is 3"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "exam.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=f"line 1.*{message}"):
        read_exam_config(tmp_path / "exam.toml")


def test_labels_of_photographs_count_alike_in_every_command(toy: Path, tmp_path: Path, snellen_command) -> None:
    """By folders and by a table: the same answers of classify, attack and stress."""
    (tmp_path / "labels.csv").write_text(
        "file_name,label\nred/0.png,green\ngreen/0.png,1\nnobody.png,red\n", encoding="utf-8"
    )
    files = [toy / "pool" / name / "0.png" for name in ("red", "green")]
    told = ["--photo-labels", tmp_path / "labels.csv"]
    done = snellen_command("classify", *files, *model_options(toy))
    assert "By the names of their folders 0% (0 of 2;" in done.stdout, done.stderr
    done = snellen_command("classify", *files, *told, *model_options(toy))
    assert "By the labels 50% (1 of 2;" in done.stdout, done.stderr
    done = snellen_command("classify", *files, *told, "--json", *model_options(toy))
    assert "By the labels 50% (1 of 2;" in done.stderr
    assert len(json.loads(done.stdout)) == 2
    out = tmp_path / "attack"
    done = snellen_command("attack", *files, *told, "--untargeted", "--json", "--out", out, *model_options(toy))
    attacks = json.loads(done.stdout)["attacks"]
    assert [(one["label"]["label"], one["label_given"]) for one in attacks] == [("green", True), ("green", True)]
    done = snellen_command("stress", *files, *told, "--json", "--out", tmp_path / "stress", *model_options(toy))
    assert [one["label"] for one in json.loads(done.stdout)["photographs"]] == [1, 1], done.stderr
    refused = snellen_command("attack", *files, *told, "--label", "red", "--untargeted", "--out", out)
    assert "--label and --photo-labels cannot go together" in refused.stderr
    (tmp_path / "labels.csv").write_text("file_name,label\nnobody.png,red\n", encoding="utf-8")
    refused = snellen_command("classify", *files, *told, *model_options(toy))
    assert (refused.returncode, "names none of the photographs (0.png, 0.png)" in refused.stderr) == (2, True)


@pytest.fixture(scope="module")
def taken(toy: Path, tmp_path_factory) -> tuple[Path, object]:
    """Three good configurations, two of which are one student's, and a bad one."""
    import forked

    folder = tmp_path_factory.mktemp("class")
    common = f'photographs = ["{toy / "pool"}"]\nsample = 3\nparts = ["categories", "attack", "stress"]\n'
    for name, student in (("ada", "Ada"), ("bob", "Bob"), ("copy", "Ada")):
        text = f'author = "{name}"\nstudent = "{student}"\nepsilon = "40/255"\n{common}'
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    (folder / "bad.toml").write_text("modle = 3", encoding="utf-8")
    configs = [folder / f"{name}.toml" for name in ("ada", "bad", "bob", "copy")]
    done = forked.run("exam", *configs, "--out", folder / "out", "--allow", toy / "pool", *model_options(toy))
    return folder, done


def test_a_class_in_one_command(taken) -> None:
    folder, done = taken
    assert done.returncode == 2, done.stderr
    assert "bad: " in done.stderr
    assert "unknown key 'modle'" in done.stderr
    # Two draws from one pool may meet, and what is attacked alike is one file; the copy has all.
    assert "copy has attacked files in common with ada (3), bob (1)\n" in done.stdout
    assert "3 of 4 exams have photographs in common with another; class.csv says with which\n" in done.stdout
    assert "3 of 4 exams without a problem" in done.stdout
    rows = list(csv.DictReader((folder / "out" / "class.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["configuration"] for row in rows] == ["ada", "bad", "bob", "copy"]
    assert [row["status"] for row in rows] == ["0", "2", "0", "0"]
    assert rows[0]["same attacks"].endswith("copy (3)")
    assert rows[0]["Fooling it: saved files seen as the target within 40/255"].endswith("of 3")
    assert [(row["student"], row["target"]) for row in rows] == [
        ("Ada", "black"), ("", ""), ("Bob", "black"), ("Ada", "black")
    ]  # fmt: skip
    assert rows[3]["same photographs"] == "ada (3), bob (1)"
    page = (folder / "out" / "class.html").read_text(encoding="utf-8")
    assert "unknown key" in page
    entries = json.loads((folder / "out" / "class.json").read_text(encoding="utf-8"))
    assert entries[3]["same_photographs"] == {"ada": 3, "bob": 1}
    # What one has taken another need not: the answer is the same file, time and all.
    answers = [
        (folder / "out" / name / "attack" / "answer.json").read_text(encoding="utf-8") for name in ("ada", "copy")
    ]
    assert answers[0] == answers[1]
    # The assignment's own update stands beside the search in a table.
    (_, _, table) = (block for block in json.loads(answers[0])["answer"]["blocks"] if block["kind"] == "table")
    rules = json.loads((folder / "out" / "ada" / "attack" / "rule.json").read_text(encoding="utf-8"))["attacks"]
    assert table["columns"][1] == "assigned update: probability"
    assert [row[1:3] for row in table["rows"]] == [
        [in_percent(rule["attacked"]["target"]), str(rule["gradients"])] for rule in rules
    ]
    contents = json.loads((folder / "out" / "ada" / "contents.json").read_text(encoding="utf-8"))
    assert len(contents["photographs"]) == 3
    assert all((folder / "out" / "ada" / copy).is_file() for copy in contents["photographs"].values())


def test_a_late_exam_takes_nobodys_line(taken, toy: Path, tmp_path: Path, snellen_command) -> None:
    """Lines of exams that are in the folder stay, and what a late one has in common with them is said."""
    folder, _ = taken
    out = shutil.copytree(folder / "out", tmp_path / "out")
    shutil.rmtree(out / "bob")
    for name, target in (("late", "green"), ("later", "random")):
        (tmp_path / f"{name}.toml").write_text(
            f'student = "Ada"\nphotographs = ["{toy / "pool"}"]\nsample = 3\nparts = ["categories"]\n'
            f'target = "{target}"\n', encoding="utf-8",
        )  # fmt: skip
    configs = [tmp_path / "late.toml", tmp_path / "later.toml"]
    done = snellen_command("exam", *configs, "--out", out, "--allow", toy / "pool", *model_options(toy))
    assert done.returncode == 0, done.stderr
    assert f"class.csv keeps the lines of two earlier exams in {out}" in done.stderr
    rows = list(csv.DictReader((out / "class.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["configuration"] for row in rows] == ["ada", "copy", "late", "later"]
    assert [row["target"] for row in rows] == ["black", "black", "green", "black"]
    assert rows[0]["same photographs"] == "copy (3), late (3), later (3)"
    assert rows[0]["Fooling it: saved files seen as the target within 40/255"].endswith("of 3")
    (out / "class.json").write_text("{}", encoding="utf-8")
    done = snellen_command("exam", *configs, "--out", out, "--allow", toy / "pool", *model_options(toy))
    assert "class.json: the lines of earlier exams are lost: " in done.stderr


def test_a_late_exam_alone_takes_nobodys_place(taken, toy: Path, tmp_path: Path, snellen_command) -> None:
    """It gets a folder and a line of its own, is held to its folder, and the class is still verified as a whole."""
    folder, _ = taken
    out = shutil.copytree(folder / "out", tmp_path / "out")
    (tmp_path / "in").mkdir()
    late = tmp_path / "in" / "late.toml"
    late.write_text(f'photographs = ["{toy / "pool"}"]\nsample = 3\nparts = ["categories"]\n', encoding="utf-8")
    exam = ["exam", late, "--out", out, *model_options(toy)]
    refused = snellen_command(*exam)
    assert (refused.returncode, "is not below the configuration's folder" in refused.stderr) == (2, True)
    done = snellen_command(*exam, "--allow", toy / "pool")
    assert done.returncode == 0, done.stderr
    assert "class.csv keeps the lines of three earlier exams" in done.stderr
    rows = list(csv.DictReader((out / "class.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["configuration"] for row in rows] == ["ada", "bob", "copy", "late"]
    assert not (out / "contents.json").exists()
    for options, said in (
        ([*exam[1:4], "--notebook"], "the folder of a class and --notebook cannot go together"),
        (["--out", out], f"{out}: holds the exams of a class"),
        ([late, late.with_name("on.toml"), "--out", out / "ada"], f"{out / 'ada'}: holds a single exam, and no class"),
    ):
        refused = snellen_command("exam", *options)
        assert (refused.returncode, said in refused.stderr) == (2, True), refused.stderr
    # What an earlier exam left in the folder itself stands for no other.
    for name in ("contents.json", "manifest.json"):
        shutil.copy(out / "late" / name, out / name)
    edited(out / "bob" / "contents.json", lambda v: v["digests"].update({"report.pdf": "0" * 64}))
    done = snellen_command("verify", out, "--csv", *model_options(toy))
    assert done.returncode == 1, done.stderr
    verdicts = {Path(row["path"]).name: row["verdict"] for row in csv.DictReader(io.StringIO(done.stdout))}
    assert verdicts == {
        "out": "does not hold", "ada": "holds", "bob": "does not hold", "copy": "holds", "late": "holds",
    }  # fmt: skip


def test_an_interrupted_class_has_its_table_until_then(toy: Path, tmp_path: Path, monkeypatch) -> None:
    """Of who was taken, and of who was taken before and is still there; of nobody else, whatever it said before."""
    monkeypatch.setattr(Figure, "savefig", lambda _, path, **__: Image.new("RGB", (4, 4)).save(path, "PNG"))
    out = tmp_path / "out"

    def change(config: ExamConfig) -> ExamConfig:
        if config.author == "interrupted":
            raise KeyboardInterrupt
        options = PreprocessingConfig(mean=0.0, std=1.0, size=16, crop=1.0, interpolation="bilinear")
        return dataclasses.replace(
            config, model=str(toy / "net.safetensors"), architecture=str(toy / "net.py"),
            model_labels=str(toy / "classes.txt"), preprocessing=options, appendix="none",
            photographs=(str(toy / "pool" / "red" / "1.png"),), parts=("categories",),
        )  # fmt: skip

    def taken_of(*names: str) -> list[tuple[str, str]]:
        replaced = ("model", "model_labels", "photographs")
        run_exams([tmp_path / f"{name}.toml" for name in names], out, change=change, replaced=replaced)
        return lines()

    def lines() -> list[tuple[str, str]]:
        table = (out / "class.csv").read_text(encoding="utf-8").splitlines()
        entries = json.loads((out / "class.json").read_text(encoding="utf-8"))
        rows = [(row["configuration"], row["status"]) for row in csv.DictReader(table)]
        assert rows == [(one["name"], str(one["status"])) for one in entries]
        return rows

    for name, text in {"ada": "", "bob": "modle = 3", "eve": "", "fay": 'author = "interrupted"'}.items():
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    assert taken_of("ada", "bob") == [("ada", "0"), ("bob", "2")]
    with pytest.raises(KeyboardInterrupt):
        taken_of("fay", "bob")
    assert lines() == [("ada", "0")]
    with pytest.raises(KeyboardInterrupt):
        taken_of("bob", "eve", "fay")
    assert lines() == [("ada", "0"), ("bob", "2"), ("eve", "0")]
    assert taken_of("ada", "eve") == [("ada", "0"), ("eve", "0")]


def test_the_command_line_overrides_a_configuration(toy: Path, tmp_path: Path, snellen_command) -> None:
    arguments = ["--photographs", toy / "pool" / "red", "--sample", "all", "--seed", "5", *model_options(toy)]
    parts = tmp_path / "exam.toml"
    parts.write_text('parts = ["categories"]\nphotographs = ["gone"]\n[labels]\n"gone" = "red"\n', encoding="utf-8")
    done = snellen_command("exam", parts, "--out", tmp_path / "run", *arguments)
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["provenance"]["seed"] == 5
    assert "All 4 photographs." in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    done = snellen_command("exam", parts, "--out", tmp_path / "run", *arguments, "--sure", "0.5")
    assert "3 of 4 photographs: those" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8"), done.stderr
    refused = snellen_command("exam", parts, "--sample", "few", *model_options(toy))
    assert (refused.returncode, "sample is 'few'" in refused.stderr) == (2, True)


def test_a_compared_folder_shows_only_itself(taken, tmp_path: Path, snellen_command) -> None:
    folder, _ = taken
    stranger = shutil.copytree(folder / "out" / "ada", tmp_path / "stranger")
    (tmp_path / "private").mkdir()
    (stranger / "evaluation").symlink_to(tmp_path / "private")
    done = snellen_command("exam", "--compare", stranger, folder / "out" / "bob", "--out", tmp_path / "side")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert f"{stranger}: holds a link that leads out of it" in done.stderr
    assert not (tmp_path / "side").exists()
    (stranger / "evaluation").unlink()
    pictures = [path for path in stranger.rglob("*.png") if path.parent.name != "photographs"]
    for path in pictures:
        path.write_bytes(path.read_bytes()[:200])
    done = snellen_command("exam", "--compare", stranger, folder / "out" / "bob", "--out", tmp_path / "side")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "damaged image" in done.stderr


def test_more_than_two_are_compared(taken, tmp_path: Path, snellen_command) -> None:
    folder, _ = taken
    runs = [folder / "out" / name for name in ("ada", "bob", "copy")]
    done = snellen_command("exam", "--compare", *runs, "--out", tmp_path / "side")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "side" / "report.html").read_text(encoding="utf-8")
    assert all(f"({name})" in page for name in ("ada", "bob", "copy"))
    # Photographs of one name in other folders are rows of their own.
    assert "red/" in page
    refused = snellen_command("exam", "--compare", runs[0], "--out", tmp_path / "one")
    assert (refused.returncode, "1 exams to compare" in refused.stderr) == (2, True)


@pytest.fixture
def handed_in(taken, tmp_path: Path) -> Path:
    """A copy of what one handed in, to do things to."""
    folder, _ = taken
    return Path(shutil.copytree(folder / "out" / "ada", tmp_path / "ada"))


def edited(path: Path, change) -> None:
    values = json.loads(path.read_text(encoding="utf-8"))
    change(values)
    path.write_text(json.dumps(values), encoding="utf-8")


def test_what_was_handed_in_holds(toy: Path, taken, snellen_command) -> None:
    """Of one folder each claim; of several what matters first, and a verdict for each at the end."""
    folder, _ = taken
    runs = [folder / "out" / name for name in ("ada", "bob", "copy")]
    asked = ["--pool", toy / "pool", "--drawn", folder, *model_options(toy)]
    done = snellen_command("verify", runs[0], *asked)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "does not hold" not in done.stdout
    assert "holds: categories: 3 of 3 photographs are seen by net.safetensors as it says" in done.stdout
    assert "holds: 3 of 3 photographs are files of" in done.stdout
    assert "holds: 3 of the three photographs drawn by 'Ada' and seed 0 are in the folder" in done.stdout
    assert done.stdout.count("the folder has nothing of training and probe") == 1
    # The folder of the class stands for the exams in it.
    done = snellen_command("verify", folder / "out", *asked)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    lines = [line.replace(f"{folder / 'out'}/", "") for line in done.stdout.splitlines()]
    assert lines[:4] == [
        "one attacked file is in ada, bob and copy",
        "two attacked files are in ada and copy",
        "ada and copy have the same three photographs",
        "three photographs are in more than one folder, as in draws from one pool",
    ]
    assert [line.split()[:2] for line in lines[4:]] == [
        ["folder", "verdict"], ["ada", "holds"], ["bob", "holds"], ["copy", "holds"]
    ]  # fmt: skip
    # A model that the folder names is not looked for: it may name anything.
    (folder / "out" / "Thumbs.db").touch()
    beside = [folder / "out" / name for name in ("class.csv", "class.html", "Thumbs.db")]
    unnamed = snellen_command("verify", runs[0], *beside)
    assert (unnamed.returncode, "cannot be told: the model is" in unnamed.stdout) == (0, True)
    assert snellen_command("verify", toy).returncode == 2


def test_the_draw_is_made_again(toy: Path, taken, tmp_path: Path, snellen_command) -> None:
    """Whoever took another's name is found out by the name that the teacher has."""
    folder, _ = taken
    given = tmp_path / "given"
    given.mkdir()
    said = (folder / "ada.toml").read_text(encoding="utf-8")
    (given / "ada.toml").write_text(said.replace('"Ada"', '"Fay"') + 'target = "random"\n', encoding="utf-8")
    ada, bob = (folder / "out" / name for name in ("ada", "bob"))
    done = snellen_command("verify", ada, bob, "--drawn", given, "--json", *model_options(toy))
    assert done.returncode == 1, done.stderr
    assert f"{bob}: {given} has no bob.toml, by which it was drawn" in done.stderr
    verified = json.loads(done.stdout)["verified"]
    assert [one["verdict"] for one in verified] == ["does not hold", "not verified"]
    wrong = [claim["what"] for claim in verified[0]["claims"] if claim["holds"] is False]
    assert re.fullmatch(
        r"[012] of the three photographs drawn by 'Fay' and seed 0 are in the folder; it has [123] that are not",
        wrong[0],
    )
    # Of one configuration alone, whatever the folder is called.
    done = snellen_command("verify", bob, "--drawn", folder / "bob.toml", "--csv", *model_options(toy))
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert (row["path"], row["verdict"], row["do not hold"], row["problems"]) == (str(bob), "holds", "0", "")
    (given / "ada.toml").write_text(said.replace("sample = 3", 'target = "green"'), encoding="utf-8")
    done = snellen_command("verify", ada, "--drawn", given, *model_options(toy))
    assert "its target is black, and green is drawn by 'Ada' and seed 0" in done.stdout, done.stderr
    # What was asked for and is not there does not hold, whatever the folder says that it had.
    less = shutil.copytree(ada, tmp_path / "ada")
    shutil.rmtree(less / "attack")
    shutil.rmtree(less / "stress")
    gone = ("attack/", "stress/")
    edited(less / "contents.json", lambda v: v.update(
        parts=["categories"], digests={n: one for n, one in v["digests"].items() if not n.startswith(gone)}
    ))  # fmt: skip
    done = snellen_command("verify", less, "--drawn", folder / "ada.toml", "--csv", *model_options(toy))
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert (row["verdict"], row["nothing of"]) == ("does not hold", "attack, training, probe, stress"), done.stderr
    nothing = "was asked for, and the folder has nothing of it"
    assert row["problems"] == f"attack: {nothing}; stress: {nothing}"
    done = snellen_command("verify", less, ada, *model_options(toy))
    table = dict(line.rstrip().rsplit("  ", 1) for line in done.stdout.splitlines()[-2:])
    assert list(table.values()) == ["attack, training, probe", "training, probe"], done.stdout
    unnamed = snellen_command("verify", ada, "--drawn", given)
    assert (unnamed.returncode, "--drawn needs the model (--model)" in unnamed.stderr) == (2, True)


def test_a_first_look_that_no_configuration_says_is_named(toy: Path, tmp_path: Path, snellen_command) -> None:
    """Whoever is drawn for again by a configuration that lacks what the command line said is not accused without it."""
    config, home = tmp_path / "x.toml", tmp_path / "out"
    text = f'student = "x"\nphotographs = ["{toy / "pool"}"]\nparts = ["categories"]\n'
    config.write_text(text, encoding="utf-8")
    assert snellen_command("exam", config, "--quick", "--out", home, *model_options(toy)).returncode == 0
    verify = ["verify", home, "--drawn", config, *model_options(toy)]
    done = snellen_command(*verify)
    said = "its are those of a first look, which the configuration does not ask for (quick = true)"
    lines = [line for line in done.stdout.splitlines() if line.startswith("does not hold: ")]
    assert lines == [
        f"does not hold: 4 of the eight photographs drawn by 'x' and seed 0 are in the folder; {said}"
    ], done.stdout + done.stderr  # fmt: skip
    config.write_text(text.replace('"x"', '"y"'), encoding="utf-8")
    done = snellen_command(*verify)
    assert (done.returncode, "drawn by 'y'" in done.stdout, "first look" in done.stdout) == (1, True, False)
    config.write_text(f"{text}quick = true\n", encoding="utf-8")
    done = snellen_command(*verify)
    assert (done.returncode, "holds: 4 of the four photographs drawn by 'x'" in done.stdout) == (0, True), done.stdout


def signed_again(home: Path) -> None:
    """Its digests as they would be if an exam had written it."""
    from snellen.exam.contents import digest

    edited(home / "contents.json", lambda v: v["digests"].update({name: digest(home / name) for name in v["digests"]}))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda one: one["attacked"]["top"].update(probability=0.99991), "is said to be seen as .* .0.9999., and is"),
        (lambda one: one["attacked"].update(target=0.99991), "the target is said to have 0.99991, and has"),
        (lambda one: one["attacked"].update(label=0.00001, changed=True), "the label is said to have 1e-05, and has"),
        (lambda one: one["original"].update(probability=0.99991), "is said to be '[a-z]+' .0.9999., and is seen as"),
        (lambda one: one["target"].update(probability=None), "is said to be 'black' .nan., and is seen as 'black'"),
        (lambda one: one.update(norm=1), "is said to be a .* of norm 1/255"),
    ],
)
def test_an_attacks_numbers_are_measured_anew(toy: Path, handed_in: Path, change, line: str) -> None:
    """Also where every file that holds them was changed alike, and the digests with them."""
    from snellen.attacks.files import to_csv
    from snellen.attacks.result import AttackResult
    from snellen.runs.serialise import from_plain

    result = handed_in / "attack" / "result.json"
    edited(result, lambda v: change(v["attacks"][0]))
    attacks = json.loads(result.read_text(encoding="utf-8"))["attacks"]
    table = to_csv([from_plain(AttackResult, one, "") for one in attacks], [])
    report = Path(attacks[0]["file"]).with_suffix(".json").name
    edited(handed_in / "attack" / "attacks" / report, lambda v: change(v["attack"]))
    (handed_in / "attack" / "attacks.csv").write_text(table, encoding="utf-8")
    signed_again(handed_in)
    found = verify_exam(handed_in, Means(toy_classifier()))
    wrong = [str(claim) for claim in found.claims if claim.holds is False]
    assert any(re.search(line, one) for one in wrong), wrong
    assert not any("does not say what" in one for one in wrong)


def test_what_was_taken_out_is_missed(handed_in: Path) -> None:
    """An attack that failed, or a photograph that was seen wrongly, cannot be left out of the results."""
    for part, key in (("categories", "results"), ("attack", "attacks")):
        edited(handed_in / part / "result.json", lambda v: v[key].pop())  # noqa: B023
    signed_again(handed_in)
    wrong = [claim.what for claim in verify_exam(handed_in, Means(toy_classifier())).claims if claim.holds is False]
    assert [line.partition(":")[0] for line in wrong if "nothing is said of one photograph: " in line] == [
        "categories", "attack"
    ]  # fmt: skip
    assert "attack/attacks.csv does not say what attack/result.json does" in wrong


def test_an_attack_that_is_called_a_failure_is_looked_into(handed_in: Path) -> None:
    """A photograph may show the target before any attack, and that can be seen; else it could have been attacked."""
    from snellen.attacks.files import to_csv
    from snellen.attacks.result import AttackResult
    from snellen.runs.serialise import from_plain

    result = handed_in / "attack" / "result.json"
    gone: list[dict] = []

    def give_up(values: dict) -> None:
        gone.append(values["attacks"].pop(0))
        values["failures"].append({"image": gone[0]["name"], "error": "shows 'black' already (another target)"})

    edited(result, give_up)
    attacks = [from_plain(AttackResult, one, "") for one in json.loads(result.read_text(encoding="utf-8"))["attacks"]]
    failures = [Failure(gone[0]["name"], "shows 'black' already (another target)")]
    (handed_in / "attack" / "attacks.csv").write_text(to_csv(attacks, failures), encoding="utf-8")
    (handed_in / "attack" / gone[0]["file"]).unlink()
    edited(handed_in / "contents.json", lambda v: v["digests"].pop(f"attack/{gone[0]['file']}"))
    signed_again(handed_in)
    claims = verify_exam(handed_in, Means(toy_classifier())).claims
    wrong = [one.what for one in claims if one.holds is False and "was not attacked" in one.what]
    seen = gone[0]["original"]["label"]
    assert len(wrong) == 1, claims
    assert f"was not attacked, though it can be read and is seen as '{seen}'" in wrong[0]
    # Where what is seen is what was asked for, it is no more than the truth.
    index = gone[0]["original"]["index"]
    honest = [one.what for one in verify_exam(handed_in, Means(toy_classifier(), target=index)).claims if one.holds]
    assert any(f"is seen as '{seen}' before any attack, as it says" in one for one in honest), honest


def test_what_is_told_twice_is_told_alike(handed_in: Path) -> None:
    """The table and the reports of attacks beside their results; of categories those after the first."""
    said = handed_in / "attack" / "attacks.csv"
    said.write_text(said.read_text(encoding="utf-8").replace("black,40", "black,4"), encoding="utf-8")
    report = sorted((handed_in / "attack" / "attacks").glob("*.json"))[0]
    edited(report, lambda v: v["attack"]["attacked"].update(target=0.99991))
    change = {"probability": 0.99991}
    edited(handed_in / "categories" / "result.json", lambda v: v["results"][0]["predictions"][1].update(change))
    signed_again(handed_in)
    found = verify_exam(handed_in, Means(toy_classifier()))
    wrong = [claim.what for claim in found.claims if claim.holds is False and "the weights are" not in claim.what]
    assert wrong[0] == "categories: 2 of 3 photographs are seen by toy as it says"
    assert "is said to be" in wrong[1]
    assert wrong[2:] == [
        "attack/attacks.csv does not say what attack/result.json does",
        f"'attack/attacks/{report.name}' does not say what attack/result.json does",
    ]


def exam_folder(home: Path, **provenance: object) -> Path:
    """The least that passes for an exam's folder, by hand."""
    from snellen.runs.provenance import Provenance
    from snellen.runs.serialise import to_plain

    home.mkdir(parents=True, exist_ok=True)
    made = to_plain(Provenance.collect(model="toy", weights=toy_classifier().digest, seed=0)) | provenance
    (home / "manifest.json").write_text(json.dumps({"provenance": made, "files": []}), encoding="utf-8")
    (home / "contents.json").write_text(json.dumps({"photographs": {}, "digests": {}}), encoding="utf-8")
    return home


def lines_of(home: Path, means: Means | None = None) -> list[str]:
    return [str(claim) for claim in verify_exam(home, means).claims]


def test_a_strangers_folder_is_no_bundled_model(toy: Path, tmp_path: Path, snellen_command) -> None:
    """A folder in the working directory that bears a bundled model's name does not decide about anything."""
    (tmp_path / "tf_efficientnet_lite0").mkdir()
    shutil.copy(toy / "net.safetensors", tmp_path / "tf_efficientnet_lite0" / "model.safetensors")
    photograph = bundled_photographs()[0].path
    terms = ["verify", photograph, "--original", photograph, "--epsilon", "4/255"]
    for model in ([], ["--model", "tf_efficientnet_lite0"]):
        done = snellen_command(*terms, *model, cwd=tmp_path)
        assert "the original is seen as espresso" in done.stdout, done.stderr
    refused = snellen_command(*terms, "--architecture", "plain", cwd=tmp_path)
    assert (refused.returncode, "only a .safetensors file needs one" in refused.stderr) == (2, True)


def forge_probe(result: dict) -> None:
    """Make better each number of a probe's ``result.json`` that a report shows."""
    result["mean_per_class_accuracy"]["value"] = result["accuracy"]["share"] = result["train_accuracy"] = 0.99
    result["per_class"][3]["count"] = 11
    result["confused"][0]["count"] = 1
    result.update(n_train=3680, c=9.0)


def write_probe_result(run: Path, labels: Sequence[str], right: int) -> None:
    """A probe's ``result.json`` of a test with 12 images of each class, of each of which ``right`` are told."""
    from snellen.models.scores import most_confused, scores_of
    from snellen.runs.provenance import Provenance
    from snellen.runs.serialise import to_plain
    from snellen.transfer.probe import ConfusedPair

    confusion = right * np.eye(len(labels), dtype=np.int64)
    confusion[:, 0] += 12 - right
    scores = scores_of(confusion)
    pairs = [ConfusedPair(labels[one.true], labels[one.predicted], one.count, ()) for one in most_confused(scores)]
    values = {
        "dataset": "digits", "model": "toy", "kind": "logistic", "c": 1.0, "labels": labels, "n_train": 380,
        "train_counts": [38] * len(labels), "train_accuracy": 0.1, "accuracy": scores.accuracy,
        "mean_per_class_accuracy": scores.mean_per_class, "per_class": scores.per_class, "confusion": scores.confusion,
        "confused": pairs, "provenance": Provenance.collect(),
    }  # fmt: skip
    (run / "result.json").write_text(json.dumps(to_plain(values)), encoding="utf-8")


def test_a_strangers_folder_is_neither_the_digits_nor_a_probes_network(tmp_path: Path, monkeypatch) -> None:
    """The probe is put on the model at hand, and the digits are the package's, whatever lies here by their names."""
    from snellen.data.datasets.digits import DIGITS
    from snellen.transfer.files import Description, save_probe
    from snellen.transfer.linear import LinearProbe

    classifier = toy_classifier()
    run = exam_folder(tmp_path / "exam") / "probe"
    run.mkdir()
    labels = tuple(map(str, range(10)))
    save_probe(
        run,
        LinearProbe(np.zeros((10, 3), np.float32), 2 * np.eye(10, dtype=np.float32)[0], "logistic", 1.0),
        Description("toy", classifier.digest, classifier.preprocessing, False, "logistic", 1.0, labels, DIGITS, ""),
    )
    write_probe_result(run, labels, right=10)
    for name in ("toy", DIGITS):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    for datasets in ({}, {DIGITS: DIGITS}):
        said = next(line for line in lines_of(Path("exam"), Means(classifier, datasets)) if ": accuracy" in line)
        assert said == "does not hold: probe: accuracy 102 of 120 on the test images: from its weights 12 of 120"
    write_probe_result(run, labels, right=0)
    honest = lines_of(Path("exam"), Means(classifier))
    assert [line for line in honest if "probe: " in line] == [
        "holds: probe: its accuracies and their intervals follow from its confusion matrix",
        "cannot be told: probe: its cross-validation, its leaks and its times: only learning again tells",
        "holds: probe: accuracy 12 of 120 on the test images: from its weights 12 of 120",
        "holds: probe: its confusion matrix is that of its weights",
        "holds: probe: mean-per-class accuracy 0.1000 on the images that it learned from: from its weights 0.1000",
    ]
    # Of pairs that are confused equally often the probe's scores decide which are listed, so others hold as well.
    edited(run / "result.json", lambda v: v["confused"][0].update(true="9"))
    assert lines_of(Path("exam"), Means(classifier)) == honest
    edited(run / "result.json", lambda v: v["confused"][0].update(true="0", predicted="9"))
    assert [line for line in lines_of(Path("exam")) if line.startswith("does not hold: probe: ")]
    edited(run / "result.json", lambda v: v["confused"][0].update(true="1", predicted="0"))
    # What the report is headed by, written anew by hand: found without the model, as far as it follows from the rest.
    edited(run / "result.json", forge_probe)
    wrong = [line for line in lines_of(Path("exam")) if line.startswith("does not hold: probe: ")]
    assert [line.removeprefix("does not hold: probe: ") for line in wrong] == [
        "accuracy.share is 0.99, and from its confusion matrix 0.1",
        "mean_per_class.value is 0.99, and from its confusion matrix 0.1",
        "per_class[3].count is 11, and from its confusion matrix 0",
        "confused[0][2] is 1, and from its confusion matrix 12",
        "c is 9.0, and in probe.json 1.0",
    ]
    wrong = [line for line in lines_of(Path("exam"), Means(classifier)) if line.startswith("does not hold: probe: ")]
    assert [line.removeprefix("does not hold: probe: ") for line in wrong[5:]] == [
        "n_train is 3680, and in the data set 380",
        "mean-per-class accuracy 0.9900 on the images that it learned from: from its weights 0.1000",
    ]
    edited(run / "result.json", lambda v: v["confusion"][0].append(1))
    assert "does not hold: probe: its confusion is no square of counts" in lines_of(Path("exam"))
    other = classifier_of(MeanColours(toy_weights() + 1), 16, 4)
    assert any("learned from other weights of toy" in line for line in lines_of(Path("exam"), Means(other)))


def test_a_name_is_no_verdict(tmp_path: Path, snellen_command) -> None:
    """A file's name with ends of lines in it stays on its line, as a folder's own does."""
    home = exam_folder(tmp_path / "exam\nholds: all of it")
    (home / "training" / "x\nholds: all of it").mkdir(parents=True)
    (home / "training" / "x\nholds: all of it" / "metrics.json").write_text("{}", encoding="utf-8")
    done = snellen_command("verify", home, exam_folder(tmp_path / "plain"))
    assert done.returncode == 1, done.stderr
    assert "x\\nholds: all of it" in done.stdout
    assert not any(line.startswith("holds: all") for line in done.stdout.splitlines())


def test_folders_without_end_are_a_line(tmp_path: Path, snellen_command) -> None:
    """Nested deeper than Python's stack, and then than paths may be long; the next folder is verified all the same."""
    deep, plain = exam_folder(tmp_path / "deep"), exam_folder(tmp_path / "plain")
    here = os.open(deep, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "manifest.json").write_text("[" * 100_000, encoding="utf-8")
    done = snellen_command("verify", deep, tmp_path / "bad", plain)
    subprocess.run(["rm", "-r", deep], check=True)  # pytest's own way recurses
    assert "does not hold: its folders are nested too deeply to be an exam's (at most 32)" in done.stdout, done.stderr
    assert f"{plain} " in done.stdout
    assert (done.returncode, "bad: holds no finished exam" in done.stderr) == (1, True)


def forge_training(metrics: dict) -> None:
    """Make better each number of a training's ``metrics.json`` that a report shows."""
    metrics.update(test_accuracy=0.99, seconds=9999, parameters=7)
    metrics["test"]["accuracy"].update(low=0.9)
    metrics["test"].update(loss=0.001, mistakes=[])


def test_a_network_vouches_for_its_own_recipe_only(tmp_path: Path) -> None:
    """Not a network that another file names, nor one that the weights say, nor a recipe that anybody's network fits."""
    from snellen.training.recipe import read_recipe
    from snellen.training.trainer import train

    home = exam_folder(tmp_path / "exam")
    run = home / "training" / "plain"
    train("digits", read_recipe("plain", epochs=1, size=8), out=run, device="cpu")

    def said(change=lambda _: None) -> str:
        edited(run / "metrics.json", change)
        told = ("lists all files", "follow from its confusion", "its headline is", "its history")
        lines = [line for line in lines_of(home) if "training/plain" in line and not any(one in line for one in told)]
        return lines[0]

    assert said().startswith("holds: training/plain: accuracy")
    history = "cannot be told: training/plain: its history, the loss, accuracy and time of each epoch: only training"
    assert any(line.startswith(history) for line in lines_of(home))
    honest = (run / "metrics.json").read_bytes()
    said(forge_training)
    wrong = [line for line in lines_of(home) if line.startswith("does not hold: training/plain: ")]
    for line, start in zip(
        wrong,
        (
            "accuracy.low is 0.9, and from its confusion matrix 0.",
            "test_accuracy is 0.99, and in the results below it 0.",
            "test_accuracy_interval[0] is 0.0",
            "seconds is 9999, and in the results below it ",
            "its loss is said to be 0.0010, and is ",
            "108 of its mistakes are others than those of its weights",
            "parameters is 7, and there ",
        ),
        strict=True,
    ):
        assert line.removeprefix("does not hold: training/plain: ").startswith(start)
    (run / "metrics.json").write_bytes(honest)
    (run / "config.json").write_text('{"architecture": "resnet18"}', encoding="utf-8")
    assert said().startswith("does not hold: training/plain: its config.json says another network")
    (run / "config.json").unlink()
    assert said(lambda v: v["recipe"].update(network_options={"members": 2})).startswith(
        "does not hold: training/plain: its weights are of the network that its recipe says"
    )
    assert said(lambda v: v["recipe"].update(network="batchnorm", network_options={})).startswith("does not hold")
    assert said(lambda v: v["recipe"].update(network="resnet18")).startswith("cannot be told: training/plain: accuracy")


def test_an_emptied_folder_has_nothing_that_holds(tmp_path: Path) -> None:
    """What is absent is said, part by part; what nobody lists does not hold."""
    home = exam_folder(tmp_path / "exam")
    (tmp_path / "pool").mkdir()
    nothing = "cannot be told: the folder has nothing of {}training and probe, and does not say that it had"
    assert lines_of(home, Means(pool=tmp_path / "pool")) == [
        "cannot be told: 0 of 0 files are as contents.json says",
        nothing.format("categories, attack, "),
        f"cannot be told: 0 of 0 photographs are files of {tmp_path / 'pool'}",
        "cannot be told: the model is 'toy': name it as `model` to have its answers verified",
    ]
    for part, key in (("categories", "results"), ("attack", "attacks")):
        (home / part).mkdir()
        (home / part / "result.json").write_text(json.dumps({key: [], "failures": []}), encoding="utf-8")
    (home / "training").mkdir()
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "training/.DS_Store", "training/Thumbs.db"):
        (home / name).touch()
    found = verify_exam(home, Means(toy_classifier()))
    assert [str(claim) for claim in found.claims if claim.holds is None] == [
        "cannot be told: 0 of 0 files are as contents.json says",
        nothing.format(""),
        "cannot be told: categories: 0 of 0 photographs are seen by toy as it says",
        "cannot be told: attack: 0 photographs were attacked",
    ]
    strange = "'attack/result.json', 'categories/result.json'"
    assert [str(claim) for claim in found.claims if claim.holds is False] == [
        f"does not hold: contents.json lists all files: it does not list 2, such as {strange}"
    ]
    edited(home / "contents.json", lambda v: v.update(parts=["attack", "training"]))
    assert "does not hold: training: the folder has nothing of it" in lines_of(home)


def test_what_is_too_many_is_refused_by_its_own_name(tmp_path: Path) -> None:
    """Rather than some be verified and all be counted."""
    home = exam_folder(tmp_path / "exam")
    for part, key in (("categories", "results"), ("attack", "attacks")):
        (home / part).mkdir()
        (home / part / "result.json").write_text(json.dumps({key: [{}] * 2001}), encoding="utf-8")
    edited(home / "contents.json", lambda v: v.update(photographs={str(n): "x.png" for n in range(2001)}))
    found = verify_exam(home, Means(toy_classifier()))
    assert [str(claim) for claim in found.claims if claim.holds is False] == [
        f"does not hold: {what}: 2,001 of them (at most 2,000 are verified)"
        for what in ("contents.json: photographs", "categories/result.json: results", "attack/result.json: attacks")
    ]


def test_the_configuration_of_a_folder_is_found(tmp_path: Path) -> None:
    """By its name, or where configurations of one name lie in folders of their own."""
    for name in ("ada", "teach/ada", "lab/ada", "lab/bob"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.toml").touch()
    found = {name: configurations_of(name, tmp_path) for name in ("ada", "teach_ada", "bob", "eve")}
    assert {name: [str(one.relative_to(tmp_path)) for one in ones] for name, ones in found.items()} == {
        "ada": ["ada.toml"], "teach_ada": ["teach/ada.toml"], "bob": ["lab/bob.toml"], "eve": [],
    }  # fmt: skip


def test_a_configuration_is_found_however_accents_are_written(tmp_path: Path) -> None:
    """As are a pool's photographs in one order, by which they are drawn."""
    for form, other in (("NFC", "NFD"), ("NFD", "NFC")):
        given = tmp_path / form
        (given / "pool").mkdir(parents=True)
        (given / f"{unicodedata.normalize(form, 'Zoë')}.toml").touch()
        (found,) = configurations_of(unicodedata.normalize(other, "Zoë"), given)
        assert found.parent == given
        for name in ("apple", "zebra", "äpfel"):
            (given / "pool" / unicodedata.normalize(form, f"{name}.png")).touch()
        for asked in ("pool", "pool/*.png", "**/*.png"):
            names = [unicodedata.normalize("NFC", Path(one).stem) for one in expand([str(given / asked)])]
            assert names == ["apple", "zebra", "äpfel"], (form, asked)


def test_every_key_is_told_with_an_example(tmp_path: Path, snellen_command) -> None:
    """Without the site: what ``--keys`` prints, and a configuration takes each example of it."""
    done = snellen_command("exam", "--keys")
    assert done.returncode == 0, done.stderr
    examples = re.findall(r"^    such as: (.*)$", done.stdout, re.MULTILINE)
    keys = [field.name for field in dataclasses.fields(ExamConfig)]
    assert [line.partition(" = ")[0] for line in examples] == keys
    for line in examples:
        (tmp_path / "exam.toml").write_text(line, encoding="utf-8")
        assert read_exam_config(tmp_path / "exam.toml") != ExamConfig(), line
    said = " ".join(done.stdout.split())
    assert "sure (default: 0.0) Probability in [0, 1): only photographs that the model gets right with at least" in said


@pytest.mark.parametrize(("typed", "stored"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_name_is_one_however_its_accents_are_written(typed: str, stored: str, toy: Path, tmp_path: Path) -> None:
    """As a Mac writes file names, and a keyboard types them: photographs, labels, a discussion, the runs."""
    on_disk, said = (unicodedata.normalize(form, "Größe") for form in (stored, typed))
    assert on_disk != said
    shutil.copytree(toy / "pool" / "red", tmp_path / on_disk)
    shutil.copy(tmp_path / on_disk / "1.png", tmp_path / on_disk / f"{on_disk}.png")
    (tmp_path / f"{on_disk}.txt").write_text("Mine.", encoding="utf-8")
    (tmp_path / "exam.toml").write_text(
        f'photographs = ["{said}/{said}.png", "{said}/*ö*.png"]\ntraining_runs = ["{said}"]\ndataset = "{said}"\n'
        f'[labels]\n"{said}.png" = "green"\n[discussion]\nattack = "{said}.txt"\n'.replace("*ö*", f"*{said[1:]}"),
        encoding="utf-8",
    )
    config = read_exam_config(tmp_path / "exam.toml", allowed=[])
    there = str(tmp_path / on_disk)
    photograph = f"{there}/{on_disk}.png"
    assert expand(config.photographs) == [photograph] * 2
    assert (config.training_runs, config.dataset, config.discussion) == (
        (there,), (there,), {"attack": f"{there}.txt"},
    )  # fmt: skip
    assert photo_labels(Labels(COLOURS), [photograph], config.labels) == [1]
    # And it leads out of nobody's folder.
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / on_disk).symlink_to(tmp_path / on_disk)
    for line in (f'photographs = ["{said}/1.png"]', f'photographs = ["{said}/*.png"]', f'training_runs = ["{said}"]'):
        (tmp_path / "in" / "exam.toml").write_text(line, encoding="utf-8")
        with pytest.raises(InputError, match="is not below the configuration's folder"):
            read_exam_config(tmp_path / "in" / "exam.toml", allowed=[])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[labels]\npeppers.jpg = "bell pepper"', 'a name with a dot is in quotes: "peppers.jpg"'),
        ('photographs = ["C:\\xavier\\peppers.jpg"]', "in a path / for each backslash, or the path in single quotes"),
        (f"seed = 0x{'f' * 6000}", "line 1: seed is beyond all numbers"),
        (f"title = 0x{'f' * 6000}", "line 1: title is a whole number of thousands of digits"),
        (f"target = 0x{'f' * 6000}", "line 1: target is a whole number of thousands of digits"),
        (f"[training]\nepochs = 0x{'f' * 6000}", "line 1, training: epochs is beyond all numbers"),
    ],
)
def test_what_people_write_in_toml(text: str, said: str, tmp_path: Path, snellen_command) -> None:
    (tmp_path / "exam.toml").write_text(text, encoding="utf-8")
    done = snellen_command("exam", tmp_path / "exam.toml", "--out", tmp_path / "out")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert said in done.stderr
    (tmp_path / "exam.toml").write_text("target = 812", encoding="utf-8")
    assert read_exam_config(tmp_path / "exam.toml").target == "812"


def test_whoever_shares_one_file_of_many_is_seen() -> None:
    """And whoever has one file twice shares it once."""
    have = {"ada": ["1", "2", "2"], "bob": ["2", "3"], "eve": [], "mia": ["3", "2", "2"], "zoe": ["4"]}
    assert shared_files(have) == {("ada", "bob", "mia"): 1, ("bob", "mia"): 1}
    assert list(files_in_common(have)) == [("ada", "bob", 1), ("ada", "mia", 1), ("bob", "mia", 2)]


def test_no_two_students_share_a_folder(tmp_path: Path, snellen_command) -> None:
    assert folder_names(["s/b.toml", "t/b.toml", "q/s_b.toml", "r/S_B.toml"]) == {
        "s/b.toml": "s_b", "t/b.toml": "t_b", "q/s_b.toml": "s_b-2", "r/S_B.toml": "S_B-3",
    }  # fmt: skip
    accents = [unicodedata.normalize(form, "Zoë") for form in ("NFC", "NFD")]
    assert folder_names([f"s/{one}.toml" for one in accents]) == {
        f"s/{accents[0]}.toml": accents[0], f"s/{accents[1]}.toml": f"{accents[1]}-2",
    }  # fmt: skip
    # Who had a folder keeps it, whoever else comes, and nobody else gets it.
    assert folder_names(["t/b.toml"], {"s/b.toml": "b"}) == {"t/b.toml": "t_b"}
    assert folder_names(["t/b.toml", "s/b.toml"], {"s/b.toml": "b"}) == {"t/b.toml": "t_b", "s/b.toml": "b"}
    for name in ("class.html", "CLASS.csv", "manifest.json", "", ".", ".."):
        with pytest.raises(InputError, match="its folder cannot be called"):
            folder_names(["ada.toml", f"{name}.toml"])
    refused = snellen_command("exam", "ada.toml", "class.html.toml", "--out", "out", cwd=tmp_path)
    assert (refused.returncode, "another name for the file" in refused.stderr) == (2, True)
    assert not (tmp_path / "out" / "ada").exists()


ELSEWHERE = {
    "photographs": 'photographs = ["{}/1.png"]',
    "photographs by a pattern": 'photographs = ["{}/*.png"]',
    "photographs in a folder": 'photographs = ["1.png", "{}"]',
    "labels": 'labels = "{}/labels.csv"',
    "discussion": '[discussion]\nattack = "{}/labels.csv"',
    "model_labels": 'model_labels = "{}/labels.csv"',
    "preprocessing": 'preprocessing = "{}/labels.csv"',
    "model": 'model = "{}/model.safetensors"',
    "dataset": 'dataset = "{}"',
    "evaluate": 'evaluate = ["digits", "{}"]',
    "mapping": 'mapping = "{}/labels.csv"',
    "training": '[training]\ndataset = "{}"',
    "training_runs": 'training_runs = ["{}"]',
}


def test_a_students_configuration_reads_nothing_elsewhere(tmp_path: Path, snellen_command) -> None:
    """No file of the teacher's: by its path, a path that goes up, a link, a link below, or the working directory."""
    private, home = tmp_path / "private", tmp_path / "in"
    (home / "below").mkdir(parents=True)
    private.mkdir()
    for file in (private / "1.png", home / "1.png"):
        Image.new("RGB", (8, 8)).save(file)
    for name in ("labels.csv", "model.safetensors"):
        (private / name).write_text("marks", encoding="utf-8")
    (home / "link").symlink_to(private)
    for file in private.iterdir():
        (home / "below" / file.name).symlink_to(file)
    # A link inside the folder, to where another leads out of it.
    for folder in ("first", "second"):
        (home / folder).mkdir()
        for file in private.iterdir():
            shutil.copy(file, home / folder)
    (home / "first" / "on").symlink_to("../second")
    (home / "second" / "out").symlink_to(private)
    ways = {"absolute": str(private), "up": "../private", "link": "link", "below": "below", "first": "first"}
    for number, (text, (way, place)) in enumerate(itertools.product(ELSEWHERE.values(), ways.items())):
        # Of what names a file and no folder, that is by one link only.
        said = text.format(place)
        if way == "first" and f"{place}/" in said:
            said = text.format(f"{place}/on/out")
        (home / f"{number}-{way}.toml").write_text(f'author = "=HYPERLINK(1)"\n{said}\n', encoding="utf-8")
    (home / "here.toml").write_text('dataset = "private"\n', encoding="utf-8")
    (home / "disk.toml").write_text('photographs = ["/**/*.png"]\n', encoding="utf-8")
    (home / "round.toml").write_text('photographs = ["*/../../private/*.png"]\n', encoding="utf-8")
    (home / "own.toml").write_text("modle = 3", encoding="utf-8")
    configurations = sorted(home.glob("*.toml"))
    done = snellen_command("exam", *configurations, "--out", tmp_path / "out", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    lines = done.stderr.splitlines()
    refused = [line for line in lines if "is not below the configuration's folder" in line]
    assert len(refused) == len(configurations) - 1 == len(ELSEWHERE) * len(ways) + 3, done.stderr
    assert all("(a file there, or its folder as --allow)" in line for line in refused)
    rows = list(csv.DictReader((tmp_path / "out" / "class.csv").read_text(encoding="utf-8").splitlines()))
    assert not any((tmp_path / "out" / row["configuration"]).exists() for row in rows)
    # One that is said to be somebody else's is held to it, too.
    one = snellen_command("exam", home / "0-absolute.toml", "--allow", home, "--out", tmp_path / "one")
    assert (one.returncode, "line 2: photographs: " in one.stderr) == (2, True), one.stderr
    assert not (tmp_path / "one").exists()


def test_what_a_configuration_may_name(tmp_path: Path) -> None:
    """One's own anything; a student's what is in its folder, what is allowed beside, and what the packages bring."""
    private, home = tmp_path / "private", tmp_path / "in [1]"
    for folder in (private, home):
        folder.mkdir()
        Image.new("RGB", (8, 8)).save(folder / "1.png")
    up = "../private"
    for place, allowed in (
        (str(private), None), (str(private), [private]), (up, None), (up, [private]), (up, [tmp_path]), (".", []),
    ):  # fmt: skip
        text = f'photographs = ["{place}/*.png", "{place}", "chelsea.png"]\ndataset = ["digits", "{place}"]\n'
        (home / "exam.toml").write_text(text, encoding="utf-8")
        config = read_exam_config(home / "exam.toml", allowed=allowed)
        found = [Path(one).resolve() for one in expand(config.photographs[:2])]
        assert found == [(home / place / "1.png").resolve()] * 2
        # Whatever way leads to the configuration itself.
        read_exam_config(private / ".." / home.name / "exam.toml", allowed=allowed)
        assert Path(config.dataset[1]).resolve() == (home / place).resolve()
        model = read_exam_config(home / "exam.toml", allowed=allowed).model
        assert model == ("tf_efficientnet_lite0" if allowed is None else "bundled:tf_efficientnet_lite0")


def test_a_students_folder_is_nobodys_model_or_data(toy: Path, tmp_path: Path, monkeypatch) -> None:
    """By the names of what is bundled, in the folder that a class is run from; nor is a file read by such a name."""
    from snellen.exam.context import data_set

    for name in ("digits", "tf_efficientnet_lite0"):
        shutil.copytree(toy / "pool", tmp_path / name)
        shutil.copy(toy / "net.safetensors", tmp_path / name / "model.safetensors")
    (tmp_path / "exam.toml").write_text('evaluate = "digits"\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    config = read_exam_config("exam.toml", allowed=[])
    assert config.model == "bundled:tf_efficientnet_lite0"
    for name in (*config.dataset, *config.evaluate, config.trained.dataset):
        assert len(data_set(name)) == 500
    # One's own configuration means the folder beside it, as it says.
    own = read_exam_config("exam.toml")
    assert [len(data_set(name)) for name in (*own.dataset, *own.evaluate)] == [12, 12]
    (tmp_path / "in").mkdir()
    (tmp_path / "secret").write_text("secret", encoding="utf-8")
    for name, key in (("imagenet", "mapping"), ("numbered", "labels"), ("digits", "model_labels")):
        (tmp_path / "in" / name).symlink_to(tmp_path / "secret")
        (tmp_path / "in" / "exam.toml").write_text(f'{key} = "{name}"\n', encoding="utf-8")
        monkeypatch.chdir(tmp_path / "in")
        with pytest.raises(InputError, match=f"{key}: {name!r} is not below the configuration's folder"):
            read_exam_config("exam.toml", allowed=[])


def test_what_the_command_line_replaces_is_not_looked_at(toy: Path, tmp_path: Path, snellen_command) -> None:
    home = tmp_path / "in"
    home.mkdir()
    (home / "exam.toml").write_text(
        f'parts = ["categories"]\nphotographs = ["{toy / "pool"}"]\nmodel = "{toy / "net.safetensors"}"\n',
        encoding="utf-8",
    )
    own = ["--photographs", toy / "pool" / "red" / "1.png", *model_options(toy)]
    done = snellen_command("exam", home / "exam.toml", "--allow", home, "--out", tmp_path / "run", *own)
    assert done.returncode == 0, done.stderr
    for left_out in (own[2:], own[:2]):
        refused = snellen_command("exam", home / "exam.toml", "--allow", home, "--out", tmp_path / "run", *left_out)
        assert (refused.returncode, "is not below the configuration's folder" in refused.stderr) == (2, True)
    refused = snellen_command("exam", "--allow", home, "--out", tmp_path / "run")
    assert (refused.returncode, "--allow: no configuration" in refused.stderr) == (2, True)


def test_a_folder_that_breaks_a_reader_ends_nothing(tmp_path: Path, monkeypatch, capsys) -> None:
    import snellen.exam.verify
    from snellen.cli import app

    odd, plain = exam_folder(tmp_path / "odd"), exam_folder(tmp_path / "plain")

    def breaks(folder: Path, means: Means) -> object:
        if folder == odd:
            raise MemoryError("too large")
        return verify_exam(folder, means)

    monkeypatch.setattr(snellen.exam.verify, "verify_exam", breaks)
    assert app(["verify", str(odd), str(plain)], standalone_mode=False) == 1
    shown = capsys.readouterr()
    assert f"{odd}: MemoryError: too large" in shown.err
    assert f"{plain} " in shown.out
    assert "not verified" in shown.out


def test_an_attack_that_is_none(toy: Path, handed_in: Path, snellen_command) -> None:
    """Files that were changed, terms that were not kept, results that were written by hand."""
    attacks = json.loads((handed_in / "attack" / "result.json").read_text(encoding="utf-8"))["attacks"]
    file = handed_in / "attack" / attacks[0]["file"]
    pixels = np.asarray(Image.open(file)).copy()
    pixels[0, 0] = 255 - pixels[0, 0]
    Image.fromarray(pixels).save(file)
    edited(handed_in / "categories" / "result.json", lambda v: v["results"][0]["predictions"][0].update(probability=1))
    done = snellen_command("verify", handed_in, *model_options(toy))
    assert done.returncode == 1
    assert "files are as contents.json says" in done.stdout
    assert f"does not hold: 'attack/{attacks[0]['file']}': is not what it was" in done.stdout
    assert f"within {attacks[0]['epsilon']}/255: its norm is" in done.stdout
    assert "is said to be red (1.000)" in done.stdout or "is said to be" in done.stdout
    done = snellen_command("verify", handed_in, "--epsilon", "1/255", "--target", "green", *model_options(toy))
    assert "does not hold: " in done.stdout
    assert "within 1/255" in done.stdout
    assert "seen as green by net.safetensors: it is seen as" in done.stdout


@pytest.mark.parametrize(
    "harm",
    [
        lambda v: v["digests"].update({"../secret": "0"}),
        lambda v: v["digests"].update({"/etc/passwd": "0"}),
        lambda v: v["digests"].update({"attack": "0"}),
        lambda v: v["digests"].update({"a\0b": "0"}),
        lambda v: v["photographs"].update(dict.fromkeys(v["photographs"], "../secret")),
        lambda v: v.update(photographs=3),
        lambda v: v.update(digests=dict.fromkeys(map(str, range(100_001)), "0")),
    ],
)
def test_a_strangers_folder_leads_nowhere(handed_in: Path, harm) -> None:
    """Names that lead out of the folder, or to no file: each is a line, and none is read."""
    (handed_in.parent / "secret").write_text("secret", encoding="utf-8")
    edited(handed_in / "contents.json", harm)
    found = verify_exam(handed_in, Means(toy_classifier()))
    assert not found.holds
    assert len(found.claims) < 40


def test_links_and_pipes_are_not_followed(handed_in: Path) -> None:
    (handed_in / "training").mkdir()
    (handed_in / "training" / "plain").symlink_to(handed_in.parent)
    os.mkfifo(handed_in / "pipe")
    assert [str(claim) for claim in verify_exam(handed_in).claims] == [
        "does not hold: 'pipe': is a link, or no file, as an exam leaves none",
        "does not hold: 'training/plain': is a link, or no file, as an exam leaves none",
    ]


def test_damaged_results_are_a_line_each(handed_in: Path) -> None:
    (handed_in / "attack" / "result.json").write_text("[" * 10_000, encoding="utf-8")
    (handed_in / "categories" / "result.json").write_text(
        '{"results": [{"image": 1, "predictions": []}]}', encoding="utf-8"
    )
    (handed_in / "probe").mkdir()
    (handed_in / "probe" / "probe.json").write_text("{}", encoding="utf-8")
    found = verify_exam(handed_in, Means(toy_classifier()))
    wrong = [str(one) for one in found.claims if one.holds is False]
    assert any("result.json: not JSON" in line for line in wrong)
    assert any("image is 1" in line for line in wrong)
    assert any("probe/result.json" in line for line in wrong)


def test_one_attacked_file_and_what_jpeg_makes_of_it(toy: Path, taken, tmp_path: Path, snellen_command) -> None:
    folder, _ = taken
    run = folder / "out" / "ada"
    one = json.loads((run / "attack" / "result.json").read_text(encoding="utf-8"))["attacks"][0]
    file = run / "attack" / one["file"]
    terms = ["--original", one["name"], "--epsilon", "40/255", "--target", "black", *model_options(toy)]
    done = snellen_command("verify", file, *terms)
    assert done.returncode == (0 if one["attacked"]["success"] else 1), done.stderr
    assert f"holds: {file}: within 40/255: its norm is {one['norm']}/255\n" in done.stdout
    jpeg = tmp_path / "again.jpg"
    Image.open(file).save(jpeg, quality=40)
    done = snellen_command("verify", jpeg, *terms)
    assert "it is a JPEG, and that encoding alone moves the original by up to" in done.stdout
    small = tmp_path / "small.png"
    Image.new("RGB", (8, 8)).save(small)
    done = snellen_command("verify", small, *terms)
    assert done.returncode == 1
    assert "as large as the original: 8 x 8, the original 16 x 16" in done.stdout
    assert snellen_command("verify", file, "--original", one["name"], *model_options(toy)).returncode == 2


def test_which_model_gave_the_verdict(toy: Path, taken, tmp_path: Path, snellen_command) -> None:
    """A forgotten --model is said where a manifest knows better; a folder stands for the one attacked file in it."""
    folder, _ = taken
    run = folder / "out" / "ada"
    one = json.loads((run / "attack" / "result.json").read_text(encoding="utf-8"))["attacks"][0]
    terms = ["--original", one["name"], "--epsilon", "40/255"]
    done = snellen_command("verify", run / "attack" / one["file"], *terms)
    assert "seen as another class than the original's by tf_efficientnet_lite0: it is seen as" in done.stdout
    assert (
        f"{run / 'manifest.json'} says that the attack was on '{toy / 'net.safetensors'}'; this verdict is"
        in done.stderr
    )
    home = tmp_path / "fooled"
    home.mkdir()
    refused = snellen_command("verify", home, *terms, *model_options(toy))
    assert (refused.returncode, f"{home}: is a folder without adversarial.png" in refused.stderr) == (2, True)
    shutil.copy(run / "attack" / one["file"], home / "adversarial.png")
    done = snellen_command("verify", home, *terms, "--target", "black", "--json", *model_options(toy))
    fooled = one["attacked"]["success"]
    assert (done.returncode, done.stderr) == (0 if fooled else 1, "")
    (said,) = json.loads(done.stdout)["verified"]
    assert (said["verdict"], said["claims"][2]["what"].partition(": it is")[0]) == (
        "holds" if fooled else "does not hold", f"{home / 'adversarial.png'}: seen as black by net.safetensors"
    )  # fmt: skip


def test_corruptions_and_robust_accuracy_where_they_are_asked_for(toy: Path, tmp_path: Path, snellen_command) -> None:
    """As parts of the exam, from a key each; the cost is said before they begin, and nothing is drawn twice."""
    text = f'evaluate = "{toy / "pool"}"\ncorruptions = 3\nrobust_accuracy = 3\nepsilon = "200/255"\n'
    (tmp_path / "exam.toml").write_text(
        f'{text}parts = ["categories"]\nphotographs = ["{toy / "pool" / "red"}"]\n', encoding="utf-8"
    )
    done = snellen_command("exam", tmp_path / "exam.toml", "--out", tmp_path / "run", *model_options(toy))
    assert done.returncode == 0, done.stderr
    assert "The exam takes about" in done.stderr
    corrupted = json.loads((tmp_path / "run" / "corruptions" / "corruptions.json").read_text(encoding="utf-8"))
    assert corrupted["n"] == 3
    attacked = json.loads((tmp_path / "run" / "robust_accuracy" / "robustness.json").read_text(encoding="utf-8"))
    # Within 200/255 no colour stands.
    assert (attacked["n"], attacked["points"][0]["accuracy"]["count"]) == (3, 0)
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "In bad weather" in page
    assert "under every attack within 200/255" in page
    (tmp_path / "exam.toml").write_text("corruptions = -1", encoding="utf-8")
    refused = snellen_command("exam", tmp_path / "exam.toml", "--out", tmp_path / "run")
    assert (refused.returncode, "corruptions is -1" in refused.stderr) == (2, True)


def cells_run(path: Path) -> list[object]:
    """What the last line of each code cell gives, the cells run in order in one namespace, as a kernel does."""
    namespace: dict[str, object] = {}
    shown = []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            tree = ast.parse(re.sub(r"^%.*", "", cell.source, flags=re.MULTILINE))
            last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, "cell", "exec"), namespace)
            if last is not None:
                shown.append(eval(compile(ast.Expression(last.value), "cell", "eval"), namespace))
    return shown


def test_a_strangers_answer_brings_no_code(toy: Path, tmp_path: Path, monkeypatch) -> None:
    """What was edited in a folder that came with results is no cell of the notebook that is written there."""
    monkeypatch.setattr(Figure, "savefig", lambda _, path, **__: Image.new("RGB", (4, 4)).save(path, "PNG"))
    config = ExamConfig(
        model=str(toy / "net.safetensors"), architecture=str(toy / "net.py"), model_labels=str(toy / "classes.txt"),
        preprocessing=PreprocessingConfig(mean=0.0, std=1.0, size=16, crop=1.0, interpolation="bilinear"),
        photographs=(str(toy / "pool" / "red" / "1.png"),), parts=("categories",), appendix="none",
    )  # fmt: skip
    run_exam(config, tmp_path / "exam")
    answer = tmp_path / "exam" / "categories" / "answer.json"
    picture = 'x"); import os; (".png'
    shutil.copy(tmp_path / "exam" / "categories" / "categories-1.png", tmp_path / "exam" / "categories" / picture)
    for key, value in (("code", "import os; os.system('true')"), ("path", f"categories/{picture}")):
        edited(answer, lambda v: next(b for b in v["answer"]["blocks"] if b["kind"] == "picture").update({key: value}))  # noqa: B023
        run_exam(config, tmp_path / "exam", notebook=True)
        cells = nbformat.read(tmp_path / "exam" / "report.ipynb", as_version=4).cells
        sources = [cell.source for cell in cells if cell.cell_type == "code"]
        assert len(sources) == 2
        imported = [
            node.names[0].name
            for source in sources
            for node in ast.walk(ast.parse(source.removeprefix("%matplotlib inline")))
            if isinstance(node, ast.Import)
        ]
        assert imported == ["snellen"]
        assert "os.system" not in "".join(sources)
    edited(answer, lambda v: next(b for b in v["answer"]["blocks"] if b["kind"] == "picture").update(path="report.pdf"))
    assert load_cached("categories", tmp_path / "exam") is None


def test_the_notebook_draws_the_reports_figures_from_its_folder(toy: Path, tmp_path: Path, monkeypatch) -> None:
    """Moved to another place, where neither the photographs nor the absolute paths of the model are."""
    # To draw the report's figures would cost more than all else.
    monkeypatch.setattr(Figure, "savefig", lambda _, path, **__: Image.new("RGB", (4, 4)).save(path, "PNG"))
    pool = shutil.copytree(toy / "pool" / "red", tmp_path / "pool", ignore=shutil.ignore_patterns("[123].png"))
    config = ExamConfig(
        model=str(toy / "net.safetensors"), architecture=str(toy / "net.py"), model_labels=str(toy / "classes.txt"),
        preprocessing=PreprocessingConfig(mean=0.0, std=1.0, size=16, crop=1.0, interpolation="bilinear"),
        photographs=(str(pool),), target="blue", epsilon="70/255", appendix="none",
        training_runs=(str(ROOT / "results" / "cifar10" / "plain"),),
        parts=("categories", "features", "training", "attack", "stress"),
    )  # fmt: skip
    assert run_exam(config, tmp_path / "made" / "exam", notebook=True).failed == ()
    made = tmp_path / "made" / "exam" / "report.ipynb"
    text = made.read_text(encoding="utf-8")
    assert str(tmp_path) not in text
    assert len(text) < 50_000
    nbformat.validate(nbformat.read(made, as_version=4))
    shutil.rmtree(pool)
    moved = (tmp_path / "made").rename(tmp_path / "moved") / "exam"
    monkeypatch.chdir(moved)
    before = {path: path.read_bytes() for path in moved.rglob("*.*") if path.is_file()}
    shown = cells_run(moved / "report.ipynb")
    assert len(shown) == 14
    assert sum(isinstance(one, Figure) for one in shown) == len(shown) - 4
    assert isinstance(shown[2], Heatmap)
    assert all(isinstance(one, Image.Image) for one in shown[5:7])  # the filters, and before the first step
    assert isinstance(shown[-2], Image.Image)  # the crops by the object
    rows = [sum(bool(axes.images) for axes in figure.axes) for figure in (shown[-7], shown[-4], shown[-3])]
    assert rows == [3, 3, 5]  # original, noise, file, by either search; as it is and under four transforms
    (rule,) = read_rules()
    assert rule.saved == "attack/rule-attacked.png"
    seen = classify(toy_classifier(), rule, k=1).top
    assert (seen.label, seen.probability) == ("blue", pytest.approx(rule.attacked.target, abs=1e-5))
    drawn = [len(line.get_xdata()) for line in shown[-5].axes[0].lines]
    search, accepted, taken_back, _ = drawn  # and the line where a search stops
    assert (search, accepted + taken_back) == (len(read_attacks()[0].curve), len(rule.curve))
    assert rule.name == read_attacks()[0].name
    assert 0 < rule.norm <= 70
    assert {path: path.read_bytes() for path in moved.rglob("*.*") if path.is_file()} == before
    # As exams kept it that tried the update on the first photograph only.
    edited(moved / "attack" / "rule.json", lambda values: values.update(values.pop("attacks")[0] | {"file": ""}))
    assert read_rules() == [dataclasses.replace(rule, file="")]


def test_what_a_person_rewrote_is_not_replaced(toy: Path, tmp_path: Path, snellen_command) -> None:
    """The notebook and the report's source; unchanged, they are written again with every exam into the folder."""
    out = tmp_path / "out"
    (tmp_path / "exam.toml").write_text('parts = ["categories"]\nappendix = "none"\n', encoding="utf-8")
    exam = ["exam", tmp_path / "exam.toml", "--photographs", toy / "pool" / "red" / "1.png", "--out", out]
    exam += model_options(toy)
    assert snellen_command(*exam, "--notebook", "--keep-source").returncode == 0
    for name in ("report.ipynb", "source/report.typ", "source/discussion/categories-1.txt"):
        written = (out / name).read_bytes()
        (out / name).write_bytes(b"my own words")
        before = (out / "manifest.json").read_bytes()
        for options in ([], ["--notebook", "--keep-source"]):
            refused = snellen_command(*exam, *options)
            assert refused.returncode == 2
            assert f"{out / name}: was changed since an exam wrote it (another name for it" in refused.stderr
        assert ((out / name).read_bytes(), (out / "manifest.json").read_bytes()) == (b"my own words", before)
        (out / name).write_bytes(written)
    with (tmp_path / "exam.toml").open("a", encoding="utf-8") as file:
        file.write('title = "Another heading"\n')
    done = snellen_command(*exam, "--summary")
    assert "source: written again, as an earlier exam was asked for it" in done.stderr
    for name in ("report.ipynb", "source/report.json"):
        assert "Another heading" in (out / name).read_text(encoding="utf-8")
    # An exam that fails late leaves both as they are, still guarded, and the next one writes them again.
    (tmp_path / "mine.txt").write_text("Mine.", encoding="utf-8")
    finished = (tmp_path / "exam.toml").read_text(encoding="utf-8")
    (tmp_path / "exam.toml").write_text(f'{finished}[discussion]\ncategories-9 = "mine.txt"\n', encoding="utf-8")
    written = (out / "source" / "report.typ").read_bytes()
    failed = snellen_command(*exam)
    assert "discussion: categories-9: categories has one discussion (categories-1)" in failed.stderr
    assert "written again" not in failed.stderr
    assert (out / "source" / "report.typ").read_bytes() == written
    (out / "source" / "report.typ").write_bytes(b"my own words")
    assert "source/report.typ: was changed since an exam wrote it" in snellen_command(*exam).stderr
    (out / "source" / "report.typ").write_bytes(written)
    (tmp_path / "exam.toml").write_text(finished.replace("Another", "A third"), encoding="utf-8")
    assert snellen_command(*exam).returncode == 0
    for name in ("report.ipynb", "source/report.json"):
        assert "A third heading" in (out / name).read_text(encoding="utf-8")
    assert not (out / "unfinished.json").exists()


def test_words_are_no_paths_in_a_notebook(tmp_path: Path, monkeypatch) -> None:
    """Whatever lies in the working directory by the name of a target, a student, a model or a keyword."""
    from snellen.exam.notebook import settings, setup
    from snellen.runs.provenance import Provenance

    for name in ("hen", "Ada", "torchvision", "bundled", "resnet18", "imagenet", "bilinear", "data", "mine"):
        (tmp_path / name).mkdir()
    for name in ("net.py", "classes.txt", "mine/model.safetensors"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    words = {"target": "hen", "student": "Ada", "model": "torchvision:resnet18", "model_labels": "imagenet"}
    config = ExamConfig(
        **words, preprocessing=PreprocessingConfig(interpolation="bilinear"), dataset=("digits", "data")
    )
    said = {fact.name: fact.value for fact in settings(config, Provenance.collect(), Path("out"))}
    assert words == {name: said[name] for name in words}
    assert (said["preprocessing"], said["dataset"]) == ("interpolation = bilinear", "digits, ../data")
    assert "snellen.load('torchvision:resnet18', labels='imagenet', preprocessing=" in setup(config, Path("out"))
    for model, called in (("resnet18", "resnet18"), ("mine", "../mine"), ("x" * 300, "x" * 300), ("a\0", "a\0")):
        assert f"snellen.load({called!r})" in setup(ExamConfig(model=model), Path("out"))
    for program in ("net.py", "./net.py:net.py", "net.py:make"):
        config = ExamConfig(model="mine/model.safetensors", architecture=program, model_labels="classes.txt")
        architecture = f"../{program.removeprefix('./')}"
        said = f"'../mine/model.safetensors', architecture={architecture!r}, labels='../classes.txt'"
        assert f"snellen.load({said})" in setup(config, Path("out"))


def test_a_notebooks_words_are_as_they_stand() -> None:
    """No list, no heading, no formula of what is none."""
    from markdown_it import MarkdownIt

    from snellen.exam.report.notebook import _plain, _table

    assert _table(("a|b", "<i>"), [("1|2", "*c*")]).splitlines() == [
        "| a\\|b | \\<i\\> |", "| --- | --- |", "| 1\\|2 | \\*c\\* |",
    ]  # fmt: skip

    for text in (
        "1. a",
        "12) a",
        "1.5 a",
        "- a",
        "---",
        "+",
        "# a",
        "#",
        "a\\(b\\)",
        "\\",
        "$x$ *a* _b_ c_d <i> &lt;",
        "===",
    ):
        html = MarkdownIt().render(_plain(text))
        assert html == f"<p>{text.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')}</p>\n"
    assert "\\\\" not in _plain("a\\(b")


def test_results_are_read_back_from_an_exams_folder_and_no_other(tmp_path: Path) -> None:
    for read in (read_photographs, read_attacks, read_rules, read_trainings):
        with pytest.raises(InputError, match="No such file or directory .the folder of a finished exam"):
            read(tmp_path)
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "result.json").write_text("[]", encoding="utf-8")
    with pytest.raises(InputError, match="has no list “results”"):
        read_trainings(tmp_path)
