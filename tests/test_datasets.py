"""Data sets: the same examples from parquet, folders and the hub; splits; errors that say what is wrong."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import snellen
from snellen.data.datasets import as_dataset, open_dataset
from snellen.data.datasets.base import ImageSet, train_test
from snellen.data.datasets.digits import DIGITS_PER_CLASS
from snellen.data.datasets.files import Files
from snellen.data.datasets.hub import from_dataset_dict
from snellen.data.datasets.tree import folder_tree
from snellen.data.images import expand, read_image
from snellen.data.labels import numbered_labels
from snellen.data.preprocessing import Preprocessing
from snellen.errors import InputError
from snellen.training.data import load_data
from transfer_toys import class_folders, colours, encoded, write_parquet

import torchvision  # isort: skip

IMAGES = [encoded(colour) for colour in colours(11)]


@pytest.fixture(scope="module")
def parquet(tmp_path_factory) -> Path:
    """Two training shards of 11 and 5 rows in small row groups, and a test split of 6."""
    folder = tmp_path_factory.mktemp("parquet")
    names = ["cat", "dog"]
    write_parquet(folder / "train-00000-of-00002.parquet", IMAGES, [i % 2 for i in range(11)], names, 3)
    write_parquet(folder / "train-00001-of-00002.parquet", IMAGES[:5], [1] * 5, names, 2)
    write_parquet(folder / "test-00000-of-00001.parquet", IMAGES[:6], [0, 1] * 3, names)
    return folder


def test_parquet_splits_labels_and_order(parquet: Path) -> None:
    found = open_dataset(str(parquet))
    assert list(found.splits) == ["train", "test"]
    assert list(found.labels) == ["cat", "dog"]
    assert len(found) == 22
    examples = list(found.splits["train"].read())
    assert [example.source for example in examples] == IMAGES + IMAGES[:5]
    assert [example.label for example in examples] == found.splits["train"].targets().tolist()
    assert [example.name for example in examples] == [f"train/{row}" for row in range(16)]


@given(st.integers(0, 16), st.integers(0, 16))
def test_parquet_reads_any_range(parquet: Path, start: int, stop: int) -> None:
    rows = open_dataset(str(parquet)).splits["train"]
    assert list(rows.read(start, stop)) == list(rows.read())[start:stop]


@given(st.integers(0, 22), st.integers(0, 22))
def test_a_set_reads_any_range_over_its_splits(parquet: Path, start: int, stop: int) -> None:
    found = open_dataset(str(parquet))
    assert list(found.read(start, stop)) == list(found.read())[start:stop]


def test_text_labels_and_plain_bytes(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"photo": IMAGES[:3], "label": ["b", "a", "b"], "id": [7, 8, 9]}), tmp_path / "all.parquet")
    found = open_dataset(str(tmp_path / "all.parquet"))
    assert list(found.labels) == ["a", "b"]
    assert [(e.source, e.label, e.name) for e in found.splits["all"].read()] == [
        (IMAGES[0], 1, "7"), (IMAGES[1], 0, "8"), (IMAGES[2], 1, "9"),
    ]  # fmt: skip


def test_a_second_class_label_is_not_taken_for_the_label(tmp_path: Path) -> None:
    import json

    import pyarrow as pa
    import pyarrow.parquet as pq

    features = {
        "image": {"_type": "Image"},
        "label_cat_dog": {"names": ["cat", "dog"], "_type": "ClassLabel"},
        "label": {"names": ["x", "y", "z"], "_type": "ClassLabel"},
    }
    table = pa.table({"image": [{"bytes": IMAGES[0], "path": "p"}], "label_cat_dog": [0], "label": [2]})
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "train.parquet")
    found = open_dataset(str(tmp_path))
    assert list(found.labels) == ["x", "y", "z"]
    assert found.splits["train"].targets().tolist() == [2]


def test_the_hub_gives_what_parquet_gives(parquet: Path, tmp_path: Path, monkeypatch) -> None:
    """Hugging Face `datasets` reads the same files; only the name of the set differs."""
    hub = pytest.importorskip("datasets")

    files = {"train": sorted(map(str, parquet.glob("train*"))), "test": sorted(map(str, parquet.glob("test*")))}
    loaded = hub.load_dataset("parquet", data_files=files, cache_dir=str(tmp_path))
    monkeypatch.setattr("snellen.data.datasets.hub.hub_reachable", lambda: True)
    monkeypatch.setattr(hub, "load_dataset", lambda name: loaded if name == "owner/pets" else None)
    from_hub, local = open_dataset("owner/pets"), open_dataset(str(parquet))
    assert from_hub.labels == local.labels
    assert list(from_hub.read(3, 20)) == list(local.read(3, 20))
    assert from_hub.splits["train"].targets().tolist() == local.splits["train"].targets().tolist()
    assert from_hub.fingerprint == from_dataset_dict("owner/pets", loaded).fingerprint


def test_another_label_column_of_the_hub_s_is_another_set(parquet: Path) -> None:
    """By which what was kept of the one is not taken for the other; also where only the labels changed."""
    import datasets as hub

    def of(first: list[str], second: list[str], label: str) -> str:
        columns = {"image": [{"bytes": data, "path": None} for data in IMAGES[:4]], "first": first, "second": second}
        features = {"image": hub.Image(), "first": hub.Value("string"), "second": hub.Value("string")}
        rows = hub.Dataset.from_dict(columns, features=hub.Features(features))
        return from_dataset_dict("owner/pets", hub.DatasetDict({"test": rows}), label).fingerprint

    one, other = list("abab"), list("baba")
    same = of(one, other, "first")
    assert of(one, other, "first") == same
    assert len({same, of(one, other, "second"), of(other, one, "first"), of(one, one, "second")}) == 4


def test_the_split_is_a_word_of_a_parquet_file_s_name(tmp_path: Path) -> None:
    def sizes(*names: str) -> dict[str, int]:
        root = tmp_path / str(len(list(tmp_path.iterdir())))
        for count, name in enumerate(names, 3):
            write_parquet(root / name, IMAGES[:count], [n % 2 for n in range(count)], ["cat", "dog"])
        return {split: len(rows) for split, rows in open_dataset(root).splits.items()}

    assert sizes("pets_test.parquet", "pets_train.parquet") == {"train": 4, "test": 3}
    assert sizes("data/train-00000-of-00002-9f3a.parquet", "data/train-00001-of-00002-7b.parquet") == {"train": 7}
    assert sizes("test/cats.parquet", "test/dogs.parquet", "train/0000.parquet") == {"train": 5, "test": 7}
    assert sizes("0000.parquet", "0001.parquet") == {"all": 7}
    assert sizes("part-00000-a1-c000.snappy.parquet", "part-00001-a1-c000.snappy.parquet") == {"all": 7}
    assert sizes("cats.parquet", "dogs.parquet") == {"all": 7}
    assert sizes("a-train-test.parquet") == sizes("contrast.parquet") == {"all": 3}
    for names, split in (
        (("train.parquet", "train_small.parquet"), "the split train"),
        (("one/test-0.parquet", "two/test-0.parquet"), "the split test"),
        (("train-00000-of-00001.parquet", "train-00000-of-00002.parquet"), "the split train"),
    ):
        first, second = (re.escape(name if "/" in name else Path(name).name) for name in names)
        with pytest.raises(
            InputError, match=rf"{first} and .*{second} are both {split} .*\(one of them alone, or shards"
        ):
            sizes(*names)


def test_offline_says_what_to_do(monkeypatch) -> None:
    monkeypatch.setattr("snellen.data.datasets.hub.hub_reachable", lambda: False)
    with pytest.raises(InputError, match=r"timm/oxford-iiit-pet: no such folder, and the hub cannot be reached \(down"):
        open_dataset("timm/oxford-iiit-pet")


def test_what_the_hub_refuses_is_one_line(monkeypatch) -> None:
    hub = pytest.importorskip("datasets")

    def refuse(name: str):
        raise ValueError("no such\ndata set")

    monkeypatch.setattr("snellen.data.datasets.hub.hub_reachable", lambda: True)
    monkeypatch.setattr(hub, "load_dataset", refuse)
    with pytest.raises(InputError, match="owner/pets: the hub's data set cannot be loaded: no such data set"):
        open_dataset("owner/pets")


def test_class_folders_with_and_without_splits(tmp_path: Path) -> None:
    class_folders(tmp_path / "flat", {"cat": 2, "dog": 3})
    flat = open_dataset(str(tmp_path / "flat"))
    assert list(flat.splits) == ["all"]
    assert list(flat.labels) == ["cat", "dog"]
    assert [e.name for e in flat.splits["all"].read(1, 4)] == ["cat/001.png", "dog/000.png", "dog/001.png"]
    assert flat.splits["all"].targets().tolist() == [0, 0, 1, 1, 1]
    class_folders(tmp_path / "split" / "Train", {"cat": 2, "dog": 3})
    class_folders(tmp_path / "split" / "val", {"cat": 1, "dog": 1})
    split = train_test(open_dataset(str(tmp_path / "split")))
    assert (len(split.train), len(split.test)) == (5, 2)
    assert split.description == "The set's own splits: train to learn from, val to test."


def test_folders_of_wordnet_ids_are_called_what_they_stand_for(tmp_path: Path) -> None:
    class_folders(tmp_path, {"n01440764": 4, "n02012849": 4, "n03126707": 4})
    dataset = open_dataset(str(tmp_path))
    assert list(train_test(dataset).labels) == ["tench", "crane (n02012849)", "crane (n03126707)"]
    assert list(dataset.labels) == ["n01440764", "n02012849", "n03126707"], "what evaluation matches by"
    (tmp_path / "n03126707").rename(tmp_path / "mine")
    assert list(train_test(open_dataset(str(tmp_path))).labels) == ["mine", "n01440764", "n02012849"]


def test_a_folder_of_photographs_has_no_labels(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    for name in ("b.png", "a.PNG", "more/c.png"):
        (tmp_path / name).write_bytes(IMAGES[0])
    (tmp_path / "notes.txt").write_text("not an image", encoding="utf-8")
    found = open_dataset(str(tmp_path))
    assert found.labels is None
    assert [e.name for e in found.splits["all"].read()] == ["a.PNG", "b.png", "more/c.png"]
    with pytest.raises(InputError, match="has no labels"):
        train_test(found)


@pytest.fixture(scope="module")
def nowhere(tmp_path_factory) -> Path:
    """An empty folder."""
    return tmp_path_factory.mktemp("nowhere")


@given(st.lists(st.integers(3, 30), min_size=2, max_size=6), st.integers(0, 5))
def test_the_stratified_split_takes_a_quarter_of_each_class(nowhere: Path, counts: list[int], seed: int) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    rows = Files(folder_tree(nowhere), [f"{i}.png" for i in range(len(labels))], labels)
    names = numbered_labels(len(counts))
    found = ImageSet("toy", names, {"all": rows}, "f")
    split, again = train_test(found, seed), train_test(found, seed)
    test = np.bincount(split.test.targets(), minlength=len(counts))
    assert test.tolist() == [max(1, round(count / 4)) for count in counts]
    train_names = [e.name for e in split.train.read()]
    test_names = [e.name for e in split.test.read()]
    assert sorted([*train_names, *test_names]) == sorted(rows.paths)
    assert [e.name for e in again.test.read()] == test_names
    assert [e.label for e in split.test.read()] == split.test.targets().tolist()
    assert [e.name for e in split.train.read(1, 3)] == train_names[1:3]
    assert f"drawn with seed {seed}" in split.description


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ({"cat": 5}, "has one class only, cat"),
        ({"cat": 5, "dog": 2}, r"class dog has 2 labelled images \(at least 3 of each class\)"),
        ({"cat": 5, "dog": 0}, "has one class only, cat"),
    ],
)
def test_too_little_to_learn_from(tmp_path: Path, classes: dict[str, int], message: str) -> None:
    class_folders(tmp_path, classes)
    with pytest.raises(InputError, match=message):
        train_test(open_dataset(str(tmp_path)))


def test_splits_that_differ(tmp_path: Path) -> None:
    class_folders(tmp_path / "train", {"cat": 2, "dog": 2})
    class_folders(tmp_path / "test", {"cat": 2, "cow": 2})
    with pytest.raises(InputError, match="the classes of train and test differ: cow is only in test"):
        open_dataset(str(tmp_path))
    write_parquet(tmp_path / "p" / "train.parquet", IMAGES[:2], [0, 1], ["cat", "dog"])
    write_parquet(tmp_path / "p" / "test.parquet", IMAGES[:2], [0, 1], ["cat", "cow"])
    with pytest.raises(InputError, match="class cow is not in both"):
        open_dataset(str(tmp_path / "p"))
    write_parquet(tmp_path / "q" / "train.parquet", IMAGES[:2], [0, 1], ["cat", "dog"])
    write_parquet(tmp_path / "q" / "test.parquet", IMAGES[:2], [0, 1], ["dog", "cat"])
    with pytest.raises(InputError, match="the same classes in another order"):
        open_dataset(str(tmp_path / "q"))


def test_a_class_that_the_test_lacks_is_said_and_never_shifts_the_others(tmp_path: Path) -> None:
    write_parquet(tmp_path / "train.parquet", IMAGES[:6], [0, 0, 1, 1, 2, 2], ["ant", "bee", "cat"])
    write_parquet(tmp_path / "test.parquet", IMAGES[:3], [0, 2, 2], ["ant", "bee", "cat"])
    split = train_test(open_dataset(str(tmp_path)))
    assert split.test.targets().tolist() == [0, 2, 2]
    assert list(split.labels) == ["ant", "bee", "cat"]
    assert "The test split has no image of 1 of the 3 classes (bee)" in split.description
    write_parquet(tmp_path / "test.parquet", IMAGES[:2], [0, 3], ["ant", "bee", "cat"])
    with pytest.raises(InputError, match="class 3, of 3 names"):
        train_test(open_dataset(str(tmp_path)))


def test_what_is_no_data_set(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("words", encoding="utf-8")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and then nothing")
    write_parquet(tmp_path / "unlabelled.parquet", IMAGES[:2], None)
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"words": ["a"]}), tmp_path / "words.parquet")
    for name, message in (
        ("empty", "holds no images"),
        ("file.txt", "not a data set"),
        ("broken.parquet", "not a sound parquet file"),
        ("absent.parquet", "no such file or folder"),
        ("words.parquet", "no column holds images; it has words"),
    ):
        with pytest.raises(InputError, match=message):
            open_dataset(str(tmp_path / name))
    with pytest.raises(InputError, match=r"images\.zip: an address, from which nothing is fetched \(save it as a file"):
        open_dataset("https://a.org/images.zip")
    assert open_dataset(str(tmp_path / "unlabelled.parquet")).labels is None


@pytest.mark.parametrize("given", [["a.png"], None, [(np.zeros((2, 2, 3)), 1)]])
def test_what_is_no_data_set_in_python(given, tmp_path: Path) -> None:
    """Whatever takes one says the same: here an evaluation, what learns, and what embeds."""
    plain = Preprocessing((4, 4), 1.0, "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    toy = snellen.Classifier(nn.Flatten(), plain, ["cat", "dog"], name="toy", device="cpu")
    for use in (
        lambda: snellen.evaluate(toy, given),
        lambda: snellen.evaluate_transforms(toy, given),
        lambda: snellen.probe(toy, given),
        lambda: snellen.few_shot(toy, given, shots=[1]),
        lambda: snellen.train(given, out=tmp_path),
    ):
        with pytest.raises(InputError, match=r"a data set: got (list|NoneType) \(a folder, an archive"):
            use()


def test_torchvision_s_folder_is_named(tmp_path: Path) -> None:
    """Of an ImageFolder and of a loader of one; arrays with labels have none."""
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.png").write_bytes(IMAGES[0])
    theirs = torchvision.datasets.ImageFolder(tmp_path)
    arrays = TensorDataset(torch.zeros(2, 3, 4, 4), torch.zeros(2))
    here = re.escape(f"; here its folder, {str(tmp_path)!r})")
    for wrong, message in (
        (theirs, f"got ImageFolder .*{here}$"),
        (DataLoader(theirs), f"got DataLoader .*{here}$"),
        (DataLoader(arrays), r"got DataLoader .*what `open_dataset` gives\)$"),
    ):
        with pytest.raises(InputError, match=message):
            as_dataset(wrong)


def test_a_data_set_is_named_by_a_path_as_by_a_text(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", IMAGES[:6], [0, 0, 0, 1, 1, 1])
    assert open_dataset(tmp_path / "a.parquet").name == str(tmp_path / "a.parquet")
    assert load_data(tmp_path / "a.parquet", 8).name == str(tmp_path / "a.parquet")


def test_the_fingerprint_tells_content_apart(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", IMAGES[:4], [0, 0, 1, 1])
    write_parquet(tmp_path / "b" / "a.parquet", IMAGES[:4], [0, 0, 1, 1])
    write_parquet(tmp_path / "c" / "a.parquet", IMAGES[:4], [0, 1, 1, 1])
    one, same, other = (open_dataset(str(tmp_path / n)).fingerprint for n in ("a.parquet", "b", "c"))
    assert one == same != other


def test_digits_need_no_download() -> None:
    found = open_dataset("digits")
    assert len(found) == 10 * DIGITS_PER_CLASS
    example = next(found.splits["all"].read(2 * DIGITS_PER_CLASS))
    assert example.label == 2
    from sklearn.datasets import load_digits

    bunch = load_digits()
    first_two = bunch.images[np.flatnonzero(bunch.target == 2)[0]]
    assert np.array_equal(np.array(read_image(example.source))[..., 0], np.round(first_two * 255 / 16))
    assert "scikit-learn ships" in found.note


def test_the_real_pets(shared: Path) -> None:
    found = open_dataset(str(shared / "pets37-mini"))
    split = train_test(found)
    assert (len(split.train), len(split.test), len(split.labels)) == (222, 148, 37)
    assert next(split.train.read()).name == "Abyssinian_101"
    assert np.bincount(split.test.targets()).tolist() == [4] * 37


# Folders as machines leave them


def write(root: Path, *paths: str) -> Path:
    """Images of distinct colours at ``paths``; anything else where the name is no image's."""
    for path, colour in zip(paths, colours(len(paths)), strict=True):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(encoded(colour))
    return root


