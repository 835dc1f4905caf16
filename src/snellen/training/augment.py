"""Augmentation of a whole batch at once, on bytes: one gather of the images, shifted and mirrored."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from snellen.training.recipe import Augmentation


def first_flips(count: int, seed: int) -> Tensor:
    """Which of ``count`` images are mirrored in even epochs of alternating flips: bool (count,)."""
    return torch.rand(count, generator=torch.Generator().manual_seed(seed)) < 0.5


def augment(
    images: Tensor, index: Tensor, how: Augmentation, epoch: int, flips: Tensor, generator: torch.Generator
) -> Tensor:
    """The images at ``index``, each shifted, mirrored and cut by its own draw.

    Args:
        images: uint8 (N, H, W, 3).
        index: which of them, (B,).
        how: what to draw.
        epoch: its parity decides alternating flips.
        flips: see :func:`first_flips`; (N,).
        generator: on the CPU, so that the draws are the same on every device.

    Returns:
        views (B, 3, H, W) in [0, 1], channels-last in memory.
    """
    count, (height, width) = len(index), images.shape[1:3]
    rows = _shifted(height, count, how.translate, generator)
    columns = _shifted(width, count, how.translate, generator)
    if how.flip == "random":
        mirrored = torch.rand(count, generator=generator) < 0.5
    elif how.flip == "alternating":
        mirrored = flips[index] ^ (epoch % 2 == 1)
    else:
        mirrored = torch.zeros(count, dtype=torch.bool)
    columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    device = images.device
    gathered = images[index.to(device)[:, None, None], rows.to(device)[:, :, None], columns.to(device)[:, None, :]]
    views = gathered.permute(0, 3, 1, 2).float().div(255)
    if how.cutout:
        views = _cut(views, how.cutout, generator)
    return views


def _shifted(side: int, count: int, most: int, generator: torch.Generator) -> Tensor:
    """For each image the source positions (count, side) along one axis, shifted and reflected at the border."""
    shifts = torch.randint(-most, most + 1, (count, 1), generator=generator)
    positions = (torch.arange(side) + shifts).abs()
    return (side - 1) - ((side - 1) - positions).abs()


def _cut(views: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """A square of ``side`` pixels of each view set to the batch's mean (DeVries and Taylor 2017)."""
    count, _, height, width = views.shape
    top = torch.randint(0, height - side + 1, (count, 1), generator=generator)
    left = torch.randint(0, width - side + 1, (count, 1), generator=generator)
    rows = (torch.arange(height) >= top) & (torch.arange(height) < top + side)
    columns = (torch.arange(width) >= left) & (torch.arange(width) < left + side)
    square = (rows[:, None, :, None] & columns[:, None, None, :]).to(views.device)
    return torch.where(square, views.mean(dim=(0, 2, 3), keepdim=True), views)


def reduced(views: Tensor, size: int) -> Tensor:
    """``views`` (B, 3, H, W) resized to ``size`` x ``size`` pixels, antialiased."""
    if size == views.shape[-1]:
        return views
    return functional.interpolate(views, size=(size, size), mode="bilinear", antialias=True)
