"""What every labelled data set is: splits of examples whose images stay encoded, read in order, never held whole."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from snellen.data.images import Source
from snellen.data.labels import Labels, labels_for_people
from snellen.errors import InputError, shown_names
from snellen.runs.provenance import fingerprint

Targets = npt.NDArray[np.int64]
UNLABELLED = -1
"""The class of an image whose class nobody says: a null, or what the hub writes for a hidden label."""

TRAIN_NAMES = ("train", "training", "trainval")
TEST_NAMES = ("test", "testing", "validation", "valid", "val")
MOST_NAMED = 5
"""How many names a sentence lists before it stops."""
TEST_SHARE = 0.25
"""The share of each class that becomes the test split of a set that has none."""
_SPLIT = re.compile(rf"(?<![a-z])({'|'.join((*TRAIN_NAMES, *TEST_NAMES))})(?![a-z])")
_SHARD = re.compile(r"[0-9]+(-of-[0-9]+).*|[0-9]{5,}|[0-9]+$")
"""What tells the shards of one series apart: ``00000-of-00002``, long numbers, or one that ends the name."""


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
        """The class of each example (N,), read without its image; -1 where it has none, None where none has one."""

    def names(self) -> Sequence[str]:
        """The name of each example (N,), read without its image."""

    def column(self, name: str) -> Sequence[str] | None:
        """What a column of the set's own table says of each example, as text; None where there is no such column."""

    def changed(self) -> str:
        """When the files behind it were last written to, as a fingerprint; empty where nothing can be written to."""

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Example]:
        """The examples from ``start`` up to ``stop``, in constant memory."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """A data set: its splits in order and the names of its classes.

    Attributes:
        name: name, as it was asked for.
        labels: names of the classes; None where there are none.
        splits: splits by name; ``all`` is the one split of a set that has no others.
        fingerprint: fingerprint of its content: of the files' names and sizes, of the splits and labels, and of the
            footers of parquet files; the images themselves are not read for it.
        note: what a report must say of it; empty for an ordinary set.
        columns: names of the columns of its own table, of which one may be asked for as the label or the group.
        label_column: the column that was asked for as the label; None where nobody asked.
        group: what belongs together and stays on one side of a split that is drawn: one of the columns, or a regular
            expression whose first group, or all of what it finds, in an image's name is what those that belong
            together share; None where every image stands for itself.
    """

    name: str
    labels: Labels | None
    splits: Mapping[str, Rows]
    fingerprint: str
    note: str = ""
    columns: tuple[str, ...] = ()
    label_column: str | None = None
    group: str | None = None

    def __len__(self) -> int:
        return sum(len(rows) for rows in self.splits.values())

    def changed(self) -> str:
        """When its files were last written to, as a fingerprint.

        Beside :attr:`fingerprint`, which a copy of the files shares, it tells whether what was computed from them
        before still holds: an image may be replaced by another of its size.
        """
        return fingerprint(" ".join(rows.changed() for rows in self.splits.values()))

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


def files_by_split(name: str, files: Sequence[Path]) -> dict[str, list[Path]]:
    """The files of each split, training first, in their order.

    A split is a word of the file's name, as in ``pets_train.parquet``, or the name of its folder; of others it is
    ``all``. The files of one split are shards: by their names, which differ in a number, or since they fill a folder
    that is named as the split. Where no name says a split, all files are the set, whatever they are called.

    Args:
        name: what messages call the set.
        files: parquet files or archives.

    Raises:
        InputError: files of two names for one split, which may hold the same examples twice.
    """
    found: dict[str, list[Path]] = {}
    series: dict[str, tuple[str, str]] = {}
    for path in files:
        words, folder = set(_SPLIT.findall(path.name.lower())), path.parent.name.lower()
        of_folder = len(words) != 1 and folder in (*TRAIN_NAMES, *TEST_NAMES)
        split = words.pop() if len(words) == 1 else folder if of_folder else "all"
        stem = "" if of_folder else _SHARD.sub(r"#\1", path.name.lower().partition(".")[0])
        own = str(path.parent), stem
        if split != "all" and series.setdefault(split, own) != own:
            first = found[split][0]
            names = [path.name, first.name] if path.name != first.name else [str(path), str(first)]
            raise InputError(
                f"{name}: {names[1]} and {names[0]} are both the split {split} by their names",
                f"one of them alone, or shards of one name: {split}-00000-of-00002, {split}-00001-of-00002",
            )
        found.setdefault(split, []).append(path)
    return {split: found[split] for split in sorted(found, key=lambda split: (split not in TRAIN_NAMES, split))}


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

    Images without a class are in neither; where a split has no others, as the hidden test splits of competitions, the
    set is taken as if it had no such split. Each is said in the description.

    Args:
        dataset: labelled photographs.
        seed: seed of the split that is drawn.

    Raises:
        InputError: no labels, one class only, a class with too few images to learn from, splits without a training
            one, or a group where no split is drawn, or that is no regular expression or not found in a name.
    """
    labels, group = _labels_of(dataset), dataset.group
    labelled = {name: _labelled(rows) for name, rows in dataset.splits.items()}
    usable = {name: rows for name, rows in labelled.items() if len(rows)}
    if not usable:
        raise InputError(f"{dataset.name}: none of its {len(dataset)} images has a label", "labelled images")
    train_name = next((name for name in TRAIN_NAMES if name in usable), None)
    test_name = next((name for name in TEST_NAMES if name in usable), None)
    if train_name and test_name:
        if group is not None:
            raise InputError(f"`group` {group}: {dataset.name} has splits of its own", "a set whose split is drawn")
        train, test = usable[train_name], usable[test_name]
        description = f"The set's own splits: {train_name} to learn from, {test_name} to test."
    elif len(usable) == 1:
        (rows,) = usable.values()
        _check_counts(dataset.name, "labelled", rows, labels, at_least=3)
        chosen = _stratified(rows, labels, seed) if group is None else _grouped(dataset.name, rows, group, seed)
        train, test = _Chosen(rows, ~chosen), _Chosen(rows, chosen)
        description = _drawn(dataset, seed, group)
    else:
        have = ", ".join(dataset.splits)
        raise InputError(f"{dataset.name}: its splits are {have}", "a train and a test split, or one split to be cut")
    _check_counts(dataset.name, "training", train, labels, at_least=2)
    _check_counts(dataset.name, "test", test, labels, at_least=0)
    said = [description, *_unlabelled(dataset, usable), *_absent(test, labels)]
    return TrainTest(train, test, labels, " ".join(said))


