"""Accuracy under transforms: labelled photographs under each strength of each transform's ladder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from snellen.data.datasets import as_dataset
from snellen.data.datasets.base import Example, ImageSet
from snellen.data.images import Failure, pixels_from_bytes, read_array, to_image
from snellen.data.transforms import TransformStrength, all_transforms, apply_transform, check_strengths, find_transform
from snellen.evaluation.labelled import LabelledPhotographs, labelled_photographs
from snellen.evaluation.matching import MatchBy
from snellen.evaluation.trials import Answers, Trials
from snellen.inference.engines import InputBytes, choose_engine
from snellen.intervals import Rate
from snellen.models.classifier import Classifier
from snellen.runs.progress import SILENT, Progress
from snellen.runs.provenance import Provenance, fingerprint, versions
from snellen.runs.result import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FOLDER = "transforms"


@dataclass(frozen=True)
class UnderTransform:
    """What is left under one transform at one strength.

    Attributes:
        transform: its name.
        strength: its strength, in its unit.
        accuracy: share of the photographs that are classified correctly.
    """

    transform: str
    strength: float
    accuracy: Rate


@dataclass(frozen=True)
class TransformResult(Result):
    """Accuracy under transforms, mild to strong.

    Attributes:
        dataset: name of the data set.
        model: name of the model.
        n: number of photographs.
        sampled: one sentence on which photographs of the set these are.
        clean: accuracy on them as they are.
        outcomes: what is left under each transform at each strength.
        failures: photographs that could not be read.
        provenance: what makes it repeatable.
    """

    dataset: str
    model: str
    n: int
    sampled: str
    clean: Rate
    outcomes: tuple[UnderTransform, ...]
    failures: tuple[Failure, ...]
    provenance: Provenance

    def ladder(self, transform: str) -> tuple[UnderTransform, ...]:
        """What is left under one transform, mild to strong.

        Raises:
            InputError: no transform of that name.
        """
        name = find_transform(transform).name
        return tuple(one for one in self.outcomes if one.transform == name)

    def plot(self) -> Figure:
        """The acuity chart of accuracy."""
        from snellen.evaluation.figures import draw_transforms

        return draw_transforms(self)

    def discussion(self) -> str:
        """Where the accuracy falls to half of what it is on the photographs as they are."""
        from snellen.evaluation.discussion import discuss_transforms

        return discuss_transforms(self)


def evaluate_transforms(
    classifier: Classifier,
    dataset: ImageSet | str | Path,
    *,
    transforms: Sequence[TransformStrength] = (),
    most: int | None = None,
    split: str | None = None,
    match_by: MatchBy = "auto",
    mapping: Mapping[str, str | int] | None = None,
    engine: str = "auto",
    seed: int = 0,
    out: str | Path | None = None,
    progress: Progress = SILENT,
) -> TransformResult:
    """Classify labelled photographs under transforms, each at its own size and in 8 bits, as a file would hold it.

    Where a transform leaves something open, its definition's position, direction and noise are taken. Before the work
    begins, ``progress`` is told what it will take. Killed and called again with the same ``out``, it goes on where it
    stopped.

    Args:
        classifier: classifier under examination.
        dataset: labelled photographs; or their name, see :func:`snellen.open_dataset`.
        transforms: names of transforms with strengths; empty takes every transform at every strength of its ladder.
        most: number of photographs to draw, evenly over the classes; None takes all.
        split: as :func:`snellen.evaluate` takes it.
        match_by: as :func:`snellen.evaluate` takes it.
        mapping: as :func:`snellen.evaluate` takes it.
        engine: ``auto``, ``torch`` or ``openvino``.
        seed: seed of the photographs that are drawn.
        out: run folder, where finished shards are kept.
        progress: told of each photograph.

    Raises:
        InputError: an unknown transform, a strength beyond its range, or as for :func:`snellen.evaluate`.
    """
    trials = [("", 0.0), *(transforms or all_transforms())]
    check_strengths(trials[1:])
    images = as_dataset(dataset)
    chosen = labelled_photographs(
        classifier, images, split=split, match_by=match_by, mapping=mapping, most=most, seed=seed
    )

    def inputs(example: Example) -> list[InputBytes]:
        pixels = pixels_from_bytes(read_array(example.source))
        changed = (np.array(to_image(apply_transform(pixels, trial))) for trial in trials)
        return [classifier.preprocessing.preprocess_fast(one) for one in changed]

    chosen_engine = choose_engine(classifier, engine, output="logits", count=len(chosen) * len(trials))
    key = fingerprint(
        repr(
            (
                classifier.cache_key(),
                chosen_engine.name,
                trials,
                chosen.state(),
                versions().get("snellen"),
            )
        )
    )
    progress.begin("Transforming", len(chosen))
    run = Trials(inputs, len(trials), chosen_engine, "transforms and strengths", key)
    answers = run.run(chosen, None if out is None else Path(out) / FOLDER, progress)
    return _result(classifier, chosen, trials, answers, seed)


def _result(
    classifier: Classifier,
    chosen: LabelledPhotographs,
    trials: Sequence[TransformStrength],
    answers: Answers,
    seed: int,
) -> TransformResult:
    return TransformResult(
        dataset=chosen.images.name,
        model=classifier.name,
        n=len(answers.correct),
        sampled=chosen.sampled,
        clean=answers.accuracy(0),
        outcomes=tuple(
            UnderTransform(name, strength, answers.accuracy(place))
            for place, (name, strength) in enumerate(trials)
            if name
        ),
        failures=answers.failures,
        provenance=classifier.provenance(chosen.data, seed=seed),
    )
