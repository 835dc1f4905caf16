"""Ensembles: the members are trained as each would be alone, and answer together."""

import copy
import dataclasses
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

import snellen
from snellen.errors import InputError
from snellen.models.create import create
from snellen.models.ensemble import Ensemble
from snellen.training.data import load_data
from snellen.training.initialise import initialise
from snellen.training.loop import Training, train_epoch
from snellen.training.optimise import make_optimisers
from snellen.training.processes import Processes
from snellen.training.recipe import Optimiser, Recipe, read_recipe
from snellen.training.trainer import train

CLASSES = 10


def member() -> nn.Module:
    # Without a bias: before a normalisation its gradient is rounding alone, which AdamW makes steps of.
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )


def ensemble(count: int) -> Ensemble:
    torch.manual_seed(0)
    return Ensemble([member() for _ in range(count)], 6, CLASSES)


def alone(whole: Ensemble, number: int) -> Ensemble:
    """One member of ``whole`` with its part of the linear layer."""
    one = Ensemble([copy.deepcopy(whole.members[number])], 6, CLASSES)
    with torch.no_grad():
        one.linear.weight.copy_(whole.linear.weight.chunk(len(whole.members), dim=1)[number])
    return one


def test_the_answer_is_the_mean_of_the_members_logits() -> None:
    whole = ensemble(3).eval()
    images = torch.rand(5, 3, 8, 8)
    each = [alone(whole, number).eval()(images) for number in range(3)]
    torch.testing.assert_close(whole(images), torch.stack(each).mean(dim=0))


def test_in_training_mode_each_member_answers_for_itself() -> None:
    whole = ensemble(2).train()
    images = torch.rand(5, 3, 8, 8)
    each = [alone(whole, number).train()(images) for number in range(2)]
    answers = whole(images)
    assert answers.shape == (2, 5, CLASSES)
    torch.testing.assert_close(answers, torch.stack(each).squeeze(1))


def test_a_loss_reaches_its_own_member_only() -> None:
    whole = ensemble(2).train()
    targets = torch.arange(5)
    functional.cross_entropy(whole(torch.rand(5, 3, 8, 8))[1], targets).backward()
    assert not any(parameter.grad.any() for parameter in whole.members[0].parameters())
    assert whole.members[1][0].weight.grad.any()
    first, second = whole.linear.weight.grad.chunk(2, dim=1)
    assert not first.any()
    assert second.any()


@pytest.mark.parametrize("optimiser", ["muon", "adamw", "sgd"])
def test_members_learn_as_each_would_alone(optimiser: str) -> None:
    data = load_data("digits", 8)
    settings = Optimiser(optimiser, learning_rate=0.05, momentum=0.6)
    recipe = Recipe("a toy", epochs=1, batch=64, size=8, label_smoothing=0.1, optimiser=settings)
    whole = ensemble(2)
    singles = [alone(whole, number) for number in range(2)]

    def learn(network: nn.Module) -> float:
        network.to(memory_format=torch.channels_last)
        optimisers = make_optimisers(network, settings)
        metrics = train_epoch(
            Training(recipe, 0, network, optimisers, data.train, data.preprocessing, Processes("cpu")), epoch=0
        )
        assert 0 < metrics.accuracy < 1
        return metrics.loss

    losses = [learn(single) for single in singles]
    assert learn(whole) == pytest.approx(sum(losses) / 2, rel=1e-4)
    assert losses[0] != losses[1]
    for number, single in enumerate(singles):
        head = whole.linear.weight.chunk(2, dim=1)[number]
        for found, expected in zip([*whole.members[number].parameters(), head], single.parameters(), strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_a_trained_ensemble_is_a_classifier_like_any_other(tmp_path: Path) -> None:
    data = load_data("digits", 16)
    recipe = dataclasses.replace(
        read_recipe("deep"), size=16, epochs=2, batch=64, network_options={"widths": [8, 8, 16], "members": 2}
    )
    trained = train(data, recipe, out=tmp_path, device="cpu")
    loaded = snellen.load(str(tmp_path), device="cpu")
    pixels = torch.rand(2, 3, 16, 16)
    torch.testing.assert_close(loaded.logits(pixels), trained.classifier.logits(pixels))
    assert loaded.embed(pixels).shape == (2, 2 * 16 // 2)
    names = [layer.name for layer in loaded.layers]
    assert [sum(name.startswith(f"members.{number}.") for name in names) > 10 for number in (0, 1, 2)] == [
        True,
        True,
        False,
    ]
    assert trained.result.first_layer == (24, 3, 2, 2)


def test_every_member_is_whitened_and_starts_elsewhere() -> None:
    torch.manual_seed(0)
    network = create("deep", CLASSES, {"widths": [32, 32, 32], "members": 2})
    initialise(network, "whitened", torch.randn(20, 3, 32, 32))
    one, other = network.members
    assert torch.equal(one.conv1.weight, other.conv1.weight)
    assert not other.conv1.weight.requires_grad
    assert not torch.equal(one.group1.conv1.weight, other.group1.conv1.weight)


def test_no_members() -> None:
    with pytest.raises(InputError, match=r"deep: 0 members \(1 to 64\)"):
        create("deep", CLASSES, {"members": 0})
