"""The discussion of an evaluation and of a comparison, computed from their numbers."""

from __future__ import annotations

from snellen.data.transforms import describe_transform
from snellen.evaluation.calibration import BINS, Calibration, TemperatureScaling
from snellen.evaluation.comparison import ModelComparison
from snellen.evaluation.corrupted import CorruptionResult
from snellen.evaluation.evaluate import EvaluationResult
from snellen.evaluation.transformed import TransformResult
from snellen.figures import percent

LIMITS = (
    "What this does not prove: the numbers hold for photographs drawn as these were; another camera, another place or "
    "another mix of classes has others. The intervals cover the choice of photographs, not that of the network. If the "
    "network was trained on any of these photographs, the numbers flatter it."
)
_SMALL_CLASS = 10


def discuss(result: EvaluationResult) -> list[str]:
    """What a reader should know of this result, a paragraph each."""
    return [
        *result.warnings,
        _accuracy(result),
        *_left_out(result),
        *_errors(result),
        *discuss_calibration(result.calibration),
        *([result.note] if result.note else []),
        LIMITS,
    ]


def _accuracy(result: EvaluationResult) -> str:
    occurring, mean = len(result.per_class), result.mean_per_class
    top5 = "" if result.top5 is None else f" The true class is among the five most probable in {result.top5}."
    fewest = min(one.accuracy.n for one in result.per_class)
    text = (
        f"{result.model} is right on {result.accuracy}.{top5} The mean over the {occurring} classes that occur is "
        f"{mean.value:.3f}, {mean.low:.3f} to {mean.high:.3f}. {result.splits}"
    )
    if occurring < result.classes:
        text += (
            f" The model chooses among {result.classes:,} classes; {result.classes - occurring:,} of them do not occur "
            "here, and how it does on those is not known."
        )
    if fewest < _SMALL_CLASS:
        text += f" The smallest class has {fewest}: its own accuracy says next to nothing."
    return text


def _left_out(result: EvaluationResult) -> list[str]:
    """What is in no number."""
    sentences = []
    if result.unmatched:
        count = sum(one.count for one in result.unmatched)
        names = ", ".join(f"{one.name} ({one.count})" for one in result.unmatched[:5])
        more = f" and {len(result.unmatched) - 5} more" if len(result.unmatched) > 5 else ""
        sentences.append(
            f"{count} photographs are in no number, since the model does not know their class: {names}{more}."
        )
    if result.unlabelled:
        sentences.append(f"{result.unlabelled} photographs have no label and are in no number.")
    if result.failures:
        sentences.append(f"{len(result.failures)} photographs could not be read and are in no number.")
    return sentences


def _errors(result: EvaluationResult) -> list[str]:
    if not result.wrong_and_sure:
        return ["Nothing is wrong: these photographs do not tell how the network errs."]
    surest = result.wrong_and_sure[0]
    text = (
        f"Its surest mistake is {surest.image}, which shows {surest.label.label} and is taken for {surest.top.label} "
        f"with {percent(surest.top.probability)}."
    )
    first = result.confused[0]
    if first.count > 1:
        wrong = result.n - result.accuracy.count
        text += f" Most often, {first.count} of {wrong} mistakes, {first.true} is taken for {first.predicted}."
    return [text]


def discuss_calibration(calibration: Calibration) -> list[str]:
    """How far the probabilities can be believed."""
    scores, accuracy = calibration.scores, 1 - calibration.risks[-1]
    gap = calibration.mean_confidence - accuracy
    error = scores.calibration_error
    direction = "over" if gap > 0 else "under"
    text = (
        f"Its mean confidence is {percent(calibration.mean_confidence)} and it is right in {percent(accuracy)}: "
        f"{direction}confident by {percent(abs(gap))}. The expected calibration error ({BINS} bins of equal numbers) "
        f"is {error.value:.3f} ({error.low:.3f} to {error.high:.3f}); with {scores.n} photographs a perfectly "
        f"calibrated network would show {scores.chance_error:.3f}. Brier score {scores.brier.value:.3f}, "
        f"negative log-likelihood {scores.log_loss.value:.3f}."
    )
    half = calibration.risks[49]
    abstention = (
        f"Answering only the surer half of the photographs it would be wrong in {percent(half)} of them, not "
        f"{percent(1 - accuracy)}; the area under risk against coverage is {scores.risk_coverage.value:.4f}."
    )
    return [text, abstention, *([] if calibration.temperature is None else [_temperature(calibration.temperature)])]


def _temperature(scaling: TemperatureScaling) -> str:
    before, after = scaling.before, scaling.after
    sign = "too sure of itself" if scaling.temperature > 1 else "less sure than it could be"
    return (
        f"A temperature of {scaling.temperature:.2f}, fitted on {scaling.n_fit} of the photographs ({sign}), takes the "
        f"calibration error of the other {after.n} from {before.calibration_error.value:.3f} to "
        f"{after.calibration_error.value:.3f} and their negative log-likelihood from {before.log_loss.value:.3f} to "
        f"{after.log_loss.value:.3f}; no answer changes by it."
    )