def _labels_of(dataset: ImageSet) -> Labels:
    """The names of at least two classes, of WordNet ids what they stand for."""
    if dataset.labels is None:
        columns = shown_names(dataset.columns)
        raise InputError(
            f"{dataset.name}: has no labels" + (f"; its columns are {columns}" if columns else ""),
            "name the column by `label`"
            if columns
            else "a folder with one folder of images a class, or a label column",
        )
    if len(dataset.labels) < 2:
        raise InputError(f"{dataset.name}: has one class only, {dataset.labels[0]}", "at least two classes")
    return dataset.labels if dataset.labels.synonyms else labels_for_people(dataset.labels)


def _labelled(rows: Rows) -> Rows:
    """The examples of a split that have a class."""
    targets = rows.targets()
    known = np.zeros(len(rows), dtype=bool) if targets is None else targets != UNLABELLED
    return rows if known.all() else _Chosen(rows, known)


def _unlabelled(dataset: ImageSet, usable: Mapping[str, Rows]) -> list[str]:
    """A sentence for each split with images that nobody labelled."""
    sentences = []
    for name, rows in dataset.splits.items():
        count = len(rows) - (len(usable[name]) if name in usable else 0)
        if count:
            where = f"the split {name}" if len(dataset.splits) > 1 else "the set"
            sentences.append(f"{count:,} of {len(rows):,} images of {where} have no label and are left out.")
    return sentences


