"""Who takes an attack's gradients: PyTorch's fused copy, or OpenVINO by one graph of both passes.

The graph is what autograd does for one input, written down operation by operation (``make_fx``) and converted as any
network is: a convolution's gradient is itself a convolution. It takes less time than the fused copy where there is
no bfloat16 in hardware (``benchmarks/limits.py quick``); making it takes as long as some hundred gradients, once, and
its conversion is kept. So :func:`choose_gradients` takes it where enough gradients are ahead, by a count that only the
job decides: the same job takes the same way each time. What is said of an attacked file comes from the plain network
either way; what is said of the original and of the noise control comes from the graph where its two largest logits lie
well apart.
"""

from __future__ import annotations

import functools
import importlib.util
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812  # PyTorch's own name for it
from torch import Tensor, nn

from snellen.attacks.config import SMALLEST, AttackConfig
from snellen.attacks.fused import Precision, fastest_precision, folded_copy, fused_classifier
from snellen.attacks.search import Criterion, Objective, probability
from snellen.data.images import pixels_from_bytes
from snellen.errors import InputError, SnellenError
from snellen.inference.conversions import compiled
from snellen.models.classifier import Classifier
from snellen.models.predictions import probabilities_of_inputs, softmax
from snellen.runs.progress import SILENT, Progress

WORTH_CONVERTING = 64
"""The number of gradients ahead from which on OpenVINO's graph is made, or read where it is kept."""
EOT_SAMPLES = 8
"""Samples in each step of a robust attack."""
_SHORT, _LONG, _ROBUST, _BOUNDS = 8, 100, 80, 6
"""Gradients of an attack that ends early, of one that seldom does, steps of a robust one, and bounds that a search for
the smallest tries."""
_BATCH = 16
"""Photographs that a device other than a CPU takes at once."""
_LARGEST_ERROR, _SMALLEST_COSINE = 1e-3, 0.999
"""Of a logit, and between two gradients: an engine that is further off is refused."""
_CLOSE = 10 * _LARGEST_ERROR
"""Where the two largest logits lie as near to each other, the plain network answers."""


@dataclass(frozen=True, eq=False)
class Query:
    """One input of which the objective's gradient is wanted.

    Attributes:
        inputs: input (1, 3, h, w) in [0, 1], detached.
        criterion: criterion of success.
        objective: function of the logits.
    """

    inputs: Tensor
    criterion: Criterion
    objective: Objective


@dataclass(frozen=True, eq=False)
class Answer:
    """What an engine gives for a query.

    Attributes:
        logits: logits (1, K).
        value: objective.
        gradient: gradient (1, 3, h, w) of the objective in the input.
    """

    logits: Tensor
    value: float
    gradient: Tensor


class GradientEngine(Protocol):
    """Takes the gradients of an attack.

    Attributes:
        name: name for a manifest.
        exact: whether its logits are the network's to :data:`_LARGEST_ERROR`, so that nothing need be confirmed.
    """

    name: str
    exact: bool

    def run(self, queries: Iterable[Query]) -> Iterator[Answer]:
        """The answer to each query, in order; a bounded number of queries is held at a time."""

    def probabilities(self, inputs: npt.NDArray[np.uint8]) -> Tensor:
        """Class probabilities (K,), float64, of the bytes (h, w, 3) of one input."""


def expected_gradients(config: AttackConfig, photographs: int) -> int:
    """How many gradients an attack on so many photographs takes, roughly."""
    if config.robust:
        return photographs * (config.steps or _ROBUST) * EOT_SAMPLES
    if config.method == "gradient_ascent":
        return photographs * (config.steps or _LONG)
    bounds = _BOUNDS if config.epsilon == SMALLEST else 1
    return photographs * bounds * min(config.steps or _SHORT, _SHORT)


def choose_gradients(
    classifier: Classifier, config: AttackConfig, photographs: int, progress: Progress = SILENT
) -> GradientEngine:
    """OpenVINO's graph where it is installed, faster here and worth its conversion; else PyTorch's fused copy.

    Args:
        classifier: classifier to fool.
        config: how.
        photographs: number of photographs that are to be attacked.
        progress: told why PyTorch took over.

    Raises:
        InputError: within inference mode, where PyTorch gives none.
    """
    if torch.is_inference_mode_enabled():
        raise InputError("attack: within torch.inference_mode, which allows no gradients", "a call outside of it")
    # The assignment's rule lives on gradients that bfloat16 cannot hold.
    precision = "float32" if config.method == "gradient_ascent" else fastest_precision(classifier.device)
    installed = importlib.util.find_spec("openvino") is not None
    # Transformers and ConvNeXt are not converted rightly, which is noticed only after all the work.
    normalised = any(isinstance(module, nn.LayerNorm) for module in classifier.network.modules())
    faster = classifier.device.type == "cpu" and precision == "float32" and not normalised
    if installed and faster and expected_gradients(config, photographs) >= WORTH_CONVERTING:
        try:
            return OpenVINOGradients(classifier)
        except SnellenError as error:
            progress.note(f"{error.message}; PyTorch takes over")
    return FusedGradients(classifier, precision)


