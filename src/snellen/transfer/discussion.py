"""The discussion of a probe: sentences computed from its numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from snellen.data.datasets.leaks import describe_leaks
from snellen.data.datasets.pets import is_pets
from snellen.transfer.few import FewShotResult
from snellen.transfer.linear import FOLDS, GRID, ClassifierKind
from snellen.transfer.probe import ProbeResult
from snellen.transfer.published import OFFICIAL_SIZES, PETS_BASELINES

_METHOD: dict[ClassifierKind, str] = {
    "logistic": (
        "The classifier is multinomial logistic regression: the softmax of a linear function, trained by L-BFGS to "
        "give the true class a high probability, with a penalty on the squared length of its weights."
    ),
    "svm": (
        "The classifier is a linear support vector machine with squared hinge loss, one class against the rest: "
        "it asks for a margin and ignores what is beyond it. Its outputs are margins, not probabilities."
    ),
    "ridge": (
        "The classifier is ridge regression onto +1 and -1, one class against the rest: it has a closed solution, "
        "and pays also for being too far on the right side. Its outputs are not probabilities."
    ),
}


def discuss(result: ProbeResult) -> list[str]:
    """What a reader should know of this result, one sentence or two each."""
    sentences = [_accuracy(result)]
    if is_pets(result.labels):
        sentences.append(_published(result))
    sentences.append(_classes(result))
    if result.confused:
        sentences.append(_confusion(result))
    sentences += [_fit(result), _METHOD[result.kind], _features(result), _regularisation(result)]
    if result.leaks:
        sentences.append(_leaks(result))
    sentences += result.reading
    if result.failures:
        sentences.append(f"{len(result.failures)} images could not be read and are in no number.")
    if result.note:
        sentences.append(result.note)
    return sentences


def _features(result: ProbeResult) -> str:
    if result.non_negative:
        sign = f"None is negative, as after a ReLU, and {result.zero_fraction:.0%} are zero"
    else:
        sign = "Some are negative: this network does not end its features with a ReLU"
    mirrored = " They are the mean over each photograph and its mirror image." if result.features.mirrored else ""
    height, width = result.preprocessing.size
    return (
        f"It sees {result.width:,} features of each photograph, from inputs of {height} x {width} pixels. {sign}; "
        f"scaled to unit length, only their proportions count.{mirrored}"
    )


def _regularisation(result: ProbeResult) -> str:
    folds, scores = result.cross_validation.folds, result.cross_validation.scores
    best = max(score.mean for score in scores)
    worst = min(scores, key=lambda score: score.mean)
    text = (
        f"Cross-validation in {folds} folds inside the training split chose C = {result.c:g}, the middle of the "
        f"values that it cannot tell from the best ({best:.3f}); the worst, {worst.c:g}, has {worst.mean:.3f}."
    )
    if folds < FOLDS:
        text += f" The smallest class allows only {folds} folds, so this choice is noisy."
    if result.c in (GRID[0], GRID[-1]):
        text += " It lies at the end of the values tried: a value beyond might do as well."
    return text


def _fit(result: ProbeResult) -> str:
    gap = result.train_accuracy - result.mean_per_class_accuracy.value
    per_class = result.n_train / len(result.per_class)
    if result.train_accuracy > 0.999:
        relation = (
            "more than the training images need to be told apart, so they are separated without a mistake and the "
            "penalty decides between the many classifiers that do so"
            if result.width > result.n_train
            else "enough to separate the training images without a mistake"
        )
    else:
        relation = "not enough to separate the training images fully at this penalty"
    return (
        f"It learned from {result.n_train:,} photographs, about {per_class:.0f} a class, in {result.width:,} "
        f"dimensions: {relation}. Training accuracy is {result.train_accuracy:.3f}, {abs(gap):.3f} "
        f"{'above' if gap >= 0 else 'below'} the test's."
    )


def _classes(result: ProbeResult) -> str:
    perfect = sum(rate.share == 1 for rate in result.per_class)
    tested = sum(rate.n > 0 for rate in result.per_class)
    hardest = ", ".join(
        f"{_plain(label)} ({rate.share:.2f} of {rate.n})" for label, rate in result.hardest(3) if rate.share < 1
    )
    text = f"{perfect} of {tested} classes are classified without a mistake."
    return f"{text} The hardest: {hardest}." if hardest else text


def _confusion(result: ProbeResult) -> str:
    wrong = result.n - result.accuracy.count
    first = result.confused[0]
    text = f"{wrong} of {result.n:,} test photographs are classified wrongly"
    if first.count == 1:
        return f"{text}; no pair of classes is confused more than once."
    listed = sum(pair.count for pair in result.confused)
    return (
        f"{text}. Most often {_plain(first.true)} is taken for {_plain(first.predicted)} ({first.count}); the "
        f"{len(result.confused)} most confused pairs hold {listed} of "
        f"the {wrong} mistakes{', so most mistakes lie in few pairs' if wrong > 10 and listed > wrong / 2 else ''}."
    )


def _accuracy(result: ProbeResult) -> str:
    accuracy = result.mean_per_class_accuracy
    fewest = min(one.n for one in result.per_class if one.n)
    text = (
        f"Mean-per-class accuracy is {accuracy.value:.3f}, with a 95% bootstrap interval from {accuracy.low:.3f} to "
        f"{accuracy.high:.3f} over {result.n:,} test images; it covers the choice of test images, not that of training "
        "images."
    )
    if fewest < 10:
        text += f" With {fewest} images in the smallest class, one of them moves its accuracy by {1 / fewest:.2f}."
    return text


def _leaks(result: ProbeResult) -> str:
    text = describe_leaks(result.leaks, result.n)
    if result.without_leaks is None:
        return text
    return f"{text} On the other images mean-per-class accuracy is {result.without_leaks.value:.3f}."


def _published(result: ProbeResult) -> str:
    reference = PETS_BASELINES[0]
    if (result.n_train, result.n) == OFFICIAL_SIZES and len(result.per_class) == 37:
        difference = 100 * (result.mean_per_class_accuracy.value - reference.accuracy)
        return (
            f"The protocol is that of the published numbers: this is {abs(difference):.1f} points "
            f"{'above' if difference >= 0 else 'below'} a linear classifier on {reference.model} "
            f"({reference.accuracy:.1%})."
        )
    return (
        f"The published numbers are for 37 breeds with the official split of {OFFICIAL_SIZES[0]:,} and "
        f"{OFFICIAL_SIZES[1]:,} photographs; this has {len(result.per_class)} breeds, {result.n_train:,} and "
        f"{result.n:,}, so it cannot be compared with them."
    )


def compare_sentence(results: Sequence[ProbeResult]) -> str:
    """Which of several networks is best on one data set, and whether the difference can be trusted."""
    ranked = sorted(results, key=lambda one: -one.mean_per_class_accuracy.value)
    best, second = ranked[0], ranked[1]
    one, other = best.mean_per_class_accuracy, second.mean_per_class_accuracy
    apart = one.value - other.value
    noise = math.hypot(one.high - one.low, other.high - other.low) / 2
    trust = (
        "more than the test's uncertainty" if apart > noise else "less than the test's uncertainty, so it may be chance"
    )
    return (
        f"{best.model} is best with {one.value:.3f}, {apart:.3f} above {second.model}: {trust}. The intervals take the "
        "networks as if tested on different photographs, which overstates the uncertainty of the difference."
    )


def discuss_few_shot(result: FewShotResult) -> list[str]:
    """What a reader should know of a curve over examples, one sentence or two each."""
    first, last = result.points[0], result.points[-1]
    drawings, chance = len(first.accuracies), 1 / len(result.labels)
    over = f"over {drawings} drawings of the examples" if drawings > 1 else "with one drawing of the examples"
    sentences = [
        f"From {_examples(first.shots)} a class mean-per-class accuracy is {first.mean:.3f} (deviation "
        f"{first.deviation:.3f} {over}); guessing gives {chance:.3f}."
    ]
    if last.shots > first.shots:
        gain = last.mean - first.mean
        sentences.append(
            f"From {_examples(last.shots)} it is {last.mean:.3f} (deviation {last.deviation:.3f}), "
            f"{abs(gain):.3f} {'more' if gain >= 0 else 'less'}."
        )
    sentences.append(
        f"Every classifier is tested on the same {result.n:,} images and has C = {result.c:g}: no example is to spare "
        "for choosing it. The deviation is what the choice of examples makes; that of the test images is not in it. "
        "With one seed, fewer examples are the first of more."
    )
    if result.leaks:
        sentences.append(describe_leaks(result.leaks, result.n))
    if result.failures:
        sentences.append(f"{len(result.failures)} images could not be read and are in no number.")
    if result.note:
        sentences.append(result.note)
    return sentences


def _examples(count: int) -> str:
    return f"{count} example{'s' if count > 1 else ''}"


def _plain(label: str) -> str:
    return label.replace("_", " ")
