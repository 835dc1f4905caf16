"""Pictures as a report holds them: small enough to be sent."""

from __future__ import annotations

import io
from pathlib import Path

from snellen.data.decode import decode
from snellen.data.images import MAX_BYTES
from snellen.runs.text import read_bounded

_LARGE = 200_000
_QUALITY = 90


def compressed(path: Path) -> tuple[bytes, str]:
    """The file's bytes and suffix; a large PNG of photographs as a JPEG of quality 90, where that is half as large.

    A report's figures are for looking at; what was verified is the files next to it.

    Raises:
        InputError: no regular file, one that is too large, or a damaged picture: the exam may be a stranger's.
    """
    data = read_bounded(path, MAX_BYTES)
    if path.suffix.lower() == ".svg":
        return data, ".svg"
    picture = decode(data, str(path))
    if path.suffix.lower() != ".png" or len(data) < _LARGE:
        return data, path.suffix.lower()
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY, subsampling=0, optimize=True)
    return (buffer.getvalue(), ".jpg") if 2 * buffer.tell() < len(data) else (data, ".png")
