"""Embeds a whole data set into one parquet file: shard by shard, resumable, with any engine."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from snellen.data.datasets import as_dataset
from snellen.data.datasets.base import Example, ImageSet
from snellen.data.images import Failure, pixels_from_bytes, read_image
from snellen.data.reading import profiles_ignored
from snellen.inference.engines import Engine, Output, Precision, choose_engine
from snellen.inference.features import DEFAULT_FEATURES, EmbeddedExample, FeatureConfig, embed_each, width_of
from snellen.inference.shards import (
    DamagedShardError,
    Job,
    Shard,
    StoredFeatures,
    StoredRow,
    begin,
    discard,
    finished,
    locked,
    merge,
    write_shard,
)
from snellen.models.classifier import Classifier, check_classifier
from snellen.runs.progress import SILENT, Progress
from snellen.runs.provenance import Provenance, versions

RAY = "ray"
"""The name of the engine that spreads the work over many machines."""
CLOSE = 0.25
"""A difference of logits within which the plain way decides; the fast way's were found to differ by up to 0.065."""


@dataclass(frozen=True)
class EmbeddingResult:
    """What :func:`embed_dataset` made.

    Attributes:
        path: the parquet file.
        rows: number of images in it.
        width: number of features of each, D.
        non_negative: whether no feature is negative, as after a ReLU.
        failures: images that could not be read.
        embedded: number of images that this call went through; the others were there from an earlier one.
        seconds: time that this took, once the engine had started.
        features: how they were computed; its engine is the one that did.
        provenance: provenance of the file.
    """

    path: str
    rows: int
    width: int
    non_negative: bool
    failures: tuple[Failure, ...]
    embedded: int
    seconds: float
    features: FeatureConfig
    provenance: Provenance


class Workers(Protocol):
    """Computes shards: here (:class:`LocalWorkers`), or on many machines (``ray_workers.RayWorkers``).

    Attributes:
        name: name of the engine, for a report.
        precision: precision of its arithmetic.
    """

    name: str
    precision: Precision

    def shards(self, job: Job, numbers: Sequence[int], progress: Progress = SILENT) -> Iterator[Shard]:
        """Each of the shards, in any order; ``progress`` is told of images as they are done."""


def embed_dataset(
    classifier: Classifier,
    dataset: ImageSet | str | Path,
    out: str | Path,
    *,
    features: FeatureConfig = DEFAULT_FEATURES,
    output: Output = "features",
    progress: Progress = SILENT,
) -> EmbeddingResult:
    """Embed every image of ``dataset``, all splits, into the file ``out``, in constant memory.

    Killed and called again it goes on where it stopped; called on a file that is finished it does nothing.

    Args:
        classifier: network that gives the features.
        dataset: photographs, labelled or not; or their name, see :func:`snellen.open_dataset`.
        out: the parquet file; see :mod:`snellen.inference.shards` for its columns.
        features: how they are computed; its engine may be ``ray``, for many machines.
        output: ``features``, or ``logits``: then the file has a column of that name.
        progress: told of each image.

    Raises:
        InputError: no such data set, engine or precision; or another job's shards are in the file's place,
            or another process is at it.
        SnellenError: the file cannot be written.
    """
    check_classifier(classifier, "embed_dataset")
    path, dataset = Path(out), as_dataset(dataset)
    workers = _workers(classifier, dataset, features, output, progress)
    provenance = classifier.provenance(dataset.fingerprint)
    job = Job(
        model=classifier.name,
        weights=provenance.weights,
        preprocessing=classifier.preprocessing,
        mirrored=features.mirrored,
        precision=workers.precision,
        width=width_of(classifier) if output == "features" else len(classifier.labels),
        output=output,
        dataset=dataset.name,
        data=dataset.fingerprint,
        rows=len(dataset),
        ignore_profiles=profiles_ignored(),
        network=classifier.network_key(),
        changed=dataset.changed(),
        version=versions().get("snellen", ""),
    )
    started = time.perf_counter()
    progress.begin("Embedding" if output == "features" else "Classifying", job.rows)
    with locked(path):
        stored, embedded = finished(path, job), 0
        if stored is None:
            missing = begin(path, job)
            embedded = sum(stop - start for start, stop in map(job.range_of, missing))
            progress.advance(job.rows - embedded)
            for shard in workers.shards(job, missing, progress):
                write_shard(path, job, shard)
            stored = _merged(path, job, workers, progress, provenance)
        discard(path)
    return EmbeddingResult(
        path=str(path),
        rows=stored.rows,
        width=job.width,
        non_negative=not math.isnan(stored.smallest) and stored.smallest >= 0,
        failures=stored.failures,
        embedded=embedded,
        seconds=time.perf_counter() - started,
        features=FeatureConfig(workers.name, workers.precision, features.mirrored),
        provenance=provenance,
    )


