"""How discussions write numbers, lists and names; what is copied into them is what was measured."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import ROOT
from snellen import prose
from snellen.intervals import Estimate, Rate
from snellen.training.ablations import ABLATIONS, ALONE, BASE, HELD_OUT_IMAGES, TOGETHER, TWO_NARROW, WHOLE


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0%"), (1, "100%"), (0.0001, "less than 0.1%"), (0.99999, "more than 99.9%"), (0.0149, "1.5%"),
        (0.769, "77%"), (0.996, "99.6%"), (1.18, "118%"), (float("nan"), "an unknown share"),
    ],
)  # fmt: skip
def test_shares(value: float, written: str) -> None:
    assert prose.share(value) == written


def test_names_in_markdown_are_as_they_stand() -> None:
    assert prose.as_markdown("a|b\n<img src=x> [c](d) *e* f_g") == "a\\|b \\<img src=x\\> \\[c\\](d) \\*e\\* f_g"
    spans = {"a b": "`a b`", "a`b": "`` a`b ``", "`a``b`": "``` `a``b` ```", "a\nb": "`a b`"}
    assert {text: prose.code_span(text) for text in spans} == spans


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        (0.9083, "90%", "91%"), (0.9016, "90%", "91%"), (0.29, "29%", "29%"), (0.9857, "98.5%", "98.6%"),
        (0.99999, "99.9%", "100%"), (0.0149, "1.4%", "1.5%"), (0.0001, "0%", "0.1%"), (0, "0%", "0%"),
        (1, "100%", "100%"), (float("nan"), "an unknown share", "an unknown share"),
    ],
)  # fmt: skip
def test_what_stands_behind_at_least_and_at_most_is_rounded_to_the_safe_side(
    value: float, least: str, most: str
) -> None:
    assert (prose.at_least(value), prose.at_most(value)) == (least, most)


@given(st.floats(0, 1), st.integers(0, 3))
def test_rounding_down_and_up_encloses(value: float, digits: int) -> None:
    low, high = prose.rounded_down(value, digits), prose.rounded_up(value, digits)
    assert low - 1e-9 <= value <= high + 1e-9
    assert high - low < 1.001 * 10**-digits


def test_no_probability_of_a_table_rounds_to_none_or_all() -> None:
    said = [prose.in_percent(one) for one in (0, 0.00004, 0.00006, 0.0004, 0.0006, 0.9016, 0.9994)]
    assert said == ["0%", "<0.01%", "0.01%", "0.04%", "0.1%", "90.2%", "99.9%"]
    assert [prose.in_percent(one) for one in (0.9997, 0.99994, 0.99996, 1)] == ["99.97%", "99.99%", ">99.99%", "100%"]


@pytest.mark.parametrize(
    ("path", "called"),
    [
        ("a/peppers.jpg", "peppers"), ("coffee-adversarial.png", "coffee"), ("my_photo.png", "my_photo"),
        ("n02098105/n02098105_soft-coated_terrier.JPEG", "soft-coated terrier"), ("n02098105_12.JPEG", "n02098105_12"),
    ],
)  # fmt: skip
def test_what_a_photograph_is_called(path: str, called: str) -> None:
    assert prose.stem(path) == called


@given(st.floats(0, 1))
def test_a_share_never_rounds_to_all_or_nothing(value: float) -> None:
    assert (prose.share(value) == "100%") is (value == 1)
    assert (prose.share(value) == "0%") is (value == 0)


def test_lists_counts_and_names() -> None:
    assert [prose.listed(some) for some in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    counts = [prose.counted(count, "photograph") for count in (0, 1, 2, 1300)]
    assert counts == ["no photographs", "one photograph", "two photographs", "1,300 photographs"]
    assert [prose.how_many(count) for count in (0, 1, 13)] == ["none", "one", "13"]
    assert (prose.with_article("espresso"), prose.with_article("Space")) == ("an espresso", "a Space")
    assert prose.stem("a/b/peppers-adversarial.png") == "peppers"
    assert prose.sentence("iPad's") == "IPad's"


def test_of_one_trial_no_interval_is_given() -> None:
    assert str(Rate.of_count(1, 1)) == "1 of 1"
    assert str(Rate.of_count(0, 1)) == "0 of 1"
    assert "95% interval" in str(Rate.of_count(1, 2))


def test_what_lies_apart() -> None:
    one = Estimate(0.5, 0.4, 0.6)
    assert prose.apart(one, Estimate(0.7, 0.61, 0.8))
    assert not prose.apart(one, Estimate(0.7, 0.6, 0.8))


def test_a_share_and_its_interval_are_of_one_precision() -> None:
    assert prose.estimated(Estimate(0.5, 0.4, 0.6)) == "50.0% (40.0% to 60.0%)"
    assert prose.estimated(Estimate(0.976, 0.964, 0.986), "from ", "; n = 9") == "97.6% (from 96.4% to 98.6%; n = 9)"
    assert prose.estimated(Rate(5, 5, 1.0, 0.57, 1.0)) == "100% (57.0% to 100%)"
    assert (prose.share_range([0.86, 0.4]), prose.share_range([0.86, 0.989])) == ("40% to 86%", "86.0% to 98.9%")
    assert (prose.share_range([0.401, 0.404]), prose.with_decimal(0.87)) == ("40%", "87.0%")
    assert prose.estimated(Rate(0, 0, *[float("nan")] * 3)) == "an unknown share (interval unknown)"


def test_the_ablations_of_the_report_are_those_that_were_measured() -> None:
    measured = json.loads((ROOT / "benchmarks" / "results" / "ablations.json").read_text(encoding="utf-8"))
    rows = measured["rows"]
    found = {name: [seed["accuracy"]["share"] for seed in row["seeds"].values()] for name, row in rows.items()}
    assert measured["held_out_images"] == HELD_OUT_IMAGES
    assert (found["base"], found["whole"], found["two"]) == ([BASE], [WHOLE], [TWO_NARROW])
    undone = {row["what"]: found[name] for name, row in rows.items()}
    assert all(undone[one.undone] == [one.accuracy] for one in ABLATIONS)
    assert len(ABLATIONS) == len(rows) - 3  # base, whole, and two networks in place of one


def test_the_pairs_of_the_report_are_those_that_were_measured() -> None:
    measured = json.loads((ROOT / "benchmarks" / "results" / "pairs.json").read_text(encoding="utf-8"))
    alone = [accuracy for pair in measured["pairs"] for accuracy in pair["accuracies"]]
    together = [pair["together"] for pair in measured["pairs"]]
    assert ((min(alone), max(alone)), (min(together), max(together))) == (ALONE, TOGETHER)
    assert len({name for pair in measured["pairs"] for name in pair["runs"]}) == 4
    assert measured["held_out_images"] == HELD_OUT_IMAGES


def test_one_way_to_write_a_share_a_size_and_a_colour() -> None:
    """``77%``, ``14 x 14``, ``gray``: what is written for people is written alike in all rooms."""
    strange = re.compile(r"[0-9}] %(?![}{])|\u00d7|MULTIPLICATION SIGN|[\"'`][^\"'`\n]*\bgrey\b")
    sources = [path for path in (ROOT / "src").rglob("*") if path.suffix in (".py", ".js", ".html", ".typ")]
    found = [
        f"{path.name}: {line.strip()}"
        for path in sources
        for line in path.read_text(encoding="utf-8").splitlines()
        if strange.search(line) and "{% " not in line
    ]
    assert found == []
    assert prose.signed(-1.94, 1) == "\N{MINUS SIGN}1.9"
    assert prose.signed(0.5, 2) == "+0.50"
    assert prose.signed(-0.04, 1) == "+0.0"
    assert prose.between([3.04, -0.04, 2.0], 1) == "0.0 to 3.0"
    assert prose.between([3.04, 2.96], 1) == "3.0"
    assert [prose.decimal(one, 1) for one in (-1.94, -0.04, 0.04, 12.0)] == ["\N{MINUS SIGN}1.9", "0.0", "0.0", "12.0"]
