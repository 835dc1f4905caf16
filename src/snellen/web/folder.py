"""The page's own folder: all that it reads and writes, kept below a size and swept by age."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path

from snellen.errors import SnellenError
from snellen.web.limits import Limits


class Folder:
    """A folder that stays below a size: room is made before anything is written.

    Args:
        path: the folder.
        limits: limits of the page.
        in_use: function that gives the paths, files or folders, that stay whatever their age.
    """

    def __init__(self, path: Path, limits: Limits, in_use: Callable[[], Collection[Path]] = tuple) -> None:
        self.path = path
        self._limits = limits
        self.in_use = in_use
        self._lock = threading.Lock()

    def make_room(self, size: int = 0) -> None:
        """Delete what is too old, and of the rest the oldest, until ``size`` bytes more may come.

        Raises:
            SnellenError: what is in use leaves no room, or the disk does.
        """
        limits = self._limits
        with self._lock:
            left = sweep(self.path, limits.kept_seconds, limits.kept_bytes - size, self.in_use())
        free = shutil.disk_usage(self.path).free
        if left + size > limits.kept_bytes or free < size + limits.free_bytes:
            raise SnellenError("this page has no room left for now", "try again in some minutes")


def sweep(
    folder: Path, seconds: float, most_bytes: int, stays: Collection[Path] = (), now: float | None = None
) -> int:  # fmt: skip
    """Delete what is older than ``seconds``, and of the rest the oldest until at most ``most_bytes`` are left.

    Args:
        folder: below which files are deleted, and then the folders that are left empty.
        seconds: since a file came or was last written.
        most_bytes: of all files together.
        stays: files that are left alone, and folders whose files are; they count.
        now: the time, in seconds since 1970.

    Returns:
        The bytes that are left.
    """
    now = time.time() if now is None else now
    found: list[tuple[bool, float, int, Path]] = []
    for path in folder.rglob("*"):
        # Another thread may delete it meanwhile.
        with contextlib.suppress(OSError):
            if path.is_file() and not path.is_symlink():
                about = path.stat()
                kept = path in stays or any(parent in stays for parent in path.parents)
                found.append((kept, max(about.st_mtime, about.st_ctime), about.st_size, path))
    left = 0
    for kept, written, size, path in sorted(found, reverse=True):
        if not kept and (now - written > seconds or left + size > most_bytes):
            path.unlink(missing_ok=True)
        else:
            left += size
    for path in sorted(folder.rglob("*"), reverse=True):
        with contextlib.suppress(OSError):
            if path.is_dir() and path not in stays and now - path.stat().st_mtime > seconds:
                # Fails where something is left in it.
                path.rmdir()
    return left
