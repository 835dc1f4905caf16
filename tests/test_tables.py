"""Labels that stand elsewhere than in folders' names: in tables, in columns of any kind, in WebDataset shards."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import snellen.cli
from snellen.data.datasets import open_dataset
from snellen.data.datasets.base import train_test
from snellen.data.datasets.tables import text_labels
from snellen.data.labels import Labels
from snellen.errors import InputError
from transfer_toys import colours, encoded, write_parquet

IMAGES = [encoded(colour) for colour in colours(8)]


def photographs(root: Path, names: list[str]) -> Path:
    for name, data in zip(names, IMAGES, strict=False):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def said(root: Path, **options: str) -> dict[str, str | None]:
    """What the data set says of each image, by its path."""
    found = open_dataset(str(root), **options)
    return {e.name: None if e.label is None else found.labels[e.label] for _, e in found.read()}


EXPECTED = {"a.png": "cat", "b.png": "dog", "sub/c.png": "cat", "d.png": None}
TABLES = {
    "metadata.csv": "file_name,label\na.png,cat\nb.png,dog\nsub/c.png,cat\n",
    "metadata.jsonl": "\n".join(
        json.dumps({"file_name": name, "label": label}) for name, label in EXPECTED.items() if label
    ),
    "labels.csv": "id,breed\na,cat\nb,dog\nc,cat\nzz,dog\n",
    "any.csv": "﻿Image;Label;Age\r\na.png;cat;1\r\nb.png;dog;2\r\n.\\sub\\c.png;cat;3\r\n",
    "any.tsv": 'name\tclass\tremark\na\tcat\t"long, quoted"\nb\tdog\t\nc\tcat\t\n',
}


@pytest.mark.parametrize("table", TABLES)
def test_labels_of_a_table_beside_the_images(tmp_path: Path, table: str) -> None:
    photographs(tmp_path, list(EXPECTED))
    (tmp_path / table).write_text(TABLES[table], encoding="utf-8", newline="")
    found = open_dataset(str(tmp_path))
    assert list(found.labels) == ["cat", "dog"]
    assert said(tmp_path) == EXPECTED
    assert f"of {table}." in found.note
    assert ("1 of its rows name no image that is there." in found.note) == (table == "labels.csv")


def test_the_column_of_labels_is_asked_for_where_it_is_not_obvious(tmp_path: Path) -> None:
    photographs(tmp_path, ["a.png", "b.png"])
    (tmp_path / "about.csv").write_text("id,colour,size\na,red,10\nb,blue,9\n", encoding="utf-8")
    with pytest.raises(
        InputError, match=r"which column is the label\? .*about\.csv has colour, size \(name it by `label`"
    ):
        open_dataset(str(tmp_path))
    assert said(tmp_path, label="colour") == {"a.png": "red", "b.png": "blue"}
    assert list(open_dataset(str(tmp_path), label="size").labels) == ["9", "10"]
    with pytest.raises(InputError, match="no column 'shape' .*its columns are id, colour, size"):
        open_dataset(str(tmp_path), label="shape")


def test_metadata_in_each_split_and_a_competition(tmp_path: Path) -> None:
    photographs(tmp_path / "hub", ["train/a.png", "train/b.png", "test/a.png"])
    (tmp_path / "hub" / "train" / "metadata.csv").write_text(
        "file_name,label\na.png,cat\nb.png,dog\n", encoding="utf-8"
    )
    (tmp_path / "hub" / "test" / "metadata.csv").write_text("file_name,label\na.png,dog\n", encoding="utf-8")
    assert said(tmp_path / "hub") == {"train/a.png": "cat", "train/b.png": "dog", "test/a.png": "dog"}
    assert list(open_dataset(str(tmp_path / "hub")).splits) == ["train", "test"]
    # The dog breeds of a competition: labels of the training images only, and a made-up submission of the others.
    photographs(tmp_path / "kaggle", [*(f"train/{n}.png" for n in range(6)), "test/7.png"])
    (tmp_path / "kaggle" / "labels.csv").write_text(
        "id,breed\n" + "".join(f"{n},b{n % 2}\n" for n in range(6)), encoding="utf-8"
    )
    (tmp_path / "kaggle" / "sample_submission.csv").write_text("id,b0,b1\n7,0.5,0.5\n", encoding="utf-8")
    split = train_test(open_dataset(str(tmp_path / "kaggle")))
    assert (len(split.train), len(split.test), list(split.labels)) == (4, 2, ["b0", "b1"])
    assert "1 of 1 images of the split test have no label and are left out." in split.description


def test_a_column_of_splits_and_one_of_groups(tmp_path: Path) -> None:
    photographs(tmp_path, [f"{n}.png" for n in range(8)])
    rows = [f"{n}.png,{'ab'[n % 2]},{'train' if n < 6 else 'test'},dog{n // 2}" for n in range(8)]
    (tmp_path / "all.csv").write_text("\n".join(["file_name,label,split,animal", *rows]), encoding="utf-8")
    split = train_test(open_dataset(str(tmp_path)))
    assert (split.train.names(), split.test.names()) == ([f"{n}.png" for n in range(6)], ["6.png", "7.png"])
    (tmp_path / "all.csv").write_text(
        "\n".join(row.replace(",split", ",part") for row in ["file_name,label,split,animal", *rows]), encoding="utf-8"
    )
    split = train_test(open_dataset(str(tmp_path), group="animal"))
    assert not set(split.train.column("animal")) & set(split.test.column("animal"))
    assert "Images that share animal stay on one side." in split.description


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("metadata.csv", "file_name,label\na.png\n", r"metadata\.csv, row 2: 1 cells, of 2 columns"),
        ("metadata.csv", "", r"metadata\.csv: empty"),
        ("metadata.jsonl", "{", r"metadata\.jsonl, line 1: not JSON"),
        ("metadata.jsonl", "[1]", r"metadata\.jsonl, line 1: not an object"),
    ],
)
def test_tables_that_are_none(tmp_path: Path, name: str, text: str, message: str) -> None:
    photographs(tmp_path, ["a.png"])
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        open_dataset(str(tmp_path))
    (tmp_path / name).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not a text file in UTF-8"):
        open_dataset(str(tmp_path))


def test_a_table_that_names_no_image_changes_nothing(tmp_path: Path) -> None:
    photographs(tmp_path, ["cat/1.png", "dog/1.png"])
    (tmp_path / "costs.csv").write_text("what,how much\nfood,3\n", encoding="utf-8")
    assert list(open_dataset(str(tmp_path)).labels) == ["cat", "dog"]


def test_an_image_of_several_rows_has_one_label(tmp_path: Path) -> None:
    """Rows that agree are one; two labels, or two splits, are refused, and no row is said to name nothing."""
    photographs(tmp_path, ["a.png", "b.png", "x/c.png", "y/c.png"])
    table = tmp_path / "labels.csv"
    table.write_text("id,label\na,\nb,dog\na,cat\na.png,cat\nc,dog\nzz,dog\n", encoding="utf-8")
    assert said(tmp_path) == {"a.png": "cat", "b.png": "dog", "x/c.png": None, "y/c.png": None}
    note = open_dataset(str(tmp_path)).note
    assert "1 of its rows name no image that is there. 1 of its rows may name several images" in note
    table.write_text("id,label\na,cat\nb,dog\na.png,dog\n", encoding="utf-8")
    with pytest.raises(
        InputError, match=r"labels\.csv: 'a\.png' is 'cat' and 'dog' in the column label \(one for each"
    ):
        open_dataset(str(tmp_path))
    table.write_text("id,label,split\na,cat,train\nb,dog,train\na,cat,test\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"'a\.png' is 'train' and 'test' in the column split"):
        open_dataset(str(tmp_path))


def test_two_tables_are_refused(tmp_path: Path) -> None:
    photographs(tmp_path, ["a.png"])
    for name in ("one.csv", "two.csv"):
        (tmp_path / name).write_text("id,label\na,cat\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"2 tables name its images: one\.csv, two\.csv"):
        open_dataset(str(tmp_path))


def test_labels_of_thousands_of_digits_are_texts(tmp_path: Path) -> None:
    """Python makes no number of 5,000 digits, which fell in a traceback."""
    photographs(tmp_path, ["a.png", "b.png", "c.png"])
    long = "1" * 5000
    (tmp_path / "labels.csv").write_text(f"file_name,label\na.png,9\nb.png,{long}\nc.png,10\n", encoding="utf-8")
    found = open_dataset(str(tmp_path))
    assert found.labels is not None
    assert list(found.labels) == ["10", long, "9"]
    assert found.splits["all"].targets().tolist() == [2, 1, 0]
    with pytest.raises(InputError, match=r"no class 1{100} \(the classes are 0 to 1\)"):
        Labels(("cat", "dog")).find(long)


def test_text_labels_are_sorted_as_numbers_where_they_are() -> None:
    assert text_labels(["10", "9", "", None, "-1", "9"])[0] == ("9", "10")
    assert text_labels(["10", "9", "", None, "-1", "9"])[1].tolist() == [1, 0, -1, -1, -1, 0]
    assert text_labels(["b", "10", "9"])[0] == ("10", "9", "b")


# Parquet


TEXTS = ["b", "a", None, "b"]
KINDS = {
    "string": (pa.array(TEXTS), ["a", "b"], [1, 0, -1, 1]),
    "large_string": (pa.array(TEXTS, pa.large_string()), ["a", "b"], [1, 0, -1, 1]),
    "string_view": (pa.array(TEXTS, pa.string_view()), ["a", "b"], [1, 0, -1, 1]),
    "dictionary": (pa.array(TEXTS).dictionary_encode(), ["a", "b"], [1, 0, -1, 1]),
    "boolean": (pa.array([True, False, None, True]), ["False", "True"], [1, 0, -1, 1]),
    "int8": (pa.array([1, 0, None, 1], pa.int8()), ["class 0", "class 1"], [1, 0, -1, 1]),
    "uint64": (pa.array([1, 0, 0, 1], pa.uint64()), ["class 0", "class 1"], [1, 0, 0, 1]),
    "hidden": (pa.array([1, 0, -1, 1]), ["class 0", "class 1"], [1, 0, -1, 1]),
    "from 1": (pa.array([7, 1, None, 7]), ["1", "7"], [1, 0, -1, 1]),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("binary", [pa.binary(), pa.large_binary(), pa.binary_view()], ids=str)
def test_columns_of_every_kind(tmp_path: Path, kind: str, binary: pa.DataType) -> None:
    labels, names, targets = KINDS[kind]
    try:
        pq.write_table(pa.table({"photo": pa.array(IMAGES[:4], binary), "label": labels}), tmp_path / "all.parquet")
    except pa.ArrowNotImplementedError:
        pytest.skip("this pyarrow does not write the type")
    found = open_dataset(str(tmp_path))
    assert list(found.labels) == names
    assert found.splits["all"].targets().tolist() == targets
    examples = list(found.splits["all"].read())
    assert [example.source for example in examples] == IMAGES[:4]
    assert [example.label for example in examples] == [None if target < 0 else target for target in targets]


def test_a_column_of_another_name(tmp_path: Path) -> None:
    table = pa.table({"image": IMAGES, "breed_name": ["x", "y"] * 4, "age": list(range(8)), "weight": [0.5] * 8})
    pq.write_table(table, tmp_path / "all.parquet")
    with pytest.raises(
        InputError, match=r"has no labels; its columns are breed_name, age, weight \(name the column by `l"
    ):
        train_test(open_dataset(str(tmp_path)))
    assert list(open_dataset(str(tmp_path), label="breed_name").labels) == ["x", "y"]
    with pytest.raises(InputError, match="the column weight holds float, not labels"):
        open_dataset(str(tmp_path), label="weight")
    with pytest.raises(InputError, match="no column 'kind' .*its columns are image, breed_name, age, weight"):
        open_dataset(str(tmp_path), label="kind")
    split = train_test(open_dataset(str(tmp_path), label="breed_name", group="age"))
    assert len(split.train) + len(split.test) == 8


def test_hidden_labels_of_the_hub_are_no_data(tmp_path: Path) -> None:
    """The test split's labels are -1 throughout: the labelled validation split is taken in its place."""
    for part, labels in (("train", [0, 0, 1, 1, -1]), ("validation", [0, 1]), ("test", [-1, -1])):
        write_parquet(tmp_path / f"{part}.parquet", IMAGES[: len(labels)], labels, ["cat", "dog"])
    split = train_test(open_dataset(str(tmp_path)))
    assert (split.train.targets().tolist(), split.test.targets().tolist()) == ([0, 0, 1, 1], [0, 1])
    assert split.description == (
        "The set's own splits: train to learn from, validation to test. 1 of 5 images of the split train have no label "
        "and are left out. 2 of 2 images of the split test have no label and are left out."
    )