class FusedGradients:
    """PyTorch's fused copy of the network; see :mod:`snellen.attacks.fused`.

    A CPU takes one photograph at a time: in a batch its gradient differs in the last bits, so that what else is
    attacked, or was before a kill, would show in the file.
    """

    def __init__(self, classifier: Classifier, precision: Precision) -> None:
        self.name = f"torch {precision}"
        self.exact = precision == "float32"
        self.fused = fused_classifier(classifier, precision)
        self._classifier = classifier
        self._batch = 1 if classifier.device.type == "cpu" else _BATCH

    def run(self, queries: Iterable[Query]) -> Iterator[Answer]:
        """See :meth:`GradientEngine.run`."""
        remaining = iter(queries)
        while batch := list(islice(remaining, self._batch)):
            inputs = torch.cat([query.inputs for query in batch]).requires_grad_()
            with torch.enable_grad():
                logits = self.fused.logits_from_inputs(inputs)
                rows = zip(batch, logits.split(1), strict=True)
                values = torch.cat([query.objective(query.criterion, row) for query, row in rows])
                (gradients,) = torch.autograd.grad(values.sum(), inputs, allow_unused=True, materialize_grads=True)
            found = zip(logits.detach().split(1), values.tolist(), gradients.split(1), strict=True)
            yield from (Answer(*one) for one in found)

    def probabilities(self, inputs: npt.NDArray[np.uint8]) -> Tensor:
        """See :meth:`GradientEngine.probabilities`; the plain network's."""
        return probabilities_of_inputs(self._classifier, inputs)


