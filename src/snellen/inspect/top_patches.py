"""The patches of a collection of photographs on which a channel is most active, cut at its receptive field.

After Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, arXiv 1311.2901, without their
deconvolution: what a unit sees is derived from the network (:mod:`snellen.models.receptive_field`), not reconstructed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from snellen.data.images import Failure
from snellen.inspect.activations import read_unclipped
from snellen.inspect.batches import Named, in_batches, reader
from snellen.models.classifier import Classifier
from snellen.models.layers import Layer, find_layer
from snellen.runs.progress import SILENT, Progress
from snellen.runs.result import Result
from snellen.runs.serialise import NOT_SERIALISED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BATCH = 8
_LEAST_UNCUT = 0.5
"""Share of a map's units that are left where those at the border are left out."""


@dataclass(frozen=True, eq=False)
class Patch:
    """One patch on which a channel is active.

    Attributes:
        image: name of the photograph that it comes from.
        value: the channel's greatest value in that photograph, of those that count, above 0; of an activation that has
            a most, such as ReLU6, the greatest that it is given.
        mean: its mean over the photograph, which decides between equal values.
        box: (left, top, right, bottom) of the patch, in pixels of the network's input.
        pixels: (bottom - top, right - left, 3) RGB bytes.
    """

    image: str
    value: float
    mean: float
    box: tuple[int, int, int, int]
    pixels: npt.NDArray[np.uint8] = field(repr=False, metadata=NOT_SERIALISED)


@dataclass(frozen=True, eq=False)
class TopPatches(Result):
    """The top-activating patches of one channel, the most active first, at most one of each photograph.

    A patch that the photograph's border cuts is none, as long as that leaves half of the map: there the padding is part
    of what the channel answers to, a black border against it an edge like any other.

    Fewer than asked for where the channel is zero or less all over the other photographs.
    """

    layer: str
    channel: int
    patches: tuple[Patch, ...]

    def plot(self) -> Figure:
        """The patches in a row, each with the value that it reaches."""
        from snellen.inspect.figures import draw_top_patches

        return draw_top_patches([self])

    def discussion(self) -> str:
        """How active the channel is on its patches, and what they do not prove."""
        from snellen.inspect.discussion import discuss_top_patches

        return discuss_top_patches(self)


def top_activating_patches(
    classifier: Classifier,
    photographs: Iterable[Named],
    channels: Sequence[tuple[str, int]],
    count: int = 6,
    *,
    progress: Progress = SILENT,
) -> tuple[list[TopPatches], list[Failure]]:
    """The ``count`` patches of ``photographs`` on which each of ``channels`` is most active, in one pass over them.

    Memory does not grow with the number of photographs.

    Args:
        classifier: the classifier under examination.
        photographs: the name of each, and the photograph.
        channels: (layer, channel) pairs.
        count: number of patches of each channel.
        progress: told of each photograph.

    Returns:
        One entry for each pair, and a failure for each photograph that could not be read.

    Raises:
        InputError: no such layer.
    """
    found = [(find_layer(classifier.layers, layer), channel) for layer, channel in channels]
    best: list[list[Patch]] = [[] for _ in found]
    failures: list[Failure] = []

    def run(batch: Sequence[Named], inputs: Tensor) -> Sequence[Named]:
        _update(best, classifier, found, [name for name, _ in batch], inputs, count)
        return batch

    for result in in_batches(photographs, reader(classifier, "top_activating_patches", by_pillow=True), run, _BATCH):
        progress.advance()
        if isinstance(result, Failure):
            failures.append(result)
    return [
        TopPatches(layer.name, channel, tuple(each)) for (layer, channel), each in zip(found, best, strict=True)
    ], failures


def _uncut(layer: Layer) -> Tensor:
    """Which units (H, W) see as much as any: those whose receptive field the border does not cut; all, if few do."""
    heights, widths = (torch.tensor([last - first for first, last in spans]) for spans in (layer.rows, layer.columns))
    uncut = (heights == heights.max())[:, None] & (widths == widths.max())
    return uncut if float(uncut.float().mean()) >= _LEAST_UNCUT else torch.ones_like(uncut)


def _update(
    best: list[list[Patch]],
    classifier: Classifier,
    channels: Sequence[tuple[Layer, int]],
    names: Sequence[str],
    inputs: Tensor,
    count: int,
) -> None:
    """Let the patches of ``inputs`` (N, 3, h, w) compete with the best so far."""
    layers = list(dict.fromkeys(layer for layer, _ in channels))
    maps = dict(zip(layers, read_unclipped(classifier, inputs, layers), strict=True))
    for (layer, channel), kept in zip(channels, best, strict=True):
        uncut = _uncut(layer).to(inputs.device)
        values, positions = maps[layer][:, channel].masked_fill(~uncut, -torch.inf).flatten(1).max(dim=1)
        means = maps[layer][:, channel].mean(dim=(1, 2))
        for name, image, value, mean, position in zip(
            names, inputs, values.tolist(), means.tolist(), positions.tolist(), strict=True
        ):
            if value <= 0 or (len(kept) == count and (value, mean) <= (kept[-1].value, kept[-1].mean)):
                continue
            box = left, top, right, bottom = layer.box(*divmod(position, layer.shape.width))
            pixels = image[:, top:bottom, left:right].mul(255).round().byte().permute(1, 2, 0).cpu().numpy()
            kept.append(Patch(name, value, mean, box, pixels))
            kept.sort(key=lambda patch: (patch.value, patch.mean), reverse=True)
            del kept[count:]
