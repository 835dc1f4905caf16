"""A probe of one network on one data set, from photographs to the numbers that are reported."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from snellen.data.datasets import open_dataset
from snellen.data.datasets.base import ImageSet, Rows, TrainTest, train_test
from snellen.data.images import Failure
from snellen.data.labels import Labels
from snellen.errors import InputError
from snellen.models.classifier import Classifier
from snellen.runs.provenance import Provenance
from snellen.transfer.engines import choose_engine
from snellen.transfer.features import EmbeddedExample, FeatureSet, collect, embed_each
from snellen.transfer.linear import GridPoint, Kind, LinearProbe, ProbeScores, check_kind, evaluate_probe, train_probe
from snellen.transfer.scores import Confused, most_confused


@dataclass(frozen=True)
class ClassScore:
    """One class: its name, the share of its test images that are named right, and how many there are."""

    label: str
    accuracy: float
    n: int


@dataclass(frozen=True)
class ConfusedPair:
    """Two classes: how often the first is called the second, and the image ids of those photographs."""

    true: str
    predicted: str
    count: int
    images: tuple[str, ...]


@dataclass(frozen=True)
class ProbeResult:
    """What a probe found; all accuracies are shares in [0, 1] of test images.

    Attributes:
        dataset: its name.
        split: where training and test split come from.
        about: what must be said of the data set.
        model: the network's name.
        parameters: of the network, its own classifier included.
        bytes: that its parameters take, in float32.
        view: (height, width) of what it sees, in pixels.
        mirrored: whether the features of mirror images are averaged in.
        engine, precision: what computed the features.
        classifier: ``logistic``, ``svm`` or ``ridge``.
        c: its regularisation, chosen by cross-validation.
        folds: of the cross-validation.
        trials: what it found for each C.
        width: D, the number of features.
        non_negative: whether no feature is negative, as after a ReLU.
        zeros: the share of feature values that are exactly zero.
        mean_per_class_accuracy, mean_per_class_interval: with its 95% bootstrap interval.
        top1_accuracy, top1_interval: likewise.
        train_accuracy: mean-per-class accuracy on the training split itself.
        n, n_train: test and training images.
        per_class: each class.
        confusion: (K, K) images of class row that are called column.
        confused: the pairs of classes that are confused most often.
        failures: the images that could not be read; they are in no number.
        embed_seconds: to embed both splits, from files to features.
        search_seconds: to choose C.
        fit_seconds: of the final fit.
        provenance: what makes it repeatable.
    """

    dataset: str
    split: str
    about: str
    model: str
    parameters: int
    bytes: int
    view: tuple[int, int]
    mirrored: bool
    engine: str
    precision: str
    classifier: Kind
    c: float
    folds: int
    trials: tuple[GridPoint, ...]
    width: int
    non_negative: bool
    zeros: float
    mean_per_class_accuracy: float
    mean_per_class_interval: tuple[float, float]
    top1_accuracy: float
    top1_interval: tuple[float, float]
    train_accuracy: float
    n: int
    n_train: int
    per_class: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    confused: tuple[ConfusedPair, ...]
    failures: tuple[Failure, ...]
    embed_seconds: float
    search_seconds: float
    fit_seconds: float
    provenance: Provenance

    @property
    def labels(self) -> list[str]:
        """The names of the classes."""
        return [one.label for one in self.per_class]


@dataclass(frozen=True, eq=False)
class ProbeOutcome:
    """A probe, ready for use, with what it found.

    Attributes:
        probe: the trained linear classifier.
        labels: the names of its classes.
        result: the numbers.
        split: the splits they are about.
    """

    probe: LinearProbe
    labels: Labels
    result: ProbeResult
    split: TrainTest


def probe(
    classifier: Classifier,
    dataset: ImageSet | str,
    *,
    kind: Kind = "logistic",
    mirrored: bool = False,
    engine: str = "auto",
    precision: str = "float32",
    seed: int = 0,
    advance: Callable[[], None] = lambda: None,
) -> ProbeOutcome:
    """Learn the classes of ``dataset`` from the network's features, and test it.

    Args:
        classifier: the network; its own classes are not used.
        dataset: labelled photographs; or their name, see :func:`snellen.open_dataset`.
        kind: the linear classifier: ``logistic``, ``svm`` or ``ridge``.
        mirrored: whether to average the features of each photograph and its mirror image.
        engine: ``auto``, ``torch`` or ``openvino``.
        precision: of the features: ``float32`` or ``bfloat16``.
        seed: of the split where the set has none, the folds and the bootstrap.
        advance: called after each image.

    Raises:
        InputError: see :func:`snellen.data.datasets.base.train_test`; or too few of a class's images can be read.
    """
    check_kind(kind)
    if isinstance(dataset, str):
        dataset = open_dataset(dataset)
    split = train_test(dataset, seed)
    chosen = choose_engine(classifier, engine, precision)
    started = time.perf_counter()

    def features_of(rows: Rows) -> FeatureSet:
        return collect(_counted(embed_each(chosen, classifier, rows.read(), mirrored), advance))

    train, test = features_of(split.train), features_of(split.test)
    embed_seconds = time.perf_counter() - started
    _check_readable(dataset.name, "training", train, split.labels, at_least=2)
    _check_readable(dataset.name, "test", test, split.labels, at_least=1)
    trained = train_probe(train.features, train.targets, kind, seed)
    found = evaluate_probe(trained, train, test, seed)
    weights = list(classifier.network.parameters())
    result = ProbeResult(
        dataset=dataset.name,
        split=split.how,
        about=dataset.about,
        model=classifier.name,
        parameters=sum(weight.numel() for weight in weights),
        bytes=sum(4 * weight.numel() for weight in weights),
        view=classifier.preprocessing.size,
        mirrored=mirrored,
        engine=chosen.name,
        precision=chosen.precision,
        classifier=kind,
        c=trained.c,
        folds=trained.folds,
        trials=trained.trials,
        width=train.features.shape[1],
        non_negative=bool(min(train.features.min(), test.features.min()) >= 0),
        zeros=float(np.mean(train.features == 0)),
        mean_per_class_accuracy=found.mean_per_class.value,
        mean_per_class_interval=(found.mean_per_class.low, found.mean_per_class.high),
        top1_accuracy=found.scores.top1.value,
        top1_interval=(found.scores.top1.low, found.scores.top1.high),
        train_accuracy=found.train_accuracy,
        n=found.n,
        n_train=found.n_train,
        per_class=tuple(
            ClassScore(label, float(accuracy), int(count))
            for label, accuracy, count in zip(split.labels, found.scores.per_class, found.scores.counts, strict=True)
        ),
        confusion=tuple(tuple(int(count) for count in row) for row in found.scores.confusion),
        confused=tuple(
            _named(pair, split.labels, test, found) for pair in most_confused(found.scores.confusion)
        ),
        failures=(*train.failures, *test.failures),
        embed_seconds=embed_seconds,
        search_seconds=trained.search_seconds,
        fit_seconds=trained.seconds,
        provenance=classifier.provenance(dataset.fingerprint, seed=seed),
    )  # fmt: skip
    return ProbeOutcome(trained, split.labels, result, split)


def _counted(
    results: Iterator[EmbeddedExample | Failure], advance: Callable[[], None]
) -> Iterator[EmbeddedExample | Failure]:
    for result in results:
        advance()
        yield result


def _check_readable(name: str, kind: str, features: FeatureSet, labels: Labels, at_least: int) -> None:
    """Refuse what :func:`train_test` let pass because it had not opened the images."""
    counts = np.bincount(features.targets, minlength=len(labels))
    fewest = int(counts.argmin())
    if counts[fewest] < at_least:
        raise InputError(
            f"{name}: class {labels[fewest]} has {counts[fewest]} {kind} images that can be read",
            f"at least {at_least} of each class",
        )


def _named(pair: Confused, labels: Labels, test: FeatureSet, found: ProbeScores) -> ConfusedPair:
    rows = np.flatnonzero((test.targets == pair.true) & (found.predicted == pair.predicted))
    images = tuple(test.names[row] for row in rows)
    return ConfusedPair(labels[pair.true], labels[pair.predicted], pair.count, images)
