"""One way from a name to labelled photographs: folders, archives, tables, the hub, the bundled digits."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

from snellen.data.datasets.archive import ENDINGS, is_archive, open_archive
from snellen.data.datasets.base import ImageSet
from snellen.data.datasets.digits import DIGITS, digits
from snellen.data.datasets.folder import from_tree, images_of
from snellen.data.datasets.hub import from_hub
from snellen.data.datasets.parquet import from_parquet
from snellen.data.datasets.published import published
from snellen.data.datasets.tables import from_tables, tables_of
from snellen.data.datasets.tree import Tree, folder_tree
from snellen.data.datasets.webdataset import from_shards, is_shard
from snellen.errors import InputError, shown_names
from snellen.runs.text import check_no_address

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?(:[\w.-]+)?")
_ACCEPTED = f"a folder, an archive ({', '.join(ENDINGS)}), a .parquet file or a hub id such as owner/name"


def open_dataset(name: str | Path, *, label: str | None = None, group: str | None = None) -> ImageSet:
    """The data set that ``name`` stands for; no image is read.

    Args:
        name: a folder of photographs, of class folders (also below ``train`` and ``test``), of images beside a table
            (``metadata.csv``, ``labels.csv``), of parquet files or of WebDataset shards; Oxford-IIIT Pet, CIFAR-10 or
            CIFAR-100 as published, packed or unpacked; an archive of any of these; a parquet file; a hub id such as
            ``timm/oxford-iiit-pet``, or ``owner/name:config``; or ``digits``, which scikit-learn ships.
        label: the column of labels, where a table or a parquet file has several.
        group: what belongs together, such as the frames of one film, and stays on one side of a split that is drawn: a
            column, or a regular expression in the images' names.

    Raises:
        InputError: there is no such set, it holds no images, or the hub cannot be reached.
    """
    path, name = Path(name), str(name)
    if path.is_dir():
        found = _from_folder(path, label)
    elif path.suffix == ".parquet" and path.is_file():
        found = from_parquet(name, [path], label)
    elif is_archive(name) and path.is_file():
        found = _from_archive(path, label)
    elif path.exists():
        raise InputError(f"{name}: not a data set", _ACCEPTED)
    elif name == DIGITS:
        found = digits()
    elif path.suffix == ".parquet" or is_archive(name) or not _HUB_ID.fullmatch(name):
        check_no_address(name, InputError, "save it as a file, and give that; what the hub has is owner/name")
        raise InputError(f"{name}: no such file or folder", _ACCEPTED)
    else:
        found = from_hub(name, label)
    if label is not None and found.label_column != label:
        have = f"its columns are {shown_names(found.columns)}" if found.columns else "its labels are in no table"
        raise InputError(f"{name}: no column {label!r} for `label`", have)
    return dataclasses.replace(found, name=name, group=group)


def as_dataset(dataset: ImageSet | str | Path) -> ImageSet:
    """A data set as it is, or the one that a name stands for; see :func:`open_dataset`.

    Raises:
        InputError: neither.
    """
    if isinstance(dataset, ImageSet):
        return dataset
    if not isinstance(dataset, str | Path):
        raise _no_dataset(dataset)
    return open_dataset(dataset)


def _no_dataset(given: Any) -> InputError:
    """What is no data set: of torchvision's, and of PyTorch's loaders of them, with the folder that they read."""
    root = getattr(getattr(given, "dataset", given), "root", None)
    here = f"; here its folder, {str(root)!r}" if isinstance(root, str | Path) else ""
    return InputError(f"a data set: got {type(given).__name__}", f"{_ACCEPTED}; or what `open_dataset` gives{here}")


def _from_folder(path: Path, label: str | None) -> ImageSet:
    tree = folder_tree(path)
    known = published(path, tree, label)
    if known is not None:
        return known
    parquet = [path / file for file in tree.files if file.endswith(".parquet")]
    if parquet:
        return from_parquet(str(path), sorted(parquet), label)
    archives = [path / file for file in tree.top_files() if is_archive(file)]
    if images_of(tree) or not archives:
        return _from_tree(tree, label)
    if all(is_shard(open_archive(archive)) for archive in archives):
        return from_shards(str(path), tree, archives)
    if len(archives) > 1:
        names = ", ".join(archive.name for archive in archives)
        raise InputError(f"{path}: holds no images, but {len(archives)} archives: {names}", "name one of them")
    return _from_archive(archives[0], label)


def _from_archive(path: Path, label: str | None) -> ImageSet:
    tree = open_archive(path)
    known = published(path, tree, label)
    if known is not None:
        return known
    return from_shards(str(path), None, [path]) if is_shard(tree) else _from_tree(tree, label)


def _from_tree(tree: Tree, label: str | None) -> ImageSet:
    """The data set of images in a folder or an archive, by tables where they name its images, else by folders."""
    while len(tree.top_folders()) == 1 and not tree.top_files() and not tables_of(tree):
        inner = tree.below(tree.top_folders()[0])
        if not tables_of(inner):
            break
        tree = inner
    tables = tables_of(tree)
    found = from_tables(tree, tables, label) if tables else None
    return found or from_tree(tree)
