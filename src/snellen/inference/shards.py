"""Features in a parquet file, made in shards so that a job that was killed goes on where it stopped.

Beside ``FILE.parquet`` a folder ``FILE.parquet.partial`` holds ``job.json``, which says what is computed
from what, and one file a shard, written whole or not at all. A shard is a fixed range of the data set's rows,
so nothing is lost and nothing done twice. When all are there they are merged, in order, and the folder goes.

Columns of the file: ``image_id``, ``split``, ``label`` (the class's name; null where there is none) and
``features`` or ``logits`` (a list of float32). The images that could not be read and the provenance stand in its
metadata.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from snellen.data.images import Failure
from snellen.data.preprocessing import Preprocessing
from snellen.errors import InputError, SnellenError
from snellen.inference.engines import Output
from snellen.runs.files import atomic_path, only_writer, write_json
from snellen.runs.ledger import check_own, is_regular
from snellen.runs.provenance import Provenance
from snellen.runs.serialise import differences, from_plain, read_dataclass, to_json, to_plain

SHARD_ROWS = 256
_METADATA = b"snellen"


@dataclass(frozen=True)
class Job:
    """What is computed from what: two jobs whose fields agree give the same file.

    Attributes:
        model: name of the classifier.
        weights: SHA-256 of its weights.
        network: fingerprint of its network, see :meth:`snellen.Classifier.network_key`.
        preprocessing: its preprocessing.
        mirrored: whether mirror images are averaged in.
        precision: precision of the arithmetic.
        width: number of features, D, or of logits.
        output: what is computed, ``features`` or ``logits``; the name of the file's column.
        dataset: name of the data set.
        data: its fingerprint.
        changed: when its files were last written to, see :meth:`snellen.ImageSet.changed`.
        rows: number of its images.
        shard_rows: number of images of a shard.
        ignore_profiles: whether all images are taken for sRGB.
        version: of this package, which reads the images.
    """

    model: str
    weights: str
    preprocessing: Preprocessing
    mirrored: bool
    precision: str
    width: int
    output: Output
    dataset: str
    data: str
    rows: int
    shard_rows: int = SHARD_ROWS
    ignore_profiles: bool = False
    network: str = ""
    changed: str = ""
    version: str = ""

    @property
    def shards(self) -> int:
        """Number of shards."""
        return -(-self.rows // self.shard_rows)

    def range_of(self, shard: int) -> tuple[int, int]:
        """The first row of a shard, and the one after its last."""
        return shard * self.shard_rows, min((shard + 1) * self.shard_rows, self.rows)


@dataclass(frozen=True, eq=False)
class StoredRow:
    """One row of the file: image id, split, class name or None, features (D,)."""

    image_id: str
    split: str
    label: str | None
    features: Any


@dataclass(frozen=True, eq=False)
class Shard:
    """One shard: the rows that are embedded, and the images that could not be read."""

    number: int
    rows: Sequence[StoredRow]
    failures: Sequence[Failure]


@dataclass(frozen=True)
class Metadata:
    """What stands in the metadata of a shard and of the file.

    Attributes:
        job: what is computed from what.
        failures: images that could not be read.
        provenance: provenance of the file; None in a shard.
    """

    job: Job
    failures: tuple[Failure, ...]
    provenance: Provenance | None = None


@dataclass(frozen=True)
class StoredFeatures:
    """What a finished file holds.

    Attributes:
        rows: number of its rows.
        failures: images that could not be read.
        smallest: smallest of all feature values; NaN where there are none.
    """

    rows: int
    failures: tuple[Failure, ...]
    smallest: float


class DamagedShardError(SnellenError):
    """A shard is not what was written; it is removed."""


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other jobs away from the file; see :func:`snellen.runs.files.only_writer`."""
    with only_writer(_work(path)):
        yield
    with contextlib.suppress(OSError):  # it holds what an unfinished job is resumed from
        _work(path).rmdir()


def begin(path: Path, job: Job) -> list[int]:
    """Start or resume the job of a file; gives the shards that are still to do.

    Raises:
        InputError: a file of somebody else's is in its place, or the folder beside it holds another job's shards.
    """
    if path.exists() and _read_metadata(path) is None:
        raise InputError(f"{path}: is there already, and holds no features of ours", "another `out`")
    found = _work(path) / "job.json"
    earlier = _read_job(found)
    if earlier is None:
        write_json(found, job)
    else:
        _check_same(_work(path), earlier, job)
    return [shard for shard in range(job.shards) if not _is_done(path, job, shard)]


def _read_job(path: Path) -> Job | None:
    """The job that was begun; None where there is none, or its file is damaged: each shard says itself whose it is."""
    try:
        return read_dataclass(Job, path)
    except InputError:
        return None


def _check_same(work: Path, old: Job, new: Job) -> None:
    for keys, before, now in differences(to_plain(old), to_plain(new)):
        raise InputError(
            f"{work}: holds an unfinished job with another {' '.join(keys)}: {before}, not {now}",
            "finish that one, delete the folder, or choose another `out`",
        )


def _is_done(path: Path, job: Job, shard: int) -> bool:
    """Whether the shard is there; one that is damaged is not."""
    start, stop = job.range_of(shard)
    found = _read_metadata(_shard(path, shard))
    return found is not None and found[0].job == job and len(found[0].failures) + found[1] == stop - start


