"""The network `deep` with a third convolution in each group, whose output is added to that of the first.

As in Jordan's larger networks (arXiv 2404.00498, section 4). Narrower, to take as long: a row of held_out.json.
"""

from collections import OrderedDict
from collections.abc import Sequence

from snellen.models.flip_equivariant import FlipEquivariantBatchNorm2d, FlipEquivariantConv2d, PairedMaxPool2d

from torch import Tensor, nn  # isort: skip


class Group(nn.Module):
    """Three convolutions: (N, C, H, W) to (N, width, (H - 1) / 2, (W - 1) / 2)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv1 = FlipEquivariantConv2d(channels, width, 3, bias=False)
        self.pool = nn.MaxPool2d(3, stride=2)
        self.norm1 = FlipEquivariantBatchNorm2d(width)
        self.act1 = nn.GELU()
        self.conv2 = FlipEquivariantConv2d(width, width, 3, bias=False)
        self.norm2 = FlipEquivariantBatchNorm2d(width)
        self.act2 = nn.GELU()
        self.conv3 = FlipEquivariantConv2d(width, width, 3, bias=False)
        self.norm3 = FlipEquivariantBatchNorm2d(width)
        self.act3 = nn.GELU()

    def forward(self, maps: Tensor) -> Tensor:
        """The feature maps after the group."""
        halved = self.act1(self.norm1(self.pool(self.conv1(maps))))
        deeper = self.act2(self.norm2(self.conv2(halved)))
        together: Tensor = self.act3(halved + self.norm3(self.conv3(deeper)))
        return together


def network(classes: int, widths: Sequence[int]) -> nn.Module:
    """The network; see the module."""
    channels = 24
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=FlipEquivariantConv2d(3, channels, 2, bias=True),
        act1=nn.GELU(),
    )
    for number, width in enumerate(widths, start=1):
        layers[f"group{number}"] = Group(channels, width)
        channels = width
    layers["pool"] = PairedMaxPool2d()
    layers["linear"] = nn.Linear(channels // 2, classes, bias=False)
    return nn.Sequential(layers)
