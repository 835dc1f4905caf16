"""Augmentation of a whole batch at once, on bytes: one gather of the images, shifted and flipped."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from snellen.data.images import pixels_from_bytes
from snellen.training.recipe import Augmentation


def alternating_flips(count: int, seed: int, epoch: int) -> Tensor:
    """Which of ``count`` images alternating flips mirror in ``epoch``: bool (count,), its complement in the next."""
    first = torch.rand(count, generator=torch.Generator().manual_seed(seed)) < 0.5
    return first ^ (epoch % 2 == 1)


def augment(images: Tensor, augmentation: Augmentation, flips: Tensor, generator: torch.Generator) -> Tensor:
    """A batch of images, each shifted, flipped and cut by its own draw.

    Args:
        images: bytes (N, H, W, 3), uint8.
        augmentation: what to draw.
        flips: which images an ``alternating`` flip mirrors, bool (N,).
        generator: generator on the CPU, so that the draws are the same on every device.

    Returns:
        Inputs (N, 3, H, W) in [0, 1], channels-last in memory.
    """
    (count, height, width, _), device = images.shape, images.device
    most = augmentation.translate
    # The draws alone go to the device: what is made of them is many times as large.
    down, right = (torch.randint(-most, most + 1, (count, 1), generator=generator).to(device) for _ in range(2))
    rows, columns = _shifted(height, down), _shifted(width, right)
    if augmentation.flip == "random":
        flips = torch.rand(count, generator=generator) < 0.5
    if augmentation.flip != "none":
        columns = torch.where(flips.to(device)[:, None], columns.flip(1), columns)
    each = torch.arange(count, device=device)[:, None, None]
    inputs = pixels_from_bytes(images[each, rows[:, :, None], columns[:, None, :]])
    return _cut(inputs, augmentation.cutout, generator) if augmentation.cutout else inputs


def _shifted(side: int, shifts: Tensor) -> Tensor:
    """For each image the source positions (count, side) along one axis, moved by ``shifts`` (count, 1), reflected."""
    positions = (torch.arange(side, device=shifts.device) + shifts).abs()
    return (side - 1) - ((side - 1) - positions).abs()


def _cut(inputs: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """A square of ``side`` pixels of each image set to the batch's mean (DeVries and Taylor 2017)."""
    (count, _, height, width), device = inputs.shape, inputs.device
    top = torch.randint(0, height - side + 1, (count, 1), generator=generator).to(device)
    left = torch.randint(0, width - side + 1, (count, 1), generator=generator).to(device)
    row, column = torch.arange(height, device=device), torch.arange(width, device=device)
    rows, columns = (row >= top) & (row < top + side), (column >= left) & (column < left + side)
    square = rows[:, None, :, None] & columns[:, None, None, :]
    return torch.where(square, inputs.mean(dim=(0, 2, 3), keepdim=True), inputs)


def resized(inputs: Tensor, size: int) -> Tensor:
    """``inputs`` (N, 3, H, W) resized to ``size`` x ``size`` pixels, antialiased."""
    if size == inputs.shape[-1]:
        return inputs
    return functional.interpolate(inputs, size=(size, size), mode="bilinear", antialias=True)
