"""A copy of a network that gives the gradient of its input faster, for an attack's many steps.

The copy computes the same function. Filters that are made of others are made once, batch normalisation is folded
into the convolution before it, clipping keeps its output instead of its input, and the gradient of a strided
depthwise convolution is itself computed by a plain convolution: the library's own kernel for it took half of the
time of a whole step (PyTorch 2.13, x86). What runs more than once, or bears a hook, stays as it is, and
:func:`fused_classifier` holds the copy against the network. Where the processor multiplies bfloat16 in hardware the
copy may run in it; what an attack reports is measured with the original network in float32.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Callable
from typing import Any, Literal

import torch
import torch.nn.functional as F  # noqa: N812  # PyTorch's own name for it
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

import snellen._torchvision  # noqa: F401  # before timm
from snellen.models.classifier import Classifier, multiplies_bfloat16
from snellen.models.flip_equivariant import materialise

from timm.layers import BatchNormAct2d, Conv2dSame  # isort: skip

Precision = Literal["float32", "bfloat16"]

_LARGEST_ERROR = 0.01
"""Of a copy's logits, as a share of the largest; TF32, in which GPUs convolve, rounds to a thousandth."""


def fastest_precision(device: torch.device) -> Precision:
    """bfloat16 where the device multiplies it in hardware, else float32."""
    return "bfloat16" if multiplies_bfloat16(device) else "float32"


def fused_network(network: nn.Module) -> nn.Module:
    """A frozen copy of ``network`` in evaluation mode; maps normalised input (N, 3, h, w) to logits (N, K).

    Args:
        network: network of any kind; what is not recognised in it runs as it is.
    """
    fused = folded_copy(network)
    for module in list(fused.modules()):
        for name, child in list(module.named_children()):
            if _bears_hooks(child):
                continue
            if type(child) in (nn.ReLU, nn.ReLU6) and child.inplace:
                setattr(module, name, _Clip(6.0 if type(child) is nn.ReLU6 else math.inf))
            elif isinstance(child, nn.Conv2d) and _strided_depthwise(child):
                setattr(module, name, _StridedDepthwise(child))
    return fused.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def folded_copy(network: nn.Module) -> nn.Module:
    """A frozen copy in evaluation mode whose filters are spelt out and hold the normalisation that follows them."""
    folded = copy.deepcopy(network).eval()
    materialise(folded)
    _fold_normalisation(folded)
    return folded.requires_grad_(False)


def fused_classifier(classifier: Classifier, precision: Precision) -> Classifier:
    """``classifier`` around a fused copy of its network; around a plain one where the fused gives other logits.

    Args:
        classifier: classifier of the network; compared with the copy on one noisy input.
        precision: number format of parameters and activations; the copy takes and gives float32 either way.
    """
    fused = _around(fused_network(classifier.network), classifier)
    if not _same_logits(classifier, fused):
        fused = _around(copy.deepcopy(classifier.network).eval().requires_grad_(False), classifier)
    return _around(_InBfloat16(fused.network), classifier) if precision == "bfloat16" else fused


def _around(network: nn.Module, classifier: Classifier) -> Classifier:
    device = str(classifier.device)
    return Classifier(network, classifier.preprocessing, classifier.labels, name=classifier.name, device=device)


def _same_logits(classifier: Classifier, copied: Classifier) -> bool:
    """Whether a copy gives the network's logits on one noisy input."""
    height, width = classifier.preprocessing.size
    noise = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0)).to(classifier.device)
    with torch.no_grad():
        exact, ours = (one.logits_from_inputs(noise) for one in (classifier, copied))
    # Of logits that are not numbers the comparison is false.
    return bool((ours - exact).abs().max() <= _LARGEST_ERROR * exact.abs().max())


