"""Reads data sets in archives in place: CIFAR-10 as published, and the same images as class folders in a .tar.gz.

    python benchmarks/archive.py [--data ../shared/data/cifar10]

Each archive is written to a temporary folder and read by a process of its own: opened, opened again, and every image
decoded. Writes benchmarks/results/archive.json: seconds, images a second, and by how much the memory grew.
"""

import argparse
import io
import json
import os
import pickle
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from photographs import all_read
from snellen.data.datasets import archive, open_dataset
from snellen.data.datasets.base import ImageSet, known_targets
from snellen.data.images import map_images, read_array
from snellen.runs.files import write_json
from snellen.runs.provenance import hardware, versions

BATCHES = 5


def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    """One member."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def write_published(path: Path, images: dict[str, np.ndarray], labels: dict[str, np.ndarray], names: list[str]) -> None:
    """CIFAR-10 as its maker packs it: pickles of 10,000 images each."""
    parts = [*np.array_split(images["train"], BATCHES), images["test"]]
    targets = [*np.array_split(labels["train"], BATCHES), labels["test"]]
    files = [*(f"data_batch_{number}" for number in range(1, BATCHES + 1)), "test_batch"]
    with tarfile.open(path, "w:gz", compresslevel=6) as tar:
        for file, part, own in zip(files, parts, targets, strict=True):
            planes = part.transpose(0, 3, 1, 2).reshape(len(part), -1)
            add(tar, f"cifar-10-batches-py/{file}", pickle.dumps({b"data": planes, b"labels": own.tolist()}, 2))
        meta = pickle.dumps({b"label_names": [name.encode() for name in names]}, 2)
        add(tar, "cifar-10-batches-py/batches.meta", meta)


def write_folders(path: Path, sources: Iterator[tuple[str, bytes]]) -> None:
    """The images as they are encoded, in class folders."""
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name, data in sources:
            add(tar, name, data)


def encoded(dataset: ImageSet) -> Iterator[tuple[str, bytes]]:
    """A name in a class folder and the encoded image for each example."""
    assert dataset.labels is not None
    for number, (split, example) in enumerate(dataset.read()):
        assert isinstance(example.source, bytes)  # as Parquet files hold images
        yield f"{split}/{dataset.labels[example.label]}/{number:05}.webp", example.source


def peak_mebibytes() -> float:
    """The most memory that this process has held; what ``getrusage`` says of a child is its parent's."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def measure(path: str) -> dict[str, float]:
    """Open, open again, and read every image; for a process of its own."""
    before = peak_mebibytes()
    started = time.perf_counter()
    open_dataset(path)
    opened = time.perf_counter()
    archive._open.cache_clear()  # as another process finds it
    dataset = open_dataset(path)
    again = time.perf_counter()
    count = sum(1 for _ in map_images((example.source for _, example in dataset.read()), read_array))
    read = time.perf_counter()
    return {
        "images": count,
        "bytes": Path(path).stat().st_size,
        "open_seconds": opened - started,
        "open_again_seconds": again - opened,
        "read_seconds": read - again,
        "images_per_second": count / (read - again),
        "memory_growth_mebibytes": peak_mebibytes() - before,
    }


def measured(path: Path, cache: Path) -> dict[str, float]:
    """What :func:`measure` finds in a fresh process, with a cache of its own."""
    command = [sys.executable, __file__, "--measure", str(path)]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=os.environ | {"XDG_CACHE_HOME": str(cache)}
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="../shared/data/cifar10")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure)))
        return
    dataset = open_dataset(options.data)
    assert dataset.labels is not None
    images = {
        split: np.stack(all_read(array for _, array in map_images((e.source for e in rows.read()), read_array)))
        for split, rows in dataset.splits.items()
    }
    labels = {split: known_targets(rows) for split, rows in dataset.splits.items()}
    with tempfile.TemporaryDirectory() as folder:
        published, folders = Path(folder) / "cifar-10-python.tar.gz", Path(folder) / "folders.tar.gz"
        write_published(published, images, labels, list(dataset.labels))
        write_folders(folders, encoded(dataset))
        found = {path.name: measured(path, Path(folder) / "cache") for path in (published, folders)}
    # Others may have been at work on the machine: the more, the slower.
    busy = os.getloadavg()[0]
    result = {"archives": found, "load_average": busy, "hardware": hardware(), "versions": versions()}
    write_json(Path(__file__).parent / "results" / "archive.json", result)
    for name, one in found.items():
        print(
            f"{name}: {one['images']:,.0f} images, opened in {one['open_seconds']:.1f} s, again in "
            f"{one['open_again_seconds']:.1f} s, {one['images_per_second']:,.0f} images a second, "
            f"{one['memory_growth_mebibytes']:.0f} MiB"
        )


if __name__ == "__main__":
    main()
