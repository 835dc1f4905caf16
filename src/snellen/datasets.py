"""One way from a name to labelled photographs: a hub id, parquet files, a folder, or the embedded digits.

A data set is read in order, a few images at a time, and never held whole. Its images stay encoded (a path,
or the bytes of a file) until somebody decodes them.

Hub and parquet follow the layout of Hugging Face `datasets`: an image column (a struct of ``bytes`` and
``path``), a label column whose names stand in the features, and where there is one an ``image_id`` column.
"""

from __future__ import annotations

import importlib.metadata
import io
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from snellen.errors import InputError, did_you_mean
from snellen.images import ENDINGS, Source
from snellen.labels import Labels, numbered_labels
from snellen.runs import fingerprint
from snellen.weights import hub_reachable

Targets = npt.NDArray[np.int64]

DIGITS = "digits"
DIGITS_PER_CLASS = 50
"""How many of scikit-learn's digits of each class the embedded set takes; its first ones."""
TEST_SHARE = 0.25
"""The share of each class that becomes the test split of a set that has none."""

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_TRAIN_NAMES = ("train", "training", "trainval")
_TEST_NAMES = ("test", "testing", "validation", "valid", "val")
_ROWS_AT_ONCE = 16


@dataclass(frozen=True)
class Example:
    """One image of a data set, still encoded.

    Attributes:
        source: a path, or the bytes of an image file.
        label: index of its class; None where the set has no labels.
        name: what results call it: its image id, its path in the set, or its split and row.
    """

    source: Source
    label: int | None
    name: str


