"""Attacks keep their bound, tell the truth about their files, and go on after a kill."""

import csv
import dataclasses
import io
import json
import math
import re
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

import snellen
from evaluation_toys import colour_folders, colour_model
from linear_toys import linear_classifier, photograph, toy
from snellen.attacks.apgd import apgd, checkpoints
from snellen.attacks.attack import attack, attack_steps, png_bytes
from snellen.attacks.batch import CurvePoint
from snellen.attacks.config import AttackConfig, epsilon_steps
from snellen.attacks.control import RandomSigns, random_signs
from snellen.attacks.discussion import (
    discuss,
    discuss_attacks,
    discuss_rule,
    discuss_stall,
    discuss_visibility,
    headline,
    step_sizes,
    why_the_attack,
)
from snellen.attacks.eot import EOTSampler, held_out_draws, momentum_iterative, reduction
from snellen.attacks.figures import draw_attacks, draw_details, draw_probability_curves
from snellen.attacks.files import attacked_names
from snellen.attacks.folder import FolderResult, attack_folder
from snellen.attacks.gradient_ascent import (
    FIRST_SHARE,
    GROWTH,
    SHRINKAGE,
    accepted_steps,
    gradient_ascent,
    searched_gradient_ascent,
)
from snellen.attacks.least_bound import LeastBound, least_bound
from snellen.attacks.result import AttackResult
from snellen.attacks.search import Ball, Criterion, log_probability_or_margin, probability
from snellen.attacks.state import AttackExample, EpsilonSearch, with_enlarged_noise
from snellen.attacks.success_rates import summarise
from snellen.attacks.verify import norm, uniform_noise, verify
from snellen.attacks.visibility import FlatCell, Visibility, flattest_cell, noise_area, psnr, visibility
from snellen.data.images import Failure, Photo, read_image, to_image, to_pixels
from snellen.data.photographs import bundled_photographs
from snellen.errors import ImageError, InputError
from snellen.exam.parts.attack import _about_details, _by_the_rule, _linear, _noises
from snellen.exam.report.document import Discussion, Picture, Table
from snellen.models.predictions import Prediction
from snellen.models.resolve import resolve
from snellen.runs.progress import Progress
from snellen.runs.serialise import to_json

# ---- the searches, by hand


def test_gradient_ascent_is_the_assignments_rule() -> None:
    weights = np.array([[1.0, -2.0, 0.5], [-1.0, 1.0, 2.0]])
    original, epsilon, rate = np.array([0.5, 0.1, 0.95]), 0.2, 3.0
    search = gradient_ascent(Ball(torch.from_numpy(original).view(1, 3, 1, 1), epsilon), 3, rate)
    x = original.copy()
    point = next(search)
    for step in range(3):
        assert np.allclose(point.flatten().numpy(), x)
        p = 1 / (1 + np.exp(-(weights[1] - weights[0]) @ x))
        gradient = p * (1 - p) * (weights[1] - weights[0])
        x = np.clip(np.clip(x + rate * gradient, original - epsilon, original + epsilon), 0, 1)
        evaluated = p, torch.from_numpy(gradient).view(1, 3, 1, 1)
        if step < 2:
            point = search.send(evaluated)
    with pytest.raises(StopIteration) as end:
        search.send(evaluated)
    assert np.allclose(end.value.value.flatten().numpy(), x)


def test_a_searched_lambda_takes_back_what_lowers_the_probability() -> None:
    """On P = exp(-1000 |x - peak|^2) in one value, by hand."""
    ball = Ball(torch.full((1, 3, 1, 1), 0.5), 0.1)
    peak, moves, x = 0.53, [], 0.5
    step_sizes: list[float] = []
    search = searched_gradient_ascent(ball, 6, step_sizes)
    point, best, share, highest = next(search), 0.5, FIRST_SHARE, -1.0
    for number in range(6):
        x = point[0, 0, 0, 0].item()
        moves.append(x)
        value = float(np.exp(-1000 * (x - peak) ** 2))
        slope = -2000 * (x - peak) * value
        if value > highest:
            best, highest, up = x, value, slope
            share *= GROWTH if number else 1
        else:
            share *= SHRINKAGE
        rate = share * 0.1 / abs(up)  # lambda: the mean step over the mean slope
        expected = np.clip(best + rate * up, 0.4, 0.6)
        evaluated = value, torch.full((1, 3, 1, 1), slope)
        if number < 5:
            point = search.send(evaluated)
            assert step_sizes[number] == pytest.approx(rate, rel=1e-5)
            assert point[0, 0, 0, 0].item() == pytest.approx(expected, abs=1e-6)
    with pytest.raises(StopIteration) as end:
        search.send(evaluated)
    assert end.value.value[0, 0, 0, 0].item() == pytest.approx(best)
    assert len(moves) == 6
    assert len(step_sizes) == 5
    assert abs(best - peak) < 0.03


def test_the_curve_is_what_the_search_met_and_says_why_it_stalls() -> None:
    classifier = toy(Certain(), 2)
    stalled = attack(
        classifier, photograph(), config=AttackConfig(1, "8/255", method="gradient_ascent", steps=10, step_size=1000.0)
    )
    pixels = photograph().clone().requires_grad_()
    probability = classifier.logits(pixels).softmax(dim=1)[0, 1]
    (gradient,) = torch.autograd.grad(probability, pixels)
    assert len(stalled.curve) == 10
    assert stalled.curve[0].probability == pytest.approx(probability.item(), rel=1e-3)
    assert stalled.curve[0].gradient_norm == pytest.approx(gradient.norm().item(), rel=1e-3)
    assert (
        "such steps would pass before most values of an 8-bit file change at all, if the gradient stayed as small"
        in discuss_stall([stalled], 1000.0)
    )
    assert "here it does not stall" in discuss_stall([stalled], 1e20)
    strong = attack(classifier, photograph(), config=AttackConfig(1, "8/255", steps=10))
    assert strong.curve[0].gradient_norm == pytest.approx(stalled.curve[0].gradient_norm, rel=1e-3)
    figure = draw_probability_curves([(strong, stalled)] * 3)
    # Two searches, what the second took back, and above where a search stops.
    assert [len(axes.lines) for axes in figure.axes] == [4, 4, 4, 3, 3, 3]
    drawn = [line.get_ydata()[0] for line in figure.axes[0].lines[:2]]
    assert drawn == [strong.curve[0].probability, stalled.curve[0].probability]
    assert list(figure.axes[0].lines[3].get_ydata()) == [AttackConfig.confidence] * 2
    assert figure.axes[0].get_ylabel().startswith(r"$P(y_\mathrm{fool})$")
    untargeted = attack(classifier, photograph(), config=AttackConfig(None, "8/255", steps=2))
    assert untargeted.curve[0].gradient_norm is None
    assert "Nothing is known" in discuss_stall([untargeted], 1.0)
    said, why = discuss_rule([(strong, stalled)], 10, 1000.0)
    assert f"does not get there on {strong.name}" in said
    assert "the clip stands in place of the penalty on ‖X\u2032 \u2212 X‖∞: it holds the distance to ε exactly" in said
    assert "the mean step grows by the factor 1.2; where it has not the step is taken back, and tried again" in said
    assert why == discuss_stall([stalled], 1000.0)
    assert "so that no one λ suits both ends" not in why  # it never came where the gradient is steep


def test_the_assignments_update_is_discussed_by_what_it_met() -> None:
    """How many photographs it works on, and where not what held it back, from curves that are written down here."""
    classifier = toy(Certain(), 2)
    strong = attack(classifier, photograph(), config=AttackConfig(1, "8/255", steps=2))

    def met(name: str, *probabilities: float, success: bool = False, steepest: float = 8.0) -> AttackResult:
        verdict = dataclasses.replace(strong.attacked, success=success, target=probabilities[-1])
        norms = [steepest * p for p in probabilities]
        curve = tuple(CurvePoint(*one) for one in zip(probabilities, norms, strict=True))
        return dataclasses.replace(strong, name=f"{name}.png", attacked=verdict, curve=curve)

    above = met("any", 1e-6, 0.9, success=True)
    hits = [met("a", 1e-6, 0.1, 0.949, success=True), met("b", 1e-5, 0.2, 0.5, 0.91, success=True)]
    said, why = discuss_rule([(above, one) for one in hits], 40, 1.0)
    assert "It works on both, with at least 91%, in three to four gradients. As in" in said
    # Of the update's own curves, 1e-6 to 0.949 and 1e-5 to 0.91, not of the attack's above, 1e-6 to 0.9.
    assert "P begins at 1\u00a0·\u00a010⁻⁶ to 1\u00a0·\u00a010⁻⁵. Where the gradient is steepest on the update's" in why
    assert "own path it is 90,000 to 900,000 times as long as at the beginning, so that no one λ" in why
    overshot = met("c", 1e-6, 1e-3, 1e-4, 2e-4, 3e-4)
    slow = met("d", 1e-6, 1e-5, 1e-4, 1e-3)
    flat = met("e", 0.0, 0.0, steepest=0.0)
    said, why = discuss_rule([(above, one) for one in (hits[0], overshot, slow, flat)], 40, 1.0)
    assert "on the update's own path (on three of four) it is 1,000 to 900,000 times as long" in why
    assert "It works on a, with 95%, in three gradients" in said
    assert "It does not get there on c, d and e." in said
    assert "On c it takes P(y_fool) from 1\u00a0·\u00a010⁻⁶ to 0.1%; three of its 5 steps overshot" in said
    assert "On d 4 gradients take P(y_fool) from 1\u00a0·\u00a010⁻⁶ to 0.1%, still rising as they ended" in said
    assert "E has no gradient at all to follow: P(y_fool) is 0, and flat." in said


