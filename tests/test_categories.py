"""The classification equals timm's own pipeline, and bad photographs do not stop good ones."""

import csv
import io
import json
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

import snellen
from snellen.data.images import Failure
from snellen.data.reading import ignore_profiles
from snellen.errors import ImageError, InputError
from snellen.exam.parts.categories import trained_on
from snellen.inspect.categories import Classification, classify, classify_each
from snellen.inspect.discussion import discuss_classifications
from snellen.inspect.figures import draw_classifications
from snellen.models.predictions import Prediction
from test_images import BAD_FILES, write_bad_file
from toys import MeanColours, classifier_of

import timm  # isort: skip
from timm.data import create_transform, resolve_data_config  # isort: skip


@pytest.fixture(scope="module")
def timms_probabilities(lite0, imagenet):
    """What timm itself says of the 100 photographs: its transform, its model."""
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    network.load_state_dict(lite0.network.state_dict())
    network.eval()
    transform = create_transform(**resolve_data_config({}, model=network))
    batch = torch.stack([transform(Image.open(path).convert("RGB")) for path in imagenet])
    with torch.inference_mode():
        return torch.cat([network(part).softmax(dim=1) for part in batch.split(10)])


def test_probabilities_equal_timms(lite0, imagenet, timms_probabilities) -> None:
    # Some of the photographs have a colour profile, which timm does not look at.
    with ignore_profiles():
        results = classify(lite0, imagenet, k=1000)
    assert len(results) == 100
    for result, theirs in zip(results, timms_probabilities, strict=True):
        ours = torch.empty(1000)
        for prediction in result.predictions:
            ours[prediction.index] = prediction.probability
        assert (ours - theirs).abs().max() <= 1e-4


def test_the_differentiable_way_agrees_on_the_top_class(lite0, imagenet, timms_probabilities) -> None:
    agree = 0
    largest = 0.0
    for path, theirs in zip(imagenet, timms_probabilities, strict=True):
        with torch.inference_mode(), ignore_profiles():
            ours = lite0.logits(snellen.read_pixels(path)).softmax(dim=1)[0]
        agree += int(ours.argmax() == theirs.argmax())
        largest = max(largest, (ours - theirs).abs().max().item())
    assert agree >= 99
    assert largest <= 5e-3


def test_bundled_weights_see_what_is_there(lite0, peppers) -> None:
    result = classify(lite0, peppers)
    assert result.top.label == "bell pepper"
    assert result.top.index == 945
    first, second = result.predictions[:2]
    assert f"{first.label} with probability {first.probability:.3f}, ahead of {second.label}" in result.discussion()
    assert set(result.to_dict()) == {"image", "predictions"}
    assert result._repr_png_().startswith(b"\x89PNG")


def test_kinds_of_input(lite0, tmp_path) -> None:
    path = tmp_path / "grey.png"
    Image.new("RGB", (300, 200), (90, 90, 90)).save(path)
    image, pixels = Image.open(path), snellen.read_pixels(path)
    of_path = classify(lite0, path, k=2).predictions
    for same in (str(path), path.read_bytes(), image, np.array(image)):
        assert classify(lite0, same, k=2).predictions == of_path
    for same in (pixels, pixels[0], SimpleNamespace(pixels=pixels)):
        assert classify(lite0, same, k=2) == Classification(
            "pixels 0", classify(lite0, pixels, k=2).predictions, pixels
        )
        assert [p.index for p in classify(lite0, same, k=2).predictions] == [p.index for p in of_path]
    assert classify(lite0, []) == []
    assert len(classify(lite0, path, k=2000).predictions) == 1000
    for k in (0, 2.5, "3"):
        with pytest.raises(InputError, match="k is .*a whole number above 0"):
            classify(lite0, path, k=k)
    with pytest.raises(InputError, match="classify: got float"):
        classify(lite0, 3.0)
    with pytest.raises(ImageError, match="gone.png: no such file"):
        classify(lite0, "gone.png")


def test_of_many_a_bad_one_is_a_failure_in_its_place(lite0, peppers) -> None:
    """Kinds may be mixed, and each answer is that of the photograph alone."""
    image = Image.new("RGB", (30, 20), (200, 90, 40))
    first, missing, second, third = classify(lite0, [str(peppers), "gone.png", image, np.array(image)])
    assert missing == Failure("gone.png", "gone.png: no such file")
    assert [each.image for each in (first, second, third)] == [str(peppers), "image 2", "image 3"]
    assert first.top.probability == pytest.approx(classify(lite0, peppers).top.probability, abs=1e-5)
    assert second.predictions == third.predictions
    assert len(classify(lite0, np.stack([np.array(image)] * 3))) == 3
    assert [each.image for each in classify(lite0, torch.rand(2, 3, 8, 8))] == ["pixels 0", "pixels 1"]


