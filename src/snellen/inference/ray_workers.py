"""Features on many machines, with Ray Data: each worker opens the data set itself and computes whole shards.

A shard is the unit of work and of repair: a worker that dies loses the shards it was at, and Ray gives those
to another. The data set must be readable under the same name on every machine; nothing else is shared.
"""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from snellen.data.datasets import open_dataset
from snellen.data.datasets.base import ImageSet, with_splits
from snellen.data.reading import ignore_profiles
from snellen.errors import InputError, SnellenError
from snellen.inference.embed_dataset import LocalWorkers
from snellen.inference.engines import Precision, check_precision, choose_engine
from snellen.inference.shards import Job, Shard
from snellen.models.classifier import Classifier, load
from snellen.runs.progress import SILENT, Progress


class RayWorkers:
    """Computes shards on the machines of a Ray cluster: the one that ``RAY_ADDRESS`` names, else this machine.

    Args:
        classifier: network that gives the features; workers load it by its name.
        dataset: the data set; workers open it by its name, and keep the splits that it has here.
        precision: precision of the arithmetic.
        workers: largest number of workers; None lets Ray fill the cluster, one to a processor core.
    """

    name = "ray"

    def __init__(self, classifier: Classifier, dataset: ImageSet, precision: str, workers: int | None = None) -> None:
        if importlib.util.find_spec("ray") is None:
            raise InputError("Ray is not installed", "pip install 'snellen[scale]'")
        self.precision: Precision = check_precision(precision)
        self._classifier = classifier
        self._dataset = dataset
        self._workers = workers

    def shards(self, job: Job, numbers: Sequence[int], progress: Progress = SILENT) -> Iterator[Shard]:
        """See :meth:`snellen.inference.embed_dataset.Workers.shards`; in the order in which they are done.

        Raises:
            SnellenError: the workers cannot go on.
        """
        import ray
        import ray.data

        if not numbers:
            return
        if not ray.is_initialized():
            ray.init(log_to_driver=False, configure_logging=False)
        most = self._workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        blocks = ray.data.from_items([{"shard": number} for number in numbers], override_num_blocks=len(numbers))
        computed = blocks.map_batches(
            _Worker,
            fn_constructor_args=(
                self._classifier.name,
                self._dataset.name,
                self._dataset.label_column,
                tuple(self._dataset.splits),
                job,
                str(self._classifier.device),
            ),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=min(most, len(numbers))),
            num_cpus=1,
        )
        try:
            for row in computed.iter_rows():
                shard: Shard = pickle.loads(row["done"])  # noqa: S301  # made by our own worker just now
                start, stop = job.range_of(shard.number)
                progress.advance(stop - start)
                yield shard
        except ray.exceptions.RayError as error:
            reason = " ".join(str(error).split())[-300:]
            raise SnellenError(f"ray: the workers cannot go on: {reason}") from error


class _Worker:
    """One actor of the pool: opens data set and network once, then computes the shards that it is given."""

    def __init__(
        self, model: str, dataset: str, label: str | None, splits: Sequence[str], job: Job, device: str
    ) -> None:
        classifier = load(model, device=device)
        if classifier.digest != job.weights:
            raise SnellenError(f"{model}: has other weights on this machine", "the same weights on every machine")
        classifier = classifier.with_preprocessing(job.preprocessing)
        if classifier.network_key() != job.network:
            raise SnellenError(f"{model}: is another network on this machine", "the same program on every machine")
        images = with_splits(open_dataset(dataset, label=label), splits)
        if images.fingerprint != job.data:
            raise SnellenError(f"{dataset}: is another data set on this machine", "the same files on every machine")
        self._job = job
        engine = choose_engine(classifier, "auto", job.precision, job.output, count=job.rows)
        self._local = LocalWorkers(engine, classifier, images)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        with ignore_profiles() if self._job.ignore_profiles else nullcontext():
            shards = self._local.shards(self._job, [int(number) for number in batch["shard"]])
            return {"done": np.array([pickle.dumps(shard) for shard in shards], dtype=object)}
