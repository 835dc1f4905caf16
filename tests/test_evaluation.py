"""Evaluation: exact answers on toys, scikit-learn and brute force as oracles, the command as a person meets it."""

import csv
import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from scipy.special import softmax
from scipy.stats import chi2_contingency
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss

import snellen
from evaluation_toys import COLOURS, colour_classifier, colour_folders, colour_model, pure
from snellen.data.datasets import open_dataset
from snellen.data.datasets.base import Example
from snellen.data.images import pixels_from_bytes, read_image
from snellen.data.labels import Labels, described_labels, imagenet_labels, label_of_folder, numbered_labels
from snellen.errors import InputError
from snellen.evaluation.calibration import (
    Scored,
    TemperatureScaling,
    area_under_risk_coverage,
    calibration_error,
    calibration_of,
    fit_temperature,
    fitting_part,
    probability_scores,
    reliability,
    risk_coverage,
    score_logits,
)
from snellen.evaluation.comparison import compare_models
from snellen.evaluation.discussion import _differ, discuss_calibration
from snellen.evaluation.evaluate import ClassAccuracy, evaluate
from snellen.evaluation.figures import draw_errors
from snellen.evaluation.files import read_evaluation, write_evaluation
from snellen.evaluation.label_order import label_order_warning
from snellen.evaluation.labelled import named_photographs
from snellen.evaluation.matching import ClassMatch, known_classes, match_classes, read_mapping
from snellen.evaluation.model_card import model_card
from snellen.evaluation.requirements import judge, measured, read_requirement
from snellen.exam.config import ExamConfig, asked_parts, read_exam_config
from snellen.exam.context import Context
from snellen.exam.parts import PARTS
from snellen.exam.report.document import Picture
from snellen.inference.embed_dataset import CLOSE, settle_close_call
from snellen.inference.engines import choose_engine
from snellen.inference.features import FeatureConfig, embed_each
from snellen.intervals import Estimate, Rate
from transfer_toys import encoded, write_parquet

TORCH = FeatureConfig(engine="torch")


def some_logits(n: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.normal(0, 2, (n, classes)), random.integers(0, classes, n)


# Calibration


def test_proper_scores_are_those_of_scikit_learn() -> None:
    logits, targets = some_logits(200, 7)
    scored = score_logits(logits, targets)
    probabilities = softmax(logits, axis=1)
    assert -scored.log_likelihood.mean() == pytest.approx(log_loss(targets, probabilities, labels=range(7)))
    squares = ((probabilities - np.eye(7)[targets]) ** 2).sum(axis=1)
    assert np.allclose(scored.brier, squares)
    assert np.allclose(scored.confidence, probabilities.max(axis=1))
    assert np.array_equal(scored.correct, probabilities.argmax(axis=1) == targets)


def test_calibration_error_by_hand() -> None:
    """Two bins: confidences .6, .6 with one right; .9, .9 with both right."""
    confidence = np.array([0.9, 0.6, 0.9, 0.6])
    correct = np.array([True, True, True, False])
    assert calibration_error(confidence, correct, bins=2) == pytest.approx((2 * 0.1 + 2 * 0.1) / 4)
    bins = reliability(Scored(confidence, correct, confidence, confidence), 2)
    assert [(one.n, one.accuracy) for one in bins] == [(2, 0.5), (2, 1.0)]
    assert [one.confidence for one in bins] == pytest.approx([0.6, 0.9])


def test_bins_of_equal_mass_are_those_of_scikit_learn() -> None:
    logits, targets = some_logits(150, 4)
    scored = score_logits(logits, targets)
    true, mean = calibration_curve(scored.correct, scored.confidence, n_bins=15, strategy="quantile")
    bins = reliability(scored)
    assert [one.accuracy for one in bins] == pytest.approx(true)
    assert [one.confidence for one in bins] == pytest.approx(mean)
    expected = sum(10 * abs(t - m) for t, m in zip(true, mean, strict=True)) / 150
    assert calibration_error(scored.confidence, scored.correct) == pytest.approx(expected)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(0.01, 1), st.booleans()), min_size=1, max_size=40))
def test_scores_keep_their_bounds(photographs: list[tuple[float, bool]]) -> None:
    confidence, correct = (np.array(column) for column in zip(*photographs, strict=True))
    error = calibration_error(confidence, correct)
    assert abs(correct.mean() - confidence.mean()) - 1e-9 <= error <= 1
    assert sum(one.n for one in reliability(Scored(confidence, correct, confidence, confidence))) == len(photographs)
    risks = risk_coverage(Scored(confidence, correct, confidence, confidence))
    assert risks[-1] == pytest.approx(1 - correct.mean())
    assert risks.min() >= -1e-12
    assert risks.max() <= 1 + 1e-12


def test_risk_coverage_by_hand() -> None:
    confidence = np.array([0.9, 0.8, 0.8, 0.5])
    scored = Scored(confidence, np.array([True, False, True, False]), confidence, confidence)
    # The two of 0.8 count half a mistake each.
    assert risk_coverage(scored) == pytest.approx([0, 0.25, 1 / 3, 0.5])
    assert area_under_risk_coverage(scored) == pytest.approx((0.25 + 1 / 3 + 0.5) / 4)


def test_the_temperature_is_found_again() -> None:
    random = np.random.default_rng(3)
    logits = random.normal(0, 2, (4000, 5))
    targets = np.array([random.choice(5, p=row) for row in softmax(logits, axis=1)])
    found = fit_temperature(3 * logits, targets)
    assert found == pytest.approx(3, rel=0.06)
    grid = np.exp(np.linspace(np.log(2), np.log(4.5), 400))
    losses = [-score_logits(3 * logits, targets, t).log_likelihood.mean() for t in grid]
    assert found == pytest.approx(grid[int(np.argmin(losses))], rel=0.01)


