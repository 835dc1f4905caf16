"""Accuracy under corruptions: every photograph under every corruption at every severity, in shards, resumable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import numpy.typing as npt

from snellen.data.datasets import as_dataset
from snellen.data.datasets.base import Example, ImageSet
from snellen.data.images import Failure, read_array
from snellen.data.labels import imagenet_labels
from snellen.errors import InputError, did_you_mean
from snellen.evaluation.calibration import calibration_error
from snellen.evaluation.corruptions import ALEXNET_CLEAN, CORRUPTIONS, SEVERITIES, Bytes, missing_pictures
from snellen.evaluation.labelled import LabelledPhotographs, labelled_photographs
from snellen.evaluation.matching import MatchBy
from snellen.evaluation.trials import Answers, Trials
from snellen.inference.engines import InputBytes, choose_engine
from snellen.intervals import Estimate, Rate
from snellen.models.classifier import Classifier
from snellen.runs.progress import SILENT, Progress
from snellen.runs.provenance import Provenance, fingerprint, versions
from snellen.runs.result import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Size = Literal["network", "photograph"]

FOLDER = "corruptions"
_RESAMPLES = 2_000


@dataclass(frozen=True)
class UnderCorruption:
    """What is left under one corruption at one severity.

    Attributes:
        corruption: its name.
        severity: from 1 to 5.
        accuracy: share of the photographs that are classified correctly.
        calibration_error: expected calibration error, 15 bins of equal numbers.
    """

    corruption: str
    severity: int
    accuracy: Rate
    calibration_error: float


@dataclass(frozen=True)
class CorruptionErrors:
    """Errors over AlexNet's published ones; AlexNet's own are 1.

    Attributes:
        by_corruption: for each of the 15 that were tried.
        mean: their mean, the mean corruption error (mCE).
        relative: the same of what the errors grow by over those on clean photographs (relative mCE).
    """

    by_corruption: Mapping[str, float]
    mean: Estimate
    relative: Estimate


@dataclass(frozen=True)
class CorruptionResult(Result):
    """Accuracy under common corruptions.

    Attributes:
        dataset: name of the data set.
        model: name of the model.
        n: number of photographs.
        sampled: one sentence on which photographs of the set these are.
        at: ``network``: resized and cropped first, as ImageNet-C was made; ``photograph``: at its own size.
        size: (height, width) of the network's input.
        clean: accuracy without a corruption.
        clean_calibration_error: calibration error without one.
        outcomes: what is left under each corruption at each severity.
        mean_error: mean error over those of the 15 corruptions, and at those severities, that were tried.
        against_alexnet: errors over AlexNet's published ones; None where the classes are not ImageNet's, or none of the
            15 was tried.
        left_out: corruptions that could not be made, and why.
        failures: photographs that could not be read.
        provenance: what makes it repeatable.
    """

    dataset: str
    model: str
    n: int
    sampled: str
    at: Size
    size: tuple[int, int]
    clean: Rate
    clean_calibration_error: float
    outcomes: tuple[UnderCorruption, ...]
    mean_error: Estimate
    against_alexnet: CorruptionErrors | None
    left_out: tuple[str, ...]
    failures: tuple[Failure, ...]
    provenance: Provenance

    def outcome(self, corruption: str, severity: int) -> UnderCorruption:
        """What is left under one corruption at one severity.

        Raises:
            InputError: it was not tried.
        """
        for one in self.outcomes:
            if (one.corruption, one.severity) == (corruption, severity):
                return one
        raise InputError(f"{corruption} at severity {severity} was not tried", "one of its `outcomes`")

    def plot(self) -> Figure:
        """Accuracy against severity, a panel for each group of corruptions."""
        from snellen.evaluation.figures import draw_corruptions

        return draw_corruptions(self)

    def discussion(self) -> str:
        """Which corruptions cost most, and what that does not prove."""
        from snellen.evaluation.discussion import discuss_corruptions

        return discuss_corruptions(self)


Trial = tuple[str, int]
"""A corruption's name and a severity; the empty name stands for the photograph as it is."""


