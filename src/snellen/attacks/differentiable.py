"""A network as a function of many inputs at a time that autograd can differentiate: OpenVINO's, or PyTorch's.

What the attacks of the standard ensemble ask, some thousand times of each photograph, of which more than half want no
gradient. OpenVINO answers those by the forward pass alone; a gradient, in whatever the logits are put to, by one graph
of both passes; see :mod:`snellen.attacks.backward_graph`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from snellen.attacks.backward_graph import check_against_torch, convert_both_passes, openvino_may_differentiate
from snellen.attacks.fused import fused_classifier
from snellen.errors import SnellenError
from snellen.inference.conversions import compiled
from snellen.models.classifier import Classifier
from snellen.runs.progress import SILENT, Progress

Logits = Callable[[Tensor], Tensor]
"""From inputs (N, 3, h, w) in [0, 1] to logits (N, K) on the CPU, differentiable."""
_PIXELS_OF_A_REQUEST, _MOST_OF_A_REQUEST = 8 * 32 * 32, 8


def choose_logits(classifier: Classifier, progress: Progress = SILENT) -> tuple[Logits, str]:
    """OpenVINO's network where it can be had, else PyTorch's fused copy in float32; and its name for a manifest.

    Args:
        classifier: classifier of the network.
        progress: told why PyTorch took over.
    """
    if openvino_may_differentiate(classifier):
        try:
            return OpenVINOLogits(classifier), "openvino float32"
        except SnellenError as error:
            progress.note(f"{error.message}; PyTorch takes over")
    fused = fused_classifier(classifier, "float32")
    return (lambda points: fused.logits_from_inputs(points).cpu()), "torch float32"


class OpenVINOLogits:
    """A network that OpenVINO runs on a CPU, in requests of a few inputs each, as many as keep it busy.

    Raises:
        SnellenError: OpenVINO cannot convert the network, or its answers are not PyTorch's.
    """

    def __init__(self, classifier: Classifier) -> None:
        import openvino

        height, width = classifier.preprocessing.size
        self._batch = max(1, min(_MOST_OF_A_REQUEST, _PIXELS_OF_A_REQUEST // (height * width)))
        self._classes = len(classifier.labels)
        options = {
            "PERFORMANCE_HINT": "THROUGHPUT",
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        }
        examples = torch.full((self._batch, 3, height, width), 0.5), torch.ones(self._batch, self._classes)
        both = functools.cache(lambda: convert_both_passes(classifier, torch.mul, examples))

        def forward() -> Any:
            return openvino.Model([both().output(0)], both().get_parameters()[:1])

        def backward() -> Any:
            return openvino.Model([both().output(1)], both().get_parameters())

        conversions = {f"logits of {self._batch}": forward, f"weighted gradients of {self._batch}": backward}
        try:
            self._forward, self._backward = (
                openvino.AsyncInferQueue(one, 0) for one in compiled(classifier, options, conversions)
            )
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise SnellenError(f"{classifier.name}: OpenVINO cannot compile it: {reason}") from error
        self._check_against_torch(classifier)

    def __call__(self, points: Tensor) -> Tensor:
        """Logits (N, K) of inputs (N, 3, h, w)."""
        logits: Tensor = _Differentiable.apply(points, self)  # type: ignore[no-untyped-call]
        return logits

    def logits(self, points: Tensor) -> Tensor:
        """The same, detached."""
        return self._ask(self._forward, (points,), (self._classes,))

    def weighted_gradients(self, points: Tensor, weights: Tensor) -> Tensor:
        """The gradient (N, 3, h, w) of the logits (N, K), weighted and summed, in the inputs (N, 3, h, w)."""
        return self._ask(self._backward, (points, weights), tuple(points.shape[1:]))

    def _ask(self, queue: Any, arguments: Sequence[Tensor], shape: tuple[int, ...]) -> Tensor:
        count = len(arguments[0])
        answers = torch.empty(count, *shape)

        def keep(request: Any, first: int) -> None:
            answers[first : first + self._batch] = torch.from_numpy(request.get_output_tensor(0).data)[: count - first]

        queue.set_callback(keep)
        for first in range(0, count, self._batch):
            chunks = [self._filled(one.detach()[first : first + self._batch]) for one in arguments]
            queue.start_async([one.contiguous().numpy() for one in chunks], first)
        queue.wait_all()
        return answers

    def _filled(self, some: Tensor) -> Tensor:
        """The last few with their first one repeated, so that they fill a request."""
        missing = self._batch - len(some)
        return torch.cat((some, some[:1].expand(missing, *some.shape[1:]))) if missing else some

    def _check_against_torch(self, classifier: Classifier) -> None:
        """Refuse a network of which OpenVINO makes other logits or gradients than PyTorch does, on one noisy input."""
        height, width = classifier.preprocessing.size
        generator = torch.Generator().manual_seed(0)
        noise = torch.rand(1, 3, height, width, generator=generator).requires_grad_()
        weights = torch.randn(1, self._classes, generator=generator)
        exact = classifier.logits_from_inputs(noise)
        (gradient,) = torch.autograd.grad(exact, noise, weights)
        ours = self.logits(noise), self.weighted_gradients(noise, weights)
        check_against_torch(classifier, ours, (exact.detach(), gradient))


class _Differentiable(torch.autograd.Function):
    """What tells autograd how OpenVINO's logits change with the input."""

    @staticmethod
    def forward(context: Any, points: Tensor, network: OpenVINOLogits) -> Tensor:
        context.save_for_backward(points)
        context.network = network
        return network.logits(points)

    @staticmethod
    def backward(context: Any, *weights: Tensor) -> tuple[Tensor, None]:
        (points,) = context.saved_tensors
        return context.network.weighted_gradients(points, weights[0]), None
