"""The network `deep` with ordinary filters in place of pairs of mirror images: as many of them, and as much arithmetic.

For benchmarks/ablations.py, which has the images mirrored every other epoch instead.
"""

from collections.abc import Sequence

from snellen.models.create import create
from snellen.models.ensemble import Ensemble
from snellen.models.flip_equivariant import materialise

from torch import Tensor, nn  # isort: skip


class Maxima(nn.Module):
    """The largest value of each channel: (N, C, H, W) to (N, C)."""

    def forward(self, maps: Tensor) -> Tensor:
        """The maxima of ``maps`` over both axes."""
        return maps.amax(dim=(2, 3))


def network(classes: int, widths: Sequence[int]) -> nn.Module:
    """The network; see the module."""
    made = create("deep", classes, {"widths": widths})
    assert isinstance(made, Ensemble)
    materialise(made)
    for module in made.modules():
        if isinstance(module, nn.Conv2d):
            module.reset_parameters()  # no pairs
    for member in made.members:
        member.pool = Maxima()
    made.linear = nn.Linear(len(made.members) * widths[-1], classes, bias=False)
    return made
