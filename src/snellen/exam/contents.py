"""What lies in an exam's folder: copies of its photographs and the digest of every file, so that it can be verified."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from snellen.exam.context import photograph_names
from snellen.runs import ledger
from snellen.runs.files import write_bytes, write_json

CONTENTS = "contents.json"
PHOTOGRAPHS = "photographs"


@dataclass(frozen=True)
class Contents:
    """What an exam's folder holds.

    Attributes:
        photographs: copy of each photograph, relative to the folder, by the path that results name it by.
        digests: SHA-256 of each file that the exam made, by its path relative to the folder; without ``contents.json``
            and ``manifest.json``, which is written after it.
    """

    photographs: Mapping[str, str]
    digests: Mapping[str, str]


def write_contents(run: Path, photographs: Sequence[str]) -> None:
    """Copy the photographs into the run, and write ``contents.json``."""
    if (run / PHOTOGRAPHS).is_dir():
        ledger.remove_run(run / PHOTOGRAPHS)
    copies = {path: f"{PHOTOGRAPHS}/{_flat(name)}" for path, name in photograph_names(photographs).items()}
    for path, copy in copies.items():
        write_bytes(run / copy, Path(path).read_bytes())
    names = [name for name in ledger.files_below(run) if name != CONTENTS]
    write_json(run / CONTENTS, Contents(copies, {name: digest(run / name) for name in names}))


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flat(name: str) -> str:
    """A name of a file for the end of a path."""
    return name.replace("/", "_")
