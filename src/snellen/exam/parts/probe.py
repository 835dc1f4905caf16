"""The exam's probe: a linear classifier of a labelled data set on the network's features."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from snellen.data.datasets.digits import DIGITS
from snellen.data.datasets.pets import is_pets
from snellen.data.images import Source
from snellen.evaluation.matching import known_classes
from snellen.exam.context import Context, content_of, data_set, distinct_names
from snellen.exam.report.document import Answer, Block, Discussion, Fact, Heading, Paragraph, Picture, Reference, Table
from snellen.inspect.activations import read_activations
from snellen.inspect.categories import Classification, classify_each
from snellen.models.classifier import Classifier
from snellen.prose import called, counted, in_percent, sentence, word
from snellen.runs.files import Run
from snellen.transfer.discussion import (
    compare_kinds,
    compare_known,
    confused_pairs,
    discuss_findings,
    discuss_method,
    explain_confusions,
    headline,
)
from snellen.transfer.figures import NUMBERS_UP_TO, PHOTOGRAPHS_A_PAIR
from snellen.transfer.files import CONFUSED, CONFUSION, save_run
from snellen.transfer.linear import ClassifierKind, standard_error
from snellen.transfer.probe import ProbeResult, probe_kinds
from snellen.transfer.published import OFFICIAL_SIZES, PETS_BASELINES

REFERENCES = (
    Reference("Omkar M. Parkhi et al. Cats and Dogs. CVPR 2012.", r"Oxford-IIIT Pets?|pets\d*|published numbers"),
    Reference(
        "Simon Kornblith et al. Do Better ImageNet Models Transfer Better? CVPR 2019. arXiv 1805.08974.",
        r"linear classifier learns",
    ),
    Reference(
        "Christopher M. Bishop. Pattern Recognition and Machine Learning. Springer 2006, section 4.3.4.",
        r"multinomial logistic regression",
    ),
    Reference(
        "Jean-Bastien Grill et al. Bootstrap Your Own Latent. NeurIPS 2020. arXiv 2006.07733.", r"Grill et al\. 2020"
    ),
    Reference(
        "Ting Chen et al. A Simple Framework for Contrastive Learning of Visual Representations. ICML 2020. "
        "arXiv 2002.05709.",
        r"Chen et al\. 2020",
    ),
    Reference(
        "Maxime Oquab et al. DINOv2: Learning Robust Visual Features without Supervision. 2023. arXiv 2304.07193.",
        r"Oquab et al\. 2023",
    ),
    Reference(
        "Natalie Dean and Marcello Pagano. Evaluating Confidence Interval Methods for Binomial Proportions in "
        "Clustered Surveys. Journal of Survey Statistics and Methodology 3, 2015.",
        r"effective number of photographs",
    ),
    Reference(
        "Edwin B. Wilson. Probable Inference, the Law of Succession, and Statistical Inference. JASA 22, 1927.",
        r"Wilson's|95% interval",
    ),
    Reference(
        "Leo Breiman et al. Classification and Regression Trees. 1984.",
        r"within one standard error of that",
    ),
    Reference(
        "B. L. Welch. The generalization of 'Student's' problem when several different population variances are "
        "involved. Biometrika 34, 1947.",
        r"Welch's t-test",
    ),
    Reference(
        "Quinn McNemar. Note on the sampling error of the difference between correlated proportions. "
        "Psychometrika 12, 1947.",
        r"McNemar test",
    ),
)
_FEW_CLASSES, _MOST_CLASSES = 10, 40
"""Classes up to which there is no table of them, and the most with a mistake that it has of more."""
_IN_PERCENT = 10
"""Photographs of a class from which on its accuracy is told in percent too."""
_BREEDS = 37
_ASKED_OF_A_CLASS, _CLASSES_ASKED_FOR = 50, 40
"""Photographs of a class that the network's own classes are asked for, and classes, at most."""
_PUBLISHED = "[[probe/published]]"
_PUBLISHED_SHOWN = 2
"""Published numbers that are shown; the others are of far larger networks."""


ASKED = (
    (
        "Problem 2",
        "Mean-per-class accuracy of a linear classifier on the network's normalised features",
        "",
        "Accuracy on the test images",
    ),
    ("Problem 2", "The classifier that was used, discussed", "The classifier", ""),
)


