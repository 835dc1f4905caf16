"""The acuity chart's numbers: at what strength each manipulation changes the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from snellen.data.transforms import TRANSFORMS
from snellen.intervals import Rate
from snellen.robustness.stress import StressResult


@dataclass(frozen=True)
class AcuityLine:
    """One line of the chart: one manipulation, mild to strong.

    Attributes:
        manipulation: its name.
        strengths: of its ladder.
        kept: at each strength, the share of photographs whose answer is kept; see :meth:`StressResult.keeps`.
        changes_at: at the mildest strength that changes the answer; for one photograph only, None where none does.
    """

    manipulation: str
    strengths: tuple[float, ...]
    kept: tuple[Rate, ...]
    changes_at: float | None


def acuity(photographs: Sequence[StressResult]) -> tuple[AcuityLine, ...]:
    """The chart of one photograph or of a set, all put to :func:`snellen.robustness.stress.all_transforms`."""
    lines = []
    for transform in TRANSFORMS.values():
        kept = tuple(
            Rate.of(one.keeps(one.answer(transform.name, strength)) for one in photographs)
            for strength in transform.ladder
        )
        changed = [s for s, rate in zip(transform.ladder, kept, strict=True) if not rate.count]
        changes_at = changed[0] if len(photographs) == 1 and changed else None
        lines.append(AcuityLine(transform.name, transform.ladder, kept, changes_at))
    return tuple(lines)
