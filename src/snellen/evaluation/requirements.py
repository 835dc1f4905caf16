"""Pass or fail: what an evaluation is required to reach, for a build that must not get worse."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from snellen.errors import InputError, did_you_mean
from snellen.evaluation.corrupted import CorruptionResult
from snellen.evaluation.evaluate import EvaluationResult
from snellen.intervals import Estimate, Rate

_FORM = re.compile(r"\s*([a-z0-9_]+)(?:\.(low|high))?\s*(>=|<=)\s*([0-9.eE+-]{1,20})\s*")
_ACCEPTED = "such as accuracy>=0.9, accuracy.low>=0.85 (the end of its interval) or calibration_error<=0.05"
NAMES = (
    "accuracy", "top5", "mean_per_class", "calibration_error", "brier", "log_loss", "risk_coverage",
    "corruption_accuracy", "robust_accuracy",
)  # fmt: skip
"""What can be required; of robust accuracy that within the largest bound."""


MEASURED_BY = {"corruption_accuracy": "corruptions", "robust_accuracy": "epsilon"}
"""What has to be asked for besides, for a number that not every evaluation measures."""


@dataclass(frozen=True)
class Requirement:
    """One number that must be reached.

    Attributes:
        text: as it was written.
        name: name of the number.
        end: ``low`` or ``high`` for an end of its interval; empty for the number itself.
        at_least: whether the bound is a lower one.
        bound: the bound.
    """

    text: str
    name: str
    end: str
    at_least: bool
    bound: float


@dataclass(frozen=True)
class Verdict:
    """Whether a requirement is met, and by what value; NaN where there is no such number."""

    requirement: str
    value: float
    met: bool


def read_requirement(text: str, names: Sequence[str] = NAMES) -> Requirement:
    """The requirement that a text such as ``accuracy>=0.9`` stands for.

    Raises:
        InputError: it cannot be read, or names none of ``names``.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise InputError(f"require {text!r}: not a requirement", _ACCEPTED)
    name, end, sign, number = found.groups()
    if name not in names:
        raise InputError(f"require {text!r}: no number {name!r}", did_you_mean(name, names) or ", ".join(names))
    try:
        return Requirement(text.strip(), name, end or "", sign == ">=", float(number))
    except ValueError as error:
        raise InputError(f"require {text!r}: {number!r} is not a number", _ACCEPTED) from error


def check_measured(requirements: Sequence[Requirement], asked: Mapping[str, bool]) -> None:
    """Refuse what requires a number that nobody asked to be measured, before anything is.

    Args:
        requirements: what is required.
        asked: for the keys of :data:`MEASURED_BY`, whether they are given.

    Raises:
        InputError: names what would measure it.
    """
    for one in requirements:
        option = MEASURED_BY.get(one.name, "")
        if option and not asked[option]:
            bound = " 4/255" if option == "epsilon" else ""
            raise InputError(f"require {one.text!r}: nothing measures {one.name}", f"`{option}`{bound} does")


def measured(
    result: EvaluationResult, corruptions: CorruptionResult | None = None
) -> Mapping[str, Rate | Estimate | None]:
    """The numbers of an evaluation that can be required, by name."""
    scores = result.calibration.scores
    under = None if corruptions is None else corruptions.mean_error
    return {
        "corruption_accuracy": None if under is None else Estimate(1 - under.value, 1 - under.high, 1 - under.low),
        "accuracy": result.accuracy,
        "top5": result.top5,
        "mean_per_class": result.mean_per_class,
        "calibration_error": scores.calibration_error,
        "brier": scores.brier,
        "log_loss": scores.log_loss,
        "risk_coverage": scores.risk_coverage,
    }


def judge(requirements: Sequence[Requirement], numbers: Mapping[str, Rate | Estimate | None]) -> tuple[Verdict, ...]:
    """Whether each requirement is met; one of a number that could not be measured is not."""
    return tuple(_judge(one, numbers.get(one.name)) for one in requirements)


def _judge(requirement: Requirement, number: Rate | Estimate | None) -> Verdict:
    if number is None:
        return Verdict(requirement.text, float("nan"), False)
    value = {"low": number.low, "high": number.high}.get(
        requirement.end, number.share if isinstance(number, Rate) else number.value
    )
    met = value >= requirement.bound if requirement.at_least else value <= requirement.bound
    return Verdict(requirement.text, value, met)
