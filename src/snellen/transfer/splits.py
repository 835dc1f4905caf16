"""The features of a data set's training and test split, each image embedded once."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snellen.data.datasets import as_dataset
from snellen.data.datasets.base import ImageSet, TrainTest, train_test
from snellen.data.datasets.leaks import Leak, find_leaks
from snellen.data.labels import Labels
from snellen.data.reading import reading_log
from snellen.errors import InputError
from snellen.inference.engines import choose_engine
from snellen.inference.features import FeatureConfig, FeatureSet, embed_rows
from snellen.models.classifier import Classifier, check_classifier
from snellen.runs.progress import Progress


@dataclass(frozen=True, eq=False)
class EmbeddedSplits:
    """Two embedded splits.

    Attributes:
        dataset: data set.
        data: its two splits.
        train, test: their features.
        features: how they were computed; its engine is the one that did.
        leaks: test images that are training images too.
        reading: sentences on what was done to the photographs while they were read.
        seconds: time from files to features.
    """

    dataset: ImageSet
    data: TrainTest
    train: FeatureSet
    test: FeatureSet
    features: FeatureConfig
    leaks: tuple[Leak, ...]
    reading: tuple[str, ...]
    seconds: float


def embed_splits(
    classifier: Classifier, dataset: ImageSet | str | Path, features: FeatureConfig, seed: int, progress: Progress
) -> EmbeddedSplits:
    """Embed both splits of a labelled data set.

    Raises:
        InputError: see :func:`snellen.data.datasets.base.train_test`; or too few of a class's images can be read.
    """
    check_classifier(classifier, "probe")
    dataset = as_dataset(dataset)
    data = train_test(dataset, seed)
    rows = len(data.train) + len(data.test)
    engine = choose_engine(classifier, features.engine, features.precision, progress=progress, count=rows)
    progress.begin(f"Embedding with {classifier.name}", rows)
    started = time.perf_counter()
    with reading_log() as log:
        train, test = (
            embed_rows(engine, classifier, split, features.mirrored, progress) for split in (data.train, data.test)
        )
    _check_readable(dataset.name, train, data.labels)
    return EmbeddedSplits(
        dataset,
        data,
        train,
        test,
        FeatureConfig(engine.name, engine.precision, features.mirrored),
        find_leaks(train.digests, train.names, test.digests, test.names),
        tuple(log.sentences()),
        time.perf_counter() - started,
    )


def _check_readable(name: str, train: FeatureSet, labels: Labels) -> None:
    """Refuse what :func:`train_test` let pass because it had not opened the images."""
    counts = np.bincount(train.targets, minlength=len(labels))
    fewest = int(counts.argmin())
    if counts[fewest] < 2:
        raise InputError(
            f"{name}: class {labels[fewest]} has {counts[fewest]} training images that can be read",
            "at least 2 of each class",
        )
