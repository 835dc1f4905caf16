"""Reads small files whole: regular ones only, within a bound, and text only in UTF-8."""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import stat
import unicodedata
from pathlib import Path

from snellen.errors import InputError

LARGEST_FILE = 64 << 20
"""Bytes of the largest configuration, table or JSON file that is read, where nothing else is said."""
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}
_ADDRESS = re.compile("[a-z][a-z0-9+.-]+:/", re.IGNORECASE)
"""Of a :class:`~pathlib.Path` too, which makes one stroke of two."""
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SAVE_AS = "save it as UTF-8; in Excel, as CSV UTF-8"


def exists(path: Path) -> bool:
    """Whether a path exists; a name that can be no path, too long or with a null character, does not."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def check_no_address(name: str, error: type[InputError], accepted: str = "save it as a file, and give that") -> None:
    """Refuse an address of the web where a file or folder is asked for: nothing is fetched from one.

    Raises:
        InputError: as ``error``, which says what would be ``accepted``.
    """
    if _ADDRESS.match(name):
        raise error(f"{name}: an address, from which nothing is fetched", accepted)


def composed(text: str) -> str:
    """``text`` with each accented letter as one character (NFC), by which two spellings of one name are told equal.

    A Mac and what is copied from it write a letter and its accent as two characters (NFD); both look alike.
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def as_on_disk(path: str) -> str:
    """``path`` with its names spelled as the disk has them, where they differ in how accents are written only."""
    if path.isascii() or os.path.exists(path):
        return path
    here, respelled = "", False
    for part in Path(path).parts:
        there = os.path.join(here, part)
        if not part.isascii() and not os.path.lexists(there):
            with contextlib.suppress(OSError, ValueError):  # no folder, or no path
                same = [one.name for one in Path(here).iterdir() if composed(one.name) == composed(part)]
                there = os.path.join(here, *(same[:1] or [part]))
                respelled = respelled or bool(same)
        here = there
    return here if respelled else path


def read_bounded(path: Path, most: int = LARGEST_FILE, accepted: str | None = None) -> bytes:
    """The bytes of a small file.

    Args:
        path: the file; a link to one is followed.
        most: bytes that it may have.
        accepted: what would be read, for the messages.

    Raises:
        InputError: no such file, a folder, a pipe or a device, or a file of more than ``most`` bytes; names it.
    """
    try:
        kind = stat.S_IFMT(path.stat().st_mode)
        if kind != stat.S_IFREG:
            # A pipe would be waited for, and a device may have no end.
            raise InputError(f"{path}: is {_KINDS.get(kind, 'no file')}, not a file", accepted)
        with path.open("rb") as file:
            data = file.read(most + 1)
    except (OSError, ValueError) as error:  # a path may hold a null character
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}", accepted) from error
    if len(data) > most:
        raise InputError(f"{path}: more than {most >> 20} MiB", accepted)
    return data


def read_text(path: Path, most: int = LARGEST_FILE, accepted: str | None = None) -> str:
    """The text of a small file in UTF-8, with the mark at its beginning that Excel sets, or without.

    Raises:
        InputError: as :func:`read_bounded`, or as :func:`decoded`.
    """
    return decoded(read_bounded(path, most, accepted), str(path))


def decoded(data: bytes, where: str) -> str:
    """``data`` as text in UTF-8, without the mark at its beginning.

    Raises:
        InputError: it is text in another encoding, or none; ``where`` begins the message.
    """
    if data.startswith(_UTF_16):
        raise InputError(f"{where}: not a text file in UTF-8 but in UTF-16, as Notepad saves Unicode", _SAVE_AS)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{where}: not a text file in UTF-8: line {line} has a byte 0x{data[error.start]:02x}",
                         _SAVE_AS) from error  # fmt: skip
    if "\0" in text:
        raise InputError(f"{where}: not a text file in UTF-8: it has null characters", _SAVE_AS)
    return text
