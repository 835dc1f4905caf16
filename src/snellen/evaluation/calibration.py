"""How far the probabilities can be believed: reliability, calibration error, proper scores, temperature, abstention.

Everything is a function of a few numbers for each photograph (:class:`Scored`), so a set of any size fits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from snellen.intervals import Estimate

BINS = 15
RESAMPLES = 1_000
FEWEST = 20
"""The fewest photographs of which a temperature is fitted on one half."""
_LOWEST, _HIGHEST = 0.05, 20.0
"""The temperatures that are searched."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scored:
    """What is kept of each of N photographs.

    Attributes:
        confidence: probability of the most probable class (N,).
        correct: whether that is the true one (N,).
        log_likelihood: log-probability of the true class (N,), natural.
        brier: sum over the classes of the squared difference between probability and truth (N,), from 0 to 2.
    """

    confidence: Floats
    correct: npt.NDArray[np.bool_]
    log_likelihood: Floats
    brier: Floats

    @property
    def n(self) -> int:
        """Number of photographs."""
        return len(self.confidence)

    def take(self, rows: npt.NDArray[np.int64]) -> Scored:
        """Some of the photographs, in that order."""
        return Scored(self.confidence[rows], self.correct[rows], self.log_likelihood[rows], self.brier[rows])


def score_logits(logits: npt.NDArray[np.floating], targets: npt.NDArray[np.int64], temperature: float = 1.0) -> Scored:
    """What is kept of ``logits`` (N, K), divided by ``temperature``, whose true classes are ``targets`` (N,)."""
    log_probabilities = log_softmax(logits.astype(np.float64) / temperature, axis=1)
    probabilities = np.exp(log_probabilities)
    rows = np.arange(len(targets))
    true = probabilities[rows, targets]
    return Scored(
        confidence=probabilities.max(axis=1),
        correct=logits.argmax(axis=1) == targets,
        log_likelihood=log_probabilities[rows, targets],
        brier=(probabilities**2).sum(axis=1) - 2 * true + 1,
    )


