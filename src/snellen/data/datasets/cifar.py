"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009) as their maker publishes them: Python pickles, or binary records.

A pickle is a program. These are read by an unpickler that can build what these files hold, numbers, texts, lists,
dictionaries and arrays of bytes, and knows no other function or class: a file that asks for one is refused before
anything is called.
"""

from __future__ import annotations

import functools
import io
import pickle
import pickletools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from snellen.data.datasets.base import Example, ImageSet, Rows, Targets
from snellen.data.datasets.files import fingerprint_of
from snellen.data.datasets.tree import Tree, changes
from snellen.data.labels import Labels
from snellen.errors import InputError

_SIDE = 32
_PIXELS = 3 * _SIDE * _SIDE
Images = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Layout:
    """One of the forms in which they are published.

    Attributes:
        folder: name of the folder that the archive holds.
        archive: name of the archive.
        title: name of the data set.
        splits: files of each split.
        names: file with the names of the classes, and its key, or file, for each kind of label.
        labels: kinds of label in the order of a binary record; the last is the one that is meant.
    """

    folder: str
    archive: str
    title: str
    splits: Mapping[str, tuple[str, ...]]
    names: Mapping[str, tuple[str, str]]
    labels: tuple[str, ...]

    @property
    def pickled(self) -> bool:
        """Whether the files are pickles."""
        return not self.splits["test"][0].endswith(".bin")


_FINE = ("coarse_labels", "fine_labels")
LAYOUTS = (
    Layout(
        "cifar-10-batches-py", "cifar-10-python.tar.gz", "CIFAR-10",
        {"train": tuple(f"data_batch_{n}" for n in range(1, 6)), "test": ("test_batch",)},
        {"labels": ("batches.meta", "label_names")}, ("labels",),
    ),
    Layout(
        "cifar-10-batches-bin", "cifar-10-binary.tar.gz", "CIFAR-10",
        {"train": tuple(f"data_batch_{n}.bin" for n in range(1, 6)), "test": ("test_batch.bin",)},
        {"labels": ("batches.meta.txt", "")}, ("labels",),
    ),
    Layout(
        "cifar-100-python", "cifar-100-python.tar.gz", "CIFAR-100",
        {"train": ("train",), "test": ("test",)},
        {"coarse_labels": ("meta", "coarse_label_names"), "fine_labels": ("meta", "fine_label_names")}, _FINE,
    ),
    Layout(
        "cifar-100-binary", "cifar-100-binary.tar.gz", "CIFAR-100",
        {"train": ("train.bin",), "test": ("test.bin",)},
        {"coarse_labels": ("coarse_label_names.txt", ""), "fine_labels": ("fine_label_names.txt", "")}, _FINE,
    ),
)  # fmt: skip


def layout_of(tree: Tree) -> Layout | None:
    """The layout whose files a tree holds at its root; None where it holds none."""
    for layout in LAYOUTS:
        test, (names, _) = layout.splits["test"][0], next(iter(layout.names.values()))
        if test in tree.files and names in tree.files:
            return layout
    return None


def from_cifar(name: str, tree: Tree, layout: Layout, label: str | None = None) -> ImageSet:
    """The data set; ``label`` chooses among the kinds of label of CIFAR-100, fine ones by default.

    Raises:
        InputError: files are missing, or hold something else than what is published.
    """
    kind = layout.labels[-1] if label is None else label
    if kind not in layout.labels:
        raise InputError(f"{name}: no labels {kind!r}", f"one of {', '.join(layout.labels)}")
    files = [file for split in layout.splits.values() for file in split]
    missing = [file for file in files if file not in tree.files]
    if missing:
        raise InputError(f"{name}: {layout.title} without {missing[0]}", f"all of {', '.join(files)}")
    names = _names(tree, layout, kind)
    splits: dict[str, Rows] = {}
    for split, parts in layout.splits.items():
        targets = [np.array(_batch(tree, layout, part).labels[kind], dtype=np.int64) for part in parts]
        splits[split] = _Cifar(split, tree, layout, parts, targets)
    said = str([rows.targets().tobytes() for rows in splits.values()])  # type: ignore[union-attr]  # they have targets
    return ImageSet(
        name, Labels(names), splits, fingerprint_of(tree, files, said), columns=layout.labels, label_column=label
    )


@dataclass(frozen=True, eq=False)
class _Batch:
    """The images (N, 3072) of one file, and their labels of each kind."""

    images: Images
    labels: Mapping[str, Sequence[int]]


@dataclass(frozen=True, eq=False)
class _Cifar:
    """The images of some files, one file after another; one of them is held at a time."""

    split: str
    tree: Tree
    layout: Layout
    files: Sequence[str]
    labels: Sequence[Targets]

    def __len__(self) -> int:
        return sum(map(len, self.labels))

    def targets(self) -> Targets | None:
        return np.concatenate(self.labels)

    def names(self) -> Sequence[str]:
        return [f"{self.split}/{row}" for row in range(len(self))]

    def column(self, name: str) -> Sequence[str] | None:
        if name not in self.layout.labels:
            return None
        return [str(value) for file in self.files for value in _batch(self.tree, self.layout, file).labels[name]]

    def changed(self) -> str:
        return changes(self.tree.changed(self.files))

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Example]:
        stop = len(self) if stop is None else min(stop, len(self))
        before = 0
        for file, labels in zip(self.files, self.labels, strict=True):
            first, last = max(start - before, 0), min(stop - before, len(labels))
            if first < last:
                images = _batch(self.tree, self.layout, file).images
                for row in range(first, last):
                    yield Example(_encoded(images[row]), int(labels[row]), f"{self.split}/{before + row}")
            before += len(labels)


def _encoded(values: Images) -> bytes:
    """The file of one image (3072,), red, green and blue planes, that costs the least to write and to read again."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(values.reshape(3, _SIDE, _SIDE).transpose(1, 2, 0))).save(file, "BMP")
    return file.getvalue()


