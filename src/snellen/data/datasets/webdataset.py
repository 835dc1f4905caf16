"""WebDataset shards: .tar files whose members share a key, ``000.jpg`` and ``000.cls``.

What follows a name's first dot is what a member is. The photograph of a key ends as an image does, ``jpg``; an image of
another kind, ``mask.png``, is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from snellen.data.datasets.archive import open_archive
from snellen.data.datasets.base import Example, ImageSet, Rows, Targets, files_by_split
from snellen.data.datasets.files import Files, fingerprint_of
from snellen.data.datasets.folder import images_of, listed
from snellen.data.datasets.tables import text_labels
from snellen.data.datasets.tree import Tree
from snellen.data.labels import MOST_DIGITS, Labels, numbered_labels
from snellen.errors import InputError
from snellen.runs.provenance import fingerprint

_LABEL_ENDINGS = (".cls", ".cls.txt")
_NAMES = ("classnames.txt", "classes.txt", "labels.txt")


def is_shard(tree: Tree) -> bool:
    """Whether an archive is a shard: its images stand beside members of their key that tell the class."""
    return any(_key(path)[1] in _LABEL_ENDINGS for path in tree.files)


@dataclass(frozen=True, eq=False)
class _Shards:
    """The images of some shards, one shard after another."""

    parts: Sequence[Files]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def targets(self) -> Targets | None:
        return np.concatenate([part.labels for part in self.parts if part.labels is not None])

    def names(self) -> Sequence[str]:
        return [path for part in self.parts for path in part.paths]

    def column(self, _: str) -> Sequence[str] | None:
        return None

    def changed(self) -> str:
        return fingerprint(" ".join(part.changed() for part in self.parts))

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Example]:
        stop = len(self) if stop is None else stop
        before = 0
        for part in self.parts:
            first, last = max(start - before, 0), min(stop - before, len(part))
            if first < last:
                yield from part.read(first, last)
            before += len(part)


def from_shards(name: str, beside: Tree | None, archives: Sequence[Path]) -> ImageSet:
    """The data set in shards, whose names tell their splits; texts beside them tell the names of the classes.

    Args:
        name: what messages call it.
        beside: folder that the shards lie in, for its list of names; None where there is none.
        archives: the shards, in their order.

    Raises:
        InputError: no photograph; two of one key, or two labels; two files for one split that are no shards.
    """
    by_split = files_by_split(name, archives)
    trees = [open_archive(archive) for archives in by_split.values() for archive in archives]
    images = [_photographs(tree) for tree in trees]
    said = [_said(tree, own) for tree, own in zip(trees, images, strict=True)]
    names, targets = text_labels([label for one in said for label in one])
    ends = np.cumsum([len(one) for one in said])
    parts = iter(map(Files, trees, images, np.split(targets, ends[:-1])))
    rows: dict[str, Rows] = {split: _Shards([next(parts) for _ in own]) for split, own in by_split.items()}
    labels = _labels(beside, names)
    content = [fingerprint_of(tree, own, str(one)) for tree, own, one in zip(trees, images, said, strict=True)]
    content.append(f"{[(split, len(own)) for split, own in by_split.items()]} {labels and labels.names}")
    taken = [set(own) for own in images]
    others = [path for tree, own in zip(trees, taken, strict=True) for path in images_of(tree) if path not in own]
    if not any(taken):
        have = f"; it has {listed(others)}" if others else ""
        raise InputError(f"{name}: no image is called by its key alone{have}", "key.jpg beside key.cls")
    note = f"Not taken, since only key.jpg or the like is a key's photograph: {listed(others)}." if others else ""
    return ImageSet(name, labels, rows, fingerprint("\n".join(content)), note)


def _photographs(tree: Tree) -> list[str]:
    """The photograph of each key: what ends as an image right after the first dot of its name.

    Raises:
        InputError: a key has two.
    """
    found: dict[str, str] = {}
    for path in images_of(tree):
        key, ending = _key(path)
        if "." not in ending[1:]:
            _check_alone(tree, found.setdefault(key, path), path, "photographs")
    return list(found.values())


def _said(tree: Tree, images: Sequence[str]) -> list[str]:
    """The class that a shard gives to each of its photographs, as text; empty where it gives none.

    Raises:
        InputError: a key has two.
    """
    by_key: dict[str, str] = {}
    for path in tree.files:
        key, ending = _key(path)
        if ending in _LABEL_ENDINGS:
            _check_alone(tree, by_key.setdefault(key, path), path, "labels")
    keys = [_key(image)[0] for image in images]
    return [tree.read_text(by_key[key]).strip() if key in by_key else "" for key in keys]


def _check_alone(tree: Tree, first: str, path: str, what: str) -> None:
    if path != first:
        raise InputError(f"{tree.name}: {first} and {path} are two {what} of one key", "one for each key")


def _key(path: str) -> tuple[str, str]:
    """What the members of one example share, their path up to the first dot of the name; and the ending behind it."""
    whole = PurePosixPath(path)
    stem, _, ending = whole.name.partition(".")
    return str(whole.with_name(stem)), f".{ending}".lower()


def _labels(beside: Tree | None, names: Sequence[str]) -> Labels | None:
    """The names of the classes: numbers are looked up in the list beside the shards, where there is one."""
    if not names:
        return None
    if not all(name.isdecimal() and len(name) <= MOST_DIGITS for name in names):
        return Labels(tuple(names))
    list_of_names = next((file for file in _NAMES if beside is not None and file in beside.files), None)
    if beside is not None and list_of_names is not None:
        lines = [line.strip() for line in beside.read_text(list_of_names).splitlines() if line.strip()]
        if int(names[-1]) < len(lines) == len(set(lines)):
            return Labels(tuple(lines[int(name)] for name in names))
    numbers = [str(number) for number in range(len(names))]
    return numbered_labels(len(names)) if list(names) == numbers else Labels(tuple(names))
