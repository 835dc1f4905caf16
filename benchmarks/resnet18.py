"""ResNet-18 as it is usual for CIFAR-10: a first convolution of 3 x 3 without stride, and no pooling after it."""

import snellen._torchvision  # noqa: F401  # before timm

import timm  # isort: skip
from torch import nn  # isort: skip


def network(classes: int) -> nn.Module:
    """The network; see the module."""
    made: nn.Module = timm.create_model("resnet18", num_classes=classes)
    made.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    made.maxpool = nn.Identity()
    return made
