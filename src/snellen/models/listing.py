"""The models that can be examined, and which of them load without a network."""

from __future__ import annotations

import fnmatch
import importlib.util
from dataclasses import dataclass

import torch

import snellen._torchvision  # noqa: F401  # before timm
from snellen.data.hub import cached_file
from snellen.errors import InputError
from snellen.models.bundled import BUNDLED
from snellen.models.create import TORCHVISION
from snellen.models.timm_hub import is_classifier, timm_preprocessing
from snellen.models.torchvision_hub import (
    cached_weights,
    published_preprocessing,
    published_weights,
    torchvision_models,
)
from snellen.models.uninitialised import Uninitialised

import timm  # isort: skip


@dataclass(frozen=True)
class ModelInfo:
    """One line of the list of models.

    Attributes:
        name: what :func:`resolve` takes.
        parameters: number of parameters.
        input_size: (height, width) in pixels, as its published accuracy was measured with.
        license: of the weights, as timm states it; empty where it does not.
        offline: whether it loads on this machine without a network.
    """

    name: str
    parameters: int
    input_size: tuple[int, int]
    license: str
    offline: bool


def list_models(pattern: str = "*") -> list[str]:
    """The names of all bundled, timm and torchvision models that can be examined, filtered by a glob or a part."""
    if not any(wildcard in pattern for wildcard in "*?["):
        pattern = f"*{pattern}*"
    names = [*BUNDLED, *filter(_examinable, timm.list_pretrained()), *torchvision_models()]
    # torchvision's are found by the name that they have there, too.
    return [n for n in names if any(fnmatch.fnmatch(one, pattern) for one in (n, n.removeprefix(TORCHVISION)))]


def _examinable(name: str) -> bool:
    """Whether a pretrained timm model classifies, has safe weights on the hub, and a preprocessing that we know."""
    config = timm.get_pretrained_cfg(name)
    if not is_classifier(config) or not config.hf_hub_id:
        return False
    try:
        timm_preprocessing(config)
    except InputError:
        return False
    return True


def describe_model(name: str) -> ModelInfo:
    """What is known of a model of :func:`list_models`, without loading its weights."""
    if name.startswith(TORCHVISION):
        weights = published_weights(name)
        size = published_preprocessing(weights).complete().size
        return ModelInfo(name, int(weights.meta["num_params"]), size, "", is_offline(name))
    config = timm.get_pretrained_cfg(name)
    with torch.device("meta"), Uninitialised():
        network = timm.create_model(name, pretrained=False)
    return ModelInfo(
        name=name,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        input_size=timm_preprocessing(config).size,
        license=config.license or "",
        offline=is_offline(name),
    )


def is_offline(name: str) -> bool:
    """Whether ``name`` loads on this machine right now without a network."""
    if name in BUNDLED:
        return importlib.util.find_spec(BUNDLED[name].package) is not None
    if name.startswith(TORCHVISION):
        return cached_weights(published_weights(name).url).is_file()
    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    return bool(config and config.hf_hub_id and cached_file(config.hf_hub_id, "model.safetensors"))


def offline_models() -> list[str]:
    """The names that load on this machine right now without a network."""
    theirs = [name for name in timm.list_pretrained() if is_offline(name) and _examinable(name)]
    return [*filter(is_offline, BUNDLED), *theirs, *filter(is_offline, torchvision_models())]