def evaluate_corruptions(
    classifier: Classifier,
    dataset: ImageSet | str | Path,
    *,
    corruptions: Sequence[str] = (),
    severities: Sequence[int] = SEVERITIES,
    at: Size = "network",
    most: int | None = None,
    split: str | None = None,
    match_by: MatchBy = "auto",
    mapping: Mapping[str, str | int] | None = None,
    engine: str = "auto",
    seed: int = 0,
    out: str | Path | None = None,
    progress: Progress = SILENT,
) -> CorruptionResult:
    """Classify labelled photographs under the common corruptions.

    Before the work begins, ``progress`` is told what it will take. Killed and called again with the same ``out``, it
    goes on where it stopped.

    Args:
        classifier: classifier under examination.
        dataset: labelled photographs; or their name, see :func:`snellen.open_dataset`.
        corruptions: names of corruptions; empty takes the 15 of ImageNet-C and its four extra ones.
        severities: severities from 1 to 5.
        at: ``network`` or ``photograph``; see :class:`CorruptionResult`. The constants are made for 224 pixels.
        most: number of photographs to draw, evenly over the classes; None takes all.
        split: as :func:`snellen.evaluate` takes it.
        match_by: as :func:`snellen.evaluate` takes it.
        mapping: as :func:`snellen.evaluate` takes it.
        engine: ``auto``, ``torch`` or ``openvino``.
        seed: seed of what is drawn: of the photographs, and of each corruption.
        out: run folder, where finished shards are kept.
        progress: told of each photograph.

    Raises:
        InputError: an unknown corruption, a severity that is none, or as for :func:`snellen.evaluate`.
    """
    names = _checked(corruptions, severities, at)
    left_out = tuple(reason for name in names if (reason := missing_pictures(name)))
    trials: list[Trial] = [("", 0)] + [(n, s) for n in names if not missing_pictures(n) for s in severities]
    images = as_dataset(dataset)
    chosen = labelled_photographs(
        classifier, images, split=split, match_by=match_by, mapping=mapping, most=most, seed=seed
    )
    preprocessing = classifier.preprocessing

    def inputs(example: Example) -> list[InputBytes]:
        photograph = read_array(example.source)
        if at == "photograph":
            return [preprocessing.preprocess_fast(made) for made in _corrupted(photograph, example.name, trials, seed)]
        return list(_corrupted(preprocessing.preprocess_fast(photograph), example.name, trials, seed))

    chosen_engine = choose_engine(classifier, engine, output="logits", count=len(chosen) * len(trials))
    key = fingerprint(
        repr(
            (
                classifier.cache_key(),
                chosen_engine.name,
                trials,
                at,
                seed,
                chosen.state(),
                versions().get("snellen"),
            )
        )
    )
    progress.begin("Corrupting", len(chosen))
    run = Trials(inputs, len(trials), chosen_engine, "corruptions and severities", key)
    answers = run.run(chosen, None if out is None else Path(out) / FOLDER, progress)
    return _result(classifier, chosen, at, trials, answers, left_out, seed)


def _checked(corruptions: Sequence[str], severities: Sequence[int], at: str) -> list[str]:
    for name in corruptions:
        if name not in CORRUPTIONS:
            raise InputError(f"no corruption {name!r}", did_you_mean(name, CORRUPTIONS) or ", ".join(CORRUPTIONS))
    if not severities or not set(severities) <= set(SEVERITIES):
        raise InputError(f"severities {list(severities)}", "some of 1 to 5")
    if at not in get_args(Size):
        raise InputError(f"`at` is {at!r}", " or ".join(get_args(Size)))
    return list(corruptions) or list(CORRUPTIONS)