class Rows(Protocol):
    """A split: examples in a fixed order."""

    def __len__(self) -> int:
        """How many examples there are."""

    def targets(self) -> Targets | None:
        """The class of each example (N,), read without its image; None where there are no labels."""

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Example]:
        """The examples from ``start`` up to ``stop``, in constant memory."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """A data set: its splits in order and the names of its classes.

    Attributes:
        name: as it was asked for.
        labels: one name for each class; None where there are none.
        splits: by name; ``all`` is the one split of a set that has no others.
        fingerprint: tells its content from another's: of the files' names and sizes, and of the footers and
            labels of parquet files; the images themselves are not read for it.
        about: what a report must say of it; empty for an ordinary set.
    """

    name: str
    labels: Labels | None
    splits: Mapping[str, Rows]
    fingerprint: str
    about: str = ""

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


@dataclass(frozen=True, eq=False)
class TrainTest:
    """A data set as training and test split.

    Attributes:
        train, test: the two.
        labels: one name for each class.
        how: one sentence on where the split comes from.
    """

    train: Rows
    test: Rows
    labels: Labels
    how: str


def open_dataset(name: str) -> ImageSet:
    """The data set that ``name`` stands for; no image is read.

    Args:
        name: a folder of photographs, of class folders (also below ``train`` and ``test``), or of parquet
            files; a parquet file; a hub id such as ``timm/oxford-iiit-pet``; or ``digits``, which
            scikit-learn ships.

    Raises:
        InputError: there is no such set, it holds no images, or the hub cannot be reached.
    """
    path = Path(name)
    if path.is_dir():
        parquet = sorted(path.rglob("*.parquet"))
        return _from_parquet(name, parquet) if parquet else _from_folder(path)
    if path.suffix == ".parquet" and path.is_file():
        return _from_parquet(name, [path])
    if path.exists():
        raise InputError(f"{name}: not a data set", "a folder, a .parquet file or a hub id")
    if name == DIGITS:
        return _digits()
    if path.suffix == ".parquet" or not _HUB_ID.fullmatch(name):
        raise InputError(f"{name}: no such file or folder", "a folder, a .parquet file or a hub id such as owner/name")
    return _from_hub(name)


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
    train_name = next((name for name in _TRAIN_NAMES if name in dataset.splits), None)
    test_name = next((name for name in _TEST_NAMES if name in dataset.splits), None)
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
    targets = _known_targets(rows)
    random = np.random.default_rng(seed)
    test: list[int] = []
    for label in range(len(labels)):
        members = random.permutation(np.flatnonzero(targets == label))
        test.extend(members[: max(1, round(TEST_SHARE * len(members)))].tolist())
    chosen = np.zeros(len(rows), dtype=bool)
    chosen[test] = True
    how = (
        f"The set has no training and test split of its own: {TEST_SHARE:.0%} of each class, drawn with seed {seed}, "
        "test what the rest teaches."
    )
    return TrainTest(_Chosen(rows, ~chosen), _Chosen(rows, chosen), labels, how)


def _known_targets(rows: Rows) -> Targets:
    targets = rows.targets()
    assert targets is not None  # a set with labels has targets in every split
    return targets


def _check_counts(name: str, kind: str, rows: Rows, labels: Labels, at_least: int) -> None:
    targets = _known_targets(rows)
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
        return _known_targets(self.rows)[self.mask]

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Example]:
        positions = np.flatnonzero(self.mask)[start:stop]
        if len(positions) == 0:
            return
        first, last = int(positions[0]), int(positions[-1]) + 1
        for chosen, example in zip(self.mask[first:last], self.rows.read(first, last), strict=True):
            if chosen:
                yield example


# --- a folder ---------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Files:
    """Image files below a root, with or without labels."""

    root: Path
    paths: Sequence[str]
    labels: Targets | None

    def __len__(self) -> int:
        return len(self.paths)

    def targets(self) -> Targets | None:
        return self.labels

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Example]:
        stop = len(self.paths) if stop is None else min(stop, len(self.paths))
        for index in range(start, stop):
            path = self.paths[index]
            yield Example(str(self.root / path), None if self.labels is None else int(self.labels[index]), path)


def _from_folder(root: Path) -> ImageSet:
    """Photographs, class folders, or splits of class folders."""
    folders = _folders(root)
    known = (*_TRAIN_NAMES, *_TEST_NAMES)
    by_split = {name: folder for name in known for folder in folders if folder.lower() == name}
    if by_split and len(by_split) == len(folders):
        return _from_split_folders(root, by_split)
    here = [path for path in _images_below(root, "") if "/" not in path]
    if here or not folders:
        paths = _images_below(root, "")
        if not paths:
            raise InputError(f"{root}: holds no images and no parquet files", f"endings: {', '.join(ENDINGS)}")
        return ImageSet(str(root), None, {"all": _Files(root, paths, None)}, _print_of(root, paths))
    rows = _class_folders(root, "", folders)
    return ImageSet(str(root), Labels(tuple(folders)), {"all": rows}, _print_of(root, rows.paths))


def _from_split_folders(root: Path, by_split: Mapping[str, str]) -> ImageSet:
    classes = {split: _folders(root / folder) for split, folder in by_split.items()}
    labels = next(iter(classes.values()))
    for split, others in classes.items():
        if others != labels:
            first = next(iter(classes))
            odd = sorted(set(others) ^ set(labels))[0]
            owner = split if odd in others else first
            raise InputError(
                f"{root}: the classes of {first} and {split} differ: {odd} is only in {owner}",
                "the same class folders in each split",
            )
    if labels:
        splits = {name: _class_folders(root, folder, labels) for name, folder in by_split.items()}
    else:
        splits = {name: _Files(root, _images_below(root, folder), None) for name, folder in by_split.items()}
    paths = [path for rows in splits.values() for path in rows.paths]
    if not paths:
        raise InputError(f"{root}: holds no images", f"endings: {', '.join(ENDINGS)}")
    return ImageSet(str(root), Labels(tuple(labels)) if labels else None, splits, _print_of(root, paths))


def _class_folders(root: Path, below: str, classes: Sequence[str]) -> _Files:
    paths: list[str] = []
    targets: list[int] = []
    for label, folder in enumerate(classes):
        found = _images_below(root, f"{below}/{folder}" if below else folder)
        paths.extend(found)
        targets.extend([label] * len(found))
    return _Files(root, paths, np.array(targets, dtype=np.int64))


def _folders(root: Path) -> list[str]:
    return sorted(entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _images_below(root: Path, folder: str) -> list[str]:
    """Paths of image files below a folder, relative to ``root``, with forward slashes, sorted."""
    files = (Path(base, name) for base, _, names in os.walk(root / folder) for name in names)
    return sorted(file.relative_to(root).as_posix() for file in files if file.suffix.lower() in ENDINGS)


def _print_of(root: Path, paths: Sequence[str]) -> str:
    return fingerprint("\n".join(f"{path} {(root / path).stat().st_size}" for path in paths))


# --- parquet ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Columns:
    """Which columns hold what; ``names`` are the classes, where the file's features tell them."""

    image: str
    label: str | None
    id: str | None
    names: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class _Parquet:
    """The rows of parquet files, one after another."""

    split: str
    files: Sequence[Path]
    columns: _Columns
    names: tuple[str, ...] | None
    counts: Sequence[int] = field(default=())

    def __len__(self) -> int:
        return sum(self.counts)

    def targets(self) -> Targets | None:
        if self.columns.label is None:
            return None
        import pyarrow.parquet

        columns = [pyarrow.parquet.read_table(file, columns=[self.columns.label]) for file in self.files]
        values = [value for column in columns for value in column[self.columns.label].to_pylist()]
        return np.array([self._index(value) for value in values], dtype=np.int64)

    def _index(self, value: Any) -> int:
        if isinstance(value, str) and self.names is not None:
            return self.names.index(value)
        return -1 if value is None else int(value)

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Example]:
        import pyarrow.parquet

        stop = len(self) if stop is None else stop
        number = 0
        for path, count in zip(self.files, self.counts, strict=True):
            if number + count > start and number < stop:
                # Without these two, a whole column of images is read before its first row appears.
                with pyarrow.parquet.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
                    for row, cells in self._rows(file, number, start, stop):
                        yield self._example(path, row, cells)
            number += count

    def _rows(self, file: Any, number: int, start: int, stop: int) -> Iterator[tuple[int, dict[str, Any]]]:
        """The file's rows in [start, stop), with their numbers; row groups outside are not read."""
        wanted = [name for name in (self.columns.image, self.columns.label, self.columns.id) if name is not None]
        for group in range(file.num_row_groups):
            count = file.metadata.row_group(group).num_rows
            if number + count > start and number < stop:
                for batch in file.iter_batches(_ROWS_AT_ONCE, row_groups=[group], columns=wanted):
                    for offset in range(batch.num_rows):
                        if start <= number + offset < stop:
                            yield number + offset, batch.slice(offset, 1).to_pylist()[0]
                    number += batch.num_rows
            else:
                number += count

    def _example(self, path: Path, row: int, cells: Mapping[str, Any]) -> Example:
        cell = cells[self.columns.image]
        inside = cell if isinstance(cell, Mapping) else {"bytes": cell}
        source: Source = inside.get("bytes") or b""
        if not source and inside.get("path"):
            source = str(path.parent / inside["path"])
        label = None if self.columns.label is None else self._index(cells[self.columns.label])
        name = f"{self.split}/{row}" if self.columns.id is None else str(cells[self.columns.id])
        return Example(source, label, name)


