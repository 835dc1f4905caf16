"""How often a classifier is right on labelled photographs, how sure one may be when it is sure, and where it errs."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from snellen.data.datasets import as_dataset
from snellen.data.datasets.base import TEST_NAMES, TRAIN_NAMES, ImageSet, with_splits
from snellen.data.images import Failure
from snellen.data.preprocessing import Preprocessing
from snellen.errors import InputError
from snellen.evaluation.calibration import (
    BINS,
    FEWEST,
    Calibration,
    Scored,
    TemperatureScaling,
    calibration_of,
    fit_temperature,
    fitting_part,
    join,
    probability_scores,
    score_logits,
)
from snellen.evaluation.label_order import label_order_warning
from snellen.evaluation.matching import ClassMatch, MatchBy, match_classes
from snellen.inference.embed_dataset import EmbeddingResult, embed_dataset
from snellen.inference.features import FeatureConfig
from snellen.inference.shards import RowBatch, read_batches
from snellen.intervals import Estimate, Rate
from snellen.models.classifier import Classifier, check_classifier
from snellen.models.predictions import Prediction, check_logits
from snellen.models.scores import most_confused, score
from snellen.runs.progress import SILENT, Progress
from snellen.runs.provenance import Provenance
from snellen.runs.result import Result
from snellen.runs.serialise import NOT_SERIALISED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOGITS = "logits.parquet"
"""The logits of all photographs, in a run folder: what a second call goes on from."""
TOP = 5
WORST = 12
"""How many of the worst errors a result names."""
"""The most photographs of which logits are held in memory to fit a temperature on."""
_CONFUSED = 10


@dataclass(frozen=True)
class EvaluatedPhotograph:
    """What the classifier answered for one labelled photograph.

    Attributes:
        image: image id in the data set.
        split: its split there.
        dataset_class: the data set's name of its class.
        label: the true class as the model calls it, with its probability.
        top: the most probable class.
        rank: place of the true class among all, from 1.
    """

    image: str
    split: str
    dataset_class: str
    label: Prediction
    top: Prediction
    rank: int

    @property
    def correct(self) -> bool:
        """Whether the most probable class is the true one."""
        return self.top.index == self.label.index


@dataclass(frozen=True)
class ClassAccuracy:
    """How often photographs of one class are classified correctly.

    Attributes:
        label: the model's name of the class.
        index: its index.
        accuracy: share of the photographs of this class that are recognised (recall).
        precision: share of the photographs classified as it that are of this class.
    """

    label: str
    index: int
    accuracy: Rate
    precision: Rate


@dataclass(frozen=True)
class ConfusedClasses:
    """Two of the model's classes, how often the first is classified as the second, and the first such photographs."""

    true: str
    predicted: str
    count: int
    images: tuple[str, ...]


@dataclass(frozen=True)
class Unmatched:
    """A class of the data set that is none of the model's: its photographs are in no number.

    Attributes:
        name: name in the data set.
        count: number of its photographs.
        reason: why it is none of the model's.
    """

    name: str
    count: int
    reason: str


