"""Photographs as cameras and telephones write them: colour profiles, HEIC and AVIF, deep samples, many megapixels."""

import importlib.util
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

import snellen.cli
from snellen.data import decode, images
from snellen.data.images import expand, map_images, open_photo, read_array, read_image
from snellen.data.reading import ReadingLog, ignore_profiles, profiles_ignored, reading_log
from snellen.errors import ImageError

COLOURS = np.random.default_rng(0).integers(0, 256, (32, 40, 3), dtype=np.uint8)
HEIF = importlib.util.find_spec("pillow_heif") is not None

# Colorants adapted to D50, a column each of red, green and blue, as the profiles of Apple, Adobe and HP have them.
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
DISPLAY_P3 = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])
ADOBE_RGB = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
ADOBE_GAMMA = 563 / 256


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


def fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def icc(space: bytes, pcs: bytes, tags: dict[bytes, bytes], name: str, kind: bytes = b"mntr") -> bytes:
    """An ICC profile of version 2, byte by byte (ICC.1:2001-04)."""
    text = name.encode()
    tags = {b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text + bytes(79)} | tags
    at = 128 + 4 + 12 * len(tags)
    table, bodies = struct.pack(">I", len(tags)), b""
    for tag, body in tags.items():
        table += tag + struct.pack(">II", at + len(bodies), len(body))
        bodies += body + bytes(-len(body) % 4)
    header = bytearray(128)
    header[0:4] = struct.pack(">I", at + len(bodies))
    header[8:12], header[12:16], header[16:20], header[20:24] = b"\x02\x40\0\0", kind, space, pcs
    header[36:40] = b"acsp"
    header[68:80] = fixed(0.9642, 1.0, 0.8249)
    return bytes(header) + table + bodies


def rgb_profile(colorants: np.ndarray, name: str, gamma: float | None = None) -> bytes:
    """A profile of three colorants and one curve: sRGB's, or a power."""
    samples = np.round(65535 * linear(np.arange(1024) / 1023)).astype(">u2").tobytes()
    curve = b"curv\0\0\0\0" + struct.pack(">I", 1024) + samples
    if gamma is not None:
        curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    tags = {b"wtpt": b"XYZ \0\0\0\0" + fixed(0.9642, 1.0, 0.8249)}
    for index, channel in enumerate((b"r", b"g", b"b")):
        tags[channel + b"XYZ"] = b"XYZ \0\0\0\0" + fixed(*colorants[:, index])
        tags[channel + b"TRC"] = curve
    return icc(b"RGB ", b"XYZ ", tags, name)


def linear(v: np.ndarray) -> np.ndarray:
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def encoded(v: np.ndarray) -> np.ndarray:
    v = np.clip(v, 0, 1)
    return np.where(v <= 0.0031308, v * 12.92, 1.055 * v ** (1 / 2.4) - 0.055)


def as_srgb(values: np.ndarray, colorants: np.ndarray, gamma: float | None = None) -> np.ndarray:
    """The same colours in sRGB, in floating point, out of gamut ones clipped."""
    light = linear(values / 255) if gamma is None else (values / 255) ** gamma
    return 255 * encoded(light @ colorants.T @ np.linalg.inv(SRGB).T)


P3 = rgb_profile(DISPLAY_P3, "Display P3")
ADOBE = rgb_profile(ADOBE_RGB, "Adobe RGB (1998)", ADOBE_GAMMA)
SAVED = {"PNG": {}, "TIFF": {}, "WEBP": {"lossless": True}, "JPEG": {"quality": 95}, "AVIF": {"quality": 100}}


