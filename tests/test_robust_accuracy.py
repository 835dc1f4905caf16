"""Robust accuracy: networks whose answer within a bound is known exactly, and the pieces by other solvers."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize
from torch import Tensor, nn

from evaluation_toys import colour_classifier, pure
from snellen.attacks.balls import Balls, lengths, to_hyperplane
from snellen.attacks.files import _fingerprint_of
from snellen.attacks.robust_accuracy import EnsembleConfig, RobustnessResult, _read_batch, robust_accuracy
from snellen.attacks.standard import (
    apgd,
    apgd_targeted,
    cross_entropy,
    fab_targeted,
    square,
    targeted_ratio,
)
from snellen.data.datasets.base import Example
from snellen.errors import InputError
from snellen.evaluation.trials import _read_shard
from toys import classifier_of
from transfer_toys import encoded

NORMS = ("Linf", "L2")


class Linear(nn.Module):
    """Logits that are linear in the pixels, with weights of one size, so that every distance is known."""

    def __init__(self, classes: int, side: int = 4) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        weight = torch.randint(0, 2, (classes, 3 * side * side), generator=generator) * 2.0 - 1
        self.weight = nn.Parameter(weight)

    def forward(self, x: Tensor) -> Tensor:
        return (x.flatten(1) - 0.5) @ self.weight.T

    def distances(self, x: Tensor, norm: str) -> Tensor:
        """How far each point is from the nearest boundary, the border of [0, 1] apart."""
        logits = self(x)
        top = logits.argmax(dim=1)
        gaps = logits.gather(1, top[:, None]) - logits
        differences = self.weight[top][:, None] - self.weight[None]
        dual = differences.abs().sum(dim=2) if norm == "Linf" else differences.norm(dim=2)
        ratio = gaps / dual.clamp_min(1e-12)
        ratio[torch.arange(len(x)), top] = torch.inf
        return ratio.amin(dim=1)


def middling(count: int) -> Tensor:
    """Points so near to the middle of [0, 1] that its border is never met."""
    return 0.5 + 0.05 * (2 * torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(1)) - 1)


def attacked(name: str, network: nn.Module, balls: Balls, classes: Tensor):
    draw = torch.Generator().manual_seed(0)
    return {
        "apgd_ce": lambda: apgd(network, balls, classes, cross_entropy(classes), draw, 50),
        "apgd_t": lambda: apgd_targeted(network, balls, classes, draw, 50),
        "fab_t": lambda: fab_targeted(network, balls, classes, 30),
    }[name]()


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", ["apgd_ce", "apgd_t", "fab_t"])
def test_each_attack_finds_what_lies_within_the_bound_and_nothing_beyond(name: str, norm: str) -> None:
    """Of a linear network the nearest boundary's distance is exact: with 10% more all fall, with 1% less none does."""
    # Of more than two classes the cross-entropy does not point at the nearest boundary.
    network = Linear(2 if name == "apgd_ce" else 4)
    points = middling(3)
    with torch.no_grad():
        classes = network(points).argmax(dim=1)
        distances = network.distances(points, norm)
    for point, true, distance in zip(points.split(1), classes.split(1), distances.tolist(), strict=True):
        wide = Balls(point, distance * 1.1, norm)
        found = attacked(name, network, wide, true)
        assert found.fallen.all()
        assert (lengths(found.points - point, norm) <= wide.radius * (1 + 1e-5)).all()
        assert found.points.amin() >= 0
        assert found.points.amax() <= 1
        assert (network(found.points).argmax(dim=1) != true).all()
        assert not attacked(name, network, Balls(point, distance * 0.99, norm), true).fallen.any()


def test_the_random_search_finds_what_lies_well_within_the_bound() -> None:
    """Infinity norm: logits are the channels' means, and a gap of g between two falls within g / 2.

    Euclidean: its bumps have a mean of zero, so a linear network of random weights, and a bound of four distances.
    """
    means = torch.full((2, 3, 12, 12), 0.5)
    means[0, 0] += 0.1
    means[1, 2] += 0.1
    linear = Linear(4, 12)
    points = 0.5 + 0.05 * (2 * torch.rand(2, 3, 12, 12, generator=torch.Generator().manual_seed(1)) - 1)
    with torch.no_grad():
        far = linear.distances(points, "L2").max().item(), linear.distances(points, "L2").min().item()
    for network, centres, norm, wide, narrow in (
        (lambda x: 4 * x.mean(dim=(2, 3)), means, "Linf", 0.075, 0.0495),
        (linear, points, "L2", 4 * far[0], 0.99 * far[1]),
    ):
        classes = network(centres).argmax(dim=1)
        for radius, fall in ((wide, True), (narrow, False)):
            balls = Balls(centres, radius, norm)
            found = square(network, balls, classes, torch.Generator().manual_seed(0), 600)
            assert found.fallen.tolist() == [fall, fall]
            assert (lengths(found.points - centres, norm) <= radius * (1 + 1e-5)).all()