def _from_parquet(name: str, files: Sequence[Path]) -> ImageSet:
    import pyarrow
    import pyarrow.parquet

    by_split: dict[str, list[Path]] = {}
    counts: dict[Path, int] = {}
    prints: list[str] = []
    columns: _Columns | None = None
    for path in files:
        try:
            with pyarrow.parquet.ParquetFile(path) as file:
                found = _columns_of(path, file.schema_arrow)
                counts[path] = file.metadata.num_rows
                labels = "" if found.label is None else fingerprint(str(file.read([found.label]).to_pydict()))
                prints.append(f"{path.name} {path.stat().st_size} {counts[path]} {_footer(path)} {labels}")
        except (pyarrow.ArrowException, OSError) as error:
            raise InputError(f"{path}: not a sound parquet file: {error}") from error
        if columns is not None and found != columns:
            raise InputError(
                f"{path}: its columns or labels differ from those of {files[0].name}: {_difference(columns, found)}",
                "the same image and label columns, and the same label names, in each split",
            )
        columns = found
        by_split.setdefault(_split_of(path), []).append(path)
    assert columns is not None
    order = sorted(by_split, key=lambda split: (split not in _TRAIN_NAMES, split))
    names = columns.names or _spelled_labels(files, columns)
    splits = {
        split: _Parquet(split, by_split[split], columns, names, [counts[path] for path in by_split[split]])
        for split in order
    }
    return ImageSet(name, _labels_of(splits, columns, names), splits, fingerprint("\n".join(prints)))


