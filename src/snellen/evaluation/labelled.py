"""Some labelled photographs of a data set with the model's true class of each: what is changed and attacked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from snellen.data.datasets import as_dataset
from snellen.data.datasets.base import Example, ImageSet, known_targets
from snellen.data.datasets.tree import changes, last_change
from snellen.data.draw import drawn_in_turn
from snellen.data.labels import Labels
from snellen.errors import InputError
from snellen.evaluation.evaluate import chosen_splits
from snellen.evaluation.matching import MatchBy, match_classes
from snellen.models.classifier import Classifier, check_classifier
from snellen.runs.provenance import fingerprint


@dataclass(frozen=True, eq=False)
class LabelledPhotographs:
    """Photographs with the model's true class of each.

    Attributes:
        images: the data set, with the splits that count.
        classes: the model's class of each of its photographs (N,), -1 of one that was not chosen.
        sampled: one sentence on which they are.
        data: fingerprint of the choice.
    """

    images: ImageSet
    classes: npt.NDArray[np.int64]
    sampled: str
    data: str

    def __len__(self) -> int:
        return int((self.classes >= 0).sum())

    def state(self) -> tuple[str, str]:
        """What decides the photographs: the choice, and when their files were last written to."""
        return self.data, self.images.changed()

    def read(self) -> Iterator[tuple[Example, int]]:
        """Each photograph with its class, in order and in constant memory."""
        chosen = np.flatnonzero(self.classes >= 0)
        if not len(chosen):
            return
        first, last = int(chosen[0]), int(chosen[-1]) + 1
        for index, (_, example) in zip(range(first, last), self.images.read(first, last), strict=True):
            if self.classes[index] >= 0:
                yield example, int(self.classes[index])

    def shards(self, size: int) -> Iterator[list[tuple[Example, int]]]:
        """The photographs, ``size`` at a time."""
        shard: list[tuple[Example, int]] = []
        for pair in self.read():
            shard.append(pair)
            if len(shard) == size:
                yield shard
                shard = []
        if shard:
            yield shard


def labelled_photographs(
    classifier: Classifier,
    images: ImageSet | str | Path,
    *,
    split: str | None = None,
    match_by: MatchBy = "auto",
    mapping: Mapping[str, str | int] | None = None,
    most: int | None = None,
    seed: int = 0,
) -> LabelledPhotographs:
    """The photographs whose class the model knows; at most ``most`` of them, drawn evenly over the classes.

    Raises:
        InputError: as for :func:`snellen.evaluate`; or ``most`` is not above 0.
    """
    check_classifier(classifier, "labelled_photographs")
    if most is not None and most < 1:
        raise InputError(f"`most` is {most}", "a whole number above 0")
    images, _ = chosen_splits(as_dataset(images), split)
    if images.labels is None:
        raise InputError(
            f"{images.name}: has no labels", "a folder with one folder of images a class, or a label column"
        )
    matches = match_classes(images.labels.names, classifier.labels, match_by=match_by, mapping=mapping)
    index_of = np.array([*(-1 if match.index is None else match.index for match in matches), -1])
    targets = np.concatenate([known_targets(rows) for rows in images.splits.values()])
    targets = np.where((targets >= 0) & (targets < len(matches)), targets, len(matches))
    classes = index_of[targets]
    known = int((classes >= 0).sum())
    sampled = f"All {known:,} photographs whose class the model knows."
    if most is not None and most < known:
        classes = np.where(_drawn(classes, most, seed), classes, -1)
        sampled = f"{most:,} of the {known:,} photographs whose class the model knows, drawn evenly over the classes."
    return LabelledPhotographs(images, classes, sampled, fingerprint(f"{images.fingerprint} {classes.tolist()}"))


def _drawn(classes: npt.NDArray[np.int64], most: int, seed: int) -> npt.NDArray[np.bool_]:
    """Which ``most`` of the photographs that have a class, evenly over the classes."""
    rows = np.flatnonzero(classes >= 0)
    order = drawn_in_turn(classes[rows].tolist(), np.random.default_rng(seed))
    chosen = np.zeros(len(classes), dtype=bool)
    chosen[rows[order[:most]]] = True
    return chosen


@dataclass(frozen=True, eq=False)
class _Named:
    """Files with a class each."""

    files: Sequence[Path]
    classes: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.files)

    def targets(self) -> npt.NDArray[np.int64]:
        return self.classes

    def names(self) -> Sequence[str]:
        return [file.name for file in self.files]

    def column(self, name: str) -> None:  # noqa: ARG002  # the protocol's
        return None

    def changed(self) -> str:
        return changes(map(last_change, self.files))

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Example]:
        for index in range(len(self))[start:stop]:
            yield Example(str(self.files[index]), int(self.classes[index]), self.files[index].name)


def named_photographs(files: Sequence[Path], classes: Sequence[str]) -> ImageSet:
    """A data set of files with the class of each, in their order.

    Raises:
        InputError: another number of classes than of files.
    """
    if len(classes) != len(files):
        raise InputError(f"{len(classes)} classes for {len(files)} photographs", "one for each, in their order")
    labels = Labels(tuple(dict.fromkeys(classes)))
    targets = np.array([labels.names.index(name) for name in classes], dtype=np.int64)
    contents = "".join(fingerprint(file.read_bytes()) for file in files)
    return ImageSet("photographs", labels, {"all": _Named(files, targets)}, fingerprint(f"{contents} {classes}"))
