"""A probe and the network that it reads, as one network: so that it is a classifier like any other."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from snellen.models.classifier import penultimate


class ProbeNetwork(nn.Module):
    """A pretrained network whose own classifier is replaced by a probe: the features at unit length, then linear.

    Args:
        backbone: the pretrained network.
        weight: (K, D) of the probe.
        bias: (K,) of the probe.
        mirrored: whether the features are the mean of those of an image and of its mirror image.
    """

    def __init__(self, backbone: nn.Module, weight: Tensor, bias: Tensor, mirrored: bool = False) -> None:
        super().__init__()
        self.backbone = backbone
        self.mirrored = mirrored
        self.head = nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            self.head.weight.copy_(weight)
            self.head.bias.copy_(bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (N, K) of normalised inputs (N, 3, h, w)."""
        features = penultimate(self.backbone, inputs)
        if self.mirrored:
            features = (features + penultimate(self.backbone, inputs.flip(-1))) / 2
        logits: Tensor = self.head(functional.normalize(features, dim=1))
        return logits