def test_a_hub_set_of_several_configurations(monkeypatch) -> None:
    hub = pytest.importorskip("datasets")
    table = pa.table({"image": [{"bytes": data, "path": None} for data in IMAGES], "label": [0, 1] * 4})
    loaded = hub.DatasetDict({"train": hub.Dataset(table).cast_column("image", hub.Image())})

    def load(repository: str, config: str | None = None):
        if config != "coarse":
            raise ValueError("Config name is missing. Please pick one among the available configs")
        return loaded

    monkeypatch.setattr("snellen.data.datasets.hub.hub_reachable", lambda: True)
    monkeypatch.setattr(hub, "load_dataset", load)
    monkeypatch.setattr(hub, "get_dataset_config_names", lambda _: ["fine", "coarse"])
    with pytest.raises(
        InputError, match=r"owner/pets: has 2 configurations \(one of owner/pets:fine, owner/pets:coarse\)"
    ):
        open_dataset("owner/pets")
    with pytest.raises(InputError, match="owner/pets:red: has no configuration 'red'"):
        open_dataset("owner/pets:red")
    assert len(open_dataset("owner/pets:coarse")) == 8


# WebDataset


def shard(path: Path, rows: list[tuple[str, bytes, str | None]], mode: str = "w:") -> None:
    with tarfile.open(path, mode) as tar:
        for key, image, label in rows:
            for name, data in ((f"{key}.png", image), (f"{key}.cls", None if label is None else label.encode())):
                if data is not None:
                    member = tarfile.TarInfo(name)
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))


