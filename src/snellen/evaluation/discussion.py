"""The discussion of an evaluation and of a comparison, computed from their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from statistics import mean

import numpy as np
import numpy.typing as npt

from snellen.data.transforms import describe_transform
from snellen.evaluation.calibration import BINS, Calibration, ProbabilityScores, TemperatureScaling
from snellen.evaluation.comparison import ModelComparison
from snellen.evaluation.corrupted import CorruptionResult
from snellen.evaluation.corruptions import CORRUPTIONS, SEVERITIES
from snellen.evaluation.evaluate import ClassAccuracy, EvaluationResult
from snellen.evaluation.transformed import TransformResult
from snellen.intervals import SIGNIFICANCE, Estimate, Rate
from snellen.prose import (
    called,
    counted,
    estimated,
    how_many,
    listed,
    p_value,
    plain,
    sentence,
    share,
    with_article,
    word,
)

LIMITS = (
    "What this does not prove: the numbers hold for photographs drawn as these were; another camera, another place or "
    "another mix of classes has others. The intervals cover the choice of photographs, not that of the network. If the "
    "network was trained on any of these photographs, the numbers flatter it."
)
_SMALL_CLASS = 10
_PATTERN = 10
"""Mistakes from which on a pattern in them is worth a sentence."""
_NAMED = 5
_DEALS = 9999
"""How often the correct answers are dealt anew among the classes."""


def discuss(result: EvaluationResult) -> list[str]:
    """What a reader should know of this result, a paragraph each."""
    return [
        *result.warnings,
        _accuracy(result),
        *_left_out(result),
        _errors(result),
        *discuss_calibration(result.calibration),
        *([result.note] if result.note else []),
        LIMITS,
    ]


def _rate(rate: Rate) -> str:
    """A share with its count and interval; of few photographs the count alone, of one no interval."""
    if rate.n < 2:
        return f"{how_many(rate.count)} of {word(rate.n)}"
    return estimated(rate, f"{rate.count:,} of {rate.n:,}; 95% interval ")


def _right(rate: Rate) -> str:
    """On how many of the photographs a network is right; of one, whether it is."""
    if rate.n == 1:
        return f"{'right' if rate.count else 'wrong'} on the one photograph"
    return f"right on {_rate(rate)} of the photographs"


def _accuracy(result: EvaluationResult) -> str:
    """How often it is right, what a guess would give, and how far that carries."""
    occurring = len(result.per_class)
    text = f"{called(result.model)} is {_right(result.accuracy)}."
    if result.n > 1:
        text += f" Guessing among its {result.classes:,} classes would give {share(1 / result.classes)}."
    if result.top5 is not None and result.top5.n > 1:
        near = result.top5.count - result.accuracy.count
        missed = result.n - result.accuracy.count
        are = "is a near miss" if near == 1 else "are near misses"
        text += f" The true class is among its first five in {share(result.top5.share)}" + (
            f": of {counted(missed, 'mistake')}, {how_many(near)} {are}." if missed else "."
        )
    text += f" {result.splits}"
    if occurring < result.classes:
        absent = result.classes - occurring
        text += (
            f" Only {occurring:,} of its classes occur here; how it does on the other {absent:,} these photographs "
            "cannot tell."
        )
    return f"{text} {_over_classes(result)}".strip()


def _over_classes(result: EvaluationResult) -> str:
    """Whether some classes are worse than others, where there are photographs enough to say so."""
    sizes = [one.accuracy.n for one in result.per_class]
    if max(sizes) < _SMALL_CLASS:
        return (
            f"No class has more than {counted(max(sizes), 'photograph')}, so nothing can be said of single classes."
            if len(sizes) > 1
            else ""
        )
    told = [one for one in result.per_class if one.accuracy.n >= _SMALL_CLASS]
    text = f"The mean over the {_occurring(len(sizes))} is {share(result.mean_per_class.value)}."
    if _differ(told):
        worst, best = (pick(told, key=lambda one: one.accuracy.share) for pick in (min, max))
        text += (
            f" They are not alike: {plain(worst.label)} is recognised in {share(worst.accuracy.share)} of "
            f"{worst.accuracy.n}, {plain(best.label)} in {share(best.accuracy.share)} of {best.accuracy.n}."
        )
    elif len(told) > 1:
        text += f" Between classes of {word(_SMALL_CLASS)} photographs or more no difference shows beyond chance."
    if min(sizes) < _SMALL_CLASS:
        text += f" The smallest class has {min(sizes)}: its own accuracy says next to nothing."
    return text


def _differ(classes: Sequence[ClassAccuracy]) -> bool:
    """Whether chance alone would seldom make the accuracies of ``classes`` so unequal: one permutation test of all.

    The correct answers are dealt anew among all photographs, and chi-squared of what each class gets is compared: of
    many classes with few mistakes its own distribution is not that of the tables.
    """
    right = np.array([one.accuracy.count for one in classes])
    counts = np.array([one.accuracy.n for one in classes])
    if len(classes) < 2 or right.sum() in (0, counts.sum()):
        return False
    dealt = np.random.default_rng(0).multivariate_hypergeometric(counts, right.sum(), size=_DEALS, method="marginals")
    expected = counts * right.sum() / counts.sum()

    def unequal(correct: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        squares: npt.NDArray[np.float64] = ((correct - expected) ** 2 / counts).sum(axis=-1)
        return squares

    # The deal that was observed is one of them.
    as_unequal = int((unequal(dealt) >= unequal(right) * (1 - 1e-9)).sum())
    return (1 + as_unequal) / (1 + _DEALS) < SIGNIFICANCE


def _occurring(count: int) -> str:
    """The classes that occur, counted."""
    return counted(count, "class that occurs", "classes that occur")


def _left_out(result: EvaluationResult) -> list[str]:
    """What is in no number."""
    sentences = []
    if result.unmatched:
        count = sum(one.count for one in result.unmatched)
        names = ", ".join(f"{one.name} ({one.count})" for one in result.unmatched[:_NAMED])
        more = f" and {len(result.unmatched) - _NAMED} more" if len(result.unmatched) > _NAMED else ""
        whose = "its" if count == 1 else "their"
        sentences.append(f"{_in_no_number(count)}, since the model does not know {whose} class: {names}{more}.")
    if result.unlabelled:
        shows = "it shows" if result.unlabelled == 1 else "they show"
        sentences.append(f"{_in_no_number(result.unlabelled)}, since nobody says what {shows}.")
    if result.failures:
        unread = len(result.failures)
        sentences.append(f"{_in_no_number(unread)}, since {'it' if unread == 1 else 'they'} cannot be read.")
    return sentences


def _in_no_number(count: int) -> str:
    return f"{sentence(counted(count, 'photograph'))} {'is' if count == 1 else 'are'} in no number"


def _errors(result: EvaluationResult) -> str:
    """Which mistakes there are: the surest, the commonest, and whether they have a pattern."""
    if not result.wrong_and_sure:
        return "Nothing is wrong: these photographs do not tell how the network errs."
    surest, first = result.wrong_and_sure[0], result.confused[0]
    wrong = result.n - result.accuracy.count
    text = (
        f"Its surest mistake is {surest.image}: {with_article(plain(surest.label.label))}, taken for "
        f"{with_article(plain(surest.top.label))} with {share(surest.top.probability)}."
    )
    if first.count > 1:
        tied = len(result.confused) > 1 and result.confused[1].count == first.count
        often = "Among the most frequent mistakes," if tied else "Most often"
        text += (
            f" {often} {plain(first.true)} is taken for {plain(first.predicted)}, {word(first.count)} of "
            f"{counted(wrong, 'mistake')}."
        )
    elif wrong >= _PATTERN:
        text += " No two classes are confused twice."
    return text


def discuss_calibration(calibration: Calibration) -> list[str]:
    """How far the probabilities can be believed: whether they are too high, what that is worth, what mends it."""
    scores, accuracy = calibration.scores, 1 - calibration.risks[-1]
    if scores.n < 2:
        return []
    gap = calibration.mean_confidence - accuracy
    right = Rate.of_count(round(accuracy * scores.n), scores.n)
    believed = f"On average it gives its answer {share(calibration.mean_confidence)}, and is right in {share(accuracy)}"
    verdict = (
        f"it is {'over' if gap > 0 else 'under'}confident by {_points(abs(gap))}"
        if not right.low <= calibration.mean_confidence <= right.high
        else "the difference may be chance"
    )
    text = f"{believed}: {verdict}."
    if scores.n >= BINS:
        text += f" {_bin_by_bin(scores)}"
    half = calibration.risks[49]
    trust = (
        f"Its confidence is worth something all the same: answering only the surer half, it would be wrong in "
        f"{share(half)}, not {share(1 - accuracy)}."
        if _sorts(half, scores.n, scores.n - right.count)
        else "Its confidence does not sort right from wrong answers by more than chance: the surer half is wrong in "
        f"{share(half)}, all are in {share(1 - accuracy)}."
    )
    if not calibration.risks[-1]:
        trust = "It makes no mistake that its confidence could warn of."
    return [text, trust, *([] if calibration.temperature is None else [_temperature(calibration.temperature)])]


def _bin_by_bin(scores: ProbabilityScores) -> str:
    """The calibration error, beside that of a perfectly calibrated network."""
    error = scores.calibration_error
    beyond = (
        f"more than the {_points(scores.chance_error)} that {scores.n:,} photographs of a perfectly calibrated network "
        "would show"
        if error.low > scores.chance_error
        else f"which {scores.n:,} photographs cannot tell from a perfectly calibrated network's "
        f"{_points(scores.chance_error)}"
    )
    return f"Bin by bin its probabilities are off by {_points(error.value)}, {beyond}."


def _sorts(risk: float, n: int, wrong: int) -> bool:
    """Whether chance would seldom leave the surer half of ``n`` answers so few of the ``wrong`` ones."""
    # A second of a start that most commands can do without.
    from scipy.stats import hypergeom

    half = ceil(n / 2)
    return bool(hypergeom.cdf(round(risk * half), n, wrong, half) < SIGNIFICANCE)


def _points(value: float) -> str:
    """A difference of shares, as percentage points."""
    return f"{100 * value:.0f} points" if value >= 0.02 else f"{100 * value:.1f} points"


def _temperature(scaling: TemperatureScaling) -> str:
    """What one number, fitted on half of the photographs, does for the other half."""
    before, after = scaling.before, scaling.after
    sign = "flatter" if scaling.temperature > 1 else "sharper"
    written = [f"{one.log_loss.value:.2f}" for one in (before, after)]
    if written[0] == written[1]:
        verdict = f"leaves the loss of the other {after.n:,} at {written[0]}"
    else:
        lower = after.log_loss.value < before.log_loss.value
        verdict = f"{'lowers' if lower else 'raises'} the loss of the other {after.n:,} from {' to '.join(written)}"
    return (
        f"A temperature of {scaling.temperature:.2f}, fitted on {scaling.n_fit:,} of these photographs, makes the "
        f"probabilities {sign}; it {verdict}. No answer changes by it."
    )


def discuss_comparison(comparison: ModelComparison) -> str:
    """Which of two models is better, by how much, and whether that may be chance."""
    first, second = map(called, comparison.models)
    if first == second:
        first, second = comparison.models
    difference, p = comparison.difference, comparison.p_value
    parted = comparison.only_first + comparison.only_second
    shares = [share(rate.share) for rate in comparison.accuracy]
    if not parted:
        found = f"{first} and {second} get the same photographs right: {shares[0]} of {comparison.n:,}."
    else:
        ahead, low, high = (
            (second, difference.low, difference.high)
            if difference.value >= 0
            else (first, -difference.high, -difference.low)
        )
        verdict = (
            "Neither is ahead"
            if difference.value == 0
            else f"{ahead} is ahead by {_points(abs(difference.value))}"
            + (", which chance alone would seldom make" if p < SIGNIFICANCE else ", which may well be chance")
        )
        found = (
            f"{verdict}: on the same {counted(comparison.n, 'photograph')} {first} is right in {shares[0]}, "
            f"{second} in {shares[1]}. What decides is the {word(parted)} that only one of them gets right: {first} "
            f"{how_many(comparison.only_first)}, {second} {how_many(comparison.only_second)} (exact McNemar test, "
            f"{p_value(p)}; 95% interval of {ahead}'s lead {round(100 * low):+d} to {round(100 * high):+d} points)."
        )
    agreed = f"They give one answer, right or wrong, to {share(comparison.agreement.share)} of the photographs."
    return (
        f"{found} {agreed} What this does not prove: a difference that may be chance is no proof that there is none, "
        "and more than two models tried on one set need a stricter test."
    )


def discuss_corruptions(result: CorruptionResult) -> str:
    """How much corruptions cost, which cost most and why, and what AlexNet would lose; a paragraph each."""
    means = _means(result)
    ranked = sorted(means, key=lambda name: means[name])
    error, clean = result.mean_error, result.clean
    where = (
        "on the pixels that the network sees, as ImageNet-C was made"
        if result.at == "network"
        else "on the photograph at its own size, though the corruptions' constants are made for 224 pixels"
    )
    kept = Estimate(1 - error.value, 1 - error.high, 1 - error.low)
    lost = 1 - (1 - error.value) / clean.share if clean.share else 0.0
    paragraphs = [
        f"Corrupted {where}, {called(result.model)} is right in {estimated(kept)} "
        f"over {counted(len(means), 'corruption')}, averaged "
        f"over severity; without corruption it is {_right(clean)}. "
        + (f"So {share(lost)} of what it can do is lost." if lost > 0 else "They cost it nothing."),
        f"{_ranking(means, ranked)} {_why(means)}".strip(),
    ]
    if result.against_alexnet is not None:
        paragraphs.append(_beside_alexnet(result))
    paragraphs += [f"Left out: {reason}." for reason in result.left_out]
    paragraphs.append(
        "What this does not prove: these are computed stand-ins for fog, frost and the like, each alone and at five "
        "strengths; weather on a lens is another thing, and a network may have been trained on these very ones."
    )
    return "\n\n".join(paragraphs)


def _means(result: CorruptionResult) -> dict[str, float]:
    """The accuracy under each corruption, averaged over severities."""
    shares: dict[str, list[float]] = {}
    for one in result.outcomes:
        shares.setdefault(one.corruption, []).append(one.accuracy.share)
    return {name: mean(values) for name, values in shares.items()}


def _ranking(means: Mapping[str, float], ranked: Sequence[str]) -> str:
    def of(names: Sequence[str]) -> str:
        return listed([f"{plain(name)} ({share(means[name])})" for name in names])

    if len(ranked) < 4:
        return f"Averaged over severity it is right under {of(ranked)}."
    few = min(3, len(ranked) // 2)
    return f"Worst are {of(ranked[:few])}; it bears {of(ranked[: -few - 1 : -1])} best."


_NOISES = ("gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise")
_SMOOTH = ("brightness", "contrast", "saturate", "fog")
_MEANINGFUL = 0.1


def _why(means: Mapping[str, float]) -> str:
    """Through frequency: what adds fine detail against what moves brightness and colour evenly."""
    noise, smooth = ([means[name] for name in names if name in means] for names in (_NOISES, _SMOOTH))
    if not noise or not smooth:
        return ""
    fine, even = mean(noise), mean(smooth)
    if even - fine > _MEANINGFUL:
        return (
            f"What adds fine detail costs more than what changes light and colour evenly ({share(fine)} against "
            f"{share(even)}): each pixel's noise passes the first filters as edges that are not there, while an even "
            "change leaves every edge in its place."
        )
    if fine - even > _MEANINGFUL:
        return (
            f"What changes light and colour evenly costs more than noise ({share(even)} against {share(fine)}), which "
            "is unusual: the network leans on colour, or was trained with noise."
        )
    return (
        f"Noise and even changes of light and colour differ by at most {word(round(100 * _MEANINGFUL))} points "
        f"({share(fine)} and {share(even)})."
    )


def _beside_alexnet(result: CorruptionResult) -> str:
    assert result.against_alexnet is not None  # the caller's condition
    both = result.against_alexnet
    made, published = len(both.by_corruption), sum(bool(one.alexnet) for one in CORRUPTIONS.values())
    severities = sorted({one.severity for one in result.outcomes})
    parts = [f"over {word(made)} of the {published} corruptions"] if made < published else []
    parts += [f"at severity {listed([*map(str, severities)])}"] if len(severities) < len(SEVERITIES) else []
    of_some = f" {' '.join(parts)}" if parts else ""
    verdict = (
        "more than AlexNet's"
        if both.mean.low > 1
        else "less than AlexNet's"
        if both.mean.high < 1
        else "not to be told from AlexNet's"
    )
    return (
        f"Where AlexNet's published errors are 100, its errors{of_some} are {100 * both.mean.value:.0f} "
        f"({100 * both.mean.low:.0f} to {100 * both.mean.high:.0f}), {verdict}; counting only what corruption adds to "
        f"the clean error, {100 * both.relative.value:.0f} ({100 * both.relative.low:.0f} to "
        f"{100 * both.relative.high:.0f}). Published numbers are of all 50,000 validation photographs, saved as JPEG "
        "after corruption: beside them these are a guide."
    )


def discuss_transforms(result: TransformResult) -> str:
    """At what strength each transform costs half of the accuracy; a paragraph each."""
    half = result.clean.share / 2
    lost, kept = [], []
    for name in dict.fromkeys(one.transform for one in result.outcomes):
        ladder = result.ladder(name)
        fallen = next((one for one in ladder if one.accuracy.share <= half), None)
        if fallen is None:
            kept.append(f"{name} ({share(ladder[-1].accuracy.share)} at the strongest)")
        else:
            lost.append(f"{describe_transform((name, fallen.strength))} ({share(fallen.accuracy.share)})")
    found = f"Without a transform {called(result.model)} is {_right(result.clean)}. {result.sampled}"
    strengths = [
        *([f"The mildest strengths tried that leave half of that or less: {listed(lost)}."] if lost else []),
        *([f"It keeps more than half throughout under {listed(kept)}."] if kept else []),
    ]
    return "\n\n".join([
        found.strip(),
        *([" ".join(strengths)] if strengths else []),
        "What this does not prove: each transform acts alone, in its definition's position and direction, and says "
        "nothing of strengths between those tried.",
    ])  # fmt: skip
