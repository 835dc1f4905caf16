"""Class names, by index and by name."""

import os
import re
from pathlib import Path

import pytest
from PIL import Image

from snellen.data.labels import Labels, imagenet_labels, label_of_folder, numbered_labels
from snellen.data.photo_labels import photo_credits, photo_labels, photo_objects, rectangle_of
from snellen.errors import InputError, did_you_mean, nearest


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("bell pepper", 945),
        ("Bell Pepper", 945),
        ("space shuttle", 812),
        (812, 812),
        ("812", 812),
        (" 0 ", 0),
        ("tabby cat", 281),
        ("crane (bird)", 134),
        ("crane (machine)", 517),
        ("tank suit", 639),
        ("space_shuttle", 812),
        ("n04266014", 812),
        ("N04266014", 812),
        ("teddy bear", 850),
    ],
)
def test_imagenet_by_name_and_by_index(query, index) -> None:
    assert imagenet_labels().find(query) == index


def test_imagenet_names_are_distinct() -> None:
    labels = imagenet_labels()
    assert len(set(labels)) == len(labels) == 1000
    assert labels[945] == "bell pepper"
    assert not any(re.fullmatch("n[0-9]{8}", name) for name in labels)
    assert all(labels.find(name) == index for index, name in enumerate(labels))


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("bel peper", "did you mean bell pepper"),
        ("shuttle", "space shuttle"),
        (1000, "no class 1000 .*0 to 999"),
        (-1, "no class -1"),
        ("xyzzyqwkj", "a class name or its index"),
        ("", "no class named ''"),
        ("²", "no class named"),
        ("--5", "no class named"),
        ("crane", r"2 classes are named 'crane' \(crane \(bird\) \(134\) or crane \(machine\) \(517\)\)"),
    ],
)
def test_a_miss_suggests(query, message) -> None:
    with pytest.raises(InputError, match=message):
        imagenet_labels().find(query)


def test_a_name_of_digits_wins_over_an_index() -> None:
    digits = Labels(tuple("9876543210"))
    assert digits.find("9") == 0
    assert digits.find(9) == 0


def test_numbered() -> None:
    assert list(numbered_labels(2)) == ["class 0", "class 1"]


def test_nearest_is_ranked_and_keeps_case() -> None:
    assert nearest("tabb", ["Tabby", "tiger", "TAB"])[:1] == ["Tabby"]
    assert nearest("dog", ["dough", "hotdog", "hog", "Eskimo dog"])[0] == "Eskimo dog"
    assert did_you_mean("zzzz", ["Tabby"]) is None


@pytest.mark.parametrize(
    ("path", "index"),
    [
        ("n04266014/a.jpg", 812),
        ("my/Space_Shuttle/a.jpg", 812),
        ("space shuttle/a.jpg", 812),
        ("website/a.jpg", None),  # a synonym, and what a folder may be called for another reason
        ("812/a.jpg", None),
        ("crane/a.jpg", None),
        ("crane (bird)/a.jpg", 134),
        ("cardigan/a.jpg", 474),
        ("Cardigan/a.jpg", None),  # the dog, by a synonym that is written so
        ("n99999999/a.jpg", None),
        ("a.jpg", None),
    ],
)
def test_a_folder_named_as_a_class_tells_it(path: str, index: int | None) -> None:
    assert label_of_folder(imagenet_labels(), path) == index


def test_folders_of_other_models_count_alike() -> None:
    labels = Labels(("Cat", "small_dog", "small dog", "7"))
    found = [label_of_folder(labels, f"x/{name}/1.png") for name in ("cat", "small_dog", "Small_Dog", "7", "0")]
    assert found == [0, 1, None, 3, None]


def test_a_class_of_exactly_that_name_is_the_one_that_is_meant() -> None:
    """Letters are classes in both cases; what is written as neither is refused."""
    labels = Labels(("A", "B", "a", "b", "Straße", "big cat", "Big_Cat", "x"))
    assert [labels.find(name) for name in labels.names] == list(range(8))
    assert photo_labels(labels, ["1.png", "2.png", "A/3.png"], {"1": "A", "2": "a"}) == [0, 2, 0]
    assert [labels.find(name) for name in ("STRASSE", " X ", "4")] == [4, 7, 4]
    with pytest.raises(InputError, match=r"2 classes are named 'BIG CAT' \(big cat \(5\) or Big_Cat \(6\)\)"):
        labels.find("BIG CAT")
    # ImageNet has the dog and the garment; the garment alone is called so in small letters.
    assert imagenet_labels().find("cardigan") == 474
    with pytest.raises(InputError, match=r"Cardigan \(corgi\) \(264\) or cardigan \(474\)"):
        imagenet_labels().find("Cardigan")
    accented = Labels(("caf\u00e9", "Cafe\u0301"))
    assert [accented.find(name) for name in ("cafe\u0301", "Caf\u00e9")] == [0, 1]


