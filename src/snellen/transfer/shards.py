"""Features in a parquet file, made in shards so that a job that was killed goes on where it stopped.

Beside ``FILE.parquet`` a folder ``FILE.parquet.partial`` holds ``job.json``, which says what is computed
from what, and one file a shard, written whole or not at all. A shard is a fixed range of the data set's rows,
so nothing is lost and nothing done twice. When all are there they are merged, in order, and the folder goes.

Columns of the file: ``image_id``, ``split``, ``label`` (the class's name; null where there is none) and
``features`` (a list of D float32). The images that could not be read and the provenance stand in its metadata.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from snellen.data.images import Failure
from snellen.errors import InputError, SnellenError
from snellen.runs.files import atomic_path, only_writer, write_json
from snellen.runs.provenance import Provenance
from snellen.runs.serialise import to_json

SHARD_ROWS = 256
_METADATA = b"snellen"


@dataclass(frozen=True)
class Job:
    """What is computed from what: two jobs whose fields agree give the same file.

    Attributes:
        model, weights: the classifier's name and the SHA-256 of its weights.
        size: (height, width) of the view, in pixels.
        mirrored: whether mirror images are averaged in.
        precision: of the arithmetic.
        width: D, the number of features.
        dataset, data: its name and its fingerprint.
        rows: how many images it has.
        shard_rows: how many of them a shard holds.
    """

    model: str
    weights: str
    size: tuple[int, int]
    mirrored: bool
    precision: str
    width: int
    dataset: str
    data: str
    rows: int
    shard_rows: int = SHARD_ROWS

    @property
    def shards(self) -> int:
        """How many shards it takes."""
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
    """What became of the rows of one shard: those that are embedded, and the images that could not be read."""

    number: int
    rows: Sequence[StoredRow]
    failures: Sequence[Failure]


@dataclass(frozen=True)
class StoredFeatures:
    """What a finished file holds.

    Attributes:
        rows: of the file.
        failures: the images that could not be read.
        smallest: of all feature values; NaN where there are none.
    """

    rows: int
    failures: tuple[Failure, ...]
    smallest: float


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
        SnellenError: the folder beside it holds another job's shards.
    """
    work = _work(path)
    found = work / "job.json"
    if found.is_file():
        old, new = json.loads(found.read_text()), json.loads(to_json(job))
        for key in new:
            if old.get(key) != new[key]:
                raise InputError(
                    f"{work}: holds an unfinished job with another {key}: {old.get(key)}, not {new[key]}",
                    "finish that one, delete the folder, or choose another --out",
                )
    else:
        write_json(found, job)
    return [shard for shard in range(job.shards) if not _shard(path, shard).is_file()]


def write_shard(path: Path, job: Job, shard: Shard) -> None:
    """Write one shard, whole or not at all."""
    rows = shard.rows
    failures = json.dumps([asdict(failure) for failure in shard.failures])
    schema = _schema(job).with_metadata({_METADATA: failures.encode()})
    matrix = np.stack([row.features for row in rows]) if rows else np.empty((0, job.width), np.float32)
    columns = [
        pa.array([row.image_id for row in rows], pa.string()),
        pa.array([row.split for row in rows], pa.string()),
        pa.array([row.label for row in rows], pa.string()),
        pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), job.width),
    ]
    with atomic_path(_shard(path, shard.number)) as temporary:
        _write(temporary, schema, [pa.Table.from_arrays(columns, schema=schema)])


def merge(path: Path, job: Job, provenance: Provenance) -> StoredFeatures:
    """Make the file of all shards, in order and one at a time."""
    failures: list[Failure] = []
    for shard in range(job.shards):
        metadata = pq.read_schema(_shard(path, shard)).metadata
        failures.extend(Failure(**failure) for failure in json.loads(metadata[_METADATA]))
    about = {"job": job, "failures": failures, "provenance": provenance}
    schema = _schema(job).with_metadata({_METADATA: to_json(about).encode()})
    rows, smallest = 0, np.inf

    def tables() -> Iterator[pa.Table]:
        nonlocal rows, smallest
        for shard in range(job.shards):
            table = pq.read_table(_shard(path, shard))
            rows += table.num_rows
            if table.num_rows:
                smallest = min(smallest, float(table["features"].combine_chunks().flatten().to_numpy().min()))
            yield table.replace_schema_metadata(schema.metadata)

    # In the folder of shards, which the next run sweeps should this one be killed.
    with atomic_path(path, _work(path)) as temporary:
        _write(temporary, schema, tables())
    return StoredFeatures(rows, tuple(failures), smallest if rows else float("nan"))


def discard(path: Path) -> None:
    """Remove the shards of a finished file; what says whose they are goes last, lest another job takes them for its."""
    for shard in _work(path).glob("shard-*.parquet"):
        shard.unlink()
    (_work(path) / "job.json").unlink(missing_ok=True)


def finished(path: Path, job: Job) -> StoredFeatures | None:
    """What the file holds where it is this job's result already; None where it is not there or another's."""
    with contextlib.suppress(pa.ArrowException, OSError, KeyError, ValueError, TypeError):
        file = pq.ParquetFile(path)
        about = json.loads(file.schema_arrow.metadata[_METADATA])
        if about["job"] == json.loads(to_json(job)):
            failures = tuple(Failure(**failure) for failure in about["failures"])
            batches = (batch.column(0).flatten() for batch in file.iter_batches(SHARD_ROWS, columns=["features"]))
            smallest = min((float(values.to_numpy().min()) for values in batches), default=float("nan"))
            return StoredFeatures(file.metadata.num_rows, failures, smallest)
    return None


def _write(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    try:
        # Every value of a feature is different, so a dictionary of them would only cost time.
        with pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=["split", "label"]) as writer:
            for table in tables:
                writer.write_table(table)
    except pa.ArrowException as error:
        raise SnellenError(f"{path}: cannot be written: {error}") from error


def _schema(job: Job) -> pa.Schema:
    features = pa.list_(pa.float32(), job.width)
    return pa.schema(
        [("image_id", pa.string()), ("split", pa.string()), ("label", pa.string()), ("features", features)]
    )


def _work(path: Path) -> Path:
    return path.with_name(f"{path.name}.partial")


def _shard(path: Path, shard: int) -> Path:
    return _work(path) / f"shard-{shard:06}.parquet"
