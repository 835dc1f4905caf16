"""Every kind of image is read right, and every bad one is refused in one line that names it."""

import errno
import glob
import io
import os
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

import forked
from snellen.data import decode, images
from snellen.data.images import expand, matches, one_or_many, open_photo, read_each, read_image, read_pixels, to_image
from snellen.errors import ImageError, InputError

COLOURS = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


RGB = Image.fromarray(COLOURS)


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("BMP", {}), ("TIFF", {}), ("WEBP", {"lossless": True}), ("GIF", {}), ("JPEG", {"quality": 100})],
)
def test_formats(kind, options) -> None:
    data = encode(RGB, kind, **options)
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    np.testing.assert_array_equal(np.asarray(read_image(data)), expected)
    if kind not in ("JPEG", "GIF"):
        np.testing.assert_array_equal(expected, COLOURS)


@pytest.mark.parametrize("kind", ["GIF", "TIFF"])
def test_first_frame(kind) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:])
    assert read_image(data).getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize(
    ("image", "kind", "expected"),
    [
        (Image.new("L", (2, 2), 77), "PNG", (77, 77, 77)),
        (Image.new("1", (2, 2), 1), "PNG", (255, 255, 255)),
        (Image.new("LA", (2, 2), (0, 0)), "PNG", (255, 255, 255)),
        (Image.new("LA", (2, 2), (100, 255)), "PNG", (100, 100, 100)),
        (Image.new("RGBA", (2, 2), (255, 0, 0, 0)), "PNG", (255, 255, 255)),
        (Image.new("RGBA", (2, 2), (255, 0, 0, 51)), "PNG", (255, 204, 204)),
        (Image.new("RGB", (2, 2), (9, 8, 7)).convert("P"), "PNG", None),
        (Image.new("CMYK", (2, 2), (0, 255, 255, 0)), "TIFF", (255, 0, 0)),
        (Image.fromarray(np.full((2, 2), 0x8000, np.uint16)), "PNG", (128, 128, 128)),
        (Image.fromarray(np.full((2, 2), 0xFFFF, np.uint16)), "TIFF", (255, 255, 255)),
    ],
)
def test_modes(image, kind, expected) -> None:
    read = read_image(encode(image, kind))
    assert read.mode == "RGB"
    assert read.getpixel((1, 1)) == (expected or image.convert("RGB").getpixel((1, 1)))


def test_every_value_at_every_transparency() -> None:
    """Pasting over white is what compositing gives, for all 65,536 pairs, with half the copies."""
    value, alpha = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8), indexing="ij")
    image = Image.fromarray(np.stack([value, value, value, alpha], axis=-1))
    over_white = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    np.testing.assert_array_equal(np.asarray(read_image(encode(image, "PNG"))), np.asarray(over_white))


def test_palette_with_transparency_lies_over_white() -> None:
    image = Image.new("P", (2, 2), 0)
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 1), 1)
    read = read_image(encode(image, "PNG", transparency=0))
    assert read.getpixel((0, 0)) == (255, 255, 255)
    assert read.getpixel((1, 1)) == (40, 50, 60)