class _InBfloat16(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.bfloat16()

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.network(inputs.bfloat16())
        return logits.float()


class _WholeLayers(fx.Tracer):
    """Traces down to convolutions and normalisations, however a library has subclassed them."""

    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        return isinstance(module, nn.Conv2d | nn.BatchNorm2d) or super().is_leaf_module(module, name)


def _fold_normalisation(network: nn.Module) -> None:
    """Fold, in place, each batch normalisation whose input is only a convolution's output into that convolution.

    Either must run once: where filters are shared between normalisations, or one normalisation between maps, no one
    convolution does what both do. Nor is anything folded that bears a hook, which would go unheard or hear something
    else. timm's normalisations carry their activation, which stays. A network that cannot be traced symbolically stays
    as it is.
    """
    modules = dict(network.named_modules())
    if not any(isinstance(module, nn.BatchNorm2d) for module in modules.values()):
        return
    try:
        graph = _WholeLayers().trace(network)
    except Exception:
        # Symbolic tracing runs the network's own Python on stand-ins: it can fail in any way at all.
        return
    runs = Counter(str(node.target) for node in graph.nodes if node.op == "call_module")
    for node in graph.nodes:
        before = node.args[0] if node.op == "call_module" and node.args else None
        if not isinstance(before, fx.Node) or before.op != "call_module" or len(before.users) > 1:
            continue
        if runs[str(node.target)] > 1 or runs[str(before.target)] > 1:
            continue
        normalisation, convolution = modules[str(node.target)], modules[str(before.target)]
        if _bears_hooks(normalisation) or _bears_hooks(convolution):
            continue
        if type(normalisation) not in (nn.BatchNorm2d, BatchNormAct2d) or normalisation.running_mean is None:
            continue
        if type(convolution) not in (nn.Conv2d, Conv2dSame):
            continue
        convolution.weight, convolution.bias = fuse_conv_bn_weights(
            convolution.weight,
            convolution.bias,
            normalisation.running_mean,
            normalisation.running_var,
            normalisation.eps,
            normalisation.weight,
            normalisation.bias,
        )
        parent, _, name = str(node.target).rpartition(".")
        setattr(modules[parent], name, getattr(normalisation, "act", nn.Identity()))


def _bears_hooks(module: nn.Module) -> bool:
    """Whether something is called before or after a module, on its way forward or back."""
    return bool(
        module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks
    )


class _ClipInPlaceFunction(torch.autograd.Function):
    """Clip to [0, top]. The gradient needs only to know where the output is inside, so the input may go."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, top: float) -> Tensor:
        values.clamp_(0, top)
        ctx.mark_dirty(values)
        ctx.save_for_backward(values)
        ctx.top = top
        return values

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (clipped,) = ctx.saved_tensors
        inside: Tensor = torch.ops.aten.hardtanh_backward(gradients[0], clipped, 0.0, ctx.top)
        return inside, None


_clip_in_place: Callable[[Tensor, float], Tensor] = _ClipInPlaceFunction.apply


class _Clip(nn.Module):
    def __init__(self, top: float) -> None:
        super().__init__()
        self.top = top

    def forward(self, values: Tensor) -> Tensor:
        return _clip_in_place(values, self.top)


def _strided_depthwise(convolution: nn.Conv2d) -> bool:
    return (
        type(convolution) in (nn.Conv2d, Conv2dSame)
        and convolution.groups == convolution.in_channels == convolution.out_channels
        and convolution.stride[0] == convolution.stride[1] > 1
        and convolution.kernel_size[0] == convolution.kernel_size[1]
        and convolution.dilation == (1, 1)
        and convolution.padding_mode == "zeros"
        and not isinstance(convolution.padding, str)
    )


class _DepthwiseFunction(torch.autograd.Function):
    """A depthwise convolution without padding, whose gradient is a convolution of the spread-out gradient."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor, bias: Tensor | None, mirrored: Tensor, stride: int) -> Tensor:
        ctx.save_for_backward(mirrored)
        ctx.shape, ctx.stride = values.shape, stride
        return F.conv2d(values, weight, bias, stride, groups=len(weight))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:
        (mirrored,) = ctx.saved_tensors
        (gradient,) = gradients
        n, channels, height, width = ctx.shape
        reach, step = mirrored.shape[-1] - 1, ctx.stride
        spread = torch.empty(
            (n, channels, height + reach, width + reach),
            dtype=gradient.dtype,
            device=gradient.device,
            memory_format=torch.channels_last,
        ).zero_()
        rows, columns = ((size - 1) * step + 1 for size in gradient.shape[2:])
        spread[:, :, reach : reach + rows : step, reach : reach + columns : step] = gradient
        return F.conv2d(spread, mirrored, groups=channels), None, None, None, None


_depthwise: Callable[[Tensor, Tensor, Tensor | None, Tensor, int], Tensor] = _DepthwiseFunction.apply


class _StridedDepthwise(nn.Module):
    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.weight = convolution.weight
        self.bias = convolution.bias
        self.mirrored = nn.Parameter(convolution.weight.detach().flip(2, 3).contiguous(), requires_grad=False)
        self.kernel, self.stride = convolution.kernel_size[0], convolution.stride[0]
        # TensorFlow's SAME pads by what the input's size asks for, which timm's Conv2dSame works out as it runs.
        self.same = isinstance(convolution, Conv2dSame)
        self.padding = convolution.padding

    def forward(self, values: Tensor) -> Tensor:
        padded = F.pad(values, self._sides(values))
        return _depthwise(padded, self.weight, self.bias, self.mirrored, self.stride)

    def _sides(self, values: Tensor) -> list[int]:
        if not self.same:
            return [int(self.padding[1])] * 2 + [int(self.padding[0])] * 2
        sides: list[int] = []
        for size in (values.shape[3], values.shape[2]):
            total = max((-(-size // self.stride) - 1) * self.stride + self.kernel - size, 0)
            sides += [total // 2, total - total // 2]
        return sides
