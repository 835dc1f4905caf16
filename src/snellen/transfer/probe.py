"""A probe of one network on one data set, from photographs to the numbers that are reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from snellen.data.datasets.base import ImageSet, Targets, TrainTest
from snellen.data.datasets.leaks import Leak
from snellen.data.datasets.pets import is_pets
from snellen.data.images import Failure
from snellen.data.labels import Labels
from snellen.data.preprocessing import Preprocessing
from snellen.inference.features import DEFAULT_FEATURES, FeatureConfig, FeatureSet
from snellen.intervals import Estimate, Rate
from snellen.models.classifier import Classifier
from snellen.models.scores import Scores, most_confused, score
from snellen.prose import class_names
from snellen.runs.progress import SILENT, Progress
from snellen.runs.provenance import Provenance
from snellen.runs.result import Result
from snellen.runs.serialise import NOT_SERIALISED, to_plain
from snellen.transfer.linear import (
    ClassifierKind,
    CrossValidation,
    LinearProbe,
    Matrix,
    check_kind,
    fit_linear,
    train_probe,
)
from snellen.transfer.splits import EmbeddedSplits, embed_splits

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class ConfusedPair:
    """Two classes, how often the first is classified as the second, and the image ids of those photographs.

    First those whose wrong answer's score lies farthest above that of the true class.
    """

    true: str
    predicted: str
    count: int
    images: tuple[str, ...]


@dataclass(frozen=True)
class Confidence:
    """The probability of the first answer, in [0, 1], to test images that are classified correctly, and to others.

    Attributes:
        right, wrong: its mean over the ones, and over the others.
        auroc: area under the ROC curve of right against wrong answers: in which share of all pairs of the two the right
            one has the higher probability, equal ones counted half.
        p_value: of the Mann-Whitney test, on both sides, that neither tends to have the higher one.
    """

    right: float
    wrong: float
    auroc: float
    p_value: float


@dataclass(frozen=True)
class Resplits:
    """Mean-per-class accuracy over other divisions of the same images, with as many of each class to learn from.

    Attributes:
        count: number of divisions.
        mean, deviation: over them; they overlap, so the deviation is not that of independent data sets.
        least, greatest: of them.
    """

    count: int
    mean: float
    deviation: float
    least: float
    greatest: float


@dataclass(frozen=True)
class ProbeResult(Result):
    """A trained probe and what it found; all accuracies are shares in [0, 1].

    Attributes:
        dataset: name of the data set.
        split: one sentence on where training and test split come from.
        note: what must be said of the data set; empty for an ordinary one.
        model: name of the network.
        parameters: number of the network's parameters, its own classifier included.
        preprocessing: preprocessing of the photographs.
        features: how the features were computed; its engine is the one that did.
        kind: kind of the linear classifier: ``logistic``, ``svm`` or ``ridge``.
        c: its regularisation, chosen by cross-validation.
        cross_validation: how it was chosen.
        width: number of features, D.
        non_negative: whether no feature is negative, as after a ReLU.
        zero_fraction: share of feature values of both splits that are exactly zero.
        n_train: number of training images.
        train_counts: number of training images of each class.
        train_accuracy: mean-per-class accuracy on the training split itself.
        accuracy: share of the test images that are classified correctly (top-1).
        mean_per_class_accuracy: mean over the classes of their accuracies on the test split.
        labels: names of the classes.
        per_class: accuracy of each class on the test split.
        confusion: (K, K) number of test images of class row that are classified as column.
        confused: pairs of classes that are confused most often; of pairs that are so equally often, both ways, those
            with the surest mistake.
        failures: images that could not be read; they are in no number.
        leaks: test images that are training images too, pixel for pixel.
        without_leaks: mean-per-class accuracy on the other test images; None where all are others, or none is.
        confidence: how probable right and wrong answers are; None of another kind than ``logistic``, or where there are
            not both.
        resplits: other divisions of the same images, with the same C; None where images belong together, where some are
            in both splits, or where there are more than 1,500.
        reading: sentences on what was done to the photographs while they were read.
        embed_seconds: time to embed both splits, from files to features.
        provenance: what makes it repeatable.
        probe: the trained linear classifier.
        data: the two splits.
        right: (N,) whether each test image is classified correctly, in the order of the test split.
    """

    dataset: str
    split: str
    note: str
    model: str
    parameters: int
    preprocessing: Preprocessing
    features: FeatureConfig
    kind: ClassifierKind
    c: float
    cross_validation: CrossValidation
    width: int
    non_negative: bool
    zero_fraction: float
    n_train: int
    train_counts: tuple[int, ...]
    train_accuracy: float
    accuracy: Rate
    mean_per_class_accuracy: Estimate
    labels: tuple[str, ...]
    per_class: tuple[Rate, ...]
    confusion: tuple[tuple[int, ...], ...]
    confused: tuple[ConfusedPair, ...]
    failures: tuple[Failure, ...]
    leaks: tuple[Leak, ...]
    without_leaks: Estimate | None
    confidence: Confidence | None
    resplits: Resplits | None
    reading: tuple[str, ...]
    embed_seconds: float
    provenance: Provenance
    probe: LinearProbe = field(repr=False, compare=False, metadata=NOT_SERIALISED)
    data: TrainTest = field(repr=False, compare=False, metadata=NOT_SERIALISED)
    right: npt.NDArray[np.bool_] = field(repr=False, compare=False, metadata=NOT_SERIALISED)

    @property
    def n(self) -> int:
        """Number of test images."""
        return self.accuracy.n

    @property
    def parameter_bytes(self) -> int:
        """Bytes that the network's parameters take in float32."""
        return 4 * self.parameters

    @property
    def seconds(self) -> float:
        """Time from files to the trained probe."""
        return self.embed_seconds + self.cross_validation.seconds + self.cross_validation.fit_seconds

    def hardest(self, most: int) -> list[tuple[str, Rate]]:
        """The ``most`` classes with the lowest accuracy, lowest first, of those that the test has."""
        pairs = ((label, rate) for label, rate in zip(self.labels, self.per_class, strict=True) if rate.n)
        return sorted(pairs, key=lambda pair: (pair[1].share, pair[0].casefold()))[:most]

    @property
    def names(self) -> Mapping[str, str]:
        """For each label the name of its class as people write it."""
        return dict(zip(self.labels, class_names(self.labels), strict=True))

    def plot(self) -> Figure:
        """The confusion matrix."""
        from snellen.transfer.figures import draw_confusion

        return draw_confusion(self)

    def discussion(self) -> str:
        """What the numbers say, a paragraph each."""
        from snellen.transfer.discussion import discuss

        return "\n\n".join(discuss(self))

    def to_dict(self) -> dict[str, Any]:
        """The result as what JSON knows, with its discussion and, for pets, the published numbers."""
        from snellen.transfer.discussion import discuss
        from snellen.transfer.published import PETS_BASELINES

        published = PETS_BASELINES if is_pets(self.labels) else ()
        return super().to_dict() | {"discussion": discuss(self), "published": to_plain(published)}


