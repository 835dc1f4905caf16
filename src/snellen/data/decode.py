"""From the bytes of a file to an upright RGB image of 8 bits in sRGB, for every format that is accepted.

Formats are recognised by their content. What a file may cost is decided before its pixels are decoded.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import io
import struct
import threading
from collections.abc import Callable, Mapping
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageFile, ImageOps

from snellen.data.colour import to_srgb
from snellen.data.reading import note_halved
from snellen.errors import ImageError

_PLUGINS = {
    "JPEG": "JpegImagePlugin",
    "PNG": "PngImagePlugin",
    "WEBP": "WebPImagePlugin",
    "GIF": "GifImagePlugin",
    "TIFF": "TiffImagePlugin",
    "BMP": "BmpImagePlugin",
    "AVIF": "AvifImagePlugin",
}
FORMATS = tuple(_PLUGINS)
HEIF_EXTRA = "pip install 'snellen[heif]'"
MAX_PIXELS = 256_000_000
"""The largest photograph that is decoded, in pixels: telephones make 200 million. Pillow holds 4 bytes of each."""
WHOLE_PIXELS = 80_000_000
"""The largest photograph that is decoded whole: 240 MB as bytes, 960 MB as float32. Larger ones are halved."""
MAX_SIDE = 65_535
"""The longest side, in pixels: a JPEG's. Pillow gathers a row piece by piece, each time copying what it has."""
MAX_RUN_LENGTH_PIXELS = 8_000_000
"""The largest BMP in run lengths: Pillow decodes these pixel by pixel in Python, and 80 bytes can ask for them all."""
_PIXELS_A_BYTE = 100
"""Beyond :data:`WHOLE_PIXELS`, a file with fewer bytes for its pixels is no photograph but a decompression bomb."""
_HEVC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
_BITS_A_SAMPLE, _LARGEST_SAMPLE, _SAMPLE_FORMAT = 258, 281, 339  # TIFF tags
_REDUCED, _COMPRESSION, _PHOTOMETRIC, _PLANES, _PROFILE, _DNG = 254, 259, 262, 284, 34675, 50706
_SIGNED, _FLOAT = 2, 3
_MOST_BITS_IN_SIXTEEN = 14
"""Of the depths that are written in 16 bits unscaled, the largest: of X-ray detectors, thermal and other cameras."""
_TIFF_ACCEPTED = "8 or 16 bits a sample, or floats in [0, 1], gray or RGB"

_one_large = threading.Lock()


def decode(data: bytes, name: str, most_pixels: int = MAX_PIXELS) -> Image.Image:
    """The photograph in the bytes of a file: upright, RGB, 8 bits, sRGB, over white.

    Args:
        data: bytes of the file.
        name: what messages call it.
        most_pixels: the largest photograph that is decoded; at most :data:`MAX_PIXELS`.

    Raises:
        ImageError: truncated or damaged, too large, or none of :data:`FORMATS`.
    """
    try:
        image = _heif(data, name, most_pixels) if is_heif(data) else _identified(data, name)
        _check_cost(image, name, len(data), most_pixels)
        if image.width * image.height > WHOLE_PIXELS:
            with _one_large:
                return finished(_halved(image, name, data), name)
        return finished(image, name, data)
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError(f"{name}: not enough memory to decode it") from error
    except Exception as error:
        # Pillow's decoders raise whatever a damaged file provokes: OSError, ValueError, SyntaxError,
        # struct.error, IndexError, and more.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"{name}: damaged image: {reason}") from error


@functools.cache
def has_heif() -> bool:
    """Whether HEIC can be decoded."""
    return importlib.util.find_spec("pillow_heif") is not None


def is_heif(data: bytes) -> bool:
    """Whether a file is of the kind that telephones write: HEIC, by one of the brands in its first box."""
    if data[4:8] != b"ftyp":
        return False
    brands = data[8 : min(int.from_bytes(data[:4], "big"), 200)]
    return any(brands[at : at + 4] in _HEVC_BRANDS for at in range(0, len(brands), 4))


