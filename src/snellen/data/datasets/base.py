"""What every labelled data set is: splits of examples whose images stay encoded, read in order, never held whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from snellen.data.images import Source
from snellen.data.labels import Labels
from snellen.errors import InputError
from snellen.runs.provenance import fingerprint

Targets = npt.NDArray[np.int64]

TRAIN_NAMES = ("train", "training", "trainval")
TEST_NAMES = ("test", "testing", "validation", "valid", "val")
TEST_SHARE = 0.25
"""The share of each class that becomes the test split of a set that has none."""


@dataclass(frozen=True)
class Example:
    """One image of a data set, still encoded.

    Attributes:
        source: path, or the bytes of an image file.
        label: index of its class; None where the set has no labels.
        name: name in results: its image id, its path in the set, or its split and row.
    """

    source: Source
    label: int | None
    name: str


class Rows(Protocol):
    """A split: examples in a fixed order."""

    def __len__(self) -> int:
        """Number of examples."""

    def targets(self) -> Targets | None:
        """The class of each example (N,), read without its image; None where there are no labels."""

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Example]:
        """The examples from ``start`` up to ``stop``, in constant memory."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """A data set: its splits in order and the names of its classes.

    Attributes:
        name: name, as it was asked for.
        labels: names of the classes; None where there are none.
        splits: splits by name; ``all`` is the one split of a set that has no others.
        fingerprint: fingerprint of its content: of the files' names and sizes, and of the footers and labels of
            parquet files; the images themselves are not read for it.
        note: what a report must say of it; empty for an ordinary set.
    """

    name: str
    labels: Labels | None
    splits: Mapping[str, Rows]
    fingerprint: str
    note: str = ""

    def __len__(self) -> int:
        return sum(len(rows) for rows in self.splits.values())

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[str, Example]]:
        """All examples from ``start`` up to ``stop``, each with its split's name, one split after another."""
        stop = len(self) if stop is None else stop
        before = 0
        for split, rows in self.splits.items():
            first, last = max(start - before, 0), min(stop - before, len(rows))
            if first < last:
                for example in rows.read(first, last):
                    yield split, example
            before += len(rows)


def with_splits(dataset: ImageSet, splits: Sequence[str]) -> ImageSet:
    """The data set with some of its splits only.

    Raises:
        InputError: it has no such split.
    """
    for name in splits:
        if name not in dataset.splits:
            raise InputError(f"{dataset.name}: no split {name!r}", f"its splits are {', '.join(dataset.splits)}")
    if list(splits) == list(dataset.splits):
        return dataset
    chosen = {name: dataset.splits[name] for name in splits}
    return dataclasses.replace(
        dataset, splits=chosen, fingerprint=fingerprint(f"{dataset.fingerprint} {', '.join(splits)}")
    )


@dataclass(frozen=True, eq=False)
class TrainTest:
    """A data set as training and test split.

    Attributes:
        train, test: the two splits.
        labels: names of the classes.
        description: one sentence on where they come from.
    """

    train: Rows
    test: Rows
    labels: Labels
    description: str


def train_test(dataset: ImageSet, seed: int = 0) -> TrainTest:
    """The set's own training and test split, or a seeded, stratified one where it has none.

    Raises:
        InputError: no labels, one class only, a class with too few images in a split, or splits without a
            training one.
    """
    labels = dataset.labels
    if labels is None:
        raise InputError(
            f"{dataset.name}: has no labels", "a folder with one folder of images a class, or a label column"
        )
    if len(labels) < 2:
        raise InputError(f"{dataset.name}: has one class only, {labels[0]}", "at least two classes")
    train_name = next((name for name in TRAIN_NAMES if name in dataset.splits), None)
    test_name = next((name for name in TEST_NAMES if name in dataset.splits), None)
    if train_name and test_name:
        split = TrainTest(
            dataset.splits[train_name],
            dataset.splits[test_name],
            labels,
            f"The set's own splits: {train_name} to learn from, {test_name} to test.",
        )
    elif len(dataset.splits) == 1:
        split = _stratified(dataset.name, next(iter(dataset.splits.values())), labels, seed)
    else:
        have = ", ".join(dataset.splits)
        raise InputError(f"{dataset.name}: its splits are {have}", "a train and a test split, or one split to be cut")
    _check_counts(dataset.name, "training", split.train, labels, at_least=2)
    _check_counts(dataset.name, "test", split.test, labels, at_least=1)
    return split


def _stratified(name: str, rows: Rows, labels: Labels, seed: int) -> TrainTest:
    """A quarter of each class, at least one image, drawn for testing; the order of the set is kept."""
    _check_counts(name, "labelled", rows, labels, at_least=3)
    targets = known_targets(rows)
    random = np.random.default_rng(seed)
    test: list[int] = []
    for label in range(len(labels)):
        members = random.permutation(np.flatnonzero(targets == label))
        test.extend(members[: max(1, round(TEST_SHARE * len(members)))].tolist())
    chosen = np.zeros(len(rows), dtype=bool)
    chosen[test] = True
    description = (
        f"The set has no training and test split of its own: {TEST_SHARE:.0%} of each class, drawn with seed {seed}, "
        "test what the rest teaches."
    )
    return TrainTest(_Chosen(rows, ~chosen), _Chosen(rows, chosen), labels, description)


def known_targets(rows: Rows) -> Targets:
    """The classes (N,) of a split of a labelled set."""
    targets = rows.targets()
    assert targets is not None  # a set with labels has targets in every split
    return targets


def _check_counts(name: str, kind: str, rows: Rows, labels: Labels, at_least: int) -> None:
    targets = known_targets(rows)
    wrong = targets[(targets < 0) | (targets >= len(labels))]
    if len(wrong):
        raise InputError(f"{name}: label {wrong[0]} among its {kind} images", f"0 to {len(labels) - 1}")
    counts = np.bincount(targets, minlength=len(labels))
    fewest = int(counts.argmin())
    if counts[fewest] < at_least:
        raise InputError(
            f"{name}: class {labels[fewest]} has {counts[fewest]} {kind} images", f"at least {at_least} of each class"
        )


@dataclass(frozen=True, eq=False)
class _Chosen:
    """Those rows of a split that a mask (N,) chooses."""

    rows: Rows
    mask: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return int(self.mask.sum())

    def targets(self) -> Targets | None:
        return known_targets(self.rows)[self.mask]

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Example]:
        positions = np.flatnonzero(self.mask)[start:stop]
        if len(positions) == 0:
            return
        first, last = int(positions[0]), int(positions[-1]) + 1
        for chosen, example in zip(self.mask[first:last], self.rows.read(first, last), strict=True):
            if chosen:
                yield example