def _corrupted(photograph: Bytes, name: str, trials: Sequence[Trial], seed: int) -> Iterator[Bytes]:
    for corruption, severity in trials:
        # Each draws from a stream of its own: one corruption alone gives what it gives among others.
        drawn = int(fingerprint(f"{seed} {name} {corruption} {severity}")[:8], 16)
        random = np.random.default_rng(drawn)
        made = CORRUPTIONS[corruption](photograph, severity, random) if corruption else photograph
        yield np.ascontiguousarray(made)


def _result(
    classifier: Classifier,
    chosen: LabelledPhotographs,
    at: Size,
    trials: Sequence[Trial],
    answers: Answers,
    left_out: tuple[str, ...],
    seed: int,
) -> CorruptionResult:
    correct, confidence, n = answers.correct, answers.confidence, len(answers.correct)
    errors = 1.0 - correct
    weights = np.random.default_rng(seed).multinomial(n, [1 / n] * n, _RESAMPLES) / n
    mean, resampled = errors.mean(axis=0), weights @ errors
    columns = _columns(trials)
    counted = [place for places in columns.values() for place in places] or list(range(1, len(trials)))
    return CorruptionResult(
        dataset=chosen.images.name,
        model=classifier.name,
        n=n,
        sampled=chosen.sampled,
        at=at,
        size=classifier.preprocessing.size,
        clean=answers.accuracy(0),
        clean_calibration_error=calibration_error(confidence[:, 0], correct[:, 0]),
        outcomes=tuple(
            UnderCorruption(
                name, severity, answers.accuracy(place), calibration_error(confidence[:, place], correct[:, place])
            )
            for place, (name, severity) in enumerate(trials)
            if name
        ),
        mean_error=Estimate.of(float(mean[counted].mean()), resampled[:, counted].mean(axis=1)),
        against_alexnet=_against_alexnet(mean, resampled, columns, [severity for _, severity in trials])
        if columns and classifier.labels == imagenet_labels()
        else None,
        left_out=left_out,
        failures=answers.failures,
        provenance=classifier.provenance(chosen.data, seed=seed),
    )


def _columns(trials: Sequence[Trial]) -> dict[str, list[int]]:
    """The places of each of the 15 corruptions among the trials."""
    columns: dict[str, list[int]] = {}
    for place, (name, _) in enumerate(trials):
        if name and CORRUPTIONS[name].alexnet:
            columns.setdefault(name, []).append(place)
    return columns


def _against_alexnet(
    mean: npt.NDArray[np.float64],
    resampled: npt.NDArray[np.float64],
    columns: Mapping[str, Sequence[int]],
    severities: Sequence[int],
) -> CorruptionErrors:
    def both(rows: npt.NDArray[np.float64], *, relative: bool) -> npt.NDArray[np.float64]:
        ratios = [over_alexnet(rows, name, places, severities, relative=relative) for name, places in columns.items()]
        return np.asarray(np.mean(ratios, axis=0))

    return CorruptionErrors(
        {n: float(over_alexnet(mean[None], n, places, severities)[0]) for n, places in columns.items()},
        *(
            Estimate.of(float(both(mean[None], relative=relative)[0]), both(resampled, relative=relative))
            for relative in (False, True)
        ),
    )


def over_alexnet(
    errors: npt.NDArray[np.float64],
    corruption: str,
    places: Sequence[int],
    severities: Sequence[int],
    *,
    relative: bool = False,
) -> npt.NDArray[np.float64]:
    """The corruption error (R,) of R rows of errors (R, T), the first column that of clean photographs.

    The sum of the errors over the severities, over that of AlexNet's (Hendrycks and Dietterich 2019, section 4.2).

    Args:
        errors: errors of each trial.
        corruption: its name.
        places: its columns.
        severities: severity of each column.
        relative: whether both are less the error on clean photographs.
    """
    ours = errors[:, places].sum(axis=1)
    alexnet = sum(CORRUPTIONS[corruption].alexnet[severities[place] - 1] for place in places)
    if relative:
        ours = ours - len(places) * errors[:, 0]
        alexnet -= len(places) * ALEXNET_CLEAN
    ratio: npt.NDArray[np.float64] = ours / alexnet
    return ratio