def test_float_pixels_are_not_rounded_to_bytes() -> None:
    classifier = classifier_of(MeanColours(40 * torch.eye(3)), 4, 3)
    pixels = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    exact, rounded = (classifier.logits(each).softmax(1)[0] for each in (pixels, pixels.mul(255).round().div(255)))
    assert not torch.allclose(exact, rounded, atol=1e-4)
    found = {p.index: p.probability for p in classify(classifier, pixels).predictions}
    assert found == pytest.approx(dict(enumerate(exact.tolist())), abs=1e-6)


def test_a_long_stream_is_not_held(lite0, tmp_path) -> None:
    path = tmp_path / "one.png"
    Image.new("RGB", (8, 8)).save(path)

    def endless():
        while True:
            yield path

    stream = classify_each(lite0, endless(), batch=2)
    assert isinstance(next(stream), Classification)
    stream.close()


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (0.769, 0.107, "espresso with 76.9%, then cup with 10.7%; that is 46% of what the first leaves."),
        (0.6, 0.1, "espresso with 60.0%, then cup with 10.0%; that is 25% of what the first leaves."),
        (0.6, 0.09, "espresso with 60.0%, then cup with 9.0%; what the first leaves is spread over many classes."),
        (0.4, 0.35, "espresso with 40.0%, then cup with 35.0%; it is torn between the two."),
    ],
)
def test_a_doubt_is_told_by_what_of_the_rest_the_second_class_has(first: float, second: float, said: str) -> None:
    answers = Prediction("espresso", 0, first), Prediction("cup", 1, second)
    (_, doubt, _) = discuss_classifications([Classification("coffee.png", answers, "coffee.png")], [None])
    assert doubt == f"It hesitates most over coffee: {said}"


def test_what_a_source_says_of_the_training_is_told() -> None:
    for source in ("timm hub timm/resnet50.a1_in1k", "torchvision resnet50.IMAGENET1K_V2", "trained on ImageNet-1k"):
        assert trained_on(source) == ", trained on ImageNet-1k"
    for source in ("timm hub timm/vit_base_patch16_224.augreg_in21k", "a file", "main1k", "hub x/imagenet-100"):
        assert trained_on(source) == ""


def test_figure_shows_every_photograph() -> None:
    prediction = snellen.Prediction("bell pepper", 945, 0.75)
    figure = draw_classifications([Classification("a.png", (prediction,), Image.new("RGB", (40, 30)))] * 3)
    assert len(figure.axes) == 6
    assert [text.get_text() for text in figure.axes[1].texts] == ["75.0%"]


def test_json_on_the_command_line(snellen_command, peppers) -> None:
    done = snellen_command("classify", peppers, "--json")
    assert done.returncode == 0
    assert done.stderr == ""
    (entry,) = json.loads(done.stdout)
    assert entry["image"] == str(peppers)
    assert [set(p) for p in entry["predictions"]] == [{"label", "index", "probability"}] * 3
    assert entry["predictions"][0]["label"] == "bell pepper"
    assert entry["predictions"][0]["index"] == 945
    assert entry["predictions"][0]["probability"] == pytest.approx(0.7693, abs=1e-3)


@pytest.fixture(scope="module")
def mixed_folder(tmp_path_factory) -> Path:
    """A good photograph on either side of every kind of bad file."""
    folder = tmp_path_factory.mktemp("mixed")
    for name in BAD_FILES:
        write_bad_file(folder, name)
    for name in ("first.png", "last.png"):
        Image.new("RGB", (30, 20), "white").save(folder / name)
    return folder


def test_a_batch_with_bad_files(snellen_command, mixed_folder) -> None:
    names = ["first.png", *BAD_FILES, "last.png"]
    done = snellen_command("classify", *(mixed_folder / name for name in names), "--json")
    assert done.returncode == 2
    entries = json.loads(done.stdout)
    assert [Path(entry["image"]).name for entry in entries] == names
    assert [set(entry) for entry in entries[1:-1]] == [{"image", "error"}] * len(BAD_FILES)
    assert "predictions" in entries[0]
    assert "predictions" in entries[-1]


def test_a_bad_batch_as_a_table(snellen_command, mixed_folder, tmp_path) -> None:
    figure = tmp_path / "figure.svg"
    done = snellen_command("classify", mixed_folder / "first.png", mixed_folder / "empty.jpg", "--figure", figure)
    assert done.returncode == 2
    assert "first.png" in done.stdout
    assert done.stderr == f"snellen: {mixed_folder / 'empty.jpg'}: empty\n"
    assert figure.read_text(encoding="utf-8").startswith("<?xml")


