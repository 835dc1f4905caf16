"""What a visitor may ask for, so that the page can be left running."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from snellen.data.images import read_image
from snellen.errors import ImageError, InputError


@dataclass(frozen=True)
class Limits:
    """What one visitor, and all of them together, may take.

    Attributes:
        upload_bytes: size of one photograph's file.
        pixels: number of pixels of one photograph.
        photographs: number of photographs in one report.
        labelled: number of photographs that a model is scored on.
        categories: number of categories shown for a photograph.
        epsilon: bound of an attack, in steps of 1/255.
        steps: number of steps of an attack.
        text: number of characters of a class name, a title, a name.
        waiting: number of visitors in the queue.
        sessions: number of visitors that Gradio remembers; it makes itself a copy of the page's settings for each.
        kept_seconds: time that uploads and results are kept.
        kept_bytes: size of all uploads and results together.
    """

    upload_bytes: int = 25 << 20
    pixels: int = 20_000_000
    photographs: int = 8
    labelled: int = 64
    categories: int = 20
    epsilon: int = 32
    steps: int = 100
    text: int = 100
    waiting: int = 64
    sessions: int = 128
    kept_seconds: int = 3600
    kept_bytes: int = 2 << 30

    def number(self, what: str, value: float, most: int) -> int:
        """``value`` as a whole number from 1 to ``most``.

        Raises:
            InputError: it is none, or outside.
        """
        if value != value or not float(value).is_integer() or not 1 <= value <= most:
            raise InputError(f"{what}: {value:g}", f"a whole number from 1 to {most}")
        return int(value)

    def words(self, what: str, value: str | None) -> str:
        """``value`` without the spaces around it.

        Raises:
            InputError: it is too long.
        """
        text = (value or "").strip()
        if len(text) > self.text:
            raise InputError(f"{what}: {len(text)} characters", f"at most {self.text}")
        return text

    def lines(self, what: str, value: str | None, most: int) -> list[str]:
        """The lines of ``value`` that are not empty.

        Raises:
            InputError: too many, or one that is too long for a file's name and a class.
        """
        lines = [line.strip() for line in (value or "")[: 8 * self.text * most].splitlines() if line.strip()]
        if len(lines) > most:
            raise InputError(f"{what}: {len(lines)} lines", f"at most {most}")
        if any(len(line) > 4 * self.text for line in lines):
            raise InputError(f"{what}: a line of more than {4 * self.text} characters", "file name, class")
        return lines

    def photograph(self, path: Path | None) -> Image.Image:
        """An uploaded photograph, decoded; refusals name the file as the visitor does, without the server's folders.

        Raises:
            InputError: there is none.
            ImageError: too large, or nothing that can be read.
        """
        if path is None:
            raise InputError("no photograph", "drop one on the page, or click one of the examples")
        if path.is_file() and path.stat().st_size > self.upload_bytes:
            raise ImageError(f"{path.name}: larger than {self.upload_bytes >> 20} MiB")
        try:
            return read_image(path, self.pixels)
        except ImageError as error:
            raise ImageError(error.message.replace(str(path), path.name), error.hint) from error
