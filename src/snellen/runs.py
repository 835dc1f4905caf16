"""Runs: folders of results, each file written whole or not at all, with a manifest of how to repeat them."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import errno
import functools
import hashlib
import importlib.metadata
import json
import math
import os
import platform
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from snellen.errors import InputError, SnellenError

_PACKAGES = ("snellen", "torch", "torchvision", "timm", "numpy", "pillow", "scikit-learn", "matplotlib", "typst")
_UNFINISHED = ".unfinished-"
_LOCK = ".lock"


@contextlib.contextmanager
def atomic_path(path: Path, folder: Path | None = None) -> Iterator[Path]:
    """A temporary path that takes the place of ``path`` when the block ends well, and vanishes when not.

    A crash at any moment leaves the old file or the new one; what it leaves half written, :func:`sweep` removes.

    Args:
        path: the file.
        folder: where the temporary one is made, on the same disk; beside ``path`` where not given.

    Raises:
        SnellenError: the file cannot be written: disk full, no permission, a file where a folder should be.
    """
    folder = folder or path.parent
    try:
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
    """Remove what killed processes left half written in ``folder``; for its only writer."""
    for leftover in folder.glob(f"{_UNFINISHED}*"):
        leftover.unlink(missing_ok=True)


@contextlib.contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Keep other runs out of ``folder``; the system lets them in again however this process ends.

    The folder is made where it is missing, and removed again where nothing came of it. Half-written files of an
    earlier run are swept up. Where the file system knows no locks, nobody is kept out.

    Raises:
        InputError: another run is writing here.
        SnellenError: the folder cannot be written to.
    """
    lock = folder / _LOCK
    try:
        made = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        file = _locked(lock)
    except BlockingIOError as error:
        raise InputError(f"{folder}: another run is writing here", "wait for it, or another --out") from error
    except OSError as error:
        raise _cannot_write(folder, error) from error
    try:
        sweep(folder)
        yield
    finally:
        # While it is held, nobody else can remove it.
        lock.unlink(missing_ok=True)
        file.close()
        if made:
            with contextlib.suppress(OSError):  # what came of the run is in it
                folder.rmdir()


def _locked(path: Path) -> IO[bytes]:
    """The file at ``path``, opened and locked.

    Raises:
        BlockingIOError: another process has locked it.
    """
    while True:
        file = path.open("wb")
        try:
            _lock(file)
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
            file.close()
        except FileNotFoundError:
            # Whoever held it removed it between our opening and our locking it.
            file.close()
        except OSError:
            file.close()
            raise


def _lock(file: IO[bytes]) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP):
            raise


@functools.cache
def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _cannot_write(path: Path, error: OSError) -> SnellenError:
    return SnellenError(f"{path}: cannot be written: {error.strerror or error}")


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file whole or not at all."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` (see :func:`to_plain`) as JSON, whole or not at all."""
    write_text(path, to_json(value))


def to_json(value: Any) -> str:
    """``value`` as indented JSON text; see :func:`to_plain`."""
    return json.dumps(to_plain(value), indent=2, allow_nan=False) + "\n"


def differences(one: Any, other: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Where two plain values differ: the keys that lead there and what stands in each, None where nothing does."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in {**one, **other}:
            yield from differences(one.get(key), other.get(key), (*path, key))
    elif one != other:
        yield path, one, other


def to_plain(value: Any) -> Any:
    """Dataclasses, arrays, tensors and paths as what JSON knows; NaN and infinities become null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return to_plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    return value


@dataclasses.dataclass(frozen=True)
class Provenance:
    """What makes a result repeatable.

    Attributes:
        command: the command line, or the Python program, that made it.
        model: the classifier's name; empty where there is none.
        weights: SHA-256 of its weights.
        data: fingerprint of the input data; see :func:`fingerprint`.
        seed: of every random choice; None where there is none.
        device: where the network ran.
        hardware: processor, its family and model, and cores.
        versions: of Python and the packages that matter.
    """

    command: str
    model: str
    weights: str
    data: str
    seed: int | None
    device: str
    hardware: str
    versions: Mapping[str, str]

    @classmethod
    def collect(
        cls, *, model: str = "", weights: str = "", data: str = "", seed: int | None = None, device: str = "cpu"
    ) -> Provenance:
        """The provenance of a result that is being made now."""
        return cls(command_line(), model, weights, data, seed, device, hardware(), versions())


def command_line() -> str:
    """The command that runs now, as one would type it."""
    program = os.path.basename(sys.argv[0]) or "python"
    return shlex.join(["snellen" if program == "__main__.py" else program, *sys.argv[1:]])


@functools.cache
def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


@functools.cache
def hardware() -> str:
    """The processor and the number of cores that this process may use.

    Its family and model stand beside the name, which virtual machines cut short: two with one name may differ in speed
    by a factor of two.
    """
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = (line.partition(":") for line in Path("/proc/cpuinfo").read_text().splitlines())
        facts = {key.strip(): value.strip() for key, _, value in lines}
        model = facts.get("model name", model)
        if {"cpu family", "model"} <= facts.keys():
            model += f" (family {facts['cpu family']}, model {facts['model']})"
    return f"{model}, {cores()} cores"


def cores() -> int:
    """The number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def fingerprint(data: bytes | str) -> str:
    """A short SHA-256 (16 hexadecimal digits) that tells one input from another."""
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()[:16]


class Run:
    """A folder that holds what one command made; in a ``with`` block nobody else writes there (:func:`only_writer`).

    Args:
        path: the folder; made when the first file is written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._started = time.time()
        self._held = only_writer(path)
        if path.exists() and not path.is_dir():
            raise SnellenError(f"{path}: is not a folder", "a folder, or a name that is still free")

    def __enter__(self) -> Self:
        self._held.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._held.__exit__(kind, error, trace)

    def write_manifest(self, provenance: Provenance | None) -> None:
        """Write ``manifest.json``: the provenance, the files that are there, when and how long."""
        files = (path for path in self.path.rglob("*") if path.is_file() and not path.name.startswith("."))
        started = datetime.datetime.fromtimestamp(self._started, datetime.UTC)
        write_json(
            self.path / "manifest.json",
            {
                "started": started.isoformat(timespec="seconds"),
                "seconds": round(time.time() - self._started, 1),
                "provenance": provenance,
                "files": sorted(str(path.relative_to(self.path)) for path in files if path.name != "manifest.json"),
            },
        )