def test_which_of_two_searches_is_ahead_is_told_of_every_photograph() -> None:
    """Sooner at 90%, or where neither gets there the higher; where the attack is nowhere ahead that is said."""
    found = attack(toy(Certain(), 2), photograph(), config=AttackConfig(1, "8/255", steps=2))

    def met(name: str, gradients: int, reached: float) -> AttackResult:
        curve = (*[CurvePoint(0.01, 1.0)] * (gradients - 1), CurvePoint(reached, 1.0))
        verdict = dataclasses.replace(found.attacked, target=reached)
        return dataclasses.replace(found, name=f"{name}.png", attacked=verdict, curve=curve)

    sooner = (met("a", 6, 0.95), met("a", 9, 0.99))
    higher = (met("b", 100, 0.747), met("b", 100, 0.398))
    later = (met("c", 43, 0.96), met("c", 37, 0.901))
    alone = (met("d", 100, 0.5), met("d", 20, 0.92))
    alike = (met("e", 7, 0.95), met("e", 7, 0.91))
    said = why_the_attack([sooner, higher, later, alone, alike])
    assert said.endswith(
        "no λ has to be searched for. The attack reaches 90% first on a (6 gradients against 9); the update reaches "
        "90% first on c (37 gradients against 43) and d (20 gradients; the attack ends at 50.0%); both take as many "
        "gradients on e. On b neither gets there: the attack ends at 74.7%, the update at 39.8%."
    )
    assert why_the_attack([later]).endswith(
        "searched for. The update reaches 90% first on c (37 gradients against 43). So the update would have done as "
        "well here."
    )
    assert why_the_attack([alike]).endswith(
        "for. Both take as many gradients on e. So the update would have done as well here."
    )
    # Closer to it is ahead, too.
    assert why_the_attack([higher]).endswith(
        "for. On b neither gets there: the attack ends at 74.7%, the update at 39.8%."
    )


def test_the_updates_step_sizes_are_those_of_the_steps_that_stand() -> None:
    """The lambda of each try is in the curve; a try that was taken back is a cross in the figure."""

    def curve(*met: tuple[float, float | None]) -> tuple[CurvePoint, ...]:
        return tuple(CurvePoint(value, 1.0, size) for value, size in met)

    assert accepted_steps([0.1, 0.3, 0.2, 0.3, 0.4]) == [0, 1, 4]
    found = attack(toy(Certain(), 2), photograph(), config=AttackConfig(1, "8/255", method="gradient_ascent", steps=6))
    assert found.curve[0].step_size is None
    assert all(met.step_size > 0 for met in found.curve[1:])
    assert all(met.step_size is None for met in attack(toy(Certain(), 2), photograph(), 1, "8/255").curve)
    rule = dataclasses.replace(
        found, curve=curve((1e-6, None), (1e-4, 3.2e5), (1e-5, 9e4), (0.5, 41.3), (0.4, 8.0), (0.95, 2.06))
    )
    assert step_sizes(rule) == "3\u00a0·\u00a010⁵ to 2"
    assert step_sizes(dataclasses.replace(rule, curve=rule.curve[:2])) == "3\u00a0·\u00a010⁵"
    assert step_sizes(dataclasses.replace(rule, curve=rule.curve[:1])) == ""
    briefer = dataclasses.replace(rule, curve=rule.curve[:2])
    few, many = ([axes.get_xlim()[1] for axes in draw_probability_curves(pairs).axes[:2]] for pairs in (
        [(briefer, briefer), (rule, rule)], [(rule, rule), (rule, rule)],
    ))  # fmt: skip
    assert few[0] < many[0]
    assert few[1] == many[1]  # each photograph has its own range
    above, *_ = draw_probability_curves([(rule, rule)]).axes
    assert all(line.get_markerfacecolor() == "none" for line in above.lines[:2])
    assert above.get_yscale() == "logit"
    assert [above.yaxis.get_major_formatter()(at, 0) for at in (1e-6, 0.5, 0.9)] == ["10⁻⁶", "0.5", "0.9"]
    assert list(above.yaxis.get_minorticklocs()) == []
    # What is rounded to 1 has a place on that scale, too, and of a long search a dozen points are marked.
    sure = dataclasses.replace(rule, curve=curve(*[(1 - 2.0**-n, 1.0) for n in range(1, 61)]))
    long, *_ = draw_probability_curves([(sure, sure)]).axes[0].lines
    assert 0 < min(long.get_ydata()) < max(long.get_ydata()) < 1
    assert long.get_markevery() == 5
    assert [list(line.get_xdata()) for line in above.lines[1:3]] == [[1, 2, 4, 6], [3, 5]]


def test_every_file_of_the_assignments_update_that_fools_is_kept_and_drawn(tmp_path: Path, monkeypatch) -> None:
    drawn: list[int] = []
    monkeypatch.setattr(
        "snellen.exam.parts.attack.write_figure", lambda path, figure: drawn.append(len(figure.axes)) or path.touch()
    )
    found = attack(toy(Certain(), 2), photograph(), config=AttackConfig(1, "8/255", steps=2))

    def rule(name: str, success: bool) -> AttackResult:
        return dataclasses.replace(
            found, name=name, attacked=dataclasses.replace(found.attacked, success=success, target=0.9)
        )

    rules = [rule("a.png", True), rule("b.png", False), rule("c.png", True)]
    context = SimpleNamespace(folder=tmp_path, provenance={})
    blocks = _by_the_rule(context, [(one, one) for one in rules])
    assert drawn == [6, 6]  # two charts for each of three photographs; original, noise, file for two
    kept = json.loads((tmp_path / "rule.json").read_text(encoding="utf-8"))["attacks"]
    assert [one["file"] for one in kept] == ["rule-attacked.png", "", "rule-attacked-2.png"]
    for file in ("rule-attacked.png", "rule-attacked-2.png"):
        assert np.array_equal(np.asarray(Image.open(tmp_path / file)), np.asarray(found.image))
    (table,) = (block for block in blocks if isinstance(block, Table))
    assert [row[:3] for row in table.rows] == [(name, "90.0%", "2") for name in ("a.png", "b.png", "c.png")]
    (said,) = (block for block in blocks if isinstance(block, Discussion))
    assert "It does not get there on b." in said.paragraphs[0]
    assert table.columns[3] == "λ, first to last"
    missed = _by_the_rule(context, [(rules[1], rules[1])])
    assert not any("reached the target" in block.caption for block in missed if isinstance(block, Picture))


def test_noise_of_a_reduced_photograph_reaches_every_pixel() -> None:
    original = np.random.default_rng(0).integers(20, 230, (700, 9, 3), dtype=np.uint8)
    noise = np.random.default_rng(1).integers(-8, 9, (70, 3, 3), dtype=np.int16)
    attacked = with_enlarged_noise(original, noise)
    assert np.array_equal(attacked.astype(int) - original, noise.repeat(10, axis=0).repeat(3, axis=1))
    assert with_enlarged_noise(np.full((2, 2, 3), 254, np.uint8), np.full((1, 1, 3), 8, np.int16)).max() == 255


def test_checkpoints_are_the_papers() -> None:
    # Croce and Hein's own code, for 100 steps: 22, 41, 57, 70, 80, 87, 93, 99.
    assert checkpoints(100) == [0, 22, 41, 57, 70, 80, 87, 93, 99]


def run(search, objective):
    """The points that a search visits as it increases ``objective``, and what it returns."""
    points = [next(search)]
    while True:
        x = points[-1].clone().requires_grad_()
        value = objective(x)
        (gradient,) = torch.autograd.grad(value, x)
        try:
            points.append(search.send((value.item(), gradient)))
        except StopIteration as end:
            return points, end.value


