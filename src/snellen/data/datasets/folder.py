"""Data sets in folders: photographs, class folders, or splits of class folders."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snellen.data.datasets.base import TEST_NAMES, TRAIN_NAMES, Example, ImageSet, Targets
from snellen.data.images import EXTENSIONS
from snellen.data.labels import Labels
from snellen.errors import InputError
from snellen.runs.provenance import fingerprint


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


def from_folder(root: Path) -> ImageSet:
    """Photographs, class folders, or splits of class folders."""
    folders = _folders(root)
    known = (*TRAIN_NAMES, *TEST_NAMES)
    by_split = {name: folder for name in known for folder in folders if folder.lower() == name}
    if by_split and len(by_split) == len(folders):
        return _from_split_folders(root, by_split)
    here = [path for path in _images_below(root, "") if "/" not in path]
    if here or not folders:
        paths = _images_below(root, "")
        if not paths:
            raise InputError(f"{root}: holds no images and no parquet files", f"extensions: {', '.join(EXTENSIONS)}")
        return ImageSet(str(root), None, {"all": _Files(root, paths, None)}, _fingerprint_of(root, paths))
    rows = _class_folders(root, "", folders)
    return ImageSet(str(root), Labels(tuple(folders)), {"all": rows}, _fingerprint_of(root, rows.paths))


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
        raise InputError(f"{root}: holds no images", f"extensions: {', '.join(EXTENSIONS)}")
    return ImageSet(str(root), Labels(tuple(labels)) if labels else None, splits, _fingerprint_of(root, paths))


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
    return sorted(file.relative_to(root).as_posix() for file in files if file.suffix.lower() in EXTENSIONS)


def _fingerprint_of(root: Path, paths: Sequence[str]) -> str:
    return fingerprint("\n".join(f"{path} {(root / path).stat().st_size}" for path in paths))
