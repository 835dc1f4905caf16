"""Takes many searches through the network at a time, and ends each as soon as it has met its criterion."""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from snellen.attacks.gradients import GradientEngine, Query
from snellen.attacks.search import Criterion, Objective, Search, probability
from snellen.models.classifier import Classifier

# Pixels of all the photographs that are searched at a time, each of which holds about ten tensors of them.
_MOST_PIXELS = 8_000_000

InputTransform = Callable[[Tensor], Tensor]
"""From a point (1, 3, h, w) to the network's input (1, 3, *size) in [0, 1], differentiable."""


@dataclass(frozen=True)
class CurvePoint:
    """What a search met at one of its gradients.

    Attributes:
        probability: the probability that the criterion asks for: P(y_fool) at the 8-bit point.
        gradient_norm: Euclidean norm of that probability's gradient in the photograph's values, each in [0, 1]; None
            where the search follows the margin, which does not tell it.
        step_size: the lambda of the step that led there; None of the first gradient, and of searches without one.
    """

    probability: float
    gradient_norm: float | None
    step_size: float | None = None


@dataclass(frozen=True, eq=False)
class SearchResult:
    """Where a search ended.

    Attributes:
        point: point (1, 3, h, w), of 8-bit values over 255.
        steps: number of gradients taken.
        failure_reason: why the search could not go on; None where it succeeded or used up its steps.
        curve: what it met at each gradient.
    """

    point: Tensor
    steps: int
    failure_reason: str | None = None
    curve: tuple[CurvePoint, ...] = ()


@dataclass(eq=False)
class AttackJob:
    """One search, all that it takes to run it, and how far it has come.

    Attributes:
        search: generator of points.
        criterion: what counts as success.
        objective: function of the logits that the search increases.
        preprocess: transform from a point to the network's input.
        sample_transforms: draws further transforms for each step; the objective is the mean over all inputs. Draws
            none where the preprocessed point is the only input.
        confidence: probability of the criterion that ends the search.
        patience: number of steps in a row at which all inputs must reach it.
        step_sizes: the lambda of each step so far, where the search keeps them.
        point: point (1, 3, h, w) where the search stands.
        steps: number of gradients taken.
        curve: what was met at each of them.
    """

    search: Search
    criterion: Criterion
    objective: Objective
    preprocess: InputTransform
    sample_transforms: Callable[[], Sequence[InputTransform]] = tuple
    confidence: float = 0.9
    patience: int = 1
    step_sizes: Sequence[float] = ()
    point: Tensor = field(init=False)
    steps: int = field(default=0, init=False)
    curve: list[CurvePoint] = field(default_factory=list, init=False)
    _confident_steps: int = field(default=0, init=False)
    _best: Tensor = field(init=False)
    _highest: float = field(default=-math.inf, init=False)

    def __post_init__(self) -> None:
        self.point = self._best = next(self.search)

    def advance(
        self, objective: float, gradient: Tensor, confident: bool, confirm: Callable[[AttackJob], bool]
    ) -> SearchResult | None:
        """Let the search move by one step; its result where that ends it.

        Args:
            objective: value at the point.
            gradient: gradient (1, 3, h, w) there.
            confident: whether all inputs of the point reach the confidence.
            confirm: asked whether the classifier itself agrees, before the search ends as a success.
        """
        self.steps += 1
        self._confident_steps = self._confident_steps + 1 if confident else 0
        if self._confident_steps >= self.patience and confirm(self):
            return SearchResult(self.point, self.steps)
        low, high = gradient.aminmax()
        if not (torch.isfinite(low) and torch.isfinite(high)):
            return SearchResult(self._best, self.steps, "the gradient is not a number")
        if low == high == 0:
            return SearchResult(self._best, self.steps, "the gradient is zero everywhere")
        if objective > self._highest:
            self._best, self._highest = self.point, objective
        try:
            self.point = self.search.send((objective, gradient))
        except StopIteration as end:
            return SearchResult(end.value, self.steps)
        return None


def round_to_bytes(point: Tensor) -> Tensor:
    """The nearest 8-bit values, over 255: what a file can hold."""
    return point.mul(255).round_().div_(255)


