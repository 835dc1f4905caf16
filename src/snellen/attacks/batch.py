"""Takes many searches through the network at a time, and ends each as soon as it has reached its goal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from snellen.attacks.search import Criterion, Gradient, Objective, Search
from snellen.models.classifier import Classifier

# Pixels of all the photographs that are climbed at a time, each of which holds about ten tensors of them.
_MOST_PIXELS = 8_000_000

Look = Callable[[Tensor], Tensor]
"""From a point (1, 3, h, w) to a view (1, 3, *size) of it, differentiable."""


@dataclass(frozen=True, eq=False)
class AttackJob:
    """One search, and all that it takes to walk it.

    Attributes:
        search: yields points.
        goal: when it has arrived.
        height: what it climbs, from logits.
        look: how the network sees a point.
        looks: the further looks of each step, drawn anew; the height is the mean over all of them. Empty
            where the plain look is the only one.
        assurance: the probability of the goal that ends the search.
        patience: how many steps in a row all looks must show it.
    """

    search: Search
    goal: Criterion
    height: Objective
    look: Look
    looks: Callable[[], Sequence[Look]] = tuple
    confidence: float = 0.9
    patience: int = 1


@dataclass(frozen=True, eq=False)
class SearchResult:
    """Where a search ended.

    Attributes:
        point: (1, 3, h, w), of 8-bit values over 255.
        steps: gradients taken.
        trouble: why the search could not go on; None where it arrived or used up its steps.
    """

    point: Tensor
    steps: int
    failure_reason: str | None = None


def round_to_bytes(point: Tensor) -> Tensor:
    """The nearest 8-bit values, over 255: what a file can hold."""
    return point.mul(255).round_().div_(255)


@dataclass(eq=False)
class _State:
    climb: AttackJob
    point: Tensor = field(init=False)
    steps: int = 0
    sure: int = 0
    best: Tensor = field(init=False)
    highest: float = -math.inf

    def __post_init__(self) -> None:
        self.point = self.best = next(self.climb.search)

    def advance(self, slope: Gradient) -> SearchResult | None:
        """Let the search move; its summit where it ends."""
        self.steps += 1
        gradient_low, gradient_high = slope.gradient.aminmax()
        if not (torch.isfinite(gradient_low) and torch.isfinite(gradient_high)):
            return SearchResult(self.best, self.steps, "the gradient is not a number")
        if gradient_low == gradient_high == 0:
            return SearchResult(self.best, self.steps, "the gradient is zero everywhere")
        if slope.height > self.highest:
            self.best, self.highest = self.point, slope.height
        try:
            self.point = self.climb.search.send(slope)
        except StopIteration as end:
            return SearchResult(end.value, self.steps)
        return None


def run_jobs(
    following: Callable[[], AttackJob | None], classifier: Classifier, fused: Classifier, batch: int = 16
) -> Iterator[tuple[AttackJob, SearchResult | int]]:
    """Walk climbs, ``batch`` views at a time, and give each as it ends; until then, its gradients after each round.

    Whoever stops asking stops the climbs.

    Args:
        following: the climb to take up next, None where there is none for the moment.
        classifier: takes the verdicts.
        swift: gives the gradients: the classifier itself, or a swift copy of it.
        batch: views in one pass of the network.
    """
    walkers: list[_State] = []
    while True:
        while not walkers or (len(walkers) < batch and sum(w.point[0, 0].numel() for w in walkers) < _MOST_PIXELS):
            climb = following()
            if climb is None:
                break
            walkers.append(_State(climb))
        if not walkers:
            return
        staying: list[_State] = []
        for walker, slope, sure in _measure(walkers, fused, batch):
            walker.sure = walker.sure + 1 if sure else 0
            arrived = walker.sure >= walker.climb.patience and _confirmed(walker, classifier)
            summit = SearchResult(walker.point, walker.steps + 1) if arrived else walker.advance(slope)
            if summit is None:
                staying.append(walker)
                yield walker.climb, walker.steps
            else:
                yield walker.climb, SearchResult(round_to_bytes(summit.point), summit.steps, summit.failure_reason)
        walkers = staying


def _measure(walkers: Sequence[_State], fused: Classifier, batch: int) -> list[tuple[_State, Gradient, bool]]:
    """For each walker the slope where it stands, on the nearest bytes, and whether every look is sure of the goal."""
    points = [round_to_bytes(walker.point).requires_grad_() for walker in walkers]
    looks = [(walker.climb.look, *walker.climb.looks()) for walker in walkers]
    heights, sure = [0.0] * len(walkers), [True] * len(walkers)
    pairs = [(index, look) for index, some in enumerate(looks) for look in some]
    for start in range(0, len(pairs), batch):
        chunk = pairs[start : start + batch]
        logits = fused.logits_from_inputs(torch.cat([look(points[index]) for index, look in chunk]))
        rows = []
        for (index, _), row in zip(chunk, logits.split(1), strict=True):
            climb = walkers[index].climb
            rows.append(climb.height(climb.goal, row) / len(looks[index]))
            sure[index] &= bool(climb.goal.confidence(row.detach().softmax(dim=1)) >= climb.confidence)
        values = torch.cat(rows)
        torch.autograd.backward(values.sum())
        for (index, _), value in zip(chunk, values.tolist(), strict=True):
            heights[index] += value
    found = []
    for walker, point, height, certain in zip(walkers, points, heights, sure, strict=True):
        gradient = torch.zeros_like(point) if point.grad is None else point.grad
        found.append((walker, Gradient(height, gradient), certain))
    return found


def _confirmed(walker: _State, classifier: Classifier) -> bool:
    """Whether the classifier itself, in float32, is as sure of the goal as the climb asks."""
    with torch.no_grad():
        probabilities = classifier.logits_from_inputs(walker.climb.look(round_to_bytes(walker.point))).softmax(dim=1)
    return bool(walker.climb.goal.confidence(probabilities) >= walker.climb.confidence)
