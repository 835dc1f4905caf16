"""The files that mutation starts from: small, of every kind that a format has, made here."""

import importlib.util
import io
import json
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tifffile
import torch
from PIL import Image, ImageCms, PngImagePlugin
from safetensors.torch import save

from snellen.data.preprocessing import Preprocessing
from snellen.exam.cache import CachedAnswer
from snellen.exam.report.document import Answer, Fact, Failed, FigureRow, Heading, Paragraph, Picture, Points, Table
from snellen.inference.shards import Job
from snellen.models.create import create
from snellen.runs.serialise import to_json

WIDTH, HEIGHT = 13, 9
_NOISE = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 4), dtype=np.uint8)
_RAMP = np.linspace(0, 255, HEIGHT * WIDTH * 3).reshape(HEIGHT, WIDTH, 3).astype(np.uint8)
RGB, RGBA, NOISE = Image.fromarray(_RAMP), Image.fromarray(_NOISE), Image.fromarray(_NOISE[..., :3])
GREY, BILEVEL, PALETTE, CMYK = RGB.convert("L"), RGB.convert("1"), RGB.quantize(8), RGB.convert("CMYK")
DEEP = Image.fromarray(np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH) * 500)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of an image file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = "a description"
    return exif


def _jpeg() -> Iterator[bytes]:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for image in (RGB, GREY, CMYK, NOISE):
        yield encoded(image, "JPEG", quality=80)
    yield encoded(NOISE, "JPEG", progressive=True)
    yield encoded(NOISE, "JPEG", subsampling=0, restart_marker_blocks=1)
    yield encoded(RGB, "JPEG", exif=_exif(6), comment=b"hello")
    yield encoded(RGB, "JPEG", icc_profile=profile, optimize=True)


def _png() -> Iterator[bytes]:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "hello")
    text.add_text("Packed", "hello " * 50, zip=True)
    text.add_itxt("Title", "grüezi", zip=True)
    for image in (RGB, RGBA, GREY, BILEVEL, PALETTE, DEEP, RGBA.convert("LA")):
        yield encoded(image, "PNG")
    yield encoded(PALETTE, "PNG", transparency=0, bits=4)
    yield encoded(RGB, "PNG", exif=_exif(3), pnginfo=text, dpi=(72, 72))
    yield encoded(RGBA, "PNG", save_all=True, append_images=[RGBA.rotate(180)], duration=10)
    yield _deep_png(interlaced=False)
    yield _deep_png(interlaced=True)


def _deep_png(*, interlaced: bool) -> bytes:
    """One pixel of three times 16 bits, which Pillow reads but does not write."""
    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, interlaced)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" + bytes(range(200, 206)))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """Length, kind, body and check sum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _webp() -> Iterator[bytes]:
    yield encoded(RGB, "WEBP", quality=50)
    yield encoded(RGB, "WEBP", lossless=True)
    yield encoded(RGBA, "WEBP", quality=50)
    yield encoded(RGBA, "WEBP", lossless=True, exif=_exif(8))
    yield encoded(RGBA, "WEBP", save_all=True, append_images=[RGBA.rotate(180), RGB], duration=10)


def _gif() -> Iterator[bytes]:
    for image in (PALETTE, GREY, BILEVEL):
        yield encoded(image, "GIF")
    yield encoded(PALETTE, "GIF", interlace=0, comment=b"hello")
    yield encoded(PALETTE, "GIF", transparency=0)
    yield encoded(PALETTE, "GIF", save_all=True, append_images=[PALETTE.rotate(180)], loop=0, disposal=2)


