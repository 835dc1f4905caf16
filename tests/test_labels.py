"""Class names, by index and by name."""

import pytest

from snellen.data.labels import Labels, imagenet_labels, numbered_labels
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
    ],
)
def test_imagenet_by_name_and_by_index(query, index) -> None:
    assert imagenet_labels().find(query) == index


def test_imagenet_names_are_distinct() -> None:
    labels = imagenet_labels()
    assert len(set(labels)) == len(labels) == 1000
    assert labels[945] == "bell pepper"
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
    assert did_you_mean("zzzz", ["Tabby"]) is None
