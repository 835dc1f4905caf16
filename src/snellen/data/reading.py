"""How photographs are read in a stretch of a program, and what was done to them: settings that reach its threads too.

They are context variables: whoever sets one sets it for the block and nobody else.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections import Counter
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

_SAMPLED = 64
_ignored: ContextVar[bool] = ContextVar("ignored", default=False)
_log: ContextVar[ReadingLog | None] = ContextVar("log", default=None)


@dataclass
class ReadingLog:
    """What was done to photographs while they were read; one that is read again counts once.

    Attributes:
        converted: photographs converted to sRGB: by the fingerprint of their pixels, the name of their profile.
        halved: fingerprints of photographs read at half their size or less, since they were too large.
        lock: held while one of the two changes, since several threads read.
    """

    converted: dict[bytes, str] = field(default_factory=dict)
    halved: set[bytes] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def sentences(self) -> list[str]:
        """What a reader of results should know; empty where nothing was done."""
        said = []
        if self.converted:
            counted = Counter(self.converted.values()).most_common()
            count = len(self.converted)
            several = len(counted) > 1
            profiles = ", ".join(f"{_said(name)} ({n})" if several else _said(name) for name, n in counted)
            said.append(f"{count} photograph{'s were' if count > 1 else ' was'} converted to sRGB from {profiles}.")
        if self.halved:
            said.append(f"{len(self.halved)} of more than 80 million pixels were read at half their size.")
        return said


def _said(profile: str) -> str:
    """A profile's name; of one that is called sRGB and was found to be another, that it is."""
    return f"another profile that is called {profile}" if "srgb" in profile.lower() else profile


@contextlib.contextmanager
def reading_log() -> Iterator[ReadingLog]:
    """Notes what is done to the photographs that are read within the block, also by the threads that it starts."""
    log = ReadingLog()
    token = _log.set(log)
    try:
        yield log
    finally:
        _log.reset(token)


@contextlib.contextmanager
def ignore_profiles() -> Iterator[None]:
    """Takes all photographs that are read within the block for sRGB, as pipelines do that know of no profiles."""
    token = _ignored.set(True)
    try:
        yield
    finally:
        _ignored.reset(token)


def profiles_ignored() -> bool:
    """Whether photographs are read within :func:`ignore_profiles`."""
    return _ignored.get()


def note_converted(image: Image.Image, profile: str) -> None:
    """Note a photograph that was converted to sRGB from the profile of that name."""
    log = _log.get()
    if log is not None:
        one = _fingerprint(image)
        with log.lock:
            log.converted[one] = profile


def note_halved(image: Image.Image) -> None:
    """Note a photograph that was too large to be read at its full size."""
    log = _log.get()
    if log is not None:
        one = _fingerprint(image)
        with log.lock:
            log.halved.add(one)


def _fingerprint(image: Image.Image) -> bytes:
    """Of its size and of pixels from all over it, so that noting a large photograph costs little beside decoding it."""
    some = image.resize((_SAMPLED, _SAMPLED), resample=0)  # the nearest pixel
    return hashlib.blake2b(repr((image.size, image.mode)).encode() + some.tobytes(), digest_size=16).digest()