def test_16_bit_rgb_png() -> None:
    """Pillow cannot write one, so it is made by hand: one pixel of (0x1234, 0xABCD, 0xFF00)."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    line = b"\0" + struct.pack(">HHH", 0x1234, 0xABCD, 0xFF00)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(line)) + chunk(b"IEND", b"")
    assert read_image(data).getpixel((0, 0)) == (0x12, 0xAB, 0xFF)


LYING = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: np.swapaxes(a, 0, 1),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: np.swapaxes(np.rot90(a, 2), 0, 1),
    8: lambda a: np.rot90(a, -1),
}
"""How an upright image (H, W) or (H, W, 3) lies in a file that says so of its orientation."""
AVIF = "AVIF" in Image.registered_extensions().values()
"""Pillow before 11.3 has none."""
CORNER = np.zeros((32, 48), np.uint8)
CORNER[:8, :16] = 255


@pytest.mark.parametrize("orientation", LYING)
def test_exif_orientation_is_obeyed(orientation) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(Image.fromarray(np.ascontiguousarray(LYING[orientation](COLOURS))), "PNG", exif=exif)
    np.testing.assert_array_equal(np.asarray(read_image(data)), COLOURS)


@pytest.mark.parametrize("orientation", LYING)
@pytest.mark.parametrize(
    ("kind", "options", "modes"),
    [
        ("TIFF", {}, ["1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "I;16", "F"]),
        ("TIFF", {"compression": "tiff_lzw"}, ["1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "I;16"]),
        ("PNG", {}, ["1", "L", "P", "LA", "RGB", "RGBA", "I;16"]),
        ("WEBP", {"lossless": True}, ["L", "RGB", "RGBA"]),
        ("JPEG", {"quality": 100}, ["L", "RGB", "CMYK"]),
        pytest.param(
            "AVIF", {"quality": 100}, ["L", "RGB", "RGBA"], marks=pytest.mark.skipif(not AVIF, reason="Pillow has none")
        ),
    ],
)
def test_orientation_is_obeyed_once_in_every_mode_of_every_format(kind, options, modes, orientation) -> None:
    gray = Image.fromarray(np.ascontiguousarray(LYING[orientation](CORNER)))
    for mode in modes:
        exif = Image.Exif()  # AVIF takes the orientation out of it
        exif[0x0112] = orientation
        deep = Image.fromarray(np.asarray(gray).astype(np.uint16) * 257)
        unit = Image.fromarray(np.asarray(gray).astype(np.float32) / 255)
        image = deep if mode == "I;16" else unit if mode == "F" else gray.convert("RGB").convert(mode)
        read = np.asarray(read_image(encode(image, kind, exif=exif, **options)).convert("L")).astype(int)
        assert read.shape == CORNER.shape, mode
        assert np.abs(read - CORNER).max() < 60, mode


@pytest.mark.parametrize("orientation", LYING)
def test_orientation_is_obeyed_once_in_deep_and_in_halved_tiffs(orientation, monkeypatch) -> None:
    lying = np.ascontiguousarray(LYING[orientation](CORNER))
    colours = np.stack([lying.astype(np.uint16) * 257] * 3, axis=-1)
    for planes in ("contig", "separate"):
        file, said = io.BytesIO(), [(274, "H", 1, orientation, True)]
        values = colours if planes == "contig" else np.moveaxis(colours, 2, 0)
        tifffile.imwrite(file, values, photometric="rgb", planarconfig=planes, extratags=said)
        np.testing.assert_array_equal(np.asarray(read_image(file.getvalue()).convert("L")), CORNER)
    monkeypatch.setattr(decode, "WHOLE_PIXELS", CORNER.size // 4)
    for mode in ("L", "P", "RGB"):
        data = encode(Image.fromarray(lying).convert(mode), "TIFF", tiffinfo={274: orientation})
        np.testing.assert_array_equal(np.asarray(read_image(data).convert("L")), CORNER[::2, ::2])


def test_pixels_round_trip() -> None:
    pixels = read_pixels(encode(RGB, "PNG"))
    assert pixels.shape == (1, 3, 6, 8)
    assert (pixels.min() >= 0) & (pixels.max() <= 1)
    np.testing.assert_array_equal(pixels[0].permute(1, 2, 0) * 255, COLOURS)
    np.testing.assert_array_equal(np.asarray(to_image(pixels)), COLOURS)


def test_an_ending_that_lies_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encode(RGB, "PNG"))
    np.testing.assert_array_equal(np.asarray(read_image(path)), COLOURS)


def bomb() -> bytes:
    """A PNG that says it is 60,000 x 60,000."""
    data = bytearray(encode(Image.new("L", (1, 1)), "PNG"))
    data[16:24] = struct.pack(">II", 60_000, 60_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


def large() -> bytes:
    return encode(Image.new("1", (10_000, 8_001)), "PNG")


JPEG = encode(Image.new("RGB", (64, 64), "red"), "JPEG")
BAD_FILES = {
    "missing.jpg": (None, "no such file"),
    "empty.jpg": (b"", "empty"),
    "mislabelled.jpg": (b"<html>not found</html>", "not an image .*accepted: JPEG, PNG"),
    "truncated.jpg": (JPEG[: len(JPEG) // 2], "damaged image: .*[Tt]runcated"),
    "noise.png": (b"\x89PNG\r\n\x1a\n" + bytes(range(200)), "damaged image|not an image"),
    "bomb.png": (bomb(), "60000 x 60000 pixels .*at most 256 million"),
    "large.png": (large(), "10000 x 8001 pixels in 10 kB .*decompression bombs"),
    "vector.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
    "float.tif": (encode(Image.new("F", (2, 2), 1.5), "TIFF"), "32-bit samples from 1.5 to 1.5"),
    "deep.tif": (encode(Image.fromarray(np.full((2, 2), 70_000, np.int32)), "TIFF"), "32-bit samples"),
}


def write_bad_file(folder: Path, name: str) -> Path:
    path = folder / name
    data = BAD_FILES[name][0]
    if data is not None:
        path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_are_refused_in_one_line(tmp_path: Path, name: str) -> None:
    path = write_bad_file(tmp_path, name)
    with pytest.raises(ImageError, match=BAD_FILES[name][1]) as caught:
        read_image(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert caught.value.exit_status == 2


def test_folder_device_and_permission(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="a folder without images"):
        read_image(tmp_path)
    (tmp_path / "in" / "deeper").mkdir(parents=True)
    (tmp_path / "in" / "deeper" / "cat.jpg").write_bytes(JPEG)
    with pytest.raises(ImageError, match=r"in: a folder, where a photograph is asked for \(its files"):
        read_image(tmp_path / "in")
    with pytest.raises(ImageError, match="not a regular file"):
        read_image("/dev/zero")
    for unusable in ("", "a\0b", "x" * 5000):
        with pytest.raises(ImageError, match=r"no such file|cannot be read|not a path"):
            read_image(unusable)


def test_a_file_without_permission(tmp_path: Path, monkeypatch) -> None:
    """The tests may run as root, whom no permission stops, so the refusal itself is made."""
    path = tmp_path / "locked.png"
    path.touch()

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ImageError, match=r"locked\.png: cannot be read: Permission denied"):
        read_image(path)


def test_too_many_bytes(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(images, "MAX_BYTES", 1 << 20)
    path = tmp_path / "long.jpg"
    path.write_bytes(b"\xff" * ((1 << 20) + 1))
    with pytest.raises(ImageError, match="larger than 1 MiB"):
        read_image(path)


def test_standard_input() -> None:
    program = "from snellen.data.images import read_image; print(read_image('-').size)"
    done = forked.run(program=program, input=JPEG)
    assert (done.stdout.strip(), done.stderr) == ("(64, 64)", "")


def test_patterns_of_folders_alone(tmp_path: Path, monkeypatch, snellen_command) -> None:
    """In the working directory, of what is no folder, of what is no path; and a link to itself ends no batch."""
    (tmp_path / "a").mkdir()
    for place in (tmp_path, tmp_path / "a"):
        Image.new("RGB", (8, 8)).save(place / "1.png")
    (tmp_path / "itself.png").symlink_to("itself.png")
    monkeypatch.chdir(tmp_path)
    assert (matches("**"), matches("a/**"), matches("*/**")) == (["."], ["a/"], ["a/"])
    assert (matches("1.png/**"), matches("gone/**"), matches("*/**/*.png")) == ([], [], ["a/1.png"])
    assert expand(["**"]) == expand(["."]) == ["1.png", "a/1.png", "itself.png"]
    assert expand(["\0/**/*.png", "\0/*.png"]) == ["\0/**/*.png", "\0/*.png"]
    done = snellen_command("classify", "**", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("itself.png: ")) == (2, 1), done.stderr


def test_links_that_lead_round_and_folders_without_end(tmp_path: Path, snellen_command) -> None:
    """A pattern goes through each folder once: six links in a folder to itself are 6^40 ways, and none of them is gone.

    Folders nested deeper than Python's stack are gone through like any others.
    """
    folder = tmp_path / "photographs [1]"
    (folder / "a" / "b").mkdir(parents=True)
    for place in (folder, folder / "a" / "b"):
        Image.new("RGB", (8, 8)).save(place / "1.png")
        (place / ".hidden.png").touch()
    for number in range(6):
        (folder / f"link{number}").symlink_to(folder)
    found = [str(folder / "1.png"), str(folder / "a" / "b" / "1.png")]
    escaped = glob.escape(str(folder))
    for pattern in ("**/*.png", "**/**/*.png", "**/1.*", "**"):
        assert expand([f"{escaped}/{pattern}"]) == found
    assert matches(f"{escaped}/*/b/**/*.png") == found[1:]
    assert matches(f"{escaped}/gone/**/*.png") == []
    deep = os.open(folder / "a", os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=deep)
        inner = os.open("d", os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = inner
    os.close(deep)
    try:
        assert expand([folder]) == found
        done = snellen_command("evaluate", folder, "--out", tmp_path / "out")
    finally:
        subprocess.run(["rm", "-r", folder / "a"], check=True)  # pytest's own way recurses
    assert (done.returncode, "its folders are nested too deeply" in done.stderr) == (2, True), done.stderr


def test_expand(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "notes.txt", "deeper/c.webp"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    folder = [str(tmp_path / name) for name in ("a.JPG", "b.png", "deeper/c.webp")]
    assert expand([tmp_path]) == folder
    assert expand([f"{tmp_path}/*.png", "-", "gone.jpg"]) == [folder[1], "-", "gone.jpg"]
    assert expand([f"{tmp_path}/*.gif"]) == [f"{tmp_path}/*.gif"]
    assert expand([f"{tmp_path}/d*"]) == [folder[2]]
    assert expand([""]) == [""]
    odd = tmp_path / "[1].png"
    odd.touch()
    assert expand([odd]) == [str(odd)]


def test_read_each_keeps_order_and_goes_on(tmp_path: Path) -> None:
    sources = []
    for number in range(40):
        path = tmp_path / f"{number}.png"
        if number % 7 != 3:
            # Large first, so that later ones are ready before earlier ones.
            Image.new("RGB", (1 + 20 * (40 - number), 50)).save(path)
        sources.append(path)
    results = list(read_each(sources, lambda image: image.width, workers=4))
    assert [source for source, _ in results] == sources
    for number, (_, result) in enumerate(results):
        if number % 7 == 3:
            assert isinstance(result, ImageError)
        else:
            assert result == 1 + 20 * (40 - number)


def test_read_each_holds_few_images(tmp_path: Path) -> None:
    path = tmp_path / "one.png"
    Image.new("RGB", (2, 2)).save(path)
    asked = 0

    def endless():
        nonlocal asked
        while True:
            asked += 1
            yield path

    stream = read_each(endless(), lambda image: image, workers=2)
    for _ in range(5):
        next(stream)
    stream.close()
    assert asked <= 5 + 4 * 2


def test_a_bitmap_of_run_lengths_that_asks_for_millions_of_pixels() -> None:
    """Eighty bytes that Pillow would spend seconds on, and a sound one."""
    palette, runs = bytes(8), bytes([8, 1, 0, 0, 8, 0, 0, 1])

    def bitmap(width: int, height: int) -> bytes:
        head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(runs), 0, 0, 2, 0)
        offset = 54 + len(palette)
        return b"BM" + struct.pack("<IHHI", offset + len(runs), 0, 0, offset) + head + palette + runs

    assert read_image(bitmap(8, 2)).size == (8, 2)
    with pytest.raises(ImageError, match=r"4000 x 2001 pixels \(at most 8 million"):
        read_image(bitmap(4000, 2001))


def test_a_side_that_no_photograph_has() -> None:
    """Few pixels, but a row that Pillow would copy hundreds of times."""
    assert read_image(encode(Image.new("1", (65_535, 1)), "PNG")).size == (65_535, 1)
    for size in ((65_536, 1), (1, 65_536)):
        with pytest.raises(ImageError, match=rf"{size[0]} x {size[1]} pixels \(sides of at most 65535\)"):
            read_image(encode(Image.new("1", size), "PNG"))


def test_a_program_that_asks_for_it_hears_nothing_of_a_damaged_tiff(tmp_path: Path) -> None:
    """The library below Pillow has its own mind and prints it; a program turns that off, an import does not."""
    path = tmp_path / "damaged.tif"
    data = encode(RGB, "TIFF", compression="tiff_adobe_deflate")
    at = re.search(b"\x78[\x01\x5e\x9c\xda]", data).start() + 20  # within the deflated pixels
    path.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
    program = (
        "import sys\nfrom snellen.data.images import read_image\nfrom snellen.errors import ImageError\n"
        "from snellen.runs.process import quiet_libraries\nquiet_libraries()\n"
        "try:\n    read_image(sys.argv[1])\nexcept ImageError as error:\n    print(error.message)\n"
    )
    done = forked.run(path, program=program)
    assert done.returncode == 0
    assert "damaged image" in done.stdout
    assert done.stderr == ""


def test_an_import_changes_nothing_for_the_caller() -> None:
    """His warnings, his Pillow and his loggers are as they were; photographs of 90 megapixels open in his own code."""
    program = (
        "import logging, warnings\nimport numpy, torch\nfrom PIL import Image\n"
        "state = lambda: (list(warnings.filters), Image.MAX_IMAGE_PIXELS, list(logging.getLogger('PIL').handlers))\n"
        "before = state()\nimport snellen.data.images, snellen.data.labels\n"
        "assert state() == before, (before, state())\n"
        "import io\nfile = io.BytesIO(); Image.new('1', (10_000, 9_000)).save(file, 'PNG')\n"
        "warnings.simplefilter('ignore')\nImage.open(file).load()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


class Attacked:
    """What an attack gives, as far as the next examination is concerned."""

    pixels = torch.full((1, 3, 6, 8), 0.5)


GIVEN = {
    "a path as text": lambda path: str(path),
    "a path": lambda path: path,
    "bytes of a file": lambda path: path.read_bytes(),
    "a PIL image": lambda path: Image.open(io.BytesIO(path.read_bytes())),
    "an array": lambda _: COLOURS,
    "pixels": lambda path: read_pixels(path),
    "pixels of one photograph": lambda path: read_pixels(path)[0],
}


@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
def test_a_photograph_however_it_is_given(tmp_path: Path, given) -> None:
    path = tmp_path / "photo.png"
    RGB.save(path)
    (one,), single = one_or_many(given(path), "look")
    photo = open_photo(one, "look")
    assert single
    np.testing.assert_array_equal(np.asarray(photo.image), COLOURS)
    torch.testing.assert_close(photo.pixels, read_pixels(path), rtol=0, atol=0)
    several, single = one_or_many([given(path), path], "look")
    assert (len(several), single) == (2, False)


def test_batches_are_many_and_what_an_attack_gives_is_one() -> None:
    pixels = torch.rand(3, 3, 4, 5)
    photos, single = one_or_many(pixels, "look")
    assert not single
    assert all((open_photo(photo, "look").pixels == one).all() for photo, one in zip(photos, pixels, strict=True))
    arrays, single = one_or_many(np.stack([COLOURS] * 2), "look")
    assert (len(arrays), single) == (2, False)
    (attacked,), single = one_or_many(Attacked(), "look")
    assert single
    assert (open_photo(attacked, "look").pixels == 0.5).all()
    (one, _), single = one_or_many([Attacked(), COLOURS], "look")
    assert not single
    assert (open_photo(one, "look").pixels == 0.5).all()


def test_arrays_of_floats_and_gray_ones() -> None:
    """As scikit-image and NumPy have them: the kind of number says what white is."""
    of_bytes = open_photo(COLOURS, "look").pixels
    for kind in (np.float64, np.float32):
        assert torch.allclose(open_photo((COLOURS / 255).astype(kind), "look").pixels, of_bytes)
    gray = open_photo(COLOURS[..., 0], "look")
    assert (gray.pixels == of_bytes[:, :1].expand(-1, 3, -1, -1)).all()


def test_pixels_keep_what_bytes_cannot_hold() -> None:
    photo = open_photo(torch.full((1, 3, 2, 2), 0.3), "look")
    assert (photo.pixels == 0.3).all()
    assert photo.image.getpixel((0, 0)) == (76, 76, 76)


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        (7, "look: got int"),
        (None, "look: got NoneType"),
        ([7], "look: got int"),
        ({"cat.png": 1}, "look: got dict"),
        (io.BytesIO(JPEG), "look: got BytesIO .*the bytes of an image file"),
        (bytearray(JPEG), "look: got bytearray"),
        (COLOURS.astype(float), "look: got values from 0 to 249 .*divide bytes by 255"),
        (COLOURS.astype(int), r"look: got an array int64 of shape \(6, 8, 3\)"),
        (COLOURS[..., 0] / 255, r"look: got an array float64 of shape \(6, 8\)"),
        (torch.zeros(3, 4, 4, dtype=torch.uint8), "look: got torch.uint8"),
        (torch.full((3, 4, 4), 200.0), "divide bytes by 255"),
        (torch.zeros(4, 4), "look: got a tensor of shape"),
    ],
)
def test_what_is_no_photograph_is_refused_in_one_line(given, seen: str) -> None:
    def look() -> None:
        for one in one_or_many(given, "look")[0]:
            open_photo(one, "look")

    with pytest.raises(InputError, match=seen) as caught:
        look()
    assert "\n" not in str(caught.value)
    assert "float tensor" in str(caught.value)


def test_an_image_in_memory_is_turned_upright_like_a_file() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.open(io.BytesIO(encode(Image.fromarray(np.rot90(COLOURS).copy()), "PNG", exif=exif)))
    np.testing.assert_array_equal(np.asarray(open_photo(stored, "look").image), COLOURS)
