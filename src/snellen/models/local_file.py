"""A classifier from a ``.safetensors`` file of the user's, such as ``snellen train`` writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import snellen._torchvision  # noqa: F401  # before timm
from snellen.data.labels import IMAGENET, Labels, checked_labels, imagenet_labels
from snellen.data.preprocessing import PreprocessingConfig
from snellen.errors import InputError, ModelError, shown
from snellen.models.create import is_program, maker, torchvision_name
from snellen.models.networks import OWN
from snellen.models.pretrained import Found, LoadOptions, build
from snellen.models.safetensors import file_digest, read_header
from snellen.models.timm_hub import settings_notes, timm_preprocessing
from snellen.models.torchvision_hub import TRANSFORM_INPUT, published_preprocessing, published_weights
from snellen.runs.serialise import from_plain, parse_json

import timm  # isort: skip


@dataclass(frozen=True)
class Metadata:
    """What a weights file says of its network. All of it is somebody's word, and none of it runs anything.

    Attributes:
        architecture: name of the architecture; None where the file does not say.
        labels: names of the classes; None where it does not.
        preprocessing: as far as it does.
        options: keyword arguments of the architecture.
    """

    architecture: str | None = None
    labels: Labels | None = None
    preprocessing: PreprocessingConfig = field(default_factory=PreprocessingConfig)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Options:
    """The keyword arguments of Snellen's own networks and of a user's program."""

    options: Mapping[str, Any]


def read_metadata(path: Path) -> Metadata:
    """The metadata in a safetensors file's header, each value checked.

    Raises:
        ModelError: no sound file, or metadata that make no sense; says which.
    """
    said = read_header(path).metadata
    try:
        by_name = (said.get("labels") or "").strip('"') == IMAGENET
        plain = {
            key: parse_json(said[key], f"{path}: its {key}", f"weights whose {key} are JSON, or none")
            for key in ("labels", "preprocessing", "options")
            if key in said and not (key == "labels" and by_name)
        }
        preprocessing = PreprocessingConfig.from_plain(plain.get("preprocessing", {}), f"{path}: its preprocessing")
        if not preprocessing.missing():
            preprocessing.complete()
        return Metadata(
            said.get("architecture") or None,
            imagenet_labels() if by_name else checked_labels(str(path), plain["labels"]) if "labels" in plain else None,
            preprocessing,
            from_plain(_Options, {"options": plain.get("options", {})}, f"{path}: its metadata").options,
        )
    except InputError as error:
        where = "" if error.message.startswith(str(path)) else f"{path}: its preprocessing: "
        raise ModelError(f"{where}{error.message}", error.hint) from error


def from_file(path: Path, said: LoadOptions) -> Found:
    """The classifier in a ``.safetensors`` file, of which the caller said so much; see :func:`~.resolve.resolve`."""
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    metadata = read_metadata(path)
    architecture = said.architecture or _named_architecture(path, metadata)
    program = is_program(architecture)
    # timm's options could name another file to be read; those of a weights file are for our own networks only.
    options = metadata.options if program or architecture in OWN else {}
    try:
        built = build(str(path), shown(architecture).strip("'"), path, maker(architecture, options), allocates=program)
    except ModelError as error:
        where = "" if error.message.startswith(str(path)) else f"{path}: "
        raise ModelError(f"{where}{error.message}", error.hint) from error
    preprocessing, notes = metadata.preprocessing, built.notes
    published = None if program else _published(architecture, built.classes, train_size=said.train_size)
    missing = said.preprocessing.over(preprocessing).missing()
    if published is not None and missing:
        preprocessing = preprocessing.over(published.preprocessing)
        notes = (*notes, f"nothing says its {', '.join(missing)}: taken from the published {architecture}")
        notes += published.notes if {"size", "crop"} & set(missing) else ()
        if published.transform_input and "mean" in missing:
            # torchvision sets it where it loads published weights, and no file of weights keeps it.
            built.network.transform_input = True  # type: ignore[assignment]
    return Found(
        built.network,
        None if program else built.classes,
        metadata.labels,
        preprocessing,
        file_digest(path),
        "local file",
        notes,
    )


def _named_architecture(path: Path, metadata: Metadata) -> str:
    """The architecture that a file's metadata name; never one that would run a program of somebody's."""
    named = metadata.architecture
    if named is None:
        raise ModelError(
            f"{path}: which architecture?", "give its `architecture`, as timm or torchvision names it, or a .py file"
        )
    if is_program(named):
        named = shown(named).strip("'")
        raise ModelError(
            f"{path}: its network is a program of its owner's, {named}, which is not run unasked",
            f"give as `architecture` the path of {named}",
        )
    return named


@dataclass(frozen=True)
class _Published:
    """How the weights that an architecture was published with are fed.

    Attributes:
        preprocessing: preprocessing.
        notes: what is to be said of its size and crop.
        transform_input: whether the network changes the normalisation of its input once more.
    """

    preprocessing: PreprocessingConfig
    notes: tuple[str, ...] = ()
    transform_input: bool = False


def _published(architecture: str, classes: int, *, train_size: bool) -> _Published | None:
    """How an architecture's published weights are fed; None of one that was never published.

    Weights of another number of classes were fine-tuned: they are fed as in training, as whoever does that feeds them.
    """
    if architecture in OWN:
        return None
    theirs = torchvision_name(architecture)
    if theirs is not None:
        return _Published(published_preprocessing(published_weights(theirs)), (), theirs in TRANSFORM_INPUT)
    config = timm.get_pretrained_cfg(architecture, allow_unregistered=True)
    if config is None:
        return None
    train_size = train_size or classes != config.num_classes
    preprocessing = PreprocessingConfig.of(timm_preprocessing(config, train_size=train_size))
    return _Published(preprocessing, tuple(settings_notes(config, train_size=train_size)))
