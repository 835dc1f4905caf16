"""Features of photographs: the layer before the classifier, for as many images as there are.

The assignment's problem 2: the output of the last hidden layer, after its ReLU where there is one.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from snellen.data.datasets.base import Example, Rows
from snellen.data.images import Failure, Source, map_images, read_array
from snellen.errors import ImageError, InputError
from snellen.models.classifier import Classifier
from snellen.transfer.engines import Engine, Features, View


@dataclass(frozen=True, eq=False)
class EmbeddedExample:
    """One image's features (D,)."""

    example: Example
    features: Features


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """The features of a split, as one matrix.

    Attributes:
        features: (N, D) float32.
        targets: (N,) the class of each.
        names: (N,) the image id of each.
        failures: the images that could not be read.
    """

    features: npt.NDArray[np.float32]
    targets: npt.NDArray[np.int64]
    names: tuple[str, ...]
    failures: tuple[Failure, ...]


def with_size(classifier: Classifier, size: int | None) -> Classifier:
    """The classifier with square views of ``size`` pixels; as it is where None.

    Raises:
        InputError: a size that is none.
    """
    if size is None:
        return classifier
    accepted = (
        f"32 to 1024 pixels, if the network is not made for one size; its own is {classifier.preprocessing.size[0]}"
    )
    if not 32 <= size <= 1024:
        raise InputError(f"the view's size is {size}", accepted)
    resized = Classifier(
        classifier.network,
        dataclasses.replace(classifier.preprocessing, size=(size, size)),
        classifier.labels,
        name=classifier.name,
        digest=classifier.digest,
        source=classifier.source,
        device=str(classifier.device),
    )
    try:
        width_of(resized)
    except (AssertionError, RuntimeError, ValueError) as error:
        raise InputError(f"{classifier.name}: cannot be shown views of {size} pixels", accepted) from error
    return resized


def embed_each(
    engine: Engine, classifier: Classifier, examples: Iterable[Example], mirrored: bool = False
) -> Iterator[EmbeddedExample | Failure]:
    """The features of each example, in order and in constant memory; decoding overlaps with the network.

    An image that cannot be read gives a :class:`~snellen.data.images.Failure` in its place.
    """
    reading: deque[Example] = deque()
    waiting: deque[Example | Failure] = deque()

    def look(source: Source) -> View:
        return classifier.preprocessing.preprocess_fast(read_array(source))

    def sources() -> Iterator[Source]:
        for example in examples:
            reading.append(example)
            yield example.source

    def views() -> Iterator[View]:
        for _, view in map_images(sources(), look):
            example = reading.popleft()
            if isinstance(view, ImageError):
                waiting.append(_failure(example, view))
                continue
            waiting.append(example)
            yield view
            if mirrored:
                yield np.ascontiguousarray(view[:, ::-1])

    computed = engine.features(views())
    for features in _mean_of_pairs(computed) if mirrored else computed:
        example = waiting.popleft()
        while isinstance(example, Failure):
            yield example
            example = waiting.popleft()
        yield EmbeddedExample(example, features)
    for left in waiting:
        assert isinstance(left, Failure)  # every readable example has got its features
        yield left


def embed_rows(engine: Engine, classifier: Classifier, rows: Rows, mirrored: bool = False) -> FeatureSet:
    """The features of a labelled split, in memory.

    Raises:
        InputError: none of its images can be read.
    """
    return collect(embed_each(engine, classifier, rows.read(), mirrored))


def collect(results: Iterable[EmbeddedExample | Failure]) -> FeatureSet:
    """What :func:`embed_each` gives of labelled examples, as one matrix.

    Raises:
        InputError: none of the images can be read.
    """
    done: list[EmbeddedExample] = []
    failures: list[Failure] = []
    for result in results:
        if isinstance(result, Failure):
            failures.append(result)
        else:
            done.append(result)
    if not done:
        raise InputError(f"none of {len(failures)} images can be read: {failures[0].error if failures else 'no image'}")
    return FeatureSet(
        np.stack([one.features for one in done]),
        np.array([-1 if one.example.label is None else one.example.label for one in done], dtype=np.int64),
        tuple(one.example.name for one in done),
        tuple(failures),
    )


def width_of(classifier: Classifier) -> int:
    """D, the number of features."""
    with torch.inference_mode():
        return classifier.embed_inputs(torch.zeros(1, 3, *classifier.preprocessing.size)).shape[1]


def _mean_of_pairs(features: Iterator[Features]) -> Iterator[Features]:
    for first in features:
        yield (first + next(features)) * np.float32(0.5)


def _failure(example: Example, error: ImageError) -> Failure:
    # The bytes of a data set's row have no path, so the message does not say which image it is.
    reason = str(error).replace("bytes: ", "", 1) if isinstance(example.source, bytes) else str(error)
    text = reason if isinstance(example.source, str) else f"{example.name}: {reason}"
    return Failure(example.name, text)
