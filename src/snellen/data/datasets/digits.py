"""The bundled digits, which stand in where no data set was given."""

from __future__ import annotations

import importlib.metadata
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from snellen.data.datasets.base import Example, ImageSet, Targets
from snellen.data.labels import Labels
from snellen.runs.provenance import fingerprint

DIGITS = "digits"
DIGITS_PER_CLASS = 50
"""How many of scikit-learn's digits of each class the bundled set takes; its first ones."""


@dataclass(frozen=True, eq=False)
class _Digits:
    """Grey 8 x 8 images (N, 8, 8) with values 0 to 16, and their classes (N,)."""

    images: npt.NDArray[np.float64]
    labels: Targets

    def __len__(self) -> int:
        return len(self.labels)

    def targets(self) -> Targets | None:
        return self.labels

    def names(self) -> Sequence[str]:
        return [f"digit {index}" for index in range(len(self))]

    def column(self, _: str) -> Sequence[str] | None:
        return None

    def changed(self) -> str:
        return ""

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Example]:
        for index in range(len(self))[start:stop]:
            file = io.BytesIO()
            Image.fromarray(np.round(self.images[index] * 255 / 16).astype(np.uint8)).save(file, "PNG")
            yield Example(file.getvalue(), int(self.labels[index]), f"digit {index}")


def digits() -> ImageSet:
    """The bundled digits: one split of ten classes."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    order = np.concatenate([np.flatnonzero(bunch.target == digit)[:DIGITS_PER_CLASS] for digit in range(10)])
    note = (
        f"These are the first {DIGITS_PER_CLASS} of each class of the 8 x 8 handwritten digits that scikit-learn ships "
        "(Alpaydin and Kaynak 1998), enlarged: they stand in where no data set was given, and say little about "
        "photographs."
    )
    return ImageSet(
        DIGITS,
        Labels(tuple(str(digit) for digit in range(10))),
        {"all": _Digits(bunch.images[order], bunch.target[order].astype(np.int64))},
        fingerprint(f"{DIGITS} {DIGITS_PER_CLASS} {importlib.metadata.version('scikit-learn')}"),
        note,
    )
