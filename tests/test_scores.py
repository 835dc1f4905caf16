"""How well predictions agree with the truth: against scikit-learn, and by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_ind
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix

from snellen.intervals import Estimate, Rate
from snellen.models.scores import most_confused, score


@given(st.data())
def test_scores_agree_with_scikit_learn(data) -> None:
    classes = data.draw(st.integers(2, 5))
    targets = np.array([*range(classes), *data.draw(st.lists(st.integers(0, classes - 1), max_size=40))])
    same = {"min_size": len(targets), "max_size": len(targets)}
    predicted = np.array(data.draw(st.lists(st.integers(0, classes - 1), **same)))
    found = score(targets, predicted, classes)
    assert found.mean_per_class.value == pytest.approx(balanced_accuracy_score(targets, predicted))
    assert found.accuracy.share == pytest.approx(accuracy_score(targets, predicted))
    assert np.array_equal(found.confusion, confusion_matrix(targets, predicted, labels=range(classes)))
    for value, low, high in (
        (found.mean_per_class.value, found.mean_per_class.low, found.mean_per_class.high),
        (found.accuracy.share, found.accuracy.low, found.accuracy.high),
    ):
        assert 0 <= low <= value + 1e-9
        assert value - 1e-9 <= high <= 1


def test_a_class_that_does_not_occur() -> None:
    found = score(np.array([0, 0, 2]), np.array([0, 1, 2]), 3)
    assert (found.mean_per_class.value, found.accuracy.count) == (0.75, 2)
    assert [rate.n for rate in found.per_class] == [2, 0, 1]
    assert found.per_class[0] == Rate.of_count(1, 2)


@pytest.mark.parametrize(
    ("classes", "each"), [(3, 20), (7, 100), (37, 4), (10, 2), (40, 1), (4, 1)], ids=lambda count: str(count)
)
def test_the_interval_of_a_mean_over_classes_covers_the_truth(classes: int, each: int) -> None:
    """95 times in 100, also where each class has one image, of which drawing images again would say nothing."""
    random = np.random.default_rng(0)
    counts, covered = np.full(classes, each), []
    for _ in range(400):
        truth = random.beta(8, 2, size=classes)
        found = Estimate.of_classes(random.binomial(counts, truth), counts)
        covered.append(found.low <= truth.mean() <= found.high)
    assert 0.92 <= np.mean(covered) <= 0.985


@given(st.lists(st.integers(0, 99), min_size=2, max_size=9), st.lists(st.integers(0, 99), min_size=2, max_size=9))
def test_the_interval_of_a_difference_of_means_is_scipys(first: list[int], second: list[int]) -> None:
    found = Estimate.of_difference(first, second)
    assert found.value == pytest.approx(np.mean(first) - np.mean(second))
    if np.ptp(first) > 0 and np.ptp(second) > 0:
        theirs = ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
        assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))


def test_what_does_not_vary_tells_no_interval_of_a_difference() -> None:
    assert Estimate.of_difference([3, 3], [1, 1]).value == 2
    assert math.isnan(Estimate.of_difference([3, 3], [1, 1]).low)
    assert math.isnan(Estimate.of_difference([3], [1, 2, 3]).high)


@given(st.integers(1, 60), st.data())
def test_of_one_class_it_is_wilsons(n: int, data) -> None:
    right = data.draw(st.integers(0, n))
    rate, found = Rate.of_count(right, n), Estimate.of_classes(np.array([right, 0]), np.array([n, 0]))
    assert (found.value, found.low, found.high) == pytest.approx((rate.share, rate.low, rate.high))


def test_four_photographs_of_four_classes_say_little() -> None:
    """Broken before: 1.000 to 1.000."""
    found = score(np.arange(4), np.arange(4), 4).mean_per_class
    assert found.value == found.high == 1
    assert found.low < 0.7
    alike = Estimate.of(0.0, np.zeros(100))
    assert np.isnan([alike.low, alike.high]).all()
    assert (alike.interval, str(alike)) == ("unknown", "0.000 (95% interval unknown)")


def test_most_confused_by_hand() -> None:
    targets = np.repeat([0, 1, 2], [7, 5, 11])
    predicted = np.concatenate([np.repeat([0, 1], [5, 2]), np.repeat([0, 1], [4, 1]), np.repeat([1, 2], [2, 9])])
    scores = score(targets, predicted, 3)
    assert scores.confusion == ((5, 2, 0), (4, 1, 0), (0, 2, 9))
    pairs = most_confused(scores, most=2)
    assert [(pair.true, pair.predicted, pair.count) for pair in pairs] == [(1, 0, 4), (0, 1, 2)]
    assert most_confused(score(targets, targets, 3)) == ()
    # Of equal counts first the pair that is confused both ways, which a text names.
    scores = score(np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 1, 2, 1, 2]), 3)
    assert [(pair.true, pair.predicted) for pair in most_confused(scores)] == [(1, 2), (2, 1), (0, 1)]
