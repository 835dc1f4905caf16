"""Which files of a folder its runs made: these are replaced and removed, and no others."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from snellen.errors import InputError
from snellen.runs.text import read_bounded, read_text

MANIFEST = "manifest.json"
_JOURNAL = ".snellen.files"
"""Names the files of a run that has not written its manifest yet, one a line, as JSON."""


class Ledger:
    """The files that runs into one folder made: by its manifest, and by the journal of one that did not end.

    Args:
        folder: the folder, which exists.

    Raises:
        InputError: something that is no journal bears the journal's name.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = _real(folder)
        self._journal = self.folder / _JOURNAL
        self._listed = _listed_in(self.folder / MANIFEST)
        self._own = self._listed | set(self._read_journal())
        self._written: set[str] = set()

    def owns(self, path: Path) -> bool:
        """Whether a run into this folder made the file at ``path``."""
        return _relative(path, self.folder) in self._own

    def add(self, path: Path) -> None:
        """Note that the file at ``path``, about to be there, is a run's."""
        name = _relative(path, self.folder)
        if name is None:
            return
        self._written.add(name)
        if name in self._own:
            return
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        with os.fdopen(os.open(self._journal, flags, 0o600), "a", encoding="utf-8") as journal:
            journal.write(json.dumps(name) + "\n")
        self._own.add(name)

    def files_below(self, folder: Path) -> list[str]:
        """The files in and below ``folder`` that are a run's and are there, relative to it, sorted."""
        below = _relative(folder, self.folder)
        prefix = "" if below == "." else f"{below}/"
        names = (name.removeprefix(prefix) for name in self._own if name.startswith(prefix))
        # A manifest is anybody's: what it names elsewhere, or behind a link, is no file of this folder.
        return sorted(
            name for name in names if is_regular(folder / name) and self.owns(folder / name) and name != MANIFEST
        )

    def remove_earlier(self) -> None:
        """Remove what earlier runs made and this one did not."""
        for name in self.files_below(self.folder):
            if name not in self._written:
                _unlink(self.folder, name)

    def close(self) -> None:
        """Forget the journal where the manifest says as much, or where nothing came of what it names."""
        listed = _listed_in(self.folder / MANIFEST)
        if all(name in listed or not os.path.lexists(self.folder / name) for name in self._own):
            with contextlib.suppress(OSError):
                self._journal.unlink(missing_ok=True)

    def _read_journal(self) -> Iterator[str]:
        if not os.path.lexists(self._journal):
            return
        if not stat.S_ISREG(self._journal.lstat().st_mode):
            raise InputError(f"{self._journal}: is no list of ours", "another name for it, or another `out`")
        for line in read_bounded(self._journal).decode(errors="replace").splitlines():
            # What a kill cut off in the middle of a line names no file.
            with contextlib.suppress(ValueError):
                name = json.loads(line)
                if isinstance(name, str):
                    yield name


_open: list[Ledger] = []


@contextlib.contextmanager
def kept(folder: Path) -> Iterator[None]:
    """While the block runs, files in and below ``folder`` are written by the rule that :func:`claim` states."""
    ledger = Ledger(folder)
    _open.append(ledger)
    try:
        yield
    finally:
        _open.remove(ledger)
        ledger.close()


def claim(path: Path) -> None:
    """Note that the file at ``path`` is about to be a run's; nothing where no run holds a folder above it.

    Raises:
        InputError: there is a file that no run here made, or a link leads out of the run's folder.
    """
    ledgers = _ledgers_of(path)
    if os.path.lexists(path) and ledgers and not any(ledger.owns(path) for ledger in ledgers):
        raise InputError(f"{path}: is there already, and no run here made it", "move it away, or another `out`")
    for ledger in ledgers:
        ledger.add(path)


def remove(path: Path) -> None:
    """Remove the file at ``path`` where a run made it, or where no run holds a folder above it."""
    ledgers = _ledgers_of(path)
    if not ledgers or any(ledger.owns(path) for ledger in ledgers):
        path.unlink(missing_ok=True)