def _heif(data: bytes, name: str, most_pixels: int) -> Image.Image:
    if not has_heif():
        raise ImageError(f"{name}: HEIC, which needs pillow-heif", HEIF_EXTRA)
    import pillow_heif

    # Not registered with Pillow, which would change it for the whole process; 10 and 12 bits become 8 of their range.
    file = pillow_heif.open_heif(data, convert_hdr_to_8bit=True)
    _check_cost(file, name, len(data), most_pixels)
    image: Image.Image = file.to_pillow()
    return image


@functools.cache
def _opener(kind: str) -> tuple[Callable[[IO[bytes], str], ImageFile.ImageFile], Callable[[bytes], Any]] | None:
    """Pillow's own opener of a format, and its test of the first bytes; None where this Pillow lacks it."""
    try:
        importlib.import_module(f"PIL.{_PLUGINS[kind]}")
    except ImportError:
        return None
    opener, accepts = Image.OPEN[kind]
    assert accepts is not None  # all of these have one
    return opener, accepts


def _identified(data: bytes, name: str) -> Image.Image:
    """The image, with its pixels not yet decoded.

    As :func:`PIL.Image.open`, less its bound on pixels, which is a setting of the whole process and less than what
    telephones make.
    """
    reason = ""
    for kind in FORMATS:
        opener = _opener(kind)
        accepted = opener is not None and opener[1](data[:16])
        if opener is None or not accepted:
            continue
        if isinstance(accepted, str):
            raise ImageError(f"{name}: {kind}, which this Pillow cannot decode", "Pillow 11.3 or later")
        try:
            image = opener[0](io.BytesIO(data), "")
            return _tiff(image, data, name) if kind == "TIFF" else image
        except (SyntaxError, IndexError, TypeError, struct.error) as error:
            reason = f"; as {kind}: {' '.join(str(error).split())[:100]}"
    if _holds_floats(data):
        return _by_tifffile(data, name)
    if reason.startswith("; as TIFF: unknown"):
        raise ImageError(f"{name}: a TIFF of a kind that is not read", _TIFF_ACCEPTED)
    raise ImageError(f"{name}: not an image{reason}", f"accepted: {', '.join((*FORMATS, 'HEIC'))}")


def _check_cost(image: Any, name: str, file_bytes: int, most_pixels: int) -> None:
    """Refuse what would cost more than a photograph may, before it does."""
    width, height = image.size
    if any(tile[0] == "bmp_rle" for tile in getattr(image, "tile", ())):
        most_pixels = min(most_pixels, MAX_RUN_LENGTH_PIXELS)
    seen = f"{name}: {width} x {height} pixels"
    if width * height > most_pixels:
        raise ImageError(seen, f"at most {most_pixels // 1_000_000} million, against decompression bombs")
    if width * height > max(WHOLE_PIXELS, _PIXELS_A_BYTE * file_bytes):
        kilobytes = f"{file_bytes / 1000:,.0f} kB"
        raise ImageError(f"{seen} in {kilobytes}", "no photograph is so small; against decompression bombs")
    if max(width, height) > MAX_SIDE:
        raise ImageError(seen, f"sides of at most {MAX_SIDE}")


