"""A network with its trained weights and all that is known of it, however it was found."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

import snellen._torchvision  # noqa: F401  # before timm
from snellen.data.labels import Labels, imagenet_labels, numbered_labels
from snellen.data.preprocessing import Preprocessing
from snellen.errors import ModelError
from snellen.models.create import is_python_file
from snellen.models.safetensors import check_fit, read_header, read_safetensors

from timm.data import resolve_data_config  # isort: skip


@dataclass(frozen=True, eq=False)
class Pretrained:
    """A trained network and all that is known of it.

    Attributes:
        name: what it was asked for by.
        network: in evaluation mode, on the CPU, its parameters frozen.
        preprocessing: as its own configuration says.
        labels: one name for each logit.
        digest: SHA-256 of the weights file, hexadecimal.
        source: where the weights came from, for a report.
    """

    name: str
    network: nn.Module
    preprocessing: Preprocessing
    labels: Labels
    digest: str
    source: str


def build(name: str, architecture: str, path: Path, make: Callable[[], nn.Module]) -> nn.Module:
    """The network that ``make`` makes with the file's tensors in it: the same names and shapes, all finite."""
    # Shapes are compared before anything is allocated; a user's own program may need real tensors.
    with contextlib.nullcontext() if is_python_file(architecture) else torch.device("meta"):
        expected = make().state_dict()
    check_fit(f"{name}: does not fit {architecture}", read_header(path), expected)
    tensors = read_safetensors(path)
    network = make()
    network.load_state_dict(tensors)
    return network


def checked_labels(name: str, names: Any, classes: int) -> Labels:
    """``names`` as labels: a list of distinct texts, one for each class."""
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise ModelError(f"{name}: its labels are not a list of texts")
    if len(names) != classes or len(set(names)) != classes:
        raise ModelError(f"{name}: {len(set(names))} distinct labels for {classes} classes", "one for each")
    return Labels(tuple(names))


def labels_of(network: nn.Module) -> Labels:
    """ImageNet's names for a network of 1,000 classes, else numbers."""
    classes = int(getattr(network, "num_classes", 0))
    return imagenet_labels() if classes == 1000 else numbered_labels(classes)


def finish(name: str, network: nn.Module, labels: Labels, digest: str, source: str) -> Pretrained:
    """A network, ready to be examined, with all that is known of it."""
    preprocessing = Preprocessing.from_timm(resolve_data_config({}, model=network))
    network.eval().requires_grad_(False)
    return Pretrained(name, network, preprocessing, labels, digest, source)
