"""Data sets as their makers publish them, packed and unpacked; archives read in place; hostile ones."""

import gzip
import io
import os
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import snellen.cli
from snellen.data.datasets import archive, open_dataset
from snellen.data.datasets.base import train_test
from snellen.data.datasets.pets import PETS
from snellen.data.images import read_array, read_image
from snellen.errors import InputError
from transfer_toys import colours, encoded

JPEG = encoded((200, 30, 30), (8, 8), "JPEG")
COMMENT = "#Image CLASS-ID SPECIES BREED ID\n#ID: 1:37 Class ids\n"


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch) -> Path:
    """Scans of archives are kept in a folder of the test."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


def write_tar(path: Path, files: Mapping[str, bytes], mode: str = "w:gz") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def write_files(root: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def published_pets(
    train: Mapping[str, bytes], test: Mapping[str, bytes]
) -> tuple[dict[str, bytes], dict[str, bytes]]:  # fmt: skip
    """The files of ``images`` and of ``annotations``, by the names of the images, ``Abyssinian_1``."""
    breeds = sorted({name.rpartition("_")[0] for name in (*train, *test)}, key=str.lower)
    lines = {
        part: "".join(f"{name} {1 + breeds.index(name.rpartition('_')[0])} 1 1\n" for name in names)
        for part, names in (("trainval", train), ("test", test))
    }
    images = {f"images/{name}.jpg": data for name, data in sorted((train | test).items())}
    annotations = {
        "annotations/README": b"words",
        "annotations/list.txt": (COMMENT + lines["trainval"] + lines["test"]).encode(),
        "annotations/trainval.txt": lines["trainval"].encode(),
        "annotations/test.txt": (COMMENT + lines["test"]).encode(),
        "annotations/trimaps/Abyssinian_1.png": encoded((1, 1, 1)),
        "annotations/trimaps/._Abyssinian_1.png": b"left by a Mac",
        "annotations/xmls/Abyssinian_1.xml": b"<annotation/>",
    }
    # In the published archive too there are files beside the images.
    return images | {"images/Abyssinian_100.mat": b"MATLAB"}, annotations


def full_size() -> tuple[dict[str, bytes], dict[str, bytes]]:
    """As many images as are published, all of them the same."""
    breeds = sorted(PETS)
    train, test = (
        [f"{breeds[n % 37]}_{1 + n // 37 + shift}" for n in range(count)] for count, shift in ((3680, 0), (3669, 100))
    )
    return published_pets(dict.fromkeys(train, JPEG), dict.fromkeys(test, JPEG))


def test_pets_as_published_at_their_full_size(tmp_path: Path) -> None:
    """Two archives beside each other: 37 breeds, and the official split of 3,680 and 3,669 images."""
    images, annotations = full_size()
    write_tar(tmp_path / "images.tar.gz", images)
    write_tar(tmp_path / "annotations.tar.gz", annotations)
    split = train_test(open_dataset(str(tmp_path)))
    assert (len(split.train), len(split.test), len(split.labels)) == (3680, 3669, 37)
    assert split.description == "The set's own splits: trainval to learn from, test to test."
    assert list(split.labels) == sorted(PETS)
    example = next(split.test.read(1000))
    assert example.source == JPEG
    assert split.labels[example.label] == example.name.rpartition("_")[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["annotations.tar.gz", "images.tar.gz"]
    # Lists that number two breeds in the middle otherwise are another set.
    kept = open_dataset(str(tmp_path)).fingerprint
    swapped = {18: 19, 19: 18}
    for part in ("annotations/trainval.txt", "annotations/test.txt"):
        cells = [line.split() for line in annotations[part].decode().splitlines() if not line.startswith("#")]
        lines = (f"{name} {swapped.get(int(number), number)} 1 1\n" for name, number, *_ in cells)
        annotations[part] = "".join(lines).encode()
    write_tar(tmp_path / "annotations.tar.gz", annotations)
    assert open_dataset(str(tmp_path)).fingerprint != kept


@pytest.fixture(scope="module")
def few_pets(shared: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Images of two breeds, some of the famous odd kinds, in both splits: by name."""
    found: list[dict[str, bytes]] = []
    for part, count in (("train", 3), ("test", 2)):
        table = pq.read_table(shared / "pets37-mini" / f"{part}.parquet").to_pylist()
        rows = [row for label in (0, 1) for row in [row for row in table if row["label"] == label][:count]]
        found.append({row["image_id"]: row["image"]["bytes"] for row in rows})
    train, test = found
    first, second, third, *_ = train
    with Image.open(io.BytesIO(train[first])) as image:
        small = image.convert("RGB").resize((60, 40))
    odd = io.BytesIO()
    small.convert("P").save(odd, "GIF")
    train[first] = odd.getvalue()
    odd = io.BytesIO()
    small.convert("RGBA").save(odd, "PNG")
    train[second] = odd.getvalue()
    train[third] += b"\0" * 100
    odd = io.BytesIO()
    small.convert("L").save(odd, "JPEG")
    test[next(iter(test))] = odd.getvalue()
    return train, test