def _merged(path: Path, job: Job, workers: Workers, progress: Progress, provenance: Provenance) -> StoredFeatures:
    """The file of all shards; those that turn out to be damaged are made again, each once."""
    for _ in range(job.shards):
        try:
            return merge(path, job, provenance)
        except DamagedShardError as error:
            progress.note(str(error))
            for shard in workers.shards(job, begin(path, job), SILENT):
                write_shard(path, job, shard)
    return merge(path, job, provenance)


def _workers(
    classifier: Classifier, dataset: ImageSet, features: FeatureConfig, output: Output, progress: Progress
) -> Workers:
    if features.engine == RAY:
        from snellen.inference.ray_workers import RayWorkers

        return RayWorkers(classifier, dataset, features.precision)
    engine = choose_engine(classifier, features.engine, features.precision, output, progress, len(dataset))
    return LocalWorkers(engine, classifier, dataset)


class LocalWorkers:
    """Computes shards in this process, with one engine; their rows are one stream."""

    def __init__(self, engine: Engine, classifier: Classifier, dataset: ImageSet) -> None:
        self.name = engine.name
        self.precision = engine.precision
        self._engine = engine
        self._classifier = classifier
        self._dataset = dataset

    def shards(self, job: Job, numbers: Sequence[int], progress: Progress = SILENT) -> Iterator[Shard]:
        """See :meth:`Workers.shards`; in order."""
        splits: deque[str] = deque()

        def examples() -> Iterator[Example]:
            for number in numbers:
                for split, example in self._dataset.read(*job.range_of(number)):
                    splits.append(split)
                    yield example

        results = embed_each(self._engine, self._classifier, examples(), job.mirrored)
        for number in numbers:
            start, stop = job.range_of(number)
            rows: list[StoredRow] = []
            failures: list[Failure] = []
            for result in islice(results, stop - start):
                split = splits.popleft()
                if isinstance(result, Failure):
                    failures.append(result)
                else:
                    if job.output == "logits":
                        result = settle_close_call(self._classifier, result, job.mirrored)
                    rows.append(_stored(result, split, self._dataset))
                progress.advance()
            yield Shard(number, rows, failures)


def settle_close_call(classifier: Classifier, result: EmbeddedExample, mirrored: bool = False) -> EmbeddedExample:
    """Logits whose two largest lie close, computed again by the plain way: Pillow's resize, PyTorch in float32.

    So the most probable class is the same as that of any ordinary pipeline, photograph by photograph: the fast way's
    logits differ from the plain way's by less than :data:`CLOSE` / 2. Of a job with mirror images both their mean.
    """
    second, first = np.partition(result.features, -2)[-2:] if len(result.features) > 1 else (-np.inf, 0.0)
    if first - second >= CLOSE:
        return result
    inputs = classifier.preprocessing.preprocess_image(read_image(result.example.source))
    with torch.inference_mode():
        seen = [inputs, np.ascontiguousarray(inputs[:, ::-1])] if mirrored else [inputs]
        logits = torch.cat([classifier.logits_from_inputs(pixels_from_bytes(one)) for one in seen]).mean(dim=0)
    return EmbeddedExample(result.example, logits.float().cpu().numpy(), result.digest)


def _stored(result: EmbeddedExample, split: str, dataset: ImageSet) -> StoredRow:
    index = result.example.label
    names = dataset.labels
    label = names[index] if names is not None and index is not None and 0 <= index < len(names) else None
    return StoredRow(result.example.name, split, label, result.features)