def test_a_calibrated_network_shows_the_error_of_chance() -> None:
    random = np.random.default_rng(0)
    confidence = random.uniform(0.3, 1, 300)
    scored = Scored(confidence, random.random(300) < confidence, -confidence, confidence)
    scores = probability_scores(scored)
    assert 0.02 < scores.chance_error < 0.1
    assert scores.calibration_error.value == pytest.approx(scores.chance_error, abs=0.03)
    # What resampling adds is taken off, so that the interval reaches below what chance alone shows.
    assert scores.calibration_error.low < scores.chance_error < scores.calibration_error.high
    assert scores.brier.low < scores.brier.value < scores.brier.high


# Which class is which


def test_which_classes_the_model_has_itself() -> None:
    """By name, and where a name does not tell, nothing: the cat of ``tiger cat``, the snake of ``sea snake``."""
    of_imagenet = imagenet_labels()
    names = ["pomeranian", "german_shorthaired", "Persian", "Abyssinian", "american_bulldog", "Egyptian_Mau"]
    assert known_classes(names, of_imagenet) == (True, True, True, False, False, None)
    assert known_classes(["n02085620", "cat", "no such"], of_imagenet) == (True, None, False)
    assert known_classes(["sea snake", "goldfish"], Labels(("snake", "goldfish"))) == (None, True)
    assert known_classes(["red", "blue"], Labels(("one", "two"))) == (None, None)
    assert known_classes(["1", "0"], numbered_labels(2)) == (None, None)


def test_classes_are_matched_by_name_id_number_and_mapping() -> None:
    model = imagenet_labels()
    matches = match_classes(["Tiger_Cat", "n02085620", "goldfish", "no such thing", "7", "crane"], model)
    assert [(one.index, one.how) for one in matches] == [
        (282, "name"), (151, "wordnet"), (1, "name"), (None, ""), (None, ""), (None, ""),
    ]  # fmt: skip
    assert "crane (bird)" in matches[5].reason
    assert "index" in matches[4].reason
    mapped = match_classes(["mine", "goldfish"], model, mapping={"mine": "n02085620"})
    assert [(one.index, one.how) for one in mapped] == [(151, "mapping"), (1, "name")]
    numbers = match_classes(["10", "2", "x", "class 7"], model, match_by="index")
    assert [one.index for one in numbers] == [10, 2, None, 7]
    own = Labels(("0", "1", "2"))
    assert [(one.index, one.how) for one in match_classes(["2", "0"], own)] == [(2, "name"), (0, "name")]
    three = Labels(("a", "b", "c"))
    assert [(one.index, one.how) for one in match_classes(["2", "0", "1"], three)] == [
        (2, "index"), (0, "index"), (1, "index"),
    ]  # fmt: skip


def test_classes_that_differ_in_case_only_are_told_apart() -> None:
    letters = ("A", "B", "a", "b")
    assert [one.index for one in match_classes(letters, Labels(letters))] == [0, 1, 2, 3]
    assert [one.index for one in match_classes(["b", "A"], Labels(letters))] == [3, 0]
    # A model that knows small letters only: a capital is none of them, unless nothing else is meant by it.
    lone = match_classes(["A", "a", "B"], Labels(("a", "b")))
    assert [(one.index, one.how) for one in lone] == [(None, ""), (0, "name"), (1, "name")]
    assert "differs from it in how it is written only" in lone[0].reason
    # A data set that is written as neither of two classes is neither.
    either = match_classes(["big CAT", "dog"], Labels(("big cat", "Big_Cat", "dog")))
    assert [one.index for one in either] == [None, 2]
    assert "2 classes are named 'big CAT'" in either[0].reason


def test_a_network_of_capitals_and_small_letters_is_scored_on_both(tmp_path: Path) -> None:
    letters = ["A", "B", "a"]
    write_parquet(tmp_path / "letters.parquet", [encoded(pure(c)) for c in (0, 1, 2) * 4], [0, 1, 2] * 4, letters)
    result = evaluate(colour_classifier(tuple(letters)), tmp_path / "letters.parquet")
    assert (result.accuracy.count, result.n, result.unmatched) == (12, 12, ())
    assert [(one.label, one.accuracy.count) for one in result.per_class] == [("A", 4), ("B", 4), ("a", 4)]


def test_places_are_numbers_where_they_are_as_many() -> None:
    three = Labels(("a", "b", "c"))
    assert [(one.index, one.how) for one in match_classes(["x", "y", "z"], three, match_by="index")] == [
        (0, "index"), (1, "index"), (2, "index"),
    ]  # fmt: skip
    # Two folders of a model of three classes: their places say nothing.
    with pytest.raises(InputError, match=r"its place among two classes is no number of the model's 3 \(a `mapping`"):
        match_classes(["b", "c"], three, match_by="index")
    partly = match_classes(["b", "c"], three, match_by="index", mapping={"b": "b"})
    assert [(one.index, one.how) for one in partly] == [(1, "mapping"), (None, "")]


