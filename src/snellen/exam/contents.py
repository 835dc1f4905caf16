"""What lies in an exam's folder: copies of its photographs and the digest of every file, so that it can be verified."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from snellen.data.images import is_left_behind
from snellen.errors import InputError
from snellen.exam.context import photograph_names
from snellen.runs import ledger
from snellen.runs.files import free_name, write_bytes, write_json
from snellen.runs.serialise import read_dataclass

CONTENTS, UNFINISHED = "contents.json", "unfinished.json"
"""The contents of a finished exam; those of the one before, while a new one is taken into its folder."""
CLASS = "class.json"
"""The table of a class, in the folder that its exams have theirs in."""
PHOTOGRAPHS = "photographs"
NOTEBOOK, SOURCE = "report.ipynb", "source"
"""File and folder that a person may rewrite; of an earlier exam, they would show other results than the report."""


@dataclass(frozen=True)
class Contents:
    """What an exam's folder holds.

    Attributes:
        photographs: copy of each photograph, relative to the folder, by the path that results name it by.
        digests: SHA-256 of each file that the exam made, by its path relative to the folder; without ``contents.json``
            and ``manifest.json``, which is written after it.
        parts: names of the parts that were taken and have an answer, in the report's order; folders of others are an
            earlier exam's, or hold what one of these needs.
    """

    photographs: Mapping[str, str]
    digests: Mapping[str, str]
    parts: tuple[str, ...] = ()


def check_no_class(run: Path) -> None:
    """Refuse to take an exam into the folder of a class itself: it would stand for all the exams that are in it.

    Raises:
        InputError: ``run`` holds the table of a class.
    """
    if (run / CLASS).is_file():
        raise InputError(f"{run}: holds the exams of a class", "another `out`, or a configuration, for a folder there")


def check_no_exam(run: Path) -> None:
    """Refuse to take a class into the folder of a single exam.

    Raises:
        InputError: ``run`` holds a finished exam, and no class.
    """
    if (run / CONTENTS).is_file() and not (run / CLASS).is_file():
        raise InputError(f"{run}: holds a single exam, and no class", "another `out`")


def check_copies(run: Path, inputs: Iterable[str]) -> None:
    """Refuse to begin an exam whose copies of photographs would meet its own inputs, or files of the user's.

    Args:
        run: run folder of the exam, which it holds (:class:`snellen.runs.files.Run`).
        inputs: photographs and data sets that are read; what is no path is passed over.

    Raises:
        InputError: an input is, or holds, a file that an earlier exam made in ``run`` and this one replaces; or there
            is a file among the copies that no exam made.
    """
    made = {(run / name).resolve() for name in ledger.files_below(run)}
    replaced = {above for file in made for above in (file, *file.parents)} - {run.resolve(), *run.resolve().parents}
    for given in inputs:
        if os.path.exists(given) and Path(given).resolve() in replaced:
            raise InputError(f"{given}: was made by an earlier exam, which this one replaces", "another `out`")
    copies = run / PHOTOGRAPHS
    if copies.exists() and not copies.is_dir():
        raise InputError(f"{copies}: is no folder, and copies of the photographs go there", "another `out`")
    own = {copies / name for name in ledger.files_below(copies)}
    others = (path for path in copies.rglob("*") if path.is_file() and not is_left_behind(path.name))
    strange = min((path for path in others if path not in own), default=None)
    if strange is not None:
        raise InputError(
            f"{strange}: no exam made it, and copies of the photographs go to its folder", "another `out`, or move it"
        )


def check_unchanged(run: Path) -> None:
    """Refuse to begin an exam that would replace or remove what a person rewrote in an earlier one's folder.

    Raises:
        InputError: the notebook, or a file of the report's source, is not what an exam wrote.
    """
    for contents in (run / CONTENTS, run / UNFINISHED):
        try:
            digests = read_dataclass(Contents, contents).digests
        except InputError:  # no such exam
            continue
        for name, written in digests.items():
            path = run / name
            if (name == NOTEBOOK or name.startswith(f"{SOURCE}/")) and path.is_file() and digest(path) != written:
                raise InputError(f"{path}: was changed since an exam wrote it", "another name for it, or another `out`")


def extras(run: Path) -> list[str]:
    """Which of the notebook and the report's source an earlier exam left in ``run``."""
    left = {NOTEBOOK: NOTEBOOK in ledger.files_below(run), SOURCE: bool(ledger.files_below(run / SOURCE))}
    return [name for name, there in left.items() if there]


def set_contents_aside(run: Path) -> None:
    """Put ``contents.json`` aside before anything that it tells of is replaced: without it no exam is finished.

    As ``unfinished.json`` it still says whether a person rewrites the notebook or the report's source, which stay until
    the new ones are written, whatever becomes of this exam.
    """
    with contextlib.suppress(InputError):  # no finished exam
        write_json(run / UNFINISHED, read_dataclass(Contents, run / CONTENTS))
    ledger.remove(run / CONTENTS)


def remove_extras(run: Path) -> None:
    """Remove the notebook and the report's source of the exam before, as the new ones are about to be written."""
    ledger.remove(run / NOTEBOOK)
    for name in ledger.files_below(run / SOURCE):
        ledger.remove(run / SOURCE / name)
    for folder in (run / SOURCE / "discussion", run / SOURCE):
        with contextlib.suppress(OSError):  # not there, or with files of the user's
            folder.rmdir()


def write_contents(run: Path, photographs: Sequence[str], parts: Sequence[str]) -> None:
    """Remove copies of an earlier exam from the run, copy the photographs into it, and write ``contents.json``.

    Args:
        run: run folder of the exam, which it holds.
        photographs: paths of those that it examined; none of them a copy there, as :func:`check_copies` sees to.
        parts: names of the parts that have an answer.
    """
    copies = {path: f"{PHOTOGRAPHS}/{name}" for path, name in copy_names(photographs).items()}
    for name in ledger.files_below(run / PHOTOGRAPHS):
        if f"{PHOTOGRAPHS}/{name}" not in copies.values():
            ledger.remove(run / PHOTOGRAPHS / name)
    for path, copy in copies.items():
        write_bytes(run / copy, Path(path).read_bytes())
    ledger.remove(run / UNFINISHED)
    names = [name for name in ledger.files_below(run) if name != CONTENTS]
    write_json(run / CONTENTS, Contents(copies, {name: digest(run / name) for name in names}, tuple(parts)))


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_names(photographs: Sequence[str]) -> dict[str, str]:
    """The file name of each photograph's copy: what the report calls it, with a number where that is taken."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for path, called in photograph_names(photographs).items():
        plain = Path(called.replace("/", "_"))
        names[path] = free_name(plain.stem, plain.suffix, taken)
    return names
