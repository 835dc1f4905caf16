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
    across = torch.fft.rfftfreq(width)[None, :]
    # The other half of a real image's spectrum mirrors this one, but for the columns that are their own mirror image.
    times = 2.0 - ((across == 0) | (across == 0.5)).double()
    weights = times * (torch.hypot(down, across) >= CUTOFF)
    energies = [float((torch.fft.rfft2(image).abs().square() * weights).sum()) for image in images]
    return torch.tensor(energies, dtype=torch.float64) / (height * width)