def test_webdataset_shards(tmp_path: Path) -> None:
    shard(tmp_path / "pets-train-000000.tar", [(f"00{n}", IMAGES[n], str(n % 2)) for n in range(3)])
    shard(tmp_path / "pets-train-000001.tar", [(f"a/00{n}", IMAGES[n], str(n % 2)) for n in range(3, 6)])
    shard(tmp_path / "pets-val-000000.tar", [("006", IMAGES[6], "0"), ("007", IMAGES[7], None)])
    found = open_dataset(str(tmp_path))
    assert list(found.labels) == ["class 0", "class 1"]
    split = train_test(found)
    assert [example.source for example in split.train.read()] == IMAGES[:6]
    assert split.train.targets().tolist() == [0, 1] * 3
    assert [example.name for example in split.test.read()] == ["006.png"]
    assert [example.source for _, example in found.read(2, 5)] == IMAGES[2:5]
    (tmp_path / "classnames.txt").write_text("cat\ndog\ncow\n", encoding="utf-8")
    assert list(open_dataset(str(tmp_path)).labels) == ["cat", "dog"]
    long = "1" * 5000
    shard(tmp_path / "pets-val-000000.tar", [("006", IMAGES[6], "0"), ("007", IMAGES[7], long)])
    assert list(open_dataset(str(tmp_path)).labels) == ["0", "1", long]
    shard(tmp_path / "one.tar.gz", [(f"{n}", IMAGES[n], "ab"[n % 2]) for n in range(6)], "w:gz")
    assert list(open_dataset(str(tmp_path / "one.tar.gz")).labels) == ["a", "b"]


