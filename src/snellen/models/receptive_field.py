"""Receptive fields, derived exactly from the operations that a network runs.

Beside each tensor of one forward pass travel its *bounds*: for every element, the topmost, leftmost, bottommost
and rightmost input position that it can depend on. An element-wise operation unites the bounds of its operands, a
window (convolution, pooling) those below it, a sum over an axis those along it; what moves elements about (reshape,
roll, concatenate) moves their bounds alike. So branches, residuals, dilation, ceil mode, attention windows and
squeeze-and-excitation all come out as they are: a unit behind a global pooling depends on the whole input, and its
bounds say so. An operation without a rule of its own counts as depending on all of its operands: the bounds may then
be too wide, never too narrow, with one exception: a view that was taken of a tensor before the tensor was written in
place keeps its old bounds. Zero weights are not looked at; this is what a unit *can* depend on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.weak import WeakTensorKeyDictionary

aten = torch.ops.aten

# Four tensors of the element's shape: top, left, -bottom, -right. All four unite by the minimum.
Bounds = list[Tensor]
_NOTHING = math.inf


class ReceptiveFields(TorchDispatchMode):
    """Follows the bounds of everything that is computed from ``image`` (1, C, H, W) inside the block."""

    def __init__(self, image: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._of = WeakTensorKeyDictionary()
        rows = torch.arange(image.shape[2], dtype=torch.float32)[:, None].expand(image.shape)
        columns = torch.arange(image.shape[3], dtype=torch.float32).expand(image.shape)
        self._of[image] = [rows, columns, (-rows[0, 0]).expand(image.shape), (-columns[0, 0]).expand(image.shape)]

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # PyTorch would guard the method below against its compiler, and import the compiler for that: for seconds.
        return False

    def bounds(self, tensor: Tensor) -> Bounds | None:
        """The bounds of ``tensor``; None where it does not depend on the image."""
        found: Bounds | None = self._of.get(tensor)
        return found

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if any(isinstance(leaf, Tensor) and leaf in self._of for leaf in tree_leaves((args, kwargs))):
            outputs = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
            self._record(outputs, [self._propagate(func, args, kwargs, outputs, axis) for axis in range(4)])
        return result

    def _record(self, outputs: list[Tensor], sides: list[list[Tensor]]) -> None:
        for output, *bounds in zip(outputs, *sides, strict=False):
            if output in self._of and output._is_view() and output._base in self._of:
                # Written in place through a view: what it is a view of may now depend on all that the view does.
                base = output._base
                known = self._of[base]
                self._of[base] = [_unite([old, new.min()], base) for old, new in zip(known, bounds, strict=True)]
            self._of[output] = bounds

    def _propagate(
        self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], outputs: list[Tensor], side: int
    ) -> list[Tensor]:
        """One side of the bounds of each output."""

        def bound(leaf: Any) -> Any:
            if not isinstance(leaf, Tensor):
                return leaf
            known = self._of.get(leaf)
            return torch.tensor(_NOTHING).expand(leaf.shape) if known is None else known[side]

        packet = func.overloadpacket
        if packet in (aten.view, aten._unsafe_view):
            # The strides of values and bounds may differ, so what is a view of one may be a copy of the other.
            return [bound(args[0]).reshape(args[1])]
        if packet in _MOVES or (func.is_view and packet is not aten.as_strided):
            # An index is not a value that moves: it stays as it is.
            moved = tree_map(lambda leaf: leaf if _is_index(leaf) else bound(leaf), (tuple(args), dict(kwargs)))
            return [leaf for leaf in tree_leaves(func(*moved[0], **moved[1])) if isinstance(leaf, Tensor)]
        if packet is aten.constant_pad_nd:
            return [_padded(bound(args[0]), args[1], outputs[0])]
        operands = [
            bound(leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor) and leaf in self._of
        ]
        rule = _RULES.get(packet)
        if rule is not None:
            return [rule(bound, args, outputs[0])]
        if torch.Tag.pointwise in func.tags or packet in _PER_ELEMENT:
            return [_unite(operands, outputs[0])]
        everything = torch.stack([_compact(operand).min() for operand in operands]).min()
        return [everything.expand(output.shape) for output in outputs]


BoundOf = Callable[[Any], Any]
"""One side of the bounds of an operand."""


def _is_index(leaf: Any) -> bool:
    return isinstance(leaf, Tensor) and not leaf.is_floating_point()


def _compact(bound: Tensor) -> Tensor:
    """``bound`` with one of each run of repeated values: channels mostly have the same, and are held as one."""
    for axis, stride in enumerate(bound.stride()):
        if stride == 0 and bound.shape[axis] > 1:
            bound = bound.narrow(axis, 0, 1)
    return bound


def _unite(bounds: Sequence[Tensor], output: Tensor) -> Tensor:
    united = torch.tensor(_NOTHING)
    for bound in bounds:
        united = torch.minimum(united, _compact(bound))
    return united.expand(output.shape)


def _padded(bound: Tensor, margins: Sequence[int], output: Tensor) -> Tensor:
    if bound.ndim == 4 and len(margins) <= 4 and bound.stride(1) == 0:
        bound = one_channel(bound)
    return functional.pad(bound, list(margins), value=_NOTHING).expand(output.shape)


def one_channel(bound: Tensor) -> Tensor:
    """The least of ``bound`` (N, C, H, W) over the channels: (N, 1, H, W)."""
    return bound.narrow(1, 0, 1) if bound.stride(1) == 0 else bound.amin(dim=1, keepdim=True)


def _window(bound: Tensor, output: Tensor, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Tensor:
    """The least of ``bound`` (1, C, H, W) below each window, for every channel of ``output``."""
    kernel, stride, padding, dilation = (_pair(value) for value in (kernel, stride, padding, dilation))
    margins: list[int] = []
    for axis in (1, 0):
        needed = (output.shape[2 + axis] - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1
        margins += [padding[axis], needed - bound.shape[2 + axis] - padding[axis]]
    below = functional.pad(one_channel(bound), margins, value=_NOTHING)
    return functional.max_pool2d(-below, kernel, stride, 0, dilation).neg().expand(output.shape)


def _pair(value: Any) -> tuple[int, int]:
    values = list(value) if isinstance(value, list | tuple) else [value]
    return (values[0], values[-1])


def _convolution(bound: BoundOf, args: Sequence[Any], output: Tensor) -> Tensor:
    image, weight, _, stride, padding, dilation, transposed = args[:7]
    if transposed or weight.ndim != 4:
        return _compact(bound(image)).min().expand(output.shape)
    return _window(bound(image), output, weight.shape[2:], stride, padding, dilation)


def _pooling(bound: BoundOf, args: Sequence[Any], output: Tensor) -> Tensor:
    image, kernel, stride, padding = (*args[:4], *(None, 0)[len(args) - 2 :])[:4]
    return _window(bound(image), output, kernel, stride or kernel, padding, 1)


def _max_pooling(bound: BoundOf, args: Sequence[Any], output: Tensor) -> Tensor:
    dilation = args[4] if len(args) > 4 else 1
    image, kernel, stride, padding = (*args[:4], *(None, 0)[len(args) - 2 :])[:4]
    return _window(bound(image), output, kernel, stride or kernel, padding, dilation)


def _along(bound: BoundOf, value: Tensor, axes: Any, output: Tensor) -> Tensor:
    """Every element depends on all those that differ from it only along ``axes``."""
    known: Tensor = bound(value)
    axes = list(range(known.ndim)) if axes is None or axes == [] else axes
    kept = _compact(known).amin(dim=axes, keepdim=True)
    if known.ndim == output.ndim:
        return kept.expand(output.shape)
    summed = {axis % known.ndim for axis in axes}
    sizes = [1 if axis in summed else size for axis, size in enumerate(known.shape)]
    return kept.expand(sizes).reshape(output.shape)


def _normalised(bound: BoundOf, args: Sequence[Any], output: Tensor) -> Tensor:
    return _along(bound, args[0], list(range(-len(args[1]), 0)), output)


def _product(bound: BoundOf, args: Sequence[Any], output: Tensor) -> Tensor:
    """Row times column: (..., n, k) @ (..., k, m), with a bias before the two where there is one."""
    left, right = _compact(bound(args[-2])).amin(-1, keepdim=True), _compact(bound(args[-1])).amin(-2, keepdim=True)
    return torch.minimum(left, right).expand(output.shape)


def _attention(bound: BoundOf, args: Sequence[Any], output: Tensor) -> Tensor:
    """softmax(q k') v: each query depends on itself and every key and value of its sequence."""
    query, key, value = (_compact(bound(args[number])) for number in range(3))
    attended = torch.minimum(key.amin((-2, -1), keepdim=True), value.amin((-2, -1), keepdim=True))
    return torch.minimum(query.amin(-1, keepdim=True), attended).expand(output.shape)


_Rule = Callable[[BoundOf, Sequence[Any], Tensor], Tensor]
_RULES: dict[Any, _Rule] = {
    aten.convolution: _convolution,
    aten.max_pool2d_with_indices: _max_pooling,
    aten.max_pool2d: _max_pooling,
    aten.avg_pool2d: _pooling,
    aten.mean: lambda bound, args, output: _along(bound, args[0], args[1] if len(args) > 1 else None, output),
    aten.sum: lambda bound, args, output: _along(bound, args[0], args[1] if len(args) > 1 else None, output),
    aten._softmax: lambda bound, args, output: _along(bound, args[0], [args[1]], output),
    aten.native_layer_norm: _normalised,
    aten._fused_rms_norm: _normalised,
    aten.mm: _product,
    aten.bmm: _product,
    aten.addmm: lambda bound, args, output: _product(bound, args[1:3], output),
    aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    aten._scaled_dot_product_flash_attention: _attention,
    aten._scaled_dot_product_efficient_attention: _attention,
    aten._scaled_dot_product_cudnn_attention: _attention,
}
# Not tagged as element-wise by PyTorch, but so in evaluation mode.
_PER_ELEMENT = {
    aten.native_batch_norm, aten._native_batch_norm_legit_no_training, aten.cudnn_batch_norm, aten._to_copy,
    aten.clone, aten.copy_, aten.copy, aten._prelu_kernel, aten.hardswish, aten.hardswish_,
}  # fmt: skip
_MOVES = {
    aten.cat, aten.stack, aten.roll, aten.flip, aten.index, aten.index_select, aten.repeat,
    aten.upsample_nearest2d, aten._upsample_nearest_exact2d, aten.pixel_shuffle, aten.pixel_unshuffle,
    aten.reflection_pad2d, aten.replication_pad2d, aten._reshape_copy, aten.im2col,
}  # fmt: skip
