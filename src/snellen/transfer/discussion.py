"""The discussion of a probe: sentences computed from its numbers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

from snellen.data.datasets.leaks import describe_leaks
from snellen.data.datasets.pets import PETS, is_pets, species_of
from snellen.intervals import SIGNIFICANCE, Paired, Rate
from snellen.prose import counted, estimated, how_many, listed, p_value, plain, sentence, share, with_decimal, word
from snellen.transfer.few import FewShotResult
from snellen.transfer.known import permute_classes
from snellen.transfer.linear import FOLDS, GRID, ClassifierKind, CVScore
from snellen.transfer.probe import ProbeResult
from snellen.transfer.published import OFFICIAL_SIZES, PETS_BASELINES

_METHOD: dict[ClassifierKind, str] = {
    "logistic": (
        "The classifier is multinomial logistic regression (scikit-learn's LogisticRegression): a linear layer and a "
        "softmax, the very layer that the network itself ends in, trained by L-BFGS with a penalty on the squared "
        "length of its weights. Of the three linear classifiers that are offered (this, a support vector machine, "
        "ridge regression) it is the one whose loss is the network's own, the cross-entropy, and whose outputs are "
        "probabilities."
    ),
    "svm": (
        "The classifier is a linear support vector machine (scikit-learn's LinearSVC) with squared hinge loss, one "
        "class against the rest: it asks for a margin and ignores what lies beyond it. Its outputs are margins, not "
        "probabilities."
    ),
    "ridge": (
        "The classifier is ridge regression onto +1 and \N{MINUS SIGN}1 (scikit-learn's RidgeClassifier), one class "
        "against the rest: it has a closed solution, and "
        "pays also for being too far on the right side. Its outputs are not probabilities."
    ),
}
_TO_WARN = 5
"""Right answers, and wrong ones, from which on it is told whether their probabilities differ."""
_ASSIGNED_WIDTHS = (2000, 6000)
_FEW = 10
_HARDEST, _NAMED = 3, 8


def discuss(result: ProbeResult, before: Sequence[ProbeResult] = ()) -> list[str]:
    """What a reader should know of this result, a paragraph each: findings, mistakes, method, what limits it.

    Args:
        result: the probe.
        before: probes that were discussed just before it; what holds of the method as it did there is not told again.
    """
    return [*discuss_findings(result, before), *discuss_method(result, before), *result.reading]


def discuss_findings(result: ProbeResult, before: Sequence[ProbeResult] = (), table: str = "") -> list[str]:
    """The first paragraphs of :func:`discuss`: the accuracy, and the mistakes.

    Args:
        result: the probe.
        before: as for :func:`discuss`.
        table: what names a table of the published numbers on the pets; empty where there is none.
    """
    beside = _published(result, before, f" ({table})" if table else "") if is_pets(result.labels) else ""
    return [f"{_accuracy(result, before)} {beside}".strip(), _mistakes(result)]


def discuss_method(result: ProbeResult, before: Sequence[ProbeResult] = ()) -> list[str]:
    """Its other paragraphs: the classifier, the choice of C, and what limits the result."""
    return [
        *_method(result, before),
        *([_leaks(result)] if result.leaks else []),
        *([f"{_unread(len(result.failures))}"] if result.failures else []),
        *([result.note] if result.note else []),
    ]


def _method(result: ProbeResult, before: Sequence[ProbeResult]) -> list[str]:
    """The classifier, how C was chosen, and what it learned from; where this was said ``before``, that it was."""
    told = {text for one in before for text in _method_by_topic(one).values()}
    topics = _method_by_topic(result)
    again = [topic for topic, text in topics.items() if text in told]
    if "classifier" in again:
        topics = {"choice of C": _chosen_again(result), "training": _fit_again(result)}
    first, *others = [text for topic, text in topics.items() if topic not in again] or [""]
    if again:
        first = f"The {listed(again)} {'is' if len(again) == 1 else 'are'} the same. {first}".strip()
    return [first, *others, *_probabilities(result)]


def _probabilities(result: ProbeResult) -> list[str]:
    """What the probabilities of a logistic probe are good for."""
    if result.confidence is None:
        return []
    found, right, wrong = result.confidence, result.accuracy.count, result.n - result.accuracy.count
    means = (
        f"Its first answer has a probability of {share(found.right)} on average where it is right (n = {right:,}) and "
        f"of {share(found.wrong)} where it is wrong (n = {wrong:,})"
    )
    if min(right, wrong) < _TO_WARN:
        return [f"{means}: too few to tell whether a low probability warns of a mistake."]
    use = (
        "a low probability warns of a mistake"
        if found.auroc > 0.5 and found.p_value < SIGNIFICANCE
        else "its probability does not warn of a mistake"
    )
    return [
        f"{means}. Of a right and a wrong answer drawn at random the right one has the higher probability in "
        f"{share(found.auroc)} of the draws (area under the ROC curve; Mann-Whitney test, {_p(found.p_value)}): {use}."
    ]


def _p(value: float) -> str:
    return f"p = {value:.2g}" if value >= _LEAST_P else f"p < {_LEAST_P:g}"


_LEAST_P = 0.001
"""The least p-value that is written out."""


def _method_by_topic(result: ProbeResult) -> dict[str, str]:
    return {
        "classifier": _METHOD[result.kind],
        "choice of C": _regularisation(result),
        "training": f"{_fit(result)} {_features(result)}",
    }


def headline(results: Sequence[ProbeResult], names: Sequence[str]) -> str:
    """The accuracy on each data set, in one sentence.

    Args:
        results: at least one.
        names: what to call their data sets; one that stands alone is not named.
    """
    measured = [estimated(one.mean_per_class_accuracy, after=f"; {one.n:,} test photographs") for one in results]
    classes = [f"{len(one.labels)} {'breeds' if is_pets(one.labels) else 'classes'}" for one in results]
    told = [f"{count} of {name}" if len(results) > 1 else count for count, name in zip(classes, names, strict=True)]
    text = (
        f"A linear classifier of the frozen features tells the {told[0]} apart with a mean-per-class accuracy of "
        f"{measured[0]}"
    )
    others = [f"the {count} with {accuracy}" for count, accuracy in zip(told[1:], measured[1:], strict=True)]
    return listed([text, *others])


def _accuracy(result: ProbeResult, before: Sequence[ProbeResult]) -> str:
    accuracy = result.mean_per_class_accuracy
    tested = [rate for rate in result.per_class if rate.n]
    text = (
        f"With the network frozen, its features tell the {len(tested)} classes apart "
        f"with a mean-per-class accuracy of {estimated(accuracy, '95% interval ')}; guessing "
        f"would give {share(1 / len(tested))}."
    )
    fewest, most = min(rate.n for rate in tested), max(rate.n for rate in tested)
    if fewest < _FEW:
        which = "Each class has" if fewest == most else "The smallest class has only"
        text += (
            f" {which} {counted(fewest, 'test photograph')}: one of them moves its accuracy by "
            f"{100 / fewest:.0f} points."
        )
    return text + _other_divisions(result, before)


def _other_divisions(result: ProbeResult, before: Sequence[ProbeResult]) -> str:
    """What other divisions of the same photographs give, and where among them this one lies; how they were drawn is
    told once.
    """
    found, here = result.resplits, result.mean_per_class_accuracy.value
    if found is None:
        return ""
    where = "among" if found.least <= here <= found.greatest else "above" if here > found.greatest else "below"
    drawn = (
        f"other divisions of the same photographs, drawn with as many of each class to learn from and this C, it is "
        f"{100 * found.mean:.1f}% on average, with"
        if all(one.resplits is None for one in before)
        else f"other divisions it is {100 * found.mean:.1f}% on average, with"
    )
    return (
        f" Over {word(found.count)} {drawn} a standard deviation of {100 * found.deviation:.1f} points "
        f"({100 * found.least:.1f}% to {100 * found.greatest:.1f}%): the one that is reported, {100 * here:.1f}%, lies "
        f"{where} them."
    )


def _mistakes(result: ProbeResult) -> str:
    """Which classes are hard, and which are taken for which."""
    wrong = result.n - result.accuracy.count
    tested = sum(rate.n > 0 for rate in result.per_class)
    if not wrong:
        return f"All {tested} classes are recognised without a mistake, so these photographs do not tell how it errs."
    perfect = sum(rate.n > 0 and rate.share == 1 for rate in result.per_class)
    text = _hardest(result)
    text += f"; {word(perfect)} of {word(tested)} classes are never missed." if perfect else "."
    first = result.confused[0]
    if first.count == 1:
        return f"{text} {_mistaken_once(result)}{_species(result, wrong)}"
    return f"{text} {_pairs(result, wrong)}{_species(result, wrong)}"


def _pairs(result: ProbeResult, wrong: int) -> str:
    """Which class is taken for which, and how often: each such pair where the few that are listed are all."""
    names = result.names
    told = [f"{names[pair.true]} is taken for {names[pair.predicted]} {_times(pair.count)}" for pair in result.confused]
    held = sum(pair.count for pair in result.confused)
    if held == wrong:
        return f"All {counted(wrong, 'mistake')} are these: {listed(told)}."
    pattern = (
        f" Its mistakes have a pattern: {word(len(told))} pairs hold {held} of all {wrong}."
        if wrong > 10 and held > wrong / 2
        else f" They are spread out: the {word(len(told))} commonest pairs hold {held} of all {wrong}."
        if wrong > 10
        else ""
    )
    tied = len(result.confused) > 1 and result.confused[1].count == result.confused[0].count
    return f"{'Among the most frequent mistakes,' if tied else 'Most often'} {told[0]}.{pattern}"


def _species(result: ProbeResult, wrong: int) -> str:
    """Of the pets, of which there are cats and dogs: how many mistakes take one for the other."""
    species = [species_of(label) for label in result.labels]
    if not is_pets(result.labels) or len(set(species)) < 2:
        return ""
    within = sum(
        count
        for true, row in enumerate(result.confusion)
        for predicted, count in enumerate(row)
        if true != predicted and species[true] == species[predicted]
    )
    if within == wrong:
        kinds = {one for one, rate in zip(species, result.per_class, strict=True) if rate.count < rate.n}
        which = listed([f"a {one} for another {one}" for one in sorted(kinds)]).replace(" and ", " or ")
        return f" No cat is taken for a dog and no dog for a cat: each mistake takes {which}."
    across = wrong - within
    names = list(result.names.values())
    told = [
        f"{names[true]} is taken for {names[predicted]}{f' {_times(count)}' if count > 1 else ''}"
        for true, row in enumerate(result.confusion)
        for predicted, count in enumerate(row)
        if count and species[true] != species[predicted]
    ]
    which = f": {listed(told)}" if len(told) <= _HARDEST else ""
    return (
        f" {sentence(word(within))} of the {word(wrong)} mistakes {'is one' if within == 1 else 'are'} between two "
        f"cats or two dogs, {word(across)} between a cat and a dog{which}."
    )


def _mistaken_once(result: ProbeResult) -> str:
    """Of mistakes of which no two are alike: whether two classes are nevertheless taken for each other."""
    counts = result.confusion
    names = list(result.names.values())
    mutual = [
        f"{names[one]} and {names[other]}"
        for one, other in itertools.combinations(range(len(result.labels)), 2)
        if counts[one][other] and counts[other][one]
    ]
    if not mutual:
        return "No two classes are confused more than once."
    if len(mutual) == 1:
        return f"No confusion occurs twice; only {mutual[0]} are confused both ways."
    return f"No confusion occurs twice; these are confused both ways: {'; '.join(mutual)}."


def _hardest(result: ProbeResult) -> str:
    """The classes with the lowest accuracy: up to three, or where more are equally hard, all of these."""
    missed = [(label, rate) for label, rate in result.hardest(len(result.labels)) if rate.share < 1]
    lowest = missed[0][1].share
    equal = [label for label, rate in missed if rate.share == lowest]
    if len(equal) > _HARDEST:
        counts = {(rate.count, rate.n) for _, rate in missed if rate.share == lowest}
        right = "{} of {}".format(*counts.pop()) if len(counts) == 1 else share(lowest)
        named = listed([result.names[label] for label in equal]) if len(equal) <= _NAMED else ""
        return f"Hardest are {word(len(equal))} classes with {right} right{f': {named}' if named else ''}"
    cut = missed[_HARDEST][1].share if len(missed) > _HARDEST else math.nan
    hardest = [
        f"{result.names[label]} ({rate.count} of {rate.n})" for label, rate in missed[:_HARDEST] if rate.share != cut
    ]
    return f"Hardest {'are' if len(hardest) > 1 else 'is'} {listed(hardest)}"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{word(count)} times")


def _regularisation(result: ProbeResult) -> str:
    """How C was chosen, and how much it matters."""
    return (
        f"C, the inverse of the penalty's weight, is chosen from {GRID[0]:g} to {GRID[-1]:,.0f}, each ten times the "
        f"one before, by cross-validation inside the training split ({result.cross_validation.folds} folds). "
        f"{_chosen_c(result)}"
    )


def _chosen_c(result: ProbeResult) -> str:
    """Which C was the best in cross-validation, which was taken and why, and how much it matters."""
    found = result.cross_validation
    best, plateau = found.best, found.plateau
    if len(plateau) == 1:
        alike = "No other C next to it is within one standard error of that, so it is taken."
    elif len(plateau) == 2:
        alike = (
            f"C = {plateau[0].c:,g} and {plateau[1].c:,g} lie within one standard error of that, so cross-validation "
            f"does not tell them apart; the smaller, {result.c:,g}, is taken, as the one with the larger penalty."
        )
    else:
        alike = (
            f"C = {plateau[0].c:,g} to {plateau[-1].c:,g} lie within one standard error of that, so cross-validation "
            f"does not tell them apart. The {_which_of(len(plateau))}, {result.c:,g}, is taken because it is the least "
            "sensitive choice: ten times less or more would still be among them. (Breiman et al. would take the "
            f"simplest, the smallest C, {plateau[0].c:,g}.)"
        )
    return (
        f"The best, C = {best.c:,g}, has {with_decimal(best.mean)} with a standard error of "
        f"{100 * found.standard_error:.1f} points. {alike} {_how_much_it_matters(result)}"
    )


def _chosen_again(result: ProbeResult) -> str:
    """The same of a further probe, whose C was chosen as that of the one before."""
    found = result.cross_validation
    return (
        f"C is chosen as before: the best, C = {found.best.c:,g}, has {with_decimal(found.best.mean)} with a standard "
        f"error of {100 * found.standard_error:.1f} points{_taken_again(result)}. {_how_much_it_matters(result)}"
    )


def _taken_again(result: ProbeResult) -> str:
    """Which of the C within one standard error of the best is taken, by the rule that the first probe's text tells."""
    plateau = result.cross_validation.plateau
    if len(plateau) == 1:
        return ", and is taken, as no other next to it is within that"
    ends = (
        " and ".join(f"{score.c:,g}" for score in plateau)
        if len(plateau) == 2
        else (f"{plateau[0].c:,g} to {plateau[-1].c:,g}")
    )
    return f"; within that lie C = {ends}, and {result.c:,g}, the {_which_of(len(plateau))}, is taken"


