"""Archives read in place: .tar, plain or compressed, and .zip. Nothing is unpacked onto the disk.

What an archive holds is found out by one scan. That of a compressed .tar must decompress all of it, so its outcome is
kept in the user's cache folder; the next opening takes a moment. Images are then read in the order in which they lie,
by one stream that goes forward only.
"""

from __future__ import annotations

import bz2
import contextlib
import functools
import gzip
import io
import json
import lzma
import os
import stat
import tarfile
import threading
import time
import weakref
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Protocol, cast

from snellen.data.datasets.tree import Tree
from snellen.data.images import MAX_BYTES, Source, is_left_behind
from snellen.errors import InputError, SnellenError
from snellen.runs.files import write_text
from snellen.runs.provenance import fingerprint

ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".zip")
_COMPRESSED: Mapping[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
_MAX_RATIO = 100
_ALWAYS_ALLOWED = 1 << 30
"""An archive may hold a hundred times its own bytes, or 1 GiB if that is more: images hardly shrink."""
_LARGEST_HEADER = 16 << 20
"""No header of a member is longer, whatever it says of itself."""
_LONGEST_NAME, _DEEPEST = 4096, 64
"""Characters of a member's path, and folders in it: no system unpacks longer ones, and no data set has deeper ones."""
_WORTH_KEEPING_SECONDS = 1.0

Members = dict[str, tuple[int, int]]
"""Offset and size of each file by its path, in the order in which they lie."""


def is_archive(name: str) -> bool:
    """Whether a file's name ends as an archive's does."""
    return name.lower().endswith(ENDINGS)


def open_archive(path: Path) -> Tree:
    """The tree of an archive.

    Raises:
        InputError: it is damaged or none, or a member leads out of it, is a link, is encrypted, lies too deep, or would
            decompress to far more than an archive of images does.
    """
    about = path.stat()
    return _open(path, about.st_size, about.st_mtime_ns)


@functools.lru_cache(maxsize=32)
def _open(path: Path, size: int, changed: int) -> Tree:
    kind = _Zip if zipfile.is_zipfile(path) else _Tar
    try:
        store = kind(path, size, changed)
    except InputError:
        raise
    except Exception as error:
        # The libraries raise whatever a damaged archive provokes: TarError, BadZipFile, EOFError, OSError, zlib.error,
        # LZMAError, NotImplementedError, IndexError, struct.error, and more.
        raise _damaged(path, error) from error
    files, folders = {}, dict.fromkeys(store.folders)
    for name, (_, length) in store.members.items():
        if not any(map(is_left_behind, name.split("/"))):
            files[name] = length
            folders.update(dict.fromkeys(_above(name)))
    visible = [name for name in folders if not any(map(is_left_behind, name.split("/")))]
    return Tree(str(path), files, tuple(visible), store)


class _Opened(Protocol):
    """An archive that was scanned."""

    members: Mapping[str, tuple[int, int]]
    folders: list[str]


class _Tar:
    """A .tar, plain or compressed."""

    def __init__(self, path: Path, size: int, changed: int) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._idle: IO[bytes] | None = None
        weakref.finalize(self, _Tar._close, self.__dict__)
        self.members, self.folders = _scanned(path, size, changed)
        self._changed = changed

    @staticmethod
    def _close(state: dict[str, Any]) -> None:
        if state["_idle"] is not None:
            state["_idle"].close()

    def sources(self, paths: Iterable[str]) -> Iterator[Source]:
        """See :meth:`snellen.data.datasets.tree.Store.sources`: the bytes of each member."""
        stream: IO[bytes] | None = None
        try:
            for path in paths:
                offset, size = self.members[path]
                stream = stream or self._stream(offset)
                yield _member(self._path, path, size, functools.partial(_read_at, stream, offset))
        finally:
            self._put_back(stream)

    def read(self, path: str) -> bytes:
        """See :meth:`snellen.data.datasets.tree.Store.read`."""
        offset, size = self.members[path]
        stream = self._stream(offset)
        try:
            return _read_at(stream, offset, size)
        except Exception as error:
            raise _damaged(self._path, error) from error
        finally:
            self._put_back(stream)

    def changed(self, paths: Iterable[str]) -> Iterator[int]:
        """See :meth:`snellen.data.datasets.tree.Store.changed`."""
        return (self._changed for _ in paths)

    def _stream(self, offset: int) -> IO[bytes]:
        """A stream that is not past ``offset``: going back in a compressed one would begin anew."""
        with self._lock:
            stream, self._idle = self._idle, None
        if stream is not None and stream.tell() <= offset:
            return stream
        if stream is not None:
            stream.close()
        return _decompressed(self._path)

    def _put_back(self, stream: IO[bytes] | None) -> None:
        with self._lock:
            stream, self._idle = self._idle, stream
        if stream is not None:
            stream.close()


class _Zip:
    """A .zip."""

    def __init__(self, path: Path, size: int, changed: int) -> None:
        self._path = path
        self._changed = changed
        self._zip = zipfile.ZipFile(path)
        weakref.finalize(self, self._zip.close)
        self.members, self.folders, self._infos = {}, [], {}
        bound = _Bound(path, size)
        for info in sorted(self._zip.infolist(), key=lambda info: info.header_offset):
            name = _checked(path, info.filename.replace("\\", "/"))
            if info.flag_bits & 1:
                raise InputError(f"{path}: {name!r} is encrypted", "an archive without a password")
            if stat.S_ISLNK(info.external_attr >> 16):
                raise _link(path, name)
            bound.check(name, bound.seen + info.file_size)
            if info.is_dir():
                self.folders.append(name)
            else:
                self.members[name] = (info.header_offset, info.file_size)
                self._infos[name] = info

    def sources(self, paths: Iterable[str]) -> Iterator[Source]:
        """See :meth:`snellen.data.datasets.tree.Store.sources`: the bytes of each member."""
        for path in paths:
            yield _member(self._path, path, self.members[path][1], functools.partial(self._read, path))

    def read(self, path: str) -> bytes:
        """See :meth:`snellen.data.datasets.tree.Store.read`."""
        try:
            return self._read(path, self.members[path][1])
        except Exception as error:
            raise _damaged(self._path, error) from error

    def changed(self, paths: Iterable[str]) -> Iterator[int]:
        """See :meth:`snellen.data.datasets.tree.Store.changed`."""
        return (self._changed for _ in paths)

    def _read(self, path: str, size: int) -> bytes:
        with self._zip.open(self._infos[path]) as file:
            return file.read(size)


def _member(path: Path, name: str, size: int, read: Any) -> bytes:
    """The bytes of one image; none where the archive is damaged there, so that reading it says so and goes on."""
    if size > MAX_BYTES:
        # A byte more than is allowed, and no more memory: reading it says that it is too large.
        return bytes(MAX_BYTES + 1)
    try:
        return cast("bytes", read(size))
    except Exception as error:
        raise _damaged(path, f"{name!r}: {error}") from error


def _read_at(stream: IO[bytes], offset: int, size: int) -> bytes:
    stream.seek(offset)
    data = stream.read(size)
    if len(data) < size:
        raise EOFError("it is cut off")
    return data


def _decompressed(path: Path) -> IO[bytes]:
    file = path.open("rb")
    start = file.read(8)
    file.seek(0)
    for magic, opener in _COMPRESSED.items():
        if start.startswith(magic):
            file.close()
            return cast("IO[bytes]", opener(path, "rb"))
    return file


def _scanned(path: Path, size: int, changed: int) -> tuple[Members, list[str]]:
    """The members and folders of a .tar: from the cache where they are there, else found and kept."""
    kept = _cache_file(path)
    key = [size, changed]
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        found = json.loads(kept.read_text(encoding="utf-8"))
        if found["key"] == key:
            members = {str(name): (int(offset), int(length)) for name, offset, length in found["members"]}
            return members, [str(folder) for folder in found["folders"]]
    started = time.perf_counter()
    with _decompressed(path) as stream:
        members, folders = _scan(path, size, stream)
    if time.perf_counter() - started > _WORTH_KEEPING_SECONDS:
        written = {"key": key, "members": [[n, *where] for n, where in members.items()], "folders": folders}
        with contextlib.suppress(SnellenError):  # a cache that cannot be written is none
            write_text(kept, json.dumps(written))
    return members, folders


def _cache_file(path: Path) -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "snellen" / "archives" / f"{fingerprint(str(path.resolve()))}.json"


def _scan(path: Path, size: int, stream: IO[bytes]) -> tuple[Members, list[str]]:
    members: Members = {}
    folders: list[str] = []
    bound = _Bound(path, size)
    last = -1
    with tarfile.open(fileobj=cast("IO[bytes]", _Headers(stream)), mode="r:") as tar:
        while (member := tar.next()) is not None:
            vars(tar)["members"] = []  # it would keep them all
            name = _checked(path, member.name)
            # The library takes a size below zero, reads without end for it, or goes back and finds the same for ever.
            if member.size < 0 or member.offset <= last:
                raise tarfile.ReadError(f"{name!r} has {member.size} bytes, at byte {member.offset}")
            last = member.offset
            bound.check(name, member.offset_data + member.size)
            if member.isdir():
                folders.append(name)
            elif member.isreg() and not member.issparse():
                members[name] = (member.offset_data, member.size)
            elif member.issym() or member.islnk():
                raise _link(path, name)
            else:
                raise InputError(f"{path}: {name!r} is no ordinary file", "an archive of files and folders")
        # The library takes what is no header for the end.
        stream.seek(tar.offset)
        if stream.read(tarfile.BLOCKSIZE).strip(b"\0"):
            raise tarfile.ReadError(f"no member at byte {tar.offset}")
    return members, folders


class _Headers(io.RawIOBase):
    """A stream that gives no more at a time than a header has."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LARGEST_HEADER:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()


class _Bound:
    """Refuses an archive once it would decompress to far more than images do."""

    def __init__(self, path: Path, size: int) -> None:
        self._path, self._most, self.seen = path, max(_MAX_RATIO * size, _ALWAYS_ALLOWED), 0

    def check(self, name: str, so_far: int) -> None:
        """Refuse where ``so_far`` bytes, up to the member ``name``, are too many."""
        self.seen = so_far
        if so_far > self._most:
            raise InputError(
                f"{self._path}: decompresses to {so_far / 1e9:.1f} GB and more, at {name!r}",
                f"at most {self._most / 1e9:.1f} GB for its size, against decompression bombs",
            )


def _checked(path: Path, name: str) -> str:
    """The path of a member without ``./`` and a slash at its end.

    Raises:
        InputError: it leads out of the archive, or is longer or deeper than the path of an image.
    """
    if len(name) > _LONGEST_NAME or name.count("/") > _DEEPEST:
        limits = f"at most {_LONGEST_NAME:,} characters and {_DEEPEST} folders"
        raise InputError(f"{path}: its member {name[:40]!r}... has a path of {len(name):,} characters", limits)
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or (parts and parts[0][1:2] == ":") or "\0" in name:
        raise InputError(f"{path}: its member {name!r} leads out of it", "an archive of relative paths without ..")
    return "/".join(parts)


def _above(name: str) -> Iterator[str]:
    """The folders that a path lies in."""
    parts = name.split("/")[:-1]
    return ("/".join(parts[: depth + 1]) for depth in range(len(parts)))


def _link(path: Path, name: str) -> InputError:
    return InputError(f"{path}: its member {name!r} is a link", "an archive of files; links are not followed in one")


def _damaged(path: Path, error: object) -> InputError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return InputError(f"{path}: not a sound archive: {reason}", f"archives: {', '.join(ENDINGS)}")
