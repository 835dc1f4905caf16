"""Both passes of a network as one graph of OpenVINO's: what autograd does for one input, operation by operation.

The graph is traced (``make_fx``) and converted as any network is: a convolution's gradient is itself a convolution.
"""

from __future__ import annotations

import importlib.util
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # PyTorch's own name for it
from torch import Tensor, fx
from torch.overrides import TorchFunctionMode

from snellen.attacks.fused import folded_copy
from snellen.errors import SnellenError
from snellen.models.classifier import Classifier

LARGEST_ERROR, SMALLEST_COSINE = 1e-3, 0.999
"""Of a logit, and between two gradients: a graph that is further off than PyTorch is refused."""


_MOST_PARAMETERS = 100_000_000
"""Of a network that is tried: converting one takes several times its own memory."""


def openvino_may_differentiate(classifier: Classifier) -> bool:
    """Whether OpenVINO is installed and this is a network on a CPU that it may be tried with."""
    installed = importlib.util.find_spec("openvino") is not None
    small = sum(one.numel() for one in classifier.network.parameters()) <= _MOST_PARAMETERS
    return installed and small and classifier.device.type == "cpu"


def convert_both_passes(classifier: Classifier, objective: Callable[..., Tensor], examples: Sequence[Tensor]) -> Any:
    """Both passes as an OpenVINO model with two outputs: logits, and the gradient of the objective in the input.

    Args:
        classifier: classifier of the network.
        objective: from logits (N, K) and whatever else the model takes to what is summed and differentiated.
        examples: inputs (N, 3, h, w) in [0, 1] and whatever else ``objective`` takes, of the shapes that the model will
            have.

    Raises:
        SnellenError: OpenVINO cannot convert it.
    """
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder
    from torch.fx.experimental.proxy_tensor import make_fx

    try:
        with warnings.catch_warnings():
            # The tracer warns of each constant.
            warnings.simplefilter("ignore")
            passes = _BothPasses(classifier, objective)
            graph = make_fx(passes, decomposition_table=_decompositions())(*examples)
            _share_no_constant(graph)
            with torch.no_grad():
                # PyTorch would trace it once more to compare; the finished graph is compared with autograd itself.
                decoder = TorchScriptPythonDecoder(
                    graph, example_input=tuple(examples), trace_kwargs={"check_trace": False}
                )
                front_end = FrontEndManager().load_by_framework("pytorch")
                model = front_end.convert(front_end.load(decoder))
        shapes = [list(one.shape) for one in examples]
        model.reshape(dict(zip(model.inputs, shapes, strict=True)))
    except Exception as error:
        # Tracers and front end raise whatever an unusual network provokes.
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise SnellenError(f"{classifier.name}: OpenVINO cannot convert its gradient: {reason}") from error
    return model


def check_against_torch(classifier: Classifier, ours: Sequence[Tensor], exact: Sequence[Tensor]) -> None:
    """Refuse a graph of which OpenVINO makes other logits or gradients than PyTorch does.

    Args:
        classifier: classifier of the network.
        ours: logits and gradient by OpenVINO.
        exact: the same by PyTorch.

    Raises:
        SnellenError: they differ.
    """
    error = float((ours[0] - exact[0]).abs().max())
    if not error <= LARGEST_ERROR:
        raise SnellenError(f"{classifier.name}: OpenVINO's logits are not PyTorch's, off by {error:.1e}")
    # Not by their largest difference: where an activation lies on a kink, either slope is right.
    cosine = float(torch.cosine_similarity(ours[1].flatten(), exact[1].flatten(), dim=0))
    if not cosine >= SMALLEST_COSINE and (ours[1].any() or exact[1].any()):
        raise SnellenError(f"{classifier.name}: OpenVINO's gradient is not PyTorch's, at a cosine of {cosine:.4f}")