def _which_of(plateau: int) -> str:
    """Which of so many values of C, two or more, that cannot be told apart is taken."""
    if plateau == 2:
        return "smaller"
    return "middle one" if plateau % 2 else "lower of the two middle ones"


def _how_much_it_matters(result: ProbeResult) -> str:
    """How far the worst C is below the best, and what makes the choice uncertain."""
    found = result.cross_validation
    best, worst = found.best, min(found.scores, key=lambda score: score.mean)
    text = (
        "It does not matter: all C tried do equally well."
        if best.mean == worst.mean
        else _worst_beside_best(worst, best, found.folds, len(found.scores) - 1)
    )
    if found.folds < FOLDS:
        text += f" The smallest class allows only {found.folds} folds, so this choice is noisy."
    if result.c in (GRID[0], GRID[-1]):
        text += " It lies at the end of the values tried: a value beyond might do as well."
    return text


def _worst_beside_best(worst: CVScore, best: CVScore, folds: int, others: int) -> str:
    """How much more often the worst C errs than the best, and whether that is more than the folds differ by chance.

    Welch's t-test on the folds, which it takes for unpaired, times the number of ``others`` that the worst was picked
    from.
    """
    # A second of a start that most commands can do without.
    from scipy.stats import ttest_ind_from_stats

    wrong, least = 1 - worst.mean, 1 - best.mean
    deviations = [score.std * math.sqrt(folds / (folds - 1)) for score in (worst, best)]
    p_value = 0.0
    if any(deviations):
        test = ttest_ind_from_stats(worst.mean, deviations[0], folds, best.mean, deviations[1], folds, equal_var=False)
        p_value = min(1.0, others * float(test.pvalue))
    errs = (
        f"C = {worst.c:,g}, the worst tried, errs {wrong / least:.1f} times as often as C = {best.c:,g} "
        f"({with_decimal(wrong)} against {with_decimal(least)}"
        if least
        else f"C = {worst.c:,g}, the worst tried, errs in {with_decimal(wrong)}, C = {best.c:,g} never ("
    )
    tested = f"Welch's t-test over the folds, {_p(p_value)}, times the {word(others)} it was picked from)"
    between = "; " if least else ""
    if p_value < SIGNIFICANCE:
        return f"It matters: {errs}{between}{tested}."
    return f"{sentence(errs)}{between}{tested}, which may be chance."


