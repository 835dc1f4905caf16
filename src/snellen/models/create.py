"""Untrained networks by architecture: Snellen's own three, any timm architecture, or a Python file."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

import snellen._torchvision  # noqa: F401  # before timm
from snellen.errors import ModelError, did_you_mean
from snellen.models.networks import OWN

import timm  # isort: skip


def is_python_file(architecture: str) -> bool:
    """Whether ``architecture`` names a Python file."""
    return architecture.endswith(".py")


def create(architecture: str, classes: int, options: Mapping[str, Any] | None = None) -> nn.Module:
    """An untrained network with ``classes`` logits.

    Args:
        architecture: ``plain``, ``batchnorm``, ``deep``, a timm architecture, or a Python file with a function
            ``network(classes)`` that returns a :class:`torch.nn.Module`. Such a file is run.
        classes: number of logits.
        options: keyword arguments of Snellen's own networks, or of a Python file's function.

    Raises:
        ModelError: no such architecture, or one that does not take these arguments.
    """
    options = dict(options or {})
    if is_python_file(architecture):
        make = _function_of(Path(architecture))
    elif architecture in OWN:
        make = OWN[architecture]
    elif timm.is_model(architecture.partition(".")[0]):
        if options:
            raise ModelError(f"{architecture}: takes no options here", f"they are for {', '.join(OWN)} and .py files")
        return _made(architecture, lambda: timm.create_model(architecture, num_classes=classes))
    else:
        hint = did_you_mean(architecture, [*OWN, *timm.list_models()]) or f"{', '.join(OWN)}, a timm name or a .py file"
        raise ModelError(f"no architecture named {architecture!r}", hint)
    return _made(architecture, lambda: make(classes, **options))


def _made(architecture: str, make: Callable[[], Any]) -> nn.Module:
    try:
        network = make()
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise ModelError(f"{architecture}: cannot be made: {' '.join(str(error).split())}") from error
    if not isinstance(network, nn.Module):
        raise ModelError(f"{architecture}: made {type(network).__name__}", "a torch.nn.Module")
    return network


def _function_of(path: Path) -> Callable[..., nn.Module]:
    if not path.is_file():
        raise ModelError(f"{path}: no such file", "a Python file with a function network(classes)")
    spec = importlib.util.spec_from_file_location(f"snellen_network_{path.stem}", path)
    assert spec is not None  # the name ends in .py
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        # The file is the user's own program; whatever it raises is named.
        raise ModelError(f"{path}: {type(error).__name__}: {error}") from error
    if not callable(getattr(module, "network", None)):
        raise ModelError(f"{path}: has no function network(classes)", "one that returns a torch.nn.Module")
    made: Callable[..., nn.Module] = module.network
    return made
