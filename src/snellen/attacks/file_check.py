"""Whether a file is what somebody says: another photograph within a bound, that a classifier takes for something else.

Nothing is believed but the two files: sizes, norm and answer are measured anew. A file in JPEG holds what its encoder
left of the noise, and what the encoder added; so beside its norm stands that of the original in the same encoding.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, JpegImagePlugin
from torch import Tensor

from snellen.attacks.config import epsilon_steps
from snellen.attacks.verify import norm, prediction, probabilities
from snellen.data.images import Source, read_image, source_name
from snellen.errors import InputError
from snellen.models.classifier import Classifier
from snellen.models.predictions import Prediction
from snellen.prose import called
from snellen.runs.serialise import NOT_SERIALISED

_JPEG = b"\xff\xd8\xff"
_LOSSLESS = (b"\x89PNG\r\n\x1a\n", b"BM")


@dataclass(frozen=True)
class Claim:
    """Something that was said, and whether it holds.

    Attributes:
        what: what was said, and what was seen.
        holds: whether it does; None where that cannot be told here.
    """

    what: str
    holds: bool | None

    def __str__(self) -> str:
        verdict = {True: "holds", False: "does not hold", None: "cannot be told"}[self.holds]
        return f"{verdict}: {self.what}"


@dataclass(frozen=True)
class FileCheck:
    """What is in an attacked file.

    Attributes:
        model: name of the classifier.
        file, original: names of the two files.
        size, original_size: (width, height) of each.
        epsilon: bound, in steps of 1/255.
        norm: infinity norm of the difference in steps of 1/255; None where the sizes differ.
        jpeg_norm: the same of the original once it is encoded as the file is; None where the file is no JPEG.
        lossless: whether the file's format keeps every value.
        before, after: most probable class of the original and of the file.
        target: class that is to be seen in it; None where any other than the original's will do.
        clean, seen: class probabilities (K,) of the original and of the file.
    """

    model: str
    file: str
    original: str
    size: tuple[int, int]
    original_size: tuple[int, int]
    epsilon: int
    norm: int | None
    jpeg_norm: int | None
    lossless: bool
    before: Prediction
    after: Prediction
    target: Prediction | None
    clean: Tensor = field(repr=False, compare=False, metadata=NOT_SERIALISED)
    seen: Tensor = field(repr=False, compare=False, metadata=NOT_SERIALISED)

    @property
    def within(self) -> bool:
        """Whether the file is as large as the original, and no value is further from it than the bound."""
        return self.norm is not None and self.norm <= self.epsilon

    @property
    def fooled(self) -> bool:
        """Whether the target is seen in it; without one, whether anything but the original's class is."""
        wanted = None if self.target is None else self.target.index
        return self.after.index == wanted if wanted is not None else self.after.index != self.before.index

    @property
    def claims(self) -> tuple[Claim, ...]:
        """What an attacked file has to be, each with what was seen."""
        return tuple(self._claims())

    def _claims(self) -> Iterator[Claim]:
        sizes = [f"{width} x {height}" for width, height in (self.size, self.original_size)]
        yield Claim(f"{self.file}: as large as the original: {sizes[0]}, the original {sizes[1]}", sizes[0] == sizes[1])
        if self.norm is not None:
            yield Claim(f"{self.file}: within {self.epsilon}/255: its norm is {self.norm}/255{self._encoding()}",
                        self.within)  # fmt: skip
        wanted = "another class than the original's" if self.target is None else self.target.label
        seen = f"{self.after.label} ({self.after.probability:.3f})"
        beside = self.target is not None and self.target.index != self.after.index
        also = f", {wanted} has {self.target.probability:.3f}" if beside and self.target is not None else ""
        was = f"the original is seen as {self.before.label} ({self.before.probability:.3f})"
        yield Claim(
            f"{self.file}: seen as {wanted} by {called(self.model)}: it is seen as {seen}{also}; {was}", self.fooled
        )

    def _encoding(self) -> str:
        if self.jpeg_norm is not None:
            return f"; it is a JPEG, and that encoding alone moves the original by up to {self.jpeg_norm}/255"
        return "" if self.lossless else "; its format need not keep every value"


def check_file(
    classifier: Classifier, file: Source, original: Source, *, epsilon: int, target: int | None = None
) -> FileCheck:
    """Measure an attacked file against the photograph that it was made from.

    Args:
        classifier: classifier that it is to fool.
        file: the attacked file, of any format.
        original: the photograph.
        epsilon: bound of the infinity norm, in steps of 1/255.
        target: index of the class that is to be seen in it; None where any other than the original's will do.

    Raises:
        ImageError: one of the two cannot be read.
    """
    attacked, before = read_image(file), read_image(original)
    values = [np.asarray(image) for image in (attacked, before)]
    same = values[0].shape == values[1].shape
    data = file if isinstance(file, bytes) else Path(file).read_bytes()
    clean, seen = (probabilities(classifier, image, "image") for image in (before, attacked))
    return FileCheck(
        model=classifier.name,
        file=source_name(file),
        original=source_name(original),
        size=attacked.size,
        original_size=before.size,
        epsilon=epsilon,
        norm=norm(values[0], values[1]) if same else None,
        jpeg_norm=_jpeg_norm(data, before) if same else None,
        lossless=data.startswith(_LOSSLESS),
        before=prediction(classifier, clean, int(clean.argmax())),
        after=prediction(classifier, seen, int(seen.argmax())),
        target=None if target is None else prediction(classifier, seen, target),
        clean=clean,
        seen=seen,
    )


def _jpeg_norm(data: bytes, original: Image.Image) -> int | None:
    """How far the original is from itself once it is encoded with the tables of the JPEG in ``data``."""
    if not data.startswith(_JPEG):
        return None
    # Of a file that was read before; what its header says otherwise leaves this one number out.
    with (
        contextlib.suppress(OSError, ValueError, Image.DecompressionBombError),
        Image.open(io.BytesIO(data), formats=("JPEG",)) as image,
    ):
        assert isinstance(image, JpegImagePlugin.JpegImageFile)
        tables, sampling = image.quantization, JpegImagePlugin.get_sampling(image)
        encoded = io.BytesIO()
        original.save(encoded, "JPEG", qtables=tables, subsampling=sampling)
        return norm(np.asarray(read_image(encoded.getvalue())), np.asarray(original))
    return None


def steps_of(epsilon: str | float) -> int:
    """A bound in whole steps of 1/255.

    Raises:
        InputError: no number between 0 and 1.
    """
    steps = epsilon_steps(epsilon)
    if steps is None:
        raise InputError(f"epsilon is {epsilon}", "a number such as 4/255")
    return steps
