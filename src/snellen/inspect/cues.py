"""What of the photograph a map follows: one simple cue, and how closely a map would follow one by chance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from skimage import filters
from skimage.color import rgb2lab
from torch import Tensor
from torch.nn import functional

_DIRECTIONS = ("right", "lower right", "bottom", "lower left", "left", "upper left", "top", "upper right")
_LINES = (
    "horizontal lines", "lines rising gently to the right", "lines rising to the right",
    "lines rising steeply to the right", "vertical lines", "lines falling steeply to the right",
    "lines falling to the right", "lines falling gently to the right",
)  # fmt: skip
"""Lines of either sign, each turned by an eighth of half a turn from the one before."""
CUES = (
    "light areas", "dark areas", "red", "green", "yellow", "blue", "outlines", "horizontal edges", "vertical edges",
    *(f"edges with the {shade} at the {side}" for shade in ("light", "red", "yellow") for side in _DIRECTIONS),
    *_LINES,
)  # fmt: skip
"""What a map is held against, one by one: CIELAB lightness and its opposite; the two ends of a and of b; of Sobel's
answers to lightness the strength, and the sizes of its two directions; the slope of lightness, of a (red against green)
and of b (yellow against blue) towards each of eight sides, or what of it is above zero; and the energy of lines in
eight directions (:func:`line_energy`)."""
_SAMPLES, _WAVELENGTH = 4, 2.0
"""Samples a side of what is searched for lines, for each of a map's values; and, in such values, from a line to the
next."""
LEAST_CUE = 1e-2
"""Standard deviation, in units of CIELAB, below which a cue does not vary in the photograph."""
_SHIFTS = 14
"""How many shifts down, and as many across, a map is tried at, where it has so many values."""
CONFIDENCE = 0.95
"""Share of the shifts that chance is the best of."""
_SLOPES = slice(9, 33)
"""Which of :data:`CUES` are slopes; a stack of cues has what of them is above zero at its end."""


@dataclass(frozen=True)
class CueFit:
    """The cue that a map fits best.

    Attributes:
        cue: one of :data:`CUES`.
        correlation: the map's correlation with it, in [0, 1]; 0 where no cue or the map itself does not vary.
        by_chance: what the best of all cues reaches with the same map shifted around, in 95% of the shifts; 1 where the
            map has too few values to be shifted.
    """

    cue: str
    correlation: float
    by_chance: float


def fit_cues(maps: Tensor, inputs: Tensor) -> list[CueFit]:
    """For each of ``maps`` (C, H, W) the best of :data:`CUES` in ``inputs`` (1, 3, h, w), and what chance would give.

    A map that is shifted around, so that what leaves on one side enters on the other, is as smooth as before and has
    the same values, but no longer lies where the photograph's cues do. Of a map of up to 14 x 14 values all shifts are
    tried, of a larger one about as many, evenly spread.
    """
    cues = _cues(inputs, maps.shape[1], maps.shape[2])
    spectra = torch.fft.fft2(cues)
    fits = []
    for one in _standard(maps.float().cpu()):
        correlation, cue = _of_each(one.flatten() @ cues.flatten(1).T).max(dim=0)
        shifted = _best_when_shifted(one, spectra)
        by_chance = float(torch.quantile(shifted, CONFIDENCE)) if len(shifted) else 1.0
        fits.append(CueFit(CUES[int(cue)], float(correlation.clamp(0, 1)), by_chance))
    return fits


def _best_when_shifted(one: Tensor, spectra: Tensor) -> Tensor:
    """The largest correlation (S,) of a map with any cue of these ``spectra`` (K, H, W), for each shift but none.

    Correlations at all shifts are one product of spectra; to fold it gives those at every so many values alone.
    """
    height, width = one.shape
    down, across = (next(n for n in range(max(1, side // _SHIFTS), 0, -1) if side % n == 0) for side in (height, width))
    product = spectra * torch.fft.fft2(one).conj()
    folded = product.unflatten(2, (across, -1)).sum(dim=2).unflatten(1, (down, -1)).sum(dim=1)
    best: Tensor = torch.fft.ifft2(folded).real.div(down * across).amax(dim=0).flatten()[1:]
    return best


def cue_correlations(maps: Tensor, inputs: Tensor) -> Tensor:
    """Correlation (C, K) of each of ``maps`` (C, H, W) with each of :data:`CUES` in ``inputs`` (1, 3, h, w).

    0 where the map or the cue does not vary. With a slope, or with what of it is above zero, whichever is larger: a
    rectified map knows nothing of the other side.
    """
    cues = _cues(inputs, maps.shape[1], maps.shape[2])
    return _of_each(_standard(maps.float().cpu()).flatten(1) @ cues.flatten(1).T)


def _of_each(correlations: Tensor) -> Tensor:
    """Correlations (..., K) with each of :data:`CUES`, of those with a stack of cues: the larger of a slope's two."""
    signed, above_zero = correlations[..., : len(CUES)].clone(), correlations[..., len(CUES) :]
    signed[..., _SLOPES] = torch.maximum(signed[..., _SLOPES], above_zero)
    return signed