@pytest.mark.parametrize("search", [apgd, momentum_iterative])
def test_a_plane_is_ascended_to_its_corner(search) -> None:
    centre = photograph(low=0, high=256)
    normal = torch.randn(centre.shape, generator=torch.Generator().manual_seed(1))
    points, best = run(search(Ball(centre, 8 / 255), 20), lambda x: (normal * x).sum())
    corner = (centre + 8 / 255 * normal.sign()).clamp(0, 1)
    assert torch.allclose(best, corner, atol=1e-6)
    assert all((point - centre).abs().max() <= 8 / 255 + 1e-6 for point in points)


def test_apgd_halves_its_step_around_a_peak() -> None:
    centre = torch.full((1, 3, 2, 2), 0.5)
    peak = centre + 0.037
    points, best = run(apgd(Ball(centre, 0.1), 100), lambda x: -(x - peak).abs().sum())
    assert (best - peak).abs().max() < 1e-3
    assert len(points) == 100


def test_a_signed_step_is_foolboxs() -> None:
    with warnings.catch_warnings():
        # Importing it stirs up deprecations of its own dependencies.
        warnings.simplefilter("ignore")
        foolbox = pytest.importorskip("foolbox", reason="the peer is not installed")
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(4 * 36, 5)).eval()
    pixels = photograph(3)
    target = Criterion(0, 2)
    search = apgd(Ball(pixels, 8 / 255), 5)
    x = next(search).clone().requires_grad_()
    objective = log_probability_or_margin(target, network(x))
    ours = search.send((objective.item(), torch.autograd.grad(objective.sum(), x)[0]))
    model = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
    peer = foolbox.attacks.LinfBasicIterativeAttack(abs_stepsize=4 / 255, steps=1, random_start=False)
    criterion = foolbox.criteria.TargetedMisclassification(torch.tensor([2]))
    theirs, _, _ = peer(model, pixels, criterion, epsilons=8 / 255)
    assert torch.allclose(ours, theirs, atol=1e-6)


@settings(max_examples=30)
@given(
    steps=st.integers(0, 40),
    seed=st.integers(0, 50),
    name=st.sampled_from(["apgd", "gradient_ascent", "momentum_iterative"]),
)
def test_no_search_leaves_its_ball(steps, seed, name) -> None:
    centre = photograph(seed, low=0, high=256)
    searches = {
        "apgd": apgd,
        "gradient_ascent": lambda ball, steps: gradient_ascent(ball, steps, 50.0),
        "momentum_iterative": momentum_iterative,
    }
    generator = torch.Generator().manual_seed(seed)
    wild = torch.randn(centre.shape, generator=generator)
    points, best = run(searches[name](Ball(centre, steps / 255), 6), lambda x: (wild * x**2).sum())
    for point in [*points, best]:
        assert point.min() >= 0
        assert point.max() <= 1
        rounded = point.mul(255).round()
        assert (rounded - centre * 255).abs().max().round() <= steps


# ---- criteria, objectives and configurations


def test_objectives() -> None:
    logits = torch.tensor([[2.0, 1.0, -1.0], [0.0, 3.0, 5.0]])
    probabilities = logits.softmax(dim=1)
    assert torch.allclose(probability(Criterion(0, 1), logits), probabilities[:, 1])
    assert torch.allclose(probability(Criterion(0, None), logits), 1 - probabilities[:, 0])
    assert torch.allclose(log_probability_or_margin(Criterion(0, 1), logits), probabilities[:, 1].log())
    assert log_probability_or_margin(Criterion(0, None), logits).tolist() == [-1.0, 5.0]
    assert Criterion(0, 2).is_met(logits).tolist() == [False, True]
    assert Criterion(0, None).is_met(logits).tolist() == [False, True]


@pytest.mark.parametrize(
    ("text", "steps"),
    [("4/255", 4), (4 / 255, 4), ("0.0157", 4), ("0", 0), (0.003, 0), ("1", 255), ("min", None), (" 8 / 255 ", 8)],
)
def test_epsilons(text, steps) -> None:
    assert epsilon_steps(text) == steps


@given(st.integers(0, 255))
def test_every_step_is_itself(steps) -> None:
    assert epsilon_steps(f"{steps}/255") == epsilon_steps(steps / 255) == steps


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epsilon": "4"}, r"epsilon is 4 \(did you mean 4/255\?"),
        ({"epsilon": "300/255"}, r"epsilon is 300/255 \(such as 4/255"),
        ({"epsilon": "four"}, "epsilon 'four' is not a number"),
        ({"epsilon": "0.5/256/2"}, "epsilon '0.5/256/2' is not a number"),
        ({"epsilon": "1/0"}, "epsilon '1/0' is not a number"),
        ({"epsilon": "1e999999999"}, "epsilon '1e999999999' is not a number"),
        ({"epsilon": "2\n"}, r"epsilon '2\\n' is not a number"),
        ({"epsilon": "nan"}, "epsilon 'nan' is not a number"),
        ({"epsilon": -0.1}, "epsilon is -0.1"),
        ({"method": "pgd"}, r"no method named 'pgd' \(apgd or gradient_ascent\)"),
        ({"space": "pixel"}, "no space named 'pixel'"),
        ({"steps": 0}, "0 steps"),
        ({"steps": 1}, "1 step, which a search takes to see the gradient before it moves"),
        ({"steps": 1, "method": "gradient_ascent"}, "1 step, which a search takes to see the gradient"),
        ({"step_size": 1.0}, "a step size of 1 for apgd"),
        ({"confidence": 1.0}, "a confidence of 1"),
        ({"robust": True, "method": "gradient_ascent"}, "a robust attack has its own method"),
        ({"robust": True, "epsilon": "min"}, "no smallest epsilon"),
    ],
)
def test_configurations_that_cannot_be(values, message) -> None:
    with pytest.raises(InputError, match=message):
        AttackConfig(1, **values)


@pytest.mark.parametrize("smallest", [1, 2, 3, 7, 40, 64, 65])
def test_the_search_for_the_smallest_epsilon(smallest) -> None:
    epsilon = EpsilonSearch(None)
    tried = []
    settled = False
    while not settled:
        tried.append(epsilon.steps)
        settled = epsilon.settle(epsilon.steps >= smallest)
    assert epsilon.steps == min(smallest, 64)
    assert epsilon.succeeded == (smallest <= 64)
    assert len(tried) == len(set(tried)) <= 12


# ---- the whole attack on small classifiers


@settings(max_examples=20)
@given(
    steps=st.integers(0, 12),
    seed=st.integers(0, 30),
    method=st.sampled_from(["apgd", "gradient_ascent"]),
    space=st.sampled_from(["image", "input"]),
    target=st.sampled_from([None, "random"]),
)
def test_the_bound_holds_in_the_file(steps, seed, method, space, target) -> None:
    classifier = linear_classifier(4, seed)
    pixels = photograph(seed, 11, 14, low=0, high=256)
    config = AttackConfig(target, f"{steps}/255", method=method, space=space, steps=8)
    result = attack(classifier, pixels, config=config)
    image = result.image
    original = np.asarray(to_image(pixels))
    if space == "input":
        original = classifier.preprocessing.preprocess_image(to_image(pixels))
    difference = np.abs(np.asarray(image).astype(int) - original).max()
    assert difference == result.norm <= steps
    assert result.epsilon == steps
    if steps == 0:
        assert np.array_equal(np.asarray(image), original)
        assert result.attacked.success == result.control.success
    assert (result.reason is None) == result.attacked.success


def test_a_linear_classifier_is_fooled_at_the_exact_bound() -> None:
    classifier = linear_classifier(2, seed=3, scale=0.05)
    pixels = photograph(5, low=60, high=196)
    weight = classifier.network.linear.weight.detach()
    logits = classifier.logits(pixels)[0].detach()
    label = int(logits.argmax())
    target = 1 - label
    # Every value moves by epsilon along the sign of w_target - w_label.
    gap, gain = (logits[label] - logits[target]).item(), (weight[target] - weight[label]).abs().sum().item() / 255
    needed = math.floor(gap / gain) + 1
    assert 2 <= needed <= 32
    result = attack(classifier, pixels, target, "min")
    assert result.epsilon == needed == result.norm
    corner = pixels + needed / 255 * (weight[target] - weight[label]).sign().view(1, 3, 8, 8)
    assert np.array_equal(np.asarray(result.image), np.asarray(to_image(corner)))
    short = attack(classifier, pixels, target, f"{needed - 1}/255")
    assert not short.attacked.success
    assert "budget too small" in short.reason


