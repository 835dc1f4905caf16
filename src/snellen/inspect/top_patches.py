"""The patches of a collection of photographs that excite a channel most, cut at its receptive field.

After Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, arXiv 1311.2901, without their
deconvolution: what a unit sees is derived from the network (:mod:`snellen.models.receptive_field`), not reconstructed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from snellen.data.images import Failure, Source, read_each
from snellen.errors import ImageError
from snellen.inspect.activations import read_activations
from snellen.models.classifier import Classifier
from snellen.models.layers import Layer, find_layer

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
class TopPatches:
    """The patches that excite one channel most, the most exciting first, at most one of each photograph.

    Fewer than asked for where the channel is silent in the other photographs.
    """

    layer: str
    channel: int
    examples: tuple[Example, ...]


def top_activating_patches(
    classifier: Classifier,
    photographs: Iterable[tuple[str, Source]],
    channels: Sequence[tuple[str, int]],
    count: int = 6,
    advance: Callable[[], None] = lambda: None,
) -> tuple[list[TopPatches], list[Failure]]:
    """The ``count`` patches of ``photographs`` that excite each of ``channels`` most, in one pass over them.

    Memory does not grow with the number of photographs.

    Args:
        classifier: the classifier under examination.
        photographs: the name of each, and its path or the bytes of its file.
        channels: (layer, channel) pairs.
        count: patches kept for each.
        advance: called once for each photograph.

    Returns:
        One entry for each pair, and a failure for each photograph that could not be read.

    Raises:
        InputError: no such layer.
    """
    found = [(find_layer(classifier.layers, layer), channel) for layer, channel in channels]
    best: list[list[Example]] = [[] for _ in found]
    failures: list[Failure] = []
    pending: list[tuple[str, Bytes]] = []
    names: deque[str] = deque()

    def sources() -> Iterator[Source]:
        for name, source in photographs:
            names.append(name)
            yield source

    for _, view in read_each(sources(), classifier.preprocessing.preprocess_image):
        advance()
        name = names.popleft()
        if isinstance(view, ImageError):
            failures.append(Failure(name, str(view)))
            continue
        pending.append((name, view))
        if len(pending) == _BATCH:
            _update(best, classifier, found, pending, count)
            pending = []
    if pending:
        _update(best, classifier, found, pending, count)
    results = [TopPatches(place.name, channel, tuple(each)) for (place, channel), each in zip(found, best, strict=True)]
    return results, failures


def _update(
    best: list[list[Example]],
    classifier: Classifier,
    channels: Sequence[tuple[Layer, int]],
    batch: Sequence[tuple[str, Bytes]],
    count: int,
) -> None:
    """Let a batch of views compete with the best examples so far."""
    views = torch.from_numpy(np.stack([view for _, view in batch])).permute(0, 3, 1, 2).float().div(255)
    places = list(dict.fromkeys(place for place, _ in channels))
    _, maps = read_activations(classifier, views, places)
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