def join(parts: list[Scored]) -> Scored:
    """The photographs of several parts as one."""
    names = ("confidence", "correct", "log_likelihood", "brier")
    return Scored(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@dataclass(frozen=True)
class ReliabilityBin:
    """One bin of the reliability diagram.

    Attributes:
        n: number of its photographs.
        confidence: their mean confidence.
        accuracy: share that is correct.
    """

    n: int
    confidence: float
    accuracy: float


def reliability(scored: Scored, bins: int = BINS) -> tuple[ReliabilityBin, ...]:
    """The photographs by confidence, in ``bins`` of (nearly) equal numbers; fewer where there are fewer photographs."""
    order = np.argsort(scored.confidence, kind="stable")
    return tuple(
        ReliabilityBin(len(part), float(scored.confidence[part].mean()), float(scored.correct[part].mean()))
        for part in np.array_split(order, min(bins, scored.n))
    )


def calibration_error(confidence: Floats, correct: npt.NDArray[np.bool_], bins: int = BINS) -> float:
    """Expected calibration error: mean over photographs of the gap between their bin's accuracy and confidence.

    Guo et al., ICML 2017, arXiv 1706.04599, equation 3, with bins of equal numbers (Nguyen and O'Connor, EMNLP 2015).
    """
    n = len(confidence)
    order = np.argsort(confidence, kind="stable")
    gaps = np.concatenate([[0.0], np.cumsum(correct[order] - confidence[order])])
    sizes = np.full(min(bins, n), n // min(bins, n))
    sizes[: n % min(bins, n)] += 1
    ends = np.concatenate([[0], np.cumsum(sizes)])
    return float(np.abs(np.diff(gaps[ends])).sum() / n)


def risk_coverage(scored: Scored) -> Floats:
    """Share of wrong answers among the k most confident photographs, for k from 1 to N (N,).

    Photographs of one confidence cannot be told apart: each counts with their mean.
    """
    order = np.argsort(-scored.confidence, kind="stable")
    wrong = (~scored.correct[order]).astype(np.float64)
    _, first, counts = np.unique(-scored.confidence[order], return_index=True, return_counts=True)
    wrong = np.repeat(np.add.reduceat(wrong, first) / counts, counts)
    risks: Floats = np.cumsum(wrong) / np.arange(1, len(wrong) + 1)
    return risks


def area_under_risk_coverage(scored: Scored) -> float:
    """The mean risk over all coverages (AURC; Geifman et al., ICLR 2019, arXiv 1805.08206): lower is better."""
    return float(risk_coverage(scored).mean())


def fit_temperature(logits: npt.NDArray[np.floating], targets: npt.NDArray[np.int64]) -> float:
    """The temperature at which ``logits`` (N, K) over it have the lowest negative log-likelihood (Guo et al. 2017)."""
    logits = logits.astype(np.float64)
    rows = np.arange(len(targets))

    def loss(log_temperature: float) -> float:
        return float(-log_softmax(logits / np.exp(log_temperature), axis=1)[rows, targets].mean())

    found = minimize_scalar(loss, bounds=(np.log(_LOWEST), np.log(_HIGHEST)), method="bounded")
    return float(np.exp(found.x))


@dataclass(frozen=True)
class ProbabilityScores:
    """How good the probabilities of some photographs are; lower is better throughout.

    Attributes:
        n: number of photographs.
        calibration_error: expected calibration error, 15 bins of equal numbers.
        chance_error: the calibration error that a perfectly calibrated network of the same confidences would show on
            as many photographs, on average: with few, never zero.
        brier: mean Brier score, from 0 to 2.
        log_loss: mean negative log-likelihood, in nats.
        risk_coverage: area under the curve of risk against coverage.
    """

    n: int
    calibration_error: Estimate
    chance_error: float
    brier: Estimate
    log_loss: Estimate
    risk_coverage: Estimate


def probability_scores(scored: Scored, seed: int = 0) -> ProbabilityScores:
    """The scores with their 95% intervals by the bootstrap over photographs.

    The calibration error of a resample is larger than that of the sample, on average, since it is a sum of absolute
    values; so its interval is the basic one (Davison and Hinkley 1997, equation 5.6), which takes that bias off.
    """
    random = np.random.default_rng(seed)
    n = scored.n
    errors, areas, briers, losses, by_chance = (np.empty(RESAMPLES) for _ in range(5))
    for number in range(RESAMPLES):
        drawn = scored.take(random.integers(0, n, n))
        errors[number] = calibration_error(drawn.confidence, drawn.correct)
        areas[number] = area_under_risk_coverage(drawn)
        briers[number], losses[number] = drawn.brier.mean(), -drawn.log_likelihood.mean()
        by_chance[number] = calibration_error(scored.confidence, random.random(n) < scored.confidence)
    error = calibration_error(scored.confidence, scored.correct)
    around = Estimate.of(error, errors)
    low, high = (float(np.maximum(0, 2 * error - end)) for end in (around.high, around.low))
    return ProbabilityScores(
        n=n,
        calibration_error=Estimate(error, low, high),
        chance_error=float(by_chance.mean()),
        brier=Estimate.of(float(scored.brier.mean()), briers),
        log_loss=Estimate.of(float(-scored.log_likelihood.mean()), losses),
        risk_coverage=Estimate.of(area_under_risk_coverage(scored), areas),
    )


@dataclass(frozen=True)
class TemperatureScaling:
    """One number that all logits are divided by, fitted on one half of the photographs, judged on the other.

    Attributes:
        temperature: above 1 where the network is too sure of itself.
        n_fit: number of photographs that it was fitted on.
        before, after: scores of the other half, without and with it. No answer changes.
    """

    temperature: float
    n_fit: int
    before: ProbabilityScores
    after: ProbabilityScores


@dataclass(frozen=True)
class Calibration:
    """How far the probabilities can be believed.

    Attributes:
        scores: scores of all photographs.
        bins: the reliability diagram.
        mean_confidence: mean probability of the most probable class.
        risks: share of wrong answers among the most confident 1%, 2%, ... 100% of the photographs.
        temperature: temperature scaling; None where there are too few photographs for it.
    """

    scores: ProbabilityScores
    bins: tuple[ReliabilityBin, ...]
    mean_confidence: float
    risks: tuple[float, ...]
    temperature: TemperatureScaling | None


def calibration_of(scored: Scored, temperature: TemperatureScaling | None, seed: int = 0) -> Calibration:
    """The calibration of some photographs."""
    risks = risk_coverage(scored)
    coverages = np.ceil(np.arange(1, 101) * scored.n / 100).astype(int)
    return Calibration(
        scores=probability_scores(scored, seed),
        bins=reliability(scored),
        mean_confidence=float(scored.confidence.mean()),
        risks=tuple(risks[coverages - 1].tolist()),
        temperature=temperature,
    )


_MOST_TO_FIT = 10_000


def fitting_part(n: int, seed: int = 0) -> npt.NDArray[np.bool_]:
    """Which (N,) of ``n`` photographs a temperature is fitted on: half of them, or 10,000 of more, drawn."""
    chosen = np.zeros(n, dtype=bool)
    chosen[np.random.default_rng(seed).permutation(n)[: min(n // 2, _MOST_TO_FIT)]] = True
    return chosen
