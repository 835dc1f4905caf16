"""One way from a name to labelled photographs: a hub id, parquet files, a folder, or the bundled digits."""

from __future__ import annotations

import re
from pathlib import Path

from snellen.data.datasets.base import ImageSet
from snellen.data.datasets.digits import DIGITS, digits
from snellen.data.datasets.folder import from_folder
from snellen.data.datasets.hub import from_hub
from snellen.data.datasets.parquet import from_parquet
from snellen.errors import InputError

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


def open_dataset(name: str) -> ImageSet:
    """The data set that ``name`` stands for; no image is read.

    Args:
        name: a folder of photographs, of class folders (also below ``train`` and ``test``), or of parquet
            files; a parquet file; a hub id such as ``timm/oxford-iiit-pet``; or ``digits``, which
            scikit-learn ships.

    Raises:
        InputError: there is no such set, it holds no images, or the hub cannot be reached.
    """
    path = Path(name)
    if path.is_dir():
        parquet = sorted(path.rglob("*.parquet"))
        return from_parquet(name, parquet) if parquet else from_folder(path)
    if path.suffix == ".parquet" and path.is_file():
        return from_parquet(name, [path])
    if path.exists():
        raise InputError(f"{name}: not a data set", "a folder, a .parquet file or a hub id")
    if name == DIGITS:
        return digits()
    if path.suffix == ".parquet" or not _HUB_ID.fullmatch(name):
        raise InputError(f"{name}: no such file or folder", "a folder, a .parquet file or a hub id such as owner/name")
    return from_hub(name)
