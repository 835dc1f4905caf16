"""Networks that learn apart, answer together, and look like one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


def repeated_targets(logits: Tensor, targets: Tensor) -> Tensor:
    """The class of each of ``logits`` (M * N, classes), given ``targets`` (N,).

    The members of an ensemble that learns answer one after another; any other network answers once, M = 1.
    """
    return targets.repeat(len(logits) // len(targets))


class Ensemble(nn.Module):
    """Members of one kind, each with a linear layer, that start differently and so come to err differently.

    While it learns, each member answers for itself, one batch of logits (N, classes) after another: (M * N, classes)
    for M members. A loss over them is a loss for each, so that no member leans on another; that is the deep ensemble of
    Lakshminarayanan et al. (arXiv 1612.01474), in one module. Afterwards its answer is the mean of the members' logits
    (N, classes).

    The linear layers are one, ``linear``, that each member sees its own part of; what it receives, the features of
    all members side by side, is the ensemble's features.

    Args:
        members: each makes features (N, ``features``) of images.
        features: how many a member makes.
        classes: number of logits.
    """

    def __init__(self, members: Sequence[nn.Module], features: int, classes: int) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.linear = nn.Linear(len(members) * features, classes, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """Logits: of each member in training mode, else their mean."""
        features = [member(images) for member in self.members]
        if not self.training:
            mean: Tensor = self.linear(torch.cat(features, dim=1) / len(features))
            return mean
        weights = self.linear.weight.chunk(len(features), dim=1)
        return torch.cat([functional.linear(seen, weight) for seen, weight in zip(features, weights, strict=True)])
