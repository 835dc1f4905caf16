"""What a stress test of several photographs adds up to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from snellen.data.images import Failure
from snellen.inference.engines import Engine
from snellen.robustness.acuity import AcuityChart, acuity
from snellen.robustness.stress import StressPair, StressResult
from snellen.runs.result import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class StressReport(Result):
    """A stress test of several photographs.

    Attributes:
        photographs: results of those that could be read.
        originals: results of what the attacked ones were made from, in the same order; empty where none were given.
        acuity: their acuity chart.
        failures: photographs that could not be read, or not together with their originals.
        data: fingerprint of the photographs.
        engine: who answered, and in which precision; see :mod:`snellen.inference.engines`.
    """

    photographs: tuple[StressResult, ...]
    originals: tuple[StressResult, ...]
    acuity: AcuityChart
    failures: tuple[Failure, ...]
    data: str
    engine: str = ""

    def plot(self) -> Figure:
        """The acuity chart."""
        return self.acuity.plot()

    def discussion(self) -> str:
        """What the transforms did to the photographs, in sentences; empty where none could be read."""
        from snellen.robustness.discussion import discuss

        return discuss(self.photographs, self.originals) if self.photographs else ""


def stress_report(
    pairs: Sequence[StressPair], failures: Sequence[Failure], data: str, engine: Engine | None = None
) -> StressReport:
    """The report of photographs, each with its original where it has one; see :class:`StressReport`."""
    who = "" if engine is None else f"{engine.name} {engine.precision}"
    photographs = tuple(photograph for photograph, _ in pairs)
    originals = tuple(original for _, original in pairs if original is not None)
    return StressReport(photographs, originals, acuity((*photographs, *originals)), tuple(failures), data, who)