def _fit(result: ProbeResult) -> str:
    gap = result.train_accuracy - result.mean_per_class_accuracy.value
    fewest, most = min(result.train_counts), max(result.train_counts)
    per_class = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
    learned = f"It learned from {result.n_train:,} photographs, {per_class} of each class."
    if result.train_accuracy < 1:
        right = f"{with_decimal(result.train_accuracy)} of a class right in the mean"
        return (
            f"{learned} They are not separated fully at this penalty: it gets {right}, {100 * abs(gap):.0f} points "
            f"{'more' if gap >= 0 else 'fewer'} than of the test photographs."
        )
    why = (
        f"with {result.width:,} dimensions for {result.n_train:,} points they can be separated here, and the "
        "penalty decides between the many classifiers that do so"
        if result.width > result.n_train
        else "the classes lie apart in the features"
    )
    return f"{learned} It makes no mistake on them: {why}."


def _fit_again(result: ProbeResult) -> str:
    """Of a further probe with the same classifier: what it learned from, and how well it fits that."""
    fewest, most = min(result.train_counts), max(result.train_counts)
    per_class = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
    fitted = (
        "all of them" if result.train_accuracy == 1 else f"{with_decimal(result.train_accuracy)} of a class in the mean"
    )
    return (
        f"It learned from {result.n_train:,} photographs, {per_class} of each class, and gets {fitted} right; "
        f"{share(result.zero_fraction)} of their and the test photographs' {result.width:,} features are zero."
    )