LAYOUTS = {
    "unpacked": lambda root, i, a: write_files(root, i | a),
    "packed": lambda root, i, a: (write_tar(root / "images.tar.gz", i), write_tar(root / "annotations.tar.gz", a)),
    "half unpacked": lambda root, i, a: (write_files(root, i), write_tar(root / "annotations.tar.gz", a)),
    "torchvision's root": lambda root, i, a: write_files(root / "oxford-iiit-pet", i | a),
    "torchvision's root, packed": lambda root, i, a: (
        write_tar(root / "oxford-iiit-pet" / "images.tar.gz", i),
        write_tar(root / "oxford-iiit-pet" / "annotations.tar.gz", a),
    ),
}


@pytest.mark.parametrize("write", LAYOUTS.values(), ids=LAYOUTS)
def test_pets_however_they_lie(tmp_path: Path, few_pets, write) -> None:
    train, test = few_pets
    write(tmp_path, *published_pets(train, test))
    found = open_dataset(str(tmp_path))
    assert found.name == str(tmp_path)
    assert list(found.labels) == ["Abyssinian", "american_bulldog"]
    split = train_test(found)
    names = [[Path(example.name).stem for example in rows.read()] for rows in (split.train, split.test)]
    assert [sorted(each) for each in names] == [sorted(train), sorted(test)]
    for example in split.train.read():
        assert split.labels[example.label] == example.name.rpartition("_")[0]
        np.testing.assert_array_equal(read_array(example.source), np.array(read_image(train[Path(example.name).stem])))
    assert found.note == ""


def test_the_images_alone_are_labelled_by_their_names_and_it_is_said(tmp_path: Path, few_pets) -> None:
    images, annotations = published_pets(*few_pets)
    write_files(tmp_path / "a", images)
    write_tar(tmp_path / "b" / "images.tar.gz", images)
    write_files(tmp_path / "c", images)
    write_files(tmp_path / "d", images | annotations)
    for name in ("a", "b", "b/images.tar.gz", "c/images"):
        found = open_dataset(str(tmp_path / name))
        assert found.note.startswith("Each image's class is the breed in its file's name."), name
        assert list(found.labels) == ["Abyssinian", "american_bulldog"]
        assert found.splits["all"].targets().tolist() == [0] * 5 + [1] * 5
    # Where the lists lie beside, the official split is taken.
    assert list(open_dataset(str(tmp_path / "d" / "images")).splits) == ["trainval", "test"]


def test_what_the_lists_name_and_is_not_there_is_said(tmp_path: Path, few_pets) -> None:
    images, annotations = published_pets(*few_pets)
    gone = sorted(images)[2]
    del images[gone]
    write_files(tmp_path, images | annotations)
    assert open_dataset(str(tmp_path)).note == f"1 images that its lists name are not there, such as {Path(gone).stem}."
    write_files(tmp_path, {"annotations/test.txt": b"Abyssinian one 1 1\n"})
    with pytest.raises(InputError, match=r"test\.txt, line 1: 'Abyssinian one 1 1' \(Abyssinian_201 1 1 1\)"):
        open_dataset(str(tmp_path))
    write_files(tmp_path, {"annotations/test.txt": b"Abyssinian_201 " + b"1" * 5000 + b" 1 1\n"})
    with pytest.raises(InputError, match=r"test\.txt, line 1: 'Abyssinian_201 1{65}' \(Abyssinian_201 1 1 1\)"):
        open_dataset(str(tmp_path))


