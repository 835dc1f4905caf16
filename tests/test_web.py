"""The page's plain functions, and its addresses as programs call them."""

import csv
import importlib.util
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import snellen
from linear_toys import linear_classifier
from snellen.attacks.search import Criterion
from snellen.attacks.verify import verify
from snellen.data.images import Photo
from snellen.data.photographs import bundled_photographs
from snellen.data.transforms import TRANSFORMS
from snellen.errors import ImageError, InputError, SnellenError
from snellen.robustness.files import stress_files, to_csv
from snellen.robustness.stress import stress_engine, stress_pair
from snellen.runs.serialise import to_plain
from snellen.transfer.files import Description, load_probe, save_probe
from snellen.transfer.linear import LinearProbe
from snellen.web.content import Counts, Curves, Picture, StageProgress, TabResult, Text, Work, without_backquotes
from snellen.web.fields import Choice, Choices, ClassesField, Number, Switch, TextLine, check_settings
from snellen.web.folder import Folder, sweep
from snellen.web.jobs import BusyError, Job, Jobs, Turns
from snellen.web.limits import Limits
from snellen.web.photographs import shown_name
from snellen.web.state import AppState, OfferedModel, open_state
from snellen.web.tabs import TABS, Asked, attack
from test_images import bomb

MODEL = "tf_efficientnet_lite0"
COFFEE = bundled_photographs()[0].path

needs_server = pytest.mark.skipif(importlib.util.find_spec("uvicorn") is None, reason="uvicorn is not installed")


def write_probe(folder: Path, network: snellen.Classifier) -> Path:
    """A probe that has learned nothing, with the files that the page shows of one."""
    weight = np.random.default_rng(0).normal(size=(3, 1280)).astype(np.float32)
    probe = LinearProbe(weight, np.zeros(3, np.float32), "logistic", 1.0)
    description = Description(
        MODEL, network.digest, network.preprocessing, False, "logistic", 1.0, ("cat", "cup", "rocket"), "toys", "0" * 16
    )
    save_probe(folder, probe, description)
    (folder / "result.json").write_text(
        json.dumps({"discussion": ["Mean-per-class accuracy is 0.333, n = 30."]}), encoding="utf-8"
    )
    Image.new("RGB", (40, 30), "white").save(folder / "confusion.png")
    return folder


@pytest.fixture
def state(tmp_path: Path, lite0) -> AppState:
    (tmp_path / "page").mkdir()
    return AppState(Folder(tmp_path / "page", Limits()), {MODEL: OfferedModel(MODEL, lite0)})


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.png"
    Image.open(COFFEE).convert("RGB").resize((96, 64)).save(path)
    return path


def asked(state: AppState, tab: str, *photographs: Path, model: str = MODEL, **settings: object) -> Asked:
    folder = state.folder.path / "job"
    folder.mkdir(exist_ok=True)
    stored = [state.photographs.add(path.read_bytes(), path.name) for path in photographs]
    return Asked(state, folder, stored, model, check_settings(TABS[tab].fields(state), settings))


def finished(work: Work) -> TabResult:
    *steps, last = work
    assert all(isinstance(step, StageProgress) for step in steps)
    assert isinstance(last, TabResult)
    return last


def answered(state: AppState, tab: str, *photographs: Path, **settings: object) -> tuple[TabResult, Path]:
    """A tab's answer and the folder of its files."""
    question = asked(state, tab, *photographs, **settings)
    return finished(TABS[tab].plan(question).work), question.folder


# What a visitor may ask for


@pytest.mark.parametrize("value", [0, 21, 2.5, float("nan"), float("inf"), "3", None, True, [1], 10**400])
def test_a_number_outside_its_range_is_refused(value: object) -> None:
    with pytest.raises(InputError, match="Categories: .* whole number from 1 to 20"):
        Number("k", "Categories", 1, 20, 3).check(value)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        (TextLine("t", "Title"), "x" * 101, "Title: 101 characters .at most 100"),
        (TextLine("t", "Title"), 3, "Title: 3 .a text"),
        (Switch("s", "Robust"), "yes", "Robust: 'yes' .true or false"),
        (Choice("m", "Method", "a", [("a", "A"), ("b", "B")]), "c", "Method: 'c' .one of a, b"),
        (Choices("p", "Parts", [], [("a", "A")]), [], "Parts: none"),
        (Choices("p", "Parts", [], [("a", "A")]), [["a"]], "Parts: .* some of a|Parts: .*some of a"),
        (ClassesField("c", "Classes", 3, 9), {"a": ["1", "2"]}, "Classes: 1 classes .2 to 3 classes"),
        (ClassesField("c", "Classes", 3, 9), {"a": ["1"], "b": ["1", "2"]}, "a: 1 photographs"),
        (ClassesField("c", "Classes", 3, 9), {"a": 3, "b": 4}, "a: 3 .2 to 3"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(field, value: object, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        field.check(value)


def test_a_setting_that_nobody_asks_for_is_refused() -> None:
    with pytest.raises(InputError, match="no setting 'epsilom' here .did you mean epsilon"):
        check_settings([Number("epsilon", "Epsilon", 1, 32, 4)], {"epsilom": 4})


@pytest.mark.parametrize(
    ("content", "reason"), [(b"no image", "not an image"), (b"", "empty"), (bomb(), "pixels .at most 64 million")]
)
def test_a_bad_upload_is_refused_by_its_name_alone(state: AppState, content: bytes, reason: str) -> None:
    with pytest.raises(ImageError, match=reason) as caught:
        state.photographs.add(content, "../../photo.png")
    assert str(caught.value).startswith("photo.png: ")
    assert not list(state.folder.path.rglob("photo*/*"))


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("a\x1b[2J\nb.png", "a_[2J_b.png"),
        ("C:\\photos\\x.jpg", "x.jpg"),
        ("", "photograph"),
        ("é" * 300 + ".jpeg", "é" * 80 + ".jpeg"),
    ],
)
def test_a_file_is_called_by_the_last_part_of_its_name(given: str, shown: str) -> None:
    assert shown_name(given) == shown


def test_phones_of_today_are_taken(state: AppState) -> None:
    """48 megapixels, as a JPEG of a phone."""
    file = io.BytesIO()
    Image.new("RGB", (8064, 6048), "teal").save(file, format="JPEG")
    photograph = state.photographs.add(file.getvalue(), "phone.jpg")
    assert (photograph.width, photograph.height) == (8064, 6048)
    assert max(photograph.reduced(1024).size) == 1024


