"""Flip-equivariant layers: where their input is flipped left to right, so is their output.

Channels come in pairs: channel i and channel i + C / 2 of C detect the same thing, one as it is and one flipped.
Flipping the image then flips every map and swaps the two of each pair, to rounding, through any number of these layers;
:class:`PairedMaxPool2d` at the end no longer tells the two apart, so the network's answer to a flipped image is its
answer to the image: it is flip-invariant. This is the group convolution of Cohen and Welling (arXiv 1602.07576,
section 6) for shifts and one reflection. It costs what an ordinary layer of C channels costs, with half the weights.

The price: such a network cannot tell apart what differs only by a flip, a left arrow and a right one.

Element-wise functions may stand between these layers, and pooling whose windows lie symmetrically in the map.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_COLOURS = 3


class FlipEquivariantConv2d(nn.Conv2d):
    """A convolution (N, C, H, W) to (N, F, H', W') half of whose filters are the mirror images of the other half.

    ``weight`` is (F / 2, C, side, side), and ``out_channels`` says F / 2; :meth:`filters` makes all F of it. A flip
    leaves the colours of an image as they are, so three channels are no pairs.

    Args:
        inputs: number of input channels C, even, or 3 for an image.
        outputs: number of output channels F, even.
        side: side of the filters, in pixels; a map is padded so that an odd side leaves its size, an even one takes 1.
        bias: whether each pair has a bias.

    Raises:
        ValueError: numbers that make no pairs.
    """

    def __init__(self, inputs: int, outputs: int, side: int, *, bias: bool) -> None:
        if outputs < 2 or outputs % 2 or (inputs % 2 and inputs != _COLOURS):
            raise ValueError(f"{inputs} to {outputs} channels make no pairs of mirror images: both must be even")
        super().__init__(inputs, outputs // 2, side, padding=(side - 1) // 2, bias=bias)

    def filters(self) -> Tensor:
        """All filters (F, C, side, side), mirror images last."""
        partners = self.weight
        if self.in_channels != _COLOURS:
            partners = partners.roll(self.in_channels // 2, dims=1)
        # In the layout of the maps, or each step would have to bring it into that again.
        return torch.cat((self.weight, partners.flip(-1))).contiguous(memory_format=torch.channels_last)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # as the base class names it
        """The feature maps of all filters."""
        bias = None if self.bias is None else self.bias.repeat(2)
        return functional.conv2d(input, self.filters(), bias, padding=self.padding)


class FlipEquivariantBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation of (N, C, H, W) with one mean, deviation and shift for both channels of a pair.

    It learns no scale, and its running averages follow the last few batches.

    Args:
        channels: number of channels C, even.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels // 2, momentum=0.4)
        self.weight.requires_grad_(False)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # as the base class names it
        """``input``, normalised."""
        count, channels, height, width = input.shape
        # The two of a pair side by side, as one map of twice the width: without a copy, where channels are last.
        pairs = input.permute(0, 2, 3, 1).reshape(count, height, 2 * width, channels // 2)
        normalised = super().forward(pairs.permute(0, 3, 1, 2))
        return normalised.permute(0, 2, 3, 1).reshape(count, height, width, channels).permute(0, 3, 1, 2)


class PairedMaxPool2d(nn.Module):
    """For each pair the sum of its two channels' largest values, wherever in the map: (N, C, H, W) to (N, C / 2)."""

    def forward(self, maps: Tensor) -> Tensor:
        """The sums over the pairs of ``maps``."""
        one, other = maps.amax(dim=(2, 3)).chunk(2, dim=1)
        return one + other


def materialise(network: nn.Module) -> None:
    """Replace ``network``'s flip-equivariant layers, in place, by ordinary layers of the same function.

    These need not make their filters anew each time, and whatever knows ordinary layers knows them.
    """
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, FlipEquivariantConv2d):
                setattr(module, name, _materialised_convolution(child))
            elif isinstance(child, FlipEquivariantBatchNorm2d):
                setattr(module, name, _materialised_norm(child))


def _materialised_convolution(equivariant: FlipEquivariantConv2d) -> nn.Conv2d:
    filters = equivariant.filters().detach()
    outputs, inputs, side, _ = filters.shape
    ordinary = nn.Conv2d(inputs, outputs, side, padding=(side - 1) // 2, bias=equivariant.bias is not None)
    ordinary.weight = nn.Parameter(filters)
    if equivariant.bias is not None:
        ordinary.bias = nn.Parameter(equivariant.bias.detach().repeat(2))
    return ordinary


def _materialised_norm(equivariant: FlipEquivariantBatchNorm2d) -> nn.BatchNorm2d:
    ordinary = nn.BatchNorm2d(2 * equivariant.num_features, equivariant.eps, equivariant.momentum).to(
        equivariant.weight
    )
    of_pairs = equivariant.state_dict()
    ordinary.load_state_dict({name: value.repeat(2) if value.ndim else value for name, value in of_pairs.items()})
    ordinary.weight.requires_grad_(False)
    return ordinary.train(equivariant.training)
