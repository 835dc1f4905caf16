"""A tree of files that is read in place: a folder, or an archive (see :mod:`snellen.data.datasets.archive`).

What machines leave behind is never data: hidden files and folders, and :data:`snellen.data.images.LEFT_BEHIND`.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from snellen.data.images import Source, is_folder, is_left_behind
from snellen.errors import InputError
from snellen.runs.provenance import fingerprint
from snellen.runs.text import decoded, read_bounded

MAX_TEXT_BYTES = 256 << 20
"""The largest list, table or pickle of a data set that is read, in bytes."""

_MOST_WAYS = 100


class Store(Protocol):
    """Where a tree's bytes are."""

    def sources(self, paths: Iterable[str]) -> Iterator[Source]:
        """Each file, as what :func:`snellen.data.images.read_image` takes."""

    def read(self, path: str) -> bytes:
        """The bytes of one small file."""

    def changed(self, paths: Iterable[str]) -> Iterator[int]:
        """When each file, or the archive that holds it, was last written to, in nanoseconds; 0 where it is gone."""


@dataclass(frozen=True, eq=False)
class Tree:
    """The files below a root, without what machines leave behind.

    Attributes:
        name: what messages call it.
        files: size in bytes of each file by its path from the root, with forward slashes, in the order in which they
            are best read.
        folders: paths of all folders, also of those that hold nothing.
        store: where the bytes are.
        prefix: path of the root in the store; empty, or ending in a slash.
    """

    name: str
    files: Mapping[str, int]
    folders: tuple[str, ...]
    store: Store
    prefix: str = ""

    def below(self, folder: str) -> Tree:
        """The tree below one of its folders."""
        start = f"{folder}/"
        return Tree(
            f"{self.name}/{folder}",
            {path.removeprefix(start): size for path, size in self.files.items() if path.startswith(start)},
            tuple(path.removeprefix(start) for path in self.folders if path.startswith(start)),
            self.store,
            self.prefix + start,
        )

    def top_folders(self) -> list[str]:
        """Names of the folders at the root, sorted."""
        return sorted(path for path in self.folders if "/" not in path)

    def top_files(self) -> list[str]:
        """Names of the files at the root, sorted."""
        return sorted(path for path in self.files if "/" not in path)

    def sources(self, paths: Iterable[str]) -> Iterator[Source]:
        """Each file, as what :func:`snellen.data.images.read_image` takes; constant memory."""
        return self.store.sources(self.prefix + path for path in paths)

    def read(self, path: str) -> bytes:
        """The bytes of a list, a table or a pickle.

        Raises:
            InputError: it cannot be read, or is too large for one.
        """
        if self.files[path] > MAX_TEXT_BYTES:
            raise InputError(f"{self.name}/{path}: larger than {MAX_TEXT_BYTES >> 20} MiB")
        return self.store.read(self.prefix + path)

    def changed(self, paths: Iterable[str]) -> Iterator[int]:
        """See :meth:`Store.changed`."""
        return self.store.changed(self.prefix + path for path in paths)

    def read_text(self, path: str) -> str:
        """The text of a list or a table, in UTF-8.

        Raises:
            InputError: as :meth:`read`, or it is no such text.
        """
        return decoded(self.read(path), f"{self.name}/{path}")


@dataclass(frozen=True)
class FolderStore:
    """Files on disk below ``root``."""

    root: Path

    def sources(self, paths: Iterable[str]) -> Iterator[Source]:
        """See :meth:`Store.sources`: paths, of files that are not opened yet."""
        return (str(self.root / path) for path in paths)

    def read(self, path: str) -> bytes:
        """See :meth:`Store.read`."""
        return read_bounded(self.root / path, MAX_TEXT_BYTES)

    def changed(self, paths: Iterable[str]) -> Iterator[int]:
        """See :meth:`Store.changed`."""
        return (last_change(self.root / path) for path in paths)


def changes(times: Iterable[int]) -> str:
    """Fingerprint of when some files were last written to."""
    return fingerprint(" ".join(map(str, times)))


def last_change(path: Path) -> int:
    """When a file was last written to, in nanoseconds; 0 where it is gone."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def folder_tree(root: Path) -> Tree:
    """The tree of a folder; links are followed, each folder once on the way down, so that none leads round.

    Two links to one folder are two folders of the tree, as two classes may be. Links between folders multiply, though:
    ten that link to each other are millions of ways. A folder that more than a hundred lead to is refused.

    Raises:
        InputError: a folder cannot be read, lies too deep, or is reached in too many ways.
    """
    files: dict[str, int] = {}
    ways: Counter[tuple[int, int]] = Counter()
    folders: list[str] = []

    def walk(folder: str, above: frozenset[tuple[int, int]]) -> None:
        here = root / folder
        try:
            about = here.stat()
            entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        except OSError as error:
            raise InputError(f"{here}: cannot be read: {error.strerror}") from error
        place = (about.st_dev, about.st_ino)
        if place in above:
            return
        ways[place] += 1
        if ways[place] > _MOST_WAYS:
            raise InputError(f"{here}: links lead to it in more than {_MOST_WAYS} ways", "folders without such links")
        if folder:
            folders.append(folder)
        for entry in entries:
            if is_left_behind(entry.name):
                continue
            path = f"{folder}/{entry.name}" if folder else entry.name
            if is_folder(entry):
                walk(path, above | {place})
                continue
            with contextlib.suppress(OSError):  # a link that leads nowhere, or to itself
                about = entry.stat()
                if stat.S_ISREG(about.st_mode):
                    files[path] = about.st_size

    try:
        walk("", frozenset())
    except RecursionError as error:
        raise InputError(f"{root}: its folders are nested too deeply") from error
    return Tree(str(root), files, tuple(folders), FolderStore(root))