# Its folder


def test_what_is_old_is_swept_and_what_is_in_use_stays(tmp_path: Path) -> None:
    for name in ("old/photo.png", "used/photo.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"12345")
    later = time.time() + 100
    assert sweep(tmp_path, 200, 100, now=later) == 10
    assert sweep(tmp_path, 50, 100, {tmp_path / "used"}, now=later) == 5
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["photo.png", "used"]


def test_of_too_much_the_oldest_are_swept_before_anything_more_comes(tmp_path: Path) -> None:
    now = time.time()
    for age in range(1, 5):
        path = tmp_path / f"{age}.png"
        path.write_bytes(b"12345")
        # In the future, since the moment of writing counts too.
        os.utime(path, (now + 100 - age, now + 100 - age))
    assert sweep(tmp_path, 1000, 12, now=now + 100) == 10
    assert {path.name for path in tmp_path.iterdir()} == {"1.png", "2.png"}
    Folder(tmp_path, Limits(kept_bytes=20)).make_room(12)
    assert [path.name for path in tmp_path.iterdir()] == ["1.png"]
    with pytest.raises(SnellenError, match="no room left"):
        Folder(tmp_path, Limits(kept_bytes=20), lambda: [tmp_path / "1.png"]).make_room(16)


# What its tabs do


def test_classify_says_what_the_command_line_says(state: AppState, lite0) -> None:
    shown, folder = answered(state, "classify", COFFEE, categories=4)
    said = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    (expected,) = snellen.classify(lite0, [COFFEE], 4)
    assert said["results"] == [to_plain(expected) | {"image": "coffee.png"}]
    assert said["provenance"]["command"] == f"snellen classify coffee.png -k 4 --model {MODEL}"
    assert shown.headline.startswith(f"{expected.top.label}, ")
    assert str(state.folder.path) not in (folder / "result.json").read_text(encoding="utf-8")


def test_features_draws_fifteen_maps_and_the_heat_map_first(state: AppState, small: Path) -> None:
    shown, folder = answered(state, "features", small)
    said = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    assert len(said["maps"]) == 15
    assert said["image"] == "small.png"
    heat, maps, prose = shown.blocks
    assert "What supports" in heat.title
    assert len(maps.pictures) == 15
    assert prose.paragraphs[1:] == said["discussion"]
    assert all((folder / picture.file).is_file() for picture in (*heat.pictures, *maps.pictures))


def test_the_attacked_file_is_the_one_that_was_measured(state: AppState, lite0) -> None:
    question = asked(state, "attack", COFFEE)
    *steps, shown = TABS["attack"].plan(question).work
    (said,) = json.loads((question.folder / "result.json").read_text(encoding="utf-8"))["attacks"]
    file = question.folder / attack.ADVERSARIAL
    criterion = Criterion(said["label"]["index"], 812)
    verdict, norm = verify(lite0, file, np.asarray(snellen.read_image(COFFEE)), criterion, "image")
    assert verdict.success
    assert said["attacked"] == to_plain(verdict)
    assert said["norm"] == norm <= 4
    assert said["file"] == file.name
    assert [step.done for step in steps if step.total] == list(range(1, said["gradients"]))
    # What comes next takes that very file.
    onward = {next_.tab: state.photographs.find(next_.photograph).path.read_bytes() for next_ in shown.onward}
    assert set(onward.values()) == {file.read_bytes()}


def test_a_curve_over_epsilon_is_of_attacks_that_were_made(state: AppState, lite0, small: Path) -> None:
    question = asked(state, "attack", small, curve=True, steps=4)
    *steps, shown = TABS["attack"].plan(question).work
    said = json.loads((question.folder / "result.json").read_text(encoding="utf-8"))["curve"]
    (curves,) = [block for block in shown.blocks if isinstance(block, Curves)]
    attacked, noise = curves.curves
    assert [point.x for point in attacked.points] == [1, 2, 4, 8, 16] == [one["epsilon"] for one in said]
    assert [point.share for point in attacked.points] == [one["attacked"]["target"] for one in said]
    assert [point.share for point in noise.points] == [one["control"]["target"] for one in said]
    assert [point.met for point in attacked.points] == [one["attacked"]["success"] for one in said]
    assert all(one["norm"] <= one["epsilon"] for one in said)
    # The library's own attack at the last bound.
    expected = snellen.attack(
        lite0, small.read_bytes(), config=snellen.AttackConfig("space shuttle", "16/255", steps=4)
    )  # fmt: skip
    assert attacked.points[-1].share == pytest.approx(expected.attacked.target, abs=0.02)
    drawn = [len(block.curves[0].points) for step in steps for block in step.blocks if isinstance(block, Curves)]
    assert drawn == sorted(drawn)
    assert TABS["attack"].plan(question).seconds > TABS["attack"].plan(asked(state, "attack", small, steps=4)).seconds


def test_a_job_that_takes_too_much_memory_is_refused_with_a_way_out(state: AppState, small: Path) -> None:
    from snellen.web.app import Page

    page = Page(state.folder.path, Limits(mebibytes=1000))
    number = state.photographs.add(small.read_bytes(), small.name).number
    question = {"model": MODEL, "photographs": [number], "settings": {}}
    assert page._plan(state, "classify", question, state.folder.path)[0].mebibytes < 1000
    with pytest.raises(InputError, match="about 1.4 GB of memory .*at most .*fewer pixels under 'Work at'"):
        page._plan(state, "report", question, state.folder.path)
    page.jobs.close()


@pytest.mark.parametrize(("steps", "found"), [(2, False), (30, True)])
def test_only_a_search_that_succeeds_found_a_smallest_bound(state: AppState, small: Path, steps, found) -> None:
    rule = {"method": "gradient_ascent"} if not found else {}
    shown, _ = answered(state, "attack", small, smallest=True, steps=steps, **rule)
    said, discussion = shown.blocks[-1].paragraphs
    assert ("is the smallest bound that was found." in said) == found
    assert ("No bound up to 64/255, the largest that was tried, was enough." in said) == (not found)
    assert ("The attack failed" in discussion) == (not found)


def test_a_large_photograph_is_reduced_and_the_answer_says_so(state: AppState, tmp_path: Path) -> None:
    Image.open(COFFEE).convert("RGB").resize((1500, 900)).save(tmp_path / "large.png")
    shown, folder = answered(state, "attack", tmp_path / "large.png", steps=2, side="512")
    assert snellen.read_image(folder / attack.ADVERSARIAL).size == (512, 307)
    assert shown.blocks[-1].paragraphs[1] == (
        "large.png was reduced from 1500 x 900 pixels before: original.png, among the files below, is what was worked "
        "on, and what the command reads."
    )
    assert shown.command.startswith("snellen attack original.png ")
    assert snellen.read_image(folder / "original.png").size == (512, 307)
    assert "original.png" in shown.files
    whole, _ = answered(state, "attack", tmp_path / "large.png", steps=2, side="2048")
    assert whole.command.startswith("snellen attack large.png ")
    assert "reduced" not in str(whole.blocks[-1].paragraphs)


def test_the_command_answers_as_the_page_where_a_photograph_was_reduced(tmp_path: Path) -> None:
    classifier = linear_classifier(4, scale=0.2)
    (tmp_path / "page").mkdir()
    state = AppState(Folder(tmp_path / "page", Limits()), {MODEL: OfferedModel(MODEL, classifier)})
    draws = np.random.default_rng(0)
    photo, original = tmp_path / "large.png", tmp_path / "first.png"
    for path in (photo, original):
        Image.fromarray(draws.integers(0, 256, size=(90, 600, 3), dtype=np.uint8)).save(path)
    number = state.photographs.add(original.read_bytes(), original.name).number
    shown, folder = answered(state, "stress", photo, original=number, side="512")
    program, name, *files = shown.command.split()[:5]
    assert (program, name, files) == ("snellen", "stress", ["reduced.png", "--original", "reduced-original.png"])
    assert {"reduced.png", "reduced-original.png"} <= set(shown.files)
    told = shown.blocks[-1].paragraphs[:2]
    assert [one.split(" pixels")[0] for one in told] == [
        f"{name} was reduced from 600 x 90" for name in ("large.png", "first.png")
    ]
    # With the files that the answer offers, what the command says is what the page said.
    again = stress_files(classifier, [str(folder / "reduced.png")], [str(folder / "reduced-original.png")])
    page = csv.DictReader(io.StringIO((folder / "stress.csv").read_text(encoding="utf-8")))
    for there, here in zip(page, csv.DictReader(io.StringIO(to_csv(again))), strict=True):
        assert all(there[key] == here[key] for key in ("transform", "strength", "top", "kept"))
        assert float(there["probability"]) == pytest.approx(float(here["probability"]), abs=1e-5)
    # At its own size nothing is reduced, and nothing said of it.
    whole, _ = answered(state, "stress", photo, original=number, side="0")
    assert whole.command.startswith("snellen stress large.png --original first.png ")
    assert "reduced" not in str(whole.blocks[-1].paragraphs)
    assert "reduced.png" not in whole.files


def test_the_reports_configuration_names_the_files_that_were_reduced(state: AppState, small: Path) -> None:
    shown, folder = answered(state, "report", small, COFFEE, parts=["categories"], side="512")
    configuration = tomllib.loads((folder / "exam.toml").read_text(encoding="utf-8"))
    assert configuration["photographs"] == ["small.png", "reduced-2.png"]
    assert shown.files[-1] == "reduced-2.png"
    assert max(snellen.read_image(folder / "reduced-2.png").size) == 512
    (said,) = [block.paragraphs for block in shown.blocks if getattr(block, "title", "") == "What was reduced"]
    assert len(said) == 1
    assert said[0].startswith("coffee.png was reduced from 600 x 400 pixels before: reduced-2.png, ")


def test_more_pixels_than_the_page_works_on_are_refused_with_a_way_out(state: AppState, tmp_path: Path) -> None:
    Image.new("RGB", (4000, 3000)).save(tmp_path / "large.jpg")
    question = asked(state, "attack", tmp_path / "large.jpg", side="0")
    with pytest.raises(InputError, match="large.jpg: 4000 x 3000 pixels .*at most 6 million; choose 2,048 pixels"):
        TABS["attack"].plan(question)
    forecasts = [
        TABS["stress"].plan(asked(state, "stress", tmp_path / "large.jpg", side=side)) for side in ("512", "2048")
    ]
    assert forecasts[0].seconds < forecasts[1].seconds
    assert forecasts[0].mebibytes < forecasts[1].mebibytes


def test_a_cancelled_attack_takes_no_further_step(state: AppState, monkeypatch) -> None:
    taken = []
    monkeypatch.setattr(type(state.model(MODEL)), "logits_from_inputs", counted(taken))
    question = asked(state, "attack", COFFEE, epsilon=1)
    work = TABS["attack"].plan(question).work
    while not (isinstance(step := next(work), StageProgress) and step.done == 2):
        pass
    passes = len(taken)
    work.close()
    assert list(work) == []
    assert len(taken) == passes
    assert not (question.folder / attack.ADVERSARIAL).exists()


def counted(taken: list[int]):
    from snellen.models.classifier import Classifier

    plain = Classifier.logits_from_inputs

    def logits_from_inputs(self, view):
        taken.append(1)
        return plain(self, view)

    return logits_from_inputs


@pytest.mark.parametrize(
    ("tab", "wrong", "reason"),
    [
        ("attack", {"model": "/etc/passwd"}, "no model '/etc/passwd' on this page"),
        ("attack", {"target": "space shutle"}, "did you mean space shuttle"),
        ("attack", {"epsilon": 33}, "Epsilon: 33 .*1 to 32"),
        ("attack", {"steps": 101}, "Steps: 101 .*2 to 100"),
        ("attack", {"robust": True, "smallest": True}, "no smallest epsilon"),
        ("features", {"target": "cofee mug"}, "did you mean coffee mug"),
        ("features", {"layer": "block.1"}, "block"),
        ("features", {"channels": "one"}, "Channels: 'one'"),
        ("features", {"layer": "blocks.0.0.bn1.act", "channels": "99"}, "no channel 99 .0 to 31"),
        ("stress", {"original": "nobody"}, "no longer here"),
        ("probe", {}, "snellen probe DATASET --out RUN.*snellen serve --probe RUN"),
        ("report", {"parts": ["everything"]}, "Parts: .'everything'"),
        ("report", {"parts": []}, "Parts: none"),
        ("learn", {}, "no classes .two or more"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(state: AppState, tab: str, wrong: dict, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        TABS[tab].plan(asked(state, tab, COFFEE, **wrong))


@pytest.mark.parametrize("tab", ["classify", "features", "attack", "stress", "report"])
def test_without_a_photograph_a_tab_asks_for_one(state: AppState, tab: str) -> None:
    with pytest.raises(InputError, match="no photograph .*drop one"):
        TABS[tab].plan(asked(state, tab))


def test_too_many_photographs_for_one_report_are_refused(state: AppState) -> None:
    with pytest.raises(InputError, match="9 photographs .at most 8"):
        TABS["report"].plan(asked(state, "report", *[COFFEE] * 9))


def test_stress_says_what_the_capability_says(small: Path, tmp_path: Path) -> None:
    classifier = linear_classifier(4, scale=0.2)
    (tmp_path / "page").mkdir()
    state = AppState(Folder(tmp_path / "page", Limits()), {MODEL: OfferedModel(MODEL, classifier)})
    attacked = tmp_path / "attacked.png"
    noise = np.random.default_rng(0).integers(-4, 5, size=(64, 96, 3))
    changed = (np.asarray(Image.open(small)).astype(int) + noise).clip(0, 255).astype(np.uint8)
    Image.fromarray(changed).save(attacked)
    number = state.photographs.add(small.read_bytes(), small.name).number
    question = asked(state, "stress", attacked, original=number)
    *steps, shown = TABS["stress"].plan(question).work
    said = json.loads((question.folder / "result.json").read_text(encoding="utf-8"))["examination"]
    photos = [Photo(path.name, snellen.read_image(path)) for path in (attacked, small)]
    expected = stress_pair(classifier, stress_engine(classifier, 2), *photos)
    for found, wanted in zip([*said["photographs"], *said["originals"]], to_plain(expected), strict=True):
        assert [one["top"]["index"] for one in found["outcomes"]] == [one["top"]["index"] for one in wanted["outcomes"]]
        probabilities = [[one["top"]["probability"] for one in some["outcomes"]] for some in (found, wanted)]
        # Another order of the same inputs in their batches.
        np.testing.assert_allclose(*probabilities, atol=1e-5)
        assert found["image"] == wanted["image"]
        titles = [[one["transform"] for one in some["controls"]] for some in (found, wanted)]
        assert titles[0] == titles[1]
    assert len(shown.blocks[0].lines) == len(TRANSFORMS)
    # The chart fills while it runs.
    filled = [len(step.blocks[0].lines) for step in steps if step.blocks]
    assert filled[0] == 1
    assert filled == sorted(filled)
    assert str(state.folder.path) not in (question.folder / "result.json").read_text(encoding="utf-8")


def test_a_probe_answers_with_its_own_classes(tmp_path: Path, lite0, small: Path) -> None:
    run = write_probe(tmp_path / "toys", lite0)
    folder = Folder(tmp_path / "page", Limits())
    folder.path.mkdir()
    state = open_state(folder, [MODEL], [run], "cpu")
    shown, _ = answered(state, "probe", small)
    bars, picture, text = shown.blocks
    assert {bar.label for bar in bars.bars} == {"cat", "cup", "rocket"}
    assert text.paragraphs == ["Mean-per-class accuracy is 0.333, n = 30."]
    assert picture.file == "confusion.png"


def test_a_probes_folder_shows_nothing_else(tmp_path: Path, lite0, small: Path) -> None:
    """A stranger's run is served to all visitors: no link is followed, and the picture is made anew."""
    run = write_probe(tmp_path / "toys", lite0)
    folder = Folder(tmp_path / "page", Limits())
    folder.path.mkdir()
    confusion, result, secret = run / "confusion.png", run / "result.json", tmp_path / "secret.png"
    note = PngInfo()
    note.add_text("Comment", "secret")
    Image.new("RGB", (40, 30), "red").save(secret, pnginfo=note)

    def refused(message: str) -> None:
        with pytest.raises(InputError, match=message):
            open_state(folder, [MODEL], [run], "cpu")

    confusion.write_bytes(secret.read_bytes() + b"secret")
    shown = open_state(folder, [MODEL], [run], "cpu").probe("toys").confusion
    assert b"secret" not in shown
    assert Image.open(io.BytesIO(shown)).getpixel((0, 0)) == (255, 0, 0)
    confusion.unlink()
    confusion.symlink_to(secret)
    refused(r"confusion\.png: a link leads out of the run's folder")
    confusion.unlink()
    os.mkfifo(confusion)
    refused(r"confusion\.png: not a regular file")
    confusion.unlink()
    confusion.write_bytes(b"text")
    refused(r"confusion\.png: not an image")
    confusion.unlink()
    for said in ("[1]", '{"discussion": "text"}', '{"discussion": [1]}'):
        result.write_text(said, encoding="utf-8")
        refused(r"result\.json: no result of a probe")
    result.unlink()
    result.symlink_to("/dev/zero")
    refused(r"result\.json: a link leads out of the run's folder")
    result.unlink()
    os.mkfifo(result)
    refused(r"result\.json: is a pipe, not a file")
    result.unlink()
    assert open_state(folder, [MODEL], [run], "cpu").probe("toys").discussion == ()


def test_two_probes_of_one_name_are_refused_at_the_start(tmp_path: Path, lite0) -> None:
    runs = [write_probe(tmp_path / name / "toys", lite0) for name in "ab"]
    with pytest.raises(InputError, match="two are called 'toys'"):
        open_state(Folder(tmp_path, Limits()), [MODEL], runs, "cpu")


def test_a_model_is_scored_on_what_photographs_are_said_to_show(state: AppState) -> None:
    cup, cat = (one.path for one in bundled_photographs() if one.path.stem in ("coffee", "chelsea"))
    shown, folder = answered(state, "evaluate", cup, cat, classes="espresso; 812")
    assert shown.headline == "1 of 2 are right"
    assert (folder / shown.files[0]).is_file()
    rates = next(block for block in shown.blocks if isinstance(block, Counts))
    assert [(one.count, one.of) for one in rates.counts] == [(1, 2), (1, 2)]
    assert str(folder) not in (folder / shown.files[0]).read_text(encoding="utf-8")
    # What its command reads, beside the photographs.
    assert "metadata.csv" in shown.files
    assert (folder / "metadata.csv").read_text(
        encoding="utf-8"
    ) == "file_name,label\ncoffee.png,espresso\nchelsea.png,space shuttle\n"
    assert shown.command == f"snellen evaluate photographs --match-by name --model {MODEL}"
    assert [block.title for block in shown.blocks if isinstance(block, Picture)] == [
        "Classes",
        "Confusion",
        "Its surest mistakes",
    ]


def test_of_one_photograph_no_interval_and_no_calibration_is_shown(state: AppState) -> None:
    shown, _ = answered(state, "evaluate", bundled_photographs()[0].path, classes="espresso")
    assert shown.headline == "1 of 1 are right"
    assert [type(block) for block in shown.blocks] == [Counts, Text]


@pytest.mark.parametrize(
    ("classes", "reason"),
    [("espresso; cup; cup", "3 classes for 2 photographs"), ("expresso", "no class named"), (" ;", "nothing is said")],
)
def test_what_photographs_show_is_checked_before_anything_waits(state: AppState, classes: str, reason: str) -> None:
    paths = [one.path for one in bundled_photographs()[:2]]
    with pytest.raises(InputError, match=reason):
        TABS["evaluate"].plan(asked(state, "evaluate", *paths, classes=classes))


def test_learning_makes_a_model_that_can_be_asked_and_taken_home(state: AppState, tmp_path: Path) -> None:
    classes: dict[str, list[str]] = {"coffee": [], "cat": []}
    for name, source in zip(classes, bundled_photographs()[:2], strict=True):
        for number in range(3):
            image = Image.open(source.path).convert("RGB").crop((10 * number, 0, 250 + 10 * number, 240))
            image.save(tmp_path / f"{name}{number}.png")
            data = (tmp_path / f"{name}{number}.png").read_bytes()
            classes[name].append(state.photographs.add(data, f"{name}{number}.png").number)
    shown, folder = answered(state, "learn", classes=classes)
    assert [(one.count, one.of) for one in shown.blocks[0].counts] == [(3, 3), (3, 3)]
    result, _ = answered(state, "classify", tmp_path / "cat0.png", model=shown.model)
    assert result.headline.startswith("cat, ")
    assert load_probe(folder, device="cpu").labels.names == ("coffee", "cat")
    with pytest.raises(InputError, match="no model"):
        state.model("learned-by-nobody")


def test_a_cancelled_exam_is_gone(state: AppState, small: Path) -> None:
    import multiprocessing

    work = TABS["report"].plan(asked(state, "report", small, parts=["categories"])).work
    next(work)
    next(work)
    (process,) = multiprocessing.active_children()
    work.close()
    assert not multiprocessing.active_children()
    with pytest.raises(ValueError, match="closed"):
        process.is_alive()


def test_parameters_are_named_without_backquotes() -> None:
    said = without_backquotes("wait, or another `out`: `snellen.list_models()`")
    assert said == "wait, or another out: snellen.list_models()"


# The queue


class Tape:
    """Work that goes on until it is told, and keeps what was done."""

    def __init__(self, steps: int = 1) -> None:
        self.steps, self.closed, self.go = steps, False, threading.Event()

    def work(self) -> Work:
        try:
            for number in range(self.steps):
                yield StageProgress("step", number + 1, self.steps)
                assert self.go.wait(30)
            yield TabResult("done")
        finally:
            self.closed = True


@pytest.fixture
def queue():
    jobs = Jobs(Limits(waiting=4, waiting_each=2, abandoned_seconds=60), Turns())
    yield jobs
    jobs.close()


def put(jobs: Jobs, tmp_path: Path, visitor: str, tape: Tape, seconds: float = 10) -> Job:
    job = Job("classify", visitor, {}, tmp_path / "job", seconds, tape.work())
    jobs.put(job)
    return job


def until(condition) -> None:
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it never came")


def test_visitors_take_turns_and_are_told_truly_how_long_it_takes(queue: Jobs, tmp_path: Path) -> None:
    tapes = [Tape() for _ in range(4)]
    first = put(queue, tmp_path, "a", tapes[0], 30)
    until(lambda: first.stage == "running")
    second, third = put(queue, tmp_path, "a", tapes[1], 5), put(queue, tmp_path, "a", tapes[2], 5)
    other = put(queue, tmp_path, "b", tapes[3], 1)
    told = [queue.describe(job) for job in (second, third, other)]
    # Whoever has had no turn yet comes first.
    assert [one["ahead"] for one in told] == [2, 3, 1]
    assert [one["wait"] for one in told] == pytest.approx([31, 36, 30], abs=2)
    with pytest.raises(BusyError, match="2 of your questions are waiting"):
        put(queue, tmp_path, "a", Tape())
    for tape in tapes:
        tape.go.set()
    until(lambda: all(job.stage == "done" for job in (first, second, third, other)))
    assert other.began < second.began < third.began


def test_a_full_queue_refuses(queue: Jobs, tmp_path: Path) -> None:
    tapes = [Tape() for _ in range(5)]
    job = put(queue, tmp_path, "a", tapes[0])
    until(lambda: job.stage == "running")
    for visitor, tape in zip("bcde", tapes[1:], strict=True):
        put(queue, tmp_path, visitor, tape)
    with pytest.raises(BusyError, match="too many people are waiting"):
        put(queue, tmp_path, "f", Tape())
    for tape in tapes:
        tape.go.set()


def test_a_cancelled_job_makes_room_and_its_files_go(queue: Jobs, tmp_path: Path) -> None:
    tapes = [Tape(steps=100), Tape()]
    (tmp_path / "job").mkdir()
    running = put(queue, tmp_path, "a", tapes[0])
    until(lambda: running.stage == "running")
    waiting = put(queue, tmp_path, "b", tapes[1])
    queue.cancel(running)
    tapes[0].go.set()
    tapes[1].go.set()
    until(lambda: waiting.stage == "done")
    assert running.stage == "cancelled"
    assert tapes[0].closed
    assert queue.describe(running)["stage"] == "cancelled"


def test_a_job_that_nobody_asks_about_ends(tmp_path: Path) -> None:
    jobs = Jobs(Limits(abandoned_seconds=0.2), Turns())
    tape = Tape(steps=1000)
    tape.go.set()
    monotonic = time.monotonic()
    job = Job("classify", "a", {}, tmp_path / "job", 1, slow(tape.work()))
    jobs.put(job)
    until(lambda: job.stage == "cancelled")
    assert time.monotonic() - monotonic < 20
    jobs.close()


def slow(work: Work) -> Work:
    for step in work:
        time.sleep(0.01)
        yield step


def test_what_fails_is_one_sentence_and_the_log_says_why(queue: Jobs, tmp_path: Path, capfd) -> None:
    def refusing() -> Work:
        yield StageProgress("x")
        raise InputError("a.png: empty", "an `image`")

    def broken() -> Work:
        yield StageProgress("x")
        raise KeyError("/secret/path")

    jobs = [Job("classify", "a", {}, tmp_path / "job", 1, work) for work in (refusing(), broken())]
    for job in jobs:
        queue.put(job)
    until(lambda: all(job.over for job in jobs))
    assert jobs[0].error == "a.png: empty (an image)"
    assert "secret" not in jobs[1].error
    errors = capfd.readouterr().err
    assert "KeyError: '/secret/path'" in errors
    assert "a.png" not in errors


def test_a_short_question_goes_before_the_next_step() -> None:
    turns, order, begun = Turns(), [], threading.Event()

    def step() -> None:
        with turns.step():
            order.append("step")

    def short() -> None:
        begun.set()
        with turns.short():
            order.append("short")

    with turns.step():
        asker = threading.Thread(target=short)
        asker.start()
        begun.wait(10)
        time.sleep(0.05)
        stepper = threading.Thread(target=step)
        stepper.start()
        time.sleep(0.05)
    asker.join(10)
    stepper.join(10)
    assert order == ["short", "step"]


# The running page


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, lite0):
    pytest.importorskip("uvicorn")
    from browser import Program, serving

    home = tmp_path_factory.mktemp("page")
    probe = write_probe(home / "toys", lite0)
    with serving(home, "--model", MODEL, "--probe", probe, "--device", "cpu", start=Program) as running:
        yield running
        # As a terminal that is closed ends what runs in it.
        running.process.send_signal(signal.SIGHUP)
        running.process.wait(60)
    assert running.process.returncode == 0
    assert not running.folder.exists()
    # Nor does it leave anything where it was started.
    assert list((home / "work").iterdir()) == []
    assert (home / "errors.txt").read_text(encoding="utf-8") == ""


def answer_of(
    server, path: str, data: bytes | None = None, method: str | None = None, **headers: str
) -> tuple[int, dict, bytes]:  # fmt: skip
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(server.url + path, data, named, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, dict(response.headers), response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


def uploaded(server, path: Path) -> str:
    status, _, body = answer_of(server, f"/api/photographs?name={path.name}", path.read_bytes())
    assert status == 200, body
    return json.loads(body)["number"]


def ask(server, tab: str, *photographs: str, **settings: object) -> tuple[int, dict]:
    question = {"model": MODEL, "photographs": photographs, "settings": settings}
    status, _, body = answer_of(server, f"/api/jobs/{tab}", json.dumps(question).encode())
    return status, json.loads(body)


def wait_for(server, job: str) -> dict:
    while True:
        said = json.loads(answer_of(server, f"/api/jobs/{job}")[2])
        if said["stage"] in ("done", "failed", "cancelled"):
            return said
        time.sleep(0.2)


@needs_server
def test_a_program_is_answered_as_a_person_is(server, lite0) -> None:
    _, _, described = answer_of(server, "/api/page")
    offered = json.loads(described)
    assert {tab["name"] for tab in offered["tabs"]} == set(TABS)
    # How many photographs a question takes is the tab's own bound.
    most = {tab["name"]: tab["most"] for tab in offered["tabs"] if tab["most"] > 1}
    assert most == {"evaluate": offered["limits"]["labelled"], "report": offered["limits"]["photographs"]}
    status, job = ask(server, "attack", uploaded(server, COFFEE), target="space shuttle", epsilon=4)
    assert status == 202
    said = wait_for(server, job["job"])
    assert said["stage"] == "done"
    assert "space shuttle" in said["result"]["headline"]
    _, headers, downloaded = answer_of(server, f"/api/jobs/{job['job']}/files/adversarial.png?download")
    assert "attachment" in headers["content-disposition"]
    (written,) = server.folder.rglob("adversarial.png")
    assert downloaded == written.read_bytes()
    (attacked,) = json.loads(answer_of(server, f"/api/jobs/{job['job']}/files/result.json")[2])["attacks"]
    original = np.asarray(snellen.read_image(COFFEE))
    verdict, norm = verify(lite0, downloaded, original, Criterion(attacked["label"]["index"], 812), "image")
    assert (verdict.success, norm) == (True, attacked["norm"])
    events = answer_of(server, f"/api/jobs/{job['job']}/events")[2].decode()
    assert json.loads(events.removeprefix("data: "))["stage"] == "done"


@needs_server
def test_bad_input_is_refused_at_once_with_one_sentence(server) -> None:
    photograph = uploaded(server, COFFEE)
    for settings, reason in (({"target": "space shutle"}, "did you mean space shuttle"), ({"epsilon": 255}, "1 to 32")):
        status, said = ask(server, "attack", photograph, **settings)
        assert status == 422
        assert reason in said["error"]
    status, _, body = answer_of(server, "/api/photographs?name=photo.png", b"no image")
    assert (status, json.loads(body)["error"].startswith("photo.png: not an image")) == (422, True)
    assert ask(server, "nothing", photograph)[0] == 404


@needs_server
def test_a_forecast_offers_a_cheaper_way(server, peppers: Path) -> None:
    question = {
        "model": MODEL,
        "photographs": [uploaded(server, peppers)],
        # So many searches take long on any machine, whatever the jobs before have taught the page of its pace.
        "settings": {"side": "2048", "smallest": True, "curve": True},
    }
    status, _, body = answer_of(server, "/api/forecast/attack", json.dumps(question).encode())
    said = json.loads(body)
    assert status == 200
    assert said["cheaper"]["seconds"] < said["seconds"]
    question["settings"] = {"side": "0"}
    status, _, body = answer_of(server, "/api/forecast/attack", json.dumps(question).encode())
    assert status == 422
    assert "choose 2,048 pixels" in json.loads(body)["error"]


@needs_server
@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "/static/..%2f..%2fserver.py",
        "/static/../app.py",
        "/static/",
        "/api/photographs/..%2f..%2fx/preview",
        "/api/jobs/x/files/result.json",
        "/api/jobs/..%2f..%2f/files/x",
        "/api/models/%2fetc%2fpasswd",
        "/docs",
        "/openapi.json",
    ],
)
def test_nothing_but_the_page_is_given_out(server, path: str) -> None:
    status, _, body = answer_of(server, path)
    assert status in (404, 422)
    assert b"root:" not in body
    assert b"import" not in body


@needs_server
def test_files_of_an_answer_alone_are_given_out(server) -> None:
    _, job = ask(server, "classify", uploaded(server, COFFEE))
    wait_for(server, job["job"])
    assert answer_of(server, f"/api/jobs/{job['job']}/files/result.json")[0] == 200
    assert answer_of(server, f"/api/jobs/{job['job']}/files.zip")[2].startswith(b"PK")
    for name in ("..%2f..%2f..%2fetc%2fpasswd", ".hidden", "", "result.json%00"):
        assert answer_of(server, f"/api/jobs/{job['job']}/files/{name}")[0] == 404


@needs_server
@pytest.mark.parametrize(
    "value", ["bytes=0-0", "bytes=-", "bytes=9-1", "bytes=0-1,2-3", "lines=1", "bytes=a-b", "x" * 900]
)
def test_odd_ranges_are_nothing_special(server, value: str) -> None:
    status, _, body = answer_of(server, "/static/icon.svg", Range=value)
    assert status == 200
    assert body.startswith(b"<svg")


@needs_server
@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"null", b"[" * 60000, b"\xff\xfe", b'{"settings": 3}', b'{"photographs": "x"}'),
        *(b'{"photographs": [1]}', b'{"model": 1}', b'{"settings": {"epsilon": 1e999}}', b'{"photographs": ["x"]}'),
        b'{"settings": {"title": "\\ud800"}}',
    ],
)
@pytest.mark.parametrize("path", ["/api/jobs/attack", "/api/forecast/learn", "/api/live", "/api/transformed"])
def test_malformed_questions_are_refused(server, path: str, body: bytes) -> None:
    status, _, said = answer_of(server, path, body)
    assert 400 <= status < 500
    assert json.loads(said)["error"]


