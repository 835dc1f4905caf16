"""What it sees: the top categories of a photograph and their probabilities.

The assignment's problem 1, part 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from snellen.data.images import Failure, Source, read_each, source_name
from snellen.errors import ImageError
from snellen.models.classifier import Classifier
from snellen.models.predictions import Prediction, top_predictions


@dataclass(frozen=True)
class Classification:
    """The top categories of one photograph, most probable first.

    Attributes:
        image: the photograph's path, or what stands for it.
        predictions: the top k.
    """

    image: str
    predictions: tuple[Prediction, ...]

    @property
    def top(self) -> Prediction:
        """The most probable category."""
        return self.predictions[0]


def classify(
    classifier: Classifier, images: Source | Sequence[Source] | Tensor, k: int = 3
) -> list[Classification | Failure]:
    """The top ``k`` categories of each photograph, in input order.

    Args:
        classifier: the classifier under examination.
        images: paths, bytes of image files, or pixels (N, 3, H, W) in [0, 1].
        k: how many categories; all of them where there are fewer.

    Returns:
        A :class:`Classification` for each photograph, or a :class:`Failure` where it cannot be read.
    """
    if isinstance(images, Tensor):
        with torch.no_grad():
            rows = top_predictions(classifier, classifier.logits(images), k)
        return [Classification(f"pixels {number}", row) for number, row in enumerate(rows)]
    alone = isinstance(images, str | bytes) or not isinstance(images, Sequence)
    sources: Any = [images] if alone else images
    return list(classify_each(classifier, sources, k))


def classify_each(
    classifier: Classifier, sources: Iterable[Source], k: int = 3, batch: int = 16
) -> Iterator[Classification | Failure]:
    """As :func:`classify`, one result at a time and in constant memory; decoding overlaps with the network."""
    top_predictions(classifier, torch.empty(0, len(classifier.labels)), k)  # refuse k before any work
    pending: list[tuple[str, npt.NDArray[np.uint8] | ImageError]] = []
    for source, view in read_each(sources, classifier.preprocessing.preprocess_image):
        pending.append((source_name(source), view))
        if len(pending) == batch:
            yield from _finish(classifier, pending, k)
            pending = []
    yield from _finish(classifier, pending, k)


def _finish(
    classifier: Classifier, pending: list[tuple[str, npt.NDArray[np.uint8] | ImageError]], k: int
) -> Iterator[Classification | Failure]:
    views = [view for _, view in pending if not isinstance(view, ImageError)]
    rows: Iterator[tuple[Prediction, ...]] = iter(())
    if views:
        batch = torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2).float().div(255)
        with torch.inference_mode():
            rows = iter(top_predictions(classifier, classifier.logits_from_inputs(batch), k))
    for name, view in pending:
        yield Failure(name, str(view)) if isinstance(view, ImageError) else Classification(name, next(rows))
