"""Independently trained networks that answer together and look like one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class Ensemble(nn.Module):
    """Members of one kind, each with a linear layer, that start differently and so come to err differently.

    In training mode each member answers for itself: logits (members, N, classes). A loss over them is a loss for each,
    so that no member leans on another; that is the deep ensemble of Lakshminarayanan et al. (arXiv 1612.01474), in one
    module. In evaluation mode the answer is the mean of the members' logits (N, classes).

    The linear layers are one, ``linear``, of which each member has its own part; its input, the features of all members
    side by side, is the ensemble's features.

    Args:
        members: networks that make features (N, ``features``) of images.
        features: number of features of one member.
        classes: number of logits.
    """

    def __init__(self, members: Sequence[nn.Module], features: int, classes: int) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.linear = nn.Linear(len(members) * features, classes, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """Logits: (members, N, classes) in training mode, else their mean (N, classes)."""
        features = [member(images) for member in self.members]
        if not self.training:
            mean: Tensor = self.linear(torch.cat(features, dim=1) / len(features))
            return mean
        weights = self.linear.weight.chunk(len(features), dim=1)
        return torch.stack([functional.linear(own, weight) for own, weight in zip(features, weights, strict=True)])