def test_standard_input_and_its_figure(snellen_command, mixed_folder, tmp_path) -> None:
    data = (mixed_folder / "first.png").read_bytes()
    figure = tmp_path / "figure.png"
    done = snellen_command("classify", "-", "-", "--figure", figure, "--csv", input=data)
    assert done.returncode == 0, done
    assert done.stdout.count("\n-,1,") == 2
    assert figure.stat().st_size > 1000


def test_odd_names_stay_on_one_line(snellen_command, tmp_path) -> None:
    odd = tmp_path / "a\nb:smile:[red]$x$\x1b.png"
    Image.new("RGB", (9, 9)).save(odd)
    done = snellen_command("classify", odd, tmp_path / "gone\n.png", "-k", "1", "--figure", tmp_path / "f.svg")
    assert len(done.stdout.splitlines()) == 2
    assert r"a\nb:smile:[red]$x$\x1b.png" in done.stdout
    assert done.stderr.splitlines() == [rf"snellen: {tmp_path}/gone\n.png: no such file"]


def test_too_many_photographs_for_a_figure(snellen_command, tmp_path) -> None:
    done = snellen_command("classify", *["x.png"] * 51, "--figure", tmp_path / "f.png")
    assert done.returncode == 2
    assert "51 photographs (at most 50 in one figure)" in done.stderr


def test_csv_on_the_command_line(snellen_command, mixed_folder, tmp_path) -> None:
    done = snellen_command("classify", mixed_folder / "first.png", mixed_folder / "empty.jpg", "--csv", "-k", "2")
    assert done.returncode == 2
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert list(rows[0]) == ["image", "rank", "label", "index", "probability", "error"]
    assert [row["rank"] for row in rows] == ["1", "2", ""]
    assert rows[2]["error"].endswith("empty.jpg: empty")
    # Names are anybody's, and a spreadsheet would compute these.
    for name in ("=SUMME(1).png", "@a.jpg"):
        shutil.copy(mixed_folder / ("first.png" if name.endswith(".png") else "empty.jpg"), tmp_path / name)
    done = snellen_command("classify", "=SUMME(1).png", "@a.jpg", "--csv", "-k", "1", cwd=tmp_path)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["image"], row["error"]) for row in rows] == [("'=SUMME(1).png", ""), ("'@a.jpg", "'@a.jpg: empty")]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["classify", "gone.jpg"], 2, "gone.jpg: no such file"),
        (["classify", "https://a.org/cat.jpg"], 2, "an address, from which nothing is fetched (save it as a file"),
        (["classify", "."], 2, "a folder without images"),
        (["classify"], 2, "Missing argument"),
        (["classify", "x.png", "--json", "--csv"], 2, "--json and --csv cannot go together"),
        (["classify", "x.png", "--figure", "x.gif"], 2, "cannot draw a .gif"),
        (["classify", "x.png", "-k", "0"], 2, "-k"),
        (["classify", "x.png", "--model", "tf_eficientnet_lite0"], 2, "did you mean tf_efficientnet_lite0"),
        (["classify", "x.png", "--device", "abacus"], 2, "no device 'abacus'"),
        (["clasify"], 2, "Did you mean 'classify'"),
        (["models", "xyzzy"], 2, "no model matches"),
    ],
)
def test_bad_command_lines(snellen_command, tmp_path, arguments, status, message) -> None:
    done = snellen_command(*arguments, cwd=tmp_path)
    assert done.returncode == status
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_ctrl_c_is_one_line(tmp_path) -> None:
    """The command waits for standard input when it is interrupted."""
    figure = tmp_path / "figure.png"
    program = Path(sysconfig.get_path("scripts")) / "snellen"
    arguments = [sys.executable, program, "classify", "-", "--figure", figure]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # A shell's background job is born deaf to Ctrl-C, and so would be its children.
    with subprocess.Popen(
        arguments, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **pipes
    ) as process:
        # More than a pipe holds: written once the command reads.
        process.stdin.write("x" * (1 << 18))
        process.stdin.flush()
        time.sleep(1)  # until it has read that much and waits for more
        process.send_signal(signal.SIGINT)
        errors = process.stderr.read()
        assert process.wait(timeout=60) == 130
    assert errors == "snellen: interrupted\n"
    assert not figure.exists()


def test_debug_shows_the_traceback(snellen_command) -> None:
    done = snellen_command("classify", "x.png", "--model", "nonesuch", "--debug")
    assert done.returncode == 2
    assert "Traceback" in done.stderr
