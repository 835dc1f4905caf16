"""The photographs that visitors gave and that the page made: checked when they come, known by a number."""

from __future__ import annotations

import hashlib
import io
import os
import re
import threading
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from snellen.data.images import read_image
from snellen.errors import ImageError, InputError
from snellen.runs.files import write_bytes
from snellen.web.folder import Folder
from snellen.web.limits import Limits

_PREVIEW_SIDE = 1024


@dataclass(frozen=True)
class Photograph:
    """A photograph on the page.

    Attributes:
        number: what the page calls it: a digest of name and bytes, which only those know who have the file.
        name: name of its file.
        width, height: size in pixels.
        size: size of its file in bytes.
        path: where it lies.
    """

    number: str
    name: str
    width: int
    height: int
    size: int
    path: Path

    def read(self) -> Image.Image:
        """The photograph, upright and RGB.

        Raises:
            ImageError: it is no longer here.
        """
        try:
            # Whoever uses it keeps it.
            os.utime(self.path)
            return read_image(self.path)
        except (ImageError, OSError) as error:
            raise ImageError(f"{self.name}: no longer here", "drop it once more") from error

    def reduced(self, side: int) -> Image.Image:
        """The photograph with its longer side at most ``side`` pixels; as it is where 0."""
        image = self.read()
        if side and max(image.size) > side:
            image.thumbnail((side, side), Image.Resampling.LANCZOS)
        return image


class Photographs:
    """All photographs of the page.

    Args:
        folder: folder of the page.
        limits: limits of the page.
    """

    def __init__(self, folder: Folder, limits: Limits) -> None:
        self._folder, self._limits = folder, limits
        self._known: dict[str, Photograph] = {}
        # One is decoded at a time: the largest take 200 MB each.
        self._decoding = threading.Lock()

    def add(self, given: bytes | Path, name: str) -> Photograph:
        """Keep a photograph, once it was read.

        Args:
            given: bytes of its file, or where they lie.
            name: name of its file.

        Raises:
            ImageError: too large, or nothing that can be read; names the file.
            SnellenError: there is no room for it.
        """
        name = shown_name(name)
        with self._decoding:
            data = given if isinstance(given, bytes) else given.read_bytes()
            return self._add(data, name)

    def _add(self, data: bytes, name: str) -> Photograph:
        number = hashlib.sha256(name.encode() + b"\0" + data).hexdigest()[:32]
        known = self._known.get(number)
        if known is None or not known.path.is_file():
            try:
                width, height = read_image(data, self._limits.pixels).size
            except ImageError as error:
                raise ImageError(error.message.replace("bytes", name, 1), error.hint) from error
            self._folder.make_room(len(data))
            path = self._folder.path / "photographs" / number
            path.parent.mkdir(exist_ok=True)
            write_bytes(path, data)
            self._known = {k: one for k, one in self._known.items() if one.path.is_file()}
            known = self._known[number] = Photograph(number, name, width, height, len(data), path)
        os.utime(known.path)
        return known

    def preview(self, photograph: Photograph) -> Path:
        """A JPEG of a photograph, its longer side at most 1,024 pixels.

        Raises:
            ImageError: it is no longer here.
        """
        path = self._folder.path / "previews" / photograph.number
        if not path.is_file():
            with self._decoding:
                image = photograph.reduced(_PREVIEW_SIDE)
            file = io.BytesIO()
            image.save(file, format="JPEG", quality=90)
            path.parent.mkdir(exist_ok=True)
            write_bytes(path, file.getvalue())
        return path

    def find(self, number: str) -> Photograph:
        """The photograph of that number.

        Raises:
            InputError: there is none, or no more.
        """
        known = self._known.get(number)
        if known is None or not known.path.is_file():
            raise InputError("that photograph is no longer here", "drop it once more; uploads are kept for an hour")
        return known


def shown_name(name: str) -> str:
    """A file's name as the page and its results call it: no folders, no control characters, not too long."""
    last = re.split(r"[/\\]", name)[-1]
    plain = "".join(letter if letter.isprintable() else "_" for letter in last).strip()
    stem, dot, ending = plain.rpartition(".")
    return (f"{stem[:80]}{dot}{ending[:12]}" if dot else plain[:80]) or "photograph"
