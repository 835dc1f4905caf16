"""Training from scratch: exact shapes, exact repeats, exact pictures, and errors that name what is wrong."""

import dataclasses
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

import snellen
from forked import Forked
from snellen.data.images import pixels_from_bytes
from snellen.data.preprocessing import Preprocessing
from snellen.errors import InputError, ModelError, SnellenError
from snellen.intervals import Rate
from snellen.models.create import create
from snellen.models.networks import _deep_member, first_filters, parameter_count
from snellen.models.safetensors import read_header
from snellen.runs.progress import Progress
from snellen.training.adversarial import adversarial_examples, random_start
from snellen.training.augment import alternating_flips, augment, resized
from snellen.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint, save_tensors
from snellen.training.data import InMemorySplit, hold_out, load_data
from snellen.training.discussion import (
    at_each_rate,
    cause_of_difference,
    choices_on_test_images,
    compare,
    compare_filters,
    describe_network,
    describe_recipe,
    discuss,
    discuss_filters,
    discuss_network,
    explain_recipe,
    final_accuracy,
    frozen_parameters,
    headline,
    note_on_images,
    seeds_sentence,
    table,
    where,
)
from snellen.training.evaluate import evaluate, evaluation_of, tta_logits
from snellen.training.figures import draw_curves
from snellen.training.files import read_results, write_result, write_summary
from snellen.training.filters import (
    filter_structure,
    filters_image,
    filters_of_image,
    mosaic,
    noise_like,
    stretched,
)
from snellen.training.initialise import ABOUT, flip_equivariant_whitening_filters, initialise, whitening_filters
from snellen.training.loop import Training, _adversarial, batches
from snellen.training.normalisation import SEARCHED
from snellen.training.optimise import Muon, learning_rate_factor, make_optimisers, make_schedulers, orthogonalised
from snellen.training.processes import Processes
from snellen.training.recipe import (
    ASSIGNMENT,
    RECIPES,
    Adversarial,
    Augmentation,
    Optimiser,
    ProgressiveResizing,
    Recipe,
    Schedule,
    read_recipe,
)
from snellen.training.results import (
    EpochMetrics,
    TrainingComparison,
    TrainingResult,
    file_names_of,
    rate_at,
    recipe_files_of,
)
from snellen.training.speed import seconds_per_image
from snellen.training.trainer import CHECKPOINT, train, train_seeds

# Small enough for a second: the digits at 8 pixels.
TINY = dataclasses.replace(read_recipe("batchnorm"), size=8, epochs=3, batch=64)


@pytest.fixture(scope="module")
def digits():
    return load_data("digits", 8)


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model.safetensors")


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


# --- networks ---------------------------------------------------------------------------------------


def test_plain_is_the_assignments_network() -> None:
    network = create("plain", 10)
    shapes = {name: tuple(value.shape) for name, value in network.named_parameters()}
    assert shapes == {
        "conv1.weight": (64, 3, 11, 11),
        "conv1.bias": (64,),
        "conv2.weight": (128, 64, 3, 3),
        "conv2.bias": (128,),
        "conv3.weight": (128, 128, 3, 3),
        "conv3.bias": (128,),
        "linear.weight": (10, 128),
        "linear.bias": (10,),
    }
    counts = [64 * (3 * 121 + 1), 128 * (64 * 9 + 1), 128 * (128 * 9 + 1), 10 * (128 + 1)]
    assert parameter_count(network) == sum(counts) == 246_026
    kinds = [type(module) for module in network]
    assert kinds == [
        *(nn.Conv2d, nn.ReLU, nn.MaxPool2d, nn.Conv2d, nn.ReLU, nn.Conv2d, nn.ReLU),
        *(nn.AdaptiveAvgPool2d, nn.Flatten, nn.Linear),
    ]
    maps = {name: tuple(network[: number + 1](torch.zeros(1, 3, 32, 32)).shape[1:]) for number, (name, _) in
            enumerate(network.named_children())}  # fmt: skip
    assert maps["relu1"] == (64, 32, 32)
    assert maps["pool1"] == (64, 16, 16)
    assert maps["relu3"] == (128, 16, 16)
    assert maps["average"] == (128, 1, 1)


def test_plain_by_hand() -> None:
    network = create("plain", 10)
    x = torch.randn(2, 3, 32, 32)
    p = dict(network.named_parameters())
    y = functional.max_pool2d(functional.conv2d(x, p["conv1.weight"], p["conv1.bias"], padding=5).clamp(min=0), 2)
    y = functional.conv2d(y, p["conv2.weight"], p["conv2.bias"], padding=1).clamp(min=0)
    y = functional.conv2d(y, p["conv3.weight"], p["conv3.bias"], padding=1).clamp(min=0)
    y = y.mean(dim=(2, 3)) @ p["linear.weight"].T + p["linear.bias"]
    torch.testing.assert_close(network(x), y)


def test_batchnorm_normalises_between_the_hidden_layers() -> None:
    network = create("batchnorm", 10)
    order = [type(module).__name__ for module in network]
    assert [order[i + 1] for i, name in enumerate(order) if name == "Conv2d"] == ["BatchNorm2d", "BatchNorm2d", "ReLU"]
    # Two normalisations of 64 and 128 channels; their shifts replace two biases.
    assert parameter_count(network) == 246_026 + 2 * (64 + 128) - (64 + 128)


def test_deep_shapes() -> None:
    network = create("deep", 10)
    assert tuple(first_filters(network).shape) == (24, 3, 2, 2)
    assert network(torch.zeros(2, 3, 32, 32)).shape == (1, 2, 10)  # of each member
    network.eval()
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert network(torch.zeros(2, 3, 24, 24)).shape == (2, 10)


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        ("plainn", "no architecture named 'plainn' .*did you mean plain"),
        ("gone.py", "gone.py: no such file"),
        ("deep", "deep: cannot be made: .*colour"),
    ],
)
def test_networks_that_cannot_be_made(architecture: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        create(architecture, 10, {"colour": 3})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", r"has no function network\(classes\)"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def network(classes): return 3", "made int .*a torch.nn.Module"),
    ],
)
def test_network_files_with_mistakes(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "net.py"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=message):
        create(str(path), 10)


# --- recipes ----------------------------------------------------------------------------------------


