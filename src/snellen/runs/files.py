"""Files that are written whole or not at all, and folders that one run at a time writes to."""

from __future__ import annotations

import contextlib
import datetime
import errno
import functools
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from filelock import FileLock, Timeout

from snellen.errors import InputError, SnellenError
from snellen.runs import ledger
from snellen.runs.provenance import Provenance
from snellen.runs.serialise import to_json
from snellen.runs.text import composed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_UNFINISHED = ".unfinished-"
_LOCK = ".snellen.lock"
_WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
"""What a file system that knows no locks answers."""
_FIGURE_EXTENSIONS = (".png", ".svg", ".pdf")
_MARK = "Snellen, an eye exam for image classifiers"
"""Stands in the metadata of every figure, so that a figure of ours may be drawn again and no other file is replaced."""


@contextlib.contextmanager
def atomic_path(path: Path, folder: Path | None = None) -> Iterator[Path]:
    """A temporary path that takes the place of ``path`` when the block ends well, and vanishes when not.

    A crash at any moment leaves the old file or the new one; what it leaves half written, :func:`sweep` removes.

    Args:
        path: the file.
        folder: where the temporary one is made, on the same disk; beside ``path`` where not given.

    Raises:
        InputError: ``path`` is in a run's folder, and something is there that no run made; see
            :func:`snellen.runs.ledger.claim`.
        SnellenError: the file cannot be written: disk full, no permission, a file where a folder should be.
    """
    folder = folder or path.parent
    try:
        ledger.claim(path)
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=_UNFINISHED, suffix=path.suffix, dir=folder)
    except OSError as error:
        raise _cannot_write(path, error) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes private files; results are as readable as any other file of the user's.
        temporary.chmod(0o666 & ~_umask())
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what killed processes left half written in ``folder``; for its only writer.

    Nothing where ``folder`` is a link, or a link leads to it out of a run's folder: what lies there is another's.
    """
    try:
        ledger.check_own(folder)
    except InputError:
        return
    for leftover in filter(ledger.is_regular, folder.glob(f"{_UNFINISHED}*")):
        leftover.unlink(missing_ok=True)


def sweep_below(folder: Path) -> None:
    """As :func:`sweep`, of ``folder`` and all folders below it; no link is followed."""
    if not folder.is_symlink():
        for base, _, _ in os.walk(folder):
            sweep(Path(base))


@contextlib.contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Keep other runs out of ``folder``; the system lets them in again however this process ends.

    The folder is made where it is missing, and removed again where nothing came of it. Half-written files of an
    earlier run are swept up. Where the file system knows no locks, nobody is kept out.

    Raises:
        InputError: another run is writing here, or something that is no lock bears the lock's name, or ``folder`` is a
            link, or a link leads to it out of another run's folder.
        SnellenError: the folder cannot be written to.
    """
    ledger.check_own(folder)
    path = folder / _LOCK
    # Tried for a moment: a run that is just ending removes the file that was opened here.
    lock = FileLock(path, timeout=0.2, poll_interval=0.02, fallback_to_soft=False)
    try:
        made = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        if not _may_be_a_lock(path):
            raise InputError(f"{path}: is no lock of ours", "another name for it, or another `out`")
        lock.acquire()
    except Timeout as error:
        raise InputError(f"{folder}: another run is writing here", "wait for it, or another `out`") from error
    except OSError as error:
        if error.errno not in _WITHOUT_LOCKS:
            raise _cannot_write(folder, error) from error
    try:
        sweep(folder)
        with ledger.kept(folder):
            yield
    finally:
        # While it is held: whoever opened it meanwhile sees that it is gone, and makes a new one.
        path.unlink(missing_ok=True)
        lock.release()
        if made:
            with contextlib.suppress(OSError):  # what came of the run is in it
                folder.rmdir()


def _may_be_a_lock(path: Path) -> bool:
    """Whether nothing is at ``path``, or an empty regular file; a link, a pipe or somebody's data is no lock."""
    try:
        about = path.lstat()
    except FileNotFoundError:
        return True
    return stat.S_ISREG(about.st_mode) and about.st_size == 0


@functools.cache
def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _cannot_write(path: Path, error: OSError) -> SnellenError:
    return SnellenError(f"{path}: cannot be written: {error.strerror or error}")