def test_the_report_is_of_the_file(lite0) -> None:
    pixels = snellen.read_pixels(bundled_photographs()[0].path)
    result = snellen.attack(lite0, pixels, "space shuttle", "4/255", label="espresso")
    assert result.attacked.success
    assert result.label_given
    assert result.correct
    assert result.norm <= 4
    (seen,) = snellen.classify(lite0, [png_bytes(result.image)], k=1)
    assert (seen.top.index, seen.top.label) == (812, "space shuttle")
    assert seen.top.probability == pytest.approx(result.attacked.target, abs=1e-6)
    assert result.control.top.label == "espresso"
    outside = np.asarray(result.image)[:10] == np.asarray(to_image(pixels))[:10]
    assert outside.all(), "what the crop leaves out is not touched"


def test_the_networks_input_is_judged_as_it_is(lite0) -> None:
    pixels = snellen.read_pixels(bundled_photographs()[0].path)
    result = attack(lite0, pixels, config=AttackConfig(812, space="input"))
    image = result.image
    assert image.size == (224, 224)
    assert result.attacked.success
    assert lite0.logits_from_inputs(to_pixels(image)).softmax(dim=1)[0, 812].item() == pytest.approx(
        result.attacked.target, abs=1e-5
    )
    (ordinary,) = snellen.classify(lite0, [png_bytes(image)], k=1)
    assert result.preprocessed_again.index == ordinary.top.index


def test_untargeted(lite0) -> None:
    pixels = snellen.read_pixels(bundled_photographs()[0].path)
    result = attack(lite0, pixels, None, "1/255")
    assert result.target is None
    assert result.attacked.success
    assert result.attacked.top.label != "espresso"


def test_targets_that_cannot_be() -> None:
    classifier = linear_classifier(3)
    label = int(classifier.logits(photograph()).argmax())
    name = classifier.labels[label]
    with pytest.raises(InputError, match=f"pixels 0: shows '{name}' already"):
        attack(classifier, photograph(), name)
    with pytest.raises(InputError, match="no class named 'class q'"):
        attack(classifier, photograph(), "class q")
    with pytest.raises(InputError, match="attack: no `target`"):
        attack(classifier, photograph(), epsilon="4/255")


def test_a_configuration_holds_where_nothing_else_is_given() -> None:
    classifier, pixels = linear_classifier(3), photograph()
    config = AttackConfig("random", "30/255", steps=3)
    assert attack(classifier, pixels, config=config).epsilon == 30
    assert attack(classifier, pixels, "random", 30 / 255, config=config).epsilon == 30
    assert attack(classifier, pixels, "random").epsilon == 4
    with pytest.raises(InputError, match="attack: `epsilon` is '4/255', and '30/255' in `config`"):
        attack(classifier, pixels, epsilon="4/255", config=config)
    with pytest.raises(InputError, match="attack: `target` is None, and 'random' in `config`"):
        attack(classifier, pixels, None, config=config)


def test_one_photograph_gives_one_result_and_many_give_a_list(folder, tmp_path: Path) -> None:
    classifier, config = linear_classifier(4, scale=0.05), AttackConfig("random", "8/255")
    shown = classifier.labels[int(classifier.logits(to_pixels(read_image(folder[1]))).argmax())]
    counted = []

    class Counting(Progress):
        def advance(self, count: int = 1, **_: float) -> None:
            counted.append(count)

    first, missing, pixels = attack(
        classifier, [folder[0], tmp_path / "no.png", photograph(1)], config=config, progress=Counting()
    )
    alone = attack(classifier, Path(folder[0]), config=config)
    # A batch adds in another order, which moves last digits of what the search met.
    assert dataclasses.replace(first, curve=()) == dataclasses.replace(alone, curve=())
    assert [met.probability for met in first.curve] == pytest.approx([met.probability for met in alone.curve], rel=1e-4)
    assert first.name == folder[0]
    assert isinstance(missing, Failure)
    assert "no such file" in missing.error
    assert pixels.name == "pixels 2"
    assert sum(counted) == 3
    with pytest.raises(ImageError, match="no such file"):
        attack(classifier, tmp_path / "no.png", config=config)
    refused, _ = attack(classifier, [folder[1], photograph(0)], shown)
    assert f"shows '{shown}' already" in refused.error


def test_a_result_draws_explains_and_hands_itself_on() -> None:
    classifier = linear_classifier(4, scale=0.05)
    results = attack(classifier, [photograph(0), photograph(1)], "random", "32/255")
    assert all(result.attacked.success for result in results)
    for original, result in zip((photograph(0), photograph(1)), results, strict=True):
        assert result.pixels.shape == (1, 3, 8, 8)
        assert (result.pixels - original).abs().max().mul(255).round().item() == result.norm <= 32
        assert np.array_equal(np.asarray(result.source), np.asarray(to_image(original)))
        seen = snellen.classify(classifier, result, k=1)
        assert seen.top.index == result.attacked.top.index
        assert snellen.stress(classifier, result).before.top.index == result.attacked.top.index
        assert len(result.plot().axes) == 3
        assert result.target.label in result.discussion()
        assert "source" not in result.to_dict()
        assert json.loads(to_json(result))["attacked"]["success"]
    assert [answer.image for answer in snellen.classify(classifier, results)] == ["pixels 0", "pixels 1"]


class Saturated(nn.Module):
    """Logits that do not depend on what is seen."""

    def forward(self, inputs):
        return torch.tensor([[5.0, 0.0, 1.0]]).expand(len(inputs), -1) + 0 * inputs.sum(dim=(1, 2, 3))[:, None]


class Broken(nn.Module):
    """A gradient that is not a number."""

    def forward(self, inputs):
        zero = (inputs - inputs.detach()).sum(dim=(1, 2, 3))
        return torch.stack([zero.abs().sqrt() + 5, zero], dim=1)


class Certain(nn.Module):
    """So certain that the target's probability, and its gradient, are nearly zero."""

    def forward(self, inputs):
        seen = inputs.mean(dim=(1, 2, 3))
        return torch.stack([30 + seen, seen * 2], dim=1)


class Misleading(nn.Module):
    """A gradient as steep as any, along which the target's logit falls."""

    def forward(self, inputs):
        seen = inputs.mean(dim=(1, 2, 3))
        return torch.stack([10 + 0 * seen, 2 * seen.detach() - seen], dim=1)


@pytest.mark.parametrize(
    ("network", "classes", "method", "reason"),
    [
        (Saturated(), 3, "apgd", "the gradient is zero everywhere"),
        (Broken(), 2, "apgd", "the gradient is not a number"),
        (Certain(), 2, "gradient_ascent", r"stalled: the criterion's probability is .*e-1\d"),
        (Certain(), 2, "apgd", "budget too small"),
    ],
)
def test_failures_say_why(network, classes, method, reason) -> None:
    classifier = toy(network, classes)
    step_size = 1000.0 if method == "gradient_ascent" else None
    config = AttackConfig(1, "8/255", method=method, steps=10, step_size=step_size)
    result = attack(classifier, photograph(), config=config)
    assert not result.attacked.success
    assert result.norm <= 8
    assert re.search(reason, result.reason), result.reason
    assert result.image.size == (8, 8)


@pytest.mark.parametrize("method", ["apgd", "gradient_ascent"])
def test_a_search_that_no_step_helped_blames_no_small_gradient(method) -> None:
    """The file is the original's, though the gradient is large and steps were made."""
    result = attack(toy(Misleading(), 2), photograph(), config=AttackConfig(1, "8/255", method=method, steps=5))
    assert (result.attacked.success, result.norm) == (False, 0)
    assert result.reason.endswith(", and no step within 8/255 raised the objective")


def test_the_network_is_left_as_found() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3)).train()
    classifier = toy(network, 3)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    label = int(classifier.logits(photograph()).argmax())
    attack(classifier, photograph(), (label + 1) % 3, "8/255")
    assert network.training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in network.parameters())
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_the_same_seed_gives_the_same_file() -> None:
    classifier = linear_classifier(5, scale=0.02)
    examples = [AttackExample(Photo(f"{seed}", to_image(photograph(seed)))) for seed in range(20)]

    def files(config: AttackConfig) -> dict[str, bytes]:
        reached = [
            outcome for _, outcome in attack_steps(classifier, examples, config) if isinstance(outcome, AttackResult)
        ]
        return {result.name: png_bytes(result.image) for result in reached}

    first, again, other = (files(AttackConfig("random", steps=10, seed=seed)) for seed in (1, 1, 2))
    assert len(first) == 20
    assert again == first
    assert other != first


# ---- verification


def test_norm_and_noise() -> None:
    original = np.random.default_rng(0).integers(0, 256, (600, 40, 3), dtype=np.uint8)
    noisy = np.asarray(uniform_noise(original, 4, seed=1))
    assert norm(noisy, original) == np.abs(noisy.astype(int) - original).max() == 4
    inside = (original > 4) & (original < 251)
    counts = np.bincount((noisy.astype(int) - original)[inside] + 4)
    assert counts.min() > 0.9 * counts.mean()
    assert np.array_equal(np.asarray(uniform_noise(original, 0, seed=1)), original)


