"""Hostile parquet files: whatever the columns and metadata say, labels are right or the file is refused in a line."""

import io
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from snellen.data.datasets import open_dataset
from snellen.data.images import read_image
from snellen.errors import InputError


def png(grey: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (4, 4), (grey, grey, grey)).save(file, "PNG")
    return file.getvalue()


IMAGES = pa.array([{"bytes": png(number), "path": None} for number in range(4)])


def written(folder: Path, hub: object = None, **columns: object) -> str:
    table = pa.table({"image": IMAGES} | columns)
    if hub is not None:
        table = table.replace_schema_metadata({b"huggingface": hub if isinstance(hub, bytes) else json.dumps(hub)})
    pq.write_table(table, folder / "train.parquet")
    return str(folder)


def hub(names: object) -> dict:
    return {"info": {"features": {"label": {"_type": "ClassLabel", "names": names}}}}


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (pa.array([0, 1, 10**9, 1]), ["0", "1", "1000000000"]),
        (pa.array([0, 1, 2**64 - 1, 1], pa.uint64()), ["0", "1", "18446744073709551615"]),
        (pa.array([0, 1, -5, 1]), ["0", "1"]),
        (pa.array([False, True, None, True]), ["False", "True"]),
    ],
    ids=["10^9", "beyond 64 bits", "negative", "boolean"],
)
def test_odd_labels(tmp_path: Path, labels: pa.Array, classes: list[str]) -> None:
    """No array of classes is as long as the largest number, and the images keep the class that their row names."""
    images = open_dataset(written(tmp_path, label=labels))
    assert images.labels is not None
    assert len(images.labels) == len(classes)
    found = [example.label for _, example in images.read()]
    assert found[:2] == [0, 1]
    assert found[3] == 1
    assert found[2] == (2 if len(classes) == 3 else None)