def test_shipped_recipes() -> None:
    plain, batchnorm, deep, robust = (read_recipe(name) for name in RECIPES)
    # The first two differ in the network; all else is equal.
    assert dataclasses.replace(plain, network="batchnorm") == batchnorm
    assert deep.network == robust.network == "deep"
    assert deep.adversarial.epsilon == 0
    assert "ten epochs in batches of 128 with AdamW; the learning rate rises over the first 10%" in (
        describe_recipe(plain)
    )
    assert "Muon with momentum 0.6" in describe_recipe(deep)
    assert "reduced to 24 pixels for the first 70% of the epochs" in describe_recipe(deep)
    assert "64 filters of 11 x 11" in describe_network(plain)
    assert "Two such networks are trained independently" in describe_network(deep)
    assert "such networks" not in describe_network(dataclasses.replace(deep, network_options={}))
    assert describe_network(dataclasses.replace(deep, network="mine.py")) == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("network = 'plain'\nepochs = 1", "lacks batch"),
        ("network = 'plain'\nepochs = 1\nbatch = 8\nepoch = 1", "unknown key 'epoch' .*did you mean epochs"),
        ("network = 'plain'\nepochs = 1.5\nbatch = 8", "epochs is 1.5 .*a whole number"),
        ("network = 'plain'\nepochs = true\nbatch = 8", "epochs is True"),
        ("network = 'plain'\nepochs = 0\nbatch = 8", "epochs is 0 .*at least 1"),
        (
            "network = 'plain'\nepochs = 1\nbatch = 8\n[optimiser]\nname = 'adam'",
            "name is 'adam' .*sgd or adamw or muon",
        ),
        ("network = 'plain'\nepochs = 1\nbatch = 8\noptimiser = 3", r"optimiser is 3 .*a table \[optimiser\]"),
        ("network = ", "not TOML"),
    ],
)
def test_recipes_with_mistakes(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_recipe(str(path))


def test_unknown_recipe() -> None:
    with pytest.raises(InputError, match="no recipe 'batchnrom' .*did you mean batchnorm"):
        read_recipe("batchnrom")


@given(st.integers(1, 500), st.floats(0, 0.9))
def test_learning_rate_rises_and_falls(steps: int, warmup: float) -> None:
    shares = [learning_rate_factor(step, steps, Schedule(warmup)) for step in range(steps)]
    assert all(0 < share <= 1 for share in shares)
    top = shares.index(max(shares))
    assert shares[: top + 1] == sorted(shares[: top + 1])
    assert shares[top:] == sorted(shares[top:], reverse=True)


def test_learning_rate_by_hand() -> None:
    assert [learning_rate_factor(step, 4, Schedule(0)) for step in range(4)] == [1, 0.75, 0.5, 0.25]
    assert [learning_rate_factor(step, 4, Schedule(0.5)) for step in range(4)] == [1 / 3, 2 / 3, 1, 0.5]


def test_schedulers_follow_the_factor_from_any_step_on() -> None:
    parameter = nn.Parameter(torch.ones(2))
    optimiser = torch.optim.SGD([parameter], lr=0.3)
    schedule = Schedule(0.4)
    for start in (0, 3, 6):
        (scheduler,) = make_schedulers([optimiser], schedule, 10, start)
        for step in range(start, 10):
            assert optimiser.param_groups[0]["lr"] == 0.3 * learning_rate_factor(step, 10, schedule)
            optimiser.step()
            scheduler.step()


# --- optimisers and initialisation ------------------------------------------------------------------


@given(st.integers(0, 2**31))
@settings(max_examples=20)
def test_orthogonalised_has_the_same_singular_vectors(seed: int) -> None:
    matrix = torch.randn(6, 10, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    # The iteration is an odd polynomial of the matrix: it acts on the singular values alone.
    values = s / (s.square().sum().sqrt() + 1e-7)
    for _ in range(3):
        values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5
    torch.testing.assert_close(orthogonalised(matrix), u @ values.diag() @ v)
    torch.testing.assert_close(orthogonalised(matrix.T), orthogonalised(matrix).T)


def test_muon_step_by_hand() -> None:
    bank = nn.Parameter(torch.randn(4, 3, 2, 2))
    start = bank.detach().clone()
    optimiser = Muon([bank], lr=0.1, momentum=0.5)
    bank.grad = torch.randn_like(bank)
    gradient = bank.grad.clone()
    optimiser.step()
    scaled = start * (2.0 / start.norm())
    # The first Nesterov momentum is 1.5 times the gradient, and the orthogonalisation forgets the factor.
    expected = scaled - 0.1 * orthogonalised((1.5 * gradient).reshape(4, 12)).reshape(4, 3, 2, 2)
    torch.testing.assert_close(bank.detach(), expected)


def test_muon_moves_a_bank_of_zeros() -> None:
    bank = nn.Parameter(torch.zeros(4, 3, 2, 2))
    optimiser = Muon([bank], lr=0.1, momentum=0.5)
    bank.grad = torch.randn_like(bank)
    optimiser.step()
    # It has no norm to keep: the step is all of it, and the next one has a bank of the usual norm to start from.
    expected = -0.1 * orthogonalised((1.5 * bank.grad).reshape(4, 12)).reshape(4, 3, 2, 2)
    torch.testing.assert_close(bank.detach(), expected)
    optimiser.step()
    assert bank.isfinite().all()
    assert bank.norm().item() == pytest.approx(2.0, rel=0.2)


def test_every_trained_parameter_has_one_optimiser() -> None:
    for name in ASSIGNMENT:
        network = create(name, 10)
        groups = [g for o in make_optimisers(network, read_recipe(name).optimiser) for g in o.param_groups]
        held = [id(parameter) for group in groups for parameter in group["params"]]
        assert sorted(held) == sorted(id(p) for p in network.parameters() if p.requires_grad)
    decays = {p.ndim: g["weight_decay"] for g in make_optimisers(create("plain", 3), Optimiser(weight_decay=0.1))[0]
              .param_groups for p in g["params"]}  # fmt: skip
    assert decays == {4: 0.1, 2: 0.1, 1: 0.0}


def test_he_initialisation() -> None:
    torch.manual_seed(0)
    network = create("plain", 10)
    initialise(network, "he", torch.zeros(1, 3, 32, 32))
    assert network.conv3.weight.std().item() == pytest.approx(math.sqrt(2 / (128 * 9)), rel=0.01)
    assert all(not value.any() for name, value in network.named_parameters() if name.endswith("bias"))


def test_other_initialisations() -> None:
    images = torch.zeros(2, 3, 32, 32)
    expected = {"xavier": (2 / (3 * 121 + 64 * 121)) ** 0.5, "small": 0.001, "he": (2 / (3 * 121)) ** 0.5}
    for name, deviation in expected.items():
        network = create("plain", 10)
        initialise(network, name, images)
        assert network.conv1.weight.std().item() == pytest.approx(deviation, rel=0.03)
        assert not network.conv1.bias.any()
        assert f"Initialisation: {ABOUT[name]}." in describe_recipe(
            dataclasses.replace(read_recipe("plain"), initialisation=name)
        )


def test_whitening_makes_patches_uncorrelated() -> None:
    torch.manual_seed(0)
    images = torch.randn(50, 1, 12, 12) * 2 + 0.5 * torch.randn(50, 3, 12, 12)
    answers = functional.conv2d(images, whitening_filters(images, 2)).transpose(0, 1).reshape(24, -1)[:12]
    covariance = np.cov(answers.numpy(), bias=True)
    np.testing.assert_allclose(covariance, np.eye(12), atol=5e-3)


def test_whitened_layers_pass_on_what_they_receive() -> None:
    network = create("deep", 10)
    images = torch.randn(20, 3, 32, 32)
    initialise(network, "whitened", images)
    assert not network.members[0].conv1.weight.requires_grad
    convolution = network.members[0].group1.conv1
    x = torch.randn(1, 24, 8, 8)
    passed_on = convolution(x)
    # The first 12 of each half of the answers: each channel received, once.
    torch.testing.assert_close(torch.cat((passed_on[:, :12], passed_on[:, 32:44]), dim=1), x)


def test_whitening_needs_fitting_filters() -> None:
    with pytest.raises(InputError, match=r"whitened: the first convolution is \(64, 3, 11, 11\)"):
        initialise(create("plain", 10), "whitened", torch.randn(2, 3, 32, 32))


# --- data and augmentation --------------------------------------------------------------------------


def test_digits_as_bytes(digits) -> None:
    assert digits.train.images.dtype == torch.uint8
    assert digits.train.images.shape[1:] == (8, 8, 3)
    assert len(digits.train) + len(digits.test) == 500
    pixels = digits.train.images.numpy() / 255
    np.testing.assert_allclose(digits.preprocessing.mean, pixels.mean(axis=(0, 1, 2)), atol=1e-6)
    np.testing.assert_allclose(digits.preprocessing.std, pixels.std(axis=(0, 1, 2)), atol=1e-6)
    assert "scikit-learn" in digits.note


def test_a_bad_image_is_listed_and_left_out(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for name, colour in (("red", (255, 0, 0)), ("blue", (0, 0, 255))):
            folder = tmp_path / split / name
            folder.mkdir(parents=True)
            for number in range(3):
                Image.new("RGB", (20, 20), colour).save(folder / f"{number}.png")
    (tmp_path / "train" / "red" / "1.png").write_bytes(b"no image")
    data = load_data(str(tmp_path), 8)
    assert len(data.train) == 5
    assert data.train.targets.tolist() == [0, 0, 0, 1, 1]
    assert data.failures == ("train/red/1.png: not an image",)
    assert data.train.images[0, 0, 0].tolist() == [0, 0, 255]


def test_hold_out(digits) -> None:
    kept, held = hold_out(digits.train, 0.2, 1)
    assert len(held) == round(0.2 * len(digits.train))
    both = torch.cat((kept.images, held.images)).flatten(1)
    assert torch.equal(both.sum(1).sort().values, digits.train.images.flatten(1).sum(1).sort().values)
    with pytest.raises(InputError, match="`holdout` 1"):
        hold_out(digits.train, 1.0, 1)


@given(st.integers(0, 2**31), st.integers(0, 4), st.sampled_from(["none", "random", "alternating"]))
@settings(max_examples=30)
def test_augmentation_against_numpy(seed: int, translate: int, flip: str) -> None:
    """Each input is some shift and flip of its image with a reflected border, as NumPy's padding makes it."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (5, 6, 7, 3), generator=generator, dtype=torch.uint8)
    index = torch.tensor([3, 0, 3])
    flips = alternating_flips(5, seed, epoch=1)
    inputs = augment(images[index], Augmentation(flip, translate), flips[index], generator)
    assert inputs.is_contiguous(memory_format=torch.channels_last)
    for found, number in zip((inputs * 255).round().byte().permute(0, 2, 3, 1).numpy(), index, strict=True):
        pad = ((translate, translate), (translate, translate), (0, 0))
        padded = np.pad(images[number].numpy(), pad, mode="reflect")
        crops = [padded[t : t + 6, s : s + 7] for t in range(2 * translate + 1) for s in range(2 * translate + 1)]
        mirrored = [crop[:, ::-1] for crop in crops]
        candidates = crops if flip == "none" else crops + mirrored
        assert any(np.array_equal(found, candidate) for candidate in candidates)


def test_alternating_flips_show_both_sides() -> None:
    images = torch.randint(0, 256, (20, 4, 4, 3), dtype=torch.uint8)
    flips = [alternating_flips(20, 3, epoch) for epoch in range(3)]
    even, odd = (augment(images, Augmentation("alternating"), one, torch.Generator()) for one in flips[:2])
    assert torch.equal(even, odd.flip(3))
    assert torch.equal(flips[0], flips[2])
    assert 0 < flips[0].sum() < 20


def test_cutout_area() -> None:
    images = torch.arange(256, dtype=torch.uint8).repeat(4, 3).reshape(4, 16, 16, 3)
    cut, whole = (
        augment(images, Augmentation(cutout=side), torch.zeros(4, dtype=torch.bool), torch.Generator())
        for side in (5, 0)
    )
    assert ((cut != whole).any(dim=1).sum(dim=(1, 2)) >= 24).all()  # one of 25 may equal the mean
    assert ((cut != whole).any(dim=1).sum(dim=(1, 2)) <= 25).all()


def untouched(recipe: Recipe, split: InMemorySplit, processes: Processes, seed: int = 0) -> Training:
    """A training of no network, for its batches."""
    preprocessing = Preprocessing((recipe.size, recipe.size), 1.0, "bicubic", (0.0,) * 3, (1.0,) * 3)
    return Training(recipe, seed, nn.Identity(), [], split, preprocessing, processes)


@given(st.integers(1, 40), st.integers(2, 50), st.integers(1, 3))
@settings(max_examples=30)
def test_an_epoch_sees_every_image_once(count: int, batch: int, processes: int) -> None:
    split = InMemorySplit(torch.zeros(count, 8, 8, 3, dtype=torch.uint8), torch.arange(count))
    recipe = Recipe("plain", 1, batch, size=8)
    seen: list[int] = []
    for rank in range(processes):
        own = Processes("cpu")
        own.process_index, own.num_processes = rank, processes
        shares = list(batches(untouched(recipe, split, own, seed=5), 0))
        assert max(whole for *_, whole in shares) <= batch
        seen += [int(target) for _, targets, _ in shares for target in targets]
    assert sorted(seen) == list(range(count))


def test_progressive_resizing_reduces_early_inputs() -> None:
    split = InMemorySplit(torch.zeros(3, 32, 32, 3, dtype=torch.uint8), torch.zeros(3).long())
    recipe = Recipe("plain", epochs=4, batch=3, progressive_resizing=ProgressiveResizing(24, 0.5))
    training = untouched(recipe, split, Processes("cpu"))
    shapes = [next(batches(training, epoch))[0].shape for epoch in range(4)]
    assert shapes == [(3, 3, 24, 24), (3, 3, 24, 24), (3, 3, 32, 32), (3, 3, 32, 32)]
    flat = torch.full((1, 3, 32, 32), 0.25)
    torch.testing.assert_close(resized(flat, 24), torch.full((1, 3, 24, 24), 0.25))


def test_time_left_counts_larger_images_to_come_for_more(digits, tmp_path: Path) -> None:
    class Estimates(Progress):
        def __init__(self) -> None:
            self.images_left: list[float] = []

        def advance(self, count: int = 1, **metrics: float) -> None:  # noqa: ARG002
            self.images_left.append(metrics["seconds_left"] * metrics["images_per_second"])

    progress = Estimates()
    count = len(digits.train)
    larger = load_data("digits", 16)
    recipe = dataclasses.replace(TINY, size=16, epochs=2, batch=count, progressive_resizing=ProgressiveResizing(8, 0.5))
    train(larger, recipe, out=tmp_path / "run", progress=progress, device="cpu")
    # One batch an epoch: after the first, an epoch of images four times as large is left.
    assert progress.images_left == pytest.approx([4 * count, 0])


def test_whitening_samples_all_of_a_set_that_is_sorted_by_class(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("snellen.training.trainer._WHITENING_IMAGES", 100)
    data = load_data("digits", 16)
    sorted_by_class = data.train.select(data.train.targets.argsort(stable=True))
    recipe = dataclasses.replace(read_recipe("deep"), size=16, epochs=1, network_options={"widths": [8, 8, 8]})
    train(dataclasses.replace(data, train=sorted_by_class), recipe, out=tmp_path, device="cpu")
    spread = [number * len(sorted_by_class) // 100 for number in range(100)]
    assert len(sorted_by_class.targets[spread].unique()) == 10
    inputs = data.preprocessing.normalise(pixels_from_bytes(sorted_by_class.images[spread]))
    torch.testing.assert_close(
        weights(tmp_path)["members.0.conv1.weight"], flip_equivariant_whitening_filters(inputs, 2)
    )


def test_speed_counts_each_size_for_its_epochs(monkeypatch) -> None:
    recipe = Recipe("plain", 4, 8, size=16, progressive_resizing=ProgressiveResizing(8, 0.5))
    assert seconds_per_image(recipe) > 0
    monkeypatch.setattr("snellen.training.speed._seconds_at", lambda size, _: float(size))
    assert seconds_per_image(recipe) == 2 * 8 + 2 * 16


@pytest.mark.parametrize("steps", [2, 3, 10])
def test_adversarial_examples_of_a_linear_network_by_hand(steps: int) -> None:
    """The loss of a linear network is largest in one corner of the ball, as far as [0, 1] reaches."""
    network = nn.Sequential(nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(3 * 4 * 4, 2)).train()
    adversarial, shape = Adversarial(epsilon=8, steps=steps), (6, 3, 4, 4)
    generator = torch.Generator().manual_seed(0)
    inputs, targets = torch.rand(shape, generator=generator), torch.tensor([0, 1, 0, 1, 1, 0])
    noise = random_start(shape, adversarial, generator)
    assert noise.abs().max() <= 8 / 255
    before = {name: value.clone() for name, value in network.state_dict().items()}
    preprocessing = Preprocessing((4, 4), 1.0, "bilinear", (0.5,) * 3, (0.25,) * 3)
    found = adversarial_examples(network, preprocessing, inputs, targets, noise, adversarial)
    towards_the_other = (network[2].weight[1] - network[2].weight[0]).view(3, 4, 4).sign()
    sign = torch.where(targets.view(-1, 1, 1, 1) == 0, towards_the_other, -towards_the_other)
    assert torch.allclose(found, (inputs + 8 / 255 * sign).clamp(0, 1), atol=1e-6)
    assert network.training
    assert same(before, network.state_dict())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_adversarial_starts_are_shared_out_between_processes() -> None:
    recipe = dataclasses.replace(TINY, adversarial=Adversarial(epsilon=8, steps=1))
    network, found = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 2)), []
    inputs, targets = torch.rand(5, 3, 8, 8), torch.zeros(5, dtype=torch.long)
    for count in (1, 2):
        parts = []
        for number in range(count):
            processes = Processes("cpu")
            processes.process_index, processes.num_processes = number, count
            training = dataclasses.replace(untouched(recipe, None, processes), network=network)
            own = slice(number, None, count)
            draws = torch.Generator().manual_seed(1)
            parts.append(_adversarial(training, inputs[own], targets[own], 5, draws))
        found.append(torch.stack([parts[place % count][place // count] for place in range(5)]))
    assert torch.equal(*found)


# --- the picture of the filters ---------------------------------------------------------------------


def test_filters_exactly_as_numpy_stretches_them() -> None:
    filters = torch.randn(64, 3, 11, 11, generator=torch.Generator().manual_seed(0))
    filters[5] = 3.0
    picture = mosaic(filters)
    assert picture.shape == (4 * 12 - 1, 16 * 12 - 1, 3)
    for number, weight in enumerate(filters.numpy()):
        row, column = divmod(number, 16)
        tile = picture[12 * row : 12 * row + 11, 12 * column : 12 * column + 11]
        lifted = weight - weight.min()
        expected = lifted / lifted.max() if number != 5 else lifted
        np.testing.assert_array_equal(tile, np.rint(expected.transpose(1, 2, 0) * 255))
    assert (picture[11::12] == 255).all()
    assert (picture[:, 11::12] == 255).all()
    enlarged = np.array(filters_image(filters))
    zoom = enlarged.shape[0] // picture.shape[0]
    assert enlarged.shape == (zoom * picture.shape[0], zoom * picture.shape[1], 3)
    np.testing.assert_array_equal(enlarged[::zoom, ::zoom], picture)


@pytest.mark.parametrize(("count", "side", "shape"), [(24, 2, (5, 47, 3)), (7, 5, (5, 41, 3)), (17, 3, (7, 63, 3))])
def test_filters_of_any_number_and_size(count: int, side: int, shape: tuple[int, ...]) -> None:
    assert mosaic(torch.randn(count, 3, side, side)).shape == shape


def test_noise_is_told_from_what_is_smooth() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(2000, 3, 11, 11, generator=generator)
    assert noise_like(noise).share == pytest.approx(0.99, abs=0.008)
    wave = torch.sin(torch.arange(11) * 0.9).expand(1, 3, 11, 11)
    colour = torch.tensor([1.0, -0.5, 0.2]).view(1, 3, 1, 1).expand(1, 3, 11, 11)
    smooth = torch.cat([wave, wave.mT, colour]).repeat(4, 1, 1, 1)
    assert noise_like(smooth + 0.3 * noise[: len(smooth)]) == Rate.of_count(0, 12)
    assert noise_like(torch.cat([smooth[:3], torch.zeros(1, 3, 11, 11)])) == Rate.of_count(1, 4)


def test_the_structure_of_filters_is_measured_on_their_picture() -> None:
    generator = torch.Generator().manual_seed(0)
    ramp = torch.arange(11.0)
    lying = torch.sin(ramp * 2 * math.pi / 5).view(1, 1, 11, 1).expand(1, 3, 11, 11)
    tilted = torch.sin((ramp[:, None] + ramp[None, :]) * 2 * math.pi / 8).expand(1, 3, 11, 11)
    bump = torch.exp(-((ramp[:, None] - 5) ** 2 + (ramp[None, :] - 5) ** 2) / 8)
    blob = torch.tensor([1.0, -0.5, -0.5]).view(1, 3, 1, 1) * bump
    noise = torch.randn(1, 3, 11, 11, generator=generator)
    filters = torch.cat([lying, lying.mT, tilted, blob, noise, torch.zeros(1, 3, 11, 11)])
    raw = filter_structure(filters.numpy())
    # The picture keeps 8 bits of each filter, whatever its offset and size; a constant one is black in it.
    shown = filter_structure(filters_of_image(filters_image(3 * filters - 1), tuple(filters.shape)))
    for structure in (raw, shown):
        assert structure.oriented.tolist() == [True, True, True, False, False, False]
        assert structure.coloured_blobs.tolist() == [False, False, False, True, False, False]
        assert structure.noise.tolist() == [False] * 4 + [True] * 2
        # A row further down the image lies lower for the eye, so the tilted stripes rise to the right.
        assert structure.angle[:3] == pytest.approx([0, 90, 45], abs=1)
        assert structure.frequency[0] == pytest.approx(0.2, abs=0.05)
        assert structure.colour == pytest.approx([0, 0, 0, 1, structure.colour[4], 0], abs=0.02)
        assert 0.5 < structure.colour[4] < 0.8  # two of three channels' worth
    assert shown.smoothness == pytest.approx(raw.smoothness, abs=0.02)
    with pytest.raises(InputError, match=r"a picture of 10 x 10 \(one of 6 filters of 11 x 11"):
        filters_of_image(Image.new("RGB", (10, 10)), tuple(filters.shape))


def test_what_is_said_of_filters_follows_what_was_measured() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(16, 3, 11, 11, generator=generator)
    lying = torch.sin(torch.arange(11) * 1.2).view(1, 1, 11, 1).expand(16, 3, 11, 11)
    rough, smooth = (filter_structure((lying * size + noise).numpy()) for size in (1.0, 8.0))
    still = filter_structure(noise.numpy())
    said = discuss_filters(smooth, "he", 11)
    assert (
        said[0]
        == "Of the 16 filters 16 have a direction (edges, bars, stripes; all of them a clear one) and none show colour "
        "and no direction."
    )
    assert re.match(r"Of those with a direction 16 are horizontal \(1/\d+, 1/\d+, 1/\d+\): in parentheses", said[1])
    crossed = torch.cat([lying[:8], lying[:8].mT]) * 8 + noise
    assert re.search(
        r" 8 are horizontal \(1/\d, .*\) and 8 are vertical \(1/(9|1\d), ",
        discuss_filters(filter_structure(crossed.numpy()), "he", 11)[1],
    )
    assert said[-1].endswith("1 for a smooth shape): little of the start's speckle is left.")
    assert "16 are noise still" in discuss_filters(still, "he", 11)[0]
    assert discuss_filters(rough, "he", 11)[-1] == (
        f"On average neighbours now correlate by {rough.smoothness.mean():.2f} (0 at the start, 1 for a smooth shape): "
        "the speckle of the start still shows."
    )
    assert not any("draw of its own" in one for one in discuss_filters(rough, "own", 11))
    assert discuss_filters(still, "whitened", 2) == [
        "Filters of 2 x 2 are too small to hold a shape: each weighs a pixel against its neighbours."
    ]
    assert said[2] == (
        "A direction means that at least 40% of what varies in a filter makes stripes or edges within 22.5 degrees of "
        "it, where an even spread would have 25%; a clear one, at least 50%."
    )
    compared = compare_filters(smooth, rough, "the filters without", "normalisation")
    assert compared.startswith(
        f"Beside the filters without neighbouring weights correlate by {smooth.smoothness.mean():.2f} in place of "
        f"{rough.smoothness.mean():.2f}"
    )
    assert compared.endswith("That is of one training each, so chance may have made it in place of the normalisation.")
    assert compare_filters(smooth, rough, "those", "").endswith("so the difference may be any one's.")
    assert compare_filters(rough, rough, "those at 0.005", "learning rate") == (
        "By these measures they cannot be told from those at 0.005."
    )


def test_the_headline_says_what_batch_normalisation_changed() -> None:
    plain, normalised, faster, deep = (
        read_results(Path(__file__).parents[1] / "results" / "cifar10" / name)
        for name in ("plain", "batchnorm", "batchnorm-own-rate", "deep")
    )
    said = headline([plain, normalised, faster, deep])
    assert said.startswith("Test accuracy on 10,000 images, trained from scratch: plain 75.12% (74.26% to 75.96%); ")
    assert said.endswith(
        "3 seeds). Batch normalisation, all else alike, costs 0.2 points (which may be chance) and adds 2.2 points at "
        "another rate"
    )
    assert "Batch normalisation" not in headline([plain, deep])
    assert headline([plain, normalised]).endswith("all else alike, costs 0.2 points (which may be chance)")


def test_the_cause_of_a_difference_is_the_one_setting_that_differs() -> None:
    plain, normalised, faster = (
        read_results(Path(__file__).parents[1] / "results" / "cifar10" / name)[0]
        for name in ("plain", "batchnorm", "batchnorm-own-rate")
    )
    assert cause_of_difference(plain, normalised) == "normalisation"
    assert (
        cause_of_difference(normalised, dataclasses.replace(faster, precision=normalised.precision)) == "learning rate"
    )
    assert cause_of_difference(plain, faster) == ""
    assert cause_of_difference(plain, plain) == ""
    other = dataclasses.replace(plain, recipe=dataclasses.replace(plain.recipe, network="net.py"))
    assert cause_of_difference(plain, other) == ""


def test_stretched_spans_the_range() -> None:
    values = stretched(np.random.default_rng(0).normal(size=(8, 3, 4, 4)).astype(np.float32))
    assert (values.min(axis=(1, 2, 3)) == 0).all()
    assert (values.max(axis=(1, 2, 3)) == 1).all()


# --- evaluation -------------------------------------------------------------------------------------


def test_scores_by_hand() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0], [0.0, 1.0]])
    result = evaluation_of(logits, torch.tensor([0, 1, 1, 1]))
    assert result.confusion == ((1, 0), (1, 2))
    assert (result.accuracy.count, result.accuracy.n) == (3, 4)
    assert [rate.share for rate in result.per_class] == [1.0, pytest.approx(2 / 3)]
    assert result.mean_per_class.value == pytest.approx(5 / 6)
    assert result.loss == pytest.approx(float(functional.cross_entropy(logits, torch.tensor([0, 1, 1, 1]))))


def test_test_time_augmentation_as_numpy_makes_it(digits) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10))
    classifier = snellen.Classifier(network, digits.preprocessing, digits.labels, name="toy", device="cpu")
    inputs = pixels_from_bytes(digits.test.images[:5])
    padded = np.pad(inputs.numpy(), ((0, 0), (0, 0), (1, 1), (1, 1)), mode="reflect")
    variants = [padded[:, :, at : at + 8, at : at + 8] for at in (0, 1, 2)]
    variants += [variant[..., ::-1].copy() for variant in variants]
    expected = torch.stack([classifier.logits_from_inputs(torch.from_numpy(one)) for one in variants]).mean(dim=0)
    torch.testing.assert_close(tta_logits(classifier, inputs), expected)


# --- whole runs -------------------------------------------------------------------------------------


def test_same_seed_same_bits(digits, tmp_path: Path) -> None:
    runs = {}
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        runs[name] = train(digits, TINY, out=tmp_path / name, seed=seed, device="cpu")
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not same(weights(tmp_path / "a"), weights(tmp_path / "c"))
    losses = [[epoch.loss for epoch in runs[name].result.history] for name in "ab"]
    assert losses[0] == losses[1]
    assert losses[0][-1] < losses[0][0]
    assert runs["a"].result.test == runs["b"].result.test


def test_with_and_without_normalisation_a_network_starts_from_the_same_weights(digits, tmp_path: Path) -> None:
    def run(network: str, seed: int = 0, initialisation: str = "he") -> TrainingResult:
        recipe = dataclasses.replace(TINY, network=network, epochs=1, initialisation=initialisation)
        out = tmp_path / f"{network}-{seed}-{initialisation}"
        return train(digits, recipe, out=out, seed=seed, device="cpu").result

    plain, normalised, other = run("plain"), run("batchnorm"), run("plain", seed=1)
    assert len(plain.first_weights) == 64
    assert plain.first_weights == normalised.first_weights != other.first_weights
    shared = "share every setting, the order of the images and the first weights"
    assert shared in " ".join(compare([[plain], [normalised]]))
    # The constructor of the one draws biases that the other has not, and a run of an earlier version does not say.
    own = [run(network, initialisation="own") for network in ("plain", "batchnorm")]
    assert own[0].first_weights != own[1].first_weights
    for pair in (own, [dataclasses.replace(one, first_weights="") for one in (plain, normalised)]):
        assert "the first weights are drawn anew for each" in " ".join(compare([[one] for one in pair]))


def test_a_run_is_a_classifier(digits, tmp_path: Path) -> None:
    trained = train(digits, TINY, out=tmp_path, device="cpu", tta=True)
    loaded = snellen.load(str(tmp_path), device="cpu")
    assert tuple(loaded.labels) == tuple("0123456789")
    assert loaded.preprocessing == trained.classifier.preprocessing
    pixels = torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(loaded.logits(pixels), trained.classifier.logits(pixels))
    assert loaded.embed(pixels).shape == (2, 128)
    assert evaluate(loaded, digits.test) == trained.result.test
    assert trained.result.test_tta is not None
    assert trained.result.provenance.weights == loaded.digest
    np.testing.assert_array_equal(np.array(trained.filters_image()), np.array(Image.open(tmp_path / "filters.png")))
    assert read_results(tmp_path) == [trained.result]
    start, end = (np.array(Image.open(tmp_path / name)) for name in ("filters-start.png", "filters.png"))
    assert start.shape == end.shape
    assert (start != end).any()
    assert trained.result.noise_like_filters is not None
    for name in ("curves.png", "filters.png", "confusion.png", "manifest.json"):
        assert (tmp_path / name).stat().st_size > 100
    said = " ".join(discuss(trained.result))
    losses = [epoch.loss for epoch in trained.result.history]
    assert f"The training loss falls from {losses[0]:.2f} in the first epoch to {losses[-1]:.2f} in epoch 3" in said
    once = " ".join(discuss(dataclasses.replace(trained.result, history=trained.result.history[:1])))
    assert f"In its only epoch the training loss averages {losses[0]:.2f}, where guessing would give 2.30." in once
    assert "After so few epochs nothing can be said of what limits it." in once
    assert "held back" not in once
    up = dataclasses.replace(trained.result, history=trained.result.history[::-1])
    assert f"The training loss does not fall: {losses[-1]:.2f} in the first epoch" in " ".join(discuss(up))


class KilledError(Exception):
    pass


class Killer(Progress):
    """Interrupts at one step, as a kill would."""

    def __init__(self, epoch: int, step: int) -> None:
        self.stage, self.step = f"Epoch {epoch} of 3", step

    def begin(self, stage: str, total: int | None = None) -> None:  # noqa: ARG002
        self.steps_left = self.step if stage == self.stage else math.inf

    def advance(self, count: int = 1, **metrics: float) -> None:  # noqa: ARG002
        self.steps_left -= count
        if self.steps_left == 0:
            raise KilledError


@pytest.mark.parametrize("recipe", ["batchnorm", "deep"])
def test_resumed_anywhere_gives_the_same_bits(digits, tmp_path: Path, recipe: str) -> None:
    tiny = dataclasses.replace(read_recipe(recipe), size=16 if recipe == "deep" else 8, epochs=3, batch=64)
    if recipe == "deep":
        digits = load_data("digits", 16)
        options = {"widths": [8, 8, 8], "members": 2}
        tiny = dataclasses.replace(tiny, network_options=options, adversarial=Adversarial(epsilon=8, steps=1))
    whole = train(digits, tiny, out=tmp_path / "whole", device="cpu", holdout=0.2)
    for stops in (((1, 2), (2, 1), (3, 5)), ((1, 5), (3, 1))):
        cut = tmp_path / f"cut-{len(stops)}"
        for at in stops:
            with pytest.raises(KilledError):
                train(digits, tiny, out=cut, device="cpu", holdout=0.2, resume=True, progress=Killer(*at))
        again = train(digits, tiny, out=cut, device="cpu", holdout=0.2, resume=True)
        assert same(weights(tmp_path / "whole"), weights(cut))
        assert again.result.test == whole.result.test
        assert again.result.first_weights == whole.result.first_weights
        assert [e.held_out_loss for e in again.result.history] == [e.held_out_loss for e in whole.result.history]


def test_dropout_is_resumed_too(digits, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "from torch import nn\n"
        "def network(classes):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(192, classes))\n",
        encoding="utf-8",
    )
    tiny = dataclasses.replace(TINY, network=str(tmp_path / "net.py"), initialisation="own")
    train(digits, tiny, out=tmp_path / "whole", device="cpu")
    with pytest.raises(KilledError):
        train(digits, tiny, out=tmp_path / "cut", device="cpu", progress=Killer(2, 3))
    torch.rand(5)  # whatever else the program draws in between
    result = train(digits, tiny, out=tmp_path / "cut", device="cpu", resume=True).result
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))
    assert result.first_layer is None
    assert not (tmp_path / "cut" / "filters.png").exists()
    with pytest.raises(ModelError, match="a program of its owner's, net.py, which is not run unasked"):
        snellen.load(str(tmp_path / "cut"))
    loaded = snellen.load(str(tmp_path / "cut"), architecture=str(tmp_path / "net.py"), device="cpu")
    assert evaluate(loaded, digits.test) == result.test
    (tmp_path / "net.py").write_text(
        (tmp_path / "net.py").read_text(encoding="utf-8").replace("0.5", "0.4"), encoding="utf-8"
    )
    with pytest.raises(InputError, match="was begun with network file"):
        train(digits, tiny, out=tmp_path / "cut", device="cpu", resume=True)


def test_training_leaves_the_callers_random_state(digits, tmp_path: Path) -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    train(digits, dataclasses.replace(TINY, epochs=1), out=tmp_path, device="cpu")
    assert torch.equal(torch.rand(3), expected)


def test_a_loss_that_is_nan_stops(digits, tmp_path: Path) -> None:
    tiny = dataclasses.replace(TINY, network="plain", optimiser=Optimiser("sgd", 1e30))
    with pytest.raises(SnellenError, match=r"epoch 1, step \d of 6: the loss is (nan|inf) at .*learning_rate"):
        train(digits, tiny, out=tmp_path, device="cpu")
    assert not (tmp_path / "model.safetensors").exists()


def test_a_run_is_not_written_over(digits, tmp_path: Path) -> None:
    train(digits, TINY, out=tmp_path, device="cpu")
    with pytest.raises(InputError, match="holds a run already .*`resume`"):
        train(digits, TINY, out=tmp_path, device="cpu")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 4}, "was begun with recipe's epochs 3, not 4"),
        ({"optimiser": Optimiser("adamw", 0.5)}, "recipe's optimiser's learning_rate 0.005, not 0.5"),
        ({"seed": 2}, "was begun with seed 0, not 2"),
        ({"holdout": 0.1}, "was begun with holdout 0.0, not 0.1"),
    ],
)
def test_another_run_does_not_go_on(digits, tmp_path: Path, changes, message) -> None:
    with pytest.raises(KilledError):
        train(digits, TINY, out=tmp_path, device="cpu", progress=Killer(2, 1))
    before = (tmp_path / CHECKPOINT).read_bytes()
    outer = {key: changes.pop(key) for key in ("seed", "holdout") if key in changes}
    with pytest.raises(InputError, match=message):
        train(digits, dataclasses.replace(TINY, **changes), out=tmp_path, device="cpu", resume=True, **outer)
    assert (tmp_path / CHECKPOINT).read_bytes() == before


def test_other_data_do_not_go_on(digits, tmp_path: Path) -> None:
    with pytest.raises(KilledError):
        train(digits, TINY, out=tmp_path, device="cpu", progress=Killer(2, 1))
    other = dataclasses.replace(digits, fingerprint="another")
    with pytest.raises(InputError, match="was begun with data .*, not another"):
        train(other, TINY, out=tmp_path, device="cpu", resume=True)


def test_damaged_and_foreign_checkpoints(tmp_path: Path) -> None:
    path = tmp_path / CHECKPOINT
    network = torch.nn.Linear(3, 2, bias=False)
    epoch = EpochMetrics(1.0, 0.5, 0.1, 2.0, 3.0)
    whole = Checkpoint({"seed": 0}, (epoch,), {"network/weight": torch.arange(6.0).reshape(2, 3)})
    save_checkpoint(path, whole)
    assert load_checkpoint(path, {"seed": 0}, network).history == (epoch,)
    data = path.read_bytes()
    for position in (len(data) - 1, len(data) - 20):
        path.write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        with pytest.raises(ModelError, match="do not match their digest"):
            load_checkpoint(path, {"seed": 0}, network)
    for cut in (0, 5, 100, len(data) - 1):
        path.write_bytes(data[:cut])
        with pytest.raises(ModelError, match="not a sound safetensors file"):
            load_checkpoint(path, {"seed": 0}, network)
    save_file({"w": torch.zeros(2)}, path)
    with pytest.raises(ModelError, match="not a checkpoint of a training"):
        load_checkpoint(path, {"seed": 0}, network)
    save_file({"w": torch.zeros(2)}, path, metadata={"kind": "snellen checkpoint 1", "facts": "{"})
    with pytest.raises(ModelError, match="its facts cannot be read"):
        load_checkpoint(path, {"seed": 0}, network)


def test_the_same_tensors_make_the_same_file(tmp_path: Path) -> None:
    metadata = dict.fromkeys("fedcba", 'é "\\\n\x01😀')
    files = [tmp_path / f"{number}.safetensors" for number in range(5)]
    for file in files:
        save_tensors(file, {"w": torch.ones(2)}, metadata)
    assert len({file.read_bytes() for file in files}) == 1
    header = read_header(files[0])
    assert header.metadata == metadata
    assert header.shapes == {"w": (2,)}


def test_disk_full_keeps_the_checkpoint(tmp_path: Path, monkeypatch) -> None:
    import safetensors
    import safetensors.torch

    path = tmp_path / CHECKPOINT
    save_checkpoint(path, Checkpoint({}, (), {"network/w": torch.zeros(2)}))
    before = path.read_bytes()

    def full(*_, **__) -> None:
        raise safetensors.SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(SnellenError, match="cannot be written: .*No space left on device"):
        save_checkpoint(path, Checkpoint({}, (), {"network/w": torch.ones(2)}))
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [CHECKPOINT]


class Told(Progress):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.counts: list[int] = []
        self.notes: list[str] = []
        self.metrics: set[tuple[str, int]] = set()

    def begin(self, stage: str, total: int | None = None) -> None:
        assert total
        self.stages.append(stage)
        self.counts.append(total)

    def advance(self, count: int = 1, **metrics: float) -> None:  # noqa: ARG002
        self.counts[-1] -= count

    def log(self, metrics, step: int) -> None:
        self.metrics |= {(name, step) for name in metrics}

    def note(self, line: str) -> None:
        self.notes.append(line)


def test_progress_of_several_seeds(digits, tmp_path: Path) -> None:
    tiny = dataclasses.replace(TINY, epochs=2)
    told = Told()
    train_seeds("digits", tiny, out=tmp_path, seeds=(3, 5), holdout=0.2, device="cpu", progress=told)
    assert told.stages == [
        "Decoding",
        *(f"Seed {seed}: Epoch {epoch} of 2" for seed in (3, 5) for epoch in (1, 2)),
    ]
    assert told.counts == [0] * 5
    steps = -(-round(0.8 * len(digits.train)) // 64)
    for seed in (3, 5):
        assert {(f"seed-{seed}/loss", step + 1) for step in range(2 * steps)} <= told.metrics
        assert {(f"seed-{seed}/epoch_held_out_accuracy", epoch) for epoch in (1, 2)} <= told.metrics
    assert [note.partition(": loss")[0] for note in told.notes] == [
        f"seed {seed}, epoch {epoch}" for seed in (3, 5) for epoch in (1, 2)
    ]
    resumed = Told()
    train(digits, tiny, out=tmp_path / "seed-3", seed=3, holdout=0.2, device="cpu", resume=True, progress=resumed)
    assert resumed.stages == []
    assert [f"seed 3, {note}" for note in resumed.notes] == told.notes[:2]


def test_several_seeds(tmp_path: Path) -> None:
    tiny = dataclasses.replace(TINY, epochs=1)
    trained = snellen.train_seeds("digits", tiny, out=str(tmp_path), seeds=range(3), device="cpu")
    metrics = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    shares = [one.result.test.accuracy.share for one in trained]
    assert metrics["test_accuracy"] == pytest.approx(np.mean(shares))
    assert metrics["test_accuracy_deviation"] == pytest.approx(np.std(shares, ddof=1))
    low, high = metrics["test_accuracy_interval"]
    assert low < metrics["test_accuracy"] < high
    assert [result.seed for result in read_results(tmp_path)] == [0, 1, 2]


def test_a_folder_of_one_seed_takes_no_several_and_the_other_way_round(digits, tmp_path: Path) -> None:
    tiny = dataclasses.replace(TINY, epochs=1)
    train(digits, tiny, out=tmp_path / "one", device="cpu")
    train_seeds(digits, tiny, out=tmp_path / "two", seeds=range(2), device="cpu")
    kept = [(tmp_path / name / "metrics.json").read_bytes() for name in ("one", "two")]
    with pytest.raises(InputError, match="another number of seeds"):
        train_seeds(digits, tiny, out=tmp_path / "one", seeds=range(2), device="cpu", resume=True)
    with pytest.raises(InputError, match="another number of seeds"):
        train(digits, tiny, out=tmp_path / "two", device="cpu", resume=True)
    assert kept == [(tmp_path / name / "metrics.json").read_bytes() for name in ("one", "two")]
    again = train_seeds(digits, tiny, out=tmp_path / "two", seeds=range(2), device="cpu", resume=True)
    assert json.loads(kept[1])["test_accuracy"] == np.mean([one.result.test.accuracy.share for one in again])


def test_a_network_that_knows_images_of_one_size_only(digits, tmp_path: Path) -> None:
    recipe = dataclasses.replace(TINY, network="vit_tiny_patch16_224", initialisation="own")
    with pytest.raises(InputError, match="vit_tiny_patch16_224: takes no images of 8 x 8 pixels: Input height"):
        train(digits, recipe, out=tmp_path / "run", device="cpu")


def test_more_processes_than_the_smallest_batch_has_images(digits, tmp_path: Path, monkeypatch) -> None:
    def two(device: str) -> Processes:
        processes = Processes(device)
        processes.num_processes = 2
        return processes

    monkeypatch.setattr("snellen.training.trainer.Processes", two)
    odd = dataclasses.replace(digits, train=digits.train.select(torch.arange(7)))
    with pytest.raises(InputError, match="2 processes for batches of 1"):
        train(odd, dataclasses.replace(TINY, batch=2), out=tmp_path / "run", device="cpu")


def test_a_data_set_of_another_size_is_refused(digits, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="loaded as images of 8 x 8"):
        train(digits, dataclasses.replace(TINY, size=16), out=tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


def test_comparison(digits, tmp_path: Path) -> None:
    results = []
    for network in ("plain", "batchnorm"):
        tiny = dataclasses.replace(TINY, network=network)
        results.append(train(digits, tiny, out=tmp_path / network, device="cpu").result)
    said = " ".join(compare([[result] for result in results]))
    assert f"{results[0].history[0].loss:.2f}" in said
    assert "points" in said
    alike = dataclasses.replace(results[1], history=results[0].history)
    ends = results[0].history[-1].loss
    same_end = " ".join(compare([[results[0]], [alike]]))
    assert f"The training loss ends at {ends:.2f} with and without batch normalisation." in same_end
    assert ("little to repair" in same_end) == (TINY.initialisation == "he" and TINY.schedule.warmup > 0)
    started = [
        dataclasses.replace(run, recipe=dataclasses.replace(run.recipe, initialisation="he", schedule=Schedule(0.1)))
        for run in (results[0], alike)
    ]
    assert "of a difference is left at this rate may be because there is little to repair" in " ".join(
        compare([[run] for run in started])
    )
    started = [
        dataclasses.replace(run, recipe=dataclasses.replace(run.recipe, initialisation="small")) for run in started
    ]
    assert "little to repair" not in " ".join(compare([[run] for run in started]))
    # A last loss of 0.679 against 0.677 carries no claim, half of it does.
    barely, half = (
        dataclasses.replace(
            results[1], history=tuple(dataclasses.replace(e, loss=e.loss * factor) for e in results[0].history)
        )
        for factor in (0.997, 0.5)
    )
    assert f"training loss ends nearly alike, at {ends * 0.997:.2f} with " in " ".join(
        compare([[results[0]], [barely]])
    )
    assert "Batch normalisation speeds up the learning" in " ".join(compare([[results[0]], [half]]))
    assert "Both runs share every setting" in said
    faster = dataclasses.replace(results[1].recipe.optimiser, learning_rate=1.0)
    other = dataclasses.replace(results[1], recipe=dataclasses.replace(results[1].recipe, optimiser=faster), seed=7)
    said = " ".join(compare([[results[0]], [other]]))
    rate = results[0].recipe.optimiser.learning_rate
    assert f"The runs also differ in seed (0 and 7), learning rate ({rate} and 1.0)" in said
    data = dataclasses.replace(results[1].data, train_images=5, held_out_images=3)
    held = dataclasses.replace(results[1], data=data, processes=2)
    said = " ".join(compare([[results[0]], [held]]))
    count = results[0].data.train_images
    assert f"differ in train images ({count} and 5), held out images (0 and 3), processes (1 and 2), so" in said
    assert compare([results[:1]]) == []
    here = f"{results[0].provenance.hardware}, products in {results[0].precision}"
    assert where([*results, *results]) == f"Minutes of training on {here}."
    there = dataclasses.replace(other, provenance=dataclasses.replace(other.provenance, hardware="an abacus"))
    elsewhere = f"batchnorm (rate 1) on an abacus, products in {other.precision}"
    assert where([*results, there]) == (
        f"Minutes of training: plain, batchnorm (rate {rate:g}) on {here}; {elsewhere}."
    )
    images = dataclasses.replace(results[1], provenance=dataclasses.replace(there.provenance, data="cd"))
    assert where([*results, images]).endswith(
        f"; batchnorm (other images) on an abacus, products in {other.precision}."
    )


def test_comparison_of_several_seeds_is_of_their_means(digits, tmp_path: Path) -> None:
    result = train(digits, dataclasses.replace(TINY, epochs=1), out=tmp_path / "run", device="cpu").result

    def seeds(network: str, *right: int) -> list[TrainingResult]:
        recipe = dataclasses.replace(result.recipe, network=network)
        tests = [dataclasses.replace(result.test, accuracy=rate_at(number / 1000, 1000)) for number in right]
        return [dataclasses.replace(result, recipe=recipe, test=test) for test in tests]

    # The first seeds are far apart, the other way round; the means are not. Of two seeds, one pair of which are alike,
    # Welch's t has one degree of freedom, so the interval is 12.71 standard errors to either side.
    for deep, plain, sentence in (
        ((600, 900), (600, 600), "15.0 points above plain on the test images, in the mean of two seeds each (95% "
         "interval of the difference over seeds: -175.6 to +205.6 points); this may be chance."),
        ((700, 702), (600, 602), "10.0 points above plain on the test images, in the mean of two seeds each (95% "
         "interval of the difference over seeds: +9.4 to +10.6 points)."),
        ((700, 700), (600, 600), "10.0 points above plain on the test images, in the mean of two seeds each."),
        ((700,), (600, 602), "9.9 points above plain on the test images; their 95% intervals do not overlap."),
    ):  # fmt: skip
        said = compare([seeds("deep", *deep), seeds("plain", *plain), seeds("deep", 10, 20)])
        assert any(one.endswith(sentence) for one in said), said
    # What the seeds do not carry is in no sentence on several networks, though the test images would tell them apart.
    runs = [seeds("deep", 700, 702), seeds("plain", 600, 602), seeds("batchnorm", 500, 630)]
    assert not any("points above plain and" in one for one in compare(runs))
    runs[-1] = seeds("batchnorm", 610, 612)
    assert any("is 9.0 points above batchnorm and 10.0 points above plain on" in one for one in compare(runs))


def test_losses_of_several_seeds_are_told_by_their_means(digits, tmp_path: Path) -> None:
    result = train(digits, dataclasses.replace(TINY, epochs=1), out=tmp_path / "run", device="cpu").result
    (epoch,) = result.history

    def seeds(network: str, *first_and_last: tuple[float, float]) -> list[TrainingResult]:
        recipe = dataclasses.replace(result.recipe, network=network)
        return [
            dataclasses.replace(
                result, recipe=recipe, history=tuple(dataclasses.replace(epoch, loss=loss) for loss in losses)
            )
            for losses in first_and_last
        ]

    said = " ".join(compare([seeds("plain", (2.0, 1.0), (1.8, 0.6)), seeds("batchnorm", (1.2, 0.3), (1.4, 0.5))]))
    assert "the training loss ends lower, at 0.40 in place of 0.80." in said
    assert "In the first epoch the loss is 1.30 with it and 1.90 without. These are means over the seeds." in said
    assert "means over the seeds" not in " ".join(compare([seeds("plain", (2, 1)), seeds("batchnorm", (1, 0.5))]))


def test_runs_of_one_network_are_laid_beside_the_first(digits, tmp_path: Path) -> None:
    result = train(digits, dataclasses.replace(TINY, epochs=1), out=tmp_path / "run", device="cpu").result
    right = dataclasses.replace(result.test, accuracy=rate_at(0.5, 1000), mistakes=None)
    first = dataclasses.replace(result, test=right)
    longer = dataclasses.replace(
        first,
        recipe=dataclasses.replace(first.recipe, epochs=2),
        test=dataclasses.replace(right, accuracy=rate_at(0.6, 1000)),
    )
    assert compare([[first], [longer], [first]]) == [
        f"Another run of {TINY.network}, which differs in epochs (1 and 2), is 10.0 points above the first on the test "
        "images; their 95% intervals do not overlap.",
        f"Another run of {TINY.network}, alike in every setting, is, to a tenth of a point, as good as the first on "
        "the test images.",
    ]
    (said,) = compare([[first, first], [longer]])
    assert "which differs in epochs (1 and 2), number of seeds (2 and 1), is 10.0 points above" in said
    smooth = dataclasses.replace(first, recipe=dataclasses.replace(first.recipe, label_smoothing=0.5))
    (said,) = compare([[smooth], [first]])
    assert said.startswith(f"Another run of {TINY.network}, which differs in label smoothing (0.5 and 0.0), is")
    elsewhere = dataclasses.replace(first, provenance=dataclasses.replace(first.provenance, data="cd"))
    (said,) = compare([[first], [elsewhere]])
    assert said.endswith("was tested on other images than the first, so their accuracies do not compare.")
    legend = draw_curves([first, longer, first]).legends[0]
    assert [text.get_text() for text in legend.get_texts()] == [f"{TINY.network}, {count} epochs" for count in (1, 2)]
    assert [text.get_text() for text in draw_curves([longer, longer]).legends[0].get_texts()] == [TINY.network]


def test_two_runs_of_one_seed_are_compared_image_by_image(digits, tmp_path: Path) -> None:
    """Their intervals overlap where the pairs of answers tell them apart, and the other way round."""
    result = train(digits, dataclasses.replace(TINY, epochs=1), out=tmp_path / "run", device="cpu").result
    wrong = (digits.test.targets != 0).nonzero()[:, 0].tolist()
    assert evaluation_of(
        functional.one_hot(torch.zeros_like(digits.test.targets), 10).float(), digits.test.targets
    ) == (
        dataclasses.replace(
            evaluation_of(torch.eye(10)[torch.zeros_like(digits.test.targets)], digits.test.targets),
            mistakes=tuple(wrong),
        )
    )

    def run(network: str, mistakes: range) -> list[TrainingResult]:
        test = dataclasses.replace(
            result.test, accuracy=rate_at(1 - len(mistakes) / 1000, 1000), mistakes=tuple(mistakes)
        )
        return [dataclasses.replace(result, recipe=dataclasses.replace(result.recipe, network=network), test=test)]

    for mistakes, said in (
        # 2 ** -29 is the chance that thirty coins all fall on one side.
        (range(270), "The network batchnorm is 3.0 points above plain on the test images: 30 of the 1,000 it alone "
         "gets right, 0 plain alone; two equally good networks would rarely differ by so much (exact McNemar test, "
         "p < 0.001)."),
        (range(20, 300), "The network batchnorm is 2.0 points above plain on the test images: 20 of the 1,000 it alone "
         "gets right, 0 plain alone; two equally good networks would rarely differ by so much (exact McNemar test, "
         "p < 0.001)."),
        (range(1, 301), "The network batchnorm is, to a tenth of a point, as good as plain on the test images: 1 of "
         "the 1,000 it alone gets right, 1 plain alone; this may be chance (exact McNemar test, p = 1)."),
    ):  # fmt: skip
        found, *_ = compare([run("plain", range(300)), run("batchnorm", mistakes)])
        assert found.startswith(said)
        assert found.endswith("That is of one training each, which does not tell how far off another seed would be.")


def test_the_normalised_network_at_a_rate_of_its_own_is_laid_beside_the_plain_one() -> None:
    (plain,), (normalised,) = (
        read_results(Path(__file__).parents[1] / "results" / "cifar10" / name) for name in ("plain", "batchnorm")
    )
    assert plain.test.mistakes is not None
    better = dataclasses.replace(
        plain.test, mistakes=plain.test.mistakes[100:], accuracy=rate_at(plain.test.accuracy.share + 0.01, 10_000)
    )

    def at(rate: float, **changes) -> list[TrainingResult]:
        optimiser = dataclasses.replace(normalised.recipe.optimiser, learning_rate=rate)
        recipe = dataclasses.replace(normalised.recipe, optimiser=optimiser, **changes)
        return [dataclasses.replace(normalised, recipe=recipe, test=better)]

    own = at(0.02)
    alike = compare([[plain], [normalised]])
    # Wherever it stands among the runs, those of one rate stay compared, by their names, and it adds one paragraph.
    for runs in ([[plain], [normalised], own], [[plain], own, [normalised]], [own, [normalised], [plain]]):
        first, *others, said = compare(runs)
        assert first == alike[0].replace("batchnorm", "batchnorm (rate 0.005)")
        assert others == alike[1:]
        assert said == (
            "At the best of the five rates tried (0.02; the best may lie higher), as plain is at the best of its own "
            "(0.005), the network with batch normalisation reaches 76.12% on the test images (95% interval 75.27% to "
            "76.95%). It is 1.0 points above plain on the test images: 100 of the 10,000 it alone gets right, 0 plain "
            "alone; two equally good networks would rarely differ by so much (exact McNemar test, p < 0.001); this "
            f"is of one training each again. Its training loss ends at {normalised.history[-1].loss:.2f}, that of "
            f"plain at {plain.history[-1].loss:.2f}."
        )
    assert compare([[plain], [normalised], at(0.01)])[-1].startswith(
        "At another rate (0.01) the network with batch normalisation reaches 76.12% on"
    )
    # What differs in more than its rate, or has no run of plain's rate beside it, is no such comparison.
    longer = at(0.02, epochs=20)
    assert "which differs in epochs (10 and 20), learning rate" in compare([[plain], [normalised], longer])[-1]
    assert "The runs also differ in learning rate (0.005 and 0.02)" in " ".join(compare([[plain], own]))
    _, rows = table([[plain], [normalised], own])
    assert [row[0] for row in rows] == ["plain", "batchnorm (rate 0.005)", "batchnorm (rate 0.02)"]
    assert [text.get_text() for text in draw_curves([plain, normalised, *own]).legends[0].get_texts()] == [
        "plain", "batchnorm (rate 0.005)", "batchnorm (rate 0.02)",
    ]  # fmt: skip


def test_runs_beside_each_other_have_names_and_files_of_their_own() -> None:
    kept = Path(__file__).parents[1] / "results" / "cifar10"
    names = ("plain", "batchnorm", "batchnorm-own-rate", "deep")
    runs = [read_results(kept / name) for name in names]
    plain, normalised, own_rate = (of_run[0] for of_run in runs[:3])
    longer = dataclasses.replace(plain, recipe=dataclasses.replace(plain.recipe, epochs=20))
    beside = [plain, normalised, own_rate, longer, dataclasses.replace(plain, seed=1)]
    assert file_names_of(beside) == ["plain", "batchnorm-rate-0.005", "batchnorm-rate-0.02", "plain-2", "plain-3"]
    assert recipe_files_of(beside)[3:] == ["plain-2", "plain"]
    # What is better than deep is to be found among all runs before it, and deep is called by its name alone.
    (lead,) = [said for said in compare(runs) if said.startswith("The network deep")]
    assert lead == (
        "The network deep is 17.1 points above batchnorm (rate 0.02), 19.3 points above plain and 19.5 points above "
        "batchnorm (rate 0.005) on the test images; their 95% intervals do not overlap."
    )


def test_the_final_accuracy_is_that_of_the_rate_chosen_on_images_held_out() -> None:
    """Not that of the run that does best on the test images, here at 0.01."""
    kept = Path(__file__).parents[1] / "results" / "cifar10"
    first, own_rate = (read_results(kept / name) for name in ("batchnorm", "batchnorm-own-rate"))
    optimiser = dataclasses.replace(first[0].recipe.optimiser, learning_rate=0.01)
    luckier = dataclasses.replace(
        first[0],
        recipe=dataclasses.replace(first[0].recipe, optimiser=optimiser),
        test=dataclasses.replace(first[0].test, accuracy=rate_at(0.99, 10_000)),
    )
    assert final_accuracy([first]) == ""
    assert final_accuracy([first, own_rate, [luckier]]) == (
        "The final test accuracy of batchnorm is 77.27%, at rate 0.02, the best of the five rates tried on images held "
        "out of training; at rate 0.005 it is 74.92% and at rate 0.01 it is 99.00%."
    )
    assert final_accuracy([first, [luckier]]) == (
        "The final test accuracy of batchnorm is 74.92%, at rate 0.005, where it differs from plain in the "
        "normalisation alone; at rate 0.01 it is 99.00%."
    )


def test_curves_that_coincide_are_told_apart() -> None:
    (plain,), (normalised,) = (
        read_results(Path(__file__).parents[1] / "results" / "cifar10" / name) for name in ("plain", "batchnorm")
    )
    _, accuracy, rate = draw_curves([plain, normalised]).axes
    one, other = rate.lines
    assert list(one.get_ydata()) == list(other.get_ydata())
    assert one.get_linestyle() != other.get_linestyle()
    diamonds = [line.get_xdata()[0] for line in accuracy.lines if line.get_marker() == "D"]
    assert len(set(diamonds)) == 2


@pytest.mark.parametrize("networks", [("plain", "batchnorm", "deep"), ("plain", "a" * 40, "b" * 40, "c" * 40)])
def test_the_legend_of_the_curves_is_inside_the_figure(networks: tuple[str, ...], digits, tmp_path: Path) -> None:
    result = train(digits, dataclasses.replace(TINY, epochs=1), out=tmp_path / "run", device="cpu").result
    recipes = [dataclasses.replace(TINY, network=network, label_smoothing=0.2) for network in networks]
    figure = draw_curves([dataclasses.replace(result, recipe=recipe) for recipe in recipes])
    figure.canvas.draw()
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1


def test_seeds_with_test_time_augmentation_apart(digits, tmp_path: Path) -> None:
    one = train(digits, dataclasses.replace(TINY, epochs=1), out=tmp_path / "run", device="cpu").result
    right, with_tta = (dataclasses.replace(one.test, accuracy=rate_at(share, 1000)) for share in (0.5, 0.6))
    results = [dataclasses.replace(one, test=right)] * 2
    assert seeds_sentence(results).endswith("over 2 seeds (50.00%, 50.00%)")
    results = [dataclasses.replace(result, test_tta=with_tta) for result in results]
    assert seeds_sentence(results).endswith("; with test-time augmentation, reported apart, 60.00%")


def test_results_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no finished training run"):
        read_results(tmp_path)
    for text, message in (
        ('{"seed": 1}', "lacks data"),
        ('{"runs": 3}', "runs is 3 .a list"),
        ('{"runs": [{"seed": 0}]}', "lacks folder"),
        ("[]", "not the metrics of a training run"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
    ):
        (tmp_path / "metrics.json").write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=f"metrics.json.* {message}"):
            read_results(tmp_path)


def test_a_summary_that_names_itself_is_refused(tmp_path: Path) -> None:
    run = {"seed": 0, "folder": ".", "test_accuracy": 0.5}
    (tmp_path / "metrics.json").write_text(json.dumps({"runs": [run]}), encoding="utf-8")
    with pytest.raises(InputError, match="seed-0: no finished training run"):
        read_results(tmp_path)
    (tmp_path / "seed-0").mkdir()
    (tmp_path / "seed-0" / "metrics.json").write_text(json.dumps({"runs": [run]}), encoding="utf-8")
    with pytest.raises(InputError, match="seed-0/metrics.json: lacks data"):
        read_results(tmp_path)


def test_results_draw_and_explain_themselves(tmp_path: Path) -> None:
    results = read_results(Path(__file__).parents[1] / "results" / "cifar10" / "plain")
    copy = read_results(Path(__file__).parents[1] / "results" / "cifar10" / "deep-copy")
    deep = read_results(str(Path(__file__).parents[1] / "results" / "cifar10" / "deep"))
    assert len(results[0].plot().axes) == 3
    assert results[0].discussion() == " ".join(discuss(results[0]))
    assert results[0].to_dict()["test"]["accuracy"]["n"] == 10_000
    comparison = TrainingComparison((tuple(results), tuple(deep)))
    assert comparison.discussion().endswith(" ".join(compare(comparison.runs)))
    assert "points above plain" in comparison.discussion()
    # What the runs' own files do not say of their images.
    assert "copy in JPEG of quality 75" in note_on_images(copy[0])
    assert note_on_images(results[0]) == ""
    assert (
        "In the last epoch each of its networks alone is right on 94.9% of the training images, which are augmented "
        "and so harder, and in the end it is right on 91.6% of the test images (95% interval up to 92.1%): at least "
        "2.7 points of its error are overfitting." in copy[0].discussion()
    )
    assert [text.get_text() for text in comparison.plot().legends[0].get_texts()] == [
        "plain",
        "deep (targets smoothed by 0.2)",
    ]


def test_the_reasons_name_the_batch_only_where_it_is_our_own() -> None:
    own = read_recipe("plain")
    assert "Ten epochs of 391 steps make 3,910 steps; the batch of 128 was not tuned." in explain_recipe(
        with_recipe(own)
    )
    one = with_recipe(dataclasses.replace(own, epochs=1, batch=1))
    of_98 = dataclasses.replace(one, data=dataclasses.replace(one.data, train_images=98))
    assert "One epoch of 98 steps makes 98 steps." in explain_recipe(of_98)


def test_what_is_meant_against_memorising_is_told_beside_whether_memorising_is_the_trouble() -> None:
    """The plain run does not overfit; the same with a higher training accuracy does."""
    needless = "memorising them harder (which so few epochs may not need); AdamW"
    run = with_recipe(read_recipe("plain"))
    assert needless in explain_recipe(run)[0]
    *before, last = run.history
    overfitted = dataclasses.replace(run, history=(*before, dataclasses.replace(last, accuracy=0.9)))
    assert "meant to make memorising them harder; AdamW" in explain_recipe(overfitted)[0]


def test_of_deep_it_is_told_what_mirroring_adds_when_it_is_tested() -> None:
    deep, *_ = read_results(Path(__file__).parents[1] / "results" / "cifar10" / "deep")
    said = "as much; the three mirrored ones add nothing, as deep answers an image and its mirror image alike."
    assert said in discuss(deep)[0]
    (plain,) = read_results(Path(__file__).parents[1] / "results" / "cifar10" / "plain")
    assert discuss(dataclasses.replace(plain, test_tta=plain.test))[0].endswith("since it costs six times as much.")


def test_what_the_choice_of_deep_owes_to_the_test_images_stands_beside_its_accuracy() -> None:
    kept = Path(__file__).parents[1] / "results" / "cifar10"
    deep, copy, plain = (read_results(kept / name)[0] for name in ("deep", "deep-copy", "plain"))
    found, said, *_ = discuss(deep)
    assert found.startswith("Test accuracy is ")
    assert said == choices_on_test_images(deep)
    assert said == (
        "This number is not quite free of choice: most choices were made on images held out of training, but earlier "
        "versions of deep were tested on copies in JPEG of these test images, and its learning rate was kept, and its "
        "second network added, after such tests. They were not counted; the best of ten equally good ones would be too "
        "high by 0.4 points on average."
    )
    assert "were tested on these test images, and its" in choices_on_test_images(copy)
    faster = dataclasses.replace(deep.recipe, optimiser=dataclasses.replace(deep.recipe.optimiser, learning_rate=1.0))
    assert choices_on_test_images(plain) == choices_on_test_images(dataclasses.replace(deep, recipe=faster)) == ""


def test_of_a_second_network_only_what_differs_is_told() -> None:
    plain, normalised = (
        read_results(Path(__file__).parents[1] / "results" / "cifar10" / name)[0] for name in ("plain", "batchnorm")
    )
    found, course, _ = discuss(normalised, [plain])
    assert found == "Test accuracy is 74.92% on 10,000 images (95% interval 74.06% to 75.76%)."
    assert course == (
        "The training loss falls from 1.69 in the first epoch to 0.70 in epoch 10, half of the way within three "
        "epochs. It was right on 75.7% of the training images, as augmented, and 74.9% of the test images: "
        "overfitting is not its limit either. In the last epoch the loss fell by 6%."
    )
    assert discuss(plain)[1].endswith(
        "The network was right on 76.7% of the training images, as augmented, and 75.1% of the test images: what "
        "holds it back is not that it memorises, but that it does not yet fit the images that it learns from. More "
        "epochs or a larger network are where to look, rather than more images; in the last epoch, while the rate fell "
        "to zero, the loss fell by 8%, and one run does not tell how much of that the rate made."
    )
    *before, last = plain.history
    level = dataclasses.replace(plain, history=(*before, dataclasses.replace(last, loss=before[-1].loss)))
    assert "while the rate fell to zero, the loss did not fall, and one run" in discuss(level)[1]
    assert "(guessing: 2.30)" in discuss(normalised)[1]
    assert describe_recipe(normalised.recipe, [plain.recipe]) == (
        "It learned as plain did: with the same hyper-parameters, augmentation and initialisation."
    )
    faster = dataclasses.replace(normalised.recipe.optimiser, learning_rate=0.02)
    assert describe_recipe(dataclasses.replace(normalised.recipe, optimiser=faster), [plain.recipe]) == (
        "It learned as plain did, but for the peak of the learning rate, which is 0.02 in place of 0.005."
    )
    assert "ten epochs in batches of 128" in describe_recipe(plain.recipe, [read_recipe("deep")])


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ([1.0, 0.9, 0.8, 0.7], "The curves do not cross: with it the loss is lower in every epoch."),
        ([2.1, 1.2, 1.1, 1.0], "The curves do not cross: with it the loss is higher in every epoch."),
        ([1.0, 0.9, 1.1, 1.0], "The curves cross once: with it the loss is lower up to epoch 2 and higher from epoch 3 "
         "on."),
        ([2.1, 0.9, 0.9, 0.8], "The curves cross once: with it the loss is higher up to epoch 1 and lower from epoch 2 "
         "on."),
        ([1.0, 1.2, 0.9, 1.0], "The curves cross three times: with it the loss is lower in two of four epochs."),
        ([1.0, 1.1, 0.9, 0.8], ""),  # a tie in the second
        ([1.0, 0.9], ""),
    ],
)  # fmt: skip
def test_whether_two_curves_cross_is_told_of_those_that_are_shown(losses: list[float], said: str) -> None:
    """Without batch normalisation the losses are 2, 1.1, 1 and 0.9."""
    run = with_recipe(read_recipe("plain"))
    plain, normalised = (
        dataclasses.replace(
            run,
            recipe=read_recipe(name),
            history=tuple(dataclasses.replace(run.history[0], loss=loss) for loss in of_run),
        )
        for name, of_run in (("plain", [2.0, 1.1, 1.0, 0.9]), ("batchnorm", losses))
    )
    text = " ".join(compare([[plain], [normalised]]))
    assert said in text
    assert ("The curves" in text) == bool(said)


def with_recipe(recipe: Recipe) -> TrainingResult:
    """The run of ``plain`` as if by this recipe."""
    (run,) = read_results(Path(__file__).parents[1] / "results" / "cifar10" / "plain")
    return dataclasses.replace(run, recipe=recipe)


def test_the_rates_that_were_tried_are_told() -> None:
    plain, batchnorm = (explain_recipe(with_recipe(read_recipe(name))) for name in SEARCHED)
    assert plain[-1].startswith("The peak of the rate, 0.005, is the best of five that were tried on the published")
    assert plain[-1].endswith("72.3% with 0.01 and 62.4% with 0.02.")
    alike = "The peak of the rate, 0.005, is that of plain, so that every setting but the normalisation is alike."
    assert batchnorm[-1].startswith(f"{alike} Of five that were tried")
    # What a figure shows is not told again.
    figured = [explain_recipe(with_recipe(read_recipe(name)), "Figure 9")[-1] for name in SEARCHED]
    assert figured[0].endswith("held out, for 10 epochs with two seeds each (Figure 9).")
    assert figured[1] == alike
    assert batchnorm[-1].endswith("75.3% with 0.01 and 75.9% with 0.02.")
    recipes = [read_recipe(name) for name in SEARCHED]
    assert "with two more seeds for each of five rates. At the same" in at_each_rate(*recipes)
    assert " rates (Figure 9). At the same" in at_each_rate(*recipes, figure="Figure 9")
    other = dataclasses.replace(read_recipe("plain"), optimiser=Optimiser("sgd", 0.005))
    assert not at_each_rate(other, read_recipe("batchnorm"))
    # Half of the peak on average, in 3,910 steps: (1 - 0.0025 * 0.01) ** 3910 of the weight is left.
    taken = 1 - (1 - 0.0025 * 0.01) ** 3910
    assert taken == pytest.approx(0.093, abs=0.001)
    assert "Over all steps the weight decay alone would shrink a weight by 9%." in plain


def test_what_the_assignment_s_networks_are_made_of_is_counted() -> None:
    plain, normalised, deep = (
        discuss_network(read_results(Path(__file__).parents[1] / "results" / "cifar10" / name)[0])
        for name in ("plain", "batchnorm", "deep")
    )
    # 64 x 3 x 121 + 64; 121 of 1,024; 1 - 36 / 121; 128 x 10 and 128 x 16 x 16 x 10.
    assert plain.startswith("Of its 246,026 parameters 23,296 are the first layer's and 147,584 the third's. Each")
    assert "weighs 121 of 1,024 pixels at once" in plain
    assert "70% of it lies on the padding" in plain
    assert "leaves the linear layer 1,280 weights, where the map itself would need 327,680" in plain
    assert normalised == (
        "The normalisations add 384 scales and shifts and make 192 biases of the convolutions before them needless: "
        "192 parameters more, 246,218 in all."
    )
    (run,) = read_results(Path(__file__).parents[1] / "results" / "cifar10" / "plain")
    assert discuss_network(dataclasses.replace(run, recipe=dataclasses.replace(run.recipe, size=8))) == ""
    reach, apart = 1, 1
    for layer in _deep_member((8, 8, 8), 2, torch.nn.GELU).modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.MaxPool2d):
            sides = [one if isinstance(one, int) else one[0] for one in (layer.kernel_size, layer.stride)]
            reach, apart = reach + (sides[0] - 1) * apart, apart * sides[1]
    assert f"each value of the last map depends on {reach} x {reach} pixels, more than an image has" in deep
    # Of each of the two members 12 filters of 3 x 2 x 2 and their mirror images, which are not stored.
    assert deep.endswith(
        " Of its 3,760,248 parameters 3,759,960 are trained; the other 288 are the first layer's filters."
    )
    assert frozen_parameters(with_recipe(read_recipe("plain"))) == 0
    assert "3 x 3 convolutions of 96, 352 and 352 filters, group by group" in describe_network(read_recipe("deep"))


# --- the command ------------------------------------------------------------------------------------

QUICK = ("--size", "8", "--batch", "64", "--device", "cpu")


def test_command(snellen_command, tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = snellen_command("train", "digits", "--recipe", "plain", "--epochs", "1", *QUICK, "--out", run)
    assert done.returncode == 0, done.stderr
    assert "Test accuracy is " in done.stdout
    assert "epoch 1: loss " in done.stderr
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["test_accuracy_interval"][0] < metrics["test_accuracy"] < metrics["test_accuracy_interval"][1]
    assert metrics["provenance"]["command"].startswith("snellen train digits")
    Image.new("RGB", (20, 20)).save(tmp_path / "black.png")
    named = snellen_command("classify", tmp_path / "black.png", "--model", run, "--json")
    assert named.returncode == 0, named.stderr
    assert len(json.loads(named.stdout)[0]["predictions"]) == 3
    compared = snellen_command("compare", run, "--markdown", "--figure", tmp_path / "curves.png")
    assert compared.stdout.startswith("| network | parameters | epochs | test accuracy |")
    assert "| plain | 246,026 | 1 |" in compared.stdout
    assert (tmp_path / "curves.png").exists()


def test_tensorboard(snellen_command, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    done = snellen_command("train", "digits", "--epochs", "1", *QUICK, "--out", tmp_path, "--tensorboard")
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "tensorboard").glob("events*"))


def test_tensorboard_keeps_seeds_apart(snellen_command, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    many = ("--epochs", "1", "--seeds", "2", "--tensorboard")
    done = snellen_command("train", "digits", *many, *QUICK, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    logs = [path.parent for path in tmp_path.rglob("events*")]
    assert sorted(logs) == [tmp_path / f"seed-{seed}" / "tensorboard" for seed in (0, 1)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["digits", "--recipe", "plainn"], "no recipe 'plainn'"),
        (["digits", "--network", "plan"], "no architecture named 'plan'"),
        (["digits", "--epochs", "0"], "Invalid value for '--epochs'"),
        (["digits", "--seed", "-1"], "Invalid value for '--seed'"),
        (["digits", "--holdout", "2"], "--holdout 2.0"),
        (["nowhere/at/all"], "nowhere/at/all: no such file or folder"),
    ],
)
def test_command_mistakes(snellen_command, tmp_path: Path, arguments, message) -> None:
    done = snellen_command("train", *arguments, "--out", tmp_path / "run")
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def killed_command(out: Path, after: float, *arguments: str) -> None:
    """Run ``snellen train``; kill it with SIGKILL ``after`` seconds from when it has written its first checkpoint."""
    checkpoint = out / CHECKPOINT

    def written() -> int:
        return checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0

    before = written()
    with Forked("train", "digits", *QUICK, "--out", out, "--resume", *arguments) as process:
        while process.poll() is None and written() == before:
            time.sleep(0.005)
        time.sleep(after)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL, "it ended before it was killed"
    assert not (out / "metrics.json").exists()


def test_kill_9_and_resume(snellen_command, tmp_path: Path) -> None:
    # Seconds of them, so that it does not end where this process is held up between the checkpoint and the kill.
    arguments = ("--recipe", "batchnorm", "--epochs", "12")
    whole = snellen_command("train", "digits", *QUICK, "--out", tmp_path / "whole", *arguments)
    assert whole.returncode == 0, whole.stderr
    for after in (0.0, 0.03, 0.1):
        killed_command(tmp_path / "cut", after, *arguments)
    done = snellen_command("train", "digits", *QUICK, "--out", tmp_path / "cut", "--resume", *arguments)
    assert done.returncode == 0, done.stderr
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))
    assert not list((tmp_path / "cut").glob(".*"))


def in_two_processes(*arguments: str | Path) -> str:
    """What `snellen train digits` says to stdout in two processes that share the batches."""
    pytest.importorskip("accelerate")
    # `--multi_gpu` is Accelerate's name for its own launcher; on a CPU the processes talk through gloo.
    command = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    command += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "-m", "snellen"]
    command += ["train", "digits", *QUICK, *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_two_processes_train_one_seed_after_another_and_follow_the_curves_of_one(digits, tmp_path: Path) -> None:
    recipe = dataclasses.replace(read_recipe("plain"), size=8, batch=64, epochs=2)
    alone = [
        trained.result for trained in train_seeds(digits, recipe, out=tmp_path / "one", seeds=(0, 1), device="cpu")
    ]
    said = in_two_processes("--recipe", "plain", "--epochs", "2", "--seeds", "2", "--out", tmp_path / "two")
    assert said.lower().count("test accuracy") == 1
    shared = read_results(tmp_path / "two")
    assert [(result.seed, result.processes) for result in shared] == [(0, 2), (1, 2)]
    # The same sums in another order, of products in bfloat16: the curves agree to one per cent.
    for one, two in zip(alone, shared, strict=True):
        curves = [[epoch.loss for epoch in result.history] for result in (one, two)]
        np.testing.assert_allclose(curves[1], curves[0], rtol=1e-2)


@pytest.mark.slow
def test_cifar10(shared: Path, snellen_command, tmp_path: Path) -> None:
    """All of CIFAR-10 decodes; one epoch of a thin network on it beats chance by far."""
    data = load_data(str(shared / "cifar10"), 32)
    assert (len(data.train), len(data.test)) == (50_000, 10_000)
    assert data.labels[0] == "airplane"
    assert torch.bincount(data.train.targets).tolist() == [5000] * 10
    part = dataclasses.replace(
        data, train=data.train.select(torch.arange(2500)), test=data.test.select(torch.arange(500))
    )
    recipe = dataclasses.replace(read_recipe("deep"), epochs=2, batch=125, network_options={"widths": [16, 32, 32]})
    result = train(part, recipe, out=tmp_path / "run", device="cpu").result
    assert result.test.accuracy.low > 0.25


def test_results_survive_json(digits, tmp_path: Path) -> None:
    result = train(digits, dataclasses.replace(TINY, epochs=1), out=tmp_path / "run", device="cpu").result
    (tmp_path / "copy").mkdir()
    write_result(tmp_path / "copy", result)
    assert read_results(tmp_path / "copy") == [result]
    write_summary(tmp_path, [result])
    assert json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))["test_accuracy_deviation"] is None
