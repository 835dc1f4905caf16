"""Engines: who computes the features, or the logits, of many photographs, and how fast.

One interface, :class:`Engine`: inputs go in one by one, outputs come out in the same order while the next photographs
are still being decoded. All engines compute in float32 unless bfloat16 is asked for, which is about twice as fast and
whose features stand at a cosine of 0.996 and more to the exact ones.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from snellen.data.images import pixels_from_bytes
from snellen.errors import InputError, SnellenError
from snellen.inference.conversions import compiled
from snellen.models.classifier import Classifier
from snellen.models.frozen import frozen
from snellen.runs.progress import SILENT, Progress

InputBytes = npt.NDArray[np.uint8]
"""One photograph as resized and cropped for the network: (h, w, 3), bytes."""
Features = npt.NDArray[np.float32]
"""What the network gives for one photograph: D features, or K logits."""

EngineName = Literal["auto", "torch", "openvino"]
Precision = Literal["float32", "bfloat16"]
Output = Literal["features", "logits"]
"""What an engine computes: the layer before the classifier, or the classifier's own answer."""
WORTH_CONVERTING = 64
"""The number of outputs from which on ``auto`` takes OpenVINO.

Importing the library, converting a network and compiling it had saved the processor time that they take after 96, 118,
97, 276 and 157 photographs by tf_efficientnet_lite0, resnet18, resnet50, mobilenetv3_small_100 and
vit_small_patch16_224, and after 19, 41, 32, 51 and 63 where the conversion had been kept (``benchmarks/engines.py``, on
one core with AVX2). Which of the two it is does not count: the same job takes the same way each time.
"""
_BATCH = 16
_SAME_FROM: Mapping[Precision, float] = {"float32": 0.999, "bfloat16": 0.99}
"""The cosine between two engines' features from which on they are taken for the same."""


class Engine(Protocol):
    """Computes features or logits.

    Attributes:
        name: name for a report.
        precision: precision of its arithmetic.
    """

    name: str
    precision: Precision

    def run(self, inputs: Iterable[InputBytes]) -> Iterator[Features]:
        """The output of each input, in order; a bounded number of inputs is held at a time."""


def choose_engine(
    classifier: Classifier,
    name: str = "auto",
    precision: str = "float32",
    output: Output = "features",
    progress: Progress = SILENT,
    count: int = WORTH_CONVERTING,
) -> Engine:
    """The engine that ``name`` stands for.

    Args:
        classifier: network that gives the output.
        name: ``torch``; ``openvino``, for CPUs; ``auto`` takes OpenVINO where the classifier is on a CPU, at least
            :data:`WORTH_CONVERTING` outputs are ahead, and OpenVINO is installed, can convert the network and makes
            the same features of it, else PyTorch.
        precision: ``float32`` or ``bfloat16``.
        output: what is computed.
        progress: told in a line where OpenVINO cannot convert the network, so that PyTorch takes over.
        count: number of outputs that are ahead; many, unless said.

    Raises:
        InputError: an unknown name or precision, OpenVINO is not installed or the classifier is not on a CPU.
        SnellenError: OpenVINO was asked for and cannot convert the network, or makes other features of it.
    """
    if name not in get_args(EngineName):
        raise InputError(f"no engine {name!r}", ", ".join(get_args(EngineName)))
    chosen = check_precision(precision)
    installed = importlib.util.find_spec("openvino") is not None
    on_cpu = classifier.device.type == "cpu"
    if name == "openvino":
        if not installed:
            raise InputError("OpenVINO is not installed", "pip install openvino")
        if not on_cpu:
            raise InputError(f"OpenVINO runs on CPUs, the classifier is on {classifier.device}", "`device` cpu")
        return OpenVINOEngine(classifier, chosen, output)
    if name == "auto" and installed and on_cpu and count >= WORTH_CONVERTING:
        try:
            return OpenVINOEngine(classifier, chosen, output)
        except SnellenError as error:
            progress.note(f"{error.message}; PyTorch takes over")
    return TorchEngine(classifier, chosen, output)


def check_precision(name: str) -> Precision:
    """The precision that ``name`` names.

    Raises:
        InputError: there is no such one.
    """
    precisions: tuple[Precision, ...] = get_args(Precision)
    for known in precisions:
        if name == known:
            return known
    raise InputError(f"no precision {name!r}", ", ".join(get_args(Precision)))


