"""A stranger's folder: which files are there, and what is read of them, within bounds."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

from snellen.attacks.file_check import Claim
from snellen.data.datasets import open_dataset
from snellen.data.datasets.base import ImageSet
from snellen.data.datasets.digits import DIGITS, digits
from snellen.data.images import is_left_behind
from snellen.errors import InputError, shown
from snellen.exam.contents import CONTENTS, Contents, digest
from snellen.exam.verify.terms import Means
from snellen.prose import counted
from snellen.runs.ledger import MANIFEST
from snellen.runs.provenance import Provenance
from snellen.runs.serialise import from_plain, read_json
from snellen.transfer.files import DESCRIPTION

MOST_NAMED = 8
"""Files that are named by themselves; of more, their number is said."""
LEFT_BY = {"categories": "result.json", "attack": "result.json", "training": "*", "probe": DESCRIPTION}
"""A file that each part that can be verified leaves in its folder, or below."""
_MOST_FILES = 100_000
_MOST_PHOTOGRAPHS = 2_000
_DEEPEST = 32
"""Folders within folders; an exam's are fewer."""


@dataclass(frozen=True, eq=False)
class StrangersFolder:
    """An exam's folder, of anybody's, and the means to verify it with.

    Attributes:
        home: the folder.
        provenance: what it says that it was made with.
        names: paths of its files, from ``home``.
        means: model, data sets and terms.
    """

    home: Path
    provenance: Provenance
    names: Sequence[str]
    means: Means

    @functools.cached_property
    def contents(self) -> Contents:
        """What its own list says: digests of its files, and the copies of its photographs; of no sound list nothing."""
        try:
            return read_contents(self.home)
        except Exception:  # what is wrong with it is a claim, see :func:`snellen.exam.verify.verify_exam`
            return Contents({}, {})

    @functools.cached_property
    def photographs(self) -> tuple[str, ...]:
        """SHA-256 of its copies of photographs, sorted, as they are now; of those that are there."""
        found = []
        for copy in self.contents.photographs.values():
            with contextlib.suppress(InputError, OSError):
                found.append(digest(self.file(copy)))
        return tuple(sorted(found))

    def file(self, name: str) -> Path:
        """The regular file ``name`` of the folder's own; see :func:`file_below`."""
        return file_below(self.home, name)

    def json(self, name: str) -> Any:
        """What a JSON file of the folder's holds."""
        return read_json(self.file(name))

    def copy_of(self, image: str) -> Path:
        """The copy of the photograph that results name so.

        Raises:
            InputError: there is none.
        """
        if image not in self.contents.photographs:
            raise InputError(f"{shown(image)}: no copy of it is in the folder")
        return self.file(self.contents.photographs[image])

    def has(self, part: str) -> bool:
        """Whether it has a part's results; of a part that is not recomputed, any file, and says so."""
        if part not in LEFT_BY and part not in self.contents.parts:
            return False
        below = [PurePosixPath(name).name for name in self.names if name.startswith(f"{part}/")]
        return any(fnmatch(name, LEFT_BY.get(part, "*")) and not is_left_behind(name) for name in below)

    def left_out(self, part: str, names: Sequence[str]) -> Iterator[Claim]:
        """Photographs of the exam that a part says nothing of: what would not hold may have been taken out."""
        silent = sorted(set(self.contents.photographs) - set(names))
        if silent:
            such = ", ".join(map(shown, silent[:MOST_NAMED]))
            yield Claim(f"{part}: nothing is said of {counted(len(silent), 'photograph')}: {such}", False)

    def data_set(self, name: str, what: str) -> ImageSet | Claim:
        """The data set of that name, where it comes with the packages or somebody said where it lies."""
        place = self.means.datasets.get(name, name)
        if place == DIGITS:
            # Not what may have been unpacked into the working directory under that name.
            return digits()
        if name in self.means.datasets:
            return open_dataset(place)
        return Claim(f"{what}: say where its data set {shown(name)} lies, as `dataset`", None)


def read_contents(home: Path) -> Contents:
    """The folder's own list of its files.

    Raises:
        InputError: there is none, or it lists more than an exam leaves.
    """
    contents: Contents = from_plain(Contents, read_json(file_below(home, CONTENTS)), CONTENTS)
    _check_count(len(contents.digests), _MOST_FILES, f"{CONTENTS}: files")
    _check_count(len(contents.photographs), _MOST_PHOTOGRAPHS, f"{CONTENTS}: photographs")
    return contents


def provenance_of(home: Path) -> Provenance:
    """What a run's folder says that it was made with.

    Raises:
        InputError: the folder holds no finished run.
    """
    try:
        return from_plain(Provenance, read_json(file_below(home, MANIFEST))["provenance"], str(home / MANIFEST))
    except (KeyError, TypeError, InputError) as error:
        raise InputError(f"{home}: holds no finished exam", "an exam's run folder") from error


def file_below(home: Path, name: str) -> Path:
    """The regular file ``name`` below ``home``, links followed.

    Raises:
        InputError: a name that leads elsewhere, or to no regular file.
    """
    parts = PurePosixPath(name).parts
    if not parts or PurePosixPath(name).is_absolute() or ".." in parts or "\0" in name:
        raise InputError(f"{shown(name)}: is not below the folder")
    path = home / name
    try:
        real = path.resolve(strict=True)
        regular = real.is_file()
    except (OSError, RuntimeError) as error:
        raise InputError(f"{shown(name)}: is not there") from error
    if not regular or not real.is_relative_to(home.resolve()):
        raise InputError(f"{shown(name)}: is no file of the folder's own")
    return path


def paths_below(home: Path) -> Iterator[Path]:
    """The files and folders below ``home``; no link is followed.

    Raises:
        InputError: more of them, or nested deeper, than an exam leaves; or a folder that cannot be listed.
    """

    def fail(error: OSError) -> None:
        raise InputError(f"{shown(error.filename)}: cannot be listed: {error.strerror}") from error

    count = 0
    for folder, folders, files in os.walk(home, onerror=fail):
        here = Path(folder)
        count += len(folders) + len(files)
        if count > _MOST_FILES:
            raise InputError("its files are too many to be an exam's", f"at most {_MOST_FILES:,}")
        if folders and len(here.relative_to(home).parts) >= _DEEPEST:
            raise InputError("its folders are nested too deeply to be an exam's", f"at most {_DEEPEST}")
        yield from (here / name for name in (*folders, *files))


def list_in(values: Any, key: str, file: str) -> list[Any]:
    """The list that a JSON file has under a key.

    Raises:
        InputError: it has none, or more than are verified.
    """
    found = values.get(key) if isinstance(values, dict) else None
    if not isinstance(found, list):
        raise InputError(f"{file}: {key} is {shown(found)}", "a list")
    _check_count(len(found), _MOST_PHOTOGRAPHS, f"{file}: {key}")
    return found


def _check_count(count: int, most: int, what: str) -> None:
    """Refuse more than are verified, rather than verify some and speak of all."""
    if count > most:
        raise InputError(f"{what}: {count:,} of them", f"at most {most:,} are verified")
