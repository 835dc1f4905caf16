"""A classifier from a ``.safetensors`` file of the user's, such as ``snellen train`` writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import snellen._torchvision  # noqa: F401  # before timm
from snellen.data.labels import Labels
from snellen.errors import ModelError, did_you_mean
from snellen.models.create import create, is_python_file
from snellen.models.networks import OWN as OWN_NETWORKS
from snellen.models.pretrained import Pretrained, build, checked_labels, finish, labels_of
from snellen.models.safetensors import SafetensorsHeader, file_digest, read_header

import timm  # isort: skip


def from_file(path: Path, architecture: str | None) -> Pretrained:
    """The classifier in a ``.safetensors`` file; see :func:`snellen.models.resolve.resolve`."""
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    header = read_header(path)
    metadata = header.metadata
    architecture = architecture or _named_architecture(path, metadata)
    own = architecture in OWN_NETWORKS or is_python_file(architecture)
    classes = _labelled_classes(path, metadata) if own else _classes_of(path, architecture, header)
    # timm's options could name another file to be read; those of a weights file are for our own networks only.
    options = _given_mapping(path, metadata, "options") if own else {}
    preprocessing = _given_mapping(path, metadata, "preprocessing")
    network = build(str(path), architecture, path, lambda: create(architecture, classes, options))
    found: Any = network  # timm, too, keeps the preprocessing at the network
    found.pretrained_cfg = dict(getattr(network, "pretrained_cfg", None) or {}) | preprocessing
    labels = _given_labels(str(path), metadata["labels"], classes) if "labels" in metadata else labels_of(network)
    try:
        return finish(str(path), network, labels, file_digest(path), "local file")
    except (TypeError, ValueError) as error:
        raise ModelError(f"{path}: its preprocessing makes no sense: {error}") from error


def _named_architecture(path: Path, metadata: Mapping[str, str]) -> str:
    """The architecture that a file's metadata name; never one that would run a program of somebody's."""
    named = metadata.get("architecture")
    if not named:
        raise ModelError(f"{path}: which architecture?", "give its `architecture`, as timm names it")
    if is_python_file(named):
        raise ModelError(
            f"{path}: its network is a program of its owner's, {named}, which is not run unasked",
            f"give as `architecture` the path of {named}",
        )
    return named


def _classes_of(path: Path, architecture: str, header: SafetensorsHeader) -> int:
    """The number of classes, read off the shape of a timm architecture's classifier."""
    if not timm.is_model(architecture.partition(".")[0]):
        hint = did_you_mean(architecture, timm.list_models()) or "`snellen.list_models()` lists the names"
        raise ModelError(f"{path}: no architecture named {architecture!r}", hint)
    key = classifier_weight(timm.get_pretrained_cfg(architecture, allow_unregistered=True))
    if key not in header.shapes:
        raise ModelError(f"{path}: has no tensor {key!r}", f"weights of {architecture} with its classifier")
    if not header.shapes[key]:
        raise ModelError(f"{path}: {key} is a single number", f"weights of {architecture} with its classifier")
    return header.shapes[key][0]


def _labelled_classes(path: Path, metadata: Mapping[str, str]) -> int:
    """The number of classes of a network that is not timm's, read off its labels."""
    try:
        return len(json.loads(metadata["labels"]))
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise ModelError(f"{path}: its metadata hold no labels", "weights of a training run") from error


def _given_mapping(path: Path, metadata: Mapping[str, str], key: str) -> dict[str, Any]:
    """What a file's metadata hold under ``key`` as a JSON object; empty where they hold nothing."""
    try:
        value = json.loads(metadata.get(key, "{}"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: its {key} are not JSON", "weights of a training run") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path}: its {key} are not a JSON object", "weights of a training run")
    return value


def _given_labels(name: str, text: str, classes: int) -> Labels:
    """The class names that a file's metadata holds as a JSON list."""
    try:
        names = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{name}: its labels are not JSON", "a list of names") from error
    return checked_labels(name, names, classes)


def classifier_weight(config: Any) -> str:
    """The name of the classifier's weight in the state dict of a timm architecture."""
    classifier = getattr(config, "classifier", None)
    if isinstance(classifier, tuple | list):
        classifier = classifier[0]
    return f"{classifier or 'classifier'}.weight"