def _halved(image: Image.Image, name: str, data: bytes) -> Image.Image:
    """A large image at half its size, or a quarter: the mean of each square; a JPEG is never decoded whole."""
    sides = image.size
    if isinstance(image, ImageFile.ImageFile):
        factor = 2
        while sides[0] * sides[1] > factor * factor * WHOLE_PIXELS:
            factor *= 2
        image.draft(image.mode, (sides[0] // factor, sides[1] // factor))
    image.load()
    profile, exif = image.info.get("icc_profile"), image.getexif()
    image = _levels(image, name, data)
    while image.width * image.height > WHOLE_PIXELS:
        image = image.reduce(2)
    image.info = {"icc_profile": profile, "exif": exif.tobytes() if exif else None}
    note_halved(image)
    return image


def finished(image: Image.Image, name: str, data: bytes = b"") -> Image.Image:
    """The image upright, of 8 bits, RGB, in sRGB, over white, without anything else that its file says.

    Args:
        image: as Pillow opens it.
        name: what messages call it.
        data: the file, which says of 16 bits what Pillow does not.
    """
    # In place: a file's own image outlives its file, and a copy would only cost time. Pillow turns a TIFF upright as it
    # loads it, and only then forgets how it lay.
    image.load()
    profile, orientation = image.info.get("icc_profile"), image.getexif().get(ExifTags.Base.Orientation, 1)
    image = _levels(image, name, data)
    if orientation != 1:
        image.getexif()[ExifTags.Base.Orientation] = orientation
        image = ImageOps.exif_transpose(image)
    image = to_srgb(image, profile)
    if image.mode == "RGBA":
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image)
        return white
    image = image if image.mode == "RGB" else image.convert("RGB")
    # Whoever gets it is not to convert it again.
    image.info.pop("icc_profile", None)
    return image


def _levels(image: Image.Image, name: str, data: bytes) -> Image.Image:
    """An image whose values are levels of 8 bits: not deeper samples, a palette's numbers or a transparent colour."""
    image = _eight_bits(image, name, data)
    if image.mode == "P" or (image.has_transparency_data and image.mode != "RGBA"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    return image.convert("L") if image.mode == "1" else image


def _eight_bits(image: Image.Image, name: str, data: bytes) -> Image.Image:
    """An image of deeper samples in 8 bits, scaled by their true range; others as they are."""
    tags = getattr(image, "tag_v2", {})
    if image.mode.startswith("I;16"):
        return _of_range(image, name, tags)
    if image.mode == "F":
        gray = Image.fromarray(_from_unit(np.asarray(image), name))
        return ImageOps.invert(gray) if _white_is_zero(tags) else gray
    if image.mode == "I":
        raise ImageError(f"{name}: 32-bit samples have no defined white", _TIFF_ACCEPTED)
    if data[:8] == b"\x89PNG\r\n\x1a\n" and data[24:25] == b"\x10":
        _fit_transparency(image)
        _check_colours(image, name)
    elif _first(tags.get(_BITS_A_SAMPLE), 8) == 16:
        _check_colours(image, name)
    return image


def _of_range(image: Image.Image, name: str, tags: Mapping[int, Any]) -> Image.Image:
    """8 bits of 16-bit gray, where a TIFF may say that it uses fewer of them; what is transparent becomes white."""
    values = np.asarray(image)
    bits, largest = _first(tags.get(_BITS_A_SAMPLE), 16), _first(tags.get(_LARGEST_SAMPLE), 0)
    top = largest if 255 < largest < 65535 else (1 << bits) - 1 if 8 < bits < 16 else 65535
    if top == 65535:
        _check_range(int(values.max()), name)
    levels = ((np.arange(1 << 16) * 255 + top // 2) // top).clip(0, 255).astype(np.uint8)
    if _white_is_zero(tags):
        levels = 255 - levels
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        levels[transparent] = 255
    # Line by line: NumPy makes 8 bytes of each number that it looks up.
    scaled = np.empty(values.shape, np.uint8)
    for line, row in zip(scaled, values, strict=True):
        line[:] = levels[row]
    return Image.fromarray(scaled)


def _white_is_zero(tags: Mapping[int, Any]) -> bool:
    """Whether a TIFF in gray says so; Pillow obeys it up to 8 bits a sample."""
    return _first(tags.get(_PHOTOMETRIC), 1) == 0


def _first(tag: Any, otherwise: int) -> int:
    """The first number of a TIFF's tag."""
    value = tag[0] if isinstance(tag, tuple) and tag else tag
    return int(value) if isinstance(value, int) else otherwise


def _check_colours(image: Image.Image, name: str) -> None:
    """As :func:`_check_range`, of the 8 bits that Pillow keeps of 16 in colour."""
    highest = max(high for _, high in image.convert("RGB").getextrema())  # type: ignore[misc]  # of RGB, pairs
    _check_range(int(highest) << 8, name, "8 bits, or samples scaled to 65535")


def _check_range(
    highest: int,
    name: str,
    accepted: str = "8 bits, samples scaled to 65535, or a TIFF in gray whose MaxSampleValue says what is white",
) -> None:
    """Refuse data of 14 bits or less in 16, as cameras and detectors write, whose white would come out dark."""
    if 0 < highest < 1 << _MOST_BITS_IN_SIXTEEN:
        bits = next(bits for bits in (8, 10, 12, _MOST_BITS_IN_SIXTEEN) if highest < 1 << bits)
        raise ImageError(f"{name}: its 16-bit samples reach only {highest}, as data of {bits} bits do", accepted)


def _fit_transparency(image: Image.Image) -> None:
    """Bring the transparent colour of a 16-bit PNG to the 8 bits that Pillow decodes."""
    transparent = image.info.get("transparency")
    if isinstance(transparent, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in transparent)


def _from_unit(values: npt.NDArray[Any], name: str) -> npt.NDArray[np.uint8]:
    """8 bits of floats in [0, 1]."""
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 1):
        raise ImageError(f"{name}: 32-bit samples from {low:g} to {high:g}", "floats in [0, 1]")
    return np.round(values.astype(np.float32) * 255).astype(np.uint8)


def _holds_floats(data: bytes) -> bool:
    """Whether a file is a TIFF whose first directory says of three samples that they are floats."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None:
        return False
    try:
        (at,) = struct.unpack_from(f"{order}I", data, 4)
        (count,) = struct.unpack_from(f"{order}H", data, at)
        entries = [struct.unpack_from(f"{order}HHI", data, at + 2 + 12 * number) for number in range(count)]
        formats = [(number, entry) for number, entry in enumerate(entries) if entry[0] == _SAMPLE_FORMAT]
        if not formats or formats[0][1][1:] not in ((3, 1), (3, 3)):
            return False
        number, (_, _, values) = formats[0]
        place = at + 2 + 12 * number + 8
        if values > 2:  # they do not fit into the entry, which says where they are
            (place,) = struct.unpack_from(f"{order}I", data, place)
        return bool(struct.unpack_from(f"{order}H", data, place)[0] == _FLOAT)
    except struct.error:
        return False


def _tiff(image: Image.Image, data: bytes, name: str) -> Image.Image:
    """A TIFF that Pillow opens, unless that is a preview; read anew where Pillow takes its samples for bytes."""
    tags = getattr(image, "tag_v2", {})
    if _DNG in tags or _first(tags.get(_REDUCED), 0) & 1:
        raise ImageError(f"{name}: a raw file, or one whose first image is a preview", "export it as JPEG or PNG")
    if _first(tags.get(_SAMPLE_FORMAT), 1) == _SIGNED and _first(tags.get(_BITS_A_SAMPLE), 8) < 32:
        raise ImageError(f"{name}: samples with a sign have no defined black", _TIFF_ACCEPTED)
    deep_planes = _first(tags.get(_PLANES), 1) == 2 and _first(tags.get(_BITS_A_SAMPLE), 8) > 8
    if deep_planes and len(image.getbands()) > 1 and _first(tags.get(_COMPRESSION), 1) == 1:
        return _by_tifffile(data, name)
    return image


def _by_tifffile(data: bytes, name: str) -> Image.Image:
    """An RGB image that Pillow cannot read: of floats, or of 16 bits with the colours one after the other."""
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        floats = page.dtype is not None and page.dtype.kind == "f"
        rgb = page.photometric == tifffile.PHOTOMETRIC.RGB and page.samplesperpixel == 3 and page.ndim == 3
        if not rgb or not (floats or page.dtype == np.uint16):
            raise ImageError(f"{name}: a TIFF of a kind that is not read", _TIFF_ACCEPTED)
        most = WHOLE_PIXELS // (4 if floats else 2)
        if page.imagewidth * page.imagelength > most:
            seen = f"{name}: {page.imagewidth} x {page.imagelength} pixels of {page.dtype}"
            raise ImageError(seen, f"at most {most // 1_000_000} million")
        values = page.asarray()
        orientation, profile = page.tags.valueof(int(ExifTags.Base.Orientation), 1), page.tags.valueof(_PROFILE)
    values = np.moveaxis(values, 0, 2) if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE else values
    if not floats:
        _check_range(int(values.max()), name, "8 bits, or samples scaled to 65535")
    # Of 16 bits the upper ones, as Pillow takes them.
    levels = _from_unit(values, name) if floats else (values >> 8).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(levels))
    image.info["icc_profile"] = profile
    image.getexif()[ExifTags.Base.Orientation] = orientation
    return image
