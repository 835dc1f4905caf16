"""Maps, and the gradient of a class with respect to them, in one pass each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from snellen.models.classifier import Classifier
from snellen.models.layers import Layer, Transform, hooked


def read_activations(classifier: Classifier, view: Tensor, places: Sequence[Layer]) -> tuple[Tensor, list[Tensor]]:
    """Logits (N, K) of ``view`` (N, 3, h, w), and the maps (N, C, H, W) of each place, in one forward pass.

    Only the maps of ``places`` are kept, copied at the moment at which they are made: an in-place activation or
    addition further on cannot overwrite them.
    """
    maps: dict[Layer, Tensor] = {}

    def keep(place: Layer) -> Transform:
        def copy(output: Tensor) -> None:
            maps[place] = place.shape.map_of(output).clone(memory_format=torch.contiguous_format)

        return copy

    with torch.no_grad(), hooked(classifier.network, {place: keep(place) for place in places}):
        logits = classifier.logits_from_inputs(view)
    return logits, [maps[place] for place in places]


def read_activations_and_gradients(
    classifier: Classifier,
    view: Tensor,
    places: Sequence[Layer],
    choose: Callable[[Tensor], Tensor],
) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    """Logits, and for each place the maps and the gradient of the chosen class's logit, both (N, C, H, W).

    The graph begins at the places, not at the input, and no parameter takes part: frozen networks are no obstacle,
    and what runs before the first place costs a plain forward pass. A place that the logit does not depend on has
    a gradient of zero.

    Args:
        classifier: the classifier under examination.
        view: (N, 3, h, w) in [0, 1].
        places: where to look.
        choose: from logits (N, K) to one class index for each photograph (N,).
    """
    outputs: dict[Layer, Tensor] = {}

    def branch(place: Layer) -> Transform:
        def begin(output: Tensor) -> Tensor:
            outputs[place] = output if output.requires_grad else output.detach().requires_grad_()
            # The network goes on with a copy, so that nothing in place changes what is differentiated.
            return outputs[place].clone()

        return begin

    with torch.inference_mode(False), torch.enable_grad():
        with hooked(classifier.network, {place: branch(place) for place in places}):
            logits = classifier.logits_from_inputs(view.clone())
        total = logits.gather(1, choose(logits.detach())[:, None]).sum()
        kept = [outputs[place] for place in places]
        gradients = torch.autograd.grad(total, kept, allow_unused=True, materialize_grads=True)
    evidence = [
        (place.shape.map_of(output.detach()), place.shape.map_of(gradient))
        for place, output, gradient in zip(places, kept, gradients, strict=True)
    ]
    return logits.detach(), evidence