def _features(result: ProbeResult) -> str:
    height, width = result.preprocessing.size
    low, high = _ASSIGNED_WIDTHS
    asked = (
        "" if low <= result.width <= high else f" (the assignment expects {low:,} to {high:,}, as larger networks have)"
    )
    sign = (
        f"none is negative, as after a ReLU, and {share(result.zero_fraction)} are zero"
        if result.non_negative
        else "some are negative, since this network does not end its features with a ReLU"
    )
    mirrored = " They are the mean over each photograph and its mirror image." if result.features.mirrored else ""
    return (
        f"Each photograph, seen at {height} x {width} pixels, becomes {result.width:,} features{asked}: {sign}. "
        "Divided by its L2 norm, it counts by the proportions of its features, not by how strongly all of them "
        f"respond; what that gains was not measured.{mirrored}"
    )


def _unread(count: int) -> str:
    return (
        f"{sentence(counted(count, 'photograph'))} could not be read and {'is' if count == 1 else 'are'} in no number."
    )


def _leaks(result: ProbeResult) -> str:
    text = describe_leaks(result.leaks, result.n)
    if result.without_leaks is None:
        return text
    return f"{text} On the other images mean-per-class accuracy is {with_decimal(result.without_leaks.value)}."


def _published(result: ProbeResult, before: Sequence[ProbeResult], table: str) -> str:
    """How the accuracy compares with the published numbers; ``before`` it others were."""
    reference = PETS_BASELINES[0]
    if (result.n_train, result.n) == OFFICIAL_SIZES and len(result.per_class) == 37:
        difference = 100 * (result.mean_per_class_accuracy.value - reference.accuracy)
        return (
            f"The protocol is that of the published numbers{table}: this is {abs(difference):.1f} points "
            f"{'above' if difference >= 0 else 'below'} a linear classifier on {reference.model} "
            f"({reference.accuracy:.1%})."
        )
    published = OFFICIAL_SIZES[0] / len(PETS)
    classes, learned = len(result.labels), result.n_train / len(result.labels)
    reasons = [
        *(["fewer breeds are easier to tell apart"] if classes < len(PETS) else []),
        *(["fewer photographs to learn from make it harder"] if learned < _FEWER * published else []),
    ]
    why = f" ({listed(reasons)})" if reasons else ""
    counts = (
        f"for {len(PETS)} breeds with about {published:.0f} photographs of each to learn from; here {classes} have "
        f"{learned:.0f}{why}"
    )
    if any(is_pets(one.labels) for one in before):
        return f"The published {reference.accuracy:.1%} is {counts}."
    return (
        f"The published numbers{table} are {counts}, so they say what the whole data set allows, not what this should "
        "reach."
    )