def _tiff() -> Iterator[bytes]:
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        yield encoded(RGB, "TIFF", compression=compression)
    yield encoded(BILEVEL, "TIFF", compression="group4")
    for image in (RGBA, CMYK, DEEP, PALETTE, GREY):
        yield encoded(image, "TIFF")
    yield encoded(RGB, "TIFF", exif=_exif(5))
    yield encoded(RGB, "TIFF", big_tiff=True)
    yield encoded(RGB, "TIFF", save_all=True, append_images=[GREY])

    floats = io.BytesIO()
    tifffile.imwrite(floats, _RAMP.astype(np.float32) / 255, photometric="rgb")
    yield floats.getvalue()


def _avif() -> Iterator[bytes]:
    for image in (RGB, RGBA, GREY):
        yield encoded(image, "AVIF", quality=60)
    yield encoded(RGB, "AVIF", exif=_exif(6))


def _heic() -> Iterator[bytes]:
    import pillow_heif

    for image in (RGB, RGBA):
        file = io.BytesIO()
        pillow_heif.from_pillow(image.resize((64, 64))).save(file, quality=60)
        yield file.getvalue()


def _tar() -> Iterator[bytes]:
    for mode in ("w:", "w:gz", "w:bz2", "w:xz"):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode=mode) as tar:
            for name in ("cat/1.png", "cat/2.png", "dog/1.png"):
                data = encoded(GREY, "PNG")
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
        yield file.getvalue()


def _zip() -> Iterator[bytes]:
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as packed:
            for name in ("cat/1.png", "dog/1.png"):
                packed.writestr(name, encoded(GREY, "PNG"))
        yield file.getvalue()


def _pickle() -> Iterator[bytes]:
    for keys in ((b"data", b"labels"), ("data", "fine_labels")):
        yield pickle.dumps(dict(zip(keys, (np.zeros((2, 3072), np.uint8), [1, 2]), strict=True)), 2)


def _csv() -> Iterator[bytes]:
    yield b'file_name,label,remark\n1.png,cat,"long, quoted"\n2.png,dog,\n'
    yield "id\tbreed\n1\tcat\n2\tdüg\n".encode()


def _labels() -> Iterator[bytes]:
    """What photographs show, as people and programs write it down."""
    yield b"\xef\xbb\xbffile_name,label\r\na/1.png,cat\r\nb/1.png,dog\r\n2,cat\r\n"
    yield b"image\tclass\n2.png\tdog\n"
    yield b'file_name,label,remark\n2.png,1,"a, b"\n'


def _text() -> Iterator[bytes]:
    """A discussion of two paragraphs, and names of classes in both forms."""
    yield "The model sees.\nIt sees a grüezi.\n\nAnd so on.\n".encode()
    yield b"cat\ndog\nmouse\n"
    yield b'["cat", "dog"]'


def _bmp() -> Iterator[bytes]:
    for image in (RGB, RGBA, GREY, BILEVEL, PALETTE):
        yield encoded(image, "BMP")
    # Run lengths, which Pillow reads but does not write: two lines of four, one end, one absolute run.
    runs = bytes([4, 1, 0, 0, 0, 4, 0, 1, 2, 3, 0, 1])
    palette = bytes(range(64)) * 4
    offset = 54 + 256
    head = struct.pack("<IiiHHIIiiII", 40, 4, 2, 1, 8, 1, len(runs), 0, 0, 64, 0)
    yield b"BM" + struct.pack("<IHHI", offset + len(runs), 0, 0, offset) + head + palette + runs


