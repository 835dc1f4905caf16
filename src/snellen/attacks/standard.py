"""The four attacks of the standard ensemble, each on many photographs at a time; one that has fallen leaves the batch.

Croce and Hein, "Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks", ICML
2020, arXiv 2003.01690: APGD on the cross-entropy and on the targeted difference of logits ratio; FAB (Croce and Hein,
ICML 2020, arXiv 1907.02044), targeted; Square (Andriushchenko et al., ECCV 2020, arXiv 1912.00049), which sees no
gradient. Their parameters are the published ones. All work on the network's input and on floats, as is usual there:
nothing is rounded to 8 bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from snellen.attacks.balls import Balls, lengths, to_hyperplane

Logits = Callable[[Tensor], Tensor]
"""From inputs (N, 3, h, w) in [0, 1] to logits (N, K), differentiable."""
Loss = Callable[[Tensor, Tensor], Tensor]
"""From logits (R, K) of some of the photographs, and their numbers (R,), to what an attack increases (R,)."""

STEPS = 100
QUERIES = 5_000
MOST_TARGETS = 9
_RHO, _ALPHA = 0.75, 0.75
_MOST_BIAS, _OVERSHOOT, _BACK = 0.1, 1.05, 0.9
_FIRST_SHARE = 0.8


@dataclass(frozen=True, eq=False)
class Found:
    """What an attack found.

    Attributes:
        points: points (N, 3, h, w): one that is classified wrongly where ``fallen``, else the photograph itself.
        fallen: whether such a point was found (N,).
    """

    points: Tensor
    fallen: Tensor

    def take(self, rows: Tensor, points: Tensor) -> None:
        """Keep the points of the photographs of these numbers."""
        self.points[rows], self.fallen[rows] = points, True

    def standing(self) -> Tensor:
        """The numbers of the others (R,)."""
        return (~self.fallen).nonzero().squeeze(1)


def nothing_found(balls: Balls) -> Found:
    """Where an attack begins."""
    return Found(balls.centres.clone(), torch.zeros(len(balls.centres), dtype=torch.bool))


def cross_entropy(classes: Tensor) -> Loss:
    """The cross-entropy of true ``classes`` (N,)."""
    return lambda logits, rows: functional.cross_entropy(logits, classes[rows], reduction="none")


def targeted_ratio(classes: Tensor, targets: Tensor) -> Loss:
    """The difference of logits ratio towards ``targets`` (N,), equation 7 of Croce and Hein.

    With fewer than four classes there is no ratio: then it is the difference.
    """

    def loss(logits: Tensor, rows: Tensor) -> Tensor:
        every = torch.arange(len(rows))
        gap = logits[every, targets[rows]] - logits[every, classes[rows]]
        if logits.shape[1] < 4:
            return gap
        ordered = logits.sort(dim=1, descending=True).values
        return gap / (ordered[:, 0] - (ordered[:, 2] + ordered[:, 3]) / 2 + 1e-12)

    return loss


def best_targets(logits: Logits, points: Tensor, classes: Tensor) -> Tensor:
    """The other classes (N, T) of each photograph by their logits, highest first, at most nine."""
    with torch.no_grad():
        scores = logits(points)
    scores[torch.arange(len(scores)), classes] = -math.inf
    return scores.argsort(dim=1, descending=True)[:, : min(MOST_TARGETS, scores.shape[1] - 1)]


def apgd(
    logits: Logits, balls: Balls, classes: Tensor, loss: Loss, generator: torch.Generator, steps: int = STEPS
) -> Found:
    """Auto-PGD: algorithm 1 of Croce and Hein, from a drawn start.

    Args:
        logits: network.
        balls: photographs and bound.
        classes: true classes (N,).
        loss: what is increased.
        generator: source of the start.
        steps: number of gradients after the first.
    """
    found, everyone = nothing_found(balls), torch.arange(len(classes))
    x = balls.random_start(generator)
    value, gradient = _ascend(logits, x, everyone, classes, loss, found)
    before, best, highest, best_gradient = x.clone(), x.clone(), value.clone(), gradient.clone()
    size = torch.full((len(classes), 1, 1, 1), 2 * balls.radius)
    rises, halved, highest_then = torch.zeros(len(classes)), torch.ones(len(classes), dtype=torch.bool), value.clone()
    interval, least, shrink = (max(int(share * steps), 1) for share in (0.22, 0.06, 0.03))
    since = 0
    for step in range(steps):
        rows = found.standing()
        if not len(rows):
            break
        some, weight = balls.take(rows), _ALPHA if step else 1.0
        here, there = x[rows], before[rows]
        stepped = some.project(here + size[rows] * some.direction(gradient[rows]))
        before[rows] = here
        x[rows] = some.project(here + weight * (stepped - here) + (1 - weight) * (here - there))
        now, gradient[rows] = _ascend(logits, x[rows], rows, classes, loss, found)
        rises[rows] += (now > value[rows]).float()
        value[rows] = now
        better = rows[now > highest[rows]]
        best[better], highest[better], best_gradient[better] = x[better], value[better], gradient[better]
        since += 1
        if since == interval:
            cut = (rises <= _RHO * interval) | (~halved & (highest_then >= highest))
            size[cut] /= 2
            x[cut], gradient[cut] = best[cut], best_gradient[cut]
            rises.zero_()
            halved, highest_then = cut, highest.clone()
            since, interval = 0, max(interval - shrink, least)
    return found


def _ascend(
    logits: Logits, points: Tensor, rows: Tensor, classes: Tensor, loss: Loss, found: Found
) -> tuple[Tensor, Tensor]:
    """The loss (R,) of some photographs' points and its gradient; those that are classified wrongly are kept."""
    points = points.detach().requires_grad_()
    answer = logits(points)
    value = loss(answer, rows)
    (gradient,) = torch.autograd.grad(value.sum(), points)
    wrong = answer.argmax(dim=1) != classes[rows]
    found.take(rows[wrong], points.detach()[wrong])
    return value.detach(), gradient