def test_parts_of_a_data_set_are_not_classes(tmp_path: Path) -> None:
    write_files(
        tmp_path, {"images/cow1.jpg": JPEG, "images/cow2.jpg": JPEG, "annotations/cow1.png": encoded((1, 1, 1))}
    )
    with pytest.raises(InputError, match="annotations and images look like parts of one data set, not like classes"):
        open_dataset(str(tmp_path))


def test_the_command_line_on_pets_as_published(tmp_path: Path, few_pets, monkeypatch, capsys) -> None:
    for part, files in zip(("images", "annotations"), published_pets(*few_pets), strict=True):
        write_tar(tmp_path / f"{part}.tar.gz", files)
    monkeypatch.setattr("sys.argv", ["snellen", "probe", str(tmp_path), "--engine", "torch"])
    with pytest.raises(SystemExit) as ended:
        snellen.cli.main()
    out, err = capsys.readouterr()
    assert (ended.value.code, err) == (None, "") or (ended.value.code or 0) == 0
    assert "n = 4" in out
    assert "here 2 have 3 (" in out
    assert "so they say what the whole data set allows, not what this should reach." in out


# CIFAR


def cifar_files(layout: str, images: np.ndarray, labels: np.ndarray, names: list[str]) -> dict[str, bytes]:
    """A published layout of images (N, 32, 32, 3), the last tenth of which are the test split."""
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    count = len(images) // 6
    parts = [slice(number * count, (number + 1) * count) for number in range(6)]
    batches = [f"data_batch_{n}" for n in range(1, 6)] + ["test_batch"]
    if layout == "cifar-10-batches-py":
        written = {
            name: pickle.dumps({b"data": planes[part], b"labels": labels[part].tolist(), b"filenames": [b"x"]}, 2)
            for name, part in zip(batches, parts, strict=True)
        }
        written["batches.meta"] = pickle.dumps({b"label_names": [name.encode() for name in names]}, 2)
    elif layout == "cifar-10-batches-bin":
        records = np.concatenate([labels[:, None].astype(np.uint8), planes], axis=1)
        written = {f"{name}.bin": records[part].tobytes() for name, part in zip(batches, parts, strict=True)}
        written["batches.meta.txt"] = ("\n".join(names) + "\n\n").encode()
    else:
        cut = 5 * count
        coarse = labels // 2
        meta = {"fine_label_names": names, "coarse_label_names": [f"coarse {n}" for n in range(len(names) // 2)]}
        if layout == "cifar-100-python":
            written = {
                name: pickle.dumps(
                    {
                        "data": planes[part],
                        "fine_labels": labels[part].tolist(),
                        "coarse_labels": coarse[part].tolist(),
                    },
                    2,
                )
                for name, part in (("train", slice(0, cut)), ("test", slice(cut, None)))
            } | {"meta": pickle.dumps(meta, 2)}
        else:
            records = np.concatenate([coarse[:, None], labels[:, None], planes], axis=1).astype(np.uint8)
            written = {"train.bin": records[:cut].tobytes(), "test.bin": records[cut:].tobytes()}
            written |= {f"{key}.txt": "\n".join(value).encode() for key, value in meta.items()}
    return {f"{layout}/{name}": data for name, data in written.items()}


RANDOM = np.random.default_rng(0)
CIFAR_IMAGES = RANDOM.integers(0, 256, (24, 32, 32, 3), dtype=np.uint8)
CIFAR_LABELS = np.arange(24) % 4
CIFAR_NAMES = ["airplane", "automobile", "bird", "cat"]
CIFAR_ARCHIVES = {
    "cifar-10-batches-py": "cifar-10-python.tar.gz",
    "cifar-10-batches-bin": "cifar-10-binary.tar.gz",
    "cifar-100-python": "cifar-100-python.tar.gz",
    "cifar-100-binary": "cifar-100-binary.tar.gz",
}


@pytest.mark.parametrize("form", ["folder", "torchvision's root", "archive", "root with the archive", "both"])
@pytest.mark.parametrize("layout", CIFAR_ARCHIVES)
def test_cifar_as_published(tmp_path: Path, layout: str, form: str) -> None:
    files = cifar_files(layout, CIFAR_IMAGES, CIFAR_LABELS, CIFAR_NAMES)
    packed = tmp_path / CIFAR_ARCHIVES[layout]
    if form in ("folder", "torchvision's root", "both"):
        write_files(tmp_path, files)
    if form in ("archive", "root with the archive", "both"):
        write_tar(packed, files)
    found = open_dataset(str({"folder": tmp_path / layout, "archive": packed}.get(form, tmp_path)))
    assert list(found.labels) == CIFAR_NAMES
    split = train_test(found)
    assert (len(split.train), len(split.test)) == (20, 4)
    examples = [example for rows in (split.train, split.test) for example in rows.read()]
    np.testing.assert_array_equal([np.array(read_image(e.source)) for e in examples], CIFAR_IMAGES)
    assert [example.label for example in examples] == CIFAR_LABELS.tolist()
    assert examples[0].name == "train/0"
    assert [e.name for e in split.train.read(5, 11)] == [f"train/{n}" for n in range(5, 11)]


def test_cifar_100_has_coarse_labels_too(tmp_path: Path) -> None:
    write_files(tmp_path, cifar_files("cifar-100-python", CIFAR_IMAGES, CIFAR_LABELS, CIFAR_NAMES))
    found = open_dataset(str(tmp_path), label="coarse_labels")
    assert list(found.labels) == ["coarse 0", "coarse 1"]
    assert found.splits["test"].targets().tolist() == (CIFAR_LABELS[20:] // 2).tolist()
    with pytest.raises(InputError, match="no labels 'colour'"):
        open_dataset(str(tmp_path), label="colour")


def test_the_original_cifar_10_through_its_archive(tmp_path: Path, shared: Path) -> None:
    """The lossless originals, packed as published, come out byte for byte."""
    rows = pq.ParquetFile(shared / "cifar10" / "test.parquet").read_row_group(0).slice(0, 60).to_pylist()
    images = np.stack([np.array(Image.open(io.BytesIO(row["img"]["bytes"])).convert("RGB")) for row in rows])
    labels = np.array([row["label"] for row in rows])
    names = list(open_dataset(str(shared / "cifar10")).labels)
    packed = write_tar(tmp_path / "cifar-10-python.tar.gz", cifar_files("cifar-10-batches-py", images, labels, names))
    found = open_dataset(str(packed))
    assert list(found.labels) == names
    read = [example for _, example in found.read()]
    np.testing.assert_array_equal([read_array(example.source) for example in read], images)
    assert [example.label for example in read] == labels.tolist()


class Payload:
    """Runs a command when it is unpickled, if anybody lets it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def nested_kind(levels: int) -> bytes:
    """A data type whose name is a list of ten times a list of ten times ...: a text of 10^levels letters."""
    lists = b"".join(b"0](" + (b"h%c" % level) * 10 + b"eq%c" % (level + 1) for level in range(levels))
    return b"\x80\x02}X\x04\x00\x00\x00datacnumpy\ndtype\n]X\x01\x00\x00\x00aaq\x00" + lists + b"\x85Rs."


HOSTILE_PICKLES = {
    "a data type of lists": (lambda _: nested_kind(30), "a data type that has no name"),
    "a long data type": (
        lambda _: b"\x80\x02}U\x04datacnumpy\ndtype\nU\x11" + b"u" * 17 + b"\x85Rs.",
        "a data type that has no name",
    ),
    "a command": (lambda path: pickle.dumps({"data": Payload(path)}, 2), "asks for posix.system"),
    "an array of objects": (
        lambda _: pickle.dumps({"data": np.array([1, None], dtype=object), "labels": [1, 2]}, 2),
        "an array of something else than bytes",
    ),
    "no dictionary": (lambda _: pickle.dumps([1], 2), "no dictionary"),
    "no pickle": (lambda _: b"GIF89a", "not what CIFAR's pickles hold"),
    "no images": (
        lambda _: pickle.dumps({"data": np.zeros((2, 5), np.uint8), "labels": [1, 2]}, 2),
        "no images of 32 x 32",
    ),
    "no labels": (
        lambda _: pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": ["a", 2]}, 2),
        "holds no labels",
    ),
    "too few labels": (
        lambda _: pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": [1]}, 2),
        "another number",
    ),
}


@pytest.mark.parametrize("name", HOSTILE_PICKLES)
def test_a_pickle_that_holds_anything_else_is_refused_and_not_run(tmp_path: Path, name: str) -> None:
    write, message = HOSTILE_PICKLES[name]
    files = cifar_files("cifar-10-batches-py", CIFAR_IMAGES, CIFAR_LABELS, CIFAR_NAMES)
    ran = tmp_path / "ran"
    write_files(tmp_path, files | {"cifar-10-batches-py/data_batch_3": write(ran)})
    with pytest.raises(InputError, match=f"data_batch_3: .*{message}"):
        open_dataset(str(tmp_path))
    assert not ran.exists()


def test_a_batch_that_is_missing_or_no_whole_number_of_records(tmp_path: Path) -> None:
    files = cifar_files("cifar-10-batches-bin", CIFAR_IMAGES, CIFAR_LABELS, CIFAR_NAMES)
    write_files(tmp_path, files | {"cifar-10-batches-bin/data_batch_2.bin": b"x" * 3000})
    with pytest.raises(InputError, match=r"data_batch_2\.bin: 3000 bytes are no whole number of records"):
        open_dataset(str(tmp_path))
    (tmp_path / "cifar-10-batches-bin" / "data_batch_2.bin").unlink()
    with pytest.raises(InputError, match=r"CIFAR-10 without data_batch_2\.bin"):
        open_dataset(str(tmp_path))


def test_a_root_of_several_data_sets_asks_for_one(tmp_path: Path, few_pets) -> None:
    write_files(tmp_path / "oxford-iiit-pet", {k: v for part in published_pets(*few_pets) for k, v in part.items()})
    write_files(tmp_path, cifar_files("cifar-10-batches-py", CIFAR_IMAGES, CIFAR_LABELS, CIFAR_NAMES))
    with pytest.raises(InputError, match=r"holds Oxford-IIIT Pet and CIFAR-10 \(the folder or the archive of one"):
        open_dataset(str(tmp_path))


# Archives


CLASSES = {
    f"{top}{name}/{n}.png": encoded(c) for name in ("cat", "dog") for n, c in enumerate(colours(4)) for top in [""]
}


def write_zip(path: Path, files: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return path


ARCHIVES = {
    "a.zip": write_zip,
    "a.tar": lambda path, files: write_tar(path, files, "w:"),
    "a.tgz": write_tar,
    "a.tar.bz2": lambda path, files: write_tar(path, files, "w:bz2"),
    "a.tar.xz": lambda path, files: write_tar(path, files, "w:xz"),
}


@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.parametrize("top", ["", "mine/"])
def test_an_archive_of_class_folders_is_read_in_place(tmp_path: Path, name: str, top: str) -> None:
    files = {f"{top}{path}": data for path, data in CLASSES.items()}
    path = ARCHIVES[name](tmp_path / name, files | {f"{top}cat/._0.png": b"Mac", "__MACOSX/x.png": b"Mac"})
    found = open_dataset(str(path))
    assert list(found.labels) == ["cat", "dog"]
    rows = found.splits["all"]
    assert [example.source for example in rows.read()] == list(CLASSES.values())
    assert [example.source for example in rows.read(3, 6)] == list(CLASSES.values())[3:6]
    assert rows.targets().tolist() == [0] * 4 + [1] * 4
    assert list(tmp_path.iterdir()) == [path]


def hostile_tar(path: Path, member: tarfile.TarInfo, data: bytes = b"") -> None:
    with tarfile.open(path, "w:gz") as tar:
        for name, image in CLASSES.items():
            ordinary = tarfile.TarInfo(name)
            ordinary.size = len(image)
            tar.addfile(ordinary, io.BytesIO(image))
        tar.addfile(member, io.BytesIO(data))


def link(kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo("cat/5.png")
    member.type, member.linkname = kind, "/etc/passwd"
    return member


HOSTILE_MEMBERS = {
    "above": (tarfile.TarInfo("cat/../../../x.png"), r"its member 'cat/\.\./\.\./\.\./x\.png' leads out of it"),
    "absolute": (tarfile.TarInfo("/etc/x.png"), "its member '/etc/x.png' leads out of it"),
    "drive": (tarfile.TarInfo("C:/x.png"), "its member 'C:/x.png' leads out of it"),
    "symbolic link": (link(tarfile.SYMTYPE), r"its member 'cat/5\.png' is a link"),
    "hard link": (link(tarfile.LNKTYPE), r"its member 'cat/5\.png' is a link"),
    "device": (link(tarfile.CHRTYPE), r"'cat/5\.png' is no ordinary file"),
}


@pytest.mark.parametrize("kind", HOSTILE_MEMBERS)
def test_members_that_lead_elsewhere_are_refused(tmp_path: Path, kind: str) -> None:
    member, message = HOSTILE_MEMBERS[kind]
    hostile_tar(tmp_path / "a.tar.gz", member)
    with pytest.raises(InputError, match=rf"a\.tar\.gz: {message}"):
        open_dataset(str(tmp_path / "a.tar.gz"))


def test_members_of_a_zip_that_lead_elsewhere_are_refused(tmp_path: Path) -> None:
    shortcut = zipfile.ZipInfo("cat/9.png")
    shortcut.external_attr = 0o120777 << 16
    for info, message in ((zipfile.ZipInfo("..\\x.png"), "leads out of it"), (shortcut, "is a link")):
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
            packed.writestr(info, b"/etc/passwd")
        with pytest.raises(InputError, match=message):
            open_dataset(str(tmp_path / "a.zip"))


def test_bombs_are_refused_before_they_are_decompressed(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(archive, "_ALWAYS_ALLOWED", 1 << 20)
    zeros = {"cat/0.png": bytes(8 << 20)}
    for name in ("a.tgz", "a.zip"):
        path = ARCHIVES[name](tmp_path / name, zeros)
        with pytest.raises(
            InputError, match=r"decompresses to 0\.0 GB and more, at 'cat/0\.png' .*decompression bombs"
        ):
            open_dataset(str(path))
    # A header that says it is of 4 GB is not read as one.
    header = bytearray(tarfile.TarInfo("x").tobuf(tarfile.USTAR_FORMAT))
    header[156:157], header[124:136] = b"x", b"37777777777\0"
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    (tmp_path / "b.tar.gz").write_bytes(gzip.compress(bytes(header) + bytes(1 << 20)))
    with pytest.raises(InputError, match="not a sound archive"):
        open_dataset(str(tmp_path / "b.tar.gz"))


def tar_header(name: str, size: int) -> bytes:
    """A header whose size may be below zero, which it writes as 12 bytes of base 256."""
    header = bytearray(tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT))
    header[124:136] = size.to_bytes(12, "big", signed=True)
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    return bytes(header)


@pytest.mark.parametrize("size", [-1, -512, -1024, -(2**40)])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["tar", "tar.gz"])
def test_members_of_less_than_nothing(tmp_path: Path, size: int, pack) -> None:
    """-1 read all the rest whatever it was, and -512 went back to the same member for ever."""
    members = tar_header("cat/0.png", 0) + tar_header("cat/1.png", size) + bytes(10240)
    (tmp_path / "a.tar.gz").write_bytes(pack(members))
    message = rf"a\.tar\.gz: not a sound archive: 'cat/1\.png' has {size} bytes, at byte 512 \("
    with pytest.raises(InputError, match=message):
        open_dataset(str(tmp_path / "a.tar.gz"))


@pytest.mark.parametrize("name", ARCHIVES)
def test_members_that_lie_too_deep(tmp_path: Path, name: str) -> None:
    """8,000 folders in each other took 17 seconds, from some hundred bytes; 64 are read."""
    deep = ARCHIVES[name](tmp_path / name, {"a/" * 8000 + "0.png": b"x"})
    message = r"its member '(a/){20}'\.\.\. has a path of 16,005 characters \(at most 4,096 characters and 64 folders\)"
    with pytest.raises(InputError, match=message):
        open_dataset(str(deep))
    long = ARCHIVES[name](tmp_path / name, {"a" * 4093 + ".png": b"x"})
    with pytest.raises(InputError, match="its member 'a{40}'... has a path of 4,097"):
        open_dataset(str(long))
    sound = ARCHIVES[name](tmp_path / name, {"a/" * 63 + f"{label}/0.png": b"x" for label in ("cat", "dog")})
    assert len(open_dataset(str(sound))) == 2


def test_damaged_and_encrypted_archives(tmp_path: Path) -> None:
    whole = write_tar(tmp_path / "a.tar", CLASSES, "w:").read_bytes()
    packed = gzip.compress(whole)
    (tmp_path / "cut.tar.gz").write_bytes(packed[: len(packed) // 2])
    (tmp_path / "cut.tar").write_bytes(whole[: len(whole) // 3])
    (tmp_path / "scribbled.tar").write_bytes(whole[:2048] + b"?" * 512 + whole[2560:])
    (tmp_path / "words.tar").write_bytes(b"words" * 500)
    (tmp_path / "words.zip").write_bytes(b"words" * 500)
    (tmp_path / "empty.tar").write_bytes(b"")
    for name in ("cut.tar.gz", "cut.tar", "scribbled.tar", "words.tar", "words.zip", "empty.tar"):
        with pytest.raises(InputError, match=rf"{name}: not a sound archive: .*archives: \.tar"):
            open_dataset(str(tmp_path / name))
    data = bytearray(write_zip(tmp_path / "locked.zip", {"cat/0.png": b"x"}).read_bytes())
    at = data.index(b"PK\x01\x02")
    data[at + 8 : at + 10] = struct.pack("<H", 1)
    (tmp_path / "locked.zip").write_bytes(data)
    with pytest.raises(InputError, match="is encrypted"):
        open_dataset(str(tmp_path / "locked.zip"))


def test_a_long_scan_is_kept_and_found_again(tmp_path: Path, cache: Path, monkeypatch) -> None:
    monkeypatch.setattr(archive, "_WORTH_KEEPING_SECONDS", 0.0)
    path = write_tar(tmp_path / "a.tgz", CLASSES)
    first = open_dataset(str(path))
    (kept,) = cache.rglob("*.json")

    def scan(*_: object) -> None:
        raise AssertionError("scanned again")

    with monkeypatch.context() as patched:
        patched.setattr(archive, "_scan", scan)
        archive._open.cache_clear()
        again = open_dataset(str(path))
    assert again.fingerprint == first.fingerprint
    assert list(again.splits["all"].read()) == list(first.splits["all"].read())
    for damaged in ("{", '{"key": 1}', "[]"):
        kept.write_text(damaged, encoding="utf-8")
        archive._open.cache_clear()
        assert open_dataset(str(path)).fingerprint == first.fingerprint
    # Another archive of the same name is another archive.
    write_tar(path, {name: data for name, data in CLASSES.items() if "dog" in name or "0" in name})
    assert len(open_dataset(str(path))) == 5


def test_a_folder_of_archives(tmp_path: Path) -> None:
    write_zip(tmp_path / "a.zip", CLASSES)
    assert list(open_dataset(str(tmp_path)).labels) == ["cat", "dog"]
    write_zip(tmp_path / "b.zip", CLASSES)
    with pytest.raises(InputError, match=r"holds no images, but 2 archives: a\.zip, b\.zip \(name one of them\)"):
        open_dataset(str(tmp_path))
