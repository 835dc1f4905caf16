"""The fused copy computes the same function and the same gradient, and leaves the network as it is."""

import copy

import pytest
import torch
from torch import nn

import snellen._torchvision  # noqa: F401  # before timm
from snellen.attacks.fused import fastest_precision, fused_classifier, fused_network
from snellen.data.preprocessing import Preprocessing
from snellen.models.classifier import Classifier
from snellen.models.create import create
from snellen.models.flip_equivariant import FlipEquivariantConv2d

import timm  # isort: skip


def with_trained_statistics(network: nn.Module) -> nn.Module:
    """Normalisation that is not the identity, as after training."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.copy_(0.1 * torch.randn(module.num_features, generator=generator))
            module.running_var.copy_(0.5 + torch.rand(module.num_features, generator=generator))
    return network.eval().requires_grad_(False)


def logits_and_gradient(network: nn.Module, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    inputs = inputs.clone().requires_grad_()
    logits = network(inputs)
    weights = torch.linspace(-1, 1, logits.shape[1])
    (gradient,) = torch.autograd.grad((logits * weights).sum(), inputs)
    return logits.detach(), gradient


@pytest.mark.parametrize(
    ("name", "folds"),
    [("tf_efficientnet_lite0", True), ("mobilenetv2_050", True), ("resnet10t", True), ("convnext_atto", False)],
)
@pytest.mark.parametrize("size", [64, 75])
def test_same_logits_and_gradients(name, folds, size) -> None:
    torch.manual_seed(0)
    network = with_trained_statistics(timm.create_model(name, num_classes=7))
    inputs = torch.rand(2, 3, size, size)
    fused = fused_network(network)
    for expected, found in zip(logits_and_gradient(network, inputs), logits_and_gradient(fused, inputs), strict=True):
        assert torch.allclose(found, expected, rtol=1e-3, atol=1e-4 * expected.abs().max().item())
    if folds:
        assert not any(isinstance(module, nn.BatchNorm2d) for module in fused.modules())


def test_filters_made_of_others_are_made_once() -> None:
    torch.manual_seed(0)
    network = with_trained_statistics(create("deep", 7, {"widths": [8, 8, 8]}))
    inputs = torch.rand(2, 3, 32, 32)
    fused = fused_network(network)
    for expected, found in zip(logits_and_gradient(network, inputs), logits_and_gradient(fused, inputs), strict=True):
        assert torch.allclose(found, expected, rtol=1e-3, atol=1e-4 * expected.abs().max().item())
    assert not any(isinstance(module, FlipEquivariantConv2d) for module in fused.modules())
    # A pooling stands between the others and their convolutions.
    assert sum(isinstance(module, nn.BatchNorm2d) for module in fused.modules()) == 3


def test_the_network_is_left_as_found() -> None:
    network = with_trained_statistics(timm.create_model("mobilenetv2_050", num_classes=3)).train()
    network.requires_grad_(True)
    before, kinds = copy.deepcopy(network.state_dict()), [type(m) for m in network.modules()]
    fused = fused_network(network)
    fused(torch.rand(1, 3, 64, 64))
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert [type(m) for m in network.modules()] == kinds
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert not any(parameter.requires_grad for parameter in fused.parameters())


class Shared(nn.Module):
    """One convolution whose output goes to its normalisation and elsewhere: nothing may be folded."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3, stride=2, groups=1)
        self.normalisation = nn.BatchNorm2d(4)
        self.relu = nn.ReLU()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        seen = self.convolution(inputs)
        return (self.relu(self.normalisation(seen)) + seen).mean(dim=(2, 3))


class Branching(nn.Module):
    """Cannot be traced symbolically."""

    def __init__(self) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(3, 3, 3, stride=2, padding=1, groups=3)
        self.normalisation = nn.BatchNorm2d(3)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        seen = self.normalisation(self.depthwise(inputs))
        return (seen if seen.sum() > 0 else -seen).mean(dim=(2, 3))


