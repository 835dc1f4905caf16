"""The models that can be examined, and which of them load without a network."""

from __future__ import annotations

import fnmatch
import importlib.util
from dataclasses import dataclass

import torch

import snellen._torchvision  # noqa: F401  # before timm
from snellen.data.hub import cached_file
from snellen.data.preprocessing import Preprocessing
from snellen.errors import ModelError
from snellen.models.bundled import BUNDLED

import timm  # isort: skip
from timm.data import resolve_data_config  # isort: skip


@dataclass(frozen=True)
class ModelInfo:
    """One line of the list of models.

    Attributes:
        name: what :func:`resolve` takes.
        parameters: number of parameters.
        input_size: (height, width) in pixels.
        license: of the weights, as timm states it; empty where it does not.
        offline: whether it loads on this machine without a network.
    """

    name: str
    parameters: int
    input_size: tuple[int, int]
    license: str
    offline: bool


def list_models(pattern: str = "*") -> list[str]:
    """The names of all bundled and timm models that can be examined, filtered by a glob or a part."""
    if not any(wildcard in pattern for wildcard in "*?["):
        pattern = f"*{pattern}*"
    names = [*BUNDLED, *filter(_examinable, timm.list_pretrained())]
    return [name for name in names if fnmatch.fnmatch(name, pattern)]


def _examinable(name: str) -> bool:
    """Whether a pretrained timm model classifies, has safe weights on the hub, and takes an ordinary crop."""
    config = timm.get_pretrained_cfg(name)
    if not config.num_classes or not config.hf_hub_id:
        return False
    try:
        Preprocessing.from_timm(resolve_data_config({}, pretrained_cfg=config.to_dict()))
    except ModelError:
        return False
    return True


def describe_model(name: str) -> ModelInfo:
    """What is known of a model of :func:`list_models`, without loading its weights."""
    config = timm.get_pretrained_cfg(name)
    with torch.device("meta"):
        network = timm.create_model(name, pretrained=False)
    return ModelInfo(
        name=name,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        input_size=tuple(config.input_size[1:]),
        license=config.license or "",
        offline=is_offline(name),
    )


def is_offline(name: str) -> bool:
    """Whether ``name`` loads on this machine right now without a network."""
    if name in BUNDLED:
        return importlib.util.find_spec(BUNDLED[name].package) is not None
    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    return bool(config and config.hf_hub_id and cached_file(config.hf_hub_id, "model.safetensors"))


def offline_models() -> list[str]:
    """The names that load on this machine right now without a network."""
    return [name for name in [*BUNDLED, *timm.list_pretrained()] if is_offline(name)]