def test_losses_by_hand() -> None:
    logits = torch.tensor([[3.0, 1.0, 0.5, -1.0, -2.0]])
    rows = torch.zeros(1, dtype=torch.long)
    loss = targeted_ratio(torch.tensor([0]), torch.tensor([2]))
    assert loss(logits, rows).item() == pytest.approx((0.5 - 3) / (3 - (0.5 - 1) / 2))
    assert targeted_ratio(torch.tensor([0]), torch.tensor([1]))(logits[:, :3], rows).item() == pytest.approx(-2)
    assert cross_entropy(torch.tensor([1]))(logits, rows).item() == pytest.approx(
        torch.logsumexp(logits, 1).item() - 1.0
    )


def random_plane(seed: int, dimensions: int = 6) -> tuple[np.ndarray, np.ndarray, float]:
    random = np.random.default_rng(seed)
    point, normal = random.random(dimensions), random.normal(size=dimensions)
    offset = float(normal @ random.random(dimensions))  # reached somewhere in [0, 1]
    return point, normal, offset


@pytest.mark.parametrize("seed", range(8))
def test_the_nearest_point_of_a_plane_by_other_solvers(seed: int) -> None:
    """In the infinity norm by linear programming, in the Euclidean one by SLSQP."""
    point, normal, offset = random_plane(seed)
    n = len(point)

    def ours(norm) -> np.ndarray:
        arguments = (torch.tensor(value, dtype=torch.float64)[None] for value in (point, normal))
        return to_hyperplane(*arguments, torch.tensor([offset], dtype=torch.float64), norm)[0].numpy()

    flat = ours("Linf")
    best = linprog(
        np.r_[np.zeros(n), 1],
        A_ub=np.block([[np.eye(n), -np.ones((n, 1))], [-np.eye(n), -np.ones((n, 1))]]),
        b_ub=np.zeros(2 * n),
        A_eq=np.r_[normal, 0][None],
        b_eq=[offset - normal @ point],
        bounds=[*zip(-point, 1 - point, strict=True), (0, None)],
    )
    assert np.abs(flat).max() == pytest.approx(best.x[-1], abs=1e-6)
    found = ours("L2")
    solved = minimize(
        lambda change: change @ change,
        np.zeros(n),
        jac=lambda change: 2 * change,
        bounds=[*zip(-point, 1 - point, strict=True)],
        constraints={"type": "eq", "fun": lambda change: normal @ (point + change) - offset},
        options={"maxiter": 500, "ftol": 1e-14},
    )
    assert found == pytest.approx(solved.x, abs=1e-4)
    for change in (flat, found):
        assert normal @ (point + change) == pytest.approx(offset, abs=1e-6)
        assert ((point + change > -1e-9) & (point + change < 1 + 1e-9)).all()


def test_a_plane_that_cannot_be_reached() -> None:
    point, normal = torch.tensor([[0.25, 0.5]]), torch.tensor([[1.0, -1.0]])
    for norm in NORMS:
        change = to_hyperplane(point, normal, torch.tensor([5.0]), norm)
        assert change.tolist() == [[0.75, -0.5]]