@pytest.mark.parametrize("network", [Shared(), Branching()], ids=lambda network: type(network).__name__)
def test_what_is_not_recognised_stays(network) -> None:
    network = with_trained_statistics(network)
    fused = fused_network(network)
    assert any(isinstance(module, nn.BatchNorm2d) for module in fused.modules())
    inputs = torch.rand(2, 3, 9, 12)
    for expected, found in zip(logits_and_gradient(network, inputs), logits_and_gradient(fused, inputs), strict=True):
        assert torch.allclose(found, expected, atol=1e-6)


class Tied(nn.Module):
    """One convolution run twice, with a normalisation of its own each time."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 3, padding=1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(3), nn.BatchNorm2d(3)])

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        for norm in self.norms:
            inputs = torch.relu(norm(self.convolution(inputs)))
        return inputs.mean(dim=(2, 3))


class NormalisedTwice(nn.Module):
    """One normalisation after a convolution, and again after a sum."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.norm(inputs + self.norm(self.convolution(inputs)))).mean(dim=(2, 3))


def hooked(name: str) -> nn.Module:
    """A network of which one module's output is masked by a hook."""
    network = nn.Sequential()
    network.convolution, network.norm, network.relu = nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3), nn.ReLU(inplace=True)
    network.strided, network.pool = nn.Conv2d(3, 3, 3, stride=2, groups=3), nn.AdaptiveAvgPool2d(1)
    network.flatten = nn.Flatten()
    mask = torch.tensor([0.0, 1.0, 3.0])[:, None, None]
    network.get_submodule(name).register_forward_hook(lambda _, __, output: output * mask)
    return network


@pytest.mark.parametrize(
    "network",
    [Tied(), NormalisedTwice(), *map(hooked, ["convolution", "norm", "relu", "strided"])],
    ids=["tied", "normalised twice", "convolution", "norm", "relu", "strided"],
)
def test_what_runs_twice_or_is_hooked_stays(network) -> None:
    network = with_trained_statistics(network)
    inputs = torch.rand(2, 3, 9, 12)
    found = logits_and_gradient(fused_network(network), inputs)
    for expected, ours in zip(logits_and_gradient(network, inputs), found, strict=True):
        assert torch.allclose(ours, expected, rtol=1e-3, atol=1e-6)


class Looking(nn.Module):
    """Reads its own filters beside running them: what a copy makes of them is another network."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.norm(self.convolution(inputs)).mean(dim=(2, 3)) + self.convolution.weight.abs().sum()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_copy_that_is_another_network_is_not_used(precision) -> None:
    """Nor does an attack take a wrong copy's gradients: the classifier's copy is held against the network."""
    torch.manual_seed(0)
    network = with_trained_statistics(Looking())
    preprocessing = Preprocessing((16, 16), 1.0, "bicubic", (0.5,) * 3, (0.25,) * 3)
    classifier = Classifier(network, preprocessing, ["a", "b", "c"], name="looking", device="cpu")
    inputs = torch.rand(2, 3, 16, 16)
    exact = classifier.logits_from_inputs(inputs)
    assert not torch.allclose(fused_network(network)(preprocessing.normalise(inputs)), exact, atol=0.1)
    fused = fused_classifier(classifier, precision).logits_from_inputs(inputs)
    assert torch.allclose(fused, exact, atol=1e-5 if precision == "float32" else 0.05)
    assert next(network.parameters()).dtype == torch.float32


def test_bfloat16_points_the_same_way(lite0) -> None:
    inputs = torch.rand(2, 3, 224, 224)
    fused = fused_classifier(lite0, "bfloat16").network
    (_, exact), (logits, rough) = logits_and_gradient(lite0.network, inputs), logits_and_gradient(fused, inputs)
    assert logits.dtype == torch.float32
    assert torch.cosine_similarity(exact.flatten(1), rough.flatten(1)).min() > 0.8


def test_precision_follows_the_processor(monkeypatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert fastest_precision(torch.device("cpu")) == "bfloat16"
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    assert fastest_precision(torch.device("cpu")) == "float32"
    # An older PyTorch does not say.
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert fastest_precision(torch.device("cpu")) == "float32"
