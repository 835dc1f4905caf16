"""Which part of the photograph speaks for a class: Grad-CAM.

Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization, arXiv 1610.02391.
Where a network ends in average pooling and one linear layer, this is exactly CAM (Zhou et al., arXiv 1512.04150).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from snellen.data.preprocessing import check_pixels
from snellen.errors import ModelError
from snellen.inspect.activations import read_activations_and_gradients
from snellen.models.classifier import Classifier
from snellen.models.layers import Layer, find_layer

# How far back from the network's end the layer is looked for: more than the places of one transformer block.
_CANDIDATES = 32
_BATCH = 16


@dataclass(frozen=True, eq=False)
class Heatmap:
    """Which part of one photograph speaks for a class.

    Attributes:
        layer: where it was read.
        label, index: the class.
        probability: of the class, in [0, 1].
        peak: the greatest value before it was scaled to 1; 0 where nothing in the layer speaks for the class, and
            then all values are 0.
        values: (H, W) in [0, 1], at the layer's resolution, over the whole view.
    """

    layer: str
    label: str
    index: int
    probability: float
    peak: float
    values: npt.NDArray[np.float32]


def heatmap(
    classifier: Classifier, pixels: Tensor, target: int | str | None = None, layer: str | None = None
) -> list[Heatmap]:
    """Grad-CAM of each photograph.

    Args:
        classifier: the classifier under examination; it may be frozen.
        pixels: (N, 3, H, W) in [0, 1].
        target: a class by index or name; without it, each photograph's most probable one.
        layer: the name of a place; without it, the last one that the logit still depends on everywhere.

    Raises:
        InputError: pixels of another kind, no such class, no such layer.
        ModelError: the network has no spatial map that its logits depend on.
    """
    check_pixels(pixels, "heatmap")
    view = classifier.preprocessing.preprocess(pixels.to(classifier.device))
    return heatmap_of_inputs(classifier, view, target, layer)


def heatmap_of_inputs(
    classifier: Classifier, view: Tensor, target: int | str | None = None, layer: str | None = None
) -> list[Heatmap]:
    """As :func:`heatmap`, of views (N, 3, h, w) in [0, 1]."""
    index = None if target is None else classifier.labels.find(target)
    place = last_layer(classifier, view[:1]) if layer is None else find_layer(classifier.layers, layer)
    heatmaps: list[Heatmap] = []
    for batch in view.split(_BATCH):
        logits, values = grad_cam(classifier, batch, place, index)
        indices = _targets(logits, index)
        probabilities = logits.double().softmax(dim=1).gather(1, indices[:, None])[:, 0]
        peaks = values.amax(dim=(1, 2))
        scaled = values / torch.where(peaks > 0, peaks, 1.0)[:, None, None]
        for number, probability, peak, each in zip(
            indices.tolist(), probabilities.tolist(), peaks.tolist(), scaled.cpu().numpy(), strict=True
        ):
            heatmaps.append(Heatmap(place.name, classifier.labels[number], number, probability, peak, each))
    return heatmaps


def grad_cam(classifier: Classifier, view: Tensor, place: Layer, index: int | None) -> tuple[Tensor, Tensor]:
    """Logits (N, K) and Grad-CAM (N, H, W), at least 0, of views (N, 3, h, w); equations 1 and 2 of the paper.

    ``index`` is the class y; None takes each photograph's most probable one.
    """
    logits, [(maps, gradients)] = read_activations_and_gradients(
        classifier, view, [place], lambda each: _targets(each, index)
    )
    weights = gradients.mean(dim=(2, 3))
    return logits, torch.einsum("nk,nkhw->nhw", weights, maps).relu()


def _targets(logits: Tensor, index: int | None) -> Tensor:
    return logits.argmax(dim=1) if index is None else torch.full_like(logits[:, 0], index, dtype=torch.long)


def last_layer(classifier: Classifier, view: Tensor) -> Layer:
    """The last place of the network's final width whose every position the top logit of ``view`` depends on.

    In a transformer that reads its class token, the patch tokens that leave the last block no longer matter; the
    last place that does is the one that enters the last attention.

    Raises:
        ModelError: there is none.
    """
    places = classifier.layers[-_CANDIDATES:]
    candidates = [place for place in places if place.shape.channels == places[-1].shape.channels]
    if candidates:
        _, evidence = read_activations_and_gradients(classifier, view, candidates, lambda logits: logits.argmax(dim=1))
        for place, (_, gradients) in reversed(list(zip(candidates, evidence, strict=True))):
            if gradients.any():
                return place
    raise ModelError(
        f"{classifier.name}: no map with height and width near its end that its answer depends on",
        "name a layer: `snellen layers` lists them",
    )


def area_of_half(heatmap: Heatmap) -> float:
    """The least share of the view's area that holds half of the heat, in [0, 1]; 0 where there is no heat."""
    heat = np.sort(heatmap.values.ravel().astype(np.float64))[::-1].cumsum()
    if heat[-1] == 0:
        return 0.0
    return float((heat < heat[-1] / 2).sum() + 1) / heat.size
