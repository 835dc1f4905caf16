"""The acuity chart's numbers: at what strength each transform changes the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from snellen.data.transforms import TransformStrength
from snellen.intervals import Rate
from snellen.robustness.stress import StressResult
from snellen.runs.result import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class AcuityLine:
    """One line of the chart: one transform, mild to strong.

    Attributes:
        transform: name of the transform.
        strengths: strengths of its ladder.
        kept: share of the photographs whose answer is kept, at each strength; see :meth:`StressResult.keeps`.
        changes_at: mildest strength that changes the answer; of one photograph only, None where none does.
    """

    transform: str
    strengths: tuple[float, ...]
    kept: tuple[Rate, ...]
    changes_at: float | None


@dataclass(frozen=True)
class AcuityChart(Result):
    """An eye chart of one or of many photographs, with a panel for clean, misclassified and attacked ones each.

    Attributes:
        clean: lines of the photographs that were not attacked and are seen as what they show; empty where there are
            none.
        attacked: lines of those that were, and that the network took for something else.
        misclassified: lines of those that were not attacked and are seen as something else before any transform.
    """

    clean: tuple[AcuityLine, ...]
    attacked: tuple[AcuityLine, ...]
    misclassified: tuple[AcuityLine, ...] = ()

    def plot(self) -> Figure:
        """The chart's panels side by side."""
        from snellen.robustness.figures import draw_acuity

        return draw_acuity(self)

    def discussion(self) -> str:
        """The mildest strengths at which half or fewer of the photographs keep their answer."""
        from snellen.robustness.discussion import discuss_acuity

        return discuss_acuity(self)


def acuity(results: StressResult | Sequence[StressResult]) -> AcuityChart:
    """The acuity chart of what :func:`snellen.stress` found in one photograph or in several.

    Several are compared at the transforms and strengths that all of them were put to. Attacks that did not fool are
    left out: there is nothing to undo. What is seen wrongly before any transform is counted apart: a mistake that is
    kept is no class that is kept.
    """
    results = [results] if isinstance(results, StressResult) else results
    clean = [one for one in results if not one.attacked and not one.misclassified]
    misclassified = [one for one in results if one.misclassified]
    attacked = [one for one in results if one.attacked and one.fooled]
    return AcuityChart(_lines(clean), _lines(attacked), _lines(misclassified))


def shared_transforms(results: Sequence[StressResult]) -> tuple[TransformStrength, ...]:
    """The transforms at a strength that all of some photographs were put to, in the order of the first."""
    first, *others = ([(o.transform, o.strength) for o in one.outcomes] for one in results)
    return tuple(one for one in first if all(one in other for other in others))


def _lines(results: Sequence[StressResult]) -> tuple[AcuityLine, ...]:
    ladders: dict[str, list[float]] = {}
    for name, strength in shared_transforms(results) if results else ():
        ladders.setdefault(name, []).append(strength)
    return tuple(_line(results, name, sorted(ladder, key=abs)) for name, ladder in ladders.items())


def _line(results: Sequence[StressResult], name: str, ladder: Sequence[float]) -> AcuityLine:
    kept = tuple(Rate.of(one.keeps(one.outcome(name, strength)) for one in results) for strength in ladder)
    changed = [strength for strength, rate in zip(ladder, kept, strict=True) if not rate.count]
    return AcuityLine(name, tuple(ladder), kept, changed[0] if len(results) == 1 and changed else None)
