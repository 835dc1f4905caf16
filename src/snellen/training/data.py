"""A data set as bytes in memory: images of one size, decoded once, and their classes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from snellen.data.datasets import as_dataset
from snellen.data.datasets.base import ImageSet, Rows, train_test
from snellen.data.datasets.leaks import Leak, find_leaks
from snellen.data.images import Source, pixel_digest, read_each
from snellen.data.labels import Labels
from snellen.data.preprocessing import Preprocessing
from snellen.errors import ImageError, InputError
from snellen.runs.progress import SILENT, Progress
from snellen.runs.provenance import fingerprint


@dataclass(frozen=True, eq=False)
class InMemorySplit:
    """Images uint8 (N, H, W, 3), RGB, and their classes int64 (N,)."""

    images: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    def select(self, index: Tensor) -> InMemorySplit:
        """The examples at ``index`` (n,)."""
        index = index.to(self.targets.device)
        return InMemorySplit(self.images[index], self.targets[index])

    def to(self, device: torch.device) -> InMemorySplit:
        """The same on ``device``."""
        return InMemorySplit(self.images.to(device), self.targets.to(device))


@dataclass(frozen=True, eq=False)
class InMemoryDataset:
    """A data set in memory, ready to train on.

    Attributes:
        name: name, as it was asked for.
        train, test: the two splits.
        labels: names of the classes.
        preprocessing: preprocessing to the size of the images, with the training images' mean and deviation.
        fingerprint: fingerprint of the decoded images and their classes.
        split_description: one sentence on where the splits come from.
        note: what a report must say of the set; empty for an ordinary one.
        failures: lines, one for each image that could not be read and was left out.
        leaks: test images that are training images too, once they are decoded to this size.
    """

    name: str
    train: InMemorySplit
    test: InMemorySplit
    labels: Labels
    preprocessing: Preprocessing
    fingerprint: str
    split_description: str
    note: str
    failures: tuple[str, ...]
    leaks: tuple[Leak, ...] = ()


def load_data(dataset: str | Path | ImageSet, size: int, progress: Progress = SILENT) -> InMemoryDataset:
    """Decode all images of a data set to ``size`` x ``size`` pixels.

    Args:
        dataset: data set, or its name as :func:`snellen.data.datasets.open_dataset` takes it.
        size: side of the square images, in pixels.
        progress: told of each image.

    Raises:
        InputError: no such set, no labels, or more images than the memory holds.
    """
    found = as_dataset(dataset)
    name = found.name
    # The split of a set that has none of its own is the same whatever the seed of the training, so that
    # runs with several seeds are tested on the same images.
    split = train_test(found)
    total = len(split.train) + len(split.test)
    _check_memory(name, total, size)
    shape = Preprocessing((size, size), 1.0, "bicubic", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    progress.begin("Decoding", total)
    train, train_names, bad_train = _decode(split.train, shape, progress)
    test, test_names, bad_test = _decode(split.test, shape, progress)
    if not len(train) or not len(test):
        raise InputError(f"{name}: none of its images can be read: {(bad_train + bad_test)[0]}")
    mean, std = _statistics(train.images)
    return InMemoryDataset(
        name=name,
        train=train,
        test=test,
        labels=split.labels,
        preprocessing=Preprocessing((size, size), 1.0, "bicubic", mean, std),
        fingerprint=fingerprint("".join(_fingerprint_of(part) for part in (train, test))),
        split_description=split.description,
        note=found.note,
        failures=tuple(bad_train + bad_test),
        leaks=find_leaks(_digests(train), train_names, _digests(test), test_names),
    )


def hold_out(split: InMemorySplit, share: float, seed: int) -> tuple[InMemorySplit, InMemorySplit]:
    """The split without a random ``share`` of it, and that share.

    Raises:
        InputError: a share that leaves nothing on one side.
    """
    count = round(share * len(split))
    if not 0 < count < len(split):
        raise InputError(f"`holdout` {share}: {count} of {len(split)} images", "a share between 0 and 1")
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(seed))
    return split.select(order[count:].sort().values), split.select(order[:count].sort().values)


def _check_memory(name: str, count: int, size: int) -> None:
    needed = count * size * size * 3
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else needed
    if needed > memory // 2:
        raise InputError(
            f"{name}: {count} images of {size} x {size} are {needed / 1e9:.1f} GB, of {memory / 1e9:.1f} GB of memory",
            "a recipe with a smaller size",
        )


def _digests(split: InMemorySplit) -> list[bytes]:
    return [pixel_digest(image) for image in split.images.numpy()]


def _decode(rows: Rows, shape: Preprocessing, progress: Progress) -> tuple[InMemorySplit, list[str], list[str]]:
    """The images of a split in memory, their names, and a line for each that cannot be read."""
    images = np.empty((len(rows), *shape.size, 3), dtype=np.uint8)
    targets = np.empty(len(rows), dtype=np.int64)
    failures: list[str] = []
    names: list[str] = []
    labels: list[tuple[str, int]] = []

    def sources() -> Iterator[Source]:
        for example in rows.read():
            assert example.label is not None  # train_test refuses a set without labels
            labels.append((example.name, example.label))
            yield example.source

    kept = 0
    for number, (_, image) in enumerate(read_each(sources(), shape.preprocess_image)):
        name, label = labels[number]
        if isinstance(image, ImageError):
            failures.append(f"{name}: {image.message.partition(': ')[2]}")
        else:
            images[kept], targets[kept] = image, label
            names.append(name)
            kept += 1
        progress.advance()
    return InMemorySplit(torch.from_numpy(images[:kept]), torch.from_numpy(targets[:kept])), names, failures


def _statistics(images: Tensor) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Mean and deviation of each channel, in [0, 1], exactly: from a histogram of the bytes."""
    levels = torch.arange(256, dtype=torch.float64) / 255
    counts = torch.stack([torch.bincount(images[..., c].flatten(), minlength=256) for c in range(3)]).double()
    shares = counts / counts.sum(dim=1, keepdim=True)
    mean = shares @ levels
    # A channel that never changes is left as it is.
    std = (shares @ levels**2 - mean**2).clamp(min=0).sqrt()
    std = torch.where(std > 0, std, 1.0)
    first, second = ([round(value, 6) for value in values.tolist()] for values in (mean, std))
    return (first[0], first[1], first[2]), (second[0], second[1], second[2])


def _fingerprint_of(split: InMemorySplit) -> str:
    return fingerprint(split.images.numpy().tobytes()) + fingerprint(split.targets.numpy().tobytes())
