"""On a CUDA device: the answers of the CPU. `benchmarks/gpu.sh` runs what is marked, where there is such a device.

SNELLEN_CUDA_TESTS_ON=cpu rehearses these on the CPU, where they show that they call what there is.
"""

import csv
import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import snellen
from snellen.attacks.eot import EOTSampler
from snellen.data.images import read_array
from snellen.data.photographs import bundled_photographs
from snellen.data.preprocessing import Preprocessing
from snellen.data.transforms import all_transforms, apply_transform
from snellen.inference.engines import TorchEngine
from snellen.models.classifier import Classifier
from snellen.models.create import create
from snellen.runs.progress import Progress
from snellen.training.augment import augment, resized
from snellen.training.data import load_data
from snellen.training.recipe import Augmentation, read_recipe
from snellen.training.trainer import train

DEVICE = os.environ.get("SNELLEN_CUDA_TESTS_ON", "cuda")


@pytest.fixture(scope="module")
def there() -> Classifier:
    """The bundled classifier on the device."""
    if DEVICE == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return snellen.load(device=DEVICE)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two of the bundled ones, smaller, each in a folder of its class."""
    paths, home = [], tmp_path_factory.mktemp("photographs")
    for photo in bundled_photographs()[:2]:
        folder = home / photo.label
        folder.mkdir()
        image = snellen.read_image(photo.path)
        image.thumbnail((280, 280))
        paths.append(folder / "photo.png")
        image.save(paths[-1])
    return paths


@pytest.mark.cuda
def test_the_same_classes(there: Classifier, lite0: Classifier, photographs: list[Path]) -> None:
    for one, other in zip(snellen.classify(there, photographs), snellen.classify(lite0, photographs), strict=True):
        assert one.top.index == other.top.index
        assert one.top.probability == pytest.approx(other.top.probability, abs=0.02)


@pytest.mark.cuda
@pytest.mark.parametrize(("precision", "cosine"), [("float32", 0.999), ("bfloat16", 0.99)])
def test_the_same_features(there, lite0, photographs, precision: str, cosine: float) -> None:
    inputs = [lite0.preprocessing.preprocess_fast(read_array(str(path))) for path in photographs]
    for one, other in zip(TorchEngine(there, precision).run(inputs), TorchEngine(lite0).run(inputs), strict=True):
        assert one @ other / np.linalg.norm(one) / np.linalg.norm(other) > cosine


@pytest.mark.cuda
@pytest.mark.parametrize("options", [{}, {"target": None}, {"robust": True, "steps": 2}, {"method": "gradient_ascent"}])
def test_an_attack_holds_on_the_cpu(there, lite0, photographs, options: dict) -> None:
    config = snellen.AttackConfig(**{"target": "space shuttle", "epsilon": "8/255", "steps": 12} | options)
    result = snellen.attack(there, photographs[0], config=config)
    assert result.norm <= 8
    assert snellen.classify(lite0, result.saved).top.index == result.attacked.top.index
    assert result.attacked.success or options.get("robust") or options.get("method")


@pytest.mark.cuda
def test_heatmap_maps_and_stress_agree(there: Classifier, lite0: Classifier, photographs: list[Path]) -> None:
    one, other = (snellen.heatmap(classifier, photographs[0]) for classifier in (there, lite0))
    assert np.corrcoef(np.ravel(one.values), np.ravel(other.values))[0, 1] > 0.99
    maps = [snellen.feature_maps(classifier, photographs[0]) for classifier in (there, lite0)]
    assert [layer.name for layer in maps[0].layers] == [layer.name for layer in maps[1].layers]
    found = [snellen.stress(classifier, photographs[0]) for classifier in (there, lite0)]
    same = [one.top.index == other.top.index for one, other in zip(*(stress.outcomes for stress in found), strict=True)]
    assert np.mean(same) > 0.9


@pytest.mark.cuda
def test_the_same_accuracy(there: Classifier, lite0: Classifier, photographs: list[Path]) -> None:
    folder = str(photographs[0].parents[1])
    found = [snellen.evaluate(classifier, folder).accuracy for classifier in (there, lite0)]
    assert found[0] == found[1]


class StopsAtTheSecond(Progress):
    """Interrupts a training when its first epoch is over."""

    def begin(self, stage: str, total: int | None = None) -> None:  # noqa: ARG002
        if stage.startswith("Epoch 2 "):
            raise KeyboardInterrupt


@pytest.mark.cuda
@pytest.mark.parametrize("recipe", ["plain", "batchnorm"])
def test_training(there: Classifier, tmp_path: Path, recipe: str) -> None:
    """As on the CPU but for rounding; resumed from its checkpoint; its file is a model of the CPU."""
    tiny = dataclasses.replace(read_recipe(recipe), size=8, epochs=2, batch=64)
    data = load_data("digits", 8)
    runs = {name: train(data, tiny, out=tmp_path / name, device=name).result for name in {DEVICE, "cpu"}}
    assert runs[DEVICE].history[-1].loss == pytest.approx(runs["cpu"].history[-1].loss, rel=0.1)
    with pytest.raises(KeyboardInterrupt):
        train(data, tiny, out=tmp_path / "cut", device=DEVICE, progress=StopsAtTheSecond())
    resumed = train(data, tiny, out=tmp_path / "cut", resume=True, device=DEVICE).result
    losses = [[epoch.loss for epoch in result.history] for result in (resumed, runs[DEVICE])]
    np.testing.assert_allclose(*losses, rtol=1e-2)
    assert snellen.load(tmp_path / DEVICE, device="cpu").labels == data.labels


@pytest.mark.cuda
def test_deep_trains_in_two_sizes(there: Classifier, tmp_path: Path) -> None:
    """As on the CPU: compiled, this network has been seen not to learn, without a word."""
    base = read_recipe("deep", network_options={"widths": [8, 16, 16]})
    tiny = dataclasses.replace(base, epochs=3, batch=64)
    data = load_data("digits", 32)
    runs = {name: train(data, tiny, out=tmp_path / name, tta=True, device=name).result for name in {DEVICE, "cpu"}}
    on_device, on_cpu = ([epoch.loss for epoch in runs[name].history] for name in (DEVICE, "cpu"))
    assert on_device == pytest.approx(on_cpu, rel=0.1)
    assert runs[DEVICE].test_tta is not None


@pytest.mark.cuda
def test_the_command(there: Classifier, photographs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "attacked"
    arguments = [*photographs, "-t", "random", "--steps", "8", "--device", DEVICE, "--out", out]
    # A fork of a process that has CUDA would not have it.
    run = subprocess.run([sys.executable, "-m", "snellen", "attack", *arguments], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert len(list(csv.DictReader((out / "attacks.csv").read_text(encoding="utf-8").splitlines()))) == 2


# Without such a device: what makes a tensor of its own makes it where its input is. Tensors of the device "meta" hold
# no values and go with no others.


@pytest.mark.parametrize("transform", {name: (name, strength) for name, strength in all_transforms()}.values())
def test_transforms_stay_on_their_device(transform) -> None:
    if transform[0] != "jpeg":  # it needs the values, on the CPU
        pixels = torch.rand(1, 3, 48, 60, device="meta")
        assert apply_transform(pixels, transform).device.type == "meta"


def test_the_way_to_the_input_stays_on_its_device() -> None:
    pixels = torch.rand(1, 3, 48, 60, device="meta")
    plain = Preprocessing((32, 32), 0.875, "bicubic", (0.5,) * 3, (0.5,) * 3)
    assert plain.normalise(plain.preprocess(pixels)).device.type == "meta"
    for transform in EOTSampler(plain, 48, 60, 16, seed=0)():
        assert transform(pixels).shape == (1, 3, 32, 32)


@pytest.mark.parametrize("flip", ["none", "random", "alternating"])
def test_augmentation_stays_on_its_device(flip: str) -> None:
    images = torch.zeros(8, 32, 32, 3, dtype=torch.uint8, device="meta")
    changes = Augmentation(flip=flip, translate=2, cutout=8)
    inputs = resized(augment(images, changes, torch.zeros(8, dtype=torch.bool), torch.Generator()), 24)
    assert (inputs.device.type, inputs.shape) == ("meta", (8, 3, 24, 24))


@pytest.mark.parametrize("name", ["plain", "batchnorm", "deep"])
def test_networks_stay_on_their_device(name: str) -> None:
    network = create(name, 10).to("meta")
    assert network(torch.rand(2, 3, 32, 32, device="meta")).device.type == "meta"