class OpenVINOGradients:
    """OpenVINO on a CPU: forward and backward pass as one graph, one input a request, as many as keep it busy.

    Raises:
        SnellenError: OpenVINO cannot convert the network, or its answers are not PyTorch's.
    """

    name = "openvino float32"
    exact = True

    def __init__(self, classifier: Classifier) -> None:
        import openvino

        self._classifier = classifier
        options = {
            "PERFORMANCE_HINT": "THROUGHPUT",
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        }
        model = functools.cache(lambda: _convert(classifier))

        def forward() -> Any:
            return openvino.Model([model().output(0)], model().get_parameters()[:1])

        try:
            conversions: dict[str, Callable[[], Any]] = {"gradients": model, "the gradients' logits": forward}
            self._both, self._forward = compiled(classifier, options, conversions)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise SnellenError(f"{classifier.name}: OpenVINO cannot compile it: {reason}") from error
        # A second request for each stream waits in line, so that no stream waits for Python.
        self._requests = 2 * int(self._both.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        self._check_against_torch()

    def run(self, queries: Iterable[Query]) -> Iterator[Answer]:
        """See :meth:`GradientEngine.run`."""
        idle = [self._both.create_infer_request() for _ in range(self._requests)]
        busy: deque[tuple[Query, Any]] = deque()

        def finish() -> Answer:
            query, request = busy.popleft()
            request.wait()
            logits, gradient = (torch.from_numpy(request.get_output_tensor(number).data.copy()) for number in (0, 1))
            idle.append(request)
            value = query.objective(query.criterion, logits)
            if query.objective is probability:
                # The graph's gradient is that of the logarithm.
                gradient *= value if query.criterion.target is not None else value - 1
            return Answer(logits, value.item(), gradient)

        for query in queries:
            if not idle:
                yield finish()
            request = idle.pop()
            request.start_async(self._arguments(query))
            busy.append((query, request))
        while busy:
            yield finish()

    def probabilities(self, inputs: npt.NDArray[np.uint8]) -> Tensor:
        """See :meth:`GradientEngine.probabilities`; the plain network's where the top two classes are close."""
        request = self._forward.create_infer_request()
        request.infer([pixels_from_bytes(inputs).contiguous().numpy()])
        logits = torch.from_numpy(request.get_output_tensor(0).data.copy())
        first, second = (*logits[0].topk(min(2, logits.shape[1])).values.tolist(), float("-inf"))[:2]
        if not first - second > _CLOSE:
            return probabilities_of_inputs(self._classifier, inputs)
        return softmax(logits)[0]

    def _arguments(self, query: Query) -> list[npt.NDArray[np.float32]]:
        criterion = query.criterion
        by_margin = criterion.target is None and query.objective is not probability
        chosen = torch.tensor([criterion.label if criterion.target is None else criterion.target])
        hot = F.one_hot(chosen, len(self._classifier.labels)).float()
        return [query.inputs.contiguous().numpy(), hot.numpy(), np.full((1, 1), by_margin, np.float32)]

    def _check_against_torch(self) -> None:
        """Refuse a network of which OpenVINO makes other logits or gradients than PyTorch does, on one noisy input."""
        height, width = self._classifier.preprocessing.size
        noise = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
        arguments = self._arguments(Query(noise, Criterion(0, 0), probability))
        request = self._both.create_infer_request()
        request.infer(arguments)
        logits, gradient = (torch.from_numpy(request.get_output_tensor(number).data) for number in (0, 1))
        noise = noise.clone().requires_grad_()
        plain_logits = self._classifier.logits_from_inputs(noise)
        (plain_gradient,) = torch.autograd.grad(plain_logits.log_softmax(dim=1)[0, 0], noise)
        error = float((logits - plain_logits.detach()).abs().max())
        if not error <= _LARGEST_ERROR:
            raise SnellenError(f"{self._classifier.name}: OpenVINO's logits are not PyTorch's, off by {error:.1e}")
        # Not by their largest difference: where an activation lies on a kink, either slope is right.
        cosine = float(torch.cosine_similarity(gradient.flatten(), plain_gradient.flatten(), dim=0))
        if not cosine >= _SMALLEST_COSINE and (gradient.any() or plain_gradient.any()):
            raise SnellenError(
                f"{self._classifier.name}: OpenVINO's gradient is not PyTorch's, at a cosine of {cosine:.4f}"
            )


class _Both:
    """Both passes of a network, for one input: logits, and the gradient of the objective in the input."""

    def __init__(self, classifier: Classifier) -> None:
        self._network = folded_copy(classifier.network).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        for module in self._network.modules():
            if getattr(module, "inplace", False):
                module.inplace = False
        self._normalise = classifier.preprocessing.normalise

    def __call__(self, inputs: Tensor, chosen: Tensor, by_margin: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (1, K) and gradient (1, 3, h, w).

        Args:
            inputs: input (1, 3, h, w) in [0, 1].
            chosen: the class (1, K) that the objective is of, one-hot.
            by_margin: 1 (1, 1) where the objective is how far the best other logit lies above the chosen one, 0 where
                it is the logarithm of the chosen probability.
        """
        with torch.enable_grad(), torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            inputs = inputs.detach().requires_grad_()
            logits = self._network(self._normalise(inputs))
            logged = (logits.log_softmax(dim=1) * chosen).sum(dim=1, keepdim=True)
            margin = (logits - 1e9 * chosen).amax(dim=1, keepdim=True) - (logits * chosen).sum(dim=1, keepdim=True)
            objective = (1 - by_margin) * logged + by_margin * margin
            (gradient,) = torch.autograd.grad(objective.sum(), inputs)
        return logits.detach(), gradient


def _convert(classifier: Classifier) -> Any:
    """Both passes as an OpenVINO model of one input."""
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder
    from torch.fx.experimental.proxy_tensor import make_fx

    classes = len(classifier.labels)
    shapes = (1, 3, *classifier.preprocessing.size), (1, classes), (1, 1)
    examples = torch.full(shapes[0], 0.5), F.one_hot(torch.tensor([0]), classes).float(), torch.zeros(shapes[2])
    try:
        with warnings.catch_warnings():
            # The tracer warns of each constant.
            warnings.simplefilter("ignore")
            graph = make_fx(_Both(classifier), decomposition_table=_decompositions())(*examples)
            with torch.no_grad():
                # PyTorch would trace it once more to compare; the finished graph is compared with autograd itself.
                decoder = TorchScriptPythonDecoder(graph, example_input=examples, trace_kwargs={"check_trace": False})
                front_end = FrontEndManager().load_by_framework("pytorch")
                model = front_end.convert(front_end.load(decoder))
        model.reshape(dict(zip(model.inputs, map(list, shapes), strict=True)))
    except Exception as error:
        # Tracers and front end raise whatever an unusual network provokes.
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise SnellenError(f"{classifier.name}: OpenVINO cannot convert its gradient: {reason}") from error
    return model


def _decompositions() -> dict[Any, Any]:
    """What the operations of a backward pass are made of, down to those that OpenVINO knows."""
    from torch._decomp import core_aten_decompositions, get_decompositions

    aten = torch.ops.aten
    further = (
        aten._log_softmax,
        aten._softmax,
        aten._log_softmax_backward_data,
        aten._softmax_backward_data,
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
