"""Data sets in parquet files, as Hugging Face `datasets` lays them out.

An image column (a struct of ``bytes`` and ``path``, or bytes alone), a label column whose names stand in the features,
or that holds text, truth values or whole numbers, and where there is one an ``image_id`` column.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from snellen.data.datasets.base import UNLABELLED, Example, ImageSet, Rows, Targets, files_by_split
from snellen.data.datasets.tables import LABEL_COLUMNS, text_labels
from snellen.data.datasets.tree import changes, last_change
from snellen.data.images import Source
from snellen.data.labels import Labels, numbered_labels
from snellen.errors import InputError, shown_names
from snellen.runs.provenance import fingerprint

_MOST_UNPACKED, _MOST_TIMES = 64 << 20, 100
_MANY_ROWS = 1_000_000
"""Of more rows, each has a byte of the file or more: an image or its path does not shrink to less, nothing does."""
_SOUND = "a file without them, or a sound one"
_LARGEST = np.iinfo(np.int64).max
_ROWS_AT_ONCE, _NUMBERS_AT_ONCE = 16, 1 << 16


@dataclass(frozen=True)
class Columns:
    """Which columns hold what; ``names`` are the classes, where the file's features tell them."""

    image: str
    label: str | None
    id: str | None
    names: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class _Parquet:
    """The rows of parquet files, one after another; ``labels`` (N,) are their classes."""

    split: str
    files: Sequence[Path]
    columns: Columns
    labels: Targets | None
    counts: Sequence[int] = field(default=())

    def __len__(self) -> int:
        return sum(self.counts)

    def targets(self) -> Targets | None:
        return self.labels

    def names(self) -> Sequence[str]:
        if self.columns.id is None:
            return [f"{self.split}/{row}" for row in range(len(self))]
        return [str(value) for value in self._values(self.columns.id)]

    def column(self, name: str) -> Sequence[str] | None:
        import pyarrow.parquet

        if name == self.columns.image or name not in pyarrow.parquet.read_schema(self.files[0]).names:
            return None
        return [str(value) for value in self._values(name)]

    def _values(self, column: str) -> list[Any]:
        return [value for file in self.files for value in _column(file, column)]

    def changed(self) -> str:
        return changes(map(last_change, self.files))

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Example]:
        import pyarrow.parquet

        stop = len(self) if stop is None else stop
        number = 0
        for path, count in zip(self.files, self.counts, strict=True):
            if number + count > start and number < stop:
                # Without these two, a whole column of images is read before its first row appears.
                try:
                    with pyarrow.parquet.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
                        for row, cells in self._rows(file, number, start, stop):
                            yield self._example(path, row, cells)
                except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
                    raise _unsound(path, error) from error
            number += count

    def _rows(self, file: Any, number: int, start: int, stop: int) -> Iterator[tuple[int, dict[str, Any]]]:
        """The file's rows in [start, stop), with their numbers; row groups outside are not read."""
        columns = [name for name in (self.columns.image, self.columns.id) if name is not None]
        for group in range(file.num_row_groups):
            count = file.metadata.row_group(group).num_rows
            if number + count > start and number < stop:
                for batch in file.iter_batches(_ROWS_AT_ONCE, row_groups=[group], columns=columns):
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
            source = below(path.parent, str(inside["path"]))
        name = f"{self.split}/{row}" if self.columns.id is None else str(cells[self.columns.id])
        return Example(source, label_at(self.labels, row), name)


def below(home: Path, name: str) -> Source:
    """The image that a row names by its path from ``home``; nothing where that leads out of the folder ``home``.

    Links are followed before that is judged.
    """
    try:
        home = home.resolve()
        image = (home / name).resolve()
    except (OSError, RuntimeError, ValueError):  # links that go round, a null in the name
        return b""
    return str(image) if image.is_relative_to(home) else b""


def label_at(labels: Targets | None, row: int) -> int | None:
    """The class of a row; None where it has none."""
    return None if labels is None or labels[row] == UNLABELLED else int(labels[row])