def probe(
    classifier: Classifier,
    dataset: ImageSet | str | Path,
    *,
    kind: ClassifierKind = "logistic",
    features: FeatureConfig = DEFAULT_FEATURES,
    seed: int = 0,
    progress: Progress = SILENT,
) -> ProbeResult:
    """Learn the classes of ``dataset`` from the network's features, and test it.

    Args:
        classifier: the network; its own classes are not used.
        dataset: labelled photographs; or their name, see :func:`snellen.open_dataset`.
        kind: kind of the linear classifier: ``logistic``, ``svm`` or ``ridge``.
        features: how the features are computed; by default in float32, with the fastest engine that is installed.
        seed: seed of the split where the set has none, and of the folds.
        progress: told of each image, and of the choice of C.

    Raises:
        InputError: see :func:`snellen.data.datasets.base.train_test`; or too few of a class's images can be read.
    """
    return probe_kinds(classifier, dataset, [kind], features=features, seed=seed, progress=progress)[0]


def probe_kinds(
    classifier: Classifier,
    dataset: ImageSet | str | Path,
    kinds: Sequence[ClassifierKind],
    *,
    features: FeatureConfig = DEFAULT_FEATURES,
    seed: int = 0,
    progress: Progress = SILENT,
) -> list[ProbeResult]:
    """As :func:`probe`, with several kinds of linear classifier on the same features: a result for each kind."""
    for kind in kinds:
        check_kind(kind)
    splits = embed_splits(classifier, dataset, features, seed, progress)
    return [_probe(classifier, splits, kind, seed, progress) for kind in kinds]