LEFT_BEHIND = (
    ".ipynb_checkpoints/a-checkpoint.png", ".DS_Store", "cat/._1.png", "@eaDir/1.png", "__MACOSX/cat/1.png",
    "cat/Thumbs.db", ".git/x.png", "cat/.hidden/1.png", "cat/@eaDir/1.png", "desktop.ini",
)  # fmt: skip


def test_what_machines_leave_behind_is_no_data(tmp_path: Path) -> None:
    write(tmp_path, "cat/1.png", "cat/2.png", "dog/1.png", *LEFT_BEHIND)
    found = open_dataset(str(tmp_path))
    assert list(found.labels) == ["cat", "dog"]
    assert [e.name for e in found.splits["all"].read()] == ["cat/1.png", "cat/2.png", "dog/1.png"]
    photographs = [str(tmp_path / path) for path in ("cat/1.png", "cat/2.png", "dog/1.png")]
    assert expand([tmp_path]) == photographs


def test_strangers_beside_the_splits_are_named_and_no_classes(tmp_path: Path) -> None:
    write(tmp_path, "Train/a/1.png", "Train/b/1.png", "TEST/a/1.png", "TEST/b/1.png", "extra/x.png", "montage.png")
    found = open_dataset(str(tmp_path))
    assert (list(found.labels), list(found.splits)) == (["a", "b"], ["train", "test"])
    assert found.note == "Left out, since they stand beside the splits: extra, montage.png."
    write(tmp_path / "valid", "train/a/1.png", "valid/a/1.png")
    assert list(open_dataset(str(tmp_path / "valid")).splits) == ["train", "valid"]