def _absent(test: Rows, labels: Labels) -> list[str]:
    """A sentence where the test split lacks classes."""
    counts = np.bincount(known_targets(test), minlength=len(labels))
    absent = [labels[index] for index in np.flatnonzero(counts == 0)]
    if not absent:
        return []
    names = ", ".join(absent[:MOST_NAMED]) + (", ..." if len(absent) > MOST_NAMED else "")
    return [
        f"The test split has no image of {len(absent)} of the {len(labels)} classes ({names}): they are learned, and "
        "are in no mean."
    ]


def _drawn(dataset: ImageSet, seed: int, group: str | None) -> str:
    have = "The set has no training and test split of its own"
    if group is None:
        return f"{have}: {TEST_SHARE:.0%} of each class, drawn with seed {seed}, test what the rest teaches."
    what = group if group in dataset.columns else f"what {group} finds in its name"
    return (
        f"{have}: about {TEST_SHARE:.0%} of each class, drawn with seed {seed}, test what the rest teaches. Images "
        f"that share {what} stay on one side."
    )


def _stratified(rows: Rows, labels: Labels, seed: int) -> npt.NDArray[np.bool_]:
    """Which rows (N,) test: a quarter of each class, at least one image, drawn; the order of the set is kept."""
    targets = known_targets(rows)
    random = np.random.default_rng(seed)
    chosen = np.zeros(len(rows), dtype=bool)
    for label in range(len(labels)):
        members = random.permutation(np.flatnonzero(targets == label))
        chosen[members[: max(1, round(TEST_SHARE * len(members)))]] = True
    return chosen


def _grouped(name: str, rows: Rows, group: str, seed: int) -> npt.NDArray[np.bool_]:
    """Which rows (N,) test: whole groups, drawn so that each class has about a quarter of its images among them."""
    from sklearn.model_selection import StratifiedGroupKFold

    groups = groups_of(rows, group)
    folds = round(1 / TEST_SHARE)
    if len(set(groups)) < folds:
        raise InputError(f"{name}: `group` {group} gives {len(set(groups))} groups", f"at least {folds}")
    cut = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    _, test = next(cut.split(np.zeros(len(rows)), known_targets(rows), groups))
    chosen = np.zeros(len(rows), dtype=bool)
    chosen[test] = True
    return chosen


def groups_of(rows: Rows, group: str) -> list[str]:
    """What each example (N,) belongs to, by a column or by a regular expression in its name.

    Raises:
        InputError: neither a column nor a regular expression, or not found in a name.
    """
    column = rows.column(group)
    if column is not None:
        return list(column)
    try:
        pattern = re.compile(group)
    except re.error as error:
        raise InputError(f"`group` {group}: no regular expression: {error}", "such as '^(.*)_[0-9]+'") from error
    found = []
    for name in rows.names():
        match = pattern.search(name)
        if match is None:
            raise InputError(f"`group` {group}: not found in {name}", "a column, or an expression that all names have")
        found.append(match[1] if pattern.groups and match[1] is not None else match[0])
    return found


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
    """Those rows of a split that a mask (N,) chooses; every split of the set has targets."""

    rows: Rows
    mask: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return int(self.mask.sum())

    def targets(self) -> Targets | None:
        return known_targets(self.rows)[self.mask]

    def names(self) -> Sequence[str]:
        return list(itertools.compress(self.rows.names(), self.mask))

    def column(self, name: str) -> Sequence[str] | None:
        values = self.rows.column(name)
        return None if values is None else list(itertools.compress(values, self.mask))

    def changed(self) -> str:
        return self.rows.changed()

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Example]:
        positions = np.flatnonzero(self.mask)[start:stop]
        if len(positions) == 0:
            return
        first, last = int(positions[0]), int(positions[-1]) + 1
        for chosen, example in zip(self.mask[first:last], self.rows.read(first, last), strict=True):
            if chosen:
                yield example