def test_ids_are_the_classes_that_were_learned_under_their_names() -> None:
    """Also where two share a first lemma; a word that leads two ids to one class leads neither there."""
    ids = ["n01530575", "n01689811", "n02012849", "n03126707", "n03710637", "n03710721"]
    learned = Labels(described_labels(ids).names)
    assert learned.names[2] != learned.names[3]
    matches = match_classes(ids, learned)
    assert [(one.index, one.how) for one in matches] == [(index, "wordnet") for index in range(6)]
    assert [one.index for one in match_classes(ids[4:], learned)] == [4, 5]
    assert learned.find("n01689811") == 1
    assert label_of_folder(learned, "photographs/n03126707/a.jpg") == 3
    cranes = match_classes(["n02012849", "n03126707", "bird"], Labels(("crane", "bird")))
    assert [one.index for one in cranes] == [None, None, 1]
    # Where the model's classes have ids, only these count.
    assert match_classes(["n03126707", "n99999999", "tench"], imagenet_labels())[1].index is None


def test_a_probe_on_folders_of_ids_is_scored_on_them(tmp_path: Path, snellen_command) -> None:
    """What was learned from folders of WordNet ids bears names, and the same folders fit it."""
    named = ("n01530575", "n01689811", "n01704323")
    colours = {name: [pure(channel, 255 - 20 * i) for i in range(4)] for channel, name in enumerate(named)}
    colour_folders(tmp_path / "set", colours)
    probe = snellen_command("probe", tmp_path / "set", "--classifier", "ridge", "--out", tmp_path / "learned")
    assert probe.returncode == 0, probe.stderr
    run = snellen_command("evaluate", tmp_path / "set", "--probe", tmp_path / "learned", "--json")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["matched_by"] == {"wordnet": 3}


@pytest.mark.parametrize(
    ("classes", "options", "message"),
    [
        (
            ["x", "y"],
            {},
            r"of the data set's classes \(x, y, ...\) is one of the model's \(red, .*\(a `mapping` file [^;]*\)$",
        ),
        (["0", "1"], {}, "none of the data set's classes"),  # two numbers, three classes: not taken for an order
        (["red"], {"match_by": "sound"}, "`match_by` is 'sound'"),
        (["red"], {"mapping": {"pink": "red"}}, "the data set has no class 'pink'"),
        (["red"], {"mapping": {"red": "grene"}}, "mapping: 'red': no class named 'grene'.*did you mean green"),
    ],
)
def test_what_cannot_be_matched(classes, options, message: str) -> None:
    with pytest.raises(InputError, match=message):
        match_classes(classes, Labels(COLOURS), **options)


def test_mapping_files(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("a, red\n\nb,1\n", encoding="utf-8")
    assert read_mapping(tmp_path / "m.csv") == {"a": "red", "b": "1"}
    # As spreadsheets save it where the comma is a decimal point, as text with tabs, and with a line of column names.
    for text in ("class;model\na;red\nb;1\na;red\n", "\ufeffClass\tImageNet\r\na\tred\r\nb\t1\r\n", 'a,red\n"b",1'):
        (tmp_path / "m.csv").write_text(text, encoding="utf-8")
        assert read_mapping(tmp_path / "m.csv") == {"a": "red", "b": "1"}
    (tmp_path / "m.csv").write_text("cat,tabby; tabby cat\n", encoding="utf-8")
    assert read_mapping(tmp_path / "m.csv") == {"cat": "tabby; tabby cat"}
    (tmp_path / "m.json").write_text('{"a": "red", "b": 1}', encoding="utf-8")
    assert read_mapping(tmp_path / "m.json") == {"a": "red", "b": 1}
    for name, text, message in (
        ("n.csv", "a,b,c", "row 1: three columns"),
        ("e.csv", "\n", "row 1: no columns"),
        ("n.json", "[1]", "not a mapping"),
        ("o.json", "{", "not JSON"),
        ("twice.csv", "a,red\nb,blue\na,blue\n", "'a' is 'red' and 'blue' .one class for each"),
        ("twice.json", '{"a": "red", "a": 1}', "'a' is 'red' and 1 .one class for each"),
        ("absent.csv", None, "cannot be read"),
    ):
        if text is not None:
            (tmp_path / name).write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=message):
            read_mapping(tmp_path / name)


def test_a_shifted_label_order_is_noticed() -> None:
    labels = Labels(tuple(f"c{number}" for number in range(10)))
    targets = np.arange(60) % 10
    matches = [ClassMatch(name, number, "name") for number, name in enumerate(labels)]
    assert label_order_warning(targets, targets, labels, matches) == ()
    (warning,) = label_order_warning(targets, (targets + 1) % 10, labels, matches)
    assert "shifted by -1: 60 of 60" in warning
    assert "0 are as it is" in warning
    # As text sorts them: 0, 1, 10, 2, ...
    order = np.array([3, 1, 4, 0, 5, 9, 2, 6, 8, 7])
    (warning,) = label_order_warning(targets, order[targets], labels, matches)
    assert "looks wrong: 60 of 60" in warning
    random = np.random.default_rng(0).integers(0, 10, 60)
    assert label_order_warning(targets, random, labels, matches) == ()
    assert label_order_warning(targets[:10], order[targets[:10]], labels, matches) == ()  # one of each: no telling


# From photographs to numbers


@pytest.fixture(scope="module")
def colours(tmp_path_factory) -> Path:
    """Red: right, right, seen as green; green: right; blue: right; one class that the network does not know."""
    folder = tmp_path_factory.mktemp("set") / "colours"
    return colour_folders(
        folder,
        {
            "red": [pure(0), pure(0, 100), pure(1, 200)],
            "green": [pure(1, 128)],
            "blue": [pure(2)],
            "pink": [(250, 150, 150), (240, 150, 150)],
        },
    )


@pytest.fixture(scope="module")
def result(colours: Path):
    for name in ("green", "pink"):
        (colours / name / "broken.png").write_bytes(b"no image")
    return evaluate(colour_classifier(), str(colours), features=TORCH)


