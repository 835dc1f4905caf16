"""Which part of the photograph supports a class: Grad-CAM.

Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization, arXiv 1610.02391.
Where a network ends in average pooling and one linear layer, this is exactly CAM (Zhou et al., arXiv 1512.04150).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from snellen.data.images import Failure, ImageLike, Source
from snellen.data.preprocessing import Preprocessing
from snellen.errors import ModelError
from snellen.inspect.activations import read_activations_and_gradients
from snellen.inspect.batches import Named, one_or_each, reader
from snellen.models.classifier import Classifier
from snellen.models.layers import Layer, find_layer
from snellen.models.predictions import softmax
from snellen.runs.result import Result
from snellen.runs.serialise import NOT_SERIALISED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# How far back from the network's end the layer is looked for: more than the layers of one transformer block.
_CANDIDATES = 32


@dataclass(frozen=True, eq=False)
class Heatmap(Result):
    """Which part of one photograph supports a class.

    Attributes:
        image: path of the photograph, or what stands for it.
        layer: name of the layer whose maps are weighed.
        label, index: the class.
        probability: softmax probability of the class, in [0, 1].
        peak: the greatest value before it was scaled to 1; 0 where nothing in the layer supports the class, and
            then all values are 0.
        area_of_half: the least share of the input's area that holds half of the support, in [0, 1]; 0 where there is
            none.
        values: (H, W) in [0, 1], at the layer's resolution, over the whole input.
        photograph: the photograph as it was given; a figure opens it again.
        preprocessing: where in the photograph the input lies.
    """

    image: str
    layer: str
    label: str
    index: int
    probability: float
    peak: float
    area_of_half: float
    values: npt.NDArray[np.float32] = field(repr=False, metadata=NOT_SERIALISED)
    photograph: ImageLike = field(repr=False, metadata=NOT_SERIALISED)
    preprocessing: Preprocessing = field(repr=False, metadata=NOT_SERIALISED)

    def plot(self) -> Figure:
        """The photograph, and beside it the part of it that supports the class."""
        from snellen.inspect.figures import draw_heatmap

        return draw_heatmap(self)

    def discussion(self) -> str:
        """How much of the input holds half of the support, and what Grad-CAM does not prove."""
        from snellen.inspect.discussion import discuss_heatmap

        return discuss_heatmap(self)


@overload
def heatmap(
    classifier: Classifier, images: Source | Image.Image, target: int | str | None = ..., layer: str | None = ...
) -> Heatmap: ...
@overload
def heatmap(classifier: Classifier, images: Any, target: int | str | None = ..., layer: str | None = ...) -> Any: ...
def heatmap(
    classifier: Classifier,
    images: ImageLike | Iterable[ImageLike],
    target: int | str | None = None,
    layer: str | None = None,
) -> Heatmap | list[Heatmap | Failure]:
    """Grad-CAM of one photograph, or of each of several, in input order.

    Args:
        classifier: the classifier under examination; it may be frozen.
        images: one photograph or several: see :func:`snellen.data.images.one_or_many`.
        target: a class by index or name; without it, each photograph's most probable one.
        layer: name of a layer; without it, the last one that the logit depends on everywhere: see
            :func:`last_layer`, which looks at the first photograph of every 16.

    Returns:
        A :class:`Heatmap`; of several photographs a list, with a :class:`Failure` where one cannot be read.

    Raises:
        ImageError: the only photograph cannot be read.
        InputError: something that is no photograph, no such class, no such layer.
        ModelError: the network has no spatial map that its logits depend on.
    """
    index = None if target is None else classifier.labels.find(target)
    chosen = None if layer is None else find_layer(classifier.layers, layer)

    def run(photographs: Sequence[Named], inputs: Tensor) -> list[Heatmap]:
        where = chosen or last_layer(classifier, inputs[:1])
        return _heatmaps(classifier, photographs, where, *grad_cam(classifier, inputs, where, index), index)

    return one_or_each(images, "heatmap", reader(classifier, "heatmap"), run)


def _heatmaps(
    classifier: Classifier, photographs: Sequence[Named], layer: Layer, logits: Tensor, heat: Tensor, index: int | None
) -> list[Heatmap]:
    indices = _targets(logits, index)
    probabilities = softmax(logits).gather(1, indices.cpu()[:, None])[:, 0]
    peaks = heat.amax(dim=(1, 2))
    scaled = heat / torch.where(peaks > 0, peaks, 1.0)[:, None, None]
    return [
        Heatmap(
            image=name,
            layer=layer.name,
            label=classifier.labels[number],
            index=number,
            probability=probability,
            peak=peak,
            area_of_half=_area_of_half(values),
            values=values,
            photograph=source,
            preprocessing=classifier.preprocessing,
        )
        for (name, source), number, probability, peak, values in zip(
            photographs, indices.tolist(), probabilities.tolist(), peaks.tolist(), scaled.cpu().numpy(), strict=True
        )
    ]


def grad_cam(classifier: Classifier, inputs: Tensor, layer: Layer, index: int | None) -> tuple[Tensor, Tensor]:
    """Logits (N, K) and Grad-CAM (N, H, W), at least 0, of ``inputs`` (N, 3, h, w); equations 1 and 2 of the paper.

    ``index`` is the class y; None takes each photograph's most probable one.
    """
    logits, [(maps, gradients)] = read_activations_and_gradients(
        classifier, inputs, [layer], lambda each: _targets(each, index)
    )
    weights = gradients.mean(dim=(2, 3))
    return logits, torch.einsum("nk,nkhw->nhw", weights, maps).relu()


def _targets(logits: Tensor, index: int | None) -> Tensor:
    return logits.argmax(dim=1) if index is None else torch.full_like(logits[:, 0], index, dtype=torch.long)


def last_layer(classifier: Classifier, inputs: Tensor) -> Layer:
    """The last layer of the network's final width whose every position the top logit of ``inputs`` depends on.

    A position counts where any channel of it has a gradient other than zero. In a transformer that reads its class
    token, the patch tokens that leave the last block no longer matter; the last layer that does is the one that
    enters the last attention. Behind a global maximum pooling the logit may depend on no layer everywhere: then it
    is the last of those with the most such positions.

    Raises:
        ModelError: there is none.
    """
    layers = classifier.layers[-_CANDIDATES:]
    candidates = [layer for layer in layers if layer.shape.channels == layers[-1].shape.channels]
    if candidates:
        _, read = read_activations_and_gradients(classifier, inputs, candidates, lambda logits: logits.argmax(dim=1))
        shares = [float((gradients != 0).any(dim=1).float().mean()) for _, gradients in read]
        share, number = max((share, number) for number, share in enumerate(shares))
        if share > 0:
            return candidates[number]
    raise ModelError(
        f"{classifier.name}: no map with height and width near its end that its answer depends on",
        "name a layer: `classifier.layers` lists them",
    )


def _area_of_half(values: npt.NDArray[np.float32]) -> float:
    heat = np.sort(values.ravel().astype(np.float64))[::-1].cumsum()
    if heat[-1] == 0:
        return 0.0
    return float((heat < heat[-1] / 2).sum() + 1) / heat.size
