"""Photographs in, results out, a batch at a time: while the network runs, other threads read what comes next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, tee
from typing import TypeVar

import torch
from torch import Tensor

from snellen.data.images import (
    Failure,
    ImageLike,
    Photo,
    map_images,
    one_or_many,
    open_photo,
    pixels_from_bytes,
    source_name,
)
from snellen.errors import ImageError
from snellen.models.classifier import Classifier, check_classifier

T = TypeVar("T")

Named = tuple[str, ImageLike]
"""A photograph, and what results call it."""
Read = Callable[[ImageLike], Tensor]
"""From a photograph to the network's input (1, 3, h, w) in [0, 1]."""
Run = Callable[[Sequence[Named], Tensor], Iterable[T]]
"""From N photographs and their inputs (N, 3, h, w) to N results."""

BATCH = 16


def reader(classifier: Classifier, operation: str, *, by_pillow: bool = False) -> Read:
    """How ``operation`` prepares a photograph: on float pixels, or, of all but pixels, with Pillow's own resize.

    The two agree to a rounding step of 8 bits. Pillow's is what every ordinary pipeline does, and faster.
    """
    check_classifier(classifier, operation)
    preprocessing = classifier.preprocessing

    def read(source: ImageLike) -> Tensor:
        photo: Photo = open_photo(source, operation)
        if by_pillow and not isinstance(getattr(source, "pixels", source), Tensor):
            return pixels_from_bytes(preprocessing.preprocess_image(photo.image))
        with torch.no_grad():
            return preprocessing.preprocess(photo.pixels.to(classifier.device))

    return read


def named(sources: Iterable[ImageLike]) -> Iterator[Named]:
    """Each photograph with its name: its path where it has one, else its kind and number."""
    return ((source_name(source, number), source) for number, source in enumerate(sources))


def one_or_each(
    images: ImageLike | Iterable[ImageLike], operation: str, read: Read, run: Run[T], size: int = BATCH
) -> T | list[T | Failure]:
    """The result of one photograph, or a list where there are several, a failure in place of each unreadable one.

    Raises:
        ImageError: the only photograph cannot be read.
        InputError: something that is no photograph.
    """
    sources, single = one_or_many(images, operation)
    if not single:
        return list(in_batches(named(sources), read, run, size))
    (result,) = run(list(named(sources)), read(sources[0]))
    return result


def in_batches(photographs: Iterable[Named], read: Read, run: Run[T], size: int = BATCH) -> Iterator[T | Failure]:
    """The result of each photograph, in input order and in constant memory."""
    names, sources = tee(photographs)
    prepared = zip(map_images((source for _, source in sources), read), names, strict=True)
    while batch := list(islice(prepared, size)):
        readable = [(photograph, inputs) for (_, inputs), photograph in batch if not isinstance(inputs, ImageError)]
        results: Iterator[T] = iter(())
        if readable:
            results = iter(run([photograph for photograph, _ in readable], torch.cat([each for _, each in readable])))
        for (_, inputs), (name, _) in batch:
            yield Failure(name, str(inputs)) if isinstance(inputs, ImageError) else next(results)
