"""Convolutions of 3 x 3 with a quarter of the multiplications, for gradients in float32 on a CPU.

This is F(4 x 4, 3 x 3) of Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (arXiv 1509.09308,
sections 4.1 and 4.3), after Winograd's minimal filtering. A tile of 6 x 6 pixels and a filter are each mapped to 36
values, multiplied value by value, which over all channels is 36 products of matrices, and mapped back to 4 x 4 pixels
of output: 36 multiplications in place of 144. The sums come in another order and with larger terms, so a gradient is up
to three times as far from the exact one as PyTorch's: some millionths of the largest value
(benchmarks/convolutions.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_DIMENSIONS = 4
_OUTPUT, _FILTER = 4, 3
_OVERLAP = _FILTER - 1
_TILE = _OUTPUT + _OVERLAP

_FEWEST_FILTERS = 64 * 128
"""Of a layer. With fewer, mapping tiles there and back costs more than is saved (benchmarks/convolutions.py)."""

_FEWEST_TILES = 64
"""Of a batch. With fewer, mapping the filters does."""

_TILES_AT_A_TIME = 2048
"""Bounds what is held of a layer while it is computed; the products reach their full rate well below."""


def _both_ways(rows: Sequence[Sequence[float]]) -> Tensor:
    """The matrix that does to a flattened square what ``rows`` does to each of its columns and then of its rows."""
    one_way = torch.tensor(rows, dtype=torch.float64)
    return torch.kron(one_way, one_way).float()


# Equation 13 of the paper; the interpolation points are 0, 1, -1, 2, -2 and infinity.
_OF_INPUT = _both_ways(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
_OF_FILTER = _both_ways(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ]
)
_TO_OUTPUT = _both_ways([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])


def is_worth_it(images: Tensor, filters: Tensor, padding: int = 1) -> bool:
    """Whether :func:`convolve` can take these and is faster than PyTorch."""
    return (
        images.ndim == _DIMENSIONS
        and filters.shape[2:] == (_FILTER, _FILTER)
        and images.dtype == filters.dtype == torch.float32
        and filters.device.type == "cpu"
        and filters.shape[0] * filters.shape[1] >= _FEWEST_FILTERS
        and len(images) * math.prod(_tiles_along(side + 2 * padding) for side in images.shape[2:]) >= _FEWEST_TILES
    )


def convolve(images: Tensor, filters: Tensor, padding: int = 1) -> Tensor:
    """What ``functional.conv2d(images, filters, padding=padding)`` gives, differentiable in both.

    Args:
        images: float32 (N, C, H, W), fastest where channels are last in memory.
        filters: float32 (K, C, 3, 3).
        padding: zeros on each side of an image.

    Returns:
        (N, K, H + 2 * ``padding`` - 2, W + 2 * ``padding`` - 2), channels last in memory.
    """
    height, width = (side + 2 * padding for side in images.shape[2:])
    down, across = _tiles_along(height), _tiles_along(width)
    # Up to a whole number of tiles, whose further outputs are cut off.
    below = down * _OUTPUT + _OVERLAP - height + padding
    right = across * _OUTPUT + _OVERLAP - width + padding
    padded = functional.pad(images.permute(0, 2, 3, 1), (0, 0, padding, right, padding, below))
    mapped = (_OF_FILTER @ filters.permute(2, 3, 1, 0).flatten(0, 1).flatten(1)).view(_TILE**2, filters.shape[1], -1)
    parts = [_convolve_tiles(part, mapped) for part in padded.split(max(1, _TILES_AT_A_TIME // (down * across)))]
    return torch.cat(parts)[:, : height - _OVERLAP, : width - _OVERLAP].permute(0, 3, 1, 2)


def _tiles_along(side: int) -> int:
    """The number of tiles that hold the outputs of a padded image along its height or width."""
    return math.ceil((side - _OVERLAP) / _OUTPUT)


class WinogradConvolutions(TorchFunctionMode):
    """The context in which :func:`convolve` takes the place of PyTorch's convolutions where it is faster.

    That is for many filters of 3 x 3 with a stride of one and many images, in float32; see :func:`is_worth_it`.
    """

    def __torch_function__(
        self, function: Callable[..., Any], _: Any, arguments: tuple[Any, ...] = (), named: dict[str, Any] | None = None
    ) -> Any:
        """Run ``function``, or :func:`convolve` in its place."""
        found = _convolved(*arguments, **(named or {})) if function is functional.conv2d else None
        return function(*arguments, **(named or {})) if found is None else found


def _convolved(
    input: Tensor,  # noqa: A002  # PyTorch's own names, by which it may be called
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | str = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor | None:
    """``conv2d`` by :func:`convolve`; None where that is not possible or not faster."""
    once = all(value == 1 for setting in (stride, dilation, groups) for value in _each(setting))
    margins = {padding} if isinstance(padding, str) else set(_each(padding))
    margin = margins.pop()
    if not once or margins or isinstance(margin, str) or not is_worth_it(input, weight, margin):
        return None
    outputs = convolve(input, weight, margin)
    return outputs if bias is None else outputs + bias[:, None, None]


def _each(setting: int | Sequence[int]) -> Sequence[int]:
    """What PyTorch takes as one number or as one for each direction."""
    return (setting,) if isinstance(setting, int) else setting


def _convolve_tiles(padded: Tensor, mapped_filters: Tensor) -> Tensor:
    """Images (N, 4 * down + 2, 4 * across + 2, C) and filters (36, C, K) to (N, 4 * down, 4 * across, K)."""
    count, height, width, channels = padded.shape
    down, across = height // _OUTPUT, width // _OUTPUT
    tiles: Tensor = _Tiles.apply(padded)  # type: ignore[no-untyped-call]
    mapped = (_OF_INPUT @ tiles.view(_TILE**2, -1)).view(_TILE**2, -1, channels)
    products = torch.bmm(mapped, mapped_filters)
    outputs = _TO_OUTPUT @ products.view(_TILE**2, -1)
    squares = outputs.view(_OUTPUT, _OUTPUT, count, down, across, -1)
    return squares.permute(2, 3, 0, 4, 1, 5).reshape(count, down * _OUTPUT, across * _OUTPUT, -1)


class _Tiles(torch.autograd.Function):
    """(N, 4 * down + 2, 4 * across + 2, C) to its tiles (6, 6, N, down, across, C), which overlap by two pixels.

    Tensor.unfold gives the same, but its gradient is slow.
    """

    @staticmethod
    def forward(ctx: Any, padded: Tensor) -> Tensor:
        """The tiles, copied."""
        ctx.shape = padded.shape
        return padded.unfold(1, _TILE, _OUTPUT).unfold(2, _TILE, _OUTPUT).permute(4, 5, 0, 1, 2, 3).contiguous()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Each pixel's sum over the tiles that it is in: the upper left 4 x 4 of a tile share none with another's."""
        count, height, width, channels = ctx.shape
        _, _, _, down, across, _ = gradient.shape
        canvas = gradient.new_zeros(count, down + 1, _OUTPUT, across + 1, _OUTPUT, channels)
        squares = canvas.permute(2, 4, 0, 1, 3, 5)
        squares[:, :, :, :-1, :-1] = gradient[:_OUTPUT, :_OUTPUT]
        squares[:_OVERLAP, :, :, 1:, :-1] += gradient[_OUTPUT:, :_OUTPUT]
        squares[:, :_OVERLAP, :, :-1, 1:] += gradient[:_OUTPUT, _OUTPUT:]
        squares[:_OVERLAP, :_OVERLAP, :, 1:, 1:] += gradient[_OUTPUT:, _OUTPUT:]
        return canvas.view(count, (down + 1) * _OUTPUT, -1, channels)[:, :height, :width]