def test_credits_are_by_a_photograph_s_name_as_labels_are() -> None:
    sources = ["a/cat/1.jpg", "a/dog/1.jpg", "b/2.jpg"]
    assert photo_credits(sources, {"2": "Ada", "cat/1.jpg": "Bo, CC0"}) == ["Bo, CC0", "", "Ada"]
    for said, message in (
        ({"1.jpg": "Ada"}, r"credits: '1\.jpg' names 2 photographs \(more of its path"),
        ({"9.jpg": "Ada"}, r"credits: no photograph is called '9\.jpg'"),
        ({"2.jpg": "Ada", "2": "Bo"}, r"credits: '2' and another name b/2\.jpg \(one text"),
    ):
        with pytest.raises(InputError, match=message):
            photo_credits(sources, said)


def test_a_table_that_windows_wrote_names_photographs_by_backslashes(tmp_path: Path) -> None:
    labels = Labels(("cat", "dog"))
    (tmp_path / "l.csv").write_text("file_name,label\n.\\mine\\a.jpg,dog\nmine\\b,cat\n", encoding="utf-8")
    assert photo_labels(labels, ["x/mine/a.jpg", "mine/b.jpg", "c.jpg"], tmp_path / "l.csv") == [1, 0, None]
    assert photo_credits(["mine/a.jpg"], {"mine\\a.jpg": "Ada"}) == ["Ada"]
    if os.sep == "/":
        # Here a file's own name may hold one.
        assert photo_labels(labels, ["mine\\a.jpg", "mine/a.jpg"], {"mine\\a.jpg": "dog"}) == [1, None]


def test_what_a_table_or_a_mapping_says_of_photographs(tmp_path: Path) -> None:
    labels = Labels(("cat", "dog"))
    sources = ["a/cat/1.jpg", "a/dog/1.jpg", "b/2.jpg", "b/3.jpg"]
    assert photo_labels(labels, sources) == [0, 1, None, None]
    assert photo_labels(labels, sources, {"2": "dog", "cat/1.jpg": 1, "b/3.jpg": "CAT"}) == [1, 1, 1, 0]
    (tmp_path / "l.csv").write_text("file_name,label\n2.jpg,dog\n3,cat\ncat/1.jpg,\n", encoding="utf-8")
    assert photo_labels(labels, sources, tmp_path / "l.csv") == [0, 1, 1, 0]
    for said, message in (
        ({"1.jpg": "cat"}, r"labels: '1\.jpg' names 2 photographs \(more of its path: a/cat/1\.jpg, a/dog/1\.jpg\)"),
        ({"9.jpg": "cat"}, r"labels: no photograph is called '9\.jpg'"),
        ({"2.jpg": "cow"}, "no class named 'cow'"),
        (tmp_path / "no.csv", "cannot be read"),
        ({"2.jpg": "cat", "2": "dog"}, r"labels: '2\.jpg' and '2' .*b/2\.jpg.* \(one class"),
    ):
        with pytest.raises(InputError, match=message):
            photo_labels(labels, sources, said)
    (tmp_path / "l.csv").write_text("what,ever\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"its columns are what, ever \(file_name and label\)"):
        photo_labels(labels, sources, tmp_path / "l.csv")
    # Whatever a head holds, the message stays one line.
    (tmp_path / "l.csv").write_text("what\x0cis it,ever\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"its columns are 'what\\x0cis it', ever \(file_name and label\)"):
        photo_labels(labels, sources, tmp_path / "l.csv")


def test_objects_are_rectangles_within_their_photographs(tmp_path: Path) -> None:
    source = str(tmp_path / "a" / "1.jpg")
    (tmp_path / "a").mkdir()
    Image.new("RGB", (40, 30)).save(source)
    assert photo_objects([source, "b/2.jpg"], {"1": (0, 0, 40, 30)}) == [(0, 0, 40, 30), None]
    with pytest.raises(InputError, match=r"objects: no photograph is called '9\.jpg'"):
        photo_objects([source], {"9.jpg": (0, 0, 1, 1)})
    assert rectangle_of(source, (0, 0, 40, 30)) == (0, 0, 40, 30)
    for edges in ((0, 0, 41, 30), (5, 0, 5, 30), (-1, 0, 5, 30), (0, 0, 40), (0, 9, 40, 3)):
        accepted = r"\[left, top, right, bottom\] in whole pixels of its 40 x 30"
        with pytest.raises(InputError, match=rf"objects: '1\.jpg' is \[.*\] \({accepted}"):
            rectangle_of(source, edges)