def remove_earlier(folder: Path) -> None:
    """Remove what earlier runs into ``folder`` made and the one that holds it now did not, so far."""
    for ledger in _open:
        if ledger.folder == _real(folder):
            ledger.remove_earlier()


def remove_run(folder: Path) -> None:
    """Remove what runs made in and below ``folder``, and the folders that this leaves empty; all else stays."""
    ledgers = _ledgers_of(folder)
    if not ledgers:
        shutil.rmtree(folder)
        return
    for name in files_below(folder):
        _unlink(folder, name)
    with contextlib.suppress(OSError):
        (folder / MANIFEST).unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()


def files_below(folder: Path) -> list[str]:
    """The files in and below ``folder`` that runs made, relative to it; all of them where no run holds it."""
    ledgers = _ledgers_of(folder / MANIFEST)
    if ledgers:
        return sorted({name for ledger in ledgers for name in ledger.files_below(folder)})
    found = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return sorted(path.relative_to(folder).as_posix() for path in found if path != folder / MANIFEST)


def is_held(path: Path) -> bool:
    """Whether a run holds a folder above ``path``."""
    return any(_relative(path, ledger.folder) is not None for ledger in _open)


def check_own(folder: Path) -> None:
    """Refuse a folder that is a link, or to which a link leads out of one that a run holds.

    Raises:
        InputError: names it.
    """
    _ledgers_of(folder)
    if folder.is_symlink():
        raise InputError(f"{folder}: is a link", "a folder in its place, or another `out`")


def is_regular(path: Path) -> bool:
    """Whether a regular file is at ``path``, and no link to one; none is where the name can be no path."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (OSError, ValueError):  # too long, or with a null character
        return False


def check_output(out: str | Path, inputs: Iterable[str | Path]) -> None:
    """Refuse an output that is an input, or that the next run would take for one.

    Args:
        out: file or folder that results are written to.
        inputs: files and folders that are read; what is no path (a data set's name, ``-``) is passed over.

    Raises:
        InputError: names the input.
    """
    place = _real(Path(out))
    for given in inputs:
        if str(given) == "-" or not os.path.exists(given):
            continue
        source = _real(Path(given))
        same = place.exists() and place.samefile(source)
        if same and source.is_file():
            raise InputError(f"{out}: is what is read", "another place for the result")
        if same or (source.is_dir() and source in place.parents):
            raise InputError(
                f"{out}: lies in {given}, from where the next run would read it", "a place outside of that folder"
            )


def _unlink(folder: Path, name: str) -> None:
    """Remove the file that is called ``name`` from ``folder``, and the folders between that this leaves empty."""
    path = folder / name
    path.unlink(missing_ok=True)
    for above in path.parents[: len(path.relative_to(folder).parts) - 1]:
        with contextlib.suppress(OSError):
            above.rmdir()


def _ledgers_of(path: Path) -> list[Ledger]:
    """The ledgers of the folders above ``path``."""
    ledgers = [ledger for ledger in _open if _relative(path, ledger.folder) is not None]
    others = [ledger for ledger in _open if ledger not in ledgers]
    above = {_real(parent) for parent in path.absolute().parents} if others else set()
    for ledger in others:
        if ledger.folder in above:
            raise InputError(f"{path}: a link leads out of {ledger.folder.name}", "another `out`")
    return ledgers


def _relative(path: Path, folder: Path) -> str | None:
    """``path`` as it is called from ``folder``, links in its parents followed; None where it lies elsewhere."""
    real = _real(path.parent) / path.name
    return real.relative_to(folder).as_posix() if real.is_relative_to(folder) else None


def _real(path: Path) -> Path:
    """``path`` with links followed, but for one that leads to itself."""
    return Path(os.path.realpath(path))


def _listed_in(manifest: Path) -> set[str]:
    """The files that a manifest of ours lists, itself among them; none where it is not ours."""
    try:
        said = json.loads(read_text(manifest))
        return {MANIFEST, *map(str, said["files"])} if "provenance" in said else set()
    except (InputError, ValueError, RecursionError, TypeError, KeyError):
        return set()