def inputs(context: Context) -> object:
    """What decides the answer: the data sets, what is said of them, and the kind of classifier."""
    said = [context.origins.get(name, "") for name in distinct_names(context.datasets).values()]
    return [(name, content_of(data_set(name))) for name in context.datasets], context.probe, said


def seconds(context: Context, seconds_of_pass: float) -> float:
    """Seconds that :func:`run` takes, roughly: a pass for each image of the data sets."""
    counts = [len(data_set(name)) for name in context.datasets]
    return seconds_of_pass * sum(count + min(count, _ASKED_OF_A_CLASS * _CLASSES_ASKED_FOR) for count in counts)


def run(context: Context) -> Answer:
    """Train and test a probe on each data set; write what ``snellen probe --out`` writes."""
    facts: list[Fact] = []
    data: list[str] = []
    blocks: list[Block] = []
    results: list[ProbeResult] = []
    shortfalls: list[tuple[str, str]] = []
    read: list[Fact] = []
    names = distinct_names(context.datasets)
    for dataset, name in names.items():
        folder = context.folder if len(names) == 1 else context.folder / name.replace("/", "_")
        kind = context.probe.classifier
        kinds: tuple[ClassifierKind, ...] = (kind, "ridge" if kind != "ridge" else "logistic")
        result, other = probe_kinds(context.classifier, data_set(dataset), kinds, seed=context.seed)
        files = save_run(Run(folder), result)
        if len(names) > 1:
            blocks.append(Heading(name, _what_of(result)))
        known = known_classes(result.labels, context.classifier.labels)
        origin = features_origin(context.classifier)
        origin_of_set = context.origins.get(name, "")
        blocks += [Paragraph(f"{name}: {origin_of_set}")] if origin_of_set else []
        own = _own_answers(context.classifier, result)
        blocks += _blocks(result, other, name, folder, files, results, known, origin, own)
        results.append(result)
        shortfalls += _shortfalls(result, name)
        read += [Fact(f"Photographs of {name}", " ".join(result.reading))] if result.reading else []
        accuracy = result.mean_per_class_accuracy
        value, low, high = map(in_percent, (accuracy.value, accuracy.low, accuracy.high))
        reached = f"{value}, 95% interval {low} to {high}, n = {result.n}"
        facts.append(Fact(f"mean-per-class accuracy on {name}", reached))
        data.append(f"{name} ({result.n_train:,} to learn from, {result.n:,} to test)")
    return Answer(
        ", ".join(data),
        facts,
        blocks,
        headline(results, list(names.values())),
        shortfalls=shortfalls,
        provenance=read,
        content=" ".join(one.provenance.data for one in results),
    )


def _what_of(result: ProbeResult) -> str:
    """What there is to tell apart in a data set."""
    one, many = ("breed", "breeds of cats and dogs") if is_pets(result.labels) else ("class", "classes")
    return counted(len(result.labels), one, many)


def _shortfalls(result: ProbeResult, name: str) -> list[tuple[str, str]]:
    """What the assignment asks of the data set and this one is not."""
    if name == DIGITS:
        return [("", "digits stand in for the pets")]
    if not is_pets(result.labels):
        return [("", f"{name} is not the Oxford-IIIT pets")]
    classes = len(result.labels)
    if classes != _BREEDS:
        return [("", f"{name} has {classes} of the {_BREEDS} breeds")]
    if (result.n_train, result.n) != OFFICIAL_SIZES:
        learn, test = OFFICIAL_SIZES
        return [("", f"{name} has {result.n_train:,} and {result.n:,} photographs of the pets' {learn:,} and {test:,}")]
    return []