_FEWER = 0.9
"""Share of the published number of photographs a class, below which there are fewer."""


def compare_known(result: ProbeResult, known: Sequence[bool | None], before: Sequence[ProbeResult] = ()) -> list[str]:
    """How the classes that the network has a class of its own for fare beside those that it has none for.

    Args:
        result: the probe.
        known: for each of its classes whether it is one of the network's own; None where that is not certain.
        before: probes that were discussed just before it; what such classes mean is not told again.

    Returns:
        A paragraph; none where the test has not photographs of both.
    """
    names = result.names
    groups = {
        own: [(names[label], rate) for label, rate, one in zip(result.labels, result.per_class, known, strict=True)
              if one is own and rate.n]
        for own in (True, False)
    }  # fmt: skip
    if not all(groups.values()):
        return []
    own, new = (
        Rate.of_count(sum(rate.count for _, rate in groups[one]), sum(rate.n for _, rate in groups[one]))
        for one in (True, False)
    )
    named = listed([name for name, _ in groups[True]]) if len(groups[True]) <= _NAMED else ""
    unsure = [names[label] for label, one in zip(result.labels, known, strict=True) if one is None]
    neither = listed(unsure) if len(unsure) <= _NAMED else f"{len(unsure)} classes"
    missed = [_missed(groups[one], those) for one, those in ((True, "its own"), (False, "the others"))]
    no_transfer = (
        ", so for these it is no transfer to something new; whether it has seen these very photographs is not known"
    )
    return [
        f"{sentence(word(len(groups[True])))} of the {word(len(result.labels))} classes "
        f"{'is a class' if len(groups[True]) == 1 else 'are classes'} that the network was trained to "
        f"name{f' ({named})' if named else ''}{'' if before else no_transfer}. Of their photographs "
        f"{estimated(own, after=f', n = {own.n:,}')} are recognised; of the photographs of the "
        f"{word(len(groups[False]))} that it cannot name, {estimated(new, after=f', n = {new.n:,}')}. It misses "
        f"{listed(missed)}.{_among_unknown(result, known)} {_by_exchange(groups)}"
        + (f" {sentence(neither)} {'is' if len(unsure) == 1 else 'are'} in neither group: the names do not tell."
           if unsure else "")
    ]  # fmt: skip