def run_jobs(
    next_job: Callable[[], AttackJob | None], classifier: Classifier, engine: GradientEngine, batch: int = 16
) -> Iterator[tuple[AttackJob, SearchResult | int]]:
    """Run jobs, ``batch`` at a time, and give each as it ends; until then, its gradients after each step.

    Whoever stops asking stops the jobs.

    Args:
        next_job: gives the job to take up next, None where there is none for the moment.
        classifier: confirms each success in float32 where the engine computes in less.
        engine: gives the gradients.
        batch: number of jobs that take turns.
    """

    def confirm(job: AttackJob) -> bool:
        if engine.exact:
            return True
        with torch.no_grad():
            logits = classifier.logits_from_inputs(job.preprocess(round_to_bytes(job.point)))
        return bool(job.criterion.confidence(logits.softmax(dim=1)) >= job.confidence)

    jobs: list[AttackJob] = []
    while True:
        while not jobs or (len(jobs) < batch and sum(job.point[0, 0].numel() for job in jobs) < _MOST_PIXELS):
            job = next_job()
            if job is None:
                break
            jobs.append(job)
        if not jobs:
            return
        unfinished: list[AttackJob] = []
        for job, found in zip(jobs, _evaluate(jobs, engine), strict=True):
            step_size = job.step_sizes[-1] if job.step_sizes else None
            job.curve.append(CurvePoint(found.probability, _norm_of_probability(job, found), step_size))
            result = job.advance(found.objective, found.gradient, found.confident, confirm)
            if result is None:
                unfinished.append(job)
                yield job, job.steps
            else:
                point = round_to_bytes(result.point)
                yield job, dataclasses.replace(result, point=point, curve=tuple(job.curve))
        jobs = unfinished


@dataclass(frozen=True, eq=False)
class _Evaluated:
    """What a job meets at the bytes nearest to its point.

    Attributes:
        objective: objective, the mean over the job's inputs.
        gradient: its gradient, likewise.
        probability: what the criterion asks for, likewise.
        confident: whether all inputs reach the confidence.
        inputs: number of inputs: more than one where transforms are sampled.
    """

    objective: float
    gradient: Tensor
    probability: float
    confident: bool
    inputs: int


def _norm_of_probability(job: AttackJob, found: _Evaluated) -> float | None:
    """The norm of the gradient of the criterion's probability, where that of the objective tells it."""
    if found.inputs > 1 or (job.objective is not probability and job.criterion.target is None):
        return None
    # The gradient of a logarithm is that of the probability over it.
    return float(found.gradient.norm()) * (1 if job.objective is probability else found.probability)


def _evaluate(jobs: Sequence[AttackJob], engine: GradientEngine) -> list[_Evaluated]:
    """What each job meets."""
    points = [round_to_bytes(job.point).requires_grad_() for job in jobs]
    transforms = [(job.preprocess, *job.sample_transforms()) for job in jobs]
    objectives, met, confident = [0.0] * len(jobs), [0.0] * len(jobs), [True] * len(jobs)
    pairs = [(index, transform) for index, of_job in enumerate(transforms) for transform in of_job]
    waiting: deque[Tensor] = deque()

    def queries() -> Iterator[Query]:
        for index, transform in pairs:
            with torch.enable_grad():
                waiting.append(transform(points[index]))
            yield Query(waiting[-1].detach(), jobs[index].criterion, jobs[index].objective)

    for (index, _), answer in zip(pairs, engine.run(queries()), strict=True):
        job, share = jobs[index], 1 / len(transforms[index])
        reached = job.criterion.confidence(answer.logits.softmax(dim=1)).item()
        objectives[index] += share * answer.value
        met[index] += share * reached
        confident[index] &= reached >= job.confidence
        torch.autograd.backward(waiting.popleft(), share * answer.gradient)
    gradients = [torch.zeros_like(point) if point.grad is None else point.grad for point in points]
    inputs = map(len, transforms)
    return [_Evaluated(*one) for one in zip(objectives, gradients, met, confident, inputs, strict=True)]