def _blocks(
    result: ProbeResult,
    other: ProbeResult,
    name: str,
    folder: Path,
    files: Sequence[str],
    before: Sequence[ProbeResult],
    known: Sequence[bool | None],
    origin: str,
    own: Mapping[str, Counter[str]],
) -> list[Block]:
    """What there is to say and to show of one probe, ``before`` which others were told of.

    ``origin`` says where in the network the features come from, ``own`` what its own classes say.
    """
    number = len(before) + 1
    mean, top1, many = result.mean_per_class_accuracy, result.accuracy, len(result.labels) > NUMBERS_UP_TO
    tabulated = len(result.labels) > _FEW_CLASSES and result.accuracy.share < 1
    features = (
        "The features are the same."
        if before
        else f"The features are {origin} of {called(result.model)}, each photograph's vector divided by its L2 norm."
    )
    blocks: list[Block] = [
        Paragraph(
            f"{features} A linear classifier learns the {len(result.labels)} classes of {name} from them. "
            f"{result.split} [[probe/accuracy-{number}]] gives its accuracy, [[probe/confusion-{number}]]"
            + (f" and [[probe/classes-{number}]]" if tabulated else "")
            + " that of single classes"
            + (f", [[probe/confused-{number}]] mistakes" if CONFUSED in files else "")
            + f", and [[probe/choice-{number}]] what cross-validation found for each C."
        ),
        Table(
            ("measure", "value", "95% interval", "n"),
            [
                _row("mean-per-class accuracy", mean.value, mean.low, mean.high, result.n),
                _row("top-1 accuracy", top1.share, top1.low, top1.high, result.n),
            ],
            "Accuracy on the test images: Wilson's intervals, that of the mean at the effective number of photographs.",
            f"accuracy-{number}",
        ),
        Picture(
            folder / CONFUSION,
            "Confusion matrix: true classes (rows) against predicted ones (columns), in percent of the true class; "
            "blank: none.",
            0.9 if many else 0.5,
            name=f"confusion-{number}",
        ),
        # Of few classes the matrix has every number.
        *([_classes(result, known, f"classes-{number}")] if tabulated else []),
    ]
    if CONFUSED in files:
        compared = "First, to compare, one photograph to learn from of each class that they were taken for."
        caption = f"{_pictured(result)} {compared}"
        blocks.append(Picture(folder / CONFUSED, caption, 0.8, name=f"confused-{number}"))
    return [
        *blocks,
        Discussion(
            [
                *discuss_findings(result, before, _PUBLISHED),
                *explain_confusions(result, known, own),
                *compare_known(result, known, before),
            ]
        ),
        *(_published() if is_pets(result.labels) and not any(is_pets(one.labels) for one in before) else []),
        # Its paragraphs say of a further one what differs.
        Heading(f"The classifier of {name}") if before else Heading("The classifier"),
        _choice_of_c(result, f"choice-{number}"),
        Discussion([*discuss_method(result, before), compare_kinds(result, other)]),
    ]


def _own_answers(classifier: Classifier, result: ProbeResult) -> dict[str, Counter[str]]:
    """For the classes of the pairs that are confused most, and others, what the network itself calls their photographs.

    They are test photographs, and where those are few some to learn from too: the network has learned from neither.
    """
    confused = [label for pair in confused_pairs(result) for label in pair]
    wanted = list(dict.fromkeys([*confused, *result.labels]))[:_CLASSES_ASKED_FOR]
    if len(classifier.labels) < 2 or not confused:
        return {}
    sources: list[tuple[str, Source]] = []
    taken = Counter[str]()
    for example in itertools.chain(result.data.test.read(), result.data.train.read()):
        label = "" if example.label is None else result.labels[example.label]
        if label in wanted and taken[label] < _ASKED_OF_A_CLASS:
            sources.append((label, example.source))
            taken[label] += 1
            if taken.total() == len(wanted) * _ASKED_OF_A_CLASS:
                break
    answers: dict[str, Counter[str]] = {}
    found = classify_each(classifier, [source for _, source in sources], k=1)
    for (label, _), one in zip(sources, found, strict=True):
        if isinstance(one, Classification):
            answers.setdefault(label, Counter())[one.top.label] += 1
    return answers


def _pictured(result: ProbeResult) -> str:
    """Which mistakes on the test split are pictured, and of how many."""
    mistakes, pairs = result.n - result.accuracy.count, result.confused
    shown = sum(min(len(pair.images), PHOTOGRAPHS_A_PAIR) for pair in pairs)
    of = f"{word(shown)} of the {counted(mistakes, 'mistake')} on the test split"
    if sum(pair.count for pair in pairs) == mistakes:
        which = "All pairs of classes that are confused"
    elif pairs[0].count > 1:
        which = f"The {word(len(pairs))} pairs of classes that are confused most often"
    else:
        return (
            f"{sentence(of)}, no two of one pair of classes: first those of classes that are confused both ways, then "
            "those whose wrong answer scores farthest above the right one."
        )
    return f"{which}; {of} {'is' if shown == 1 else 'are'} pictured."