@dataclass(frozen=True)
class EvaluationResult(Result):
    """What a classifier does on labelled photographs; all rates are shares in [0, 1].

    Attributes:
        dataset: name of the data set.
        splits: its splits that were scored, and why these.
        note: what must be said of the data set; empty for an ordinary one.
        model: name of the model.
        preprocessing: preprocessing of the photographs.
        features: how the logits were computed; its engine is the one that did.
        classes: number of the model's classes.
        accuracy: share of the photographs whose most probable class is the true one (top-1).
        top5: share of those whose true class is among the five most probable; None of a model with five classes or
            fewer.
        mean_per_class: mean over the classes that occur of their accuracies.
        per_class: each class that occurs.
        confused: pairs of classes that are confused most often.
        wrong_and_sure: wrong answers of the highest probability.
        right_and_unsure: right answers of the lowest probability.
        calibration: how far the probabilities can be believed.
        matched_by: number of classes matched in each way: ``mapping``, ``name``, ``wordnet``, ``index``.
        unmatched: classes of the data set that are none of the model's.
        unlabelled: number of photographs without a label.
        failures: photographs that could not be read; they are in no number.
        warnings: what looks wrong with the data or the model's labels; empty where nothing does.
        seconds: time from files to logits of those that were classified now.
        classified: number of photographs that were classified now; the others were there from an earlier call.
        provenance: what makes it repeatable.
        photographs: every photograph that is in the numbers, in order.
        unscored: every other photograph that could be read, and why it is in no number.
        source: the data set, for the pictures.
    """

    dataset: str
    splits: str
    note: str
    model: str
    preprocessing: Preprocessing
    features: FeatureConfig
    classes: int
    accuracy: Rate
    top5: Rate | None
    mean_per_class: Estimate
    per_class: tuple[ClassAccuracy, ...]
    confused: tuple[ConfusedClasses, ...]
    wrong_and_sure: tuple[EvaluatedPhotograph, ...]
    right_and_unsure: tuple[EvaluatedPhotograph, ...]
    calibration: Calibration
    matched_by: Mapping[str, int]
    unmatched: tuple[Unmatched, ...]
    unlabelled: int
    failures: tuple[Failure, ...]
    warnings: tuple[str, ...]
    seconds: float
    classified: int
    provenance: Provenance
    photographs: tuple[EvaluatedPhotograph, ...] = field(repr=False, compare=False, metadata=NOT_SERIALISED)
    unscored: tuple[Failure, ...] = field(repr=False, compare=False, metadata=NOT_SERIALISED)
    source: ImageSet = field(repr=False, compare=False, metadata=NOT_SERIALISED)

    @property
    def n(self) -> int:
        """Number of photographs in the numbers."""
        return self.accuracy.n

    @property
    def tells_calibration(self) -> bool:
        """Whether there is at least one photograph for each bin of the reliability diagram."""
        return self.n >= BINS

    def hardest(self, most: int) -> list[ClassAccuracy]:
        """The ``most`` classes with the lowest accuracy, lowest first; of equal ones those with more photographs."""
        return sorted(self.per_class, key=lambda one: (one.accuracy.share, -one.accuracy.n, one.label))[:most]

    def plot(self) -> Figure:
        """The reliability diagram beside risk against coverage."""
        from snellen.evaluation.figures import draw_calibration

        return draw_calibration(self.calibration)

    def discussion(self) -> str:
        """What the numbers say, a paragraph each, and what they do not prove."""
        from snellen.evaluation.discussion import discuss

        return "\n\n".join(discuss(self))

    def to_dict(self) -> dict[str, Any]:
        """The result as what JSON knows, with its discussion; the photographs stand in the table of a run folder."""
        from snellen.evaluation.discussion import discuss

        return {**super().to_dict(), "discussion": discuss(self)}


def evaluate(
    classifier: Classifier,
    dataset: ImageSet | str | Path,
    *,
    split: str | None = None,
    match_by: MatchBy = "auto",
    mapping: Mapping[str, str | int] | None = None,
    features: FeatureConfig | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    progress: Progress = SILENT,
) -> EvaluationResult:
    """Score a classifier on labelled photographs.

    The most probable class of each photograph is that of the plain way (Pillow's resize, PyTorch in float32), whichever
    engine is used: where two classes lie close, the plain way decides.

    Args:
        classifier: classifier to score.
        dataset: labelled photographs; or their name, see :func:`snellen.open_dataset`.
        split: split to score; None takes the test split of a set that has one beside a training split, else all.
        match_by: how the data set's classes are found among the model's; see
            :func:`snellen.evaluation.matching.match_classes`.
        mapping: the model's class for names of the data set's.
        features: engine and precision; its engine may be ``ray``, for many machines. None takes the fastest in float32.
        seed: seed of the bootstrap and of the half that a temperature is fitted on.
        out: folder that keeps the logits: called again with it, what was classified is not classified again.
        progress: told of each photograph.

    Raises:
        InputError: no such data set or split, no labels, no class that the model knows, or no readable photograph.
    """
    check_classifier(classifier, "evaluate")
    images, splits = chosen_splits(as_dataset(dataset), split)
    if images.labels is None:
        raise InputError(
            f"{images.name}: has no labels", "a folder with one folder of images a class, or a label column"
        )
    matches = match_classes(images.labels.names, classifier.labels, match_by=match_by, mapping=mapping)
    config = features or FeatureConfig()
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch if out is None else out) / LOGITS
        embedded = embed_dataset(classifier, images, path, features=config, output="logits", progress=progress)
        rows = _Rows(classifier, path, {match.name: match.index for match in matches})
        return _result(classifier, images, splits, matches, embedded, rows, seed)