_ENOUGH, _PAIRS = 10, 3
"""Photographs of either class from which on it is told what the network calls them, and the most pairs of classes."""
_ALIKE, _NEARLY_NONE = 0.5, 0.1
"""Overlap of the network's own answers to two classes, from which on they are much the same to it; and the share of
the pairs that are not confused that may overlap as much, where that fits with two classes' being confused."""


def confused_pairs(result: ProbeResult, most: int = 5) -> list[tuple[str, str]]:
    """The pairs of classes with more than one mistake between them, either way, those with most first."""
    between = _mistakes_between(result)
    ranked = sorted((pair for pair, count in between.items() if count > 1), key=lambda pair: -between[pair])
    return ranked[:most]


def _mistakes_between(result: ProbeResult) -> dict[tuple[str, str], int]:
    """How many mistakes take one of two classes for the other, for each pair, its labels in order, that has any."""
    labels, counts = result.labels, result.confusion
    places = itertools.combinations(sorted(range(len(labels)), key=lambda place: labels[place]), 2)
    return {
        (labels[one], labels[other]): count
        for one, other in places
        if (count := counts[one][other] + counts[other][one])
    }


def explain_confusions(
    result: ProbeResult, known: Sequence[bool | None], answers: Mapping[str, Mapping[str, int]]
) -> list[str]:
    """What the network's own classes say of the pairs of classes that are confused most often.

    Args:
        result: the probe.
        known: for each of its classes whether it is one of the network's own; None where that is not certain.
        answers: for some of its classes, those that are confused and others to compare them with, how often the network
            itself calls photographs of it what.

    Returns:
        A paragraph; none where no pair has more than one mistake, or too few photographs were asked for.
    """
    asked = {label: count for label, of in answers.items() if (count := sum(of.values())) >= _ENOUGH}
    pairs = [pair for pair in confused_pairs(result) if asked.keys() >= set(pair)][:_PAIRS]
    if not pairs:
        return []
    shares = {label: {name: count / asked[label] for name, count in answers[label].items()} for label in asked}
    overlaps = [[_overlap(one, shares) for one in _other_pairs(pair, result, known, sorted(asked))] for pair in pairs]
    fit = sum(_above_others(_overlap(pair, shares), others) for pair, others in zip(pairs, overlaps, strict=True))
    sentences = [
        _called_by_the_network(pair, others, result, known, shares)
        + _hypothesis(_name_for_both(pair, result, known, shares), _overlap(pair, shares), others)
        for pair, others in zip(pairs, overlaps, strict=True)
    ]
    supposed = sum(_SUPPOSED in one for one in sentences)
    tells = (
        f"fits with {'their' if fit == len(pairs) else 'some of these'} being confused"
        if fit
        else f"suggests why {'they' if supposed == len(pairs) else 'some of these'} are confused"
        if supposed
        else "does not tell why they are confused"
    )
    labels = dict.fromkeys(label for pair in pairs for label in pair)
    return [
        f"What the network itself calls photographs of {listed([result.names[label] for label in labels])} (at most "
        f"{max(asked[label] for label in labels)} of each) {tells}. {' '.join(sentences)}{_unexplained(result, pairs)}"
    ]


_SUPPOSED = "features made for one answer to both may lie close"


def _name_for_both(
    pair: tuple[str, str], result: ProbeResult, known: Sequence[bool | None], shares: Mapping[str, Mapping[str, float]]
) -> str:
    """What the network itself calls at least half of the photographs of either class; empty where nothing.

    Where it has a class for each it was trained to tell them apart, and not to call them the same.
    """
    if all(known[result.labels.index(label)] for label in pair):
        return ""
    one, other = (shares[label] for label in pair)
    both = [name for name, part in one.items() if min(part, other.get(name, 0.0)) >= _MOSTLY]
    return both[0] if both else ""


_MOSTLY = 0.5
"""Share of a class's photographs from which on they are mostly called something."""