def test_visibility_is_the_psnr_of_the_bytes_beside_a_jpegs() -> None:
    original = np.full((300, 8, 3), 100, np.uint8)
    changed = original.copy()
    changed[:150] += 4  # mean squared difference 8
    assert psnr(changed, original) == pytest.approx(10 * math.log10(255**2 / 8))
    assert psnr(original, original) == math.inf
    found = attack(linear_classifier(4, scale=0.05), photograph(0), 1, "4/255")
    measured = visibility(found)
    apart = np.asarray(found.image).astype(float) - np.asarray(found.source)
    assert noise_area(np.asarray(found.source), np.asarray(found.image)) == (slice(0, 8), slice(0, 8))
    assert measured.psnr == pytest.approx(-10 * math.log10(np.mean((apart / 255) ** 2)))
    with io.BytesIO() as file:
        found.source.save(file, "JPEG", quality=75)
        apart = np.asarray(Image.open(file)).astype(float) - np.asarray(found.source)
    assert measured.jpeg_psnr == pytest.approx(-10 * math.log10(np.mean((apart / 255) ** 2)))
    assert measured.size == (8, 8)
    inside = Image.new("RGB", (40, 30), "gray")
    inside.paste(found.image, (7, 9))
    outside = Image.new("RGB", (40, 30), "gray")
    outside.paste(found.source, (7, 9))
    framed = visibility(dataclasses.replace(found, source=outside, saved=inside))
    assert framed.psnr == pytest.approx(measured.psnr)  # of the noise's area, however large the photograph is
    assert framed.size == (40, 30)
    figure = draw_details([dataclasses.replace(found, source=outside, saved=inside)], [framed])
    # A frame of two tones, so that it is seen on black and on white.
    assert [[one.get_edgecolor()[0] for one in axes.patches] for axes in figure.axes] == [[0, 1]] * 3
    for axes, image in zip(figure.axes[:2], (outside, inside), strict=True):
        assert np.array_equal(axes.images[0].get_array(), np.asarray(image)[framed.flattest.around])


