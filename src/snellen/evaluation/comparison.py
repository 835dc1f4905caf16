"""Two models on the same photographs: which is better, whether that may be chance, and where they part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from snellen.data.datasets.base import ImageSet
from snellen.errors import InputError
from snellen.evaluation.evaluate import EvaluatedPhotograph, EvaluationResult
from snellen.intervals import Estimate, Paired, Rate
from snellen.runs.result import Result
from snellen.runs.serialise import NOT_SERIALISED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RESAMPLES = 10_000
SHOWN = 8
"""How many photographs of each kind a comparison names."""


@dataclass(frozen=True)
class Disagreement:
    """A photograph that one model gets right and the other wrong.

    Attributes:
        image: image id in the data set.
        label: name of the true class.
        wrong: what the other takes it for.
        probability: with which probability.
    """

    image: str
    label: str
    wrong: str
    probability: float


@dataclass(frozen=True)
class ModelComparison(Result):
    """Two models on the same photographs.

    Attributes:
        dataset: name of the data set.
        models: names of the two.
        n: number of photographs that both scored.
        accuracy: top-1 accuracy of each on these.
        difference: accuracy of the second less that of the first, with its interval by the bootstrap over photographs.
        both_right, only_first, only_second, both_wrong: numbers of photographs.
        p_value: of the exact McNemar test: how often two equally good models would part at least this unevenly.
        agreement: share of the photographs that both give one class, right or wrong.
        first_right: photographs that only the first gets right, those first of which the second is surest.
        second_right: photographs that only the second gets right.
        source: the data set, for the pictures.
    """

    dataset: str
    models: tuple[str, str]
    n: int
    accuracy: tuple[Rate, Rate]
    difference: Estimate
    both_right: int
    only_first: int
    only_second: int
    both_wrong: int
    p_value: float
    agreement: Rate
    first_right: tuple[Disagreement, ...]
    second_right: tuple[Disagreement, ...]
    source: ImageSet | None = field(default=None, repr=False, compare=False, metadata=NOT_SERIALISED)

    def plot(self) -> Figure:
        """The photographs that only one of the two gets right."""
        from snellen.evaluation.figures import draw_disagreements

        return draw_disagreements(self)

    def discussion(self) -> str:
        """Which is better, whether it may be chance, and what that does not prove."""
        from snellen.evaluation.discussion import discuss_comparison

        return discuss_comparison(self)


def compare_models(one: EvaluationResult, other: EvaluationResult, seed: int = 0) -> ModelComparison:
    """Compare two models that :func:`snellen.evaluate` scored on the same photographs.

    Photographs that only one of them could be scored on, since the other does not know the class, are left out.

    Raises:
        InputError: the data sets differ, or share no photograph that both could be scored on.
    """
    if one.provenance.data != other.provenance.data:
        raise InputError(
            f"{one.model} was scored on {one.dataset}, {other.model} on {other.dataset}: not the same photographs",
            "both on one data set and split",
        )
    return compare_answers((one.model, other.model), one.photographs, other.photographs, one.dataset, one.source, seed)


def compare_answers(
    models: tuple[str, str],
    one: Sequence[EvaluatedPhotograph],
    other: Sequence[EvaluatedPhotograph],
    dataset: str,
    source: ImageSet | None = None,
    seed: int = 0,
) -> ModelComparison:
    """Compare what two models answered for the photographs of one data set.

    The test is :class:`~snellen.intervals.Paired`'s.

    Raises:
        InputError: they share no photograph.
    """
    theirs = _by_place(other)
    pairs = [(p, theirs[place]) for place, p in _by_place(one).items() if place in theirs]
    if not pairs:
        raise InputError(f"{models[0]} and {models[1]}: no photograph that both were scored on", "one data set")
    first, second = (np.array([pair[side].correct for pair in pairs]) for side in (0, 1))
    paired, n = Paired.of(first, second), len(pairs)
    only_first, only_second = paired.only_first, paired.only_second
    shares = np.array([only_first, only_second, n - only_first - only_second]) / n
    drawn = np.random.default_rng(seed).multinomial(n, shares, size=RESAMPLES)
    return ModelComparison(
        dataset=dataset,
        models=models,
        n=n,
        accuracy=(Rate.of(first.tolist()), Rate.of(second.tolist())),
        difference=Estimate.of((only_second - only_first) / n, (drawn[:, 1] - drawn[:, 0]) / n),
        both_right=paired.both_right,
        only_first=only_first,
        only_second=only_second,
        both_wrong=paired.both_wrong,
        p_value=paired.p_value,
        agreement=Rate.of(_agreements(pairs)),
        first_right=_disagreements([q for p, q in pairs if p.correct and not q.correct]),
        second_right=_disagreements([p for p, q in pairs if q.correct and not p.correct]),
        source=source,
    )


def _by_place(photographs: Sequence[EvaluatedPhotograph]) -> dict[tuple[str, str, str, int], EvaluatedPhotograph]:
    """Each photograph by its split, class and id in the data set, and how many before it share them: ids may repeat.

    What one model was not scored on are whole classes of the data set, so the others keep their places.
    """
    before: Counter[tuple[str, str, str]] = Counter()
    places = {}
    for one in photographs:
        key = one.split, one.dataset_class, one.image
        places[*key, before[key]] = one
        before[key] += 1
    return places


def _agreements(pairs: Sequence[tuple[EvaluatedPhotograph, EvaluatedPhotograph]]) -> Iterator[bool]:
    """Whether both answers are one class: of one name, or of one class of the data set's under two names."""
    known: tuple[dict[int, set[str]], dict[int, set[str]]] = ({}, {})
    for pair in pairs:
        for classes, one in zip(known, pair, strict=True):
            classes.setdefault(one.label.index, set()).add(one.dataset_class)
    for one, other in pairs:
        shared = known[0].get(one.top.index, set()) & known[1].get(other.top.index, set())
        yield one.top.label == other.top.label or bool(shared)


def _disagreements(wrong: Sequence[EvaluatedPhotograph]) -> tuple[Disagreement, ...]:
    surest = sorted(wrong, key=lambda one: (-one.top.probability, one.image))[:SHOWN]
    return tuple(Disagreement(one.image, one.label.label, one.top.label, one.top.probability) for one in surest)
