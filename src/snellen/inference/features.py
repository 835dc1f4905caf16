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

from snellen.data.datasets.base import Example, Rows, Targets
from snellen.data.images import Failure, Source, map_images, pixel_digest, read_array
from snellen.errors import ImageError, InputError
from snellen.inference.engines import Engine, Features, InputBytes
from snellen.models.classifier import Classifier
from snellen.runs.progress import SILENT, Progress


@dataclass(frozen=True)
class FeatureConfig:
    """How features are computed.

    Attributes:
        engine: ``auto``, ``torch`` or ``openvino``; of :func:`snellen.embed_dataset` also ``ray``, for many machines.
        precision: ``float32`` or ``bfloat16``.
        mirrored: whether to average the features of each photograph and its mirror image.
    """

    engine: str = "auto"
    precision: str = "float32"
    mirrored: bool = False


DEFAULT_FEATURES = FeatureConfig()


@dataclass(frozen=True, eq=False)
class EmbeddedExample:
    """One image's features (D,), or whatever else the engine gives, and the digest of its pixels."""

    example: Example
    features: Features
    digest: bytes


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """The features of a split, as one matrix.

    Attributes:
        features: (N, D) float32.
        targets: (N,) class of each.
        names: (N,) image id of each.
        failures: images that could not be read.
        digests: (N,) digest of the pixels of each.
    """

    features: npt.NDArray[np.float32]
    targets: Targets
    names: tuple[str, ...]
    failures: tuple[Failure, ...]
    digests: tuple[bytes, ...]


def with_size(classifier: Classifier, size: int | None) -> Classifier:
    """The classifier with square inputs of ``size`` pixels; as it is where None.

    Raises:
        InputError: a size that is none, or that the network cannot take.
    """
    if size is None:
        return classifier
    own = classifier.preprocessing.size[0]
    accepted = f"32 to 1024 pixels, if the network is not made for one size; its own is {own}"
    if not 32 <= size <= 1024:
        raise InputError(f"`size` is {size}", accepted)
    resized = classifier.with_preprocessing(dataclasses.replace(classifier.preprocessing, size=(size, size)))
    try:
        width_of(resized)
    except (AssertionError, RuntimeError, ValueError) as error:
        raise InputError(f"{classifier.name}: cannot take inputs of {size} pixels", accepted) from error
    return resized


def embed_each(
    engine: Engine, classifier: Classifier, examples: Iterable[Example], mirrored: bool = False
) -> Iterator[EmbeddedExample | Failure]:
    """The engine's output for each example, in order and in constant memory; decoding overlaps with the network.

    An image that cannot be read gives a :class:`~snellen.data.images.Failure` in its place.
    """
    reading: deque[Example] = deque()
    waiting: deque[tuple[Example, bytes] | Failure] = deque()

    def read(source: Source) -> tuple[InputBytes, bytes]:
        array = read_array(source)
        return classifier.preprocessing.preprocess_fast(array), pixel_digest(array)

    def sources() -> Iterator[Source]:
        for example in examples:
            reading.append(example)
            yield example.source

    def inputs() -> Iterator[InputBytes]:
        for _, prepared in map_images(sources(), read):
            example = reading.popleft()
            if isinstance(prepared, ImageError):
                waiting.append(_failure(example, prepared))
                continue
            one, digest = prepared
            waiting.append((example, digest))
            yield one
            if mirrored:
                yield np.ascontiguousarray(one[:, ::-1])

    computed = engine.run(inputs())
    for features in _mean_of_pairs(computed) if mirrored else computed:
        first = waiting.popleft()
        while isinstance(first, Failure):
            yield first
            first = waiting.popleft()
        example, digest = first
        yield EmbeddedExample(example, features, digest)
    for left in waiting:
        assert isinstance(left, Failure)  # every readable example has got its features
        yield left


def embed_rows(
    engine: Engine, classifier: Classifier, rows: Rows, mirrored: bool = False, progress: Progress = SILENT
) -> FeatureSet:
    """The features of a labelled split, in memory.

    Raises:
        InputError: none of its images can be read.
    """
    done: list[EmbeddedExample] = []
    failures: list[Failure] = []
    for result in embed_each(engine, classifier, rows.read(), mirrored):
        progress.advance()
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
        tuple(one.digest for one in done),
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
