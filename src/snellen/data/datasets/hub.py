"""Data sets that Hugging Face `datasets` fetches from the hub, or finds in its cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snellen.data.datasets.base import Example, ImageSet, Rows, Targets
from snellen.data.datasets.digits import DIGITS
from snellen.data.datasets.parquet import Columns, below, classes_of, columns_of, difference, label_at
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
    labels: Targets | None

    def __len__(self) -> int:
        return len(self.rows)

    def targets(self) -> Targets | None:
        return self.labels

    def names(self) -> Sequence[str]:
        if self.columns.id is None:
            return [f"{self.split}/{row}" for row in range(len(self))]
        return [str(value) for value in self.rows[self.columns.id]]

    def column(self, name: str) -> Sequence[str] | None:
        if name == self.columns.image or name not in self.rows.column_names:
            return None
        return [str(value) for value in self.rows[name]]

    def changed(self) -> str:
        return ""

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Example]:
        for index in range(start, len(self) if stop is None else min(stop, len(self))):
            row = self.rows[index]
            image = row[self.columns.image]
            # A null is no image; reading it says so and goes on.
            source: Source = (image["bytes"] or _fetched(image["path"] or "")) if image is not None else b""
            name = f"{self.split}/{index}" if self.columns.id is None else str(row[self.columns.id])
            yield Example(source, label_at(self.labels, index), name)


def _fetched(path: str) -> Source:
    """The image that a row names by path, as rows do whose repository holds folders or archives of images.

    Nothing where the path leads out of what `datasets` and the hub fetched: a stranger's row may name any file.
    """
    import datasets
    import huggingface_hub.constants

    config = datasets.config
    if not Path(path).is_absolute():
        return b""
    homes = (config.HF_DATASETS_CACHE, config.DOWNLOADED_DATASETS_PATH, config.EXTRACTED_DATASETS_PATH)
    for home in (huggingface_hub.constants.HF_HUB_CACHE, *homes):
        if found := below(Path(home), path):
            return found
    return b""


def from_hub(name: str, label: str | None = None) -> ImageSet:
    """The data set of that hub id, from the cache or downloaded.

    Args:
        name: ``owner/name``, or ``owner/name:config`` of one that has several configurations.
        label: the column of labels.

    Raises:
        InputError: the hub cannot be reached, its data set cannot be loaded, or a configuration must be chosen.
    """
    if not hub_reachable():
        near = did_you_mean(name, [DIGITS, *(entry.name for entry in Path().iterdir() if entry.is_dir())])
        raise InputError(
            f"{name}: no such folder, and the hub cannot be reached",
            near or f"download it where there is a network and give its folder of parquet files, or take {DIGITS}",
        )
    import datasets

    repository, _, config = name.partition(":")
    try:
        loaded = datasets.load_dataset(repository, config) if config else datasets.load_dataset(repository)
    except Exception as error:
        # Whatever a repository provokes: not found, gated, a loading script, a damaged file, a broken download.
        reason = " ".join(str(error).split()) or type(error).__name__
        configs = _configs(repository) if "onfig" in reason else []
        if configs:
            seen = f"has no configuration {config!r}" if config else f"has {len(configs)} configurations"
            hint = f"one of {', '.join(f'{repository}:{one}' for one in configs[:10])}"
            raise InputError(f"{name}: {seen}", hint) from error
        raise InputError(f"{name}: the hub's data set cannot be loaded: {reason[:300]}") from error
    return from_dataset_dict(name, loaded, label)


def _configs(repository: str) -> list[str]:
    """The configurations of a repository; none where nobody says."""
    import datasets

    try:
        return [str(config) for config in datasets.get_dataset_config_names(repository)]
    except Exception:
        # It failed already, and that is what is told.
        return []


def from_dataset_dict(name: str, loaded: Any, label: str | None = None) -> ImageSet:
    """The set that a :class:`datasets.DatasetDict` holds; its images stay encoded.

    Raises:
        InputError: no column holds images, or the label names differ between splits.
    """
    import datasets

    rows_of: dict[str, Any] = {}
    values: list[Any] = []
    columns: Columns | None = None
    for split, rows in loaded.items():
        found = columns_of(Path(name), rows.features.arrow_schema, label)
        if columns is not None and found != columns:
            raise InputError(f"{name}: the labels of its splits differ: {difference(columns, found)}")
        columns = found
        rows_of[split] = rows.cast_column(found.image, datasets.Image(decode=False))
        values += [] if found.label is None else list(rows[found.label])
    if columns is None:
        raise InputError(f"{name}: has no splits")
    labels, targets = classes_of(name, columns, values)
    splits: dict[str, Rows] = {}
    for split, rows in rows_of.items():
        own, targets = (None, None) if targets is None else (targets[: len(rows)], targets[len(rows) :])
        splits[split] = _Hub(split, rows, columns, own)
    described = [(split, len(rows), loaded[split].info.dataset_size) for split, rows in splits.items()]
    said = "" if columns.label is None else fingerprint(str({columns.label: values}))
    others = tuple(one for one in next(iter(rows_of.values())).column_names if one != columns.image)
    return ImageSet(
        name,
        labels,
        splits,
        fingerprint(f"{name} {described} {columns.names} {said}"),
        columns=others,
        label_column=label,
    )
