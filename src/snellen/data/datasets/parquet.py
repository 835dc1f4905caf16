"""Data sets in parquet files, as Hugging Face `datasets` lays them out.

An image column (a struct of ``bytes`` and ``path``), a label column whose names stand in the features, and where there
is one an ``image_id`` column.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from snellen.data.datasets.base import TEST_NAMES, TRAIN_NAMES, Example, ImageSet, Rows, Targets, known_targets
from snellen.data.images import Source
from snellen.data.labels import Labels, numbered_labels
from snellen.errors import InputError
from snellen.runs.provenance import fingerprint

_ROWS_AT_ONCE = 16


@dataclass(frozen=True)
class Columns:
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
    columns: Columns
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
        columns = [name for name in (self.columns.image, self.columns.label, self.columns.id) if name is not None]
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
            source = str(path.parent / inside["path"])
        label = None if self.columns.label is None else self._index(cells[self.columns.label])
        name = f"{self.split}/{row}" if self.columns.id is None else str(cells[self.columns.id])
        return Example(source, label, name)


def from_parquet(name: str, files: Sequence[Path]) -> ImageSet:
    """The data set in parquet files, whose names tell their splits.

    Raises:
        InputError: a file that is not sound, without images, or with other columns than the first.
    """
    import pyarrow
    import pyarrow.parquet

    by_split: dict[str, list[Path]] = {}
    counts: dict[Path, int] = {}
    fingerprints: list[str] = []
    columns: Columns | None = None
    for path in files:
        try:
            with pyarrow.parquet.ParquetFile(path) as file:
                found = columns_of(path, file.schema_arrow)
                counts[path] = file.metadata.num_rows
                labels = "" if found.label is None else fingerprint(str(file.read([found.label]).to_pydict()))
                fingerprints.append(f"{path.name} {path.stat().st_size} {counts[path]} {_footer(path)} {labels}")
        except (pyarrow.ArrowException, OSError) as error:
            raise InputError(f"{path}: not a sound parquet file: {error}") from error
        if columns is not None and found != columns:
            raise InputError(
                f"{path}: its columns or labels differ from those of {files[0].name}: {difference(columns, found)}",
                "the same image and label columns, and the same label names, in each split",
            )
        columns = found
        by_split.setdefault(_split_of(path), []).append(path)
    assert columns is not None
    order = sorted(by_split, key=lambda split: (split not in TRAIN_NAMES, split))
    names = columns.names or _spelled_labels(files, columns)
    splits = {
        split: _Parquet(split, by_split[split], columns, names, [counts[path] for path in by_split[split]])
        for split in order
    }
    return ImageSet(name, labels_of(splits, columns, names), splits, fingerprint("\n".join(fingerprints)))


def difference(one: Columns, other: Columns) -> str:
    """How the columns of two files differ, in words."""
    if one.names is not None and other.names is not None and one.names != other.names:
        odd = sorted(set(one.names) ^ set(other.names))
        return f"class {odd[0]} is not in both" if odd else "the same classes in another order"
    return f"{other.image}, {other.label or 'no label'} beside {one.image}, {one.label or 'no label'}"


def _split_of(path: Path) -> str:
    """``train`` of train.parquet, train-00000-of-00002.parquet and train/0000.parquet; else ``all``."""
    names = "|".join((*TRAIN_NAMES, *TEST_NAMES))
    found = re.match(rf"({names})(?![a-z])", path.name.lower()) or re.fullmatch(names, path.parent.name.lower())
    return found[0] if found else "all"


def columns_of(path: Path, schema: Any) -> Columns:
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
    return Columns(images[0], label, ids[0] if ids else None, names)


def _spelled_labels(files: Sequence[Path], columns: Columns) -> tuple[str, ...] | None:
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


def labels_of(splits: Mapping[str, Rows], columns: Columns, names: tuple[str, ...] | None) -> Labels | None:
    """The names of the classes; numbered where the files tell none."""
    if columns.label is None:
        return None
    if names is not None:
        return Labels(names)
    return numbered_labels(1 + max(int(known_targets(rows).max(initial=0)) for rows in splits.values()))


def _footer(path: Path) -> str:
    """Fingerprint of a parquet file's footer: it tells where each column lies, how long, and its statistics."""
    with path.open("rb") as file:
        file.seek(-8, os.SEEK_END)
        length = int.from_bytes(file.read(4), "little")
        file.seek(-8 - length, os.SEEK_END)
        return fingerprint(file.read(length))
