"""Networks so small that their answers are worked out by hand."""

import torch
from torch import Tensor, nn

from snellen.data.labels import numbered_labels
from snellen.data.preprocessing import Preprocessing
from snellen.models.classifier import Classifier


def classifier_of(network: nn.Module, size: int, classes: int) -> Classifier:
    """``network`` with a preprocessing that leaves a photograph of ``size`` x ``size`` as it is."""
    plain = Preprocessing((size, size), 1.0, "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    return Classifier(network.eval(), plain, numbered_labels(classes), name="toy", device="cpu")


class MeanColours(nn.Module):
    """Three maps, each a colour channel of the photograph; logits are a linear function of their means."""

    def __init__(self, weight: Tensor, inplace: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1, bias=False)
        self.act = nn.ReLU(inplace=inplace)
        self.classifier = nn.Linear(3, len(weight), bias=False)
        with torch.no_grad():
            self.conv.weight.zero_()
            for channel in range(3):
                self.conv.weight[channel, channel, 1, 1] = 1
            self.classifier.weight.copy_(weight)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.classifier(self.act(self.conv(inputs)).mean(dim=(2, 3)))