@pytest.mark.parametrize("kind", SAVED)
@pytest.mark.parametrize(("profile", "colorants", "gamma"), [(P3, DISPLAY_P3, None), (ADOBE, ADOBE_RGB, ADOBE_GAMMA)])
def test_a_profile_is_converted_alike_in_every_path(kind: str, profile: bytes, colorants, gamma) -> None:
    data = encode(Image.fromarray(COLOURS), kind, icc_profile=profile, **SAVED[kind])
    stored = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    read = np.asarray(read_image(data))
    assert np.abs(read - as_srgb(stored, colorants, gamma)).max() < 2
    assert np.abs(read.astype(int) - stored).max() > 30
    np.testing.assert_array_equal(read_array(data), read)
    assert read_array(data).flags.writeable  # PyTorch warns of what is not
    opened = Image.open(io.BytesIO(data))
    np.testing.assert_array_equal(np.asarray(open_photo(opened).image), read)
    assert opened.info["icc_profile"] == profile
    # What was read is not converted once more.
    np.testing.assert_array_equal(np.asarray(open_photo(read_image(data)).image), read)
    with ignore_profiles():
        np.testing.assert_array_equal(np.asarray(read_image(data)), stored)
        np.testing.assert_array_equal(read_array(data), stored)


def test_the_fast_way_is_taken_for_a_profile_too(monkeypatch) -> None:
    pytest.importorskip("simplejpeg")
    data = encode(Image.fromarray(COLOURS), "JPEG", icc_profile=P3)
    expected = np.asarray(read_image(data))
    monkeypatch.setattr(images, "decode", None)
    np.testing.assert_array_equal(read_array(data), expected)


@pytest.mark.parametrize(
    "profile",
    [
        rgb_profile(SRGB, "sRGB IEC61966-2.1"),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        P3[:200],
        b"no profile",
        icc(b"GRAY", b"XYZ ", {}, "gray"),
        bytes(9 << 20),
    ],
    ids=["sRGB", "LittleCMS's sRGB", "cut off", "none", "for other colours", "huge"],
)
def test_srgb_and_what_is_no_profile_change_nothing(profile: bytes) -> None:
    data = encode(Image.fromarray(COLOURS), "PNG" if len(profile) < 1 << 20 else "TIFF", icc_profile=profile)
    with reading_log() as log:
        np.testing.assert_array_equal(np.asarray(read_image(data)), COLOURS)
    assert log.sentences() == []


def test_transparency_keeps_and_lies_over_white() -> None:
    rgba = np.dstack([COLOURS, np.full(COLOURS.shape[:2], 255, np.uint8)])
    rgba[0, 0, 3] = 0
    read = np.asarray(read_image(encode(Image.fromarray(rgba), "PNG", icc_profile=P3)))
    assert tuple(read[0, 0]) == (255, 255, 255)
    assert np.abs(read[1:] - as_srgb(COLOURS[1:], DISPLAY_P3)).max() < 2


def test_gray_with_a_profile() -> None:
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, 461) + b"\0\0"  # a power of 1.8
    white = b"XYZ \0\0\0\0" + fixed(0.9642, 1.0, 0.8249)
    profile = icc(b"GRAY", b"XYZ ", {b"wtpt": white, b"kTRC": curve}, "Gray gamma 1.8")
    ramp = np.arange(256, dtype=np.uint8)[None]
    read = np.asarray(read_image(encode(Image.fromarray(ramp), "PNG", icc_profile=profile)))
    assert np.abs(read[0, :, 1] - 255 * encoded((ramp[0] / 255) ** (461 / 256))).max() < 3
    assert (read[..., 0] == read[..., 1]).all()


