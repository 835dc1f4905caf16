"""Data sets by the names of folders: photographs, class folders, or splits of class folders."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from snellen.data.datasets.base import MOST_NAMED, TEST_NAMES, TRAIN_NAMES, UNLABELLED, ImageSet
from snellen.data.datasets.files import Files, fingerprint_of
from snellen.data.datasets.tree import Tree
from snellen.data.images import EXTENSIONS, is_image_name, not_taken
from snellen.data.labels import Labels
from snellen.errors import InputError

_IMAGE_FOLDERS = {"images", "image", "imgs", "jpegimages"}
_OTHER_PARTS = {"annotations", "annotation", "labels", "masks", "trimaps", "xmls", "segmentation", "imagesets"}


def from_tree(tree: Tree) -> ImageSet:
    """Photographs, class folders, or splits of class folders.

    Raises:
        InputError: no images; classes that only the test has; folders of which nobody can say what they are.
    """
    images = images_of(tree)
    others = not_taken(tree.files)
    if not images:
        seen = f"; not taken: {others}" if others else " and no parquet files"
        raise InputError(f"{tree.name}: holds no images{seen}", f"extensions: {', '.join(EXTENSIONS)}")
    notes = [f"Not taken: {others}."] if others else []
    by_split = split_folders(tree.top_folders())
    with_images = sorted({path.partition("/")[0] for path in images if "/" in path})
    strangers = [name for name in with_images if name not in by_split.values()]
    flat = [path for path in images if "/" not in path]
    if by_split and _are_splits(tree, by_split, strangers, images):
        return _from_splits(tree, by_split, images, notes + _stranger_note(strangers + flat))
    if flat:
        return set_of(tree, None, {"all": Files(tree, images, None)}, notes)
    inner = _inner_folder(with_images, images)
    if inner is not None:
        found = from_tree(tree.below(inner))
        note = f"Its classes are the folders in {inner}." if found.labels is not None else ""
        return dataclasses.replace(found, name=tree.name, note=" ".join(filter(None, [note, found.note])))
    _check_classes(tree, with_images)
    notes += _empty_note(tree.top_folders(), with_images)
    rows = _labelled(tree, images, with_images, 0)
    return set_of(tree, with_images, {"all": rows}, notes)


def images_of(tree: Tree) -> list[str]:
    """Paths of the tree's images, by their endings, in its order."""
    return [path for path in tree.files if is_image_name(path)]


def class_folders(tree: Tree) -> tuple[str, ...]:
    """The classes that a tree's folders are, by :func:`from_tree`; empty where they are none, or a single one."""
    try:
        labels = from_tree(tree).labels
    except InputError:
        return ()
    return labels.names if labels is not None and len(labels) > 1 else ()


def split_folders(names: Iterable[str]) -> dict[str, str]:
    """Those of some folders that are named as splits are, by the split's name, training first."""
    lowered = {name.lower(): name for name in names}
    return {split: lowered[split] for split in (*TRAIN_NAMES, *TEST_NAMES) if split in lowered}


def _are_splits(tree: Tree, by_split: Mapping[str, str], strangers: Sequence[str], images: Sequence[str]) -> bool:
    """Whether folders named as splits are splits: ``train`` beside ``car`` and ``bus`` is a vehicle."""
    if not strangers or (set(by_split) & set(TRAIN_NAMES) and set(by_split) & set(TEST_NAMES)):
        return True
    below = [path for path in images if path.partition("/")[0] in by_split.values()]
    if all(path.count("/") == 1 for path in below):
        return False
    raise InputError(
        f"{tree.name}: is {next(iter(by_split.values()))} a split, or a class beside {strangers[0]}?",
        "train and test folders only, or class folders only",
    )


def _from_splits(tree: Tree, by_split: Mapping[str, str], images: Sequence[str], notes: list[str]) -> ImageSet:
    """Splits, each of class folders; one whose images lie flat has no labels, as the test of a competition."""
    paths = {split: [path for path in images if path.startswith(f"{name}/")] for split, name in by_split.items()}
    notes = notes + [f"The folder {by_split[split]} holds no images." for split, found in paths.items() if not found]
    paths = {split: found for split, found in paths.items() if found}
    classes = {split: _classes(found) for split, found in paths.items()}
    first = next((split for split in paths if classes[split]), None)
    if first is None:
        return set_of(tree, None, {split: Files(tree, found, None) for split, found in paths.items()}, notes)
    labels = classes[first]
    for split, others in classes.items():
        only_here = sorted(set(others) - set(labels))
        # A competition's test images often lie in one folder, called unknown or all.
        if only_here and len(others) > 1:
            raise InputError(
                f"{tree.name}: the classes of {first} and {split} differ: {only_here[0]} is only in {split}",
                "no class in the test that is not learned",
            )
    _check_classes(tree, labels)
    notes += _empty_note(tree.below(by_split[first]).top_folders(), labels)
    splits = {split: _labelled(tree, found, labels, 1) for split, found in paths.items()}
    return set_of(tree, labels, splits, notes)


def set_of(tree: Tree, labels: Sequence[str] | None, splits: Mapping[str, Files], notes: Iterable[str]) -> ImageSet:
    """The data set of some splits of a tree's files."""
    paths = [path for rows in splits.values() for path in rows.paths]
    names = None if labels is None else Labels(tuple(labels))
    return ImageSet(tree.name, names, splits, fingerprint_of(tree, paths), " ".join(notes))


def _labelled(tree: Tree, images: Sequence[str], labels: Sequence[str], depth: int) -> Files:
    """Images with the class of their folder, ``depth`` folders below the root."""
    index = {label: number for number, label in enumerate(labels)}
    targets = [index.get(path.split("/")[depth], UNLABELLED) for path in images]
    return Files(tree, images, np.array(targets, dtype=np.int64))


def _classes(paths: Iterable[str]) -> list[str]:
    """The class folders of a split's images, sorted."""
    return sorted({path.split("/")[1] for path in paths if path.count("/") > 1})


def _inner_folder(with_images: Sequence[str], images: Sequence[str]) -> str | None:
    """The only folder with images, where it holds folders of them, not images: as archives wrap what they hold."""
    if len(with_images) > 1 or any(path.count("/") == 1 for path in images):
        return None
    return with_images[0]


def _check_classes(tree: Tree, classes: Sequence[str]) -> None:
    """Refuse the parts of a data set that look like its classes."""
    lowered = {name.lower() for name in classes}
    if len(lowered) > 1 and lowered & _IMAGE_FOLDERS and not lowered - _IMAGE_FOLDERS - _OTHER_PARTS:
        raise InputError(
            f"{tree.name}: its folders {' and '.join(classes)} look like parts of one data set, not like classes",
            "class folders, or a table of labels: metadata.csv with the columns file_name and label",
        )


def _stranger_note(strangers: Sequence[str]) -> list[str]:
    return [f"Left out, since they stand beside the splits: {listed(strangers)}."] if strangers else []


def _empty_note(folders: Sequence[str], labels: Sequence[str]) -> list[str]:
    empty = sorted(set(folders) - set(labels))
    return [f"Without images, so no classes: {listed(empty)}."] if empty else []


def listed(names: Sequence[str]) -> str:
    """The first of some names, and how many there are more."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
