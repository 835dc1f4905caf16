"""How weights start."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from snellen.errors import InputError
from snellen.models.flip_equivariant import FlipEquivariantConv2d
from snellen.models.networks import first_convolutions
from snellen.models.safetensors import digest_of_tensors
from snellen.training.recipe import Initialisation

_PATCH_VARIANCE_FLOOR = 5e-4
"""Added to a patch's variance along each direction, so that directions of pure noise are not blown up."""

_TOO_SMALL = 0.001

ABOUT = {
    "own": "as the network's own constructor leaves them",
    "he": (
        "weights from a normal distribution with variance 2 / fan-in (He et al. 2015), biases zero: a ReLU throws "
        "away half of the mean square, and the factor two gives it back"
    ),
    "xavier": (
        "weights from a normal distribution of variance 2 / (fan-in + fan-out) (Glorot and Bengio 2010), biases zero: "
        "between what keeps the activations' size and what keeps the gradients', for layers without a ReLU"
    ),
    "small": (
        "weights from a normal distribution with deviation 0.001, biases zero: too small, so that each layer's answers "
        "are a fraction of its inputs, and the gradients too"
    ),
    "whitened": (
        "the first layer's filters decorrelate the training images' patches and scale them to unit variance, each "
        "with its negative, and are then fixed; every other convolution starts as the identity in its first channels; "
        "the head starts near zero"
    ),
}
"""One clause on each initialisation, for a report."""


def initialise(network: nn.Module, initialisation: Initialisation, images: Tensor) -> None:
    """Set the weights of ``network`` before training.

    Args:
        network: network on the CPU, changed in place.
        initialisation: name of the initialisation; see :data:`ABOUT`.
        images: normalised training images (N, 3, H, W), for the whitening.
    """
    if initialisation == "whitened":
        _whitened(network, images)
    elif initialisation != "own":
        _independent(network, _WEIGHTS[initialisation])


def digest_of_weights(network: nn.Module) -> str:
    """Digest of the weights of all convolutions and linear layers, biases and normalisations aside.

    Networks that differ by a normalisation alone have the same where they start from the same weights.
    """
    layers = network.named_modules()
    return digest_of_tensors(
        {name: layer.weight.detach().cpu() for name, layer in layers if isinstance(layer, nn.Conv2d | nn.Linear)}
    )


def _independent(network: nn.Module, draw: Callable[[Tensor], Tensor]) -> None:
    """Every weight of the convolutions and linear layers drawn for itself, zero biases."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            draw(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _he(weight: Tensor) -> Tensor:
    """Variance 2 / fan-in (He et al., arXiv 1502.01852, equation 10)."""
    return nn.init.kaiming_normal_(weight, mode="fan_in", nonlinearity="relu")


def _small(weight: Tensor) -> Tensor:
    return nn.init.normal_(weight, std=_TOO_SMALL)


# Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010, section
# 4.2.1, with a normal distribution in place of their uniform one, as He's has.
_WEIGHTS: Mapping[str, Callable[[Tensor], Tensor]] = {"he": _he, "xavier": nn.init.xavier_normal_, "small": _small}


def _whitened(network: nn.Module, images: Tensor) -> None:
    """Whitening first layer, identities behind it, a small head (Jordan, arXiv 2404.00498, section 3)."""
    firsts = first_convolutions(network)
    if not firsts:
        raise InputError("whitened: the network has no convolution of RGB images", "another initialisation")
    with torch.no_grad():
        for first in firsts:
            _whiten(first, images)
        for module in network.modules():
            if isinstance(module, nn.Conv2d) and module not in firsts:
                received = module.in_channels // 2 if isinstance(module, FlipEquivariantConv2d) else module.in_channels
                nn.init.dirac_(module.weight[:received])
            elif isinstance(module, nn.Linear):
                module.weight.normal_(std=1 / module.in_features)


def _whiten(first: nn.Conv2d, images: Tensor) -> None:
    """Set the filters of a first layer, for good."""
    side = first.kernel_size[0]
    make = flip_equivariant_whitening_filters if isinstance(first, FlipEquivariantConv2d) else whitening_filters
    filters = make(images, side)
    if (found := tuple(first.weight.shape)) != tuple(filters.shape):
        raise InputError(
            f"whitened: the first convolution is {found}", f"{tuple(filters.shape)} for filters of this size"
        )
    first.weight.copy_(filters)
    first.weight.requires_grad_(False)


def whitening_filters(images: Tensor, side: int) -> Tensor:
    """Filters (2 * 3 * side**2, 3, side, side) that map ``images``' patches to uncorrelated values of unit variance.

    The second half is the negative of the first, so that a nonlinearity that keeps one sign loses nothing.

    Args:
        images: normalised images (N, 3, H, W).
        side: side of the patches, in pixels.
    """
    filters = _whitening(_covariance(images, side))
    return torch.cat((filters, -filters)).reshape(-1, 3, side, side).float()


def flip_equivariant_whitening_filters(images: Tensor, side: int) -> Tensor:
    """The same for pairs of mirror images: half of the filters, (3 * side**2, 3, side, side).

    Were every image also there flipped, each principal direction would be its own mirror image, or the negative of
    that. The sum of one of either kind is then the mirror image of their difference, and rotating the two by
    45 degrees, which makes sum and difference of them, keeps them uncorrelated and of unit variance.

    Args:
        images: normalised images (N, 3, H, W).
        side: side of the patches, in pixels.

    Raises:
        InputError: an odd side, for which there are more directions of the one kind than of the other.
    """
    if side % 2:
        raise InputError(f"whitened: flip-equivariant filters of {side} x {side}", "an even side")
    covariance = _covariance(images, side)
    positions = torch.arange(len(covariance)).reshape(3, side, side)
    identity = torch.eye(len(covariance), dtype=torch.double)
    flip = identity[positions.flip(-1).flatten()]
    covariance = (covariance + flip @ covariance @ flip) / 2
    left = positions[..., : side // 2].flatten()
    bases = ((identity + sign * flip)[:, left] / math.sqrt(2) for sign in (1, -1))
    even, odd = (_whitening(basis.T @ covariance @ basis) @ basis.T for basis in bases)
    filters = (even + odd) / math.sqrt(2)
    return torch.cat((filters, -filters)).reshape(-1, 3, side, side).float()


def _covariance(images: Tensor, side: int) -> Tensor:
    """The covariance of the patches of ``side`` x ``side`` pixels: (3 * side**2, 3 * side**2), float64, on the CPU."""
    patches = functional.unfold(images.cpu(), side).transpose(1, 2).reshape(-1, 3 * side * side).double()
    patches -= patches.mean(dim=0)
    covariance: Tensor = patches.T @ patches / len(patches)
    return covariance


def _whitening(covariance: Tensor) -> Tensor:
    """The principal directions, the largest variance first, each divided by its deviation: a row each."""
    variances, directions = torch.linalg.eigh(covariance)
    # An eigenvector's sign is arbitrary; its largest entry is made positive, so that all machines agree on it.
    largest = directions.abs().argmax(dim=0)
    directions = directions * directions[largest, torch.arange(len(variances))].sign()
    scaled: Tensor = directions / (variances + _PATCH_VARIANCE_FLOOR).sqrt()
    return scaled.T.flip(0)
