"""Splits whose images are files of a tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from snellen.data.datasets.base import UNLABELLED, Example, Targets
from snellen.data.datasets.tree import Tree, changes
from snellen.runs.provenance import fingerprint


@dataclass(frozen=True, eq=False)
class Files:
    """Image files of a tree, with or without labels.

    Attributes:
        tree: the tree.
        paths: path of each image.
        labels: class of each (N,), -1 where nobody said; None where there are no labels.
        columns: what a table says of each besides, by the column's name.
    """

    tree: Tree
    paths: Sequence[str]
    labels: Targets | None
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.paths)

    def targets(self) -> Targets | None:
        """See :meth:`snellen.data.datasets.base.Rows.targets`."""
        return self.labels

    def column(self, name: str) -> Sequence[str] | None:
        """See :meth:`snellen.data.datasets.base.Rows.column`."""
        return self.columns.get(name)

    def names(self) -> Sequence[str]:
        """See :meth:`snellen.data.datasets.base.Rows.names`."""
        return self.paths

    def changed(self) -> str:
        """See :meth:`snellen.data.datasets.base.Rows.changed`."""
        return changes(self.tree.changed(self.paths))

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Example]:
        """See :meth:`snellen.data.datasets.base.Rows.read`."""
        stop = len(self.paths) if stop is None else min(stop, len(self.paths))
        sources = self.tree.sources(self.paths[index] for index in range(start, stop))
        for index, source in zip(range(start, stop), sources, strict=True):
            label = UNLABELLED if self.labels is None else int(self.labels[index])
            yield Example(source, None if label == UNLABELLED else label, self.paths[index])


def fingerprint_of(tree: Tree, paths: Sequence[str], also: str = "") -> str:
    """Fingerprint of some files: of their names and sizes, and of what else decides."""
    return fingerprint("\n".join(f"{path} {tree.files[path]}" for path in paths) + also)