EXAM = b"""# an exam
title = "Homework 2"
author = "A. Student"
collaborators = ["B. Student", 'C. Student']
model = "tf_efficientnet_lite0"
photographs = ["a.jpg", "more/*.png"]
dataset = "digits"
training_runs = ["runs/plain"]
parts = [
  "categories",
  "stress",
]
labels = { "a.jpg" = "goldfish" }
target = "space shuttle"
epsilon = "4/255"
seed = 7
quick = false
paper = "us-letter"
"""
RECIPE = b"""network = "deep"
epochs = 9
batch = 500
size = 32
label_smoothing = 0.2
initialisation = "whitened"

[network_options]
widths = [64, 256, 256]

[optimiser]
name = "muon"
learning_rate = 0.24
momentum = 0.6

[schedule]
warmup = 0.2

[augmentation]
flip = "alternating"
translate = 2

[progressive_resizing]
size = 24
share = 0.5
"""
TOML_TOKENS = (
    b"[", b"]", b"[[", b"{", b"}", b'"', b"'", b'"""', b"'''", b"=", b".", b",", b"#", b"\n", b"\r\n", b"true", b"inf",
    b"-nan", b"1e999", b"-0", b"0x7fffffffffffffff", b"99999999999999999999", b"1979-05-27T07:32:00Z", b"[" * 2000,
    b"a=" + b"[" * 500 + b"]" * 500, b"{a=" * 400, b"a." * 3000, b'"\\u0000"', b'"\\ud800"', b'"\\U0010ffff"', b"\xff",
    b"\xef\xbb\xbf", b"\xc2\x85", b"\xe2\x80\xa8", b"\0", b"9" * 5000, b'"../../../etc/passwd"', b'"/dev/zero"',
    b'".safetensors"', b'"1e999999999"', b'"2\\n"', b'"1/0"',
    b'"network.py"', b'"**/**/**"', b'"[a"', b'"' + b"x" * 5000 + b'"',
)  # fmt: skip


NAME_TOKENS = (
    b"-", b"--out", b"*", b"**", b"?", b"[a]", b"[/b]", b"[red]", b"$x$", b"$\\alpha", b"\\", b"%s", b"{0}", b"'", b'"',
    b"\n", b"\r", b"\t", b"\x1b[31m", b"\x1b]0;a\x07", b"\x7f", b"\xff", b"\xc3", b"\xed\xa0\x80", b" ", b".", b"..",
    "\u202e".encode(), "\u2028".encode(), "\u0301".encode() * 100, "\U0001f415".encode(), b"~", b"#", b"<b>", b"&amp;",
    b"CON", b"train", b"test", b"images", b"annotations", b"1.jpg", b".png", b".tar", b"x" * 300,
)  # fmt: skip
TEXT_TOKENS = (
    b"\n\n", b"\r\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\xff", b"\0", "\u2028".encode(), "\u202e".encode(), b"[",
    b"\x1b[31m", b'"cat"', b"cat\n", b"n02123045\n", b"[" * 3000, b"x" * 5000, b'#read("/etc/passwd")', b"<script>",
    b"$x$", b"\\",
)  # fmt: skip
JSON_TOKENS = (
    b"[", b"]", b"{", b"}", b'"', b",", b":", b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"-1", b"0", b"0.0",
    b"20000", b"1000000000", b"9" * 5000, b"[" * 3000,
    b'{"a":' * 2000, b'"\\ud800"', b'"' + b"x" * 5000 + b'"', b"\xff",
    b'"checkpoint_path": "evil.pth",', b'"layers": [1000000],', b'"depth": 1000000000,', b'"members": 1000000000',
    b'"hf-hub:someone/else"', b'"local-dir:/"', b'"net.py"', b'"os:system"', b'"test_vit"', b'"input_size": [3, 9, 9],',
)  # fmt: skip


def _hub() -> Iterator[bytes]:
    """timm's ``config.json``, as it is saved today and as it was."""
    pretrained = {
        "input_size": [3, 32, 32], "test_input_size": [3, 32, 32], "crop_pct": 0.9, "test_crop_pct": 1.0, "tag": "mine",
        "interpolation": "bilinear", "mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6], "crop_mode": "center",
    }  # fmt: skip
    common = {"architecture": "test_vit", "num_classes": 2, "label_names": ["healthy", "ill"]}
    described = {"healthy": "healthy, well", "ill": "ill"}
    yield json.dumps(common | {"model_args": {"img_size": 32}, "pretrained_cfg": pretrained}).encode()
    yield json.dumps(
        common | {"model_args": {"img_size": [32, 32]}, "label_descriptions": described} | pretrained
    ).encode()


