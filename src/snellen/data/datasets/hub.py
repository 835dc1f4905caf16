"""Data sets that Hugging Face `datasets` fetches from the hub, or finds in its cache."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from snellen.data.datasets.base import Example, ImageSet, Rows, Targets
from snellen.data.datasets.digits import DIGITS
from snellen.data.datasets.parquet import Columns, columns_of, difference, labels_of
from snellen.data.hub import hub_reachable
from snellen.data.images import Source
from snellen.errors import InputError, did_you_mean
from snellen.runs.provenance import fingerprint


@dataclass(frozen=True, eq=False)
class _Hub:
    """A split that Hugging Face `datasets` keeps in its cache, mapped into memory."""

    split: str
    rows: Any
    columns: Columns

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


def from_hub(name: str) -> ImageSet:
    """The data set of that hub id, from the cache or downloaded.

    Raises:
        InputError: the hub cannot be reached, or its data set cannot be loaded.
    """
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
    columns: Columns | None = None
    for split, rows in loaded.items():
        found = columns_of(Path(name), rows.features.arrow_schema)
        if columns is not None and found != columns:
            raise InputError(f"{name}: the labels of its splits differ: {difference(columns, found)}")
        columns = found
        splits[split] = _Hub(split, rows.cast_column(found.image, datasets.Image(decode=False)), found)
    if columns is None:
        raise InputError(f"{name}: has no splits")
    described = [(split, len(rows), loaded[split].info.dataset_size) for split, rows in splits.items()]
    return ImageSet(
        name, labels_of(splits, columns, columns.names), splits, fingerprint(f"{name} {described} {columns.names}")
    )