def test_cmyk_with_its_profile() -> None:
    """A table of 16 inks: paper, cyan of a certain colour, black; what lies between is black here."""
    paper, cyan, ink = (100.0, 0.0, 0.0), (55.0, -37.0, -50.0), (0.0, 0.0, 0.0)
    nodes = [ink] * 16  # the first ink changes slowest
    nodes[0b0000], nodes[0b1000] = paper, cyan
    lab = b"".join(bytes([round(lightness * 2.55), round(a + 128), round(b + 128)]) for lightness, a, b in nodes)
    ramp = bytes(range(256))
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + ramp * 4 + lab + ramp * 3
    profile = icc(b"CMYK", b"Lab ", {b"A2B0": lut, b"A2B1": lut}, "Four inks", b"prtr")
    inks = np.zeros((1, 3, 4), np.uint8)
    inks[0, 1, 0], inks[0, 2, 3] = 255, 255
    image = Image.frombytes("CMYK", (3, 1), inks.tobytes())
    read = np.asarray(read_image(encode(image, "TIFF", icc_profile=profile))).astype(int)
    f = (55 + 16) / 116
    xyz = np.array([0.9642, 1.0, 0.8249]) * np.array([f - 37 / 500, f, f + 50 / 200]) ** 3
    expected = 255 * encoded(xyz @ np.linalg.inv(SRGB).T)
    assert np.abs(read[0, 0] - 255).max() <= 1
    assert np.abs(read[0, 1] - expected).max() <= 3
    assert read[0, 2].max() <= 3
    with ignore_profiles():
        assert tuple(np.asarray(read_image(encode(image, "TIFF", icc_profile=profile)))[0, 1]) == (0, 255, 255)


def test_a_profile_that_only_calls_itself_srgb_is_told_as_such() -> None:
    log = ReadingLog({b"1": "sRGB Profile"})
    said = "1 photograph was converted to sRGB from another profile that is called sRGB Profile."
    assert log.sentences() == [said]


def test_the_log_counts_photographs_over_threads_and_the_setting_reaches_them() -> None:
    sources = [encode(Image.fromarray(COLOURS), "PNG", icc_profile=profile) for profile in (P3, ADOBE, None)]
    turned = encode(Image.fromarray(COLOURS[::-1].copy()), "PNG", icc_profile=P3)
    with reading_log() as log:
        # A photograph that is read twice is one photograph.
        converted = [np.asarray(image) for _, image in map_images([*sources, turned, *sources], read_image, workers=3)]
    assert log.sentences() == ["3 photographs were converted to sRGB from Display P3 (2), Adobe RGB (1998) (1)."]
    with ignore_profiles(), reading_log() as log:
        plain = [np.asarray(image) for _, image in map_images(sources, read_image, workers=3)]
    assert log.sentences() == []
    assert all((image == COLOURS).all() for image in plain)
    assert not (converted[0] == COLOURS).all()
    assert not profiles_ignored()


# Containers


@pytest.mark.skipif(not HEIF, reason="pillow-heif is not installed")
@pytest.mark.parametrize("profile", [None, P3], ids=["sRGB", "Display P3"])
def test_heic(tmp_path: Path, profile: bytes | None) -> None:
    import pillow_heif

    before = dict(Image.OPEN)
    smooth = Image.fromarray(COLOURS[:4, :4]).resize((64, 48), Image.Resampling.BICUBIC)
    smooth.info = {} if profile is None else {"icc_profile": profile}
    pillow_heif.from_pillow(smooth).save(tmp_path / "a.HEIC", quality=100, chroma=444)
    read = np.asarray(read_image(tmp_path / "a.HEIC"))
    expected = np.asarray(smooth) if profile is None else as_srgb(np.asarray(smooth), DISPLAY_P3)
    assert np.abs(read - expected.astype(float)).mean() < 2
    np.testing.assert_array_equal(read_array(tmp_path / "a.HEIC"), read)
    assert expand([tmp_path]) == [str(tmp_path / "a.HEIC")]
    assert "HEIF" not in set(Image.OPEN) - set(before)
    (tmp_path / "b.heic").write_bytes((tmp_path / "a.HEIC").read_bytes()[:400])
    with pytest.raises(ImageError, match=r"b\.heic: damaged image"):
        read_image(tmp_path / "b.heic")