def test_a_mistake_that_is_all_but_sure_is_not_called_sure(colours: Path) -> None:
    result = evaluate(colour_classifier(scale=8.0), str(colours), features=TORCH)
    assert 0.995 < result.wrong_and_sure[0].top.probability < 1
    titles = [axes.get_title() for axes in draw_errors(result).axes]
    assert titles[0].split("\n") == ["red", "seen as green, 99.6%"]


def test_every_number_of_a_toy(result) -> None:
    assert (result.accuracy, result.top5) == (Rate.of_count(4, 5), None)
    assert result.mean_per_class.value == pytest.approx((2 / 3 + 1 + 1) / 3)
    assert [(one.label, one.accuracy.count, one.accuracy.n, one.precision.n) for one in result.per_class] == [
        ("red", 2, 3, 2), ("green", 1, 1, 2), ("blue", 1, 1, 1),
    ]  # fmt: skip
    assert [(one.true, one.predicted, one.count, one.images) for one in result.confused] == [
        ("red", "green", 1, ("red/2.png",))
    ]
    (mistake,) = result.wrong_and_sure
    sure = math.exp(4 * 200 / 255)
    assert (mistake.image, mistake.label.label, mistake.top.label, mistake.rank) == ("red/2.png", "red", "green", 2)
    assert mistake.top.probability == pytest.approx(sure / (sure + 2))
    assert [one.image for one in result.right_and_unsure[:2]] == ["red/1.png", "green/0.png"]
    probabilities = [math.exp(4 * s / 255) / (math.exp(4 * s / 255) + 2) for s in (255, 100, 128, 255)]
    wrong = 1 / (sure + 2)
    assert result.calibration.scores.log_loss.value == pytest.approx(-np.log([*probabilities, wrong]).mean(), rel=1e-5)
    assert result.calibration.temperature is None  # of five photographs
    assert result.matched_by == {"name": 3}
    assert [(one.name, one.count) for one in result.unmatched] == [("pink", 2)]
    assert [one.image for one in result.unscored] == ["pink/0.png", "pink/1.png"]
    assert [one.image for one in result.failures] == ["green/broken.png", "pink/broken.png"]
    text = result.discussion()
    assert "colours is right on 80.0% (4 of 5; 95% interval 37.6% to 96.4%) of the photographs." in text
    assert "Two photographs are in no number, since the model does not know their class: pink (2)" in text
    # Each is counted once, though nobody knows the class of one of them either.
    assert "Two photographs are in no number, since they cannot be read" in text
    assert "No class has more than three photographs, so nothing can be said of single classes." in text
    assert "the difference may be chance" in text
    assert "What this does not prove" in text


def scored(confidence: list[float], correct: list[bool]) -> Scored:
    return Scored(np.array(confidence), np.array(correct), np.log(np.array(confidence)), np.zeros(len(correct)))


@pytest.mark.parametrize(
    ("confidence", "correct", "said"),
    [
        ([0.9] * 400, [True, False] * 200, "its answer 90%, and is right in 50%: it is overconfident by 40 points."),
        ([0.9] * 4, [True, True, True, False], "and is right in 75%: the difference may be chance."),
        ([0.9] * 50 + [0.6] * 50, [True] * 50 + [False] * 50, "answering only the surer half, it would be wrong in 0%, "
         "not 50%."),
        ([0.9] * 50 + [0.6] * 50, [True, False] * 50, "does not sort right from wrong answers by more than chance"),
        # One mistake lies in the less sure half every second time.
        ([0.9] * 10 + [0.6] * 10, [True] * 19 + [False], "does not sort right from wrong answers by more than chance"),
        ([0.9] * 8, [True] * 8, "It makes no mistake that its confidence could warn of."),
    ],
)  # fmt: skip
def test_a_claim_on_calibration_stands_where_the_interval_carries_it(confidence, correct, said: str) -> None:
    assert said in " ".join(discuss_calibration(calibration_of(scored(confidence, correct), None)))


def test_of_one_photograph_there_is_no_interval(tmp_path: Path) -> None:
    folder = colour_folders(tmp_path / "set", {"red": [pure(0)]})
    text = evaluate(colour_classifier(), str(folder), features=TORCH).discussion()
    assert "colours is right on the one photograph." in text
    assert "95%" not in text