class TorchEngine:
    """PyTorch, on the classifier's own device, in batches."""

    name = "torch"

    def __init__(self, classifier: Classifier, precision: Precision = "float32", output: Output = "features") -> None:
        self.precision = precision
        self._classifier = classifier
        self._network = _FromBytes(classifier, output)

    def run(self, inputs: Iterable[InputBytes]) -> Iterator[Features]:
        """See :meth:`Engine.run`."""
        device = self._classifier.device
        remaining = iter(inputs)
        while batch := list(islice(remaining, _BATCH)):
            bytes_ = torch.from_numpy(np.stack(batch)).to(device)
            with (
                torch.inference_mode(),
                torch.autocast(device.type, torch.bfloat16, enabled=self.precision == "bfloat16"),
            ):
                found = self._network(bytes_)
            yield from found.float().cpu().numpy()


class OpenVINOEngine:
    """OpenVINO on a CPU: one photograph a request, as many requests at once as keep its streams busy."""

    name = "openvino"

    def __init__(self, classifier: Classifier, precision: Precision = "float32", output: Output = "features") -> None:
        self.precision = precision
        options = {
            "PERFORMANCE_HINT": "THROUGHPUT",
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bfloat16" else "f32",
        }
        try:
            (self._compiled,) = compiled(classifier, options, {output: lambda: _convert(classifier, output)})
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise SnellenError(f"{classifier.name}: OpenVINO cannot compile it: {reason}", "`engine` torch") from error
        # A second request for each stream waits in line, so that no stream waits for Python.
        self._requests = 2 * int(self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        self._check_against_torch(classifier, output)

    def run(self, inputs: Iterable[InputBytes]) -> Iterator[Features]:
        """See :meth:`Engine.run`."""
        idle = [self._compiled.create_infer_request() for _ in range(self._requests)]
        busy: deque[Any] = deque()

        def finish() -> Features:
            request = busy.popleft()
            request.wait()
            found: Features = request.get_output_tensor(0).data[0].copy()
            idle.append(request)
            return found

        for one in inputs:
            if not idle:
                yield finish()
            request = idle.pop()
            request.start_async([one[None]])
            busy.append(request)
        while busy:
            yield finish()

    def _check_against_torch(self, classifier: Classifier, output: Output) -> None:
        """Refuse a network of which OpenVINO makes another output than PyTorch does, on one image of noise."""
        size = classifier.preprocessing.size
        noise = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
        (ours,), (exact,) = self.run([noise]), TorchEngine(classifier, output=output).run([noise])
        cosine = float(ours @ exact) / (float(np.linalg.norm(ours) * np.linalg.norm(exact)) or 1.0)
        if not cosine >= _SAME_FROM[self.precision] and (ours.any() or exact.any()):
            raise SnellenError(
                f"{classifier.name}: OpenVINO's {output} are not PyTorch's, at a cosine of {cosine:.4f}",
                "`engine` torch",
            )


class _FromBytes(nn.Module):
    """From bytes (N, h, w, 3) to features (N, D) or logits (N, K): what a classifier does, as a network."""

    def __init__(self, classifier: Classifier, output: Output) -> None:
        super().__init__()
        self.network = classifier.network
        self._run = classifier.embed_inputs if output == "features" else classifier.logits_from_inputs

    def forward(self, inputs: Tensor) -> Tensor:
        return self._run(pixels_from_bytes(inputs))


def _convert(classifier: Classifier, output: Output) -> Any:
    """The classifier's way from bytes to its output as an OpenVINO model of one photograph.

    The front end is used as such: ``openvino.convert_model`` asks for consent to telemetry, and reports.
    """
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    shape = (1, *classifier.preprocessing.size, 3)
    try:
        with frozen(classifier.network), torch.no_grad(), warnings.catch_warnings():
            # The tracer warns of each constant: mean and deviation are constants.
            warnings.simplefilter("ignore")
            network, example = _FromBytes(classifier, output).eval(), torch.zeros(shape, dtype=torch.uint8)
            # What a first pass makes and caches must not be made while the tracer records.
            network(example)
            # PyTorch would trace it once more to compare; the finished model is compared with the network itself.
            decoder = TorchScriptPythonDecoder(network, example_input=example, trace_kwargs={"check_trace": False})
            front_end = FrontEndManager().load_by_framework("pytorch")
            model = front_end.convert(front_end.load(decoder))
        model.reshape(list(shape))
    except Exception as error:
        # Tracer and front end raise whatever an unusual network provokes.
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise SnellenError(f"{classifier.name}: OpenVINO cannot convert it: {reason}", "`engine` torch") from error
    return model
