"""How well predictions agree with the truth: against scikit-learn, and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix

from snellen.intervals import Rate
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


def test_the_interval_is_that_of_drawing_images_again() -> None:
    random = np.random.default_rng(1)
    targets = np.repeat([0, 1, 2], [10, 30, 60])
    predicted = np.where(random.random(100) < 0.7, targets, (targets + 1) % 3)
    drawn = []
    for _ in range(4000):
        chosen = np.concatenate([random.choice(np.flatnonzero(targets == c), (targets == c).sum()) for c in range(3)])
        drawn.append(balanced_accuracy_score(targets[chosen], predicted[chosen]))
    found = score(targets, predicted, 3).mean_per_class
    assert [found.low, found.high] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.015)


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