def apgd_targeted(
    logits: Logits, balls: Balls, classes: Tensor, generator: torch.Generator, steps: int = STEPS
) -> Found:
    """APGD on the targeted ratio, towards each of the nearest other classes in turn."""
    return _each_target(
        logits,
        balls,
        classes,
        lambda some, true, targets: apgd(logits, some, true, targeted_ratio(true, targets), generator, steps),
    )


def fab_targeted(logits: Logits, balls: Balls, classes: Tensor, steps: int = STEPS) -> Found:
    """FAB, the fast adaptive boundary attack, towards each of the nearest other classes in turn."""
    return _each_target(logits, balls, classes, lambda some, true, targets: _fab(logits, some, true, targets, steps))


def _each_target(
    logits: Logits, balls: Balls, classes: Tensor, attack: Callable[[Balls, Tensor, Tensor], Found]
) -> Found:
    found = nothing_found(balls)
    targets = best_targets(logits, balls.centres, classes)
    for target in targets.unbind(dim=1):
        rows = found.standing()
        if not len(rows):
            break
        one = attack(balls.take(rows), classes[rows], target[rows])
        found.take(rows[one.fallen], one.points[one.fallen])
    return found


def _fab(logits: Logits, balls: Balls, classes: Tensor, targets: Tensor, steps: int) -> Found:
    """Algorithm 1 of Croce and Hein (FAB) towards one target each: steps onto the boundary as it looks from here.

    Each step goes to the linearised boundary, a little beyond it, and is drawn towards the photograph's own nearest
    point of that boundary; from a point that is classified wrongly the search turns back towards the photograph. A
    photograph has fallen once such a point lies within the bound.
    """
    found, x = nothing_found(balls), balls.centres.clone()
    for _ in range(steps + 1):
        rows = found.standing()
        if not len(rows):
            break
        centres, true = balls.centres[rows], classes[rows]
        points = x[rows].detach().requires_grad_()
        answer = logits(points)
        every = torch.arange(len(rows))
        gap = answer[every, targets[rows]] - answer[every, true]
        (normals,) = torch.autograd.grad(gap.sum(), points)
        points, gap = points.detach(), gap.detach()
        wrong = answer.argmax(dim=1) != true
        near = wrong & (lengths(points - centres, balls.norm).view(-1) <= balls.radius)
        found.take(rows[near], points[near])
        turned = wrong.view(-1, 1, 1, 1)
        moved = torch.where(turned, centres + _BACK * (points - centres), points)
        # The boundary as it looks from the point: normal . x = offset.
        offsets = (normals * points).flatten(1).sum(dim=1) - gap
        flat = normals.flatten(1)
        step, home = (
            to_hyperplane(start.flatten(1), flat, offsets, balls.norm).view_as(start) for start in (moved, centres)
        )
        one, other = lengths(step, balls.norm), lengths(home, balls.norm)
        bias = (one / (one + other).clamp_min(1e-12)).clamp(0, _MOST_BIAS)
        stepped = ((moved + _OVERSHOOT * step) * (1 - bias) + (centres + _OVERSHOOT * home) * bias).clamp(0, 1)
        x[rows] = torch.where(turned, moved, stepped)
    return found


def square(logits: Logits, balls: Balls, classes: Tensor, generator: torch.Generator, queries: int = QUERIES) -> Found:
    """Square: random search by square patches; sees logits only.

    Args:
        logits: network.
        balls: photographs and bound.
        classes: true classes (N,).
        generator: source of the patches.
        queries: number of passes of each photograph.
    """
    found = nothing_found(balls)
    change = _stripes(balls, generator) if balls.norm == "Linf" else _tiles(balls, generator)
    x = balls.project(balls.centres + change)
    margins = _margins(logits, x, torch.arange(len(classes)), classes, found)
    height, width = balls.centres.shape[2:]
    for query in range(1, queries):
        rows = found.standing()
        if not len(rows):
            break
        side = math.sqrt(_share(query, queries) * height * width)
        some = balls.take(rows)
        propose = _patched if balls.norm == "Linf" else _moved_mass
        tried = propose(some, x[rows], max(round(side), 1), generator)
        now = _margins(logits, tried, rows, classes, found)
        better = now < margins[rows]
        x[rows[better]], margins[rows[better]] = tried[better], now[better]
    return found


