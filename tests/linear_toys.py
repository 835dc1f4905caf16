"""Small classifiers whose answers can be worked out by hand."""

import torch
from torch import Tensor, nn

from snellen.data.labels import Labels
from snellen.data.preprocessing import Preprocessing
from snellen.models.classifier import Classifier

SIDE = 8


class Linear(nn.Module):
    """Logits that are linear in the 8 x 8 input."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.linear = nn.Linear(weight.shape[1], len(weight))
        self.linear.weight.data = weight
        self.linear.bias.data = bias

    def forward(self, inputs: Tensor) -> Tensor:
        return self.linear(inputs.flatten(1))


def linear_classifier(classes: int = 2, seed: int = 0, scale: float = 1.0, bias: Tensor | None = None) -> Classifier:
    """A linear classifier of 8 x 8 photographs, which it sees as they are."""
    weight = scale * torch.randn(classes, 3 * SIDE * SIDE, generator=torch.Generator().manual_seed(seed))
    return toy(Linear(weight, torch.zeros(classes) if bias is None else bias), classes)


def toy(network: nn.Module, classes: int, side: int = SIDE) -> Classifier:
    """A classifier around a network of ``side`` x ``side`` input, without normalisation."""
    preprocessing = Preprocessing((side, side), 1.0, "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "squash")
    names = tuple(f"class {letter}" for letter in "abcdefghij"[:classes])
    return Classifier(network, preprocessing, Labels(names), name="toy", device="cpu")


def photograph(seed: int = 0, height: int = SIDE, width: int = SIDE, low: int = 40, high: int = 216) -> Tensor:
    """Pixels of random bytes."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(low, high, (1, 3, height, width), generator=generator).float() / 255
