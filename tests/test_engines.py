"""Engines: the same features, in order, whoever computes them."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import snellen._torchvision  # noqa: F401  # before timm
from snellen.data.images import read_array, read_image
from snellen.data.labels import numbered_labels
from snellen.data.preprocessing import Preprocessing, _on_device
from snellen.errors import ImageError, InputError, SnellenError
from snellen.inference import conversions, engines
from snellen.inference.engines import WORTH_CONVERTING, OpenVINOEngine, TorchEngine, choose_engine
from snellen.models.classifier import Classifier
from snellen.runs.progress import Progress
from transfer_toys import SIDE, toy_classifier

needs_openvino = pytest.mark.skipif(
    engines.importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed"
)
ENGINES = [TorchEngine, pytest.param(OpenVINOEngine, marks=needs_openvino)]


def some_inputs(count: int) -> list[np.ndarray]:
    return list(np.random.default_rng(0).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8))


@pytest.mark.parametrize("engine", ENGINES)
def test_features_come_in_order_and_are_right(engine) -> None:
    inputs = some_inputs(41)
    features = list(engine(toy_classifier()).run(inputs))
    assert np.allclose(features, [one.reshape(-1, 3).mean(axis=0) / 255 for one in inputs], atol=1e-6)
    assert features[0].dtype == np.float32


@pytest.mark.parametrize("engine", ENGINES)
def test_few_inputs_are_held(engine) -> None:
    """An engine asks for no more than a bounded number of inputs before it gives features."""
    asked = 0

    def inputs():
        nonlocal asked
        for one in some_inputs(200):
            asked += 1
            yield one

    features = engine(toy_classifier()).run(inputs())
    for done in range(1, 101):
        next(features)
        assert asked <= done + 64


@pytest.mark.parametrize("engine", ENGINES)
def test_the_network_is_left_as_found(engine) -> None:
    classifier = toy_classifier()
    classifier.network.train()
    list(engine(classifier).run(some_inputs(3)))
    assert classifier.network.training
    assert all(parameter.requires_grad for parameter in classifier.network.parameters())


@needs_openvino
def test_openvino_is_chosen_on_a_cpu() -> None:
    assert choose_engine(toy_classifier()).name == "openvino"
    assert choose_engine(toy_classifier(), "torch").name == "torch"


@needs_openvino
def test_a_few_photographs_are_not_worth_a_conversion() -> None:
    few, many = (choose_engine(toy_classifier(), count=count) for count in (WORTH_CONVERTING - 1, WORTH_CONVERTING))
    assert (few.name, many.name) == ("torch", "openvino")
    assert choose_engine(toy_classifier(), "openvino", count=1).name == "openvino"
    inputs = some_inputs(3)
    assert np.allclose([*few.run(inputs)], [*many.run(inputs)], atol=1e-4)


@needs_openvino
def test_openvino_is_chosen_in_a_fresh_process() -> None:
    """A first pass caches the mean and the deviation: the tracer must not take that for part of the network."""
    _on_device.cache_clear()
    assert choose_engine(toy_classifier()).name == "openvino"


def test_without_openvino(monkeypatch) -> None:
    monkeypatch.setattr(engines.importlib.util, "find_spec", lambda _: None)
    assert choose_engine(toy_classifier()).name == "torch"
    with pytest.raises(InputError, match=r"OpenVINO is not installed \(pip install openvino\)"):
        choose_engine(toy_classifier(), "openvino")


@needs_openvino
def test_openvino_is_for_cpus() -> None:
    elsewhere = SimpleNamespace(device=torch.device("cuda"))
    with pytest.raises(InputError, match=r"OpenVINO runs on CPUs, the classifier is on cuda \(`device` cpu\)"):
        choose_engine(elsewhere, "openvino")


def test_names_that_are_none() -> None:
    with pytest.raises(InputError, match=r"no engine 'tpu' \(auto, torch, openvino\)"):
        choose_engine(toy_classifier(), "tpu")
    with pytest.raises(InputError, match=r"no precision 'half' \(float32, bfloat16\)"):
        choose_engine(toy_classifier(), precision="half")


class _Untraceable(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if torch.jit.is_tracing():
            raise RuntimeError("not while traced")
        return self.head(x.mean(dim=(2, 3)))


@needs_openvino
def test_a_network_that_openvino_cannot_convert() -> None:
    toy = toy_classifier()
    preprocessing: Preprocessing = toy.preprocessing
    classifier = Classifier(_Untraceable(), preprocessing, toy.labels, name="odd", device="cpu")
    said: list[str] = []

    class Heard(Progress):
        def note(self, line: str) -> None:
            said.append(line)

    assert choose_engine(classifier, progress=Heard()).name == "torch"
    assert len(said) == 1
    assert "odd: OpenVINO cannot convert it: " in said[0]
    assert said[0].endswith("; PyTorch takes over")
    with pytest.raises(SnellenError, match=r"odd: OpenVINO cannot convert it: .*`engine` torch"):
        choose_engine(classifier, "openvino")


@needs_openvino
def test_features_that_are_not_the_same_are_noticed(monkeypatch) -> None:
    """A network that is traced one way and runs another stands for an operation that OpenVINO computes otherwise."""

    class TwoFaced(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            colours = x.mean(dim=(2, 3)) * torch.tensor([1.0, -3.0, 0.2] if torch.jit.is_tracing() else [1.0, 1.0, 1.0])
            return self.head(colours)

    toy = toy_classifier()
    classifier = Classifier(TwoFaced(), toy.preprocessing, toy.labels, name="odd", device="cpu")
    with pytest.raises(SnellenError, match=r"odd: OpenVINO's features are not PyTorch's, at a cosine of -?0\.\d+"):
        choose_engine(classifier, "openvino")
    assert choose_engine(classifier).name == "torch"


def of_timm(**changes: object) -> Classifier:
    import timm

    torch.manual_seed(0)
    network = timm.create_model("test_vit", num_classes=3, img_size=32, **changes)
    preprocessing = Preprocessing((32, 32), 1.0, "bilinear", (0.5,) * 3, (0.5,) * 3)
    return Classifier(network, preprocessing, numbered_labels(3), name="kept", device="cpu")


@needs_openvino
def test_a_conversion_is_kept_and_told_from_another(tmp_path, monkeypatch) -> None:
    """Read again for the same network; made again for other weights, other settings, damage; a program is not kept."""
    monkeypatch.setenv("SNELLEN_CACHE", str(tmp_path))
    made: list[str] = []
    convert = engines._convert
    monkeypatch.setattr(engines, "_convert", lambda one, output: made.append(one.name) or convert(one, output))
    inputs = list(np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8))
    first = list(OpenVINOEngine(of_timm()).run(inputs))
    (kept,) = (tmp_path / "openvino").iterdir()
    again = list(OpenVINOEngine(of_timm()).run(inputs))
    assert len(made) == 1
    np.testing.assert_array_equal(first, again)
    other = of_timm()
    with torch.no_grad():
        other.network.norm.bias += 1
    OpenVINOEngine(other)
    OpenVINOEngine(of_timm(global_pool="avg", class_token=True))
    assert len(made) == 3
    for damaged in (b"damage", kept.read_bytes()[:-1], kept.read_bytes()[:-1] + b"\0"):
        kept.write_bytes(damaged)
        np.testing.assert_array_equal(list(OpenVINOEngine(of_timm()).run(inputs)), first)
    assert len(made) == 6
    OpenVINOEngine(toy_classifier())
    hooked = of_timm()
    hooked.network.norm.register_forward_hook(lambda *_: None)
    OpenVINOEngine(hooked)
    assert len(made) == 8
    assert len(list((tmp_path / "openvino").iterdir())) == 3
    file = tmp_path / "no-folder"
    file.write_text("", encoding="utf-8")
    monkeypatch.setenv("SNELLEN_CACHE", str(file))
    np.testing.assert_allclose(list(OpenVINOEngine(of_timm()).run(inputs)), first, atol=1e-4)


def test_only_kept_conversions_are_forgotten(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(conversions, "_MOST", 3)
    theirs = [tmp_path / f"notes-{number}.txt" for number in range(5)]
    for path in theirs:
        path.write_text("mine", encoding="utf-8")
    (tmp_path / "link.blob").symlink_to(theirs[0])
    (tmp_path / "gone.blob").symlink_to("nowhere")
    (tmp_path / "folder.blob").mkdir()
    for number in range(5):
        conversions._keep(b"network", tmp_path / f"{number}.blob")
        os.utime(tmp_path / f"{number}.blob", (number, number))
    assert all(path.exists() for path in theirs)
    assert {path.name for path in tmp_path.glob("*.blob")} == {
        "2.blob", "3.blob", "4.blob", "link.blob", "gone.blob", "folder.blob",
    }  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
def test_real_features_against_timm(engine, lite0, imagenet) -> None:
    """The promise for the default precision: a cosine of at least 0.999 to timm's own pipeline in float32."""
    from timm.data import create_transform, resolve_data_config

    images = [read_image(path) for path in imagenet[::10]]
    transform = create_transform(**resolve_data_config({}, model=lite0.network))
    with torch.inference_mode():
        batch = torch.stack([transform(image) for image in images])
        expected = lite0.network.forward_head(lite0.network.forward_features(batch), pre_logits=True).numpy()
    inputs = [lite0.preprocessing.preprocess_fast(np.array(image)) for image in images]
    found = np.stack(list(engine(lite0).run(inputs)))
    cosines = (found * expected).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosines.min() > 0.9995
    assert found.min() >= 0