@functools.lru_cache(maxsize=1)
def _batch(tree: Tree, layout: Layout, file: str) -> _Batch:
    """One file. The last one is kept: a split is read range by range."""
    where = f"{tree.name}/{file}"
    data = tree.read(file)
    batch = _pickled_batch(where, data, layout) if layout.pickled else _binary_batch(where, data, layout)
    if any(len(labels) != len(batch.images) for labels in batch.labels.values()):
        raise InputError(f"{where}: {len(batch.images)} images and another number of labels", f"{layout.title}'s own")
    return batch


def _binary_batch(where: str, data: bytes, layout: Layout) -> _Batch:
    kinds = len(layout.labels)
    if not data or len(data) % (kinds + _PIXELS):
        raise InputError(f"{where}: {len(data)} bytes are no whole number of records", f"{layout.title} as published")
    records = np.frombuffer(data, np.uint8).reshape(-1, kinds + _PIXELS)
    return _Batch(records[:, kinds:], {kind: records[:, column].tolist() for column, kind in enumerate(layout.labels)})


def _pickled_batch(where: str, data: bytes, layout: Layout) -> _Batch:
    values = unpickled(where, data)
    images = values.get("data")
    if not isinstance(images, np.ndarray) or images.ndim != 2 or images.shape[1] != _PIXELS:
        raise InputError(f"{where}: holds no images of {_SIDE} x {_SIDE}", f"{layout.title} as published")
    labels = {kind: values.get(kind) for kind in layout.labels}
    for kind, found in labels.items():
        if not isinstance(found, list) or not all(isinstance(one, int) for one in found):
            raise InputError(f"{where}: holds no {kind}", f"{layout.title} as published")
    return _Batch(images, labels)  # type: ignore[arg-type]  # lists of int, as was just checked


def _names(tree: Tree, layout: Layout, kind: str) -> tuple[str, ...]:
    file, key = layout.names[kind]
    if file not in tree.files:
        raise InputError(f"{tree.name}: {layout.title} without {file}", f"{layout.title} as published")
    names = (
        unpickled(f"{tree.name}/{file}", tree.read(file)).get(key)
        if layout.pickled
        else [line.strip() for line in tree.read_text(file).splitlines() if line.strip()]
    )
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise InputError(f"{tree.name}/{file}: holds no names of classes", f"{layout.title} as published")
    return tuple(names)


class _Bytes:
    """Stands for a NumPy array in these pickles: takes its state, if that is one of bytes."""

    def __init__(self) -> None:
        self.array: Images | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, by_columns, data = state
        if kind != "u1" or by_columns or not isinstance(data, bytes):
            raise pickle.UnpicklingError("an array of something else than bytes")
        self.array = np.frombuffer(data, np.uint8).reshape(shape)


_LONGEST_KIND = 16


class _Kind(str):
    """Stands for a NumPy data type: its name, whatever else is said of it."""

    __slots__ = ()

    def __setstate__(self, _: Any) -> None:
        pass


def _kind(name: Any, *_: Any) -> _Kind:
    """The data type of that name; of no list, whose text may be any number of times as long as its pickle."""
    if not isinstance(name, str | bytes) or len(name) > _LONGEST_KIND:
        raise pickle.UnpicklingError("a data type that has no name")
    return _Kind(name.decode("latin1") if isinstance(name, bytes) else name)


def _latin1(text: str, encoding: str) -> bytes:
    """What a pickle that Python 3 wrote for Python 2 makes its bytes with."""
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes in {encoding!r}")
    return text.encode("latin1")


_ALLOWED: Mapping[tuple[str, str], Callable[..., Any]] = {
    **{(f"numpy.{core}.multiarray", "_reconstruct"): lambda *_: _Bytes() for core in ("core", "_core")},
    ("numpy", "ndarray"): _Bytes,
    ("numpy", "dtype"): _kind,
    ("_codecs", "encode"): _latin1,
}


_PROTOCOL = 4
"""The latest that is read; the published files are of 2."""
_MOST_OPCODES = 1_000_000
"""Those of CIFAR-100, with a name and two classes for each of 50,000 images, have some 500,000."""


class _Unpickler(pickle.Unpickler):
    """Builds what these files hold and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"asks for {module}.{name}")
        return _ALLOWED[module, name]


def _refuse_buffers(data: bytes) -> None:
    """Of a bytearray that a damaged file leaves half read, Python itself complains, past every handler."""
    for number, (opcode, _, _) in enumerate(pickletools.genops(data)):
        if opcode.proto > _PROTOCOL:
            raise pickle.UnpicklingError(f"holds {opcode.name}, of protocol {opcode.proto}")
        if number == _MOST_OPCODES:
            raise pickle.UnpicklingError(f"more than {_MOST_OPCODES:,} opcodes")


def unpickled(where: str, data: bytes) -> dict[str, Any]:
    """The dictionary in a pickle: texts as str, arrays as NumPy's.

    Raises:
        InputError: anything else.
    """
    try:
        _refuse_buffers(data)
        values = _Unpickler(io.BytesIO(data), encoding="bytes").load()
        if not isinstance(values, dict):
            raise pickle.UnpicklingError("no dictionary")
        return {_text(key): _plain(value) for key, value in values.items()}
    except Exception as error:
        # Whatever a file that is none provokes.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{where}: not what CIFAR's pickles hold, and not run: {reason[:200]}", "the published file"
        ) from error


def _text(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _plain(value: Any) -> Any:
    if isinstance(value, _Bytes):
        return value.array
    return [_text(one) for one in value] if isinstance(value, list) else _text(value)