def from_parquet(name: str, files: Sequence[Path], label: str | None = None) -> ImageSet:
    """The data set in parquet files, whose names tell their splits; ``label`` is the column of labels.

    Raises:
        InputError: a file that is not sound, without images, or with other columns than the first; no such column; two
            files for one split that are no shards.
    """
    import pyarrow
    import pyarrow.parquet

    by_split = files_by_split(name, files)
    counts: dict[Path, int] = {}
    values: dict[Path, list[Any]] = {}
    about: dict[Path, str] = {}
    columns: Columns | None = None
    for path in files:
        try:
            with pyarrow.parquet.ParquetFile(path) as file:
                found = columns_of(path, file.schema_arrow, label)
                _check_size(path, file.metadata)
                counts[path] = file.metadata.num_rows
                names = [one for one in file.schema_arrow.names if one != found.image]
            values[path] = [] if found.label is None else _column(path, found.label)
            if found.label is not None and len(values[path]) != counts[path]:
                raise InputError(f"{path}: {counts[path]:,} rows, but {len(values[path]):,} labels", "a label for each")
            said = "" if found.label is None else fingerprint(str({found.label: values[path]}))
            about[path] = f"{path.name} {path.stat().st_size} {counts[path]} {_footer(path)} {said}"
        except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
            raise _unsound(path, error) from error
        if columns is not None and found != columns:
            raise InputError(
                f"{path}: its columns or labels differ from those of {files[0].name}: {difference(columns, found)}",
                "the same image and label columns, and the same label names, in each split",
            )
        columns = found
    assert columns is not None
    in_order = [path for paths in by_split.values() for path in paths]
    labels, targets = classes_of(name, columns, [value for path in in_order for value in values[path]])
    splits: dict[str, Rows] = {}
    for split, paths in by_split.items():
        count = sum(counts[path] for path in paths)
        own, targets = (None, None) if targets is None else (targets[:count], targets[count:])
        splits[split] = _Parquet(split, paths, columns, own, [counts[path] for path in paths])
    content = fingerprint("\n".join(f"{split} {about[path]}" for split, paths in by_split.items() for path in paths))
    return ImageSet(name, labels, splits, content, columns=tuple(names), label_column=label)


def _unsound(path: Path, error: Exception) -> InputError:
    return InputError(f"{path}: not a sound parquet file: {' '.join(str(error).split())}")


def _check_size(path: Path, metadata: Any) -> None:
    """Refuse a file that unpacks to far more than it is, or has millions of rows of nothing.

    What each column says of itself is not looked at: pyarrow 26 ends the process over some of it.
    """
    packed = path.stat().st_size
    unpacked = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    if unpacked > _MOST_UNPACKED and unpacked > _MOST_TIMES * packed:
        raise InputError(f"{path}: {packed:,} bytes unpack to {unpacked:,}", f"at most {_MOST_TIMES} times as many")
    if metadata.num_rows > max(_MANY_ROWS, packed):
        rows = f"at most {_MANY_ROWS:,}, or a row for each byte"
        raise InputError(f"{path}: {metadata.num_rows:,} rows in {packed:,} bytes", rows)


def _column(path: Path, name: str) -> list[Any]:
    """The values of one column of labels, names or groups.

    Raises:
        InputError: no such column, it is of lists, or its texts are far more than the file is: a text that the file has
            once may stand in each of its rows.
    """
    import pyarrow
    import pyarrow.parquet

    most = max(_MOST_UNPACKED, _MOST_TIMES * path.stat().st_size)
    values: list[Any] = []
    length = 0
    try:
        with pyarrow.parquet.ParquetFile(path, pre_buffer=False) as file:
            kinds = [entry.type for entry in file.schema_arrow if entry.name == name]
            if len(kinds) != 1:
                raise InputError(f"{path}: {len(kinds)} columns are called {name!r}", "one column of that name")
            kind = getattr(kinds[0], "storage_type", kinds[0])
            if pyarrow.types.is_nested(kind):
                word = str(kind).partition("<")[0]
                raise InputError(f"{path}: the column {name} holds {word}, not labels", "texts or numbers")
            at_once = _NUMBERS_AT_ONCE if pyarrow.types.is_primitive(kind) else _ROWS_AT_ONCE
            for batch in file.iter_batches(at_once, columns=[name]):
                cells = batch.column(name)
                rows = cells.to_pylist() if cells.nbytes <= most else []
                values += rows
                length += sum(len(value) for value in rows if isinstance(value, str | bytes))
                if max(cells.nbytes, length) > most:
                    limit = f"at most {_MOST_UNPACKED >> 20} MiB, or {_MOST_TIMES} times the file"
                    raise InputError(f"{path}: the texts of its column {name} have more than {most:,} bytes", limit)
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _unsound(path, error) from error
    return values