def chosen_splits(dataset: ImageSet, split: str | None) -> tuple[ImageSet, str]:
    """The splits to score, and one sentence on why these."""
    if split is not None:
        return with_splits(dataset, [split]), f"The split {split}, as asked for."
    tests = [name for name in TEST_NAMES if name in dataset.splits]
    if tests and any(name in dataset.splits for name in TRAIN_NAMES):
        return with_splits(dataset, tests[:1]), f"The set's own test split ({tests[0]}); the others may have been seen."
    if len(dataset.splits) > 1:
        return dataset, f"All splits: {', '.join(dataset.splits)}."
    return dataset, "It has no splits, so all of its photographs count."


class _Rows:
    """The logits of the photographs that have a class of the model's, read as often as they are needed."""

    def __init__(self, classifier: Classifier, path: Path, index_of: Mapping[str, int | None]) -> None:
        self._path = path
        self._index_of = index_of
        self.labels = classifier.labels

    def batches(self) -> Iterator[tuple[RowBatch, npt.NDArray[np.int64]]]:
        """Some rows with their true classes, in order."""
        for batch in read_batches(self._path):
            check_logits(torch.tensor(batch.values))
            found = [None if label is None else self._index_of.get(label) for label in batch.labels]
            kept = [row for row, index in enumerate(found) if index is not None]
            if kept:
                yield (
                    RowBatch(
                        [batch.image_ids[row] for row in kept],
                        [batch.splits[row] for row in kept],
                        [batch.labels[row] for row in kept],
                        batch.values[kept],
                    ),
                    np.array([found[row] for row in kept], dtype=np.int64),
                )

    def unscored(self) -> Iterator[tuple[str, str | None]]:
        """The photographs that were read and have no class of the model's, with their labels."""
        for batch in read_batches(self._path):
            for image, label in zip(batch.image_ids, batch.labels, strict=True):
                if label is None or self._index_of.get(label) is None:
                    yield image, label

    def photographs(self) -> Iterator[EvaluatedPhotograph]:
        """What was answered for each."""
        for batch, targets in self.batches():
            logits = batch.values.astype(np.float64)
            probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
            probabilities /= probabilities.sum(axis=1, keepdims=True)
            rows = np.arange(len(targets))
            own = logits[rows, targets][:, None]
            # Of equal logits the first class comes first, as it does where the most probable one is looked for.
            earlier = (logits == own) & (np.arange(logits.shape[1]) < targets[:, None])
            ranks = 1 + ((logits > own) | earlier).sum(axis=1)
            for row, target, top, rank in zip(range(len(targets)), targets, logits.argmax(axis=1), ranks, strict=True):
                yield EvaluatedPhotograph(
                    batch.image_ids[row],
                    batch.splits[row],
                    batch.labels[row] or "",
                    self._prediction(int(target), probabilities[row]),
                    self._prediction(int(top), probabilities[row]),
                    int(rank),
                )

    def _prediction(self, index: int, probabilities: npt.NDArray[np.float64]) -> Prediction:
        return Prediction(self.labels[index], index, float(probabilities[index]))

    def scored(self, temperature: float = 1.0) -> Scored:
        """What calibration needs of each."""
        return join([score_logits(batch.values, targets, temperature) for batch, targets in self.batches()])

    def logits_of(self, chosen: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """The logits and true classes of some of the photographs."""
        logits, targets, before = [], [], 0
        for batch, true in self.batches():
            rows = chosen[before : before + len(true)]
            logits.append(batch.values[rows])
            targets.append(true[rows])
            before += len(true)
        return np.concatenate(logits), np.concatenate(targets)


def _result(
    classifier: Classifier,
    images: ImageSet,
    splits: str,
    matches: Sequence[ClassMatch],
    embedded: EmbeddingResult,
    rows: _Rows,
    seed: int,
) -> EvaluationResult:
    photographs = tuple(rows.photographs())
    if not photographs:
        why = embedded.failures[0].error if embedded.failures else "none has a label that the model knows"
        raise InputError(f"{images.name}: no photograph can be scored: {why}")
    targets = np.array([one.label.index for one in photographs])
    predicted = np.array([one.top.index for one in photographs])
    scores = score(targets, predicted, len(classifier.labels))
    ranked = sorted(photographs, key=lambda one: (-one.top.probability, one.image))
    unscored = list(rows.unscored())
    left_out = Counter(label for _, label in unscored)
    return EvaluationResult(
        dataset=images.name,
        splits=splits,
        note=images.note,
        model=classifier.name,
        preprocessing=classifier.preprocessing,
        features=embedded.features,
        classes=len(classifier.labels),
        accuracy=scores.accuracy,
        top5=Rate.of(one.rank <= TOP for one in photographs) if len(classifier.labels) > TOP else None,
        mean_per_class=scores.mean_per_class,
        per_class=_per_class(classifier, scores.per_class, predicted),
        confused=tuple(
            ConfusedClasses(
                classifier.labels[pair.true],
                classifier.labels[pair.predicted],
                pair.count,
                tuple(
                    one.image for one in photographs if (one.label.index, one.top.index) == (pair.true, pair.predicted)
                )[:TOP],
            )
            for pair in most_confused(scores, _CONFUSED)
        ),
        wrong_and_sure=tuple(one for one in ranked if not one.correct)[:WORST],
        right_and_unsure=tuple(one for one in reversed(ranked) if one.correct)[:WORST],
        calibration=_calibration(rows, len(photographs), seed),
        matched_by=dict(Counter(match.how for match in matches if match.how)),
        unmatched=tuple(
            Unmatched(match.name, left_out[match.name], match.reason) for match in matches if left_out[match.name]
        ),
        unlabelled=left_out[None],
        failures=embedded.failures,
        warnings=label_order_warning(targets, predicted, classifier.labels, matches),
        seconds=embedded.seconds,
        classified=embedded.embedded,
        provenance=classifier.provenance(images.fingerprint, seed=seed),
        photographs=photographs,
        unscored=tuple(Failure(image, _why_unscored(label)) for image, label in unscored),
        source=images,
    )


def _per_class(
    classifier: Classifier, accuracies: Sequence[Rate], predicted: npt.NDArray[np.int64]
) -> tuple[ClassAccuracy, ...]:
    counts = np.bincount(predicted, minlength=len(classifier.labels))
    return tuple(
        ClassAccuracy(classifier.labels[index], index, rate, Rate.of_count(rate.count, int(counts[index])))
        for index, rate in enumerate(accuracies)
        if rate.n
    )


def _calibration(rows: _Rows, n: int, seed: int) -> Calibration:
    scaling = None
    if n >= FEWEST:
        fitting = fitting_part(n, seed)
        logits, targets = rows.logits_of(fitting)
        temperature = fit_temperature(logits, targets)
        judged = np.flatnonzero(~fitting)
        before, after = (probability_scores(rows.scored(t).take(judged), seed) for t in (1.0, temperature))
        scaling = TemperatureScaling(temperature, len(targets), before, after)
    return calibration_of(rows.scored(), scaling, seed)


def _why_unscored(label: str | None) -> str:
    return "has no label" if label is None else f"its class {label!r} is none of the model's"
