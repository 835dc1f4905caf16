"""Convolutions of 3 x 3 with a quarter of the multiplications, for learning in float32 on a CPU.

This is F(4 x 4, 3 x 3) of Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (arXiv 1509.09308,
sections 4.1 and 4.3), after Winograd's minimal filtering. A tile of 6 x 6 pixels and a filter are each mapped to 36
values, multiplied value by value, which over all channels is 36 products of matrices, and mapped back to 4 x 4 pixels
of output: 36 multiplications in place of 144. The sums come in another order and with larger terms, so the results
agree with PyTorch's to about 1e-5 of the largest, where PyTorch's own rounding is about 1e-6.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_OUTPUT, _FILTER = 4, 3
_TILE = _OUTPUT + _FILTER - 1

_FEWEST_CHANNELS = 64
"""Below, mapping there and back costs more than the multiplications that are saved (benchmarks/train.py)."""

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


def convolve(images: Tensor, filters: Tensor, padding: int = 1) -> Tensor:
    """What ``functional.conv2d(images, filters, padding=padding)`` gives, differentiable in both.

    Args:
        images: float32 (N, C, H, W), fastest where channels are last in memory.
        filters: float32 (K, C, 3, 3).
        padding: zeros around each image.

    Returns:
        (N, K, H + 2 * ``padding`` - 2, W + 2 * ``padding`` - 2), channels last in memory.
    """
    _, channels, height, width = images.shape
    rows, columns = height + 2 * padding - _FILTER + 1, width + 2 * padding - _FILTER + 1
    down, across = math.ceil(rows / _OUTPUT), math.ceil(columns / _OUTPUT)
    # Up to a whole number of tiles, whose further outputs are cut off.
    after = (across * _OUTPUT - columns + padding, down * _OUTPUT - rows + padding)
    padded = functional.pad(images.permute(0, 2, 3, 1), (0, 0, padding, after[0], padding, after[1]))
    mapped = (_OF_FILTER @ filters.permute(2, 3, 1, 0).reshape(_FILTER**2, -1)).view(_TILE**2, channels, -1)
    at_a_time = max(1, _TILES_AT_A_TIME // (down * across))
    parts = [_convolve_tiles(part, mapped) for part in padded.split(at_a_time)]
    return torch.cat(parts)[:, :rows, :columns].permute(0, 3, 1, 2)


class WinogradConvolutions(TorchFunctionMode):
    """The context in which :func:`convolve` takes the place of PyTorch's convolutions where it is faster.

    That is for filters of 3 x 3 with a stride of one, in float32, between at least 64 channels on either side.
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
    margins = (padding,) if isinstance(padding, int) else tuple(padding)
    plain = all(value == 1 for setting in (stride, dilation, groups) for value in _each(setting))
    square = isinstance(margins[0], int) and len(set(margins)) == 1 and weight.shape[2:] == (_FILTER, _FILTER)
    wide = min(weight.shape[:2]) >= _FEWEST_CHANNELS
    if not (plain and square and wide and input.ndim == 4 and input.dtype == weight.dtype == torch.float32):
        return None
    outputs = convolve(input, weight, int(margins[0]))
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
        over = _TILE - _OUTPUT
        squares[:, :, :, :-1, :-1] = gradient[:_OUTPUT, :_OUTPUT]
        squares[:over, :, :, 1:, :-1] += gradient[_OUTPUT:, :_OUTPUT]
        squares[:, :over, :, :-1, 1:] += gradient[:_OUTPUT, _OUTPUT:]
        squares[:over, :over, :, 1:, 1:] += gradient[_OUTPUT:, _OUTPUT:]
        return canvas.view(count, (down + 1) * _OUTPUT, -1, channels)[:, :height, :width]