def discuss_comparison(comparison: ModelComparison) -> str:
    """Which of two models is better, and whether that may be chance."""
    first, second = comparison.models
    difference, p = comparison.difference, comparison.p_value
    parted = comparison.only_first + comparison.only_second
    better = second if difference.value > 0 else first
    verdict = (
        "Neither is ahead"
        if difference.value == 0
        else f"{better} is ahead by {percent(abs(difference.value))}"
        + (", which chance alone would seldom make" if p < 0.05 else ", which may well be chance")
    )
    return (
        f"On the same {comparison.n} photographs {first} is right on {comparison.accuracy[0]}, {second} on "
        f"{comparison.accuracy[1]}. {verdict}: of {parted} photographs that one gets right and the other wrong, "
        f"{first} has {comparison.only_first} and {second} {comparison.only_second} (exact McNemar test, p = {p:.3g}; "
        f"difference {difference.value:+.3f}, 95% interval {difference.low:+.3f} to {difference.high:+.3f}). They give "
        f"one class, right or wrong, to {comparison.agreement}. What this does not prove: a difference that may be "
        "chance is no proof that there is none, and more than two models tried on one set need a stricter test."
    )


def discuss_corruptions(result: CorruptionResult) -> str:
    """Which corruptions cost most."""
    means: dict[str, list[float]] = {}
    for one in result.outcomes:
        means.setdefault(one.corruption, []).append(one.accuracy.share)
    ranked = sorted(means, key=lambda name: sum(means[name]) / len(means[name]))
    listed = [f"{name.replace('_', ' ')} ({percent(sum(means[name]) / len(means[name]), 0)})" for name in ranked]
    where = (
        f"on the {result.size[0]} x {result.size[1]} pixels that the network sees, as ImageNet-C was made"
        if result.at == "network"
        else "on the photograph at its own size, though the corruptions' constants are made for 224 pixels"
    )
    mean = result.mean_error
    sentences = [
        f"Corrupted {where}, {result.model} falls from {result.clean} to a mean accuracy of {1 - mean.value:.3f} "
        f"({1 - mean.high:.3f} to {1 - mean.low:.3f}). {result.sampled}",
        f"Of the corruptions, averaged over severity, these cost most: {', '.join(listed[:3])}; these least: "
        f"{', '.join(listed[:-4:-1])}.",
    ]
    if result.against_alexnet is not None:
        mce, relative = result.against_alexnet.mean, result.against_alexnet.relative
        left = (
            "" if not result.left_out else f" over the {len(result.against_alexnet.by_corruption)} that could be made"
        )
        sentences.append(
            f"Against AlexNet's published errors its mean corruption error{left} is {100 * mce.value:.1f} "
            f"({100 * mce.low:.1f} to {100 * mce.high:.1f}), the relative one {100 * relative.value:.1f} "
            f"({100 * relative.low:.1f} to {100 * relative.high:.1f}); AlexNet's are 100. Published numbers are of all "
            "50,000 validation photographs, saved as JPEG after corruption: beside them these are a guide."
        )
    worst = max(result.outcomes, key=lambda one: one.calibration_error)
    sentences.append(
        f"Its calibration error goes from {result.clean_calibration_error:.3f} to {worst.calibration_error:.3f} under "
        f"{worst.corruption.replace('_', ' ')} of severity {worst.severity}."
    )
    sentences += [f"Left out: {reason}." for reason in result.left_out]
    sentences.append(
        "What this does not prove: these are computed stand-ins for fog, frost and the like, each alone and at five "
        "strengths; weather on a lens is another thing, and a network may have been trained on these very ones."
    )
    return " ".join(sentences)


def discuss_transforms(result: TransformResult) -> str:
    """At what strength each transform costs half of the accuracy."""
    half = result.clean.share / 2
    lost, kept = [], []
    for name in dict.fromkeys(one.transform for one in result.outcomes):
        ladder = result.ladder(name)
        fallen = next((one for one in ladder if one.accuracy.share <= half), None)
        if fallen is None:
            kept.append(f"{name} ({percent(ladder[-1].accuracy.share, 0)} at the strongest)")
        else:
            lost.append(f"{describe_transform((name, fallen.strength))} ({percent(fallen.accuracy.share, 0)})")
    sentences = [f"On the photographs as they are, {result.model} has an accuracy of {result.clean}. {result.sampled}"]
    if lost:
        sentences.append(f"The mildest strengths tried that leave half of it or less: {'; '.join(lost)}.")
    if kept:
        sentences.append(f"It keeps more than half throughout under {', '.join(kept)}.")
    sentences.append(
        "What this does not prove: each transform acts alone, in its definition's position and direction, and says "
        "nothing of strengths between those tried."
    )
    return " ".join(sentences)