def test_a_train_is_a_vehicle_beside_cars(tmp_path: Path) -> None:
    write(tmp_path / "a", "bus/1.png", "car/1.png", "train/1.png")
    assert list(open_dataset(str(tmp_path / "a")).labels) == ["bus", "car", "train"]
    write(tmp_path / "b", "bus/1.png", "train/steam/1.png")
    with pytest.raises(InputError, match="is train a split, or a class beside bus?"):
        open_dataset(str(tmp_path / "b"))


@pytest.mark.parametrize("test", ["test/{}.png", "test/unknown/{}.png"])
def test_a_competition_has_a_test_without_labels(tmp_path: Path, test: str) -> None:
    write(
        tmp_path,
        *(f"train/{name}/{n}.png" for name in ("cat", "dog") for n in range(4)),
        test.format(1),
        test.format(2),
    )
    found = open_dataset(str(tmp_path))
    assert list(found.labels) == ["cat", "dog"]
    assert [example.label for _, example in found.read(8)] == [None, None]
    split = train_test(found)
    assert (len(split.train), len(split.test)) == (6, 2)
    assert "2 of 2 images of the split test have no label and are left out." in split.description
    assert "drawn with seed 0" in split.description


def test_class_folders_that_are_links_or_empty(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere", "1.png", "2.png")
    write(tmp_path / "set", "cat/1.png", "cat/deeper/2.png")
    (tmp_path / "set" / "dog").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set" / "cat" / "round").symlink_to(tmp_path / "set")
    (tmp_path / "set" / "cat" / "itself").symlink_to("itself")
    (tmp_path / "set" / "cow").mkdir()
    (tmp_path / "set" / "emu").mkdir()
    found = open_dataset(str(tmp_path / "set"))
    assert found.splits["all"].names() == ["cat/1.png", "cat/deeper/2.png", "dog/1.png", "dog/2.png"]
    assert found.splits["all"].targets().tolist() == [0, 0, 1, 1]
    assert found.note == "Without images, so no classes: cow, emu."
    assert len(expand([tmp_path / "set"])) == 4


def test_two_links_to_one_folder_are_two_classes(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere", "1.png", "2.png")
    write(tmp_path / "set", "cat/1.png")
    for name in ("dog", "hound"):
        (tmp_path / "set" / name).symlink_to(tmp_path / "elsewhere")
    found = open_dataset(str(tmp_path / "set"))
    assert found.splits["all"].names() == ["cat/1.png", "dog/1.png", "dog/2.png", "hound/1.png", "hound/2.png"]


@pytest.mark.parametrize("count", [4, 8, 30])
def test_folders_that_link_to_each_other(tmp_path: Path, count: int) -> None:
    """Eight have 109,600 ways through them, which took more than half a minute, and thirty no end; four have 64."""
    for one in range(count):
        write(tmp_path, f"{one:02}/own.png")
        for other in set(range(count)) - {one}:
            (tmp_path / f"{one:02}" / f"to {other:02}").symlink_to(f"../{other:02}")
    if count == 4:
        found = open_dataset(str(tmp_path))
        assert list(found.labels) == ["00", "01", "02", "03"]
        assert len(found) == 64
        return
    with pytest.raises(InputError, match=r"links lead to it in more than 100 ways \(folders without such links\)"):
        open_dataset(str(tmp_path))


def test_folders_within_one_folder(tmp_path: Path) -> None:
    write(tmp_path, "images/cat/1.png", "images/dog/1.png")
    found = open_dataset(str(tmp_path))
    assert list(found.labels) == ["cat", "dog"]
    assert found.note == "Its classes are the folders in images."
    assert (tmp_path / next(found.splits["all"].read()).source).is_file()


def test_a_folder_says_what_it_does_not_take(tmp_path: Path, monkeypatch) -> None:
    write(tmp_path, "cat/1.png", "dog/1.png")
    for name in ("cat/2.HEIC", "dog/2.HEIC", "dog/3.cr2", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    monkeypatch.setattr("snellen.data.images.has_heif", lambda: False)
    why = "2 .HEIC (pip install 'snellen[heif]'), 1 .cr2 (raw: export them as JPEG)"
    assert open_dataset(str(tmp_path)).note == f"Not taken: {why}."
    notes: list[str] = []
    assert len(expand([tmp_path], notes.append)) == 2
    assert notes == [f"{tmp_path}: not taken: {why}"]
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / "1.heic").write_bytes(b"x")
    with pytest.raises(InputError, match=r"holds no images; not taken: 1 \.heic \(pip install 'snellen\[heif\]'\)"):
        open_dataset(str(tmp_path / "only"))


@given(st.integers(0, 5))
def test_groups_stay_on_one_side(tmp_path_factory, seed: int) -> None:
    """Five films of each class, four frames each: no film is in both splits, and about a quarter of the frames test."""
    root = tmp_path_factory.getbasetemp() / "films"
    names = [f"{kind}/film{film}_{frame}.png" for kind in ("cat", "dog") for film in range(5) for frame in range(4)]
    if not root.exists():
        write(root, *names)
    split = train_test(open_dataset(str(root), group=r"^(.*)_\d+"), seed)
    train, test = ({name.rpartition("_")[0] for name in rows.names()} for rows in (split.train, split.test))
    assert not train & test
    assert len(train | test) == 10
    assert 4 <= len(split.test) <= 16
    assert r"Images that share what ^(.*)_\d+ finds in its name stay on one side." in split.description


def test_groups_that_cannot_be(tmp_path: Path) -> None:
    write(tmp_path / "a", *(f"{kind}/{n}.png" for kind in ("cat", "dog") for n in range(6)))
    for group, message in (
        ("(", "no regular expression"),
        ("film", "`group` film: not found in cat/0.png"),
        ("cat|dog", r"gives 2 groups \(at least 4\)"),
    ):
        with pytest.raises(InputError, match=message):
            train_test(open_dataset(str(tmp_path / "a"), group=group))
    write(tmp_path / "b", "train/cat/1.png", "train/dog/1.png", "test/cat/1.png", "test/dog/1.png")
    with pytest.raises(InputError, match="has splits of its own"):
        train_test(open_dataset(str(tmp_path / "b"), group="cat"))