def _difference(one: _Columns, other: _Columns) -> str:
    if one.names is not None and other.names is not None and one.names != other.names:
        odd = sorted(set(one.names) ^ set(other.names))
        return f"class {odd[0]} is not in both" if odd else "the same classes in another order"
    return f"{other.image}, {other.label or 'no label'} beside {one.image}, {one.label or 'no label'}"


def _split_of(path: Path) -> str:
    """``train`` of train.parquet, train-00000-of-00002.parquet and train/0000.parquet; else ``all``."""
    names = "|".join((*_TRAIN_NAMES, *_TEST_NAMES))
    found = re.match(rf"({names})(?![a-z])", path.name.lower()) or re.fullmatch(names, path.parent.name.lower())
    return found[0] if found else "all"


def _columns_of(path: Path, schema: Any) -> _Columns:
    """The image, label and id columns, by the features where the file has them, else by type and name."""
    import pyarrow

    features: dict[str, Any] = {}
    if b"huggingface" in (schema.metadata or {}):
        features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    kinds = {name: feature.get("_type") for name, feature in features.items() if isinstance(feature, Mapping)}
    images = [name for name in schema.names if kinds.get(name) == "Image"] or [
        entry.name
        for entry in schema
        if pyarrow.types.is_binary(entry.type)
        or (pyarrow.types.is_struct(entry.type) and entry.type.get_field_index("bytes") >= 0)
    ]
    if not images:
        raise InputError(f"{path}: no column holds images; it has {', '.join(schema.names)}", "an image column")
    classes = [name for name in schema.names if kinds.get(name) == "ClassLabel"]
    named = [name for name in ("label", "labels", "fine_label", "class") if name in schema.names]
    label = next(iter([name for name in named if name in classes] or classes or named), None)
    ids = [name for name in ("image_id", "id", "file_name", "filename") if name in schema.names]
    names = tuple(features[label]["names"]) if label is not None and label in classes else None
    return _Columns(images[0], label, ids[0] if ids else None, names)


def _spelled_labels(files: Sequence[Path], columns: _Columns) -> tuple[str, ...] | None:
    """The classes of a label column that holds them as text."""
    import pyarrow
    import pyarrow.compute
    import pyarrow.parquet

    if columns.label is None or not pyarrow.types.is_string(
        pyarrow.parquet.read_schema(files[0]).field(columns.label).type
    ):
        return None
    found: set[str] = set()
    for path in files:
        table = pyarrow.parquet.read_table(path, columns=[columns.label])
        found.update(pyarrow.compute.unique(table[columns.label]).to_pylist())
    return tuple(sorted(found))


def _labels_of(splits: Mapping[str, Rows], columns: _Columns, names: tuple[str, ...] | None) -> Labels | None:
    if columns.label is None:
        return None
    if names is not None:
        return Labels(names)
    return numbered_labels(1 + max(int(_known_targets(rows).max(initial=0)) for rows in splits.values()))


def _footer(path: Path) -> str:
    """Fingerprint of a parquet file's footer: it tells where each column lies, how long, and its statistics."""
    with path.open("rb") as file:
        file.seek(-8, os.SEEK_END)
        length = int.from_bytes(file.read(4), "little")
        file.seek(-8 - length, os.SEEK_END)
        return fingerprint(file.read(length))


