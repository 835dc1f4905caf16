"""The network `deep` with ordinary filters in place of pairs of mirror images: as many of them, and as much arithmetic.

For benchmarks/ablations.py, which has the images mirrored every other epoch instead.
"""

from collections.abc import Sequence

from snellen.mirrored import MirroredConv2d, MirroredNorm2d, StrongestOfPairs
from snellen.networks import create

from torch import nn  # isort: skip


def network(classes: int, widths: Sequence[int] = (64, 256, 256)) -> nn.Module:
    """The network; see the module."""
    made = create("deep", classes, {"widths": widths})
    for name, module in list(made.named_modules()):
        parent = made.get_submodule(name.rpartition(".")[0])
        if (layer := _ordinary(module)) is not None:
            parent.register_module(name.rpartition(".")[2], layer)
    made.linear = nn.Linear(widths[-1], classes, bias=False)
    return made


def _ordinary(module: nn.Module) -> nn.Module | None:
    """What takes the place of ``module``; None where it stays."""
    if isinstance(module, MirroredConv2d):
        outputs, bias = 2 * module.out_channels, module.bias is not None
        return nn.Conv2d(module.in_channels, outputs, module.kernel_size, padding=module.padding, bias=bias)
    if isinstance(module, MirroredNorm2d):
        norm = nn.BatchNorm2d(2 * module.num_features, momentum=module.momentum)
        norm.weight.requires_grad_(False)
        return norm
    if isinstance(module, StrongestOfPairs):
        return nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten())
    return None