def _name() -> Iterator[bytes]:
    """What people call photographs and classes."""
    for text in ("golden retriever", "n02099601", "IMG_2043 (1)", "grüezi", "犬", "a" * 200, "what's this"):
        yield text.encode()


def hub_weights() -> bytes:
    """The weights that the configurations of :func:`_hub` are of."""
    import timm

    torch.manual_seed(0)
    return save(timm.create_model("test_vit", num_classes=2, img_size=32).state_dict())


def _weights() -> Iterator[bytes]:
    """Weights that say of themselves what Snellen's own do."""
    preprocessing = {"input_size": [3, 32, 32], "crop_pct": 1.0, "interpolation": "bicubic", "mean": [0.5, 0.5, 0.5],
                     "std": [0.2, 0.2, 0.2]}  # fmt: skip
    metadata = {"architecture": "deep", "labels": '["cat", "dog"]', "preprocessing": json.dumps(preprocessing)}
    for widths in ([2, 2, 2], [2, 4, 2]):
        options = {"widths": widths, "members": 1}
        yield save(create("deep", 2, options).state_dict(), metadata | {"options": json.dumps(options)})


def _answer() -> Iterator[bytes]:
    """What a part of the exam leaves behind, with a block of each kind."""
    picture = Picture(Path("stress/a.png"), "What it shows.")
    blocks = (
        Paragraph("A paragraph."),
        Heading("A heading"),
        Points(["one", "two"]),
        Table(("a", "b"), [("1", "2")], "A table."),
        picture,
        FigureRow([picture], ["one"], "A row."),
        Failed("It failed."),
    )
    for some in (blocks, blocks[:1]):
        answer = Answer("four photographs", [Fact("kept", "3 of 4")], some)
        yield to_json(CachedAnswer(answer, "0123456789abcdef", "2026-11-26T12:00:00+00:00", 1.5)).encode()


def _job() -> Iterator[bytes]:
    """What an unfinished embedding says of itself."""
    preprocessing = Preprocessing((32, 32), 0.875, "bicubic", (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
    yield to_json(Job("toy", "01ab", preprocessing, False, "float32", 4, "features", "digits", "23cd", 500)).encode()


def _parquet() -> Iterator[bytes]:
    """Photographs with labels, with the hub's metadata and without."""
    small = [encoded(image, "PNG") for image in (RGB, GREY)]
    images = pa.array([{"bytes": one, "path": None} for one in small * 2])
    plain = pa.table({"image": images, "label": [0, 1, 1, 0]})
    named = plain.replace_schema_metadata({b"huggingface": _HUB_FEATURES})
    texts = pa.table({"photo": pa.array(small, pa.large_binary()), "label": ["cat", "dog"], "id": [7, 8]})
    for table in (plain, named, texts):
        file = io.BytesIO()
        pq.write_table(table, file, compression="none")
        yield file.getvalue()


_HUB_FEATURES = json.dumps(
    {"info": {"features": {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["cat", "dog"]}}}}
).encode()


def seeds() -> dict[str, list[bytes]]:
    """The seeds by target."""
    made = {
        "JPEG": _jpeg, "PNG": _png, "WEBP": _webp, "GIF": _gif, "TIFF": _tiff, "BMP": _bmp, "AVIF": _avif,
        "labels": _labels, "text": _text,
        "tar": _tar, "zip": _zip, "pickle": _pickle, "csv": _csv, "hub": _hub, "weights": _weights,
        "answer": _answer, "job": _job, "parquet": _parquet, "name": _name,
    }  # fmt: skip
    if importlib.util.find_spec("pillow_heif") is not None:
        made["HEIC"] = _heic
    return {kind: list(make()) for kind, make in made.items()} | {"exam": [EXAM], "recipe": [RECIPE]}