@pytest.mark.parametrize("engine", ENGINES)
def test_bfloat16_is_near_but_not_the_same(engine, lite0, imagenet) -> None:
    inputs = [lite0.preprocessing.preprocess_fast(read_array(path)) for path in imagenet[:4]]
    exact = np.stack(list(engine(lite0).run(inputs)))
    rough = np.stack(list(engine(lite0, "bfloat16").run(inputs)))
    cosines = (rough * exact).sum(1) / np.linalg.norm(rough, axis=1) / np.linalg.norm(exact, axis=1)
    assert cosines.min() > 0.99
    assert rough.dtype == np.float32


def test_fast_preprocessing_is_within_two_levels_of_the_exact_one(lite0, imagenet) -> None:
    for path in imagenet[::5]:
        image = read_image(path)
        exact, fast = lite0.preprocessing.preprocess_image(image), lite0.preprocessing.preprocess_fast(np.array(image))
        assert np.abs(exact.astype(int) - fast).max() <= 2
        assert np.abs(exact.astype(int) - fast).mean() < 0.05


def test_an_array_is_the_image(imagenet, tmp_path) -> None:
    """With or without the faster decoder, whatever the file: the same bytes, the same complaints."""
    from PIL import Image

    random = np.random.default_rng(0)
    noise = Image.fromarray(random.integers(0, 256, (40, 61, 3), dtype=np.uint8))
    turned = Image.Exif()
    turned[0x0112] = 6
    noise.save(tmp_path / "turned.jpg", exif=turned)
    noise.convert("L").save(tmp_path / "grey.jpg")
    noise.convert("CMYK").save(tmp_path / "cmyk.jpg")
    noise.save(tmp_path / "progressive.jpg", progressive=True)
    noise.save(tmp_path / "plain.png")
    for path in [*imagenet[::10], *tmp_path.iterdir()]:
        assert np.array_equal(read_array(path), np.array(read_image(path))), path
    whole = imagenet[0].read_bytes()
    for broken in (whole[: len(whole) // 2], b"\xff\xd8\xff nothing"):
        with pytest.raises(ImageError) as one:
            read_image(broken)
        with pytest.raises(ImageError) as other:
            read_array(broken)
        assert str(one.value) == str(other.value)


def test_openvino_reports_to_nobody() -> None:
    """Its import starts a process that reports it to its makers; imported by us it does not."""
    pytest.importorskip("openvino")
    program = (
        "import multiprocessing\nimport snellen.inference.engines, openvino\n"
        "import openvino.frontend\nprint(multiprocessing.active_children())"
    )
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout.strip()) == (0, "[]")