def _hypothesis(name: str, overlap: float, others: Sequence[float]) -> str:
    """Why two classes that the network mostly calls by one ``name`` may be confused; empty where it has none, or where
    pairs that are never confused are as much the same to it.
    """
    few = len(others) < _ENOUGH
    if not name or not (few or _above_others(overlap, others)):
        return ""
    untested = "; too few pairs like them are never confused to test it" if few else ""
    return f" Both are mostly {plain(name)} to it: {_SUPPOSED} (a hypothesis{untested})."


def _overlap(pair: tuple[str, str], shares: Mapping[str, Mapping[str, float]]) -> float:
    """By how much the network's own answers to two classes are the same, in [0, 1]."""
    one, other = (shares[label] for label in pair)
    return round(sum(min(part, other.get(name, 0.0)) for name, part in one.items()), 9)  # equal shares, summed, stay so


def _above_others(overlap: float, others: Sequence[float]) -> bool:
    """Whether two classes are much the same to the network, and more so than nearly all pairs that are not confused."""
    as_much = sum(other >= overlap for other in others)
    return overlap >= _ALIKE and len(others) >= _ENOUGH and as_much <= _NEARLY_NONE * len(others)


def _other_pairs(
    pair: tuple[str, str], result: ProbeResult, known: Sequence[bool | None], labels: Sequence[str]
) -> list[tuple[str, str]]:
    """The pairs of ``labels``, which are in order, that are of one kind with ``pair`` and never confused."""
    confused, kind = _mistakes_between(result), _kind_of(pair, result, known)
    return [
        one for one in itertools.combinations(labels, 2) if one not in confused and _kind_of(one, result, known) == kind
    ]


def _kind_of(pair: tuple[str, str], result: ProbeResult, known: Sequence[bool | None]) -> str:
    """What two classes are, as far as that may decide how alike the network finds them: species, and whether it has
    classes for them.
    """
    own = [known[result.labels.index(label)] for label in pair]
    species = sorted(species_of(label) for label in pair) if is_pets(result.labels) else ["class", "class"]
    what = f"two {species[0]}{'es' if species[0] == 'class' else 's'}" if len(set(species)) == 1 else "a cat and a dog"
    if None in own:
        return f"{what} whose names do not tell whether it has classes for them"
    having = {0: "that it has no class for", 1: "of which it has a class for one", 2: "that it has classes for"}
    return f"{what} {having[own.count(True)]}"


def _unexplained(result: ProbeResult, pairs: Sequence[tuple[str, str]]) -> str:
    """That all mistakes but those between some pairs are single ones, if so."""
    others = [count for pair, count in _mistakes_between(result).items() if pair not in pairs]
    if not others or max(others) > 1:
        return ""
    if len(others) == 1:
        return " The one other mistake is too little to tell why it is made."
    return f" The other {word(len(others))} mistakes are one a pair of classes: too little to tell why they are made."


def _called_by_the_network(
    pair: tuple[str, str],
    others: Sequence[float],
    result: ProbeResult,
    known: Sequence[bool | None],
    shares: Mapping[str, Mapping[str, float]],
) -> str:
    """What the network itself calls two classes, and by how much that overlaps, beside pairs that are not confused."""
    told = []
    for label in pair:
        ranked = sorted(shares[label].items(), key=lambda named: (-named[1], named[0]))[:2]
        told.append(f"{result.names[label]} {' and '.join(f'{plain(name)} ({share(part)})' for name, part in ranked)}")
    overlap = _overlap(pair, shares)
    as_much = sum(other >= overlap for other in others)
    beside = (
        f"; of the {word(len(others))} other pairs of {_kind_of(pair, result, known)}, never confused, "
        f"{how_many(as_much)} {'overlaps' if as_much == 1 else 'overlap'} as much"
        if len(others) >= _ENOUGH
        else ""
    )
    return f"It calls {told[0]}, {told[1]}: its answers to the two overlap by {share(overlap)}{beside}."


def _by_exchange(groups: Mapping[bool, Sequence[tuple[str, Rate]]]) -> str:
    """Whether the difference between the two groups is more than the choice of classes makes."""
    rates = [(rate.share, own) for own, group in groups.items() for _, rate in group]
    test = permute_classes([one for one, _ in rates], [own for _, own in rates])
    drawn = (
        f"were the {counted(sum(own for _, own in rates), 'class', 'classes')} that it knows drawn at random, the "
        f"difference would be as large, in one direction or the other, in {share(test.p_value)} of the draws "
        f"(permutation test, {p_value(test.p_value)})"
    )
    if test.p_value < SIGNIFICANCE:
        return (
            f"The difference is unlikely to be chance: {drawn}. But the two groups differ in more than whether the "
            "network knows them, so it need not come from that."
        )
    few = (
        f"; with only {counted(test.choices, 'way', 'ways')} to draw them no difference could be told from chance"
        if test.least >= SIGNIFICANCE
        else ""
    )
    return f"The difference may be chance: {drawn}{few}."