@pytest.mark.skipif(not HEIF, reason="pillow-heif is not installed")
def test_heic_of_10_bits_and_turned(tmp_path: Path) -> None:
    import pillow_heif

    ramp = np.repeat(np.linspace(0, 65535, 64).astype(np.uint16)[None, :, None], 3, axis=2).repeat(48, axis=0)
    pillow_heif.from_bytes("RGB;16", (64, 48), ramp.astype("<u2").tobytes()).save(
        tmp_path / "a.heic", quality=100, chroma=444
    )
    assert np.abs(np.asarray(read_image(tmp_path / "a.heic")) - ramp / 257).max() < 4
    exif = Image.Exif()
    exif[0x0112] = 6
    tall = Image.new("RGB", (64, 32), "red")
    heif = pillow_heif.from_pillow(tall)
    heif.info["exif"] = exif.tobytes()
    heif.save(tmp_path / "turned.heic")
    assert read_image(tmp_path / "turned.heic").size == (32, 64)


def test_without_the_extra_a_heic_names_it(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(50))
    monkeypatch.setattr(decode, "has_heif", lambda: False)
    with pytest.raises(ImageError, match=r"a\.heic: HEIC, which needs pillow-heif \(pip install 'snellen\[heif\]'\)"):
        read_image(tmp_path / "a.heic")


def test_avif_mpo_apng_and_jfif(tmp_path: Path) -> None:
    one, other = Image.new("RGB", (16, 16), "red"), Image.new("RGB", (16, 16), "blue")
    Image.new("RGB", (16, 16), "red").save(tmp_path / "a.avif")
    one.save(tmp_path / "b.mpo", save_all=True, append_images=[other])
    (tmp_path / "c.apng").write_bytes(encode(one, "PNG", save_all=True, append_images=[other]))
    (tmp_path / "d.jfif").write_bytes(encode(one, "JPEG"))
    found = expand([tmp_path])
    assert [Path(path).name for path in found] == ["a.avif", "b.mpo", "c.apng", "d.jfif"]
    for path in found:
        red, green, blue = read_image(path).getpixel((8, 8))
        assert (red > 245, green < 10, blue < 10) == (True, True, True), path
    (tmp_path / "e.avif").write_bytes((tmp_path / "a.avif").read_bytes()[:200])
    with pytest.raises(ImageError, match=r"e\.avif: (damaged image|not an image)"):
        read_image(tmp_path / "e.avif")


# Deep samples


def tiff(array: np.ndarray, **options: object) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, array, **options)
    return file.getvalue()


