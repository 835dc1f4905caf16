"""The patches of a collection of photographs that excite a channel most, cut at its receptive field.

After Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, arXiv 1311.2901, without their
deconvolution: what a unit sees is derived from the network (:mod:`snellen.receptive`), not reconstructed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from snellen.classifier import Classifier
from snellen.errors import ImageError
from snellen.images import Source, name_of, read_each
from snellen.inspect.reading import read_maps
from snellen.layers import Place, find_place
from snellen.predictions import Failure

Bytes = npt.NDArray[np.uint8]

_BATCH = 8


@dataclass(frozen=True, eq=False)
class Example:
    """One patch that excites a channel.

    Attributes:
        image: the photograph it comes from.
        value: the channel's greatest value in that photograph, above 0.
        mean: its mean over the photograph, which decides between equal values.
        box: (left, top, right, bottom) of the patch, in pixels of the view.
        patch: (bottom - top, right - left, 3) RGB bytes.
    """

    image: str
    value: float
    mean: float
    box: tuple[int, int, int, int]
    patch: Bytes


@dataclass(frozen=True, eq=False)
class ChannelExamples:
    """The patches that excite one channel most, the most exciting first, at most one of each photograph.

    Fewer than asked for where the channel is silent in the other photographs.
    """

    layer: str
    channel: int
    examples: tuple[Example, ...]


def most_exciting(
    classifier: Classifier,
    sources: Iterable[Source],
    channels: Sequence[tuple[str, int]],
    count: int = 6,
    advance: Callable[[], None] = lambda: None,
) -> tuple[list[ChannelExamples], list[Failure]]:
    """The ``count`` patches of ``sources`` that excite each of ``channels`` most, in one pass over them.

    Memory does not grow with the number of photographs.

    Args:
        classifier: the classifier under examination.
        sources: paths, or bytes of image files.
        channels: (layer, channel) pairs.
        count: patches kept for each.
        advance: called once for each photograph.

    Returns:
        One entry for each pair, and a failure for each photograph that could not be read.

    Raises:
        InputError: no such layer.
    """
    found = [(find_place(classifier.layers, layer), channel) for layer, channel in channels]
    best: list[list[Example]] = [[] for _ in found]
    failures: list[Failure] = []
    pending: list[tuple[str, Bytes]] = []
    for source, view in read_each(sources, classifier.preprocessing.view_of):
        advance()
        if isinstance(view, ImageError):
            failures.append(Failure(name_of(source), str(view)))
            continue
        pending.append((name_of(source), view))
        if len(pending) == _BATCH:
            _update(best, classifier, found, pending, count)
            pending = []
    if pending:
        _update(best, classifier, found, pending, count)
    results = [
        ChannelExamples(place.name, channel, tuple(each)) for (place, channel), each in zip(found, best, strict=True)
    ]
    return results, failures


def _update(
    best: list[list[Example]],
    classifier: Classifier,
    channels: Sequence[tuple[Place, int]],
    batch: Sequence[tuple[str, Bytes]],
    count: int,
) -> None:
    """Let a batch of views compete with the best examples so far."""
    views = torch.from_numpy(np.stack([view for _, view in batch])).permute(0, 3, 1, 2).float().div(255)
    places = list(dict.fromkeys(place for place, _ in channels))
    _, maps = read_maps(classifier, views, places)
    by_place = dict(zip(places, maps, strict=True))
    for (place, channel), kept in zip(channels, best, strict=True):
        values, positions = by_place[place][:, channel].flatten(1).max(dim=1)
        means = by_place[place][:, channel].mean(dim=(1, 2))
        for (name, view), value, mean, position in zip(
            batch, values.tolist(), means.tolist(), positions.tolist(), strict=True
        ):
            if value <= 0 or (len(kept) == count and (value, mean) <= (kept[-1].value, kept[-1].mean)):
                continue
            box = left, top, right, bottom = place.box(*divmod(position, place.shape.width))
            kept.append(Example(name, value, mean, box, view[top:bottom, left:right].copy()))
            kept.sort(key=lambda example: (example.value, example.mean), reverse=True)
            del kept[count:]