def features_origin(classifier: Classifier) -> str:
    """Where in the network the features come from: the means of its last maps where that is what they are."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(1, 3, *classifier.preprocessing.size, generator=generator).to(classifier.device)
    with torch.no_grad():
        features = classifier.embed_inputs(inputs)
    if classifier.layers:
        last = classifier.layers[-1]
        _, [maps] = read_activations(classifier, inputs, [last])
        means = maps.mean(dim=(2, 3))
        if means.shape == features.shape and torch.allclose(means, features, rtol=1e-3, atol=1e-4):
            kind = f"the last {last.kind}" if last.activated else "its last layer with maps"
            return (
                f"the {features.shape[1]:,} outputs of {kind} ({last.name}), each averaged over its "
                f"{last.shape.height} x {last.shape.width} map,"
            )
    return f"the {features.shape[1]:,} inputs of the linear layer that makes the logits"


def _choice_of_c(result: ProbeResult, name: str) -> Table:
    """All values of C that were tried, with what cross-validation makes of them."""
    found = result.cross_validation
    errors = [100 * standard_error(score.std, found.folds) for score in found.scores]
    return Table(
        ("C", *(f"{score.c:,g}" for score in found.scores)),
        [
            ("mean", *(in_percent(score.mean) for score in found.scores)),
            ("standard error (points)", *(f"{error:.1f}" for error in errors)),
        ],
        f"Cross-validation of C inside the training split: mean over the {found.folds} folds and its standard error, "
        f"of mean-per-class accuracy. Chosen: {result.c:,g}.",
        name,
    )


def _classes(result: ProbeResult, known: Sequence[bool | None], name: str) -> Table:
    """The classes with a mistake: how often each is right, what it is taken for, and if it is the network's own."""
    own = {label: {True: "yes", False: "no", None: ""}[one] for label, one in zip(result.labels, known, strict=True)}
    told = any(own.values())
    ranked = result.hardest(len(result.labels))
    missed = [pair for pair in ranked if pair[1].share < 1]
    if len(missed) <= _MOST_CLASSES:
        others = len(ranked) - len(missed)
        rows = missed
        caption = f"The {counted(len(missed), 'class', 'classes')} with a mistake; the other {word(others)} have none."
    else:
        rows = missed[:_MOST_CLASSES]
        caption = f"Of the {len(missed)} classes with a mistake the {_MOST_CLASSES} with the lowest accuracy."
    return Table(
        ("class", "right", "taken for", *(["class of the network's own"] if told else [])),
        [
            (
                result.names[label],
                f"{rate.count} of {rate.n}" + (f" ({in_percent(rate.share)})" if rate.n >= _IN_PERCENT else ""),
                _taken_for(result, label),
                *([own[label]] if told else []),
            )
            for label, rate in rows
        ],
        f"{caption} Taken for: which classes, and how often where more than once."
        + (" Class of the network's own: told by its name; empty where the names do not tell." if told else ""),
        name,
    )


def _taken_for(result: ProbeResult, label: str) -> str:
    """Which other classes a class is taken for, the commonest first."""
    counts = zip(result.labels, result.confusion[result.labels.index(label)], strict=True)
    wrong = sorted(((count, other) for other, count in counts if count and other != label), key=lambda one: -one[0])
    return ", ".join(f"{result.names[other]}{f' ({count})' if count > 1 else ''}" for count, other in wrong)


def _published() -> list[Block]:
    """What others report on the pets."""
    return [
        Table(
            ("published", "accuracy", "source and protocol"),
            [
                (
                    one.model,
                    in_percent(one.accuracy),
                    f"{one.source}; {one.protocol}",
                )
                for one in PETS_BASELINES[:_PUBLISHED_SHOWN]
            ],
            "Published linear classifiers of frozen features on Oxford-IIIT Pet, mean-per-class accuracy.",
            "published",
        ),
    ]


def _row(measure: str, value: float, low: float, high: float, n: int) -> tuple[str, str, str, str]:
    return measure, in_percent(value), f"{in_percent(low)} to {in_percent(high)}", str(n)