def _among_unknown(result: ProbeResult, known: Sequence[bool | None]) -> str:
    """That every mistake takes a class that the network has none for, for another such, if so."""
    mistakes = [
        (true, predicted)
        for true, row in enumerate(result.confusion)
        for predicted, count in enumerate(row)
        if count and true != predicted
    ]
    if not mistakes or not all(known[true] is known[predicted] is False for true, predicted in mistakes):
        return ""
    return " Every mistake is thus between two classes that the network has no class for."


def _missed(group: Sequence[tuple[str, Rate]], those: str) -> str:
    """How many photographs of the classes of a group are missed, and of which; of few classes how many of each."""
    missed = [(label, rate.n - rate.count) for label, rate in group if rate.count < rate.n]
    if not missed:
        return f"none of {those}"
    few = len(missed) <= _HARDEST
    named = listed([f"{word(count)} of {label}" if few else label for label, count in missed])
    return f"{word(sum(count for _, count in missed))} of {those} ({named})"


def compare_kinds(result: ProbeResult, other: ProbeResult) -> str:
    """What another kind of linear classifier makes of the same features, on the same test photographs."""
    names = {"logistic": "logistic regression", "svm": "a linear support vector machine", "ridge": "ridge regression"}
    paired = Paired.of(result.right, other.right)
    verdict = (
        "two equally good classifiers would rarely differ by so much"
        if paired.p_value < SIGNIFICANCE
        else "two equally good classifiers may well differ by that"
    )
    return (
        f"Tried beside it on the same features, {names[other.kind]} (C = {other.c:g}, chosen in the same way) reaches "
        f"{estimated(other.mean_per_class_accuracy)}. Both answered the same {result.n:,} photographs: "
        f"{_are_right(paired.only_first)} only with {names[result.kind]}, {_are_right(paired.only_second)} "
        f"only with {names[other.kind]}; {verdict} (exact McNemar test, {p_value(paired.p_value)})."
    )


def _are_right(count: int) -> str:
    return f"{how_many(count)} {'is' if count == 1 else 'are'} right"


def compare_sentence(results: Sequence[ProbeResult]) -> str:
    """Which of several networks is best on the test photographs of one data set, and whether that may be chance."""
    ranked = sorted(results, key=lambda one: -one.mean_per_class_accuracy.value)
    best, second = ranked[0], ranked[1]
    lead = best.mean_per_class_accuracy.value - second.mean_per_class_accuracy.value
    paired = Paired.of(best.right, second.right)
    # The best was picked from several after they were tested: Bonferroni's correction for what it was held against.
    others = len(ranked) - 1
    corrected = min(1.0, others * paired.p_value)
    times = f", times the {word(others)} it was picked from" if others > 1 else ""
    against = (
        f" It speaks for {second.model}, which is right on more photographs; {best.model} is right more evenly over "
        "the classes, of which some have more photographs than others."
        if lead and corrected < SIGNIFICANCE and paired.only_first < paired.only_second
        else ""
    )
    return (
        f"{f'{best.model} is best with' if lead else f'{best.model} and {second.model} are equal with'} "
        f"{best.mean_per_class_accuracy.value:.3f}{f', {lead:.3f} above {second.model}' if lead else ''}. Of the same "
        f"{best.n:,} photographs {_are_right(paired.only_first)} with {best.model} alone and "
        f"{_are_right(paired.only_second)} with {second.model} alone; that "
        f"{'is more than chance explains' if corrected < SIGNIFICANCE else 'may be chance'} "
        f"(exact McNemar test, {p_value(paired.p_value)}{times}).{against}"
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
            f"From {_examples(last.shots)} it is {last.mean:.3f} (deviation {last.deviation:.3f}), {abs(gain):.3f} "
            f"{'more' if gain >= 0 else 'less'}."
        )
    sentences.append(
        f"Every classifier is tested on the same {result.n:,} images and has C = {result.c:g}: no example is to spare "
        "for choosing it. The deviation is what the choice of examples makes; that of the test images is not in it. "
        "With one seed, fewer examples are the first of more."
    )
    if result.leaks:
        sentences.append(describe_leaks(result.leaks, result.n))
    if result.failures:
        sentences.append(_unread(len(result.failures)))
    if result.note:
        sentences.append(result.note)
    return sentences


def _examples(count: int) -> str:
    return f"{count} example{'s' if count > 1 else ''}"
