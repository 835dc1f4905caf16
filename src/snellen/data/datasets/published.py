"""Recognises data sets as their makers publish them: packed or unpacked, alone, or below torchvision's root."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from snellen.data.datasets import cifar, pets
from snellen.data.datasets.archive import open_archive
from snellen.data.datasets.base import ImageSet
from snellen.data.datasets.tree import Tree, folder_tree
from snellen.errors import InputError

_PETS = "oxford-iiit-pet"
_IMAGES, _ANNOTATIONS = "images", "annotations"


@dataclass(frozen=True, eq=False)
class _Pets:
    """Oxford-IIIT Pet: its images and, where they are there, its lists."""

    images: Tree
    annotations: Tree | None
    title: str = "Oxford-IIIT Pet"

    def open(self, name: str, _: str | None) -> ImageSet:
        """The data set."""
        if self.annotations is None:
            return pets.from_names(self.images)
        return pets.from_lists(name, self.images, self.annotations)


@dataclass(frozen=True, eq=False)
class _Cifar:
    """CIFAR-10 or CIFAR-100 in one of its forms."""

    tree: Tree
    layout: cifar.Layout

    @property
    def title(self) -> str:
        """Which of the two."""
        return self.layout.title

    def open(self, name: str, label: str | None) -> ImageSet:
        """The data set."""
        return cifar.from_cifar(name, self.tree, self.layout, label)


def published(path: Path, tree: Tree, label: str | None = None) -> ImageSet | None:
    """The published data set in a folder or an archive; None where it is none.

    Args:
        path: the folder or archive.
        tree: its files.
        label: kind of label, of CIFAR-100.

    Raises:
        InputError: several data sets, as in torchvision's root.
    """
    found = list(_found_in_folder(path, tree) if path.is_dir() else _found_in_archive(path, tree))
    titles = list(dict.fromkeys(one.title for one in found))
    if len(titles) > 1:
        raise InputError(f"{path}: holds {' and '.join(titles)}", "the folder or the archive of one of them")
    return found[0].open(str(path), label) if found else None


def _found_in_folder(path: Path, tree: Tree) -> Iterator[_Pets | _Cifar]:
    """What a folder holds, unpacked forms before packed ones."""
    folders = [path / name for name in ("", _PETS) if not name or name in tree.top_folders()]
    for folder in folders:
        images = _part(folder, _IMAGES)
        if images is not None:
            yield from _pets(images, _part(folder, _ANNOTATIONS))
    if pets.named_as_pets(tree):
        yield from _pets(tree, _part(path.absolute().parent, _ANNOTATIONS))
    for layout in cifar.LAYOUTS:
        if cifar.layout_of(tree) is layout:
            yield _Cifar(tree, layout)
        elif layout.folder in tree.top_folders() and cifar.layout_of(tree.below(layout.folder)) is layout:
            yield _Cifar(tree.below(layout.folder), layout)
    for layout in cifar.LAYOUTS:
        if layout.archive in tree.files:
            yield from _found_in_archive(path / layout.archive, open_archive(path / layout.archive))


def _found_in_archive(path: Path, tree: Tree) -> Iterator[_Pets | _Cifar]:
    """What an archive holds, also below the one folder that most archives have."""
    for inside in (tree, *map(tree.below, tree.top_folders())):
        folders = inside.top_folders()
        if _IMAGES in folders and _ANNOTATIONS in folders:
            yield from _pets(inside.below(_IMAGES), inside.below(_ANNOTATIONS))
        elif pets.named_as_pets(inside):
            yield from _pets(inside, _part(path.absolute().parent, _ANNOTATIONS))
        layout = cifar.layout_of(inside)
        if layout is not None:
            yield _Cifar(inside, layout)


def _pets(images: Tree, annotations: Tree | None) -> Iterator[_Pets]:
    """The data set, where the lists are there or the images are named as its are."""
    if annotations is not None and pets.has_lists(annotations):
        yield _Pets(images, annotations)
    elif pets.named_as_pets(images):
        yield _Pets(images, None)


def _part(folder: Path, part: str) -> Tree | None:
    """``images`` or ``annotations`` in a folder, unpacked or packed; None where it is not there."""
    if (folder / part).is_dir():
        return folder_tree(folder / part)
    packed = folder / f"{part}.tar.gz"
    if not packed.is_file():
        return None
    tree = open_archive(packed)
    return tree.below(part) if part in tree.top_folders() else tree