def classes_of(name: str, columns: Columns, values: Sequence[Any]) -> tuple[Labels | None, Targets | None]:
    """The names of the classes, and the class of each value of the label column (N,): -1 of nulls and negative numbers.

    Whole numbers that are not 0 to K - 1 are names, as texts are.

    Raises:
        InputError: values of another kind, or a number without a name.
    """
    if columns.label is None:
        return None, None
    if all(value is None or (isinstance(value, int) and not isinstance(value, bool)) for value in values):
        # Numbers beyond those that an array holds are names in any case.
        capped = (UNLABELLED if value is None else min(max(value, UNLABELLED), _LARGEST) for value in values)
        numbers = np.fromiter(capped, dtype=np.int64, count=len(values))
        if columns.names is not None:
            if len(numbers) and numbers.max() >= len(columns.names):
                raise InputError(
                    f"{name}: class {numbers.max()}, of {len(columns.names)} names", "a name for each class"
                )
            return Labels(columns.names), numbers
        known = np.unique(numbers[numbers != UNLABELLED])
        if len(known) and known[-1] == len(known) - 1:
            return numbered_labels(len(known)), numbers
        values = [None if value is None or value < 0 else value for value in values]
    elif not all(value is None or isinstance(value, str | bool) for value in values):
        odd = next(value for value in values if value is not None and not isinstance(value, str | bool | int))
        raise InputError(
            f"{name}: the column {columns.label} holds {type(odd).__name__}, not labels", "texts or numbers"
        )
    spelled = [None if value is None else str(value) for value in values]
    if columns.names is not None:
        index = {label: number for number, label in enumerate(columns.names)}
        return Labels(columns.names), np.array([index.get(one or "", UNLABELLED) for one in spelled], dtype=np.int64)
    names, targets = text_labels(spelled)
    return Labels(names), targets


def difference(one: Columns, other: Columns) -> str:
    """How the columns of two files differ, in words."""
    if one.names is not None and other.names is not None and one.names != other.names:
        odd = sorted(set(one.names) ^ set(other.names))
        return f"class {odd[0]} is not in both" if odd else "the same classes in another order"
    return f"{other.image}, {other.label or 'no label'} beside {one.image}, {one.label or 'no label'}"


def columns_of(path: Path, schema: Any, label: str | None = None) -> Columns:
    """The image, label and id columns, by the features where the file has them, else by type and name.

    Raises:
        InputError: no column holds images, or none has the name ``label``.
    """
    features = _hub_features(path, schema)
    kinds = {name: feature.get("_type") for name, feature in features.items() if isinstance(feature, Mapping)}
    images = [name for name in schema.names if kinds.get(name) == "Image"] or [
        entry.name for entry in schema if _may_hold_images(entry.type)
    ]
    if not images:
        raise InputError(f"{path}: no column holds images; it has {shown_names(schema.names)}", "an image column")
    if label is not None and label not in schema.names:
        raise InputError(f"{path}: no column {label!r} for `label`", f"its columns are {shown_names(schema.names)}")
    classes = [name for name in schema.names if kinds.get(name) == "ClassLabel"]
    named = [name for name in LABEL_COLUMNS if name in schema.names]
    label = label or next(iter([name for name in named if name in classes] or classes or named), None)
    ids = [name for name in ("image_id", "id", "file_name", "filename") if name in schema.names]
    names = _hub_names(path, features[label].get("names")) if label is not None and label in classes else None
    return Columns(images[0], label, ids[0] if ids else None, names)


def _hub_features(path: Path, schema: Any) -> Mapping[str, Any]:
    """What the hub's metadata say of each column; empty where the file has none.

    Raises:
        InputError: they are damaged.
    """
    text = (schema.metadata or {}).get(b"huggingface")
    if text is None:
        return {}
    try:
        features = json.loads(text)["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            f"{path}: its metadata for the hub are damaged", "a file without them, or a sound one"
        ) from error
    if not isinstance(features, Mapping):
        raise InputError(f"{path}: its metadata for the hub list no columns", _SOUND)
    return features


def _hub_names(path: Path, names: Any) -> tuple[str, ...]:
    """The names of the classes, as the hub's metadata have them.

    Raises:
        InputError: they are none, or two are the same.
    """
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise InputError(f"{path}: its metadata for the hub name no classes", "a list of names")
    twice = [one for one, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(f"{path}: two classes are called {twice[0]!r}", "a name of its own for each class")
    return tuple(names)


def _may_hold_images(kind: Any) -> bool:
    """Whether a column's type is bytes of any width, or a struct with such a field ``bytes``."""
    import pyarrow

    if pyarrow.types.is_struct(kind):
        return bool(kind.get_field_index("bytes") >= 0)
    return bool(
        pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind) or pyarrow.types.is_binary_view(kind)
    )


def _footer(path: Path) -> str:
    """Fingerprint of a parquet file's footer: it tells where each column lies, how long, and its statistics."""
    with path.open("rb") as file:
        file.seek(-8, os.SEEK_END)
        length = int.from_bytes(file.read(4), "little")
        file.seek(-8 - length, os.SEEK_END)
        return fingerprint(file.read(length))
