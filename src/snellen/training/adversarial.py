"""Adversarial training: each step learns from the worst images that a search finds within a small bound."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from snellen.data.preprocessing import Preprocessing
from snellen.training.recipe import Adversarial

_STEP, _LONGEST_STEP = 2.5, 1.25


def random_start(shape: tuple[int, ...], adversarial: Adversarial, generator: torch.Generator) -> Tensor:
    """Uniform noise of ``shape`` within the bound, from a generator on the CPU."""
    bound = adversarial.epsilon / 255
    return torch.empty(shape).uniform_(-bound, bound, generator=generator)


def adversarial_examples(
    network: nn.Module,
    preprocessing: Preprocessing,
    inputs: Tensor,
    targets: Tensor,
    noise: Tensor,
    adversarial: Adversarial,
) -> Tensor:
    """Inputs near ``inputs`` on which the loss is larger, by projected gradient ascent.

    Aleksander Madry et al., "Towards deep learning models resistant to adversarial attacks", ICLR 2018, arXiv
    1706.06083, equation 2.1: of each image, the signs of the gradient of the cross-entropy are followed from a random
    start, within [0, 1] and the infinity norm's ball. A step is 2.5 times the bound over the number of steps, as there,
    and at most 1.25 times the bound, which is what one step alone needs (Wong, Rice and Kolter, ICLR 2020, arXiv
    2001.03994). The search is of the network as it answers when it is asked: normalisation by the running averages, an
    ensemble's mean. The network's weights, gradients and averages stay as they are; it is left in training mode.

    Args:
        network: network.
        preprocessing: its normalisation.
        inputs: images (N, 3, H, W), float32 in [0, 1].
        targets: classes (N,).
        noise: where the search starts, what is added to each image (N, 3, H, W), within the bound.
        adversarial: bound and number of steps.
    """
    bound = adversarial.epsilon / 255
    step = bound * min(_STEP / adversarial.steps, _LONGEST_STEP)
    low, high = (inputs - bound).clamp(min=0), (inputs + bound).clamp(max=1)
    found = (inputs + noise).clamp(0, 1)
    network.eval()
    for _ in range(adversarial.steps):
        found.requires_grad_()
        normalised = preprocessing.normalise(found).contiguous(memory_format=torch.channels_last)
        loss = functional.cross_entropy(network(normalised).float(), targets, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, found)
        found = (found.detach() + step * gradient.sign()).clamp(low, high)
    network.train()
    return found
