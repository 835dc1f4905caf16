"""A classifier: a network, its preprocessing and its class names, as one object."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from snellen.data.labels import IMAGENET, NUMBERED, Labels, checked_labels, imagenet_labels, read_labels
from snellen.data.preprocessing import (
    IMAGENET_PREPROCESSING,
    Preprocessing,
    PreprocessingConfig,
    check_pixels,
    read_preprocessing,
)
from snellen.data.reading import profiles_ignored
from snellen.errors import InputError, ModelError
from snellen.models.frozen import frozen
from snellen.models.identity import code_of, structure_of
from snellen.models.layers import Layer, find_layers
from snellen.models.pretrained import LoadOptions, check_classes
from snellen.models.resolve import DEFAULT_MODEL, resolve
from snellen.models.safetensors import digest_of_tensors
from snellen.runs.provenance import Provenance, fingerprint


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether ``device`` multiplies bfloat16 matrices in hardware; elsewhere it would only be slower."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # An older PyTorch does not say.
    able: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return device.type == "cpu" and bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def choose_device(name: str = "auto") -> torch.device:
    """The device that ``name`` stands for; ``auto`` takes CUDA, then MPS, then the CPU.

    Raises:
        InputError: no such device on this machine.
    """
    available = ["cpu"]
    if torch.backends.mps.is_available():
        available.insert(0, "mps")
    if torch.cuda.is_available():
        available.insert(0, "cuda")
    if name == "auto":
        return torch.device(available[0])
    if name.partition(":")[0] not in available:
        raise InputError(f"no device {name!r} on this machine", f"auto, {', '.join(available)}")
    try:
        return torch.device(name)
    except RuntimeError as error:
        raise InputError(f"no device {name!r}", f"auto, {', '.join(available)}") from error


def check_classifier(given: Any, operation: str) -> None:
    """Refuse what is no :class:`Classifier`, such as a module by itself or a model's name.

    Raises:
        InputError: ``operation`` begins its message.
    """
    if not isinstance(given, Classifier):
        raise InputError(
            f"{operation}: got {type(given).__name__} for a classifier",
            "what `snellen.load` gives for a name, or a snellen.Classifier of a network, its preprocessing and labels",
        )


class Classifier:
    """A network with its preprocessing and its class names. Nothing outside it normalises.

    The network is the caller's own, not a copy: it is moved to the device and its weights are laid out channels-last,
    for good. Whatever is asked of the classifier runs it in evaluation mode with frozen parameters and leaves mode,
    gradient flags and hooks as they were (:mod:`snellen.models.frozen`).

    Attributes:
        network: maps normalised input (N, 3, h, w) to logits (N, K).
        preprocessing: from pixels to that input.
        labels: K class names, at least two; a list or tuple of them becomes :class:`snellen.Labels`.
        name: what a report calls it.
        source: where the weights came from.
        notes: a sentence for each thing that was assumed or changed when it was loaded.
        device: where it runs.
    """

    def __init__(
        self,
        network: nn.Module,
        preprocessing: Preprocessing,
        labels: Labels | Sequence[str],
        *,
        name: str,
        digest: str = "",
        source: str = "given by the caller",
        notes: Sequence[str] = (),
        device: str = "auto",
    ) -> None:
        if not isinstance(network, nn.Module):
            raise ModelError(f"network: got {type(network).__name__}", "a torch.nn.Module; of a name, `snellen.load`")
        if isinstance(network, torch.jit.ScriptModule):
            raise ModelError("network: got TorchScript", "the network it was made from, with its state_dict loaded")
        if not isinstance(preprocessing, Preprocessing):
            raise ModelError(f"preprocessing: got {type(preprocessing).__name__}", "a snellen.Preprocessing")
        self.device = choose_device(device)
        # On CPUs and tensor cores convolutions run faster on channels-last weights.
        self.network: nn.Module = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.preprocessing = preprocessing
        self.labels = labels if isinstance(labels, Labels) else checked_labels("labels", labels)
        check_classes(name, len(self.labels))
        self.name = name
        self.source = source
        self.notes = tuple(notes)
        self._file_digest = digest
        self._tensors_of_file = digest_of_tensors(self.network.state_dict()) if digest else ""

    def __repr__(self) -> str:
        return f"Classifier({self.name!r}, {len(self.labels)} classes, on {self.device})"

    @property
    def digest(self) -> str:
        """SHA-256 of the weights' file; of weights that came from no file, or were changed since, of the tensors."""
        tensors = digest_of_tensors(self.network.state_dict())
        return self._file_digest if self._file_digest and tensors == self._tensors_of_file else tensors

    def cache_key(self) -> str:
        """A fingerprint of all that decides an answer: the network, geometry, colours, labels."""
        network = self.network_key()
        seen = (self.name, network, self.preprocessing, profiles_ignored(), self.labels.names, self.device.type)
        return fingerprint(repr(seen))

    def network_key(self) -> str:
        """A fingerprint of the network as it is now: weights, settings, and code that is not a library's."""
        weights = digest_of_tensors(self.network.state_dict())
        return fingerprint(repr((weights, structure_of(self.network), code_of(self.network))))

    def with_preprocessing(self, preprocessing: Preprocessing) -> Classifier:
        """The same network behind another preprocessing."""
        return Classifier(
            self.network,
            preprocessing,
            self.labels,
            name=self.name,
            digest=self.digest,
            source=self.source,
            notes=self.notes,
            device=str(self.device),
        )

    def logits(self, pixels: Tensor) -> Tensor:
        """Logits (N, K) of ``pixels`` (N, 3, H, W) in [0, 1]; differentiable in the pixels.

        Raises:
            InputError: pixels of another kind, shape or range.
        """
        check_pixels(pixels, "logits")
        return self.logits_from_inputs(self.preprocessing.preprocess(pixels.to(self.device)))

    def logits_from_inputs(self, inputs: Tensor) -> Tensor:
        """Logits (N, K) of ``inputs`` (N, 3, h, w) in [0, 1]: photographs already resized and cropped.

        Raises:
            InputError: pixels of another kind or range, or not of the network's input size.
        """
        with frozen(self.network) as network:
            logits = network(self._normalised(inputs))
        if not isinstance(logits, Tensor) or logits.ndim != 2 or logits.shape[1] != len(self.labels):
            shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise ModelError(f"{self.name}: gave {shape}", f"logits of shape (N, {len(self.labels)})")
        return logits

    def embed(self, pixels: Tensor) -> Tensor:
        """Features (N, D) of the layer before the classifier; differentiable in the pixels.

        Raises:
            InputError: pixels of another kind, shape or range.
        """
        check_pixels(pixels, "embed")
        return self.embed_inputs(self.preprocessing.preprocess(pixels.to(self.device)))

    def embed_inputs(self, inputs: Tensor) -> Tensor:
        """Features (N, D) of ``inputs`` (N, 3, h, w) in [0, 1]: photographs already resized and cropped."""
        with frozen(self.network) as network:
            return penultimate(network, self._normalised(inputs))

    @functools.cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Every layer where a feature map can be read, in the order in which they run; found once, by one pass."""
        blank = torch.full((1, 3, *self.preprocessing.size), 0.5)
        with frozen(self.network) as network:
            return find_layers(network, self._normalised(blank))

    def provenance(self, data: str, seed: int | None = None, engine: str = "") -> Provenance:
        """The provenance of a result that this classifier makes now.

        Args:
            data: fingerprint of the input data.
            seed: of every random choice; None where there is none.
            engine: who computed, and in which precision, where there was a choice.
        """
        return Provenance.collect(
            model=self.name,
            weights=self.digest,
            preprocessing=self.preprocessing.describe(),
            data=data,
            seed=seed,
            device=str(self.device),
            engine=engine,
        )

    def _normalised(self, inputs: Tensor) -> Tensor:
        check_pixels(inputs, "inputs")
        if tuple(inputs.shape[2:]) != self.preprocessing.size:
            height, width = self.preprocessing.size
            raise InputError(
                f"inputs: got {inputs.shape[2]} x {inputs.shape[3]}", f"{height} x {width}, as resized and cropped"
            )
        normalised = self.preprocessing.normalise(inputs.to(self.device))
        return normalised.contiguous(memory_format=torch.channels_last)


def penultimate(network: nn.Module, inputs: Tensor) -> Tensor:
    """What the layer that makes the logits receives (N, D), from normalised ``inputs`` (N, 3, h, w).

    timm's networks say it themselves (``forward_head(..., pre_logits=True)``). Of any other network it is the input of
    the last linear layer or convolution that runs. Where that layer is laid over a map whose values are averaged
    afterwards, as in networks that end in a convolution and pooling, it is the mean over the map.

    Raises:
        ModelError: the network has no such layer.
    """
    if hasattr(network, "forward_features") and hasattr(network, "forward_head"):
        timm_network: Any = network
        features: Tensor = timm_network.forward_head(timm_network.forward_features(inputs), pre_logits=True)
        return features.flatten(1)
    received: list[tuple[nn.Module, Tensor]] = []

    def note(module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        received[:] = [(module, arguments[0])]

    weighted = [module for module in network.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    handles = [module.register_forward_pre_hook(note) for module in weighted]
    try:
        network(inputs)
    finally:
        for handle in handles:
            handle.remove()
    if not received:
        raise ModelError("the network has no linear layer and no convolution", "one whose logits such a layer makes")
    return _vector(*received[0])


def _vector(layer: nn.Module, received: Tensor) -> Tensor:
    """What a layer receives as one vector (N, D) for each image."""
    if isinstance(layer, nn.Linear):
        return received if received.ndim == 2 else received.flatten(1, -2).mean(dim=1)
    if tuple(received.shape[2:]) == layer.kernel_size:
        return received.flatten(1)
    return received.mean(dim=(2, 3))


# Weights that are made within inference mode would never have a gradient, also outside of it.
@torch.inference_mode(False)
def load(
    name: str | Path = DEFAULT_MODEL,
    *,
    architecture: str | None = None,
    labels: str | Path | Sequence[str] | None = None,
    preprocessing: str | Path | Mapping[str, Any] | Preprocessing | PreprocessingConfig | None = None,
    train_size: bool = False,
    device: str = "auto",
) -> Classifier:
    """The pretrained classifier that ``name`` stands for.

    Args:
        name: a bundled model (``tf_efficientnet_lite0``; ``bundled:tf_efficientnet_lite0`` also where a file or folder
            here is called so); any timm model with its pretrained tag; any of torchvision's
            (``torchvision:vgg16``); ``hf-hub:owner/name``; the path of a ``.safetensors`` file, of a training run or of
            a folder that timm or transformers saved.
        architecture: architecture of a ``.safetensors`` file: a name of timm's or torchvision's; or a program, which
            is run: ``net.py``, ``net.py:function`` or ``package.module:function``.
        labels: names of the classes: a sequence, a file (see :func:`snellen.data.labels.read_labels`), ``imagenet``, or
            ``numbered``, for names that do not matter. The model's own where not given.
        preprocessing: preprocessing, or as much of it as differs from the model's own: keys ``mean``, ``std``,
            ``size``, ``crop``, ``interpolation`` and ``crop_mode``, a JSON file of them, or ``imagenet``.
        train_size: whether to take the size and crop of the training, where a timm model's published accuracy was
            measured with others.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises:
        ModelError: see :func:`snellen.models.resolve.resolve`.
        InputError: no such device, labels or preprocessing.
    """
    chosen = choose_device(device)
    options = LoadOptions(architecture, _given_labels(labels), given_preprocessing(preprocessing), train_size)
    found = resolve(str(name), options)
    return Classifier(
        found.network,
        found.preprocessing,
        found.labels,
        name=found.name,
        digest=found.digest,
        source=found.source,
        notes=found.notes,
        device=str(chosen),
    )


def _given_labels(labels: str | Path | Sequence[str] | None) -> Labels | str | None:
    if labels is None or isinstance(labels, Labels) or labels == NUMBERED:
        return labels if isinstance(labels, Labels | None) else NUMBERED
    if labels == IMAGENET:
        return imagenet_labels()
    return read_labels(Path(labels)) if isinstance(labels, str | Path) else checked_labels("labels", list(labels))


def given_preprocessing(
    given: str | Path | Mapping[str, Any] | Preprocessing | PreprocessingConfig | None,
) -> PreprocessingConfig:
    """A preprocessing as :func:`load` takes it, as far as it is given.

    Raises:
        InputError: a file that cannot be read, an unknown key, a value of another type.
    """
    if given is None or isinstance(given, PreprocessingConfig):
        return given or PreprocessingConfig()
    if isinstance(given, Preprocessing):
        return PreprocessingConfig.of(given)
    if isinstance(given, Mapping):
        return PreprocessingConfig.from_plain(given, "preprocessing")
    if given == IMAGENET:
        return PreprocessingConfig.of(IMAGENET_PREPROCESSING)
    return read_preprocessing(Path(given))
