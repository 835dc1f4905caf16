"""Snellen's own three networks for small images.

Shapes in the comments are those of an image of 32 x 32.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from snellen.errors import InputError, shown
from snellen.models.ensemble import Ensemble
from snellen.models.flip_equivariant import FlipEquivariantBatchNorm2d, FlipEquivariantConv2d, PairedMaxPool2d

# A file of weights may ask for any; nothing is made before they are looked at.
_MOST_MEMBERS, _WIDEST, _LARGEST_FILTER = 64, 8192, 32


def plain(classes: int) -> nn.Module:
    """The assignment's network (problem 3, part 1): three hidden convolutions, 11 x 11, 3 x 3 and 3 x 3.

    Padding keeps each convolution's output as large as its input; the average runs over the whole map
    before it; the softmax's linear map follows.
    """
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, 64, 11, padding=5),  # (64, 32, 32)
            relu1=nn.ReLU(),
            pool1=nn.MaxPool2d(2, stride=2),  # (64, 16, 16)
            conv2=nn.Conv2d(64, 128, 3, padding=1),  # (128, 16, 16)
            relu2=nn.ReLU(),
            conv3=nn.Conv2d(128, 128, 3, padding=1),
            relu3=nn.ReLU(),
            average=nn.AdaptiveAvgPool2d(1),  # (128, 1, 1)
            flatten=nn.Flatten(),
            linear=nn.Linear(128, classes),
        )
    )


def batchnorm(classes: int) -> nn.Module:
    """:func:`plain` with batch normalisation between the hidden layers (problem 3, part 2).

    There are three hidden layers, so two gaps between them. Each normalisation stands before the
    nonlinearity, where Ioffe and Szegedy (2015) put it, and its shift takes the place of the
    convolution's bias.
    """
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, 64, 11, padding=5, bias=False),
            norm1=nn.BatchNorm2d(64),
            relu1=nn.ReLU(),
            pool1=nn.MaxPool2d(2, stride=2),
            conv2=nn.Conv2d(64, 128, 3, padding=1, bias=False),
            norm2=nn.BatchNorm2d(128),
            relu2=nn.ReLU(),
            conv3=nn.Conv2d(128, 128, 3, padding=1),
            relu3=nn.ReLU(),
            average=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            linear=nn.Linear(128, classes),
        )
    )


def deep(
    classes: int,
    widths: tuple[int, int, int] = (64, 256, 256),
    first: int = 2,
    activation: str = "gelu",
    members: int = 1,
) -> nn.Module:
    """Flip-equivariant networks of six convolutions behind a small first layer (problem 3, part 3).

    The architecture is Jordan's, "94% on CIFAR-10 in 3.29 seconds on a single GPU" (arXiv 2404.00498): a small first
    layer that only decorrelates, then three groups, each of which halves the map between its two convolutions, so that
    the wide layers work on small maps. The head takes the largest activation of each channel, wherever in the image it
    is. What is different: a mirror image of a thing is the same thing, so filters come in pairs of mirror images
    (:mod:`snellen.models.flip_equivariant`), and the windows of the pooling overlap by a pixel, so that they lie
    symmetrically in maps of an odd width. The answer to a flipped image is then the answer to the image, to rounding,
    where the image's width is a multiple of eight. Classes that differ only by a flip are beyond it.

    Several members are trained independently, side by side, and answer together (:mod:`snellen.models.ensemble`).

    Args:
        classes: number of logits.
        widths: numbers of channels of the three groups, even.
        first: side of the first layer's filters, in pixels; even, so that the maps' widths are odd.
        activation: ``gelu`` or ``relu``.
        members: number of such networks.
    """
    activations: Mapping[str, Callable[[], nn.Module]] = {"gelu": nn.GELU, "relu": nn.ReLU}
    if activation not in activations:
        raise InputError(f"deep: no activation {activation!r}", " or ".join(activations))
    if first % 2:
        raise InputError(f"deep: first filters of {first} x {first}", "an even side, so that the maps' widths are odd")
    if not 1 <= members <= _MOST_MEMBERS:
        raise InputError(f"deep: {members} members", f"1 to {_MOST_MEMBERS}")
    # A file may say it: each further group would be one more layer, and more memory.
    if (
        len(widths) != 3
        or not all(2 <= width <= _WIDEST and width % 2 == 0 for width in widths)
        or not 2 <= first <= _LARGEST_FILTER
    ):
        raise InputError(
            f"deep: widths {shown(widths)}, first filters of {first} x {first}",
            f"three even widths of at most {_WIDEST}, filters of at most {_LARGEST_FILTER}",
        )
    each = [_deep_member(widths, first, activations[activation]) for _ in range(members)]
    return Ensemble(each, widths[-1] // 2, classes)


def _deep_member(widths: tuple[int, int, int], first: int, act: Callable[[], nn.Module]) -> nn.Module:
    """Features (N, widths[-1] / 2) of images."""
    colours = 3
    # As many filters as a patch has numbers, and the negative of each.
    channels = 2 * colours * first**2
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=FlipEquivariantConv2d(colours, channels, first, bias=True),  # (24, 31, 31)
        act1=act(),
    )
    for number, width in enumerate(widths, start=1):
        layers[f"group{number}"] = nn.Sequential(
            OrderedDict(
                conv1=FlipEquivariantConv2d(channels, width, 3, bias=False),
                pool=nn.MaxPool2d(3, stride=2),  # (width, 15, 15), then 7 x 7, then 3 x 3
                norm1=FlipEquivariantBatchNorm2d(width),
                act1=act(),
                conv2=FlipEquivariantConv2d(width, width, 3, bias=False),
                norm2=FlipEquivariantBatchNorm2d(width),
                act2=act(),
            )
        )
        channels = width
    layers["pool"] = PairedMaxPool2d()
    return nn.Sequential(layers)


OWN: Mapping[str, Callable[..., nn.Module]] = {"plain": plain, "batchnorm": batchnorm, "deep": deep}


def parameter_count(network: nn.Module) -> int:
    """The number of parameters, frozen ones too."""
    return sum(parameter.numel() for parameter in network.parameters())


def first_convolutions(network: nn.Module) -> list[nn.Conv2d]:
    """The convolutions in ``network`` of RGB images: one, none, or one in each member of an ensemble."""
    return [module for module in network.modules() if isinstance(module, nn.Conv2d) and module.in_channels == 3]


def first_filters(network: nn.Module) -> Tensor | None:
    """A copy of the first convolution's filters (F, 3, h, w), on the CPU in float32; None where there is none."""
    convolution = next(iter(first_convolutions(network)), None)
    if convolution is None:
        return None
    filters = convolution.filters() if isinstance(convolution, FlipEquivariantConv2d) else convolution.weight
    return filters.detach().to("cpu", torch.float32, copy=True)