def members(path: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def test_a_key_has_one_photograph_and_one_label(tmp_path: Path) -> None:
    """A mask, a depth map or a second label beside it is neither."""
    sound = {f"{n}.{kind}": IMAGES[n] for n in range(4) for kind in ("jpg", "mask.png")}
    sound |= {f"{n}.{kind}": f"{n % 2 + add}".encode() for n in range(4) for kind, add in (("cls", 0), ("fine.cls", 5))}
    members(tmp_path / "train-000.tar", sound)
    found = open_dataset(tmp_path / "train-000.tar")
    assert found.splits["train"].names() == [f"{n}.jpg" for n in range(4)]
    assert found.splits["train"].targets().tolist() == [0, 1, 0, 1]
    assert found.note == (
        "Not taken, since only key.jpg or the like is a key's photograph: "
        "0.mask.png, 1.mask.png, 2.mask.png, 3.mask.png."
    )
    for more, message in (
        ({"2.png": IMAGES[0]}, r"2\.jpg and 2\.png are two photographs of one key \(one for each key\)"),
        ({"2.cls.txt": b"1"}, r"2\.cls and 2\.cls\.txt are two labels of one key"),
    ):
        members(tmp_path / "more.tar", sound | more)
        with pytest.raises(InputError, match=message):
            open_dataset(tmp_path / "more.tar")
    members(tmp_path / "none.tar", {"0.mask.png": IMAGES[0], "0.cls": b"1"})
    with pytest.raises(InputError, match=r"no image is called by its key alone; it has 0\.mask\.png"):
        open_dataset(tmp_path / "none.tar")


def test_two_series_of_shards_are_not_one_split(tmp_path: Path) -> None:
    for name in ("pets-train-000", "pets-train-001", "pets-test-000"):
        shard(tmp_path / f"{name}.tar", [(f"{name}{n}", IMAGES[n], str(n % 2)) for n in range(4)])
    assert {split: len(rows) for split, rows in open_dataset(tmp_path).splits.items()} == {"train": 8, "test": 4}
    shard(tmp_path / "pets-train-small-000.tar", [("1", IMAGES[1], "1")])
    with pytest.raises(InputError, match=r"pets-train-000\.tar and pets-train-small-000\.tar are both the split train"):
        open_dataset(tmp_path)


def test_a_list_of_other_names_is_another_set(tmp_path: Path) -> None:
    shard(tmp_path / "a.tar", [(f"{n}", IMAGES[n], str(n % 2)) for n in range(4)])
    prints = set()
    for names in ("cat\ndog\n", "dog\ncat\n"):
        (tmp_path / "classes.txt").write_text(names, encoding="utf-8")
        prints.add(open_dataset(tmp_path).fingerprint)
    assert len(prints) == 2


def test_a_table_without_a_line_of_column_names_is_refused(tmp_path: Path) -> None:
    photographs(tmp_path, [f"{n}.png" for n in range(4)])
    for lines in (["0.png,cat", "1.png,dog"], ["0,cat", "1,dog"], ["0.png,cat"], ["cat,0.png", "dog,1.png"]):
        (tmp_path / "labels.csv").write_text("\n".join(lines), encoding="utf-8")
        with pytest.raises(InputError, match=r"labels\.csv: its first line names the image 0(\.png)?, not the columns"):
            open_dataset(tmp_path)
    # A column may be called as a photograph is.
    photographs(tmp_path, ["photo.png", "id.png"])
    for head in ("photo,label", "id,cat"):
        (tmp_path / "labels.csv").write_text(f"{head}\n0,cat\n1,dog\n", encoding="utf-8")
        assert list(open_dataset(tmp_path).labels) == ["cat", "dog"]


def test_class_folders_beside_a_table_of_something_else(tmp_path: Path) -> None:
    """Answers that were kept there are no labels; a column that is called as labels are, or is asked for, is."""
    photographs(tmp_path, [f"{name}/{name}{n}.png" for name in ("cat", "dog") for n in range(3)])
    rows = [f"{name}{n}.png,0.{n}" for name in ("cat", "dog") for n in range(3)]
    table = tmp_path / "predictions.csv"
    table.write_text("file,score\n" + "\n".join(rows), encoding="utf-8")
    with pytest.raises(
        InputError,
        match=r"its classes the folders cat, dog, or a column of .*predictions\.csv: score\? \(name .* or take",
    ):
        open_dataset(tmp_path)
    assert list(open_dataset(tmp_path, label="score").labels) == ["0.0", "0.1", "0.2"]
    table.write_text("file,label\n" + "\n".join(rows), encoding="utf-8")
    assert list(open_dataset(tmp_path).labels) == ["0.0", "0.1", "0.2"]
    table.unlink()
    assert list(open_dataset(tmp_path).labels) == ["cat", "dog"]
    # One folder of photographs, or splits of them, are no classes.
    for layout in (["images/{}.png"], ["train/{}.png", "test/{}.png"]):
        root = tmp_path / f"flat{len(layout)}"
        photographs(root, [one.format(f"{at}{n}") for at, one in enumerate(layout) for n in range(3)])
        (root / "t.csv").write_text("file,kind\n00,a\n01,b\n02,a\n", encoding="utf-8")
        assert list(open_dataset(root).labels) == ["a", "b"]


def test_the_command_line_names_the_column(tmp_path: Path, monkeypatch, capsys) -> None:
    photographs(tmp_path, [f"{n}.png" for n in range(8)])
    rows = "".join(f"{n},{'ab'[n % 2]},{n}\n" for n in range(8))
    (tmp_path / "all.csv").write_text("id,kind,age\n" + rows, encoding="utf-8")
    for options, message in (
        ([], "which column is the label? all.csv has kind, age (name it by --label)"),
        (["--label", "sort"], "no column 'sort'"),
        (["--label", "kind", "--group", "("], "--group (: no regular expression"),
    ):
        monkeypatch.setattr("sys.argv", ["snellen", "probe", str(tmp_path), *options])
        with pytest.raises(SystemExit) as ended:
            snellen.cli.main()
        assert ended.value.code == 2
        assert message.replace("all.csv", f"{tmp_path}/all.csv") in capsys.readouterr().err.replace("\n", "")


def test_fingerprints_hold_the_splits(tmp_path: Path) -> None:
    """What is kept of a set is in the order of its splits: another split is another set."""
    photographs(tmp_path / "table", ["a.png", "b.png", "c.png"])
    prints = set()
    for splits in (("train", "test", "test"), ("test", "train", "test"), ("train", "test", "train")):
        lines = (f"{name},x,{split}\n" for name, split in zip("abc", splits, strict=True))
        (tmp_path / "table" / "t.csv").write_text("id,label,split\n" + "".join(lines), encoding="utf-8")
        prints.add(open_dataset(tmp_path / "table").fingerprint)
    for second in ("train-1", "test-0"):
        root = tmp_path / second
        for name, at in (("train-0", 0), (second, 1), ("test-1", 2)):
            root.mkdir(exist_ok=True)
            shard(root / f"{name}.tar", [(str(at), IMAGES[at], "0")])
        prints.add(open_dataset(root).fingerprint)
    for first in ("val", "train"):
        for name in (first, "test"):
            write_parquet(tmp_path / f"parquet-{first}" / name / "0.parquet", IMAGES[:2], [0, 1], ["x", "y"])
        prints.add(open_dataset(tmp_path / f"parquet-{first}").fingerprint)
    assert len(prints) == 7


def test_fingerprints_hold_the_labels(tmp_path: Path) -> None:
    photographs(tmp_path, ["a.png", "b.png"])
    prints = set()
    for text in ("id,label\na,x\nb,y\n", "id,label\na,y\nb,x\n", "id,label\na,x\nb,x\n"):
        (tmp_path / "t.csv").write_text(text, encoding="utf-8")
        prints.add(open_dataset(str(tmp_path)).fingerprint)
    assert len(prints) == 3
    assert np.array_equal(open_dataset(str(tmp_path)).splits["all"].targets(), [0, 0])
