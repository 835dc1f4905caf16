"""How much of an image lies at high frequencies."""

from __future__ import annotations

import torch
from torch import Tensor

CUTOFF = 0.25
"""The lowest high frequency, in cycles a pixel: half of what pixels can hold."""


def high_frequency_energy(images: Tensor) -> Tensor:
    """Energy (N,) of images (N, C, h, w) at spatial frequencies of at least :data:`CUTOFF`, by Parseval's theorem.

    The sum of the squares of what is left of each image when the lower frequencies are taken out.
    """
    # Not every device has float64.
    images = images.detach().cpu().double()
    height, width = images.shape[2:]
    down = torch.fft.fftfreq(height)[:, None]
    across = torch.fft.fftfreq(width)[None, :]
    high = torch.hypot(down, across) >= CUTOFF
    spectrum = torch.fft.fft2(images)
    energy: Tensor = (spectrum.abs().square() * high).sum(dim=(1, 2, 3)) / (height * width)
    return energy
