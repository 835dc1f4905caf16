"""Activations of chosen layers, and the gradient of a class's logit with respect to them, in one pass each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from snellen.models.classifier import Classifier
from snellen.models.frozen import frozen
from snellen.models.layers import Hook, Layer, hooked

CAPS: Mapping[str, float] = {"ReLU6": 6.0}
"""The most that an activation module lets through, for those that have a most."""


def read_activations(classifier: Classifier, inputs: Tensor, layers: Sequence[Layer]) -> tuple[Tensor, list[Tensor]]:
    """Logits (N, K) of ``inputs`` (N, 3, h, w), and the maps (N, C, H, W) of each layer, in one forward pass.

    Only the maps of ``layers`` are kept, copied at the moment at which they are made: an in-place activation or
    addition further on cannot overwrite them.
    """
    maps: dict[Layer, Tensor] = {}

    def keep(layer: Layer) -> Hook:
        def copy(output: Tensor) -> None:
            maps[layer] = layer.shape.map_of(output).clone(memory_format=torch.contiguous_format)

        return copy

    with torch.no_grad(), hooked(classifier.network, {layer: keep(layer) for layer in layers}):
        logits = classifier.logits_from_inputs(inputs)
    return logits, [maps[layer] for layer in layers]


def read_unclipped(classifier: Classifier, inputs: Tensor, layers: Sequence[Layer]) -> list[Tensor]:
    """The maps (N, C, H, W) of each layer, in one forward pass; of an activation in :data:`CAPS`, what it is given.

    That tells apart what the activation makes equal: all that is above its most.
    """
    given: dict[Layer, Tensor] = {}
    modules = dict(classifier.network.named_modules())
    with frozen(classifier.network):
        for layer in layers:
            if layer.kind in CAPS:
                modules[layer.name.partition("#")[0]].register_forward_pre_hook(_keep_input(layer, given))
        _, maps = read_activations(classifier, inputs, layers)
    return [given.get(layer, each) for layer, each in zip(layers, maps, strict=True)]


def _keep_input(layer: Layer, given: dict[Layer, Tensor]) -> Callable[[nn.Module, Any], None]:
    """A hook that copies what the layer's own call of its module is given, before anything in place overwrites it."""
    calls, own = 0, int(layer.name.partition("#")[2] or 1)

    def keep(_module: nn.Module, arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == own:
            given[layer] = layer.shape.map_of(arguments[0]).clone(memory_format=torch.contiguous_format)

    return keep


def read_activations_and_gradients(
    classifier: Classifier,
    inputs: Tensor,
    layers: Sequence[Layer],
    choose: Callable[[Tensor], Tensor],
) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    """Logits, and for each layer the maps and the gradient of the chosen class's logit, both (N, C, H, W).

    The graph begins at the layers, not at the input, and no parameter takes part: frozen networks are no obstacle,
    and what runs before the first layer costs a plain forward pass. A layer that the logit does not depend on has
    a gradient of zero.

    Args:
        classifier: the classifier under examination.
        inputs: (N, 3, h, w) in [0, 1].
        layers: layers whose maps are read.
        choose: from logits (N, K) to one class index for each photograph (N,).
    """
    outputs: dict[Layer, Tensor] = {}

    def branch(layer: Layer) -> Hook:
        def begin(output: Tensor) -> Tensor:
            outputs[layer] = output if output.requires_grad else output.detach().requires_grad_()
            # The network goes on with a copy, so that nothing in place changes what is differentiated.
            return outputs[layer].clone()

        return begin

    with torch.inference_mode(False), torch.enable_grad():
        with hooked(classifier.network, {layer: branch(layer) for layer in layers}):
            logits = classifier.logits_from_inputs(inputs.clone())
        total = logits.gather(1, choose(logits.detach())[:, None]).sum()
        kept = [outputs[layer] for layer in layers]
        gradients = torch.autograd.grad(total, kept, allow_unused=True, materialize_grads=True)
    return logits.detach(), [
        (layer.shape.map_of(output.detach()), layer.shape.map_of(gradient))
        for layer, output, gradient in zip(layers, kept, gradients, strict=True)
    ]