def png_16(values: np.ndarray, colour_type: int, transparent: bytes = b"") -> bytes:
    """A PNG of 16 bits a sample, made by hand, since Pillow writes none in colour."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width = values.shape[:2]
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    body = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0))
    body += chunk(b"tRNS", transparent) if transparent else b""
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


RAMP = np.linspace(0, 65535, 300).astype(np.uint16)[None]


def test_16_bits_are_scaled_by_their_range_in_gray_and_colour() -> None:
    exact = np.round(RAMP / 257)
    for data in (encode(Image.fromarray(RAMP), "PNG"), tiff(RAMP), tiff(RAMP.astype(">u2"), byteorder=">")):
        np.testing.assert_array_equal(np.asarray(read_image(data))[..., 0], exact)
    colours = np.stack([RAMP, RAMP[:, ::-1], RAMP], axis=-1)
    for data in (png_16(colours, 2), tiff(colours, photometric="rgb")):
        # Pillow keeps the high byte of colours, which is the same to a level.
        assert np.abs(np.asarray(read_image(data)) - np.round(colours / 257)).max() <= 1


def test_16_bits_with_a_transparent_colour() -> None:
    gray = np.array([[0x8000, 0xFFFF, 0x1234]], np.uint16)
    read = np.asarray(read_image(png_16(gray, 0, struct.pack(">H", 0x1234))))
    assert read[0, :, 0].tolist() == [128, 255, 255]
    colours = np.array([[[0x1234, 0xABCD, 0xFF00], [0x8000, 0x8000, 0x8000]]], np.uint16)
    read = np.asarray(read_image(png_16(colours, 2, struct.pack(">HHH", 0x1234, 0xABCD, 0xFF00))))
    assert read[0].tolist() == [[255, 255, 255], [128, 128, 128]]


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_fewer_bits_in_16_are_not_dark_without_a_word(bits: int) -> None:
    deep = (RAMP >> (16 - bits)).astype(np.uint16)
    colours = np.stack([deep] * 3, axis=-1)
    planes = tiff(np.moveaxis(colours, 2, 0), photometric="rgb", planarconfig="separate")
    for data in (
        *(encode(Image.fromarray(deep), "PNG"), tiff(deep), png_16(colours, 2)),
        *(tiff(colours, photometric="rgb"), planes),
    ):
        with pytest.raises(
            ImageError, match=rf"its 16-bit samples reach only \d+, as data of {bits} bits do \(8 bits, "
        ):
            read_image(data)
    top = (1 << bits) - 1
    said = tiff(deep, extratags=[(281, 3, 1, top, True)])
    np.testing.assert_array_equal(np.asarray(read_image(said))[..., 0], np.round(deep.astype(int) * 255 / top))
    half = encode(Image.fromarray(np.full((2, 2), 1 << 15, np.uint16)), "PNG")
    assert read_image(half).getpixel((0, 0)) == (128, 128, 128)
    black = np.zeros((2, 2), np.uint16)
    assert read_image(encode(Image.fromarray(black), "PNG")).getpixel((0, 0)) == (0, 0, 0)


def test_floats_in_the_unit_interval() -> None:
    gray = np.array([[0.0, 0.5, 1.0]], np.float32)
    np.testing.assert_array_equal(np.asarray(read_image(tiff(gray)))[0, :, 0], [0, 128, 255])
    colours = np.stack([gray, gray[:, ::-1], gray], axis=-1)
    for planes in ("contig", "separate"):
        values = colours if planes == "contig" else np.moveaxis(colours, 2, 0)
        read = np.asarray(read_image(tiff(values, photometric="rgb", planarconfig=planes)))
        np.testing.assert_array_equal(read, [[[0, 255, 0], [128, 128, 128], [255, 0, 255]]])
    for values in (gray * 2, gray - 1, np.array([[np.nan, 1]], np.float32)):
        with pytest.raises(ImageError, match=r"32-bit samples from .* \(floats in \[0, 1\]\)"):
            read_image(tiff(values))


def test_a_tiff_whose_white_is_zero_whatever_its_depth() -> None:
    for values in ((RAMP >> 8).astype(np.uint8), RAMP, (RAMP / 65535).astype(np.float32)):
        white = values.max()
        read = np.asarray(read_image(tiff(white - values, photometric="miniswhite")))[0, :, 0].astype(int)
        assert np.abs(read - np.round(RAMP[0] / 257)).max() <= 1


def test_a_tiff_that_keeps_its_16_bits_in_planes_of_colour() -> None:
    colours = np.stack([RAMP, RAMP[:, ::-1], RAMP], axis=-1)
    read = read_image(tiff(np.moveaxis(colours, 2, 0), photometric="rgb", planarconfig="separate"))
    np.testing.assert_array_equal(np.asarray(read), colours >> 8)


def test_a_tiff_of_floats_is_turned_as_it_says() -> None:
    colours = np.stack([RAMP / 65535, RAMP * 0.0, RAMP * 0.0], axis=-1).astype(np.float32)
    turned = read_image(tiff(colours, photometric="rgb", extratags=[(274, "H", 1, 3, True)]))
    np.testing.assert_array_equal(np.asarray(turned)[0, :, 0], np.round(RAMP[0, ::-1] / 257))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"subfiletype": 1}, "first image is a preview .export it as JPEG"),
        ({"extratags": [(50706, "B", 4, (1, 4, 0, 0), True)]}, "a raw file"),
    ],
)
def test_the_preview_in_a_raw_file_is_not_the_photograph(options, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        read_image(tiff(COLOURS, photometric="rgb", **options))


def test_tiffs_of_samples_without_a_defined_white() -> None:
    for kind in (np.int8, np.int16):
        with pytest.raises(ImageError, match=r"samples with a sign .*8 or 16 bits a sample"):
            read_image(tiff(np.ones((2, 2), kind)))
    with pytest.raises(ImageError, match=r"a TIFF of a kind that is not read \(8 or 16 bits"):
        read_image(tiff(np.ones((2, 2, 3), np.int16), photometric="rgb"))


# Many megapixels


def test_a_photograph_of_200_megapixels_is_read_at_half_its_size() -> None:
    """Noise costs bytes as a photograph does; the JPEG of telephones' largest sensor is never decoded whole."""
    noise = np.random.default_rng(0).integers(0, 256, (1536, 2048), dtype=np.uint8)
    big = Image.fromarray(noise).resize((16384, 12288), Image.Resampling.NEAREST)
    data = encode(big, "JPEG", quality=60)
    with reading_log() as log:
        read = read_image(data)
    assert read.size == (8192, 6144)
    assert log.sentences() == ["1 of more than 80 million pixels were read at half their size."]
    # A JPEG's DC values are means of 8 x 8, which is what the squares are.
    small = np.asarray(read.convert("L").reduce(4), dtype=int)
    assert np.abs(small - noise).mean() < 2
    assert read_array(data).shape == (6144, 8192, 3)


