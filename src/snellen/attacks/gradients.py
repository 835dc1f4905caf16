"""Who takes an attack's gradients: PyTorch's fused copy, or OpenVINO by one graph of both passes.

For the graph see :mod:`snellen.attacks.backward_graph`. It takes less time than the fused copy where there is
no bfloat16 in hardware (``benchmarks/limits.py quick``); making it takes as long as some hundred gradients, once, and
its conversion is kept. So :func:`choose_gradients` takes it where enough gradients are ahead, by a count that only the
job decides: the same job takes the same way each time. What is said of an attacked file comes from the plain network
either way; what is said of the original and of the noise control comes from the graph where its two largest logits lie
well apart.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812  # PyTorch's own name for it
from torch import Tensor

from snellen.attacks.backward_graph import (
    LARGEST_ERROR,
    check_against_torch,
    convert_both_passes,
    openvino_may_differentiate,
)
from snellen.attacks.config import SMALLEST, AttackConfig
from snellen.attacks.fused import Precision, fastest_precision, fused_classifier
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
_CLOSE = 10 * LARGEST_ERROR
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
        exact: whether its logits are the network's to :data:`LARGEST_ERROR`, so that nothing need be confirmed.
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
    faster = precision == "float32" and openvino_may_differentiate(classifier)
    if faster and expected_gradients(config, photographs) >= WORTH_CONVERTING:
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
        request = self._both.create_infer_request()
        request.infer(self._arguments(Query(noise, Criterion(0, 0), probability)))
        ours = [torch.from_numpy(request.get_output_tensor(number).data) for number in (0, 1)]
        noise.requires_grad_()
        logits = self._classifier.logits_from_inputs(noise)
        (gradient,) = torch.autograd.grad(logits.log_softmax(dim=1)[0, 0], noise)
        check_against_torch(self._classifier, ours, (logits.detach(), gradient))


def _logarithm_or_margin(logits: Tensor, chosen: Tensor, by_margin: Tensor) -> Tensor:
    """What the graph takes the gradient of (1, 1).

    Args:
        logits: logits (1, K).
        chosen: the class (1, K) that the objective is of, one-hot.
        by_margin: 1 (1, 1) where it is how far the best other logit lies above the chosen one, 0 where it is the
            logarithm of the chosen probability.
    """
    logged = (logits.log_softmax(dim=1) * chosen).sum(dim=1, keepdim=True)
    margin = (logits - 1e9 * chosen).amax(dim=1, keepdim=True) - (logits * chosen).sum(dim=1, keepdim=True)
    return (1 - by_margin) * logged + by_margin * margin


def _convert(classifier: Classifier) -> Any:
    """Both passes as an OpenVINO model of one input."""
    classes = len(classifier.labels)
    inputs = torch.full((1, 3, *classifier.preprocessing.size), 0.5)
    chosen = F.one_hot(torch.tensor([0]), classes).float()
    return convert_both_passes(classifier, _logarithm_or_margin, (inputs, chosen, torch.zeros(1, 1)))
