"""Balls around many photographs at a time, in the infinity norm or the Euclidean one, within [0, 1].

Shape letters: N photographs, each (3, h, w); one bound for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Norm = Literal["Linf", "L2"]
_CLOSE = 1e-6
"""Share of a number below which a step that it took is rounding."""


@dataclass(frozen=True, eq=False)
class Balls:
    """All points within ``radius`` of each of N centres, and within [0, 1].

    Attributes:
        centres: points (N, 3, h, w).
        radius: bound of the norm of what is added.
        norm: ``Linf`` or ``L2``.
    """

    centres: Tensor
    radius: float
    norm: Norm

    def project(self, points: Tensor) -> Tensor:
        """The points, brought into their balls; of L2 by scaling, then by clipping, which leaves no ball."""
        change = points - self.centres
        if self.norm == "Linf":
            change = change.clamp(-self.radius, self.radius)
        else:
            change = change * (self.radius / lengths(change, "L2").clamp_min(self.radius))
        return (self.centres + change).clamp(0, 1)

    def direction(self, gradients: Tensor) -> Tensor:
        """The steepest ascent of length 1 in the norm: the signs, or the gradients over their lengths."""
        if self.norm == "Linf":
            return gradients.sign()
        return gradients / lengths(gradients, "L2").clamp_min(1e-12)

    def random_start(self, generator: torch.Generator) -> Tensor:
        """A drawn point on the surface of each ball, clipped to [0, 1]."""
        drawn = torch.randn if self.norm == "L2" else torch.rand
        change = drawn(self.centres.shape, generator=generator).to(self.centres)
        if self.norm == "Linf":
            change = 2 * change - 1
        return (self.centres + self.radius * change / lengths(change, self.norm).clamp_min(1e-12)).clamp(0, 1)

    def take(self, rows: Tensor) -> Balls:
        """The balls of some of the photographs, by their numbers or a mask."""
        return Balls(self.centres[rows], self.radius, self.norm)


def lengths(changes: Tensor, norm: Norm) -> Tensor:
    """The norm of each of N changes, as (N, 1, 1, 1)."""
    flat = changes.flatten(1)
    found = flat.abs().amax(dim=1) if norm == "Linf" else flat.norm(dim=1)
    return found.view(-1, 1, 1, 1)


def to_hyperplane(points: Tensor, normals: Tensor, offsets: Tensor, norm: Norm) -> Tensor:
    """The smallest change of each point, in a norm, that takes it onto its hyperplane without leaving [0, 1].

    A change moves each coordinate towards the plane by a rate times a common number, until it meets the border of
    [0, 1]. Where all the room there is does not reach the plane, all of it is used.

    Args:
        points: points (N, D) in [0, 1].
        normals: normals of the hyperplanes (N, D).
        offsets: their offsets (N,): the planes are the x of normal . x = offset.
        norm: ``Linf`` or ``L2``.

    Returns:
        The changes (N, D).
    """
    missing = offsets - (normals * points).sum(dim=1)
    signs = (normals * missing.sign()[:, None]).sign()
    weights = normals.abs()
    room = torch.where(signs > 0, 1 - points, points)
    rates = torch.ones_like(weights) if norm == "Linf" else weights
    number = _common_number(weights, rates, room, missing.abs())
    return signs * torch.minimum(number * rates, room).nan_to_num(0.0)


def _common_number(weights: Tensor, rates: Tensor, room: Tensor, wanted: Tensor) -> Tensor:
    """The t (N, 1) at which the sum of weights * min(rates * t, room) over D is as wanted; infinite where it never is.

    The sum is concave in t and made of straight pieces, so that Newton's method from zero never passes the solution,
    and is exact once it is on its piece.
    """
    number, wanted = torch.zeros_like(wanted)[:, None], wanted[:, None]
    for _ in range(weights.shape[1] + 1):
        reached = rates * number
        free = reached < room
        slope = torch.where(free, weights * rates, 0).sum(dim=1, keepdim=True)
        gained = (weights * torch.where(free, reached, room)).sum(dim=1, keepdim=True)
        left = wanted - gained
        step = torch.where(left > 0, left / slope, 0)
        number = number + step.nan_to_num(0.0, posinf=torch.inf)
        if bool((step <= _CLOSE * number).all()):
            break
    return number