# --- the hub ----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Hub:
    """A split that Hugging Face `datasets` keeps in its cache, mapped into memory."""

    split: str
    rows: Any
    columns: _Columns

    def __len__(self) -> int:
        return len(self.rows)

    def targets(self) -> Targets | None:
        if self.columns.label is None:
            return None
        return np.array([-1 if v is None else v for v in self.rows[self.columns.label]], dtype=np.int64)

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Example]:
        for index in range(start, len(self) if stop is None else min(stop, len(self))):
            row = self.rows[index]
            image = row[self.columns.image]
            source: Source = image["bytes"] or image["path"] or b""
            label = None if self.columns.label is None else row[self.columns.label]
            name = f"{self.split}/{index}" if self.columns.id is None else str(row[self.columns.id])
            yield Example(source, label, name)


def _from_hub(name: str) -> ImageSet:
    if not hub_reachable():
        near = did_you_mean(name, [DIGITS, *(entry.name for entry in Path().iterdir() if entry.is_dir())])
        raise InputError(
            f"{name}: no such folder, and the hub cannot be reached",
            near or f"download it where there is a network and give its folder of parquet files, or take {DIGITS}",
        )
    import datasets

    try:
        loaded = datasets.load_dataset(name)
    except Exception as error:
        # Whatever a repository provokes: not found, gated, a loading script, a damaged file, a broken download.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{name}: the hub's data set cannot be loaded: {reason[:300]}") from error
    return from_dataset_dict(name, loaded)


def from_dataset_dict(name: str, loaded: Any) -> ImageSet:
    """The set that a :class:`datasets.DatasetDict` holds; its images stay encoded.

    Raises:
        InputError: no column holds images, or the label names differ between splits.
    """
    import datasets

    splits: dict[str, Rows] = {}
    columns: _Columns | None = None
    for split, rows in loaded.items():
        found = _columns_of(Path(name), rows.features.arrow_schema)
        if columns is not None and found != columns:
            raise InputError(f"{name}: the labels of its splits differ: {_difference(columns, found)}")
        columns = found
        splits[split] = _Hub(split, rows.cast_column(found.image, datasets.Image(decode=False)), found)
    if columns is None:
        raise InputError(f"{name}: has no splits")
    described = [(split, len(rows), loaded[split].info.dataset_size) for split, rows in splits.items()]
    return ImageSet(
        name, _labels_of(splits, columns, columns.names), splits, fingerprint(f"{name} {described} {columns.names}")
    )


# --- the embedded digits ----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Digits:
    """Grey 8 x 8 images (N, 8, 8) with values 0 to 16, and their classes (N,)."""

    images: npt.NDArray[np.float64]
    labels: Targets

    def __len__(self) -> int:
        return len(self.labels)

    def targets(self) -> Targets | None:
        return self.labels

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Example]:
        for index in range(len(self))[start:stop]:
            file = io.BytesIO()
            Image.fromarray(np.round(self.images[index] * 255 / 16).astype(np.uint8)).save(file, "PNG")
            yield Example(file.getvalue(), int(self.labels[index]), f"digit {index}")


def _digits() -> ImageSet:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    order = np.concatenate([np.flatnonzero(bunch.target == digit)[:DIGITS_PER_CLASS] for digit in range(10)])
    about = (
        f"These are the first {DIGITS_PER_CLASS} of each class of the 8 x 8 handwritten digits that scikit-learn ships "
        "(Alpaydin and Kaynak 1998), enlarged: they stand in where no data set was given, and say little about "
        "photographs."
    )
    return ImageSet(
        DIGITS,
        Labels(tuple(str(digit) for digit in range(10))),
        {"all": _Digits(bunch.images[order], bunch.target[order].astype(np.int64))},
        fingerprint(f"{DIGITS} {DIGITS_PER_CLASS} {importlib.metadata.version('scikit-learn')}"),
        about,
    )
