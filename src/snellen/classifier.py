"""A classifier: a network, its preprocessing and its class names, as one object."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from snellen.errors import InputError, ModelError
from snellen.labels import Labels
from snellen.layers import Place, find_places
from snellen.preprocessing import Preprocessing, check_pixels
from snellen.runs import Provenance
from snellen.undisturbed import undisturbed
from snellen.weights import DEFAULT_MODEL, resolve


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


class Classifier:
    """A network with its preprocessing and its class names. Nothing outside it normalises.

    Attributes:
        network: maps normalised input (N, 3, h, w) to logits (N, K).
        preprocessing: from pixels to that input.
        labels: K class names.
        name: what a report calls it.
        digest: SHA-256 of the weights; empty where they came from no file.
        source: where the weights came from.
        device: where it runs.
    """

    def __init__(
        self,
        network: nn.Module,
        preprocessing: Preprocessing,
        labels: Labels,
        *,
        name: str,
        digest: str = "",
        source: str = "given by the caller",
        device: str = "auto",
    ) -> None:
        self.device = choose_device(device)
        # On CPUs and tensor cores convolutions run faster on channels-last weights.
        self.network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.preprocessing = preprocessing
        self.labels = labels
        self.name = name
        self.digest = digest
        self.source = source

    def __repr__(self) -> str:
        return f"Classifier({self.name!r}, {len(self.labels)} classes, on {self.device})"

    def logits(self, pixels: Tensor) -> Tensor:
        """Logits (N, K) of ``pixels`` (N, 3, H, W) in [0, 1]; differentiable in the pixels.

        Raises:
            InputError: pixels of another kind, shape or range.
        """
        check_pixels(pixels, "logits")
        return self.logits_of_view(self.preprocessing.view(pixels.to(self.device)))

    def logits_of_view(self, view: Tensor) -> Tensor:
        """Logits (N, K) of views (N, 3, h, w) in [0, 1]: photographs already resized and cropped.

        Raises:
            InputError: not views, or not of the network's input size.
        """
        with undisturbed(self.network) as network:
            logits = network(self._input(view))
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
        return self.embed_view(self.preprocessing.view(pixels.to(self.device)))

    def embed_view(self, view: Tensor) -> Tensor:
        """Features (N, D) of views (N, 3, h, w) in [0, 1]."""
        with undisturbed(self.network) as network:
            return penultimate(network, self._input(view))

    @functools.cached_property
    def layers(self) -> tuple[Place, ...]:
        """Every place where a feature map can be read, in the order in which they run; found once, by one pass."""
        blank = torch.full((1, 3, *self.preprocessing.size), 0.5)
        with undisturbed(self.network) as network:
            return find_places(network, self._input(blank))

    def provenance(self, data: str, seed: int | None = None) -> Provenance:
        """The provenance of a result that this classifier makes now.

        Args:
            data: fingerprint of the input data.
            seed: of every random choice; None where there is none.
        """
        return Provenance.collect(model=self.name, weights=self.digest, data=data, seed=seed, device=str(self.device))

    def _input(self, view: Tensor) -> Tensor:
        check_pixels(view, "view")
        if tuple(view.shape[2:]) != self.preprocessing.size:
            height, width = self.preprocessing.size
            raise InputError(
                f"view: got {view.shape[2]} x {view.shape[3]}", f"{height} x {width}, as resized and cropped"
            )
        normalised = self.preprocessing.normalise(view.to(self.device))
        return normalised.contiguous(memory_format=torch.channels_last)


def penultimate(network: nn.Module, inputs: Tensor) -> Tensor:
    """What the network's last linear layer receives (N, D), from normalised ``inputs`` (N, 3, h, w).

    timm's networks say it themselves (``forward_head(..., pre_logits=True)``); of any other network it
    is the input of its last :class:`torch.nn.Linear`.

    Raises:
        ModelError: the network has no linear layer.
    """
    if hasattr(network, "forward_features") and hasattr(network, "forward_head"):
        timm_network: Any = network
        features: Tensor = timm_network.forward_head(timm_network.forward_features(inputs), pre_logits=True)
        return features.flatten(1)
    linear = [module for module in network.modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise ModelError("the network has no linear layer", "a network that ends in torch.nn.Linear")
    received: list[Tensor] = []
    handle = linear[-1].register_forward_pre_hook(lambda _, arguments: received.append(arguments[0]))
    try:
        network(inputs)
    finally:
        handle.remove()
    return received[-1].flatten(1)


def load(name: str | Path = DEFAULT_MODEL, *, architecture: str | None = None, device: str = "auto") -> Classifier:
    """The pretrained classifier that ``name`` stands for.

    Args:
        name: an embedded model (``tf_efficientnet_lite0``), any timm model with its pretrained tag,
            ``hf-hub:owner/name``, or the path of a ``.safetensors`` file.
        architecture: the timm architecture of a ``.safetensors`` file.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises:
        ModelError: see :func:`snellen.weights.resolve`.
        InputError: no such device.
    """
    chosen = choose_device(device)
    found = resolve(str(name), architecture)
    return Classifier(
        found.network,
        found.preprocessing,
        found.labels,
        name=found.name,
        digest=found.digest,
        source=found.source,
        device=str(chosen),
    )