def _read_metadata(path: Path) -> tuple[Metadata, int] | None:
    """The metadata and the number of rows of a file of ours; None where there is no such file."""
    with contextlib.suppress(pa.ArrowException, OSError, KeyError, TypeError, ValueError, RecursionError, InputError):
        footer = pq.read_metadata(path)
        return from_plain(Metadata, json.loads(footer.metadata[_METADATA]), str(path)), footer.num_rows
    return None


def write_shard(path: Path, job: Job, shard: Shard) -> None:
    """Write one shard, whole or not at all."""
    rows = shard.rows
    schema = _schema(Metadata(job, tuple(shard.failures)))
    matrix = np.stack([row.features for row in rows]) if rows else np.empty((0, job.width), np.float32)
    columns = [
        _texts([row.image_id for row in rows]),
        _texts([row.split for row in rows]),
        _texts([row.label for row in rows]),
        pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), job.width),
    ]
    with atomic_path(_shard(path, shard.number)) as temporary:
        _write(temporary, schema, [pa.Table.from_arrays(columns, schema=schema)])


def _texts(values: Sequence[str | None]) -> pa.Array:
    """A column of texts; of the name of a file that is not UTF-8, its odd bytes as JSON has them."""
    sound = [None if value is None else value.encode(errors="backslashreplace").decode() for value in values]
    return pa.array(sound, pa.string())


def merge(path: Path, job: Job, provenance: Provenance) -> StoredFeatures:
    """Make the file of all shards, in order and one at a time.

    Raises:
        DamagedShardError: a shard is missing or damaged; it is removed, so that it can be made again.
    """
    failures: list[Failure] = []
    for shard in range(job.shards):
        found = _read_metadata(_shard(path, shard))
        if found is None:
            raise _damaged(_shard(path, shard))
        failures.extend(found[0].failures)
    schema = _schema(Metadata(job, tuple(failures), provenance))
    rows, smallest = 0, np.inf

    def tables() -> Iterator[pa.Table]:
        nonlocal rows, smallest
        for shard in range(job.shards):
            try:
                table = pq.read_table(_shard(path, shard))
            except (pa.ArrowException, OSError) as error:
                raise _damaged(_shard(path, shard)) from error
            rows += table.num_rows
            if table.num_rows:
                smallest = min(smallest, float(table[job.output].combine_chunks().flatten().to_numpy().min()))
            yield table.replace_schema_metadata(schema.metadata)

    # In the folder of shards, which the next run sweeps should this one be killed.
    with atomic_path(path, _work(path)) as temporary:
        _write(temporary, schema, tables())
    return StoredFeatures(rows, tuple(failures), smallest if rows else float("nan"))


def _damaged(shard: Path) -> DamagedShardError:
    shard.unlink(missing_ok=True)
    return DamagedShardError(f"{shard}: was damaged, and is made again")


def discard(path: Path) -> None:
    """Remove the shards of a finished file; what says whose they are goes last, lest another job takes them for its.

    Raises:
        InputError: the folder of shards is a link.
    """
    check_own(_work(path))
    for shard in filter(is_regular, _work(path).glob("shard-*.parquet")):
        shard.unlink()
    (_work(path) / "job.json").unlink(missing_ok=True)


def finished(path: Path, job: Job) -> StoredFeatures | None:
    """What the file holds where it is this job's result already; None where it is not there or another's."""
    found = _read_metadata(path)
    if found is None or found[0].job != job:
        return None
    with contextlib.suppress(pa.ArrowException, OSError), pq.ParquetFile(path) as file:
        batches = (batch.column(0).flatten() for batch in file.iter_batches(SHARD_ROWS, columns=[job.output]))
        smallest = min((float(values.to_numpy().min()) for values in batches), default=float("nan"))
        return StoredFeatures(found[1], found[0].failures, smallest)
    return None


@dataclass(frozen=True, eq=False)
class RowBatch:
    """Some rows of a finished file.

    Attributes:
        image_ids: image id of each of N.
        splits: split of each.
        labels: class name of each, None where there is none.
        values: features or logits (N, D).
    """

    image_ids: Sequence[str]
    splits: Sequence[str]
    labels: Sequence[str | None]
    values: npt.NDArray[np.float32]


def read_batches(path: Path) -> Iterator[RowBatch]:
    """The rows of a finished file, in order and in constant memory."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(SHARD_ROWS):
            image_ids, splits, labels, values = batch.columns
            matrix = values.flatten().to_numpy().reshape(batch.num_rows, -1)
            yield RowBatch(image_ids.to_pylist(), splits.to_pylist(), labels.to_pylist(), matrix)


def _write(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    try:
        # Every value of a feature is different, so a dictionary of them would only cost time.
        with pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=["split", "label"]) as writer:
            for table in tables:
                writer.write_table(table)
    except pa.ArrowException as error:
        raise SnellenError(f"{path}: cannot be written: {error}") from error


def _schema(metadata: Metadata) -> pa.Schema:
    values = pa.list_(pa.float32(), metadata.job.width)
    texts = [(name, pa.string()) for name in ("image_id", "split", "label")]
    return pa.schema([*texts, (metadata.job.output, values)], {_METADATA: to_json(metadata).encode()})


def _work(path: Path) -> Path:
    return path.with_name(f"{path.name}.partial")


def _shard(path: Path, shard: int) -> Path:
    return _work(path) / f"shard-{shard:06}.parquet"
