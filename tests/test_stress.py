"""The stress test's numbers, its chart, and what is said of them."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import fft

import snellen
from linear_toys import linear_classifier, photograph
from snellen.data.images import to_image, to_pixels
from snellen.data.photographs import bundled_photographs
from snellen.data.transforms import TRANSFORMS
from snellen.errors import InputError
from snellen.robustness.acuity import acuity
from snellen.robustness.discussion import discuss
from snellen.robustness.figures import draw_acuity, draw_stress, draw_transforms
from snellen.robustness.files import stress_files, to_csv, write_results
from snellen.robustness.spectrum import high_frequency_energy
from snellen.robustness.stress import all_transforms, apply_transform, assignment_transforms, stress, stress_pair

FILES = {"stress.json", "stress.csv", "acuity.png", "stress.png", "manipulations.png"}


def test_energy_at_high_frequencies() -> None:
    checkered = torch.ones(1, 1, 8, 8)
    checkered[..., ::2, 1::2] = checkered[..., 1::2, ::2] = -1
    smooth = torch.cos(2 * torch.pi * torch.arange(8) / 8).expand(1, 1, 8, 8)
    assert high_frequency_energy(checkered).item() == pytest.approx(64)
    assert high_frequency_energy(smooth).item() == pytest.approx(0, abs=1e-9)
    assert high_frequency_energy(3 * checkered + smooth + 1).item() == pytest.approx(9 * 64)
    noise = np.random.default_rng(0).normal(size=(2, 3, 9, 12))
    down, across = fft.fftfreq(9)[:, None], fft.fftfreq(12)[None]
    spectrum = fft.fft2(noise) * (np.hypot(down, across) >= 0.25)
    theirs = (fft.ifft2(spectrum).real ** 2).sum(axis=(1, 2, 3))
    assert np.allclose(high_frequency_energy(torch.from_numpy(noise)), theirs)


def test_answers_are_the_classifiers() -> None:
    classifier = linear_classifier(4, scale=0.2)
    pixels = photograph(1, 12, 10)
    stressed = stress(classifier, pixels, label="class c")
    assert [(a.manipulation, a.strength) for a in stressed.answers] == list(all_transforms())
    for answer in (stressed.before, *stressed.answers):
        probabilities = classifier.logits(apply_transform(pixels, (answer.manipulation, answer.strength))).softmax(
            dim=1
        )[0]
        assert answer.top.index == probabilities.argmax()
        assert answer.top.probability == pytest.approx(probabilities.max().item(), abs=1e-5)
        assert answer.label == pytest.approx(probabilities[2].item(), abs=1e-5)
        assert answer.target is None
        assert answer.high_frequency_kept is None
        seen = stressed.before.top.index
        others = torch.cat((probabilities[:seen], probabilities[seen + 1 :])).max()
        assert answer.margin == pytest.approx((probabilities[seen] - others).item(), abs=1e-5)
    assert stressed.label == 2
    assert not stressed.attacked


def test_with_an_original() -> None:
    classifier = linear_classifier(3, scale=0.2)
    original = photograph(2)
    label = int(classifier.logits(original).argmax())
    image, report = snellen.attack(classifier, original, (label + 1) % 3, "30/255")
    assert report.attacked.hit
    pixels = to_pixels(image)
    attacked, clean = stress_pair(classifier, pixels, original)
    assert attacked.attacked
    assert attacked.label == clean.label == label
    assert attacked.before.high_frequency_kept == pytest.approx(1)
    assert attacked.before.target == pytest.approx(report.attacked.target, abs=1e-5)
    mirror = attacked.answer("mirror", 1.0)
    assert mirror.high_frequency_kept == pytest.approx(1)
    assert attacked.answer("blur", 3.0).high_frequency_kept < 1
    assert attacked.keeps(mirror) == (mirror.top.index == attacked.before.top.index)
    assert clean == stress(classifier, original, name="original")
    with pytest.raises(InputError, match="one photograph, of one size"):
        stress(classifier, pixels, original[..., :-1])


def test_an_attack_that_changed_nothing_has_no_energy_to_lose() -> None:
    pixels = photograph(2)
    stressed = stress(linear_classifier(), pixels, pixels)
    assert all(np.isnan(answer.high_frequency_kept) for answer in stressed.answers)
    assert "energy" not in discuss([stressed])


def test_the_chart() -> None:
    classifier = linear_classifier(4, scale=0.2)
    one = stress(classifier, photograph(1))
    lines = acuity([one])
    assert [line.manipulation for line in lines] == list(TRANSFORMS)
    for line in lines:
        kept = [one.answer(line.manipulation, s).top.index == one.label for s in line.strengths]
        assert [rate.count for rate in line.kept] == kept
        assert line.changes_at == next((s for s, k in zip(line.strengths, kept, strict=True) if not k), None)
    both = acuity([one, stress(classifier, photograph(2))])
    assert all(rate.n == 2 for line in both for rate in line.kept)
    assert all(line.changes_at is None for line in both)


def test_figures_draw_what_they_are_given() -> None:
    classifier = linear_classifier(4, scale=0.2)
    one = stress(classifier, photograph(1, 20, 30))
    image = to_image(photograph(1, 20, 30))
    grid = draw_stress([(image, one)])
    titles = [axes.get_title() for axes in grid.axes]
    assert titles[0].startswith(one.before.top.label)
    assert [title.split("\n")[0] for title in titles[1:]] == [
        one.answer(*trial).top.label for trial in assignment_transforms()
    ]
    chart = draw_acuity({"clean": acuity([one]), "attacked": acuity([one])})
    letters = sum(text.get_text() == "E" for text in chart.axes[0].texts)
    assert letters == len(all_transforms())
    assert len(draw_transforms(image).axes) == len(TRANSFORMS)


def test_a_batch_with_a_bad_photograph(tmp_path: Path) -> None:
    paths = []
    for number in range(2):
        paths.append(str(tmp_path / f"{number}.png"))
        to_image(photograph(number, 12, 10)).save(paths[-1])
    (tmp_path / "bad.png").write_bytes(b"?")
    result = stress_files(linear_classifier(3), [paths[0], str(tmp_path / "bad.png"), paths[1]])
    assert [one.image for one in result.photographs] == paths
    assert "not an image" in result.failures[0].error
    rows = list(csv.DictReader(io.StringIO(to_csv(result))))
    assert len(rows) == 2 * (1 + len(all_transforms())) + 1
    assert rows[0]["kept"] == "True"
    write_results(result, tmp_path / "out")
    assert all((tmp_path / "out" / name).stat().st_size > 0 for name in FILES)
    assert json.loads((tmp_path / "out" / "stress.json").read_text())["photographs"][0]["label"] >= 0
    assert stress_files(linear_classifier(3), [str(tmp_path / "bad.png")]).charts == {}


def test_the_discussion_counts(lite0) -> None:
    coffee = snellen.read_pixels(bundled_photographs()[0].path)
    image, _ = snellen.attack(lite0, coffee, "space shuttle")
    pixels = to_pixels(image)
    stressed = stress(lite0, pixels, coffee, trials=all_transforms(), name="coffee-adversarial.png")
    text = discuss([stressed])
    mirror = stressed.answer("mirror", 1.0)
    expected = "leaves coffee fooled" if stressed.keeps(mirror) else "coffee"
    assert expected in text.split(";")[0]
    assert f"from {stressed.before.margin:+.2f} to {mirror.margin:+.2f}" in text
    assert f"grayscale {1 - stressed.answer('grayscale', 1.0).high_frequency_kept:.0%}" in text
    assert "does not prove" in text


def test_stress_on_the_command_line(snellen_command, tmp_path: Path) -> None:
    photo = bundled_photographs()[0].path
    with Image.open(photo) as image:
        image.convert("RGB").resize((90, 60)).save(tmp_path / "small.png")
    out = tmp_path / "run"
    done = snellen_command("stress", tmp_path / "small.png", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "rotation by 30°" in done.stdout
    manifest = json.loads((out / "manifest.json").read_text())
    assert set(manifest["files"]) == FILES
    wrong = snellen_command("stress", photo, "--original", photo, "--original", photo, "--out", out)
    assert wrong.returncode == 2
    assert "1 photographs, 2 originals" in wrong.stderr