def test_the_flattest_cell_is_where_noise_is_seen_most_easily() -> None:
    """Two halves, one smooth and one of stripes, with one noise on all but a border; and the smooth half darkened."""
    stripes = np.where(np.arange(200) % 2, 140, 60).astype(np.uint8)
    original = np.repeat(np.tile(stripes, (120, 1))[..., None], 3, axis=2)
    original[:, 110:] = 150
    attacked = original.copy()
    attacked[10:110:2, 10:190] += 4  # a noise whose luma is 4 in every second row: a deviation of 2
    assert noise_area(original, attacked) == (slice(10, 109), slice(10, 190))
    found = flattest_cell(original, attacked)
    rows, columns = found.window
    assert (rows.stop - rows.start, columns.stop - columns.start) == (16, 16)
    assert columns.start >= 110
    assert all(
        around.start <= one.start < one.stop <= around.stop == around.start + 48
        for one, around in zip(found.window, found.around, strict=True)
    )
    # Of rows of 4 and 0 in turns a plane fits a slope of nearly nothing.
    assert (found.detail, found.noise) == (pytest.approx(0, abs=1e-3), pytest.approx(2, rel=0.01))
    assert found.standing_out == pytest.approx(4 / 11)  # of 11 columns of cells, 7 have stripes in them
    darkened = [one - np.where(original == 150, 140, 0).astype(np.uint8) for one in (original, attacked)]
    assert flattest_cell(*darkened).window[1].start < 110
    # The 4 columns of smooth cells are dark now, where nobody sees the noise.
    assert flattest_cell(*darkened).standing_out == 0
    night = flattest_cell(original // 15, original // 15 + (attacked - original))
    assert (night.noise > night.detail, night.standing_out) == (True, 0)  # all is dark, and the flattest cell is, too
    nothing = flattest_cell(original, original)
    assert (nothing.noise, nothing.standing_out) == (0, 0)


def test_shading_is_no_detail_that_hides_noise() -> None:
    """A cell's contrast is what a fitted plane leaves, as NumPy's least squares find it."""
    down, across = np.mgrid[:48, :64]
    original = np.repeat((40 + 2 * down + across)[..., None], 3, axis=2).astype(np.uint8)
    attacked = original + np.where((down + across) % 2, 2, 0)[..., None].astype(np.uint8)
    shaded = flattest_cell(original, attacked)
    assert (shaded.detail, shaded.noise) == (pytest.approx(0, abs=0.01), pytest.approx(1, rel=0.01))
    assert shaded.standing_out == 1
    original = np.random.default_rng(0).integers(60, 250, (48, 64, 3), dtype=np.uint8)
    attacked = original.copy()
    attacked[[0, -1]] ^= 1
    found = flattest_cell(original, attacked)
    luma = original[found.window].astype(float) @ [0.299, 0.587, 0.114]
    plane = np.column_stack([np.ones(256), *(axis[:16, :16].ravel() for axis in (down, across))])
    (left,) = np.linalg.lstsq(plane, luma.ravel())[1]
    assert found.detail == pytest.approx(math.sqrt(left / 256), rel=1e-4)


def test_what_is_said_of_visibility_follows_the_numbers() -> None:
    def measured(name: str, psnr: float, jpeg: float, noise: float, detail: float, share: float) -> Visibility:
        place = (slice(0, 1), slice(0, 1))
        square = FlatCell(place, place, detail, noise, share)
        return Visibility(f"{name}.png", (1, 1), psnr, jpeg, square)

    a, b = measured("a", 42.0, 38.5, 2.12, 0.71, 0.26), measured("b", 36.0, 37.0, 2.0, 6.5, 0.0)
    said = discuss_visibility([a])
    assert "Pillow's default, changes it more than the noise does, by the PSNR where that lies." in said
    assert "stronger than the photograph's own detail in this much: 26% of the attacked area on a. There it" in said
    assert (
        "Noise against detail in the flattest cell (1 pixels a side; a dark one only where all are): 2.1 against 0.7 "
        "levels on a." in said
    )
    assert "nowhere stronger" not in said
    both = discuss_visibility([a, b, dataclasses.replace(a, name="c.png")])
    assert "in this much: 26% of the attacked area on a and 26% on c; on b nowhere. There it stands out" in both
    assert "2.1 against 0.7 levels on a, 2.0 against 6.5 on b and 2.1 against 0.7 on c." in both
    hidden = discuss_visibility([b])
    assert "in small cells that are not dark (brightness 32 of 255 or more; compared is its deviation" in hidden
    assert "taken away), the noise is nowhere stronger than the photograph's own detail. Noise against" in hidden
    assert "stands out" not in hidden
    # The flattest cell is not the only one: it may hide what another does not.
    elsewhere = dataclasses.replace(b, flattest=dataclasses.replace(b.flattest, standing_out=0.01))
    assert "nowhere stronger" not in discuss_visibility([elsewhere])
    assert "in this much: 1.0% of the attacked area on b." in discuss_visibility([elsewhere])
    many = discuss_visibility([a] * 6)
    assert "26% on a and 26% on a (the first four of six). There it stands out" in many
    assert _about_details([a, b], 2).count("what lies around it, 1 pixels of the photograph wide: of the original") == 1
    wider = dataclasses.replace(a, flattest=dataclasses.replace(a.flattest, around=(slice(0, 9), slice(4, 52))))
    assert "what lies around it, 48 and 1 pixels of the photograph wide from left to right:" in _about_details(
        [wider, b], 5
    )
    assert discuss_visibility([dataclasses.replace(a, psnr=math.inf)]) == ""
    least = [LeastBound("a.png", 3, 1, 0.01, 20), LeastBound("b.png", 3, 2, 0.0, 20)]
    least.append(LeastBound("c.png", 3, 3, 0.26, 20))
    assert (
        "enlarges the file. Less would have been enough: 1/255 on a (noise of that bound stands out in 1.0%) and "
        "2/255 on b. The bound is the one that was asked for, the same for all; an attack run by itself with epsilon = "
        '"min" finds the smallest for each photograph. Within 20 gradients the same search found nothing below 3/255 '
        "on c. Noise against detail in the flattest cell"
        in discuss_visibility([a, b, dataclasses.replace(a, name="c.png")], least)
    )
    assert (
        "own detail. Less would have been enough: 2/255 on b. The bound is the one that was asked for, the same for "
        'all; an attack run by itself with epsilon = "min" finds the smallest for each photograph. Noise against'
        in discuss_visibility([b], least)
    )
    less = discuss_visibility([a], [LeastBound("a.png", 3, 1, 0.0, 20)])
    assert "Less would have been enough: 1/255 on a (noise of that bound stands out nowhere). The" in less
    both = discuss_visibility([a, b], [LeastBound("a.png", 2, 2, 0.1, 20), LeastBound("b.png", 2, 2, 0.0, 20)])
    assert (
        "enlarges the file. Within 20 gradients the same search found nothing below 2/255 on a and b. Noise against"
        in both
    )


@pytest.mark.parametrize("seed", range(4))
def test_the_least_bound_that_is_enough(seed: int) -> None:
    """Of a linear network the one that its margin and the sum of the absolute weights give."""
    classifier, pixels = linear_classifier(2, seed, scale=0.2), photograph(seed)
    label = int(classifier.logits(pixels).argmax())
    wide = attack(classifier, pixels, 1 - label, "60/255", label=label)
    assert wide.attacked.success
    config = AttackConfig(1 - label, steps=20)
    found = least_bound(classifier, wide, config)
    enough = [
        steps
        for steps in range(1, 61)
        if attack(
            classifier, pixels, label=label, config=dataclasses.replace(config, epsilon=f"{steps}/255")
        ).attacked.success
    ]
    assert (found.steps, found.norm, found.gradients) == (enough[0], wide.norm, 20)
    table = _noises([wide], [visibility(wide)], [found], 1)
    assert table.rows[0][table.columns.index("least bound (1/255)")] == str(enough[0])
    assert 0 < found.steps < found.norm
    assert least_bound(classifier, attack(classifier, pixels, 1 - label, f"{enough[0]}/255"), config).steps == enough[0]


def test_a_file_of_another_size_is_no_attack(tmp_path: Path) -> None:
    Image.new("RGB", (8, 9)).save(tmp_path / "a.png")
    with pytest.raises(snellen.SnellenError, match=r"a.png: is \(9, 8, 3\), the original \(8, 8, 3\)"):
        verify(linear_classifier(), tmp_path / "a.png", np.zeros((8, 8, 3), np.uint8), Criterion(0, 1), "image")


# ---- robust


def test_eot_samples_are_repeatable() -> None:
    classifier = linear_classifier()
    samplers = [EOTSampler(classifier.preprocessing, 30, 40, 6, seed=1) for _ in range(2)]
    pixels = photograph(0, 30, 40)
    steps = (samplers[0](), samplers[1](), samplers[0]())
    first, second, third = ([transform(pixels) for transform in samples] for samples in steps)
    assert all(map(torch.equal, first, second))
    assert not all(map(torch.equal, first, third))
    assert all(inputs.shape == (1, 3, 8, 8) for inputs in first)


def test_large_photographs_are_reduced() -> None:
    preprocessing = linear_classifier().preprocessing
    assert reduction(preprocessing, 448, 900) is None
    reduced = reduction(preprocessing, 1344, 1800)
    assert reduced.size == (448, 600)
    assert reduced.preprocess(torch.rand(1, 3, 1344, 1800)).shape == (1, 3, 448, 600)


def test_held_out_draws_hold_the_assignments_four() -> None:
    draws = held_out_draws(0)
    assert {name for name, _, _ in draws} == {"mirror", "crop", "rotation", "grayscale"}
    rotations = [strength for name, strength, _ in draws if name == "rotation"]
    assert {-30.0, 30.0} <= set(rotations)
    assert all(abs(angle) <= 30 for angle in rotations)
    assert held_out_draws(1) != draws


@pytest.mark.slow
def test_a_robust_attack_survives_what_undoes_the_plain_one(lite0) -> None:
    pixels = snellen.read_pixels(bundled_photographs()[0].path)
    result = attack(lite0, pixels, config=AttackConfig("space shuttle", "8/255", robust=True))
    draws = sum(held.draws for held in result.held_out)
    assert result.attacked.success
    assert result.norm <= 8
    assert sum(held.successes for held in result.held_out) >= 0.95 * draws
    assert sum(held.plain_successes for held in result.held_out) <= 0.5 * draws


# ---- success rates


def outcome(correct: bool, success: bool, epsilon: int = 4) -> AttackResult:
    made = attack(linear_classifier(3), photograph(), "random", f"{epsilon}/255")
    label = made.original if correct else dataclasses.replace(made.original, index=made.original.index + 1)
    verdict = dataclasses.replace(made.attacked, success=success, changed=True)
    return dataclasses.replace(made, label=label, attacked=verdict, epsilon=epsilon)


def test_rates_are_kept_apart() -> None:
    attacks = [outcome(True, True, 1), outcome(True, True, 3), outcome(True, False, 64), outcome(False, True, 1)]
    summary = summarise(attacks, smallest=True)
    assert (summary.correct.success.count, summary.correct.success.n) == (2, 3)
    assert (summary.correct.changed.count, summary.wrong.success.count, summary.wrong.n) == (3, 1, 1)
    assert [rate.count for steps, rate in summary.curve][:4] == [0, 1, 1, 2]
    assert summary.curve[-1][1].count == 2
    # Wilson's interval for 2 of 3, by its formula.
    z, p, n = 1.959964, 2 / 3, 3
    middle, half = p + z**2 / (2 * n), z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    ends = [(middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n)]
    assert [summary.correct.success.low, summary.correct.success.high] == pytest.approx(ends, abs=1e-6)
    text = discuss(summary)
    assert "67% (2 of 3; 95% interval 21% to 94%) meet the criterion" in text
    assert "Kept apart: one photograph wrong before any attack, of which 1 of 1 meets the criterion" in text
    assert "Half of the photographs are fooled within 3/255, all that are fooled within 3/255" in text
    assert summarise([], smallest=True).curve == ()


# ---- folders


@pytest.fixture
def folder(tmp_path: Path) -> list[str]:
    paths = []
    for number, place in enumerate(("a/x.png", "b/x.png", "b/y.png")):
        path = tmp_path / place
        path.parent.mkdir(exist_ok=True)
        to_image(photograph(number, 10, 9)).save(path)
        paths.append(str(path))
    return paths


def test_names_of_files() -> None:
    assert attacked_names(["in/peppers.jpg"]) == {"in/peppers.jpg": "adversarial.png"}
    names = attacked_names(["a/x.png", "b/x.png", "b/y.jpg", "c/b/x.png"])
    assert list(names.values()) == [
        "a-x-adversarial.png",
        "b-x-adversarial.png",
        "y-adversarial.png",
        "b-x-2-adversarial.png",
    ]
    # Many disks do not tell small letters from capitals.
    names = attacked_names(["a/X.png", "A/x.png", "b/y.png"])
    assert list(names.values()) == ["a-X-adversarial.png", "A-x-2-adversarial.png", "y-adversarial.png"]
    with pytest.raises(InputError, match="a.png: named twice"):
        attacked_names(["a.png", "a.png"])


def test_a_folder_is_attacked_and_resumed(folder, tmp_path: Path, monkeypatch) -> None:
    classifier, config, out = linear_classifier(4, scale=0.05), AttackConfig("random", "8/255"), tmp_path / "run"
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    sources = [folder[0], str(broken), *folder[1:]]
    first = attack_folder(classifier, sources, config, out)
    assert [failure.image for failure in first.failures] == [str(broken)]
    assert [one.name for one in first.attacks] == folder
    assert first.resumed == 0
    for one in first.attacks:
        original, attacked = (np.asarray(read_image(path)).astype(int) for path in (one.name, out / one.file))
        assert np.abs(attacked - original).max() == one.norm <= 8
    rows = list(csv.DictReader(io.StringIO((out / "attacks.csv").read_text(encoding="utf-8"))))
    assert [row["success"] for row in rows] == [str(one.attacked.success) for one in first.attacks] + [""]
    assert "not an image" in rows[-1]["error"]

    # As after a kill: one report is missing, one file is damaged.
    (out / "attacks" / "a-x-adversarial.json").unlink()
    (out / "b-x-adversarial.png").write_bytes(b"")
    times = {name: (out / name).stat().st_mtime_ns for name in ("a-x-adversarial.png", "y-adversarial.png")}
    again = attack_folder(classifier, sources, config, out)
    assert again.resumed == 1
    assert again.attacks == first.attacks
    assert (out / "y-adversarial.png").stat().st_mtime_ns == times["y-adversarial.png"]
    assert (out / "a-x-adversarial.png").stat().st_mtime_ns > times["a-x-adversarial.png"]
    assert attack_folder(classifier, sources, config, out).resumed == 3
    assert attack_folder(classifier, sources, dataclasses.replace(config, seed=1), out).resumed == 0


def test_networks_of_one_name_do_not_share_answers(folder, tmp_path: Path) -> None:
    config, out = AttackConfig("random", "8/255"), tmp_path / "run"
    one, other = linear_classifier(4, seed=1, scale=0.05), linear_classifier(4, seed=2, scale=0.05)
    assert one.name == other.name
    first = attack_folder(one, folder, config, out)
    again = attack_folder(other, folder, config, out)
    assert (first.resumed, again.resumed) == (0, 0)
    assert first.attacks != again.attacks
    with torch.no_grad():
        other.network.linear.bias += 1
    assert attack_folder(other, folder, config, out).resumed == 0
    assert attack_folder(other, folder, config, out).resumed == 3


@pytest.mark.parametrize("space", ["image", "input"])
def test_a_folders_results_draw_themselves(folder, tmp_path: Path, space) -> None:
    classifier, config = linear_classifier(4, scale=0.05), AttackConfig("random", "min", space=space)
    for resumed in (0, 3):
        result: FolderResult = attack_folder(classifier, folder, config, tmp_path / space)
        assert result.resumed == resumed
        assert result.plot().axes[0].get_xlabel().startswith("bound")
        assert all(len(one.plot().axes) == 3 for one in result.attacks)
        assert "meet the criterion" in result.discussion()
        assert set(result.to_dict()) == {"config", "success_rates", "attacks", "failures"}


def test_a_killed_folder_keeps_what_was_done(folder, tmp_path: Path) -> None:
    classifier, config, out = linear_classifier(4, scale=0.05), AttackConfig("random", "8/255"), tmp_path / "run"
    seen = []

    class Interrupt(Progress):
        def advance(self, count: int = 1, **_: float) -> None:
            seen.append(count)
            if len(seen) == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attack_folder(classifier, folder, config, out, progress=Interrupt())
    assert attack_folder(classifier, folder, config, out).resumed == 2


def test_one_photograph_that_shows_the_target_does_not_stop_the_others(folder, tmp_path: Path) -> None:
    classifier = linear_classifier(4, scale=0.05)
    labels = ["class a", "class b", "class b"]
    result = attack_folder(classifier, folder, AttackConfig("class a"), tmp_path / "run", labels=labels)
    assert [one.name for one in result.attacks] == folder[1:]
    assert "shows 'class a' already" in result.failures[0].error
    assert read_image(result.attacks[0].source).size == result.attacks[0].image.size == (9, 10)


def test_labels_come_from_imagenets_folders(lite0, tmp_path: Path) -> None:
    path = tmp_path / "n07920052" / "cup.png"
    path.parent.mkdir()
    read_image(bundled_photographs()[0].path).save(path)
    (result,) = attack_folder(lite0, [str(path)], AttackConfig("random"), tmp_path / "run").attacks
    assert (result.label.label, result.label_given, result.correct) == ("espresso", True, True)


# ---- the command


def test_attack_on_the_command_line(snellen_command, tmp_path: Path) -> None:
    photo = bundled_photographs()[0].path
    out = tmp_path / "run"
    done = snellen_command("attack", photo, "--target", "space shuttle", "--epsilon", "4/255", "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    (report,) = json.loads(done.stdout)["attacks"]
    assert report["attacked"]["success"]
    assert report["file"] == "adversarial.png"
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    made = {"attacks.json", "attacks.csv", "adversarial.png", "attacks.png", "attacks/adversarial.json"}
    assert set(manifest["files"]) == made
    with Image.open(out / "adversarial.png") as file, Image.open(photo) as original:
        assert (file.format, file.size) == ("PNG", original.size)


def test_a_second_attack_keeps_nothing_of_the_first(snellen_command, tmp_path: Path) -> None:
    """The figures and what other networks saw are of the photographs that were attacked last."""
    model, out = colour_model(tmp_path / "model"), tmp_path / "run"
    photos = colour_folders(tmp_path / "photos", {"red": [(90, 80, 70), (91, 80, 70)]}) / "red"
    common = ("attack", "--target", "blue", "--epsilon", "min", "--out", out, *model)
    done = snellen_command(*common, photos, "--also", "tf_efficientnet_lite0")
    assert done.returncode == 0, done.stderr
    assert {"also.json", "also.csv", "security.png"} <= {path.name for path in out.iterdir()}
    done = snellen_command(*common, photos / "0.png")
    assert done.returncode == 0, done.stderr
    listed = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["files"]
    assert not {"also.json", "also.csv", "security.png"} & {*listed, *(path.name for path in out.iterdir())}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "what is to be seen?"),
        (("--target", "space shutle"), "did you mean space shuttle"),
        (("--target", "1", "--epsilon", "4"), "did you mean 4/255?"),
        (("--target", "1", "--untargeted"), "--target and --untargeted cannot go together"),
    ],
)
def test_mistakes_on_the_command_line(snellen_command, tmp_path: Path, arguments, message) -> None:
    photo = bundled_photographs()[0].path
    done = snellen_command("attack", photo, "--out", tmp_path / "run", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_peppers_are_a_space_shuttle_to_timm_and_pillow(snellen_command, peppers, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = snellen_command("attack", peppers, "-t", "space shuttle", "-e", "4/255", "-o", out, timeout=290)
    assert done.returncode == 0, done.stderr
    import timm

    network = resolve("tf_efficientnet_lite0").network
    transform = timm.data.create_transform(**timm.data.resolve_data_config({}, model=network))
    with Image.open(out / "adversarial.png") as attacked, torch.no_grad():
        assert network(transform(attacked.convert("RGB"))[None]).argmax() == 812
    with Image.open(peppers) as original, Image.open(out / "adversarial.png") as attacked:
        assert norm(np.asarray(attacked), np.asarray(original)) <= 4


def test_only_where_an_attack_failed_is_it_said_that_failure_proves_nothing() -> None:
    done = attack(toy(Certain(), 2), photograph(), config=AttackConfig(1, "8/255", steps=2))
    succeeded, failed = (
        dataclasses.replace(done, attacked=dataclasses.replace(done.attacked, success=success), reason=None)
        for success in (True, False)
    )
    assert "a failed attack" not in succeeded.discussion()
    assert "a failed attack does not prove" in failed.discussion()


def _on_input(apart: np.ndarray) -> torch.Tensor:
    """Noise (h, w, 3) in levels as a linear toy's weights see it: flat, of 1."""
    return torch.from_numpy(apart.transpose(2, 0, 1).reshape(-1)) / 255


def test_random_signs_are_as_large_as_the_bound_where_the_network_looks() -> None:
    """Of a linear network everything is known: the gap, what the gradient allows, and how often signs do it."""
    classifier = linear_classifier(3, scale=0.02)
    found = attack(classifier, photograph(), 1, "4/255")
    weight = classifier.network.linear.weight.detach().double()
    seen = found.original.index
    slope = weight[1] - weight[seen]
    logits = classifier.logits(to_pixels(found.source)).detach()[0]
    signs = random_signs(classifier, found, seed=3, draws=400)
    assert signs == random_signs(classifier, found, seed=3, draws=400)
    assert signs.size == (8, 8)
    assert (signs.strength, signs.epsilon) == (4, 4)  # no value of the photograph is near black or white
    apart = np.asarray(found.image).astype(float) - np.asarray(found.source)
    assert signs.attack_strength == pytest.approx(np.sqrt(np.mean(apart**2)))
    assert signs.gap == pytest.approx(float(logits[seen] - logits[1]), rel=1e-4)
    assert signs.most == pytest.approx(float(slope.abs().sum()) * 4 / 255, rel=1e-4)
    assert signs.by_chance == pytest.approx(float(slope.norm()) * 4 / 255, rel=1e-4)
    # Of a linear network what is promised is gained, and the gradient does not turn.
    assert signs.gained == pytest.approx(signs.promised, rel=1e-3)
    assert signs.promised == pytest.approx(float((slope * _on_input(apart)).sum()), rel=1e-3)
    assert signs.cosine == pytest.approx(1)
    assert signs.within == pytest.approx(signs.most, rel=1e-3)
    assert signs.stepped == pytest.approx(signs.most, rel=1e-3)
    # What signs gain spreads as the gradient's norm says: here the gap is one such deviation, which one in six exceeds.
    bias = classifier.network.linear.bias.data
    bias[1] += signs.gap - signs.by_chance
    bias[3 - 1 - seen] -= 100  # no third class
    nearer = random_signs(classifier, found, seed=3, draws=400)
    assert nearer.gap == pytest.approx(signs.by_chance, rel=1e-3)
    assert nearer.hits / 400 == pytest.approx(0.159, abs=0.055)  # three standard errors
    assert (nearer.changed, nearer.instead) == (0, None)
    assert nearer.hits != random_signs(classifier, found, seed=4, draws=400).hits
    bias[3 - 1 - seen] += 200
    third = random_signs(classifier, found, seed=3, draws=5)
    assert (third.hits, third.changed, third.instead.index) == (0, 5, 2 - seen)


def test_what_random_noise_changes_is_said_even_where_it_does_not_reach_the_target() -> None:
    """Of three attacked photographs: the answer stays, becomes a third class, becomes the target."""
    classifier = toy(Certain(), 2)
    done = attack(classifier, photograph(), config=AttackConfig(1, "8/255", steps=2))
    hit = dataclasses.replace(done, attacked=dataclasses.replace(done.attacked, success=True))

    def under_noise(name: str, hits: int = 0, changed: int = 0, most: float = 30.0) -> RandomSigns:
        instead = Prediction("Egyptian_cat", 7, 0.37) if changed else None
        return RandomSigns(
            name, 8, (224, 192), 8.0, 5.5, 20, hits, changed, instead, 12.0, most, 0.25, most, 9.0, 5.0, 14.0, 0.4
        )

    still, moved, reached = under_noise("a.png"), under_noise("b.png", changed=3), under_noise("c.png", hits=5)

    def said(*controls: RandomSigns, attacks: int = 0) -> list[str]:
        return discuss_attacks([hit] * (attacks or len(controls)), controls)

    found = said(still)[0]
    assert "did so in 0 of 20 draws (95% interval 0% to 16%): 20 a photograph, in which each value" in found
    assert "goes up or down by 8/255 by chance. That is a root mean square of 8.0 levels where the network looks" in (
        found
    )
    assert found.endswith("the attack's noise has 5.5 there. It changed no answer: size alone is not enough.")
    third = said(still, moved)[0]
    assert "But it changed the answer on b (three draws, most often Egyptian cat, 37%): size alone is not" in third
    assert third.endswith("size alone is not enough to choose the class, and there it was enough to lose one.")
    both = said(still, moved, reached)[0]
    assert "did so in 5 of 60 draws (95% interval 4% to 18%)" in both
    assert both.endswith(
        "all is the attack's. It changed the answer on b (three draws, most often Egyptian cat, 37%) as well."
    )
    assert "did so on the first two photographs in 0 of 40 draws" in said(still, still, attacks=3)[0]
    assert headline([hit], [still]).endswith("random noise of that size does it in 0 of 20 draws")
    # Why so little is enough: values of the network's input, and what its own gradient allows.
    (why,) = (text for text in said(still) if text.startswith("Why"))
    assert "the network is given 129,024 values (224 x 192 x 3)." in why
    assert "If each goes 8/255 the way its gradient points, the target gains on the class that is seen, to first" in why
    assert "That sum is 2.5 times what is needed. Steps of the same size in random directions cancel: one" in why
    assert "what they gain is 0.3 logits (the bound times the gradient's norm)." in why  # 0.25, rounded up
    (why,) = (text for text in said(still, under_noise("e.png", most=40.0)) if text.startswith("Why"))
    assert "That sum is at least 2.5 times what is needed." in why
    assert "what they gain is at most 0.3 logits" in why
    short = under_noise("d.png", most=6.0)
    (why,) = (text for text in said(still, short) if text.startswith("Why"))
    assert "On d that sum is less than is needed, so that the gradient must grow there on the way." in why
    assert "That sum is less than is needed, so that" in "".join(said(short))
    seen_already = dataclasses.replace(still, gap=0.0, most=0.0)
    assert "is 2.5 times what is needed" in "".join(said(seen_already, still))
    assert not any(text.startswith("Why") for text in said(seen_already))


def _control(name: str, stepped: float, cosine: float = 0.4) -> RandomSigns:
    """Of a photograph on which 12 logits are needed and the sum promises 60."""
    return RandomSigns(name, 8, (8, 8), 8.0, 5.5, 20, 0, 0, None, 12.0, 60.0, 0.25, 54.0, stepped, 5.0, 14.0, cosine)


def test_how_much_of_the_success_linearity_explains() -> None:
    """By what one step along the gradient gains in fact: all that is needed, a part of it, or nothing."""
    done = attack(toy(Certain(), 2), photograph(), config=AttackConfig(1, "8/255", steps=2))
    hit = dataclasses.replace(done.attacked, success=True)

    def said(*controls: RandomSigns, success: bool = True) -> str:
        verdict = hit if success else dataclasses.replace(hit, success=False)
        attacks = [dataclasses.replace(done, name=one.name, attacked=verdict) for one in controls]
        return next((one for one in discuss_attacks(attacks, controls) if one.startswith("In fact")), "")

    part, more, enough = _control("a.png", 3.0), _control("b.png", 9.0, 0.123), _control("c.png", 55.0, 0.9)
    assert said(part, more) == (
        "In fact that one step gains 25% (a) to 75% (b) of what is needed, and puts the target ahead of the class that "
        "is seen on none of the two photographs. The gradient turns on the way: its cosine with that at the attacked "
        "file is at most 0.40, where 1 is the same direction. So linearity explains which way to go and the first part "
        "of the gain, not the success: the rest is found by a search that asks for the gradient anew at every step."
    )
    assert said(more).startswith(
        "In fact that one step gains 75% of what is needed, and does not put the target ahead of the class that is "
        "seen. The gradient turns on the way: its cosine with that at the attacked file is 0.13, where"
    )
    assert said(part, enough) == (
        "In fact that one step gains 25% (a) to 458% (c) of what is needed, and puts the target ahead of the class "
        "that is seen on c alone. So linearity is enough on c; elsewhere it explains which way to go and the first "
        "part of the gain, not the success: the rest is found by a search that asks for the gradient anew at every "
        "step."
    )
    assert said(enough, enough).endswith("on each of the two photographs. So linearity is enough here.")
    # A step that gains nothing, or an attack that failed, leaves no success to explain.
    for nothing in (said(_control("a.png", -3.0)), said(part, success=False)):
        assert "linearity" not in nothing
    assert said(dataclasses.replace(part, gap=0.0)) == ""
    (table,) = _linear([part, dataclasses.replace(more, gap=0.0), more])
    assert table.rows == [
        ("a.png", "12.0", "60.0", "3.0", "14.0", "5.0", "0.40"),
        ("b.png", "12.0", "60.0", "9.0", "14.0", "5.0", "0.12"),
    ]
    assert _linear([dataclasses.replace(part, gap=0.0)]) == []


def test_the_photograph_on_which_an_attack_gets_least_far_is_told_with_what_holds_it() -> None:
    done = attack(toy(Certain(), 2), photograph(), config=AttackConfig(1, "8/255", steps=2))

    def met(name: str, own: float, *probabilities: float) -> AttackResult:
        verdict = dataclasses.replace(done.attacked, success=True, target=probabilities[-1], label=own)
        curve = tuple(CurvePoint(one, 1.0) for one in probabilities)
        clean, target = Prediction("cat", 0, 0.75), Prediction("dog", 1, 0.05)
        return dataclasses.replace(
            done, name=f"{name}.png", label=clean, original=clean, target=target, attacked=verdict, curve=curve
        )

    def said(*attacks: AttackResult) -> str:
        return next((one for one in discuss_attacks(attacks, [_control("a.png", 3.0)]) if "least far" in one), "")

    sure = met("a", 0.01, 0.1, 0.95)
    assert said(sure, sure, met("b", 0.01, 0.1, 0.2, 0.64, 0.75)) == (
        "The attack gets least far on b: 75% after 4 gradients, where each of the others reaches the 90% at which a "
        "search stops. Its own class is not what holds out, it is down to 1.0%: all other classes have 24% together, "
        "and in the clean photograph had 20%. In the last quarter of the search the target still rose from 64% to 75%: "
        "4 gradients were too few to tell how far it gets."
    )
    assert said(sure, met("b", 0.3, 0.1, 0.2, 0.6, 0.6)) == (
        "The attack gets least far on b: 60% after 4 gradients, where the other one reaches the 90% at which a search "
        "stops. Its own class holds out: it still has 30%. The search has come to rest: its last quarter adds next "
        "to nothing to the 60% before it."
    )
    # Where several fall short, or none, none stands out; and nothing is known of a search without a curve.
    short = met("b", 0.3, 0.1, 0.6)
    assert said(sure, short, short) == said(sure, sure) == said(short) == ""
    assert said(dataclasses.replace(sure, curve=()), short) == ""


def test_names_of_classes_are_written_out_above_the_pictures() -> None:
    done = attack(toy(Certain(), 2), photograph(), config=AttackConfig(1, "8/255", steps=2))
    long = dataclasses.replace(done, original=Prediction("German short-haired pointer", 0, 0.983))
    title = draw_attacks([long]).axes[0].get_title()
    assert title == "German short-haired\npointer, 98.3%"