def _probe(
    classifier: Classifier, splits: EmbeddedSplits, kind: ClassifierKind, seed: int, progress: Progress
) -> ProbeResult:
    data, train, test = splits.data, splits.train, splits.test
    progress.begin("Choosing C")
    trained, cross_validation = train_probe(train.features, train.targets, kind, seed)
    predicted = trained.predict(test.features)
    scores = score(test.targets, predicted, len(data.labels))
    return ProbeResult(
        dataset=splits.dataset.name,
        split=data.description,
        note=splits.dataset.note,
        model=classifier.name,
        parameters=sum(weight.numel() for weight in classifier.network.parameters()),
        preprocessing=classifier.preprocessing,
        features=splits.features,
        kind=kind,
        c=trained.c,
        cross_validation=cross_validation,
        width=train.features.shape[1],
        non_negative=bool(min(train.features.min(), test.features.min()) >= 0),
        zero_fraction=float(np.mean(np.concatenate([part.features == 0 for part in (train, test)]))),
        n_train=len(train.targets),
        train_counts=tuple(np.bincount(train.targets, minlength=len(data.labels)).tolist()),
        train_accuracy=float(balanced_accuracy_score(train.targets, trained.predict(train.features))),
        accuracy=scores.accuracy,
        mean_per_class_accuracy=scores.mean_per_class,
        labels=tuple(data.labels),
        per_class=scores.per_class,
        confusion=scores.confusion,
        confused=_confused_pairs(scores, data.labels, test, trained),
        failures=(*train.failures, *test.failures),
        leaks=splits.leaks,
        without_leaks=_without_leaks(splits, predicted),
        confidence=_confidence(splits, trained),
        resplits=_resplits(splits, trained, seed),
        reading=splits.reading,
        embed_seconds=splits.seconds,
        provenance=classifier.provenance(splits.dataset.fingerprint, seed=seed),
        probe=trained,
        data=data,
        right=predicted == test.targets,
    )


def _without_leaks(splits: EmbeddedSplits, predicted: Targets) -> Estimate | None:
    """Mean-per-class accuracy on the test images that are no training images."""
    leaked = {leak.test for leak in splits.leaks}
    fresh = np.array([name not in leaked for name in splits.test.names])
    if fresh.all() or not fresh.any():
        return None
    return score(splits.test.targets[fresh], predicted[fresh], len(splits.data.labels)).mean_per_class


def _accuracy_of(probe: LinearProbe, features: Matrix, targets: Targets) -> float:
    return float(balanced_accuracy_score(targets, probe.predict(features)))


def _confidence(splits: EmbeddedSplits, trained: LinearProbe) -> Confidence | None:
    if trained.kind != "logistic":
        return None
    probabilities = trained.predict_proba(splits.test.features)
    right = probabilities.argmax(axis=1) == splits.test.targets
    first = probabilities.max(axis=1)
    if right.all() or not right.any():
        return None
    # A second of a start that most commands can do without.
    from scipy.stats import mannwhitneyu

    return Confidence(
        right=float(first[right].mean()),
        wrong=float(first[~right].mean()),
        auroc=float(roc_auc_score(right, first)),
        p_value=float(mannwhitneyu(first[right], first[~right]).pvalue),
    )


def _resplits(splits: EmbeddedSplits, trained: LinearProbe, seed: int) -> Resplits | None:
    """The accuracy over :data:`RESPLITS` divisions drawn with this seed, each class divided as it is here."""
    features = np.concatenate([splits.train.features, splits.test.features])
    targets = np.concatenate([splits.train.targets, splits.test.targets])
    if splits.dataset.group is not None or splits.leaks or len(targets) > _MOST_TO_RESPLIT:
        return None
    random = np.random.default_rng(seed)
    learned = np.bincount(splits.train.targets, minlength=len(splits.data.labels))
    accuracies = []
    for _ in range(RESPLITS):
        train = np.zeros(len(targets), dtype=bool)
        for label, count in enumerate(learned):
            train[random.permutation(np.flatnonzero(targets == label))[:count]] = True
        probe = fit_linear(features[train], targets[train], trained.kind, trained.c, seed)
        accuracies.append(_accuracy_of(probe, features[~train], targets[~train]))
    return Resplits(
        RESPLITS, float(np.mean(accuracies)), float(np.std(accuracies, ddof=1)), min(accuracies), max(accuracies)
    )


RESPLITS = 10
"""How many other divisions of the same images are tried."""
_MOST_TO_RESPLIT = 1500


def _confused_pairs(scores: Scores, labels: Labels, test: FeatureSet, trained: LinearProbe) -> tuple[ConfusedPair, ...]:
    """The pairs that are confused most often, of equally frequent ones those with the surest mistake."""
    decisions = trained.decision_function(test.features)
    predicted = decisions.argmax(axis=1)
    # By how much the answer's score is above that of the true class: 0 where it is right.
    lead = decisions.max(axis=1) - decisions[np.arange(len(decisions)), test.targets]
    ranked = []
    for pair in most_confused(scores, int((predicted != test.targets).sum())):
        rows = np.flatnonzero((test.targets == pair.true) & (predicted == pair.predicted))
        rows = rows[np.argsort(-lead[rows], kind="stable")]
        back = scores.confusion[pair.predicted][pair.true]
        images = tuple(test.names[row] for row in rows)
        found = ConfusedPair(labels[pair.true], labels[pair.predicted], pair.count, images)
        ranked.append(((pair.count, back, float(lead[rows[0]])), found))
    ranked.sort(key=lambda one: one[0], reverse=True)
    return tuple(pair for _, pair in ranked[:_CONFUSED])


_CONFUSED = 5
"""Pairs of classes that are listed."""
