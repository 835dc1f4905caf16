"""Balls around many photographs at a time, in the infinity norm or the Euclidean one, within [0, 1].

Shape letters: N photographs, each (3, h, w); one bound for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Norm = Literal["Linf", "L2"]


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
    [0, 1]; what a number achieves is piecewise linear in it, and its pieces are found by sorting. Where all the room
    there is does not reach the plane, all of it is used.

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
    # The common number at which each coordinate meets the border; one that gains nothing never does.
    ends = torch.where(weights > 0, room / rates.clamp_min(1e-30), torch.inf)
    ends, order = ends.sort(dim=1)
    slopes = (weights * rates).gather(1, order)
    used = (weights * room).gather(1, order)
    finite = torch.isfinite(ends)
    spent = torch.where(finite, used, 0).cumsum(dim=1)
    left = slopes.sum(dim=1, keepdim=True) - slopes.cumsum(dim=1)
    # What is achieved where the number equals each end.
    achieved = spent + torch.where(finite, ends, 0) * left
    wanted = missing.abs()[:, None]
    place = (achieved < wanted).sum(dim=1, keepdim=True).clamp_max(points.shape[1] - 1)
    before = (place - 1).clamp_min(0)
    first = place == 0
    gained = torch.where(first, 0, spent.gather(1, before))
    slope = torch.where(first, slopes.sum(dim=1, keepdim=True), left.gather(1, before))
    number = torch.where(slope > 1e-30, (wanted - gained) / slope.clamp_min(1e-30), torch.inf)
    return signs * torch.minimum(number * rates, room).nan_to_num(0.0)
