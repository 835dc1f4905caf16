"""What it sees: the top categories of a photograph and their probabilities.

The assignment's problem 1, part 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

import torch
from PIL import Image
from torch import Tensor

from snellen.data.images import Failure, ImageLike, Source
from snellen.inspect.batches import Named, in_batches, named, one_or_each, reader
from snellen.models.classifier import Classifier
from snellen.models.predictions import Prediction, top_predictions
from snellen.runs.result import Result
from snellen.runs.serialise import NOT_SERIALISED

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Classification(Result):
    """The top categories of one photograph, most probable first.

    Attributes:
        image: path of the photograph, or what stands for it.
        predictions: the top k.
        photograph: the photograph as it was given; a figure opens it again.
    """

    image: str
    predictions: tuple[Prediction, ...]
    photograph: ImageLike = field(repr=False, compare=False, metadata=NOT_SERIALISED)

    @property
    def top(self) -> Prediction:
        """The most probable category."""
        return self.predictions[0]

    def plot(self) -> Figure:
        """The photograph beside a bar for each category."""
        from snellen.inspect.figures import draw_classifications

        return draw_classifications([self])

    def discussion(self) -> str:
        """The first category, how far it is ahead of the second, and what a probability is not."""
        from snellen.inspect.discussion import discuss_classification

        return discuss_classification(self)


@overload
def classify(classifier: Classifier, images: Source | Image.Image, k: int = ...) -> Classification: ...
@overload
def classify(classifier: Classifier, images: Any, k: int = ...) -> Any: ...
def classify(
    classifier: Classifier, images: ImageLike | Iterable[ImageLike], k: int = 3
) -> Classification | list[Classification | Failure]:
    """The top ``k`` categories of one photograph, or of each of several, in input order.

    A file, its bytes, an image or an array is resized with Pillow, as every ordinary pipeline does; float pixels are
    not rounded to 8 bits before.

    Args:
        classifier: the classifier under examination.
        images: one photograph or several: see :func:`snellen.data.images.one_or_many`.
        k: number of categories; all of them where there are fewer.

    Returns:
        A :class:`Classification`; of several photographs a list, with a :class:`Failure` where one cannot be read.

    Raises:
        ImageError: the only photograph cannot be read.
        InputError: something that is no photograph, or a ``k`` that is not a whole number above 0.
    """
    return one_or_each(images, "classify", reader(classifier, "classify", by_pillow=True), _runner(classifier, k))


def classify_each(
    classifier: Classifier, sources: Iterable[ImageLike], k: int = 3, batch: int = 16
) -> Iterator[Classification | Failure]:
    """As :func:`classify` of several, one result at a time and in constant memory."""
    read = reader(classifier, "classify", by_pillow=True)
    return in_batches(named(sources), read, _runner(classifier, k), batch)


def _runner(classifier: Classifier, k: int) -> Callable[[Sequence[Named], Tensor], list[Classification]]:
    top_predictions(classifier, torch.empty(0, len(classifier.labels)), k)  # refuse k before any work

    def run(photographs: Sequence[Named], inputs: Tensor) -> list[Classification]:
        with torch.inference_mode():
            rows = top_predictions(classifier, classifier.logits_from_inputs(inputs), k)
        return [Classification(name, row, source) for (name, source), row in zip(photographs, rows, strict=True)]

    return run
