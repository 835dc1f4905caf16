"""How far an attacked file is from its photograph as a whole, and how far an ordinary JPEG is."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from snellen.attacks.result import AttackResult
from snellen.attacks.verify import Bytes
from snellen.data.images import open_photo

JPEG_QUALITY = 75
"""Pillow's default."""


@dataclass(frozen=True)
class Visibility:
    """How far one attacked file is from its photograph.

    Attributes:
        name: path of the photograph, or what stands for it.
        size: width and height in pixels.
        psnr: of the attacked file, in dB; see :func:`psnr`.
        jpeg_psnr: of the photograph saved as JPEG of :data:`JPEG_QUALITY`, in dB, as a yardstick.
    """

    name: str
    size: tuple[int, int]
    psnr: float
    jpeg_psnr: float


def visibility(attack: AttackResult) -> Visibility:
    """Measure one attacked file, from its bytes."""
    image = open_photo(attack.source, "attack").image
    file = io.BytesIO()
    image.save(file, format="JPEG", quality=JPEG_QUALITY)
    original = np.asarray(image)
    with Image.open(file) as compressed:
        of_jpeg = psnr(np.asarray(compressed), original)
    return Visibility(attack.name, image.size, psnr(np.asarray(attack.image), original), of_jpeg)


def psnr(changed: Bytes, original: Bytes) -> float:
    """Peak signal-to-noise ratio in dB: 10 log10(255^2 / mean squared difference) over all values; infinite for none.

    Args:
        changed: a photograph (H, W, 3).
        original: what it was made from, as large.
    """
    # Strip by strip: a difference of bytes needs wider integers, and a photograph may have many pixels.
    strips = (slice(start, start + 256) for start in range(0, len(original), 256))
    squares = sum(int(np.square(changed[s].astype(np.int32) - original[s]).sum(dtype=np.int64)) for s in strips)
    return 10 * math.log10(255**2 * original.size / squares) if squares else math.inf