def free_name(stem: str, suffix: str, taken: set[str]) -> str:
    """``stem`` and ``suffix``, with a number between them where that is taken; it is taken then.

    Names that differ in small and capital letters only are one, as on many disks, or in how accents are written.

    Args:
        stem: name of a file without its ending, or of a folder.
        suffix: the ending; empty of a folder.
        taken: names that are taken, each as :func:`as_taken` has it.
    """
    name, number = f"{stem}{suffix}", 2
    while as_taken(name) in taken:
        name, number = f"{stem}-{number}{suffix}", number + 1
    taken.add(as_taken(name))
    return name


def as_taken(name: str) -> str:
    """A file's name as the one key of all that some disk would take for it."""
    return composed(name).casefold()


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file whole or not at all; of a file name that is not UTF-8, its odd bytes as JSON has them."""
    write_bytes(path, text.encode(errors="backslashreplace"))


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` (see :func:`snellen.runs.serialise.to_plain`) as JSON, whole or not at all."""
    write_text(path, to_json(value))


def check_figure_path(path: Path) -> None:
    """Refuse a figure file whose extension is not one that is written, or that would replace somebody else's.

    Raises:
        InputError: names the accepted extensions, or the file that is there and was not drawn here.
    """
    _check_extension(path)
    if path.exists() and not _is_drawn_here(path):
        raise InputError(f"{path}: is there already, and was not drawn here", "move it away, or another name")


def _check_extension(path: Path) -> None:
    if path.suffix.lower() not in _FIGURE_EXTENSIONS:
        accepted = f"extensions: {', '.join(_FIGURE_EXTENSIONS)}"
        raise InputError(f"{path}: cannot draw a {path.suffix or 'nameless'} file", accepted)


def _is_drawn_here(path: Path) -> bool:
    """Whether a file bears the mark that :func:`write_figure` leaves; what is no file is for the writing to refuse."""
    return not path.is_file() or _MARK.encode() in path.read_bytes()


def replace_figure(path: Path, figure: Figure | None) -> None:
    """Write a figure as :func:`write_figure` does; where there is none to draw, remove that of an earlier run."""
    if figure is None:
        ledger.remove(path)
    else:
        write_figure(path, figure)


def write_figure(path: Path, figure: Figure) -> None:
    """Write a figure as PNG, SVG or PDF, by its extension, whole or not at all."""
    from snellen.figures import lay_out, png_of, styled

    _check_extension(path)
    kind = path.suffix[1:].lower()
    if kind == "png":
        write_bytes(path, png_of(figure, software=_MARK))
        return
    date = {"svg": "Date", "pdf": "CreationDate"}[kind]
    # A screen shows an SVG file at 96 pixels an inch: half as many again are enough for the photographs in it.
    dpi = 144 if kind == "svg" else None
    with styled(), atomic_path(path) as temporary:
        lay_out(figure)
        figure.savefig(temporary, format=kind, dpi=dpi, metadata={"Creator": _MARK, date: None})


class Run:
    """A folder that holds what one command made.

    In a ``with`` block nobody else writes there (:func:`only_writer`), and no file is replaced or removed that no run
    made (:mod:`snellen.runs.ledger`).

    Args:
        path: the folder; made when the first file is written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._started, self._began = time.time(), time.monotonic()
        # A person may name a link to a folder; what a run finds in its own is not followed.
        named = path.is_symlink() and not ledger.is_held(path)
        self._held = only_writer(Path(os.path.realpath(path)) if named else path)
        if path.exists() and not path.is_dir():
            raise SnellenError(f"{path}: is not a folder", "a folder, or a name that is still free")

    def __enter__(self) -> Self:
        self._held.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._held.__exit__(kind, error, trace)

    def remove_earlier(self) -> None:
        """Remove what earlier runs left here and this one did not write: of another photograph, of other options."""
        ledger.remove_earlier(self.path)

    def write_manifest(self, provenance: Provenance | None) -> None:
        """Write ``manifest.json``: the provenance, the files that runs made here, when and how long."""
        started = datetime.datetime.fromtimestamp(self._started, datetime.UTC)
        write_json(
            self.path / ledger.MANIFEST,
            {
                "started": started.isoformat(timespec="seconds"),
                "seconds": round(time.monotonic() - self._began, 1),
                "provenance": provenance,
                "files": ledger.files_below(self.path),
            },
        )