@pytest.mark.parametrize(
    ("columns", "metadata", "message"),
    [
        ({"label": pa.array([[1], [2], [0], [1]])}, None, "the column label holds list, not labels"),
        ({"label": pa.array([0.0, 1.0, 0.0, 1.0])}, None, "the column label holds float, not labels"),
        ({"label": pa.array([0, 1, 0, 5])}, hub(["a", "b"]), "class 5, of 2 names"),
        ({"label": pa.array([0, 1, 0, 1])}, hub(["a", "a"]), "two classes are called 'a'"),
        ({"label": pa.array([0, 1, 0, 1])}, hub([*map(str, range(50_000)), "7"]), "two classes are called '7'"),
        ({"label": pa.array([0, 1, 0, 1])}, hub([1, 2]), "name no classes"),
        ({"label": pa.array([0, 1, 0, 1])}, hub(None), "name no classes"),
        ({"label": pa.array([0, 1, 0, 1])}, b"[[[", "metadata for the hub are damaged"),
        ({"label": pa.array([0, 1, 0, 1])}, {"info": {"features": []}}, "list no columns"),
        ({"label": pa.array([0, 1, 0, 1])}, b"[" * 100_000, "metadata for the hub are damaged"),
        ({"image": pa.array([1, 2, 3, 4])}, None, "no column holds images; it has image"),
    ],
)
def test_what_is_refused(tmp_path: Path, columns: dict, metadata: object, message: str) -> None:
    with pytest.raises(InputError) as refused:
        open_dataset(written(tmp_path, metadata, **columns))
    assert message in str(refused.value)
    assert str(tmp_path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_zeros_that_unpack_to_much(tmp_path: Path) -> None:
    zeros = pa.array([bytes(1 << 27)], pa.large_binary())
    pq.write_table(pa.table({"image": zeros, "label": [0]}), tmp_path / "train.parquet", compression="zstd")
    assert (tmp_path / "train.parquet").stat().st_size < 100_000
    with pytest.raises(InputError, match=r"bytes unpack to 134,2.* \(at most 100 times as many\)"):
        open_dataset(str(tmp_path))


@pytest.mark.parametrize("kind", ["dictionary", "text", "prefixes"])
@pytest.mark.parametrize(
    ("column", "asked"),
    [("label", len), ("id", lambda rows: rows.names()), ("owner", lambda rows: rows.column("owner"))],
)
def test_a_text_in_many_rows(tmp_path: Path, kind: str, column: str, asked) -> None:
    """A kilobyte whose labels, names or groups are hundreds of megabytes of text is refused before they are read."""
    path = tmp_path / "train.parquet"
    count = 100 if kind == "prefixes" else 400
    cells = pa.array([f"{'x' * 1_000_000}{number}" for number in range(count)] if kind == "prefixes" else [])
    if kind != "prefixes":
        texts = pa.array(["x" * 1_000_000, "y" * 1_000_000])
        cells = pa.DictionaryArray.from_arrays(pa.array([0, 1] * (count // 2), pa.int32()), texts)
    encoding = {"use_dictionary": False, "column_encoding": {column: "DELTA_BYTE_ARRAY"}} if kind == "prefixes" else {}
    table = pa.table({"image": IMAGES.take(pa.array([0] * count)), column: cells})
    pq.write_table(table, path, compression="zstd", store_schema=kind == "dictionary", **encoding)
    assert path.stat().st_size < 20_000
    message = (
        rf"train\.parquet: the texts of its column {column} have more than 67,108,864 bytes \(at most 64 MiB, or 100"
    )
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=message):
            asked(open_dataset(str(tmp_path)).splits["train"])
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()


def test_columns_that_hold_no_labels(tmp_path: Path) -> None:
    """A list of millions of zeros has some bytes, so none is read; two columns of one name are none to choose from."""
    zeros = pa.array([[0] * 4] * 4)
    found = open_dataset(written(tmp_path, boxes=zeros, label=pa.array([0, 1, 0, 1])))
    with pytest.raises(InputError, match="train.parquet: the column boxes holds list, not labels"):
        found.splits["train"].column("boxes")
    twice = pa.table([IMAGES, pa.array([0, 1, 0, 1]), pa.array([0, 1, 0, 1])], names=["image", "label", "label"])
    pq.write_table(twice, tmp_path / "train.parquet")
    with pytest.raises(InputError, match="train.parquet: 2 columns are called 'label'"):
        open_dataset(str(tmp_path))


def test_no_row_names_a_file_elsewhere(tmp_path: Path) -> None:
    """A path in a row leads to an image beside its file, and to nothing above it."""
    (tmp_path / "secret.png").write_bytes(png(9))
    folder = tmp_path / "set"
    (folder / "more").mkdir(parents=True)
    (folder / "more" / "own.png").write_bytes(png(1))
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    paths = ["more/own.png", "../secret.png", str(tmp_path / "secret.png"), None, "link.png", "a\0b.png"]
    images = pa.array([{"bytes": None, "path": path} for path in paths])
    found = [example.source for _, example in open_dataset(written(folder, image=images, label=[0, 1] * 3)).read()]
    assert found == [str((folder / "more" / "own.png").resolve()), *[b""] * 5]


@pytest.mark.parametrize("cache", ["HF_DATASETS_CACHE", "HF_HUB_CACHE"])
def test_no_row_of_the_hub_names_a_file_elsewhere(tmp_path: Path, monkeypatch, cache: str) -> None:
    """A path in a row leads to what was fetched from the hub, also by a link of the cache, and to nothing else."""
    datasets = pytest.importorskip("datasets")
    import huggingface_hub.constants

    private, fetched = tmp_path / "private.png", tmp_path / "cache"
    private.write_bytes(png(9))
    (fetched / "blobs").mkdir(parents=True)
    (fetched / "blobs" / "1f").write_bytes(png(1))
    (fetched / "own.png").symlink_to("blobs/1f")
    (fetched / "link.png").symlink_to(private)
    monkeypatch.chdir(tmp_path)
    paths = [str(fetched / "own.png"), str(private), "private.png", f"{fetched}/../private.png", f"{fetched}/link.png"]
    images = pa.array([{"bytes": None, "path": path} for path in [*paths, None]])
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["a", "b"]}}
    folder = tmp_path / "repository"
    folder.mkdir()
    written(folder, {"info": {"features": features}}, image=images, label=pa.array([0, 1] * 3))
    files = {"train": str(folder / "train.parquet")}
    loaded = datasets.load_dataset("parquet", data_files=files, cache_dir=str(tmp_path / "arrow"))
    place = datasets.config if cache == "HF_DATASETS_CACHE" else huggingface_hub.constants
    monkeypatch.setattr(place, cache, fetched)
    monkeypatch.setattr("snellen.data.datasets.hub.hub_reachable", lambda: True)
    monkeypatch.setattr(datasets, "load_dataset", lambda _: loaded)
    found = list(open_dataset("owner/set").read())
    assert [example.source for _, example in found] == [str((fetched / "blobs" / "1f").resolve()), *[b""] * 5]
    assert read_image(found[0][1].source).size == (4, 4)


def test_rows_of_nothing(tmp_path: Path, snellen_command) -> None:
    """Twenty million rows in some kilobytes are refused before one of them is made."""
    nothing = pa.nulls(20_000_000, pa.binary())
    pq.write_table(pa.table({"image": nothing, "label": pa.nulls(len(nothing), pa.int8())}), tmp_path / "a.parquet")
    done = snellen_command("evaluate", tmp_path / "a.parquet", "--out", tmp_path / "out")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "a.parquet: 20,000,000 rows in " in done.stderr
    assert "(at most 1,000,000, or a row for each byte)" in done.stderr


def test_many_rows_of_little(tmp_path: Path) -> None:
    """A file of some kilobytes may hold a million rows; its labels are read, its images only when asked for."""
    count = 1_000_000
    images = IMAGES.take(pa.array(np.zeros(count, np.int32)))
    pq.write_table(pa.table({"image": images, "label": np.zeros(count, np.int8)}), tmp_path / "train.parquet")
    opened = open_dataset(str(tmp_path))
    assert len(opened) == count
    assert next(iter(opened.read(count - 1)))[1].label == 0