def raw(server, request: bytes, patience: float = 60) -> bytes:
    """What comes back for some bytes, until the connection is closed."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    with closing(socket.create_connection((host, int(port)), timeout=patience)) as connection:
        received = b""
        try:
            connection.sendall(request)
            while piece := connection.recv(1 << 16):
                received += piece
        except ConnectionError:
            pass
        return received


@needs_server
def test_too_large_a_body_is_refused_however_its_length_is_told(server) -> None:
    head = b"POST /api/jobs/classify HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    assert b" 413 " in raw(server, head + b"Content-Length: 999999999\r\n\r\n")
    piece = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    for told in (b"", b"Content-Length: 10\r\n"):
        answer = raw(server, head + told + b"Transfer-Encoding: chunked\r\n\r\n" + piece * 8)
        assert b" 413 " in answer or b" 400 " in answer or answer == b""
    assert answer_of(server, "/")[0] == 200


@needs_server
def test_half_a_request_is_hung_up_on_and_many_silent_ones_do_not_silence_the_page(server) -> None:
    begun = time.monotonic()
    host, _, port = server.url.removeprefix("http://").partition(":")
    silent = [socket.create_connection((host, int(port)), timeout=30) for _ in range(300)]
    try:
        silent[-1].sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        # Beyond 128 the oldest make room, at once.
        assert silent[0].recv(1) == b""
        assert answer_of(server, "/")[0] == 200
        assert silent[-1].recv(1) == b""
    except ConnectionResetError:
        pass
    finally:
        for one in silent:
            one.close()
    assert time.monotonic() - begun < 30


@needs_server
def test_nobody_else_is_asked_and_nobody_else_may_ask(server) -> None:
    status, headers, _ = answer_of(server, "/")
    assert status == 200
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "access-control-allow-origin" not in headers
    assert headers["x-content-type-options"] == "nosniff"
    assert answer_of(server, "/", host="evil.example")[0] == 421
    photograph = COFFEE.read_bytes()
    for origin, expected in (
        ("https://evil.example", 403),
        ("http://127.0.0.1:1", 403),
        ("null", 403),
        ("http://[", 403),
        (server.url, 200),
    ):
        assert answer_of(server, "/api/photographs?name=x.png", photograph, origin=origin)[0] == expected
    _, headers, _ = answer_of(server, "/api/page", origin="http://localhost:3000")
    assert not [name for name in headers if name.lower().startswith("access-control")]
    assert answer_of(server, "/", method="OPTIONS")[0] == 405
    assert answer_of(server, "/api/page", b"x", method="PUT")[0] == 405


@needs_server
def test_every_address_is_documented() -> None:
    from snellen.web.app import Page, build_app
    from snellen.web.middleware import Access

    page = Page(Path(), Limits())
    page.jobs.close()
    routes = build_app(page, Access())._application.routes
    documented = (Path(__file__).parents[1] / "docs" / "page.md").read_text(encoding="utf-8")
    called = {"{name:path}": "MODEL", "{tab}": "TAB", "{name}": "NAME"}
    for route in routes:
        if not route.path.startswith("/api/"):
            continue
        path = route.path.replace("{number}", "PHOTOGRAPH" if "photographs" in route.path else "JOB")
        for place, name in called.items():
            path = path.replace(place, name)
        method = "POST" if "POST" in route.methods else "GET"
        assert f"| `{method} {path[1:]}" in documented


@needs_server
def test_a_first_load_is_small(server) -> None:
    index = answer_of(server, "/")[2]
    static = Path(snellen.__file__).parent / "web" / "static"
    total = len(index) + sum(len(answer_of(server, f"/static/{path.name}")[2]) for path in static.iterdir())
    total += len(answer_of(server, "/api/page")[2]) + len(answer_of(server, f"/api/models/{MODEL}")[2])
    pictures = json.loads(answer_of(server, "/api/page")[2])["examples"]
    total += sum(len(answer_of(server, f"/api/photographs/{one['number']}/preview")[2]) for one in pictures)
    assert total < 600_000


@needs_server
def test_what_a_killed_server_left_goes_at_the_next_start(tmp_path: Path, monkeypatch) -> None:
    """Its visitors' photographs go; the folder of a server that runs, links and strangers stay."""
    from snellen.web import server as page

    monkeypatch.setattr(page.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(page.tempfile, "tempdir", str(tmp_path))
    left, mine = tmp_path / "snellen-page-left", tmp_path / "snellen-pages"
    for folder in (left / "photographs", mine):
        folder.mkdir(parents=True)
        (folder / "photo.png").write_bytes(b"12345")
    (tmp_path / "snellen-page-link").symlink_to(mine)
    # Held by another process, as a server holds its own until it is killed.
    program = "from snellen.web.server import _temporary_folder as t\nwith t() as f: print(f, flush=True); input()"
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        theirs = Path(other.stdout.readline().strip())
        assert not left.exists()
        with page._temporary_folder() as own:
            assert theirs.is_dir()
            other.kill()
            other.wait()
            assert theirs.is_dir()
            page._remove_abandoned(tmp_path)
            assert not theirs.exists()
            assert own.is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["snellen-page-link", "snellen-pages"]
    assert (mine / "photo.png").exists()


@needs_server
def test_a_port_that_is_taken_is_one_line(server, snellen_command) -> None:
    result = snellen_command("serve", "--model", MODEL, "--port", server.url.rpartition(":")[2])
    assert result.returncode == 2
    assert "cannot listen at 127.0.0.1" in result.stderr


@needs_server
def test_an_unknown_model_is_one_line(snellen_command) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    result = snellen_command("serve", "--model", "resnet5", "--port", port)
    assert result.returncode == 2
    assert "resnet5" in result.stderr.splitlines()[-1]


@needs_server
def test_an_image_is_uploaded_as_it_is(server, lite0, tmp_path: Path) -> None:
    """Even where its bytes are of a kind that would be decoded otherwise: a turned JPEG is upright to us."""
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.jpg"
    Image.open(COFFEE).convert("RGB").save(path, format="JPEG", exif=exif)
    _, job = ask(server, "classify", uploaded(server, path), categories=1)
    wait_for(server, job["job"])
    said = json.loads(answer_of(server, f"/api/jobs/{job['job']}/files/result.json")[2])
    (expected,) = snellen.classify(lite0, [path], 1)
    assert said["results"][0]["predictions"][0]["probability"] == pytest.approx(expected.top.probability, abs=1e-6)


@needs_server
def test_several_clients_at_once(tmp_path: Path, monkeypatch) -> None:
    """A short form of the program that loads the page for minutes; its largest photograph has 0.12 megapixels."""
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    import load
    from browser import serving

    @contextmanager
    def page(home: Path) -> Iterator[tuple[str, int]]:
        with serving(home, "--model", MODEL, "--device", "cpu") as running:
            yield running.url.removeprefix("http://"), running.process.pid

    large = io.BytesIO()
    Image.open(COFFEE).convert("RGB").resize((400, 300)).save(large, format="JPEG")
    monkeypatch.setattr(load, "serving", page)
    monkeypatch.setattr(load, "enlarged_photograph", lambda *_: large.getvalue())
    load.main(["--clients", "4", "--minutes", "0.05", "--out", str(tmp_path / "load.json")])
    result = json.loads((tmp_path / "load.json").read_text(encoding="utf-8"))
    assert sum(one["asked"] for one in result["requests"].values()) >= 4
    assert not [status for status in result["statuses"] if status.startswith("5")]


# Where it listens, and for whom


@needs_server
@pytest.mark.parametrize(
    ("host", "local", "names"),
    [
        ("127.0.0.1", True, {"127.0.0.1", "localhost", "[::1]"}),
        ("127.0.0.2", True, {"127.0.0.1", "localhost", "[::1]", "127.0.0.2"}),
        ("::1", True, {"127.0.0.1", "localhost", "[::1]"}),
        ("Localhost", True, {"127.0.0.1", "localhost", "[::1]"}),
        ("0.0.0.0", False, set()),
        ("192.168.1.5", False, set()),
    ],
)
def test_who_reaches_an_address(host: str, local: bool, names: set[str]) -> None:
    from snellen.web.server import ServeConfig, address_of, hosts_of, is_local

    assert is_local(host) is local
    assert hosts_of(host) == names
    assert address_of(ServeConfig(host=host, root_path="/")) == address_of(ServeConfig(host=host))
    address = address_of(ServeConfig(host=host, root_path="/eye"))
    assert address == {"::1": "http://[::1]:7860/eye/", "0.0.0.0": "http://127.0.0.1:7860/eye/"}.get(
        host, f"http://{host}:7860/eye/"
    )


@needs_server
@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"port": 0}, "port 0"),
        ({"root_path": "eye"}, "`root_path` is 'eye'"),
        ({"root_path": "/eye/"}, "`root_path` is '/eye/'"),
        ({"credentials": "secret"}, "`auth` holds no user and password"),
        ({"frames": ["https://a.example; script-src *"]}, "`frame` is"),
        ({"host": "no.such.host.example"}, "cannot listen at"),
    ],
)
def test_what_cannot_be_served_is_refused(wrong: dict, reason: str) -> None:
    from snellen.web.server import ServeConfig, serve

    with pytest.raises(InputError, match=reason):
        serve(ServeConfig(**{"port": 7860} | wrong), print, print)