class _BothPasses:
    """Both passes of a network: logits, and the gradient of an objective of them in the input."""

    def __init__(self, classifier: Classifier, objective: Callable[..., Tensor]) -> None:
        self._network = folded_copy(classifier.network).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        for module in self._network.modules():
            if getattr(module, "inplace", False):
                module.inplace = False
        self._normalise = classifier.preprocessing.normalise
        self._objective = objective

    def __call__(self, inputs: Tensor, *arguments: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, K) and gradient (N, 3, h, w) of inputs (N, 3, h, w) in [0, 1]."""
        attention = torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH)
        with torch.enable_grad(), attention, _PoolingByMeans():
            inputs = inputs.detach().requires_grad_()
            logits = self._network(self._normalise(inputs))
            (gradient,) = torch.autograd.grad(self._objective(logits, *arguments).sum(), inputs)
        return logits.detach(), gradient


class _PoolingByMeans(TorchFunctionMode):
    """Average pooling as what OpenVINO has the gradients of: means of equal windows, or a convolution."""

    def __torch_function__(
        self, function: Callable[..., Any], _: Any, arguments: tuple[Any, ...] = (), named: dict[str, Any] | None = None
    ) -> Any:
        """Run every function as it is but the two that pool."""
        ours = _POOLINGS.get(function)
        found = None if ours is None else ours(*arguments, **(named or {}))
        return function(*arguments, **(named or {})) if found is None else found


def _means_of_windows(values: Tensor, output_size: int | Sequence[int | None]) -> Tensor | None:
    """Adaptive average pooling; None where the windows would not be equal."""
    wanted = (output_size, output_size) if isinstance(output_size, int) else output_size
    rows, columns = (size or whole for size, whole in zip(wanted, values.shape[-2:], strict=True))
    if values.shape[-2] % rows or values.shape[-1] % columns:
        return None
    found: Tensor = values.unflatten(-1, (columns, -1)).unflatten(-3, (rows, -1)).mean(dim=(-3, -1))
    return found


def _average_by_convolution(
    input: Tensor,  # noqa: A002  # PyTorch's own names, by which it may be called
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor | None:
    """Average pooling; None where the last window would reach beyond the map, or a divisor is given."""
    size, steps, margins = (
        (one, one) if isinstance(one, int) else tuple(one) for one in (kernel_size, stride or kernel_size, padding)
    )
    beyond = [
        (whole + 2 * margin - side) % step
        for whole, margin, side, step in zip(input.shape[-2:], margins, size, steps, strict=True)
    ]
    if divisor_override is not None or (ceil_mode and any(beyond)):
        return None
    channels = input.shape[1]
    weight = torch.full((channels, 1, *size), 1 / math.prod(size))
    found = F.conv2d(input, weight, None, steps, margins, groups=channels)
    if count_include_pad or not any(margins):
        return found
    return found / F.conv2d(torch.ones_like(input[:1]), weight, None, steps, margins, groups=channels)


_POOLINGS: dict[Callable[..., Any], Callable[..., Tensor | None]] = {
    F.adaptive_avg_pool2d: _means_of_windows,
    F.avg_pool2d: _average_by_convolution,
}


def _share_no_constant(graph: fx.GraphModule) -> None:
    """Give each operation a copy of its own of the network's tensors that it reads, turned as it reads them.

    Of a square matrix that both passes read, OpenVINO (2026.4) keeps one order in memory for both: with that, the
    gradient is another network's.
    """
    constants = dict[fx.Node, Tensor]()
    for node in list(graph.graph.nodes):
        if node.op == "get_attr":
            constants[node] = getattr(graph, node.target)
        elif node.op == "call_function" and node.all_input_nodes and constants.keys() >= set(node.all_input_nodes):
            arguments = fx.map_arg((node.args, node.kwargs), constants.__getitem__)
            constants[node] = node.target(*arguments[0], **arguments[1])
        else:
            for number, one in enumerate(node.all_input_nodes):
                if one in constants:
                    name = f"{node.name}_{number}"
                    graph.register_buffer(name, constants[one].detach().clone(memory_format=torch.contiguous_format))
                    with graph.graph.inserting_before(node):
                        node.replace_input_with(one, graph.graph.get_attr(name))
    graph.graph.eliminate_dead_code()
    graph.recompile()


def _decompositions() -> dict[Any, Any]:
    """What the operations of a backward pass are made of, down to those that OpenVINO knows."""
    from torch._decomp import core_aten_decompositions, get_decompositions

    aten = torch.ops.aten
    further = (
        aten._log_softmax,
        aten._softmax,
        aten._log_softmax_backward_data,
        aten._softmax_backward_data,
        aten.native_batch_norm,
        aten.native_batch_norm_backward,
        aten.native_layer_norm,
        aten.native_layer_norm_backward,
    )
    ours = {
        aten.convolution_backward.default: _convolution_backward,
        aten.max_pool2d_with_indices_backward.default: _max_pool_backward,
    }
    return {**core_aten_decompositions(), **get_decompositions(further), **ours}


def _max_pool_backward(gradient: Tensor, values: Tensor, *arguments: Any) -> Tensor:
    """The gradient of a maximum in its input: each window's goes to where its maximum lies."""
    places = arguments[-1]
    flat = torch.zeros_like(values.flatten(2))
    return flat.scatter_add(2, places.flatten(2), gradient.flatten(2)).reshape(values.shape)


def _convolution_backward(
    gradient: Tensor,
    values: Tensor,
    weight: Tensor,
    _: Sequence[int] | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    __: Sequence[int],
    groups: int,
    ___: Sequence[bool],
) -> tuple[Tensor, None, None]:
    """The gradient of a convolution in its input: where the stride is 1, a convolution by mirrored filters."""
    if transposed:
        raise NotImplementedError("the gradient of a transposed convolution")
    outputs, inputs, height, width = weight.shape
    sizes = height, width
    sides = [reach * (size - 1) - margin for size, reach, margin in zip(sizes, dilation, padding, strict=True)]
    if set(stride) == {1} and min(sides) >= 0:
        mirrored = weight.reshape(groups, outputs // groups, inputs, height, width).transpose(1, 2).flip(3, 4)
        mirrored = mirrored.reshape(groups * inputs, outputs // groups, height, width)
        spread = torch.ops.aten.convolution(gradient, mirrored, None, [1, 1], sides, dilation, False, [0, 0], groups)
        return spread, None, None
    # Rows and columns that the last step does not reach.
    left = [
        whole - ((reached - 1) * step + reach * (size - 1) + 1 - 2 * margin)
        for whole, reached, step, reach, size, margin in zip(
            values.shape[2:], gradient.shape[2:], stride, dilation, sizes, padding, strict=True
        )
    ]
    spread = torch.ops.aten.convolution(gradient, weight, None, stride, padding, dilation, True, left, groups)
    return spread, None, None