def _cues(inputs: Tensor, height: int, width: int) -> Tensor:
    """Each of :data:`CUES`, then what of each slope is above zero, standardised (K, height, width)."""
    lab = lab_of(inputs, height, width)
    down, across = (flattened([filters.sobel(shade, axis=axis) for shade in lab]) for axis in (0, 1))
    angles = torch.arange(len(_DIRECTIONS)) * (2 * torch.pi / len(_DIRECTIONS))
    slopes = (angles.cos()[:, None] * across[:, None] + angles.sin()[:, None] * down[:, None]).flatten(0, 1)
    shades = flattened([sign * shade for shade in lab for sign in (1, -1)])
    unsigned = torch.cat((flattened([filters.sobel(lab[0])]), down[:1].abs(), across[:1].abs()))
    lines = line_energy(inputs, height, width).flatten(1)
    cues = torch.cat((shades, unsigned, slopes, lines, slopes.clamp(min=0)))
    deviations = deviations_of(cues)
    return standardised(cues, torch.where(deviations > LEAST_CUE, deviations, 0.0)).view(-1, height, width)


def _standard(maps: Tensor) -> Tensor:
    flat = maps.flatten(1)
    return standardised(flat, deviations_of(flat)).view_as(maps)


def line_energy(inputs: Tensor, height: int, width: int) -> Tensor:
    """How strong lines of each of eight directions are in ``inputs`` (1, 3, h, w), light or dark: (8, height, width).

    The length of the answers to a pair of Gabor filters, even and odd (Adelson and Bergen, Spatiotemporal energy models
    for the perception of motion, 1985, eq. 3 to 5, without time), on lightness with four samples to a value of the map,
    or fewer where the photograph has no more. From a line to the next it is two values of the map.
    """
    rows, columns = (min(_SAMPLES * side, most) for side, most in zip((height, width), inputs.shape[2:], strict=True))
    lightness = torch.from_numpy(lab_of(inputs, rows, columns)[0]).float()
    kernels = _gabor_pairs(_WAVELENGTH * rows / height)
    reach = kernels.shape[-1] // 2
    padded = functional.pad(lightness[None, None], (reach,) * 4, mode="replicate")
    even, odd = functional.conv2d(padded, kernels)[0].chunk(2)
    return functional.adaptive_avg_pool2d((even.square() + odd.square()).sqrt(), (height, width))


def _gabor_pairs(wavelength: float) -> Tensor:
    """Even, then odd filters (16, 1, k, k) of lines in eight directions; none of them answers to a constant."""
    sigma = wavelength / 2
    reach = int(np.ceil(2.5 * sigma))
    y, x = torch.meshgrid(*[torch.arange(-reach, reach + 1).float()] * 2, indexing="ij")
    angles = torch.arange(len(_LINES))[:, None, None] * (torch.pi / len(_LINES))
    across = x * angles.sin() + y * angles.cos()
    window = torch.exp(-(x.square() + y.square()) / (2 * sigma**2)).expand_as(across)
    waves = torch.cat([wave(2 * torch.pi * across / wavelength) for wave in (torch.cos, torch.sin)])
    windows = window.repeat(2, 1, 1)
    waves = waves - (waves * windows).sum(dim=(1, 2), keepdim=True) / windows.sum(dim=(1, 2), keepdim=True)
    return (waves * windows / windows.sum(dim=(1, 2), keepdim=True))[:, None]


def deviations_of(flat: Tensor) -> Tensor:
    """The standard deviation (C,) of each row of ``flat`` (C, P)."""
    return flat.std(dim=1, correction=0)


def lab_of(inputs: Tensor, height: int, width: int) -> npt.NDArray[np.float32]:
    """CIELAB (3, height, width) of ``inputs`` (1, 3, h, w), averaged to that size."""
    small = functional.adaptive_avg_pool2d(inputs, (height, width))[0].permute(1, 2, 0).cpu().numpy()
    lab: npt.NDArray[np.float32] = np.moveaxis(rgb2lab(small), 2, 0).astype(np.float32)
    return lab


def flattened(cues: Iterable[npt.NDArray[np.float32]]) -> Tensor:
    """Cues (H, W) as rows (K, H x W)."""
    return torch.from_numpy(np.stack(list(cues))).float().flatten(1)


def standardised(flat: Tensor, deviations: Tensor) -> Tensor:
    """``flat`` (C, P) such that the product of two rows is their correlation; zero where a row is constant."""
    scale = torch.where(deviations > 0, deviations, torch.inf) * flat.shape[1] ** 0.5
    standard: Tensor = (flat - flat.mean(dim=1, keepdim=True)) / scale[:, None]
    return standard