def test_few_photographs_are_not_judged_bin_by_bin() -> None:
    fewer, enough = (
        " ".join(discuss_calibration(calibration_of(scored([0.9] * n, [True, False] * (n // 2)), None)))
        for n in (14, 16)
    )
    assert "Bin by bin" not in fewer
    assert "Bin by bin" in enough


@pytest.mark.parametrize(
    ("right", "said"),
    [
        ((20, 20, 8), "They are not alike: class 2 is recognised in 40% of 20, class 0 in 100% of 20."),
        ((15, 5, *[10] * 38), "no difference shows beyond chance"),  # though the intervals of two picked ones lie apart
        ((20, 20, 20), "no difference shows beyond chance"),
    ],
)
def test_classes_differ_where_one_test_of_all_says_so(result, right: tuple[int, ...], said: str) -> None:
    classes = tuple(
        ClassAccuracy(f"class {number}", number, Rate.of_count(count, 20), Rate.of_count(count, count))
        for number, count in enumerate(right)
    )
    assert said in dataclasses.replace(result, per_class=classes).discussion()


def test_two_of_ten_mistakes_in_one_of_many_classes_are_no_difference() -> None:
    """One time in seven two mistakes meet so; the tables' chi-squared calls it rare, wrongly of so few."""
    wrong = [2, *[1] * 8, *[0] * 291]
    assert chi2_contingency([wrong, [20 - count for count in wrong]]).pvalue < 0.05
    classes = [
        ClassAccuracy(f"class {number}", number, Rate.of_count(20 - count, 20), Rate.of_count(20 - count, 20 - count))
        for number, count in enumerate(wrong)
    ]
    assert not _differ(classes)
    # Five of ten in one class do not meet by chance.
    classes[0] = dataclasses.replace(classes[0], accuracy=Rate.of_count(15, 20))
    assert _differ(classes)


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ((0.5, 0.4), "lowers the loss of the other 10 from 0.50 to 0.40"),
        ((0.4, 0.5), "raises the loss of the other 10 from 0.40 to 0.50"),
        ((0.501, 0.499), "leaves the loss of the other 10 at 0.50"),
    ],
)
def test_what_a_temperature_did(losses: tuple[float, float], said: str) -> None:
    calibration = calibration_of(scored([0.9] * 10 + [0.6] * 10, [True] * 10 + [False] * 10), None)
    before, after = (
        dataclasses.replace(calibration.scores, n=10, log_loss=Estimate(loss, loss, loss)) for loss in losses
    )
    scaled = dataclasses.replace(calibration, temperature=TemperatureScaling(2.0, 10, before, after))
    assert said in discuss_calibration(scaled)[-1]


def test_a_photograph_named_like_a_formula_comes_back_under_its_name(result, tmp_path: Path) -> None:
    named = [dataclasses.replace(one, image=f"={number}.png") for number, one in enumerate(result.photographs)]
    write_evaluation(dataclasses.replace(result, photographs=tuple(named)), tmp_path)
    assert "\n'=0.png," in (tmp_path / "photographs.csv").read_text(encoding="utf-8")
    assert [one.image for one in read_evaluation(tmp_path).photographs] == [one.image for one in named]


def test_a_run_folder_and_back(result, tmp_path: Path) -> None:
    figures = write_evaluation(result, tmp_path)
    # Five photographs tell nothing of calibration in fifteen bins.
    assert set(figures) == {"classes.png", "confusion.png", "errors.png"}
    stored = read_evaluation(tmp_path)
    assert (stored.model, stored.data) == ("colours", result.provenance.data)
    assert [one.image for one in stored.photographs] == [one.image for one in result.photographs]
    assert [one.top.index for one in stored.photographs] == [one.top.index for one in result.photographs]
    rows = list(csv.DictReader((tmp_path / "photographs.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["error"][:20] for row in rows if row["error"]][:2] == ["its class 'pink' is "] * 2
    assert len(rows) == 9
    assert (tmp_path / "confusion.csv").read_text(encoding="utf-8").splitlines() == [
        "true,predicted,count", "red,red,2", "blue,blue,1", "green,green,1", "red,green,1",
    ]  # fmt: skip
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\n")
    from huggingface_hub import ModelCard

    data = ModelCard(card).data
    assert (data.eval_results[0].metric_type, data.eval_results[0].metric_value) == ("accuracy", 0.8)
    assert "| accuracy (top-1) | 80% (4 of 5; 95% interval 38% to 96%) |" in card
    assert str(tmp_path.parent) not in card
    hostile = dataclasses.replace(result, model="a|b <img src=x>", dataset="c\n# d", provenance=dataclasses.replace(
        result.provenance, command="snellen `e`"
    ))  # fmt: skip
    escaped = model_card(hostile)
    assert "\n# a\\|b \\<img src=x\\>\n" in escaped
    assert "\nOn c # d, 5 photographs." in escaped
    assert "\n- Command: `` snellen `e` ``\n" in escaped
    assert ModelCard(escaped).data.model_name == "a|b <img src=x>"
    (tmp_path / "evaluation.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="holds no evaluation"):
        read_evaluation(tmp_path)


def test_two_models_by_hand(colours: Path, result) -> None:
    """The second takes red for green and green for red; both see blue."""
    other = evaluate(colour_classifier(("green", "red", "blue"), name="swapped"), str(colours), features=TORCH)
    comparison = compare_models(result, other)
    assert (comparison.both_right, comparison.only_first, comparison.only_second, comparison.both_wrong) == (1, 3, 1, 0)
    assert comparison.p_value == pytest.approx(2 * (1 + 4) / 16)  # binomial of 4: at most one of the rarer, twice
    assert comparison.difference.value == pytest.approx(-2 / 5)
    assert comparison.agreement == Rate.of_count(1, 5)
    assert [one.image for one in comparison.second_right] == ["red/2.png"]
    assert {one.image for one in comparison.first_right} == {"red/0.png", "red/1.png", "green/0.png"}
    assert comparison.plot().axes
    assert "colours is ahead by 40 points, which may well be chance" in comparison.discussion()
    assert "swapped one (exact McNemar test, p = 0.62; 95% interval of colours's lead -40 to +100" in (
        comparison.discussion()
    )
    twins = dataclasses.replace(comparison, models=("/one/net.pt", "/other/net.pt"))
    assert "/one/net.pt is ahead by 40 points" in twins.discussion()
    same = compare_models(result, result)
    assert (same.p_value, same.difference.value, same.agreement.share) == (1.0, 0.0, 1.0)
    assert same.plot().axes
    with pytest.raises(InputError, match="not the same photographs"):
        compare_models(result, evaluate(colour_classifier(), "digits", mapping={"0": "red"}, features=TORCH))


def test_photographs_whose_ids_repeat_are_compared_with_themselves(tmp_path: Path) -> None:
    """Ten of each class, of two patients each; those of one class follow each other in no order."""
    random = np.random.default_rng(0)
    rows = [
        {"image": encoded(pure(int(random.integers(3)))), "label": name, "image_id": f"patient {number % 2}"}
        for name in COLOURS
        for number in range(10)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "ids.parquet")
    one = evaluate(colour_classifier(), tmp_path / "ids.parquet", features=TORCH)
    assert 0 < one.accuracy.count < 30
    same = compare_models(one, one)
    assert (same.n, same.only_first, same.only_second, same.p_value, same.agreement.share) == (30, 0, 0, 1.0, 1.0)
    # A model that does not know one of the classes loses those photographs, and no other.
    fewer = colour_classifier(("red", "green", "violet"), name="fewer")
    assert compare_models(one, evaluate(fewer, tmp_path / "ids.parquet", features=TORCH)).n == 20


def test_two_models_may_call_one_class_by_two_names(colours: Path, result, tmp_path: Path) -> None:
    spelled = evaluate(colour_classifier(("Red", "green", "BLUE"), name="spelled"), str(colours), features=TORCH)
    comparison = compare_models(result, spelled)
    assert comparison.n == result.n == spelled.n
    assert (comparison.only_first, comparison.only_second, comparison.agreement.share) == (0, 0, 1.0)
    write_evaluation(spelled, tmp_path)
    assert read_evaluation(tmp_path).photographs[0].dataset_class == spelled.photographs[0].dataset_class == "blue"


def test_of_equal_logits_the_first_class_ranks_first(colours: Path) -> None:
    """A collapsed network: it answers the first class always, and ranks each class at its place."""
    flat = evaluate(colour_classifier(("red", "green", "blue", *"defgh"), scale=0.0), str(colours), features=TORCH)
    assert {(one.label.label, one.rank, one.correct) for one in flat.photographs} == {
        ("red", 1, True), ("green", 2, False), ("blue", 3, False),
    }  # fmt: skip
    late = evaluate(colour_classifier((*"abc", *"defgh", "green"), scale=0.0), str(colours), features=TORCH)
    assert late.top5.count == 0


def test_a_temperature_is_fitted_on_photographs_from_everywhere() -> None:
    few, many = fitting_part(20_000, seed=1), fitting_part(50_000, seed=1)
    assert (few.sum(), many.sum()) == (10_000, 10_000)
    assert fitting_part(11).sum() == 5
    tenths = many.reshape(10, -1).sum(axis=1)
    assert tenths.min() > 800  # of 1,000 expected in each


def test_the_right_split_is_scored(tmp_path: Path) -> None:
    colour_folders(tmp_path / "train", {"red": [pure(1)], "green": [pure(1)]})
    colour_folders(tmp_path / "val", {"red": [pure(0)], "green": [pure(1)]})
    tested = evaluate(colour_classifier(), str(tmp_path), features=TORCH)
    assert (tested.accuracy, tested.splits[:38]) == (Rate.of_count(2, 2), "The set's own test split (val); the ot")
    assert evaluate(colour_classifier(), str(tmp_path), split="train", features=TORCH).accuracy == Rate.of_count(1, 2)
    with pytest.raises(InputError, match="no split 'test' .its splits are train, val"):
        evaluate(colour_classifier(), str(tmp_path), split="test")
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "a.png").write_bytes((tmp_path / "val" / "red" / "0.png").read_bytes())
    with pytest.raises(InputError, match="has no labels"):
        evaluate(colour_classifier(), str(tmp_path / "flat"))


def test_called_again_nothing_is_classified_twice(colours: Path, result, tmp_path: Path) -> None:
    first = evaluate(colour_classifier(), str(colours), features=TORCH, out=tmp_path)
    again = evaluate(colour_classifier(), str(colours), features=TORCH, out=tmp_path)
    assert (first.classified, again.classified) == (9, 0)
    assert first.accuracy == again.accuracy == result.accuracy
    other = evaluate(colour_classifier(scale=2.0), str(colours), features=TORCH, out=tmp_path)
    assert other.classified == 9


def test_a_close_call_is_decided_by_the_plain_way(lite0, imagenet) -> None:
    example = Example(str(imagenet[0]), None, "a")
    (fast,) = embed_each(choose_engine(lite0, output="logits"), lite0, [example])
    with torch.inference_mode():
        plain = lite0.logits_from_inputs(
            pixels_from_bytes(lite0.preprocessing.preprocess_image(read_image(example.source)))
        )[0].numpy()
    assert np.abs(fast.features - plain).max() < CLOSE / 2
    top = np.sort(fast.features)[-2:]
    assert top[1] - top[0] > CLOSE
    assert settle_close_call(lite0, fast) is fast
    fast.features[np.argsort(fast.features)[-2]] = top[1] - CLOSE / 2
    assert np.array_equal(settle_close_call(lite0, fast).features, plain)
    # Of a job that averages mirror images in, so does the plain way.
    turned = pixels_from_bytes(lite0.preprocessing.preprocess_image(read_image(example.source))).flip(3)
    with torch.inference_mode():
        mean = (plain + lite0.logits_from_inputs(turned)[0].numpy()) / 2
    assert settle_close_call(lite0, fast, mirrored=True).features == pytest.approx(mean, abs=1e-5)


def test_top_one_is_that_of_classify(lite0, imagenet) -> None:
    """Twelve real photographs: the same class, and the same probability to a hundredth."""
    folder = imagenet[0].parents[1]
    paths = imagenet[:12]
    plain = snellen.classify(lite0, [str(path) for path in paths], k=1)
    examples = [Example(str(path), None, path.name) for path in paths]
    engine = choose_engine(lite0, output="logits")
    found = [settle_close_call(lite0, one).features for one in embed_each(engine, lite0, examples)]
    assert [int(logits.argmax()) for logits in found] == [one.top.index for one in plain]
    assert [softmax(logits).max() for logits in found] == pytest.approx(
        [one.top.probability for one in plain], abs=0.02
    )
    assert match_classes([path.name for path in folder.iterdir()], lite0.labels)[0].how == "wordnet"


# Pass or fail


def test_requirements(result) -> None:
    texts = ["accuracy>=0.8", "accuracy.low>=0.5", "calibration_error<=1", "top5>=0.1"]
    verdicts = judge([read_requirement(text) for text in texts], measured(result))
    assert [one.met for one in verdicts] == [True, False, True, False]
    assert verdicts[1].value == pytest.approx(result.accuracy.low)
    assert math.isnan(verdicts[3].value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("accuracy", "not a requirement .such as accuracy>=0.9"),
        ("acuracy>=0.5", "no number 'acuracy' .did you mean accuracy"),
        ("accuracy>=1e", "'1e' is not a number"),
    ],
)
def test_what_is_no_requirement(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_requirement(text)


# The exam


def context_of(classifier, folder: Path, dataset: Path) -> Context:
    return Context(
        classifier=classifier, photographs=(), expected=(), provenance=classifier.provenance("d"), target=0,
        epsilon="4/255", datasets=("digits",), training="digits", training_runs=(), folder=folder, seed=0,
        evaluate=(str(dataset),),
    )  # fmt: skip


def test_the_part_of_the_exam_scores_the_model_itself(colours: Path, tmp_path: Path, monkeypatch) -> None:
    part = PARTS["evaluation"]
    right, swapped = tmp_path / "a", tmp_path / "b"
    context = context_of(colour_classifier(), right, colours)
    answer = part.run(context)
    assert answer.facts[0].name == "accuracy of the model itself"
    assert answer.facts[0].value.startswith("0.800, 95% interval 0.376 to 0.964, n = 5")
    assert answer.data == "colours (5 photographs, 3 classes: red, green, blue)"
    assert all(block.path.is_file() for block in answer.blocks if isinstance(block, Picture))
    assert part.seconds(context, 2.0) == 2 * len(open_dataset(str(colours)))
    assert (right / "photographs.csv").is_file()
    part.run(context_of(colour_classifier(("green", "red", "blue"), name="swapped"), swapped, colours))
    # A run may be a stranger's: the data set that it names is opened where that is allowed.
    opened: list[str] = []
    monkeypatch.setattr(
        "snellen.exam.parts.evaluation.data_set", lambda name: opened.append(name) or open_dataset(name)
    )
    (*_, unseen) = part.compare(right, swapped, ("one", "two"), tmp_path / "d", [tmp_path])
    assert (opened, "are not shown" in unseen.text, "allow its folder" in unseen.text) == ([], True, True)
    assert not (tmp_path / "d" / "disagreements.png").exists()
    paragraph, table, picture = part.compare(right, swapped, ("one", "two"), tmp_path / "c", [colours])
    assert opened == [str(colours)]
    assert "one is ahead by 40 points" in paragraph.text
    assert table.rows == [("one right", "1", "3"), ("one wrong", "1", "0")]
    assert picture.path.is_file()
    (refused,) = part.compare(right, tmp_path / "gone", ("one", "two"), tmp_path / "c", [])
    assert "Not compared photograph by photograph" in refused.text
    # Nor is a name that is no path asked of the hub.
    for folder in (right, swapped):
        said = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
        (folder / "evaluation.json").write_text(json.dumps(said | {"dataset": "owner/name"}), encoding="utf-8")
    (*_, unseen) = part.compare(right, swapped, ("one", "two"), tmp_path / "e", [Path()])
    assert (opened, "are not shown" in unseen.text) == ([str(colours)], True)
    with pytest.raises(InputError, match="none of the data set's classes"):
        part.run(dataclasses.replace(context, evaluate=()))  # the digits are no colours


def test_a_key_of_the_configuration_asks_for_the_part(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "exam.toml").write_text('evaluate = "set"\nmapping = "m.csv"\n', encoding="utf-8")
    config = read_exam_config(tmp_path / "exam.toml")
    assert (config.evaluate, config.mapping) == ((str(tmp_path / "set"),), "m.csv")
    assert asked_parts(config, PARTS) == tuple(one for one in PARTS if one not in ("corruptions", "robust_accuracy"))
    assert asked_parts(ExamConfig(), PARTS) == tuple(name for name, part in PARTS.items() if not part.wanted_by)
    assert asked_parts(ExamConfig(parts=("evaluation",)), PARTS) == ("evaluation",)
    chosen = dataclasses.replace(config, parts=("categories",))
    assert asked_parts(chosen, PARTS) == ("categories", "evaluation")


# The page


def test_photographs_with_their_classes_told(tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.png" for number in range(3)]
    for file, colour in zip(files, (pure(0), pure(1), pure(1)), strict=True):
        file.write_bytes(encoded(colour))
    images = named_photographs(files, ["red", "green", "blue"])
    assert evaluate(colour_classifier(), images, features=TORCH).accuracy == Rate.of_count(2, 3)
    with pytest.raises(InputError, match="2 classes for 3 photographs"):
        named_photographs(files, ["green", "red"])


def test_what_nobody_measures_cannot_be_required(snellen_command) -> None:
    """Said before anything is read, with the option that measures it."""
    ways = {"robust_accuracy>=0.1": "--epsilon 4/255", "corruption_accuracy>=0.1": "--corruptions"}
    for required, option in ways.items():
        done = snellen_command("evaluate", "no-such-set", "--require", required)
        name = required.partition(">")[0]
        assert done.returncode == 2
        assert f"require {required!r}: nothing measures {name} ({option} does)" in done.stderr


def test_the_command(imagenet, tmp_path: Path, snellen_command) -> None:
    """Four real photographs, one broken, a class that nobody knows: what is said, what is written, the status."""
    for path in imagenet[:4]:
        (tmp_path / "set" / path.parent.name).mkdir(parents=True)
        (tmp_path / "set" / path.parent.name / path.name).symlink_to(path)
    (tmp_path / "set" / imagenet[0].parent.name / "broken.jpg").write_bytes(b"no image")
    (tmp_path / "set" / "stranger").mkdir()
    (tmp_path / "set" / "stranger" / "a.jpg").symlink_to(imagenet[5])
    run = snellen_command("evaluate", tmp_path / "set", "--json", "--out", tmp_path / "out")
    assert run.returncode == 2
    assert "stranger: one photograph not scored: " in run.stderr
    assert "broken.jpg: not an image" in run.stderr
    found = json.loads(run.stdout)
    assert (found["accuracy"]["n"], found["matched_by"], found["comparison"]) == (4, {"wordnet": 4}, None)
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files >= {"evaluation.json", "photographs.csv", "README.md", "manifest.json"}
    assert "calibration.png" not in files  # of fewer photographs than bins
    required = snellen_command(
        "evaluate", tmp_path / "set", "--out", tmp_path / "out", "--transforms", "--most", "1",
        "--require", "accuracy.low>=0.99",
    )  # fmt: skip
    assert required.returncode == 1
    assert "required accuracy.low>=0.99: it is " in required.stderr
    assert "accuracy (top-1)" in required.stdout
    assert "1 photographs under 90 transforms and strengths: 91 passes" in required.stderr
    assert (tmp_path / "out" / "acuity.png").is_file()


def test_a_second_evaluation_keeps_nothing_of_the_first(tmp_path: Path, snellen_command) -> None:
    """What is in the folder, and in its manifest, is of the model and of the photographs that were scored last."""
    data = colour_folders(tmp_path / "set", {name: [pure(channel)] for channel, name in enumerate(COLOURS)})
    common = ("evaluate", data, "--engine", "torch", "--most", 1, "--out", tmp_path / "out")
    other = colour_model(tmp_path / "other", scale=2.0)
    more = ("--transforms", "--corruptions", "--epsilon", "200/255", "--against", other[1])
    first = snellen_command(*common, *colour_model(tmp_path / "one"), *more)
    assert first.returncode == 0, first.stderr
    beside = {"transforms.json", "transforms.csv", "acuity.png", "corruptions.json", "corruptions.csv",
              "corruptions.png", "robustness.json", "robustness.csv", "robustness.png", "comparison.json",
              "disagreements.png", "against"}  # fmt: skip
    assert beside <= {path.name for path in (tmp_path / "out").iterdir()}
    again = snellen_command(*common, *other, "--transforms")
    assert again.returncode == 0, again.stderr
    listed = set(json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))["files"])
    assert listed & beside == {"transforms.json", "transforms.csv", "acuity.png"}
    assert not {path.name for path in (tmp_path / "out").iterdir()} & (beside - listed)
    stored = json.loads((tmp_path / "out" / "transforms.json").read_text(encoding="utf-8"))
    scored = json.loads((tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8"))
    assert stored["provenance"]["weights"] == scored["provenance"]["weights"]


def test_two_versions_of_a_network_and_a_probe_are_compared(tmp_path: Path, snellen_command) -> None:
    """What is said of the first counts for the second's file, as far as that says nothing itself."""
    data = colour_folders(tmp_path / "set", {name: [pure(channel, 200)] * 4 for channel, name in enumerate(COLOURS)})
    first, second = colour_model(tmp_path / "first"), colour_model(tmp_path / "second", scale=-4.0)

    def against(other: str | Path, *options: str, status: int = 0) -> dict:
        done = snellen_command("evaluate", data, *options, "--engine", "torch", "--against", other, "--json")
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout)["comparison"] if status == 0 else {"said": done.stderr}

    assert (found := against(second[1], *first))["models"] == [first[1], second[1]]
    assert [one["count"] for one in found["accuracy"]] == [12, 0]
    # Its own labels, in another order, go before those of the command line.
    weights = tmp_path / "turned.safetensors"
    save_file({"2.weight": 4 * torch.eye(3)}, weights, metadata={"labels": '["green", "blue", "red"]'})
    assert [one["count"] for one in against(weights, *first)["accuracy"]] == [12, 0]
    probe = snellen_command("probe", data, "--classifier", "ridge", "--out", tmp_path / "bundled")
    assert probe.returncode == 0, probe.stderr
    own = snellen_command(
        "probe", data, *first, "--classifier", "ridge", "--engine", "torch", "--out", tmp_path / "own"
    )
    assert own.returncode == 0, own.stderr
    for other in (tmp_path / "bundled", tmp_path / "own"):
        assert [one["count"] for one in against(other, *first)["accuracy"]] == [12, 12]
    # A probe has nothing left to be said of it: the architecture and the rest are of the file beside it.
    beside = against(second[1], "--probe", str(tmp_path / "bundled"), *first[2:])
    assert [one["count"] for one in beside["accuracy"]] == [12, 0]
    assert "gone.safetensors: no such file" in against(tmp_path / "gone.safetensors", *first, status=2)["said"]