def test_a_large_png_is_halved_and_a_bomb_refused_by_what_it_costs(monkeypatch) -> None:
    monkeypatch.setattr(decode, "WHOLE_PIXELS", 100_000)
    noise = np.random.default_rng(0).integers(0, 256, (450, 600), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(Image.fromarray(noise), "PNG", exif=exif)
    read = read_image(data)
    assert read.size == (225, 300)
    means = np.rot90(noise.astype(int).reshape(225, 2, 300, 2).mean(axis=(1, 3)), -1)
    assert np.abs(np.asarray(read)[..., 0] - means).max() <= 1
    with pytest.raises(ImageError, match=r"600 x 450 pixels in \d kB \(no photograph is so small"):
        read_image(encode(Image.new("1", (600, 450)), "PNG"))
    with pytest.raises(ImageError, match=r"12000 x 9000 pixels \(at most 50 million"):
        read_image(encode(Image.new("1", (12000, 9000)), "PNG", compress_level=1), 50_000_000)


@pytest.mark.parametrize("kind", ["1", "P", "I;16"])
def test_what_is_halved_may_have_any_kind_of_samples(monkeypatch, kind: str) -> None:
    monkeypatch.setattr(decode, "WHOLE_PIXELS", 100_000)
    levels = np.tile(np.array([[0, 255], [255, 255]], np.uint8), (225, 300))
    whole = Image.fromarray(levels)
    image = Image.fromarray(levels.astype(np.uint16) * 257) if kind == "I;16" else whole.convert(kind)
    data = encode(image, "TIFF")
    halved = np.asarray(read_image(data))
    assert halved.shape == (225, 300, 3)
    assert np.unique(halved).tolist() == [191]


def test_the_command_line_says_what_was_converted(tmp_path: Path, monkeypatch, capsys) -> None:
    (tmp_path / "p3.png").write_bytes(encode(Image.fromarray(COLOURS), "PNG", icc_profile=P3))
    (tmp_path / "clip.mov").write_bytes(b"film")
    said = "1 photograph was converted to sRGB from Display P3."
    answers = []
    for options in ([], ["--ignore-profiles"]):
        monkeypatch.setattr("sys.argv", ["snellen", "classify", str(tmp_path), "--csv", *options])
        with pytest.raises(SystemExit) as ended:
            snellen.cli.main()
        out, err = capsys.readouterr()
        assert ended.value.code in (0, None)
        assert (said in err) == (not options)
        assert f"{tmp_path}: not taken: 1 .mov (films: take frames of them)" in err
        answers.append(out)
    assert answers[0] != answers[1]