@settings(max_examples=40)
@given(st.sampled_from(NORMS), st.floats(0.01, 0.8), st.integers(0, 1000))
def test_balls(norm: str, radius: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    centres = torch.rand(2, 3, 4, 5, generator=generator)
    balls = Balls(centres, radius, norm)
    for points in (
        balls.random_start(generator),
        balls.project(centres + torch.randn(2, 3, 4, 5, generator=generator)),
    ):
        assert (lengths(points - centres, norm) <= radius * (1 + 1e-5)).all()
        assert points.amin() >= 0
        assert points.amax() <= 1
    assert torch.equal(balls.project(centres), centres)
    assert lengths(
        balls.direction(torch.randn(2, 3, 4, 5, generator=generator)), norm
    ).flatten().tolist() == pytest.approx([1, 1])


# The ensemble


def examples(colours: list[tuple[int, int, int]], labels: list[int]) -> list[tuple[Example, int]]:
    pairs = zip(colours, labels, strict=True)
    return [(Example(encoded(colour), label, f"{n}.png"), label) for n, (colour, label) in enumerate(pairs)]


def test_robust_accuracy_of_a_network_that_is_known(tmp_path: Path) -> None:
    """Means of channels: a colour whose largest channel leads by g falls within an infinity norm of just over g / 2."""
    grey = [(128 + lead, 128, 128) for lead in (10, 20, 40, 80)]
    pairs = [*examples(grey, [0, 0, 0, 0]), (Example(encoded(pure(1)), 0, "wrong.png"), 0)]
    pairs.append((Example(b"no image", 0, "broken.png"), 0))
    config = EnsembleConfig(("6/255", "11/255", "25/255"), steps=10, queries=50)
    result = robust_accuracy(colour_classifier(), pairs, config, data="d", out=tmp_path)
    assert (result.n, result.clean.count) == (5, 4)
    assert [point.accuracy.count for point in result.points] == [3, 2, 1]
    assert [one.epsilon for one in result.photographs[:3]] == pytest.approx([6 / 255, 11 / 255, 25 / 255])
    assert [one.attack for one in result.photographs] == ["apgd_ce"] * 3 + ["", ""]
    assert all(one.norm <= one.epsilon * (1 + 1e-5) for one in result.photographs[:3])
    assert result.points[0].felled == {"apgd_ce": 1, "apgd_t": 0, "fab_t": 0, "square": 0}
    assert [one.image for one in result.failures] == ["broken.png"]
    assert (result.check.suspicious, result.check.photographs) == (False, 4)
    assert result.check.unbounded.count == 4
    assert "within 6/255 60% (3 of 5" in result.discussion()
    assert "No sign of masked gradients" in result.discussion()
    assert result.plot().axes
    again = robust_accuracy(colour_classifier(), pairs, config, data="d", out=tmp_path)
    assert again.seconds == 0
    assert again.points == result.points


def test_what_is_no_file_is_not_kept(tmp_path: Path) -> None:
    """A pipe in its place would be waited for, and a device be read for ever."""
    pipe, endless = tmp_path / "pipe", tmp_path / "endless"
    os.mkfifo(pipe)
    endless.symlink_to("/dev/zero")
    for path in (pipe, endless):
        assert _read_batch(path, "key") is None
        assert _read_shard(path, "key") is None
        with pytest.raises(InputError, match=f"{path.name}: is a (pipe|device), not a file"):
            _fingerprint_of(path)


class Masked(nn.Module):
    """Rounds its pixels, so that no gradient comes through: gradient attacks see nothing, the random search does."""

    def forward(self, x: Tensor) -> Tensor:
        means = (x * 8).round().mean(dim=(2, 3)) / 8
        return 4 * means


def test_masked_gradients_are_noticed() -> None:
    """Two colours next to each other: a random search fells what no gradient points at."""
    classifier = classifier_of(Masked(), 32, 3)
    pairs = examples([(150, 128, 128), (160, 128, 128), (128, 150, 128)], [0, 0, 1])
    masked: RobustnessResult = robust_accuracy(classifier, pairs, EnsembleConfig(("30/255",), steps=3, queries=60))
    assert masked.check.zero_gradients == 3
    assert masked.check.suspicious
    assert "These are signs of masked gradients" in masked.discussion()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"norm": "L1"}, "`norm` is 'L1' .Linf or L2"),
        ({"epsilons": ("4",)}, "epsilon is 4 .such as 4/255"),
        ({"epsilons": ("8/255", "4/255")}, "each once, smallest first"),
        ({"epsilons": ("x",)}, "epsilon 'x' is not a number"),
        ({"epsilons": ()}, "no `epsilons`"),
        ({"attacks": ("pgd",)}, "no attack 'pgd' .apgd_ce, apgd_t, fab_t, square"),
        ({"steps": 0}, "0 steps"),
    ],
)
def test_what_cannot_be_asked_for(options, message: str) -> None:
    with pytest.raises(InputError, match=message):
        EnsembleConfig(**options)
    assert EnsembleConfig(("0.5", "1"), "L2").radii == (0.5, 1.0)
