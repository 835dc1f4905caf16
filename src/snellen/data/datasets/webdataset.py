"""WebDataset shards: .tar files whose members share a key, ``000.jpg`` and ``000.cls``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from snellen.data.datasets.archive import open_archive
from snellen.data.datasets.base import TEST_NAMES, TRAIN_NAMES, Example, ImageSet, Rows, Targets
from snellen.data.datasets.files import Files, fingerprint_of
from snellen.data.datasets.folder import images_of
from snellen.data.datasets.tables import text_labels
from snellen.data.datasets.tree import Tree
from snellen.data.labels import MOST_DIGITS, Labels, numbered_labels
from snellen.runs.provenance import fingerprint

_LABEL_ENDINGS = (".cls", ".cls.txt")
_NAMES = ("classnames.txt", "classes.txt", "labels.txt")
_SPLIT = re.compile(rf"(?<![a-z])({'|'.join((*TRAIN_NAMES, *TEST_NAMES))})(?![a-z])")


def is_shard(tree: Tree) -> bool:
    """Whether an archive is a shard: its images stand beside members of their key that tell the class."""
    return any(path.endswith(_LABEL_ENDINGS) for path in tree.files)


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
    """
    trees = [open_archive(archive) for archive in archives]
    said = [_said(tree) for tree in trees]
    names, targets = text_labels([label for one in said for label in one.values()])
    ends = np.cumsum([len(one) for one in said])
    splits: dict[str, list[Files]] = {}
    for archive, tree, one, own in zip(archives, trees, said, np.split(targets, ends[:-1]), strict=True):
        found = _SPLIT.search(archive.name.lower())
        splits.setdefault(found[1] if found else "all", []).append(Files(tree, list(one), own))
    order = sorted(splits, key=lambda split: (split not in TRAIN_NAMES, split))
    rows: dict[str, Rows] = {split: _Shards(splits[split]) for split in order}
    labels = _labels(beside, names)
    content = [fingerprint_of(tree, list(one), str(list(one.values()))) for tree, one in zip(trees, said, strict=True)]
    return ImageSet(name, labels, rows, fingerprint("\n".join(content)))


def _said(tree: Tree) -> Mapping[str, str]:
    """The class that a shard gives to each of its images, as text; empty where it gives none."""
    by_key = {_key(path): path for path in tree.files if path.endswith(_LABEL_ENDINGS)}
    return {
        image: tree.read_text(by_key[key]).strip() if (key := _key(image)) in by_key else ""
        for image in images_of(tree)
    }


def _key(path: str) -> str:
    """What the members of one example share: the path up to the first dot in the name."""
    whole = PurePosixPath(path)
    return str(whole.with_name(whole.name.partition(".")[0]))


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