@needs_server
def test_behind_a_proxy_with_a_password(tmp_path: Path, monkeypatch) -> None:
    import base64

    from browser import serving

    monkeypatch.setenv("SNELLEN_AUTH", "anna:s3cret")
    frame = ("--frame", "https://huggingface.co")
    with serving(tmp_path, "--model", MODEL, "--root-path", "/eye", "--host", "0.0.0.0", *frame) as running:
        running.url = running.url.removesuffix("/eye")
        known = {"authorization": "Basic " + base64.b64encode(b"anna:s3cret").decode()}
        wrong = {"authorization": "Basic " + base64.b64encode(b"anna:guess").decode()}
        assert [answer_of(running, "/", **headers)[0] for headers in ({}, wrong, known)] == [401, 401, 200]
        # Whether the proxy leaves the path as it is or takes its own part away.
        assert [answer_of(running, path, **known)[0] for path in ("/eye/", "/eye/api/started", "/api/started")] == [
            200
        ] * 3
        _, headers, _ = answer_of(running, "/", **known)
        assert "frame-ancestors https://huggingface.co" in headers["content-security-policy"]
    # With a password there is nothing to warn of.
    assert (tmp_path / "errors.txt").read_text(encoding="utf-8") == ""


@needs_server
def test_a_public_page_is_served_with_a_warning(tmp_path: Path) -> None:
    from browser import serving

    with serving(tmp_path, "--model", MODEL, "--host", "0.0.0.0") as running:
        assert running.url.startswith("http://127.0.0.1:")
    assert "there is no password, and nothing is encrypted; --auth asks for one" in (tmp_path / "errors.txt").read_text(
        encoding="utf-8"
    )
