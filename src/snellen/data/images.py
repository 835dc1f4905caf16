"""One safe way to a photograph, however it is given: a file, its bytes, a PIL image, an array, a tensor.

Formats are recognised by their content, never by their ending. Every refusal is an
:class:`~snellen.errors.ImageError` that names the file and the reason.
"""

from __future__ import annotations

import functools
import glob
import importlib.util
import io
import os
import re
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from unicodedata import normalize

import numpy as np
import numpy.typing as npt
import torch
import xxhash
from PIL import ExifTags, Image
from torch import Tensor

from snellen.data.colour import to_srgb
from snellen.data.decode import HEIF_EXTRA, MAX_PIXELS, WHOLE_PIXELS, decode, finished, has_heif
from snellen.data.preprocessing import check_pixels
from snellen.errors import ImageError, InputError
from snellen.runs.provenance import cores
from snellen.runs.text import as_on_disk, check_no_address, composed, exists

S = TypeVar("S")
T = TypeVar("T")

EXTENSIONS = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".avif",
)  # fmt: skip
HEIF_EXTENSIONS = (".heic", ".heif", ".hif")
"""Endings of what telephones write; taken where ``pillow-heif`` is installed."""
_ANY_FOLDERS = re.compile(r"(?:^|(?<=/))\*\*(?:/|$)")
_NOT_TAKEN = {
    **dict.fromkeys((".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".rw2", ".raf"), "raw: export them as JPEG"),
    **dict.fromkeys((".jxl", ".jp2", ".psd", ".xcf", ".svg", ".eps", ".pdf", ".ppm", ".pgm", ".tga"), "export as PNG"),
    **dict.fromkeys((".mov", ".mp4", ".avi", ".mkv", ".webm", ".m4v"), "films: take frames of them"),
}
LEFT_BEHIND = ("__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information", "lost+found", "Thumbs.db",
               "desktop.ini")  # fmt: skip
"""Names of files and folders that machines leave among photographs; hidden ones begin with a dot."""
MAX_BYTES = 256 << 20
"""The largest file that is read, in bytes."""

STDIN = "-"
Source = str | Path | bytes
"""A photograph that is still encoded: a path, ``-`` for standard input, or the bytes of an image file."""
ImageLike = Source | Image.Image | npt.NDArray[np.uint8] | npt.NDArray[np.floating[Any]] | Tensor
"""What everything that takes a photograph takes; see :func:`open_photo`."""

_ACCEPTED = (
    "a path, the bytes of an image file, a PIL image, an array (H, W, 3) of uint8 or of floats in [0, 1], a gray "
    "one (H, W) of uint8, or pixels: a float tensor (3, H, W) in [0, 1]; or several of them"
)


@dataclass(frozen=True)
class Failure:
    """A photograph that could not be read, and why, in one line."""

    image: str
    error: str


def expand(arguments: Iterable[str | Path], note: Callable[[str], None] | None = None) -> list[str]:
    """The image sources that command-line arguments stand for, in order.

    A folder stands for the images below it, sorted, without what machines leave behind (:func:`is_left_behind`); a
    pattern for what it matches, sorted; ``-`` for standard input. What cannot be expanded stays as it is: reading it
    says what is wrong with it.

    Args:
        arguments: files, folders, patterns, ``-``.
        note: told of each folder with files that look like photographs and are not taken, and why.
    """
    sources: list[str] = []
    for argument in map(as_on_disk, map(str, arguments)):
        found = [argument]
        if not os.path.exists(argument) and glob.has_magic(argument):
            found = matches(argument) or found
        for path in found:
            if not os.path.isdir(path):
                sources.append(path)
                continue
            below = _files_below(path)
            sources.extend(filter(is_image_name, below) if any(map(is_image_name, below)) else [path])
            others = not_taken(below)
            if note is not None and others:
                note(f"{path}: not taken: {others}")
    return sources


def matches(pattern: str) -> list[str]:
    """What a pattern matches, sorted; ``**`` stands for any folders, each once, however links lead round."""
    if "\0" in pattern:  # no path
        return []
    head, *rest = _ANY_FOLDERS.split(pattern, maxsplit=1)
    if not rest:
        # Names on the disk may have their accents as characters of their own.
        spellings = (
            {pattern} if pattern.isascii() else {pattern, *(normalize(form, pattern) for form in ("NFC", "NFD"))}
        )
        return _sorted({path for one in spellings for path in glob.glob(one)})
    starts = glob.glob(head) if glob.has_magic(head) else [head or os.curdir]
    if not rest[0]:
        return _sorted(filter(os.path.isdir, starts))
    folders = (os.path.normpath(base) for start in starts for base, _ in _walked(start))
    below = (rest[0] if folder == os.curdir else os.path.join(glob.escape(folder), rest[0]) for folder in folders)
    return _sorted({path for each in below for path in matches(each)})


def _sorted(paths: Iterable[str]) -> list[str]:
    """Paths in their order, which draws go by: the same however a disk writes the accents of their names."""
    return sorted(paths, key=lambda path: (composed(path), path))


def _files_below(folder: str) -> list[str]:
    """The files in and below a folder, sorted, without what machines leave behind; links to folders are followed."""
    files = (Path(base, name) for base, names in _walked(folder) for name in names if not is_left_behind(name))
    # A link that leads nowhere is one to name, when its turn comes.
    return _sorted(str(file) for file in files if (file.is_file() if exists(file) else file.is_symlink()))


def _walked(folder: str) -> Iterator[tuple[str, list[str]]]:
    """A folder and those below it, each once, with the names of its files; links are followed."""
    todo, seen = [folder], set[tuple[int, int]]()
    while todo:
        base = todo.pop()
        try:
            about = Path(base).stat()
            entries = list(os.scandir(base))
        except OSError:
            continue
        if (about.st_dev, about.st_ino) in seen:
            continue
        seen.add((about.st_dev, about.st_ino))
        # In turn rather than one inside the other: folders may be nested deeper than Python's stack.
        folders, files = list[str](), list[str]()
        for entry in entries:
            (folders if is_folder(entry) else files).append(entry.name)
        todo += [os.path.join(base, name) for name in folders if not is_left_behind(name)]
        yield base, files


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder, links followed; one that leads to itself, or that may not be followed, is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def is_left_behind(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or left by a machine: never data."""
    return name.startswith(".") or name in LEFT_BEHIND


def is_image_name(name: str) -> bool:
    """Whether a file's name ends as that of an image that can be read here."""
    extension = _extension(name).lower()
    return extension in EXTENSIONS or (extension in HEIF_EXTENSIONS and has_heif())


def _extension(name: str) -> str:
    """The ending of a name with its dot; by text alone, since there may be hundreds of thousands."""
    return f".{name.rpartition('.')[2]}"


def not_taken(names: Iterable[str]) -> str:
    """How many files that look like photographs cannot be taken, and why: ``12 .HEIC (pip install ...)``, or nothing.

    Args:
        names: names of all files of a folder; those that can be read, or are no kind of picture, count for nothing.
    """
    counts: Counter[str] = Counter()
    for name in names:
        extension = _extension(name)
        if extension.lower() in _NOT_TAKEN or (extension.lower() in HEIF_EXTENSIONS and not has_heif()):
            counts[extension] += 1
    reasons = _NOT_TAKEN | dict.fromkeys(HEIF_EXTENSIONS, HEIF_EXTRA)
    return ", ".join(f"{count} {extension} ({reasons[extension.lower()]})" for extension, count in counts.most_common())


class Photo:
    """One photograph, upright and RGB: as bytes and as pixels, each made of the other when it is first asked for.

    Attributes:
        name: what results call it.
        size: width and height, in pixels.
        image: of 8-bit values.
        pixels: (1, 3, H, W), float32 in [0, 1].
    """

    def __init__(self, name: str, given: Image.Image | Tensor) -> None:
        self.name = name
        self._given = given

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, in pixels."""
        given = self._given
        return (given.shape[3], given.shape[2]) if isinstance(given, Tensor) else given.size

    @functools.cached_property
    def image(self) -> Image.Image:
        """8-bit, RGB; of pixels the nearest."""
        return to_image(self._given) if isinstance(self._given, Tensor) else self._given

    @functools.cached_property
    def pixels(self) -> Tensor:
        """(1, 3, H, W), float32 in [0, 1]."""
        return self._given if isinstance(self._given, Tensor) else to_pixels(self._given)


def one_or_many(images: Any, operation: str) -> tuple[list[Any], bool]:
    """Single photographs, and whether there was one only, given by itself.

    Args:
        images: one of :data:`ImageLike`, an iterable of them, an array (N, H, W, 3), or pixels (N, 3, H, W), of
            which N = 1 is one photograph; or what has ``pixels``, such as the result of an attack.
        operation: what is done with them, which begins the message of an error.

    Raises:
        InputError: something else.
    """
    images = getattr(images, "pixels", images)
    if isinstance(images, Tensor) and images.ndim == 4:
        return list(images.split(1)), len(images) == 1
    if isinstance(images, np.ndarray) and images.ndim == 4:
        return list(images), False
    if isinstance(images, str | Path | bytes | Image.Image | np.ndarray | Tensor):
        return [images], True
    # What these give when they are gone through, keys, lines of a file or numbers, are no photographs.
    of_others = isinstance(images, Mapping | bytearray | memoryview) or hasattr(images, "read")
    if of_others or not isinstance(images, Iterable):
        raise InputError(f"{operation}: got {type(images).__name__}", _ACCEPTED)
    return list(images), False


def open_photo(image: Any, operation: str = "open_photo", number: int = 0) -> Photo:
    """One photograph, however it is given.

    Args:
        image: one of :data:`ImageLike`, or what has ``pixels``, such as the result of an attack.
        operation: what is done with it, which begins the message of an error.
        number: its number among several, part of its name where it has no path.

    Raises:
        ImageError: a file that is missing, damaged or no image.
        InputError: something else, or a tensor or an array of another kind, shape or range.
    """
    if isinstance(image, str | Path | bytes):
        return Photo(source_name(image), read_image(image))
    if isinstance(image, Image.Image):
        # Only its copy loses the profile that it is converted from.
        image = image.copy() if "icc_profile" in image.info else image
        return Photo(f"image {number}", finished(image, f"image {number}"))
    if isinstance(image, np.ndarray):
        return _photo_of_array(image, operation, f"image {number}")
    pixels = getattr(image, "pixels", image)
    if not isinstance(pixels, Tensor):
        raise InputError(f"{operation}: got {type(image).__name__}", _ACCEPTED)
    pixels = pixels[None] if pixels.ndim == 3 else pixels
    check_pixels(pixels, operation)
    if len(pixels) != 1:
        raise InputError(f"{operation}: got {len(pixels)} photographs", "one at a time here")
    # A tensor has a `name` of its own, which is None.
    return Photo(getattr(image, "name", None) or f"pixels {number}", pixels.float())


def _photo_of_array(array: npt.NDArray[Any], operation: str, name: str) -> Photo:
    """Bytes in colour or gray, or floats in [0, 1] in colour: the kind of number decides what the largest value is."""
    colour = array.ndim == 3 and array.shape[2] == 3
    gray = array.ndim == 2 and array.dtype == np.uint8  # floats could be a table of features
    floats = np.issubdtype(array.dtype, np.floating)
    if not ((colour and (floats or array.dtype == np.uint8)) or gray) or 0 in array.shape:
        raise InputError(f"{operation}: got an array {array.dtype} of shape {array.shape}", _ACCEPTED)
    if not floats:
        return Photo(name, Image.fromarray(np.ascontiguousarray(array)).convert("RGB"))
    pixels = torch.from_numpy(np.array(array, dtype=np.float32)).permute(2, 0, 1)[None]
    check_pixels(pixels, operation)
    return Photo(name, pixels)


def source_name(source: Any, number: int = 0) -> str:
    """What messages and results call a photograph: its path where it has one."""
    if isinstance(source, str | Path):
        return str(source)
    if isinstance(source, bytes):
        return "bytes"
    return f"{'image' if isinstance(source, Image.Image | np.ndarray) else 'pixels'} {number}"


def pixels_from_bytes(values: npt.NDArray[np.uint8] | Tensor) -> Tensor:
    """Pixels (N, 3, H, W), float32 in [0, 1], of bytes (N, H, W, 3) or (H, W, 3); the one place that divides by 255.

    The memory layout is channels-last, as the bytes lie.
    """
    batch = values if isinstance(values, Tensor) else torch.from_numpy(np.array(values))
    batch = batch[None] if batch.ndim == 3 else batch
    return batch.permute(0, 3, 1, 2).float().div(255)


def read_image(source: Source, most_pixels: int = MAX_PIXELS) -> Image.Image:
    """The photograph as an upright RGB image of bytes in sRGB.

    Obeys the EXIF orientation; takes the first frame of GIF and TIFF; lays transparency over white; scales deeper
    samples to 8 bits; converts from the file's colour profile, but not within
    :func:`snellen.data.reading.ignore_profiles`. One of more than 80 million pixels is read at half its size.

    Args:
        source: a path, ``-`` for standard input, or the bytes of a file.
        most_pixels: the largest photograph that is decoded; at most 256 million pixels.

    Raises:
        ImageError: missing, empty, too large, truncated, or not an image of :data:`snellen.data.decode.FORMATS`.
    """
    return decode(_read_bytes(source), source_name(source), most_pixels)


def read_array(source: Source) -> npt.NDArray[np.uint8]:
    """As :func:`read_image`, as an array (H, W, 3); the same bytes, sooner where ``simplejpeg`` is installed.

    Raises:
        ImageError: as :func:`read_image`.
    """
    data = _read_bytes(source)
    array = _plain_jpeg(data) if _has_simplejpeg() else None
    return np.array(decode(data, source_name(source))) if array is None else array


def pixel_digest(array: npt.NDArray[np.uint8]) -> bytes:
    """What two photographs (H, W, 3) share only where all their pixels agree: 128 bits of XXH3, as fast as memory is.

    It tells what is the same by chance or carelessness, not what somebody made to look the same.
    """
    return xxhash.xxh3_128(np.ascontiguousarray(array).data, seed=array.shape[1]).digest()


@functools.cache
def _has_simplejpeg() -> bool:
    return importlib.util.find_spec("simplejpeg") is not None


def _plain_jpeg(data: bytes) -> npt.NDArray[np.uint8] | None:
    """An upright colour JPEG decoded without Pillow's copies; None for all else, of which Pillow shall say what it is.

    Both decode with libjpeg-turbo, at the same settings, and convert colours alike.
    """
    import simplejpeg

    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            upright = image.getexif().get(ExifTags.Base.Orientation, 1) == 1
            if image.mode != "RGB" or not upright or image.width * image.height > WHOLE_PIXELS:
                return None
            profile = image.info.get("icc_profile")
        decoded: npt.NDArray[np.uint8] = simplejpeg.decode_jpeg(data, "RGB")
        if profile:
            stored = Image.fromarray(decoded)
            converted = to_srgb(stored, profile)
            decoded = decoded if converted is stored else np.array(converted)
    except Exception:
        # Whatever is wrong with it, the ordinary way says it properly.
        return None
    return decoded


def to_pixels(image: Image.Image) -> Tensor:
    """Pixels (1, 3, H, W) in [0, 1] of an RGB image."""
    return pixels_from_bytes(np.array(image))


def read_pixels(source: Source) -> Tensor:
    """Pixels (1, 3, H, W) in [0, 1] of a photograph; see :func:`read_image`."""
    return to_pixels(read_image(source))


def to_image(pixels: Tensor) -> Image.Image:
    """The 8-bit RGB image nearest to ``pixels`` (1, 3, H, W) in [0, 1]."""
    array = pixels.detach()[0].clamp(0, 1).mul(255).round().byte().permute(1, 2, 0)
    return Image.fromarray(array.cpu().numpy())


def read_each(
    sources: Iterable[Source], prepare: Callable[[Image.Image], T], workers: int | None = None
) -> Iterator[tuple[Source, T | ImageError]]:
    """Read and prepare images on several threads; results come in input order, a bad image as its error.

    At most four images per worker are held at a time, however many there are.
    """
    return map_images(sources, lambda source: prepare(read_image(source)), workers)


def map_images(
    sources: Iterable[S], work: Callable[[S], T], workers: int | None = None
) -> Iterator[tuple[S, T | ImageError]]:
    """What ``work`` makes of each source, on several threads; in input order, a bad image as its error.

    At most four images per worker are held at a time, however many there are.
    """
    workers = workers or cores()

    def one(source: S) -> T | ImageError:
        try:
            return work(source)
        except ImageError as error:
            return error

    def submit(source: S) -> tuple[S, Future[T | ImageError]]:
        if isinstance(source, str) and source == STDIN:
            # Here Ctrl-C can interrupt the wait; in a worker it could not.
            _standard_input()
        # The threads read as the caller does: with or without colour profiles, noted by the same log.
        return source, pool.submit(copy_context().run, one, source)

    remaining = iter(sources)
    with ThreadPoolExecutor(workers) as pool:
        pending: deque[tuple[S, Future[T | ImageError]]] = deque()
        try:
            for source in islice(remaining, 4 * workers):
                pending.append(submit(source))
            while pending:
                source, future = pending.popleft()
                result = future.result()
                for following in islice(remaining, 1):
                    pending.append(submit(following))
                yield source, result
        finally:
            for _, future in pending:
                future.cancel()


def _read_bytes(source: Source) -> bytes:
    name = source_name(source)
    try:
        if isinstance(source, bytes):
            data = source
        elif str(source) == STDIN:
            data = _standard_input()
        else:
            path = Path(source)
            if not str(source):
                raise ImageError("'': no such file")
            if path.is_dir():
                if any(map(is_image_name, _files_below(str(path)))):
                    raise ImageError(f"{name}: a folder, where a photograph is asked for", "its files, one or many")
                raise ImageError(f"{name}: a folder without images", f"extensions: {', '.join(EXTENSIONS)}")
            if not path.is_file():
                check_no_address(str(source), ImageError)
                raise ImageError(f"{name}: no such file" if not path.exists() else f"{name}: not a regular file")
            with path.open("rb") as file:
                # Told its length, Python reserves no more than the file needs.
                data = file.read(min(os.fstat(file.fileno()).st_size, MAX_BYTES) + 1)
    except OSError as error:
        raise ImageError(f"{name}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise ImageError(f"{name!r}: not a path: {error}") from error
    if not data:
        raise ImageError(f"{name}: empty")
    if len(data) > MAX_BYTES:
        raise ImageError(f"{name}: larger than {MAX_BYTES >> 20} MiB")
    return data


@functools.cache
def _standard_input() -> bytes:
    """What standard input holds; read once, however often ``-`` is named."""
    if sys.stdin is None:
        return b""
    data = bytearray()
    # Piece by piece: Ctrl-C is heard between two pieces, but not within one long read.
    while len(data) <= MAX_BYTES and (piece := os.read(sys.stdin.fileno(), 1 << 16)):
        data += piece
    return bytes(data)
