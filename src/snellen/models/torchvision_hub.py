"""torchvision's models by name, with the weights that it publishes.

Those weights are pickles from a known publisher. The first digits of their SHA-256 stand in their file's name; a file
that has others is refused, and one that has them is read with ``torch.load(weights_only=True)``, which runs no code.
"""

from __future__ import annotations

import re
import urllib.error
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlparse

import torch
from torch import Tensor, nn

import snellen._torchvision  # noqa: F401  # before torchvision
from snellen.data.hub import HubUnreachableError, reachable
from snellen.data.labels import Labels, imagenet_labels
from snellen.data.preprocessing import (
    Interpolation,
    PreprocessingConfig,
    crop_fraction_of,
)
from snellen.errors import ModelError, did_you_mean
from snellen.models.create import TORCHVISION, torchvision_name, torchvision_network
from snellen.models.pretrained import Found
from snellen.models.safetensors import file_digest
from snellen.models.uninitialised import Uninitialised

import torchvision  # isort: skip

_DIGEST = re.compile(r"-([0-9a-f]{8,64})\.pth$")
_IMAGENET_CLASSES = 1000
# Weights from the time when a name could begin with a number within the layer: norm.1 for norm1.
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)")


def torchvision_models() -> list[str]:
    """``torchvision:name.tag`` of all weights of classifiers that torchvision publishes."""
    names = torchvision.models.list_models(module=torchvision.models)
    weights = [(name, one) for name in names for one in torchvision.models.get_model_weights(name)]
    return [f"{TORCHVISION}{name}.{one.name}" for name, one in weights if one.meta.get("categories")]


def is_torchvision(name: str) -> bool:
    """Whether ``name``, with or without a tag, is meant for torchvision: it says so, or timm has no such name."""
    base, _, _ = name.partition(".")
    return name.startswith(TORCHVISION) or torchvision_name(base) is not None


def from_torchvision(name: str) -> Found:
    """The torchvision model of that name with its published weights; see :func:`snellen.models.resolve.resolve`."""
    base, _, tag = name.removeprefix(TORCHVISION).partition(".")
    weights = published_weights(name)
    categories = weights.meta.get("categories")
    if not categories:
        raise ModelError(f"{name}: it has no classes", f"another of {base}'s weights; these only give features")
    path = _fetch(name, weights.url)
    with Uninitialised():
        published = {"aux_logits": True, "transform_input": True} if base in TRANSFORM_INPUT else {}
        network = torchvision_network(base, **published)
    _fill(name, network, _read(name, path))
    return Found(
        network,
        len(categories),
        _labels(categories),
        published_preprocessing(weights),
        file_digest(path),
        f"torchvision {base}.{weights.name}",
        () if tag else (f"torchvision's default weights, {weights.name}",),
    )


TRANSFORM_INPUT = ("googlenet", "inception_v3")
"""Networks that torchvision makes with auxiliary classifiers and ``transform_input`` where it loads published weights:
they take ImageNet's normalisation, and change it into the one that they learned from."""


def published_weights(name: str) -> Any:
    """The entry of torchvision's list of weights that ``torchvision:name.tag`` stands for.

    Raises:
        ModelError: torchvision has no such model or no such weights; names the nearest.
    """
    base, _, tag = name.removeprefix(TORCHVISION).partition(".")
    known = torchvision.models.list_models(module=torchvision.models)
    if base not in known:
        raise ModelError(f"no model named {name!r}", did_you_mean(base, known) or "`snellen.list_models()` lists them")
    published = torchvision.models.get_model_weights(base)
    if tag and tag not in published.__members__:
        raise ModelError(f"{name}: no such weights", f"torchvision's: {', '.join(published.__members__)}")
    return published[tag] if tag else published.DEFAULT


def published_preprocessing(weights: Any) -> PreprocessingConfig:
    """What the transforms of published weights do."""
    transforms = weights.transforms()
    (size,), (resized,) = transforms.crop_size, transforms.resize_size
    mean, std = (tuple(float(value) for value in values) for values in (transforms.mean, transforms.std))
    return PreprocessingConfig(
        size=size,
        crop=crop_fraction_of(size, resized),
        interpolation=cast("Interpolation", transforms.interpolation.value),
        mean=cast("tuple[float, float, float]", mean),
        std=cast("tuple[float, float, float]", std),
        crop_mode="center",
    )


def cached_weights(url: str) -> Path:
    """Where torchvision keeps the file that it downloads from ``url``."""
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(url).path).name


def _fetch(name: str, url: str) -> Path:
    """The published file, from torchvision's cache or downloaded, its digest checked."""
    path = cached_weights(url)
    published = _DIGEST.search(path.name)
    if published is None:
        raise ModelError(f"{name}: its weights are published without a digest, as a pickle, which is refused")
    if not path.is_file():
        if not reachable(url):
            raise HubUnreachableError(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(url, str(path), hash_prefix=published[1], progress=False)
        except (OSError, urllib.error.URLError, RuntimeError) as error:
            raise ModelError(f"{name}: the download of {path.name} failed: {error}") from error
    if not file_digest(path).startswith(published[1]):
        raise ModelError(f"{name}: {path} is not the file that was published", "delete it: it is downloaded again")
    return path


def _read(name: str, path: Path) -> dict[str, Tensor]:
    """The tensors in a published pickle; nothing that it may ask for is run."""
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # Of what is no such file, the reader raises whatever it likes.
        raise ModelError(f"{name}: {path} holds things that are not weights, which is refused") from error
    if not isinstance(tensors, dict):
        raise ModelError(f"{name}: {path} holds {type(tensors).__name__}", "tensors by name")
    return tensors


def _fill(name: str, network: nn.Module, tensors: dict[str, Tensor]) -> None:
    renamed = {_OLD_DENSENET.sub(r"\1\2", key): value for key, value in tensors.items()}
    try:
        network.load_state_dict(renamed)
    except (RuntimeError, AttributeError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{name}: its weights do not fit torchvision {torchvision.__version__}: {reason}") from error


def _labels(categories: list[str]) -> Labels:
    # torchvision shortens ImageNet's names; ours are distinct too, and know WordNet's synonyms and ids.
    return imagenet_labels() if len(categories) == _IMAGENET_CLASSES else Labels(tuple(categories))
