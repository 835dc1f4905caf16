"""From the colours of a file to sRGB, which every network was trained on.

A photograph's numbers mean what its ICC profile says: those of a telephone's Display P3 are paler than they look when
they are taken for sRGB. The conversion is LittleCMS's, relative colorimetric with black point compensation.
"""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms

from snellen.data.reading import note_converted, profiles_ignored

_LARGEST_PROFILE = 8 << 20
_SAME_LEVELS = 2
"""A profile that moves no colour by more is a way of writing sRGB: the usual ones differ by a rounding."""
_SPACES = {"RGB": "RGB", "RGBA": "RGB", "L": "GRAY", "CMYK": "CMYK"}
_SRGB = ImageCms.createProfile("sRGB")


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The image in sRGB: RGB, with its transparency; as it is where it has no profile, or one that means sRGB.

    Args:
        image: of mode RGB, RGBA, L or CMYK.
        profile: its ICC profile. One that is damaged, or for other colours than the image has, counts for nothing.
    """
    if not profile or profiles_ignored() or len(profile) > _LARGEST_PROFILE or image.mode not in _SPACES:
        return image
    conversion = _conversion(profile, image.mode)
    if conversion is None:
        return image
    converted = ImageCms.applyTransform(image, conversion.transform)
    assert converted is not None  # it is not in place
    note_converted(converted, conversion.name)
    if image.mode == "RGBA":
        converted.putalpha(image.getchannel("A"))
    return converted


@dataclass(frozen=True)
class _Conversion:
    """From a profile to sRGB."""

    name: str
    transform: ImageCms.ImageCmsTransform


@functools.lru_cache(maxsize=32)
def _conversion(profile: bytes, mode: str) -> _Conversion | None:
    """The conversion of images of a mode; None where there is nothing to convert, or no way to."""
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if opened.profile.xcolor_space.strip() != _SPACES[mode]:
            return None
        transform = ImageCms.buildTransform(
            opened,
            _SRGB,
            mode,
            "RGBA" if mode == "RGBA" else "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            # Threads share it, and LittleCMS's cache of one colour is not made for that.
            ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.NOCACHE,
        )
        if mode != "CMYK" and _changes_little(transform, mode):
            return None
        name = (opened.profile.profile_description or "a nameless profile").strip()
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    return _Conversion(name[:60], transform)


def _changes_little(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether no colour of a grid moves visibly."""
    levels = np.arange(0, 256, 15, dtype=np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(1, -1, 3)
    image = Image.fromarray(grid).convert(mode)
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None  # it is not in place
    before, after = (np.asarray(one.convert("RGB"), dtype=int) for one in (image, converted))
    return bool(np.abs(after - before).max() <= _SAME_LEVELS)
