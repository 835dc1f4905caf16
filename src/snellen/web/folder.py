"""The page's own folder: all that it reads and writes, swept while it runs."""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

_PAUSE = 60.0


@contextlib.contextmanager
def swept(
    folder: Path, seconds: float, most_bytes: int, forget: Callable[[set[str]], None] = lambda _: None
) -> Iterator[None]:
    """Once a minute, :func:`sweep` away what has come into ``folder`` since; ``forget`` is told the paths."""
    stays, ended = frozenset(folder.rglob("*")), threading.Event()

    def tidy() -> None:
        while not ended.wait(_PAUSE):
            forget({str(path) for path in sweep(folder, seconds, most_bytes, stays)})

    thread = threading.Thread(target=tidy, name="sweep", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def job_folder(folder: Path) -> Path:
    """A new folder for one result."""
    return Path(tempfile.mkdtemp(prefix="result-", dir=folder))


def sweep(
    folder: Path, seconds: float, most_bytes: int, stays: Collection[Path] = (), now: float | None = None
) -> list[Path]:
    """Delete what is older than ``seconds``, and of the rest the oldest until at most ``most_bytes`` are left.

    Args:
        folder: below which files are deleted, and then the folders that are left empty.
        seconds: since a file came or was last written.
        most_bytes: of all files together.
        stays: files that are left alone.
        now: the time, in seconds since 1970.

    Returns:
        The files that were deleted.
    """
    now = time.time() if now is None else now
    found: list[tuple[float, int, Path]] = []
    for path in folder.rglob("*"):
        # Another thread may delete it meanwhile.
        with contextlib.suppress(OSError):
            if path not in stays and path.is_file():
                about = path.stat()
                found.append((max(about.st_mtime, about.st_ctime), about.st_size, path))
    kept, swept = 0, []
    for written, size, path in sorted(found, reverse=True):
        if now - written > seconds or kept + size > most_bytes:
            path.unlink(missing_ok=True)
            swept.append(path)
        else:
            kept += size
    for path in sorted(folder.rglob("*"), reverse=True):
        with contextlib.suppress(OSError):
            if path.is_dir() and now - path.stat().st_mtime > seconds:
                # Fails where something is left in it.
                path.rmdir()
    return swept