def _margins(logits: Logits, points: Tensor, rows: Tensor, classes: Tensor, found: Found) -> Tensor:
    """How far the true class's logit lies above the best other (R,); points where it does not are kept."""
    with torch.no_grad():
        answer = logits(points)
    every = torch.arange(len(rows))
    true = answer[every, classes[rows]]
    wrong = answer.argmax(dim=1) != classes[rows]
    found.take(rows[wrong], points[wrong])
    answer = answer.clone()
    answer[every, classes[rows]] = -math.inf
    return true - answer.amax(dim=1)


def _share(query: int, queries: int) -> float:
    """The share of the photograph that a patch covers; it halves at published numbers of 10,000 queries."""
    place = query * 10_000 // queries
    halvings = sum(place > end for end in (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000))
    return float(_FIRST_SHARE / 2 ** min(halvings, 9))


def _signs(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Plus or minus one, drawn."""
    return torch.where(torch.rand(shape, generator=generator) < 0.5, -1.0, 1.0)


def _stripes(balls: Balls, generator: torch.Generator) -> Tensor:
    """Vertical stripes one pixel wide, each channel of each drawn as plus or minus the radius."""
    n, channels, _, width = balls.centres.shape
    return balls.radius * _signs((n, channels, 1, width), generator)


def _patched(balls: Balls, x: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """A square where each channel is moved by twice the radius, one way or the other, and brought into the ball."""
    n, channels, height, width = x.shape
    side = min(side, height, width)
    top, left = (int(torch.randint(0, size - side + 1, (), generator=generator)) for size in (height, width))
    tried = x.clone()
    tried[:, :, top : top + side, left : left + side] += 2 * balls.radius * _signs((n, channels, 1, 1), generator)
    return balls.project(tried)


def _pyramid(side: int) -> Tensor:
    """The L2 attack's bump (side, side): two pyramids of opposite sign, one over the other, of length 1."""
    upper = side // 2
    halves = []
    for rows, sign in ((upper, 1.0), (side - upper, -1.0)):
        half = torch.zeros(rows, side)
        down, across = rows // 2, side // 2
        for ring in range(max(across, 1)):
            top, bottom = max(down - ring, 0), min(down + ring + 1, rows)
            half[top:bottom, across - ring : across + ring + 1] += 1.0 / (ring + 1) ** 2
        halves.append(sign * half / half.norm().clamp_min(1e-12))
    bump = torch.cat(halves)
    return torch.div(bump, bump.norm().clamp_min(1e-12))


def _bumps(n: int, channels: int, side: int, generator: torch.Generator) -> Tensor:
    """Bumps (n, channels, side, side), upright or lying, each channel with a drawn sign."""
    bump = _pyramid(side)
    lying = torch.rand(n, generator=generator) < 0.5
    shaped: Tensor = torch.where(lying.view(-1, 1, 1), bump.T, bump)
    return torch.mul(shaped[:, None], _signs((n, channels, 1, 1), generator))


def _tiles(balls: Balls, generator: torch.Generator) -> Tensor:
    """A grid of five by five bumps, of the radius's length together."""
    n, channels, height, width = balls.centres.shape
    side = max(min(height, width) // 5, 1)
    change = torch.zeros(balls.centres.shape)
    for top in range((height - 5 * side) // 2, height - side + 1, side):
        for left in range((width - 5 * side) // 2, width - side + 1, side):
            change[:, :, top : top + side, left : left + side] += _bumps(n, channels, side, generator)
    return balls.radius * change / lengths(change, "L2").clamp_min(1e-12)


def _moved_mass(balls: Balls, x: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """Algorithm 3 of Square: what one window was changed by is taken away and spent, as a bump, on another."""
    n, channels, height, width = x.shape
    side = min(max(side, 3) | 1, height, width)
    (top, left), (other_top, other_left) = (
        [int(torch.randint(0, size - side + 1, (), generator=generator)) for size in (height, width)] for _ in range(2)
    )
    change = x - balls.centres
    window = (slice(None), slice(None), slice(top, top + side), slice(left, left + side))
    other = (slice(None), slice(None), slice(other_top, other_top + side), slice(other_left, other_left + side))
    taken = torch.zeros(1, 1, height, width)
    taken[window], taken[other] = 1, 1
    mass = (change * taken).flatten(2).norm(dim=2).view(n, channels, 1, 1)
    unused = (balls.radius**2 - lengths(change, "L2") ** 2).clamp_min(0) / channels
    old = change[window]

    def unit(windows: Tensor) -> Tensor:
        return torch.div(windows, windows.flatten(2).norm(dim=2).view(n, channels, 1, 1).clamp_min(1e-12))

    fresh = unit(_bumps(n, channels, side, generator) + unit(old)) * (unused + mass**2).sqrt()
    change = change.clone()
    change[other] = 0
    change[window] = fresh
    scaled = balls.radius * change / lengths(change, "L2").clamp_min(1e-12)
    return balls.project(balls.centres + scaled)
